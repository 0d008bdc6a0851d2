"""Numbers of a victim's papers that are read out to a caller: payment cards and social security.

They tie nobody to a scam, and whoever reads them can use them, so no text is kept with one in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

from transforms.identify import hiding

HINT = (
    r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}|3[47][0-9]{2}[ -]?[0-9]{6}|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|(?i)\b(?:ssn|social|sin|nino?|ni number|national insurance)\b"
)
"""RE2: without a match of this, a text holds no such number."""
_CARD = re.compile(
    r"(?<![\w+.-])(?:\d{4}(?P<sign>[ -]?)\d{4}(?P=sign)\d{4}(?P=sign)\d{4}"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w-])"
)
"""Fifteen or sixteen digits as cards print them (ISO/IEC 7812)."""
_ISSUED = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6011|6[45]|35")
"""What numbers of cards begin with: Visa, Mastercard, American Express, Discover, JCB."""
_SSN = r"(?!000|666|9)\d{3}%s(?!00)\d{2}%s(?!0000)\d{4}(?![\w-])"
"""Social security numbers as the SSA issues them (20 CFR 422.103; none begin with 9)."""
_HYPHENED = re.compile(r"(?<![\w+.-])" + _SSN % ("-", "-"))
_LABELLED = re.compile(
    r"\b(?:ssn|my social|social (?:security|insurance)(?: number| no\.?| #)?|(?-i:SIN|NINO?)"
    r"|ni number|national insurance(?: number| no\.?)?)\b[^\d\n]{0,20}?"
    r"(?P<number>\d{3}[ -]?\d{2}[ -]?\d{4}|\d{3}[ -]?\d{3}[ -]?\d{3}"
    r"|\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D])(?![\w-])",
    re.IGNORECASE,
)
"""A number that is named as that of the United States, of Canada (SIN) or the UK (NINO)."""


def numbers(text: str) -> Iterator[tuple[int, int]]:
    """Start and end, code points, of every number of a card or of social security."""
    for card in _CARD.finditer(text):
        if _ISSUED.match(card[0]) and _passes_luhn(card[0]):
            yield card.span()
    for number in _HYPHENED.finditer(text):
        yield number.span()
    for named in _LABELLED.finditer(text):
        yield named.span("number")


def without_papers(texts: pa.Array) -> pa.Array:
    """Texts with those numbers masked, each at its length; null stays null."""
    return hiding.without(texts, (HINT,), numbers)


def _passes_luhn(written: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1 annex B)."""
    digits = [int(one) for one in reversed(written) if one.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
