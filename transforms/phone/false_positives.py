"""Blanks digits in text that are no phone numbers: addresses, ids, dates, money, cards, references.

This precedes the search for numbers. The text keeps its length, so offsets stay valid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transforms.decode import load_reference_data

BLANK = "\x00"
"""A blanked character: neither a digit, a letter nor punctuation of numbers."""

_SCHEME = re.compile(r"(?:h(?:tt|xx)ps?|ftp)(?:\[?:\]?|：)\Z", re.IGNORECASE)

_LINK = re.compile(r"[^\s<>\"']{1,2000}")

_HOST = re.compile(r"[\w.\[\]-]{1,255}")

_LOCAL_LONGEST = 64
"""Characters of the local part of an e-mail address (RFC 5321 section 4.5.3.1.1)."""

_ADDRESS_SIGNS = ("@", "//", "www.", "[at]", "(at)")

_ADDRESS_SIGN = re.compile(r"//|[Ww][Ww][Ww]\.|@|\[at\]|\(at\)")

_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"

_CARD = r"(?<![\d+-])\d{4}([ -]?)\d{4}(?:\1\d{4}){2}(?![\d-])"

_IP = r"(?<![\d.])(?:25[0-5]|2[0-4]\d|[01]?\d?\d)(?:\.\d{1,3}){3}(?![\d.])"

_DAY = (
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\2(?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d([./-])\d\d\3\d\d)"
    r"(?![./-]?\d)"
)

_TIME = r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])"

_CURRENCY_CODE = "USD|EUR|GBP|INR|AUD|CAD|CHF|MXN"

_CURRENCY = rf"(?:{_CURRENCY_CODE}|dollars?|euros?|pounds?|rupees?|pesos?|francs?|franken|bucks)\b"

_PRICE = r"(?:p|pence|ct|cents?|c(?=\s?(?:/|per|pro|a\b)))\b"
"""Hundredths, as in a price of a minute: 10p/min."""

_MONEY = (
    r"[$€£¥₹]\s?\d[\d.,]{0,20}|(?<![\d.,])\d{1,3}(?:,\d{2,3}){1,5}(?:\.\d{1,2})?(?![\d,])"
    r"|(?<![\d.,-])\d{1,12}(?:[.,]\d{1,2})?\s?"
    rf"(?:[$€£¥₹%]|{_CURRENCY}|{_PRICE})"
    rf"|(?<![\d.,])\d{{1,3}}(?:[. '’]\d{{3}}){{1,4}}(?:,\d{{1,2}})?\s?(?:[$€£¥₹]|{_CURRENCY})"
    rf"|\b(?:{_CURRENCY_CODE}|Rs\.?)\s?\d[\d.,]{{0,20}}"
)

_ORDER = r"(?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])"

LABELS, LABEL_SUFFIXES = load_reference_data("id_labels.toml").values()
"""Names of an id before it, and words that may follow the name."""

_JOINTS = r"[\s#:.=-]"

_LABEL_REACH = 60
"""Length of the longest name of an id with words after it, in characters."""

_PHONE_GROUPING = re.compile(
    r"(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{1,5}[-. ]\d{2,4}(?:[-. ]\d{2,4}){1,4}"
)

_GROUPED = 24
"""Characters of the longest number in `_PHONE_GROUPING`."""

_GROUPING_TO_END = re.compile(rf"(?<!\d)(?:{_PHONE_GROUPING.pattern})\Z")

_LEADING_DIGITS = re.compile(r"\d+(?=\s?[^\W\d])")
"""The digits of an amount before its currency."""

_INTERNATIONAL = r"[+＋]\d[\d .()/-]{6,20}"

_BARE = re.compile("|".join((_INTERNATIONAL, _IBAN, _CARD, _IP, _DAY, _TIME, _MONEY, _ORDER)))


_MIXED = re.compile(
    r"\b(?!\d{4,15}(?:x|ext)\d{1,7}\b)(?:[A-Za-z]{1,6}\d|\d{1,20}[A-Za-z])[A-Za-z0-9]{4,40}\b",
    re.IGNORECASE,
)
"""Letters and digits in one word, but for a number with its extension."""

_PRODUCT = re.compile(
    r"\b(?:windows|office|norton|mcafee|iphone|ipad|galaxy|macbook|xbox|playstation|geek squad"
    r"|antivirus|defender|avg|avast|kaspersky|bitdefender|quickbooks|acrobat|android|ios|macos"
    r"|version|prime)"
    r"(?: [a-z]{1,12})? (?:version )?(?:\d{1,3}(?:[./]\d{1,2})?|20\d\d)(?= \(?[+\d])",
    re.IGNORECASE,
)
"""A product whose name ends in digits, before a number: Windows 11, Norton 360, McAfee 2024."""


_ID = re.compile(r"\d(?<!\d\d)(?<!\+\d)(?<![\d)][-. ]\d)[\d -]{3,30}(?![\d(])")
"""Digits that may be an id: no digits stand before them, since a label does."""


def _backwards(words: Sequence[str]) -> str:
    return "|".join(re.escape(word[::-1]) for word in words)


_LABEL_BACKWARDS = re.compile(
    rf"(?:{_JOINTS}{{1,4}}+(?:{_backwards(LABEL_SUFFIXES)})){{0,3}}"
    rf"{_JOINTS}{{0,4}}+(?:{_backwards(LABELS)})(?!\w)",
    re.IGNORECASE,
)
"""The label before an id, read backwards from the id: so it is tried at few places."""

_AREA_CODE = re.compile(
    r"(?:(?:area|std|dial(?:l?ing)?|city|country) code|c[oó]digo de [aá]rea)"
    r"\W{0,4}(?:(?:is|was|of|es) )?\W{0,4}\Z",
    re.IGNORECASE,
)
"""A code that is part of a number."""

CONTEXT_BEFORE, CONTEXT_AFTER = 48, 16


def blank_false_positives(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Blanks digits that only look like a phone number, in spans of a text and around them.

    Args:
        text: A text, which keeps its length.
        spans: Spans with enough digits for a number, ascending and disjoint.
    """
    bare = _blank_addresses(text)
    pieces: list[str] = []
    done = 0
    for first, last in spans:
        start = max(done, first - CONTEXT_BEFORE)
        end = max(start, min(len(text), last + CONTEXT_AFTER))
        pieces += (bare[done:start], _blank_window(bare[start:end]))
        done = end
    return "".join((*pieces, bare[done:]))


