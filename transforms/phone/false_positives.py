"""Digits in text that are not phone numbers: addresses, ids, dates, money, cards, references.

They are blanked before numbers are looked for, at the same length, so that offsets stay true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

BLANK = "\x00"
"""Stands for a blanked character: neither a digit, a letter nor punctuation of numbers."""


_SCHEME = re.compile(r"(?:h(?:tt|xx)ps?|ftp)(?:\[?:\]?|：)\Z", re.IGNORECASE)

_LINK = re.compile(r"[^\s<>\"']{1,2000}")

_HOST = re.compile(r"[\w.\[\]-]{1,255}")

_LOCAL_LONGEST = 64
"""Characters of the local part of an e-mail address (RFC 5321 section 4.5.3.1.1)."""

_SIGNS = ("@", "//", "www.", "WWW.", "[at]", "(at)")

SIGN = re.compile(r"//|[Ww][Ww][Ww]\.|@|\[at\]|\(at\)")

_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"

_CARD = r"(?<![\d+-])\d{4}([ -]?)\d{4}(?:\1\d{4}){2}(?![\d-])"

_IP = r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"

_DAY = (
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\2(?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d([./-])\d\d\3\d\d)"
    r"(?![./-]?\d)"
)

_TIME = r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])"

CURRENCIES = "USD EUR GBP INR AUD CAD dollars? euros? pounds? rupees?".split()

_CURRENCY = rf"\b(?:{'|'.join(CURRENCIES)})\b"

_MONEY = (
    r"[$€£¥₹]\s?\d[\d.,]{0,20}|(?<![\d.,])\d{1,3}(?:,\d{2,3}){1,5}(?:\.\d{1,2})?(?![\d,])"
    r"|(?<![\d.,-])\d{1,12}(?:[.,]\d{1,2})?\s?"
    rf"(?:[$€£¥₹%]|{_CURRENCY[2:]})"
)

MIXED = r"\b(?:[A-Za-z]{1,6}\d|\d{1,20}[A-Za-z])[A-Za-z0-9]{4,40}\b"
"""Letters and digits in one word; RE2 and Python."""

_AMAZON_ORDER = r"(?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])"


LABELS = (
    "order", "invoice", "inv", "rma", "awb", "case", "ticket", "reference", "ref.", "ref",
    "confirmation", "tracking", "transaction", "account", "acct", "acc", "a/c", "routing", "aba",
    "policy", "claim", "badge", "membership", "member", "employee", "license", "licence", "serial",
    "ssn", "social security", "card", "pin", "code", "zip", "isbn", "imei", "sort code", "utr",
    "txn", "product key", "id",
    "pedido", "factura", "caso", "cuenta", "referencia", "expediente",
    "bestellung", "bestellnummer", "bestell", "rechnungsnummer", "rechnung", "kundennummer",
    "kunden", "kontonummer", "konto", "vorgangsnummer", "vorgang", "aktenzeichen",
    "commande", "facture", "dossier", "compte", "référence", "réference", "reférence",
)  # fmt: skip
"""What an id is called before it."""

LABELS_REST = (
    "number", "num", "nummer", "número", "numero", "no", "nr", "n°", "id", "code", "is", "was",
    "es", "ist", "est",
)  # fmt: skip
"""What may stand between the two."""

_LABEL = rf"\b(?:{'|'.join(map(re.escape, LABELS))})"

_LABEL_REST = rf"[\s#:.=-]{{0,4}}(?:(?:{'|'.join(LABELS_REST)})[\s#:.=-]{{1,4}}){{0,3}}"

LABELLED = "(?i)" + _LABEL + _LABEL_REST + r"\d[\d -]{3,30}"
"""RE2: a labelled id, unless a digit or a bracket follows."""

_LABELLED = _LABEL + _LABEL_REST + r"(?P<id>\d[\d -]{3,30})(?![\d(])"

GROUPED = re.compile(
    r"(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{1,5}[-. ]\d{2,4}(?:[-. ]\d{2,4}){1,4}"
)


_YEAR = r"(?:(?:19|20)\d\d|\d\d)"

_INTERNATIONAL = r"[+＋]\d[\d .()/-]{6,20}"

BARE = re.compile("|".join((_INTERNATIONAL, _IBAN, _CARD, _IP, _DAY, _TIME, _MONEY, _AMAZON_ORDER)))

BARE_LOOSELY = "|".join(
    (
        _INTERNATIONAL,
        _IBAN,
        r"\d{4}(?:\d{12}|(?: \d{4}){3}|(?:-\d{4}){3})",
        r"\d{1,3}(?:\.\d{1,3}){3}",
        rf"\d{{1,2}}(?:\.\d{{1,2}}\.{_YEAR}|/\d{{1,2}}/{_YEAR}|-\d{{1,2}}-{_YEAR})",
        r"(?:19|20)\d\d(?:\.\d\d\.\d\d|/\d\d/\d\d|-\d\d-\d\d)",
        r"\d{1,2}:\d{2}(?::\d{2})?",
        r"\$\s?\d[\d.,]{0,20}",
        r"\d{1,3}(?:,\d{2,3}){1,5}(?:\.\d{1,2})?",
        rf"\d{{1,12}}(?:[.,]\d{{1,2}})?\s?(?:[$%]|{_CURRENCY[2:]})",
        r"\d{3}-\d{7}-\d{7}",
    )
)
"""RE2: `BARE` on ASCII, in the same order, whatever stands beside it."""

_WORDS = re.compile(MIXED)

_IDS = re.compile(_LABELLED, re.IGNORECASE)

_LABEL_BEFORE = re.compile(_LABEL + _LABEL_REST + r"$", re.IGNORECASE)

WORDS_BEFORE, WORDS_AFTER = 48, 16


def blank(texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[str]:
    """The texts with what only looks like a phone number blanked, in and around their spans.

    Each result has its text's length. The spans of a text (ascending, apart) are where digits
    enough for a number stand; what surrounds them decides, and nothing else is looked at.
    """
    plain = [
        without_addresses(text) if held else text for text, held in zip(texts, spans, strict=True)
    ]
    return [
        blanked(text, _windows(len(text), held)) if held else text
        for text, held in zip(plain, spans, strict=True)
    ]


def _windows(length: int, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans with the words around them, ascending and apart."""
    windows: list[tuple[int, int]] = []
    done = 0
    for first, last in spans:
        start = max(done, first - WORDS_BEFORE)
        done = max(start, min(length, last + WORDS_AFTER))
        windows.append((start, done))
    return windows


