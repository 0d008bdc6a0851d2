"""Blanks digits in text that are no phone numbers: addresses, ids, dates, money, cards, references.

That happens before numbers are looked for, at the same length, so that offsets stay valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

BLANK = "\x00"
"""A blanked character: neither a digit, a letter nor punctuation of numbers."""

_SCHEME = re.compile(r"(?:h(?:tt|xx)ps?|ftp)(?:\[?:\]?|：)\Z", re.IGNORECASE)

_LINK = re.compile(r"[^\s<>\"']{1,2000}")

_HOST = re.compile(r"[\w.\[\]-]{1,255}")

_LOCAL_LONGEST = 64
"""Characters of the local part of an e-mail address (RFC 5321 section 4.5.3.1.1)."""

_ADDRESS_SIGNS = ("@", "//", "www.", "WWW.", "[at]", "(at)")

ADDRESS_SIGN = re.compile(r"//|[Ww][Ww][Ww]\.|@|\[at\]|\(at\)")

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
"""Names of an id before it."""

LABEL_SUFFIXES = (
    "number", "num", "nummer", "número", "numero", "no", "nr", "n°", "id", "code", "is", "was",
    "es", "ist", "est",
)  # fmt: skip
"""Words that may follow the name."""

_LABEL = rf"\b(?:{'|'.join(map(re.escape, LABELS))})"

_LABEL_REST = rf"[\s#:.=-]{{0,4}}(?:(?:{'|'.join(LABEL_SUFFIXES)})[\s#:.=-]{{1,4}}){{0,3}}"

LABELLED_RE2 = "(?i)" + _LABEL + _LABEL_REST + r"\d[\d -]{3,30}"
"""RE2: a labelled id, unless a digit or a bracket follows."""

_LABELLED = _LABEL + _LABEL_REST + r"(?P<id>\d[\d -]{3,30})(?![\d(])"

PHONE_GROUPING = re.compile(
    r"(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{1,5}[-. ]\d{2,4}(?:[-. ]\d{2,4}){1,4}"
)

_YEAR = r"(?:(?:19|20)\d\d|\d\d)"

_INTERNATIONAL = r"[+＋]\d[\d .()/-]{6,20}"

BARE = re.compile("|".join((_INTERNATIONAL, _IBAN, _CARD, _IP, _DAY, _TIME, _MONEY, _AMAZON_ORDER)))

BARE_RE2 = "|".join(
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
"""RE2: `BARE` on ASCII, in the same order, whatever is beside it."""

_WORDS = re.compile(MIXED)

_IDS = re.compile(_LABELLED, re.IGNORECASE)

_LABEL_BEFORE = re.compile(_LABEL + _LABEL_REST + r"$", re.IGNORECASE)

CONTEXT_BEFORE, CONTEXT_AFTER = 48, 16


def blank_false_positives(
    texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
) -> list[str]:
    """Blanks what only looks like a phone number, in spans of texts and the words around them.

    Args:
        texts: Texts, each of which keeps its length.
        spans: Where digits enough for a number are in each text, ascending and disjoint.
    """
    return [
        _blank_windows(_blank_addresses(text), _windows(len(text), some)) if some else text
        for text, some in zip(texts, spans, strict=True)
    ]


def blank_window(stretch: str) -> str:
    """Blanks all false positives of one window but addresses."""
    return blank_labelled(blank_mixed(blank_bare(stretch)))


def blank_bare(stretch: str) -> str:
    """Blanks IP addresses, account numbers, cards, dates, times and money."""
    return BARE.sub(_blank_match, stretch)


def blank_mixed(stretch: str) -> str:
    """Blanks words of letters and digits."""
    return _WORDS.sub(_blank_match, stretch)


def blank_labelled(stretch: str) -> str:
    """Blanks labelled ids."""
    return _IDS.sub(_blank_id_match, stretch)


def is_labelled_id(text: str, start: int) -> bool:
    """Tells whether the words before a place announce an id, not a phone number."""
    return _LABEL_BEFORE.search(text, max(0, start - CONTEXT_BEFORE), start) is not None


def address_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields the spans of web and e-mail addresses in a text, in order and disjoint."""
    if not any(sign in text for sign in _ADDRESS_SIGNS):
        return
    done = 0
    for sign in ADDRESS_SIGN.finditer(text):
        span = _address(text, *sign.span()) if sign.start() >= done else None
        if span:
            yield max(done, span[0]), span[1]
            done = span[1]


def _windows(length: int, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the spans with the words around them, ascending and disjoint."""
    windows: list[tuple[int, int]] = []
    done = 0
    for first, last in spans:
        start = max(done, first - CONTEXT_BEFORE)
        done = max(start, min(length, last + CONTEXT_AFTER))
        windows.append((start, done))
    return windows


def _blank_windows(text: str, windows: Sequence[tuple[int, int]]) -> str:
    """Blanks false positives in the windows of a text: start and end of each."""
    pieces: list[str] = []
    done = 0
    for start, end in windows:
        pieces += (text[done:start], blank_window(text[start:end]))
        done = end
    return "".join((*pieces, text[done:]))


def _blank_addresses(text: str) -> str:
    """Blanks web and e-mail addresses."""
    pieces: list[str] = []
    done = 0
    for start, end in address_spans(text):
        pieces += (text[done:start], BLANK * (end - start))
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _address(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Returns the span of the address around a sign of one."""
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


def _blank_match(match: re.Match[str]) -> str:
    """Blanks a match, unless it is an international number, whose groups can look alike."""
    return match[0] if match[0][0] in "+＋" else BLANK * len(match[0])


def _blank_id_match(match: re.Match[str]) -> str:
    """Blanks a labelled id, unless it is grouped as only phone numbers are."""
    if PHONE_GROUPING.search(match["id"]):
        return match[0]
    kept = match.start("id") - match.start()
    return match[0][:kept] + BLANK * len(match["id"])