def _blank_window(window: str) -> str:
    """Blanks all false positives but addresses."""
    for pattern in (_PRODUCT, _BARE, _MIXED):
        window = pattern.sub(_blank_match, window)
    return _ID.sub(_blank_labelled, window)


def is_labelled_id(text: str, start: int) -> bool:
    """Tells whether the words before a place announce an id, not a phone number."""
    before = text[max(0, start - _LABEL_REACH) : start]
    return _LABEL_BACKWARDS.match(before[::-1]) is not None and not _AREA_CODE.search(before)


def _blank_addresses(text: str) -> str:
    """Blanks web and e-mail addresses."""
    if not any(map(text.lower().__contains__, _ADDRESS_SIGNS)):
        return text
    pieces: list[str] = []
    done = 0
    for sign in _ADDRESS_SIGN.finditer(text):
        span = _address(text, *sign.span()) if sign.start() >= done else None
        if span:
            start, end = max(done, span[0]), span[1]
            pieces += (text[done:start], BLANK * (end - start))
            done = end
    return "".join((*pieces, text[done:]))


def _address(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Returns the span of the address around its sign, from `start` to `end`; None without one."""
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
    """Blanks a match, unless it is or ends a phone number: its groups can look alike."""
    if match[0][0] in "+＋":
        return match[0]
    amount = _LEADING_DIGITS.match(match[0])
    before = match.string[max(0, match.start() - _GROUPED) : match.start()]
    ends = amount and _GROUPING_TO_END.search(before + amount[0])
    whole = _GROUPING_TO_END.search(before.rstrip(" (["))
    return match[0] if ends and not whole else BLANK * len(match[0])


def _blank_labelled(match: re.Match[str]) -> str:
    """Blanks a labelled id, unless it is grouped as only phone numbers are."""
    labelled = is_labelled_id(match.string, match.start())
    kept = not labelled or _PHONE_GROUPING.search(match[0])
    return match[0] if kept else BLANK * len(match[0])