def blanked(text: str, windows: Sequence[tuple[int, int]]) -> str:
    """A text with the noise blanked that stands in its windows: start and end of each."""
    pieces: list[str] = []
    done = 0
    for start, end in windows:
        pieces += (text[done:start], without_noise(text[start:end]))
        done = end
    return "".join((*pieces, text[done:]))


def without_noise(stretch: str) -> str:
    """One window with all but addresses blanked."""
    return without_ids(without_mixed(without_bare(stretch)))


def without_bare(stretch: str) -> str:
    """Addresses, ids, dates, times and money blanked."""
    return BARE.sub(_void, stretch)


def without_mixed(stretch: str) -> str:
    """Words of letters and digits blanked."""
    return _WORDS.sub(_void, stretch)


def without_ids(stretch: str) -> str:
    """Labelled ids blanked."""
    return _IDS.sub(_void_id, stretch)


def is_labelled(text: str, start: int) -> bool:
    """Whether the words before a place say that an id, and no phone number, stands there."""
    return _LABEL_BEFORE.search(text, max(0, start - WORDS_BEFORE), start) is not None


def without_addresses(text: str) -> str:
    """The text with web and e-mail addresses blanked."""
    pieces: list[str] = []
    done = 0
    for start, end in addresses(text):
        pieces += (text[done:start], BLANK * (end - start))
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where web and e-mail addresses stand in a text, in order and apart."""
    if not any(sign in text for sign in _SIGNS):
        return
    done = 0
    for sign in SIGN.finditer(text):
        span = _address(text, *sign.span()) if sign.start() >= done else None
        if span:
            yield max(done, span[0]), span[1]
            done = span[1]


def _address(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the address around a sign of one begins and ends."""
    sign = text[start]
    if sign in "/wW":
        scheme = _SCHEME.search(text, max(0, start - 8), start) if sign == "/" else None
        lone = sign != "/" and not (start and text[start - 1].isalnum())
        link = _LINK.match(text, end) if scheme or lone else None
        return (scheme.start() if scheme else start, link.end()) if link else None
    host = _HOST.match(text, end)
    first = start
    while first > max(0, start - _LOCAL_LONGEST) and (
        text[first - 1].isalnum() or text[first - 1] in "_.+%-"
    ):
        first -= 1
    return (first, host.end()) if host and first < start else None


def _void(match: re.Match[str]) -> str:
    """Blank it, unless it is a number in its international form, whose groups can look alike."""
    return match[0] if match[0][0] in "+＋" else BLANK * len(match[0])


def _void_id(match: re.Match[str]) -> str:
    """Blank a labelled id, unless it is grouped as only telephone numbers are."""
    if GROUPED.search(match["id"]):
        return match[0]
    kept = match.start("id") - match.start()
    return match[0][:kept] + BLANK * len(match["id"])
