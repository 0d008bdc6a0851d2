"""Codes of gift cards: money that a victim read out. They identify nobody and are never kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from transforms.decode import masks

METHODS = re.compile(r"gift|voucher|prepaid|steam|itunes|google ?play|vanilla", re.IGNORECASE)
"""Methods of payment whose payee is a card's code."""

_HINT = r"(?i)card|karte|tarjeta|carte|gutschein|voucher|steam|itunes|google ?play|vanilla|neosurf"
"""RE2: without a match of this, a text names no gift card."""

_GROUPS = "[A-Z0-9]{4,5}(?:[ -]?[A-Z0-9]{4,5}){2}"
"""RE2: the beginning of every code."""

HINTS = (_HINT, _GROUPS)

_CARD = re.compile(_HINT)

_CODE = re.compile(
    r"(?<![A-Za-z0-9+])(?=[A-Z0-9 -]{0,19}\d)"
    r"(?=([A-Z0-9]{4,5}(?:[ -]?[A-Z0-9]{4,5}){2,4})(?![A-Za-z0-9]))"
)
"""A code in groups of four or five, or in one piece, as on cards; also among other groups."""

_REACH = 120
"""Distance after the name of a card to search for its codes, in characters."""


def find_codes(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of every code after the name of a card."""
    for start, end in _behind_cards(text):
        for code in _CODE.finditer(text, start, end):
            yield code.span(1)


def mask_gift_card_codes(texts: pa.Array) -> pa.Array:
    """Masks the codes of gift cards in texts; keeps their lengths."""
    return masks.mask_found(texts, HINTS, find_codes)


def drop_gift_card_payees(payments: pa.Array) -> pa.Array:
    """Sets the payee of payments by gift card, which is a code, to null; takes structs."""
    method = pc.struct_field(payments, "method")
    by_card = pc.fill_null(
        pc.match_substring_regex(method, METHODS.pattern, ignore_case=True), False
    )
    if not pc.any(by_card).as_py():
        return payments
    names = [field.name for field in payments.type]
    columns = [pc.struct_field(payments, name) for name in names]
    payee = names.index("payee")
    columns[payee] = pc.if_else(by_card, None, columns[payee])
    return pa.StructArray.from_arrays(columns, fields=list(payments.type))


def _behind_cards(text: str) -> Iterator[tuple[int, int]]:
    """Yields the stretches that may hold codes, ascending and without overlaps."""
    start = end = 0
    for card in _CARD.finditer(text):
        if card.end() > end:
            yield start, end
            start = card.end()
        end = card.end() + _REACH
    yield start, end
