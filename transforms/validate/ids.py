"""Ids, which are shown in every table and so must not be a victim's number or address."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.reject import Code
from transforms import columns
from transforms.validate.checking import Checking

CONTACT = r"@[^@\s]+\.|^\+\d[\d\s().-]{6,}$|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|###"
"""What looks like an e-mail address or a phone number, or was one before it was masked."""

_SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

_NO_DIGIT = re.compile(r"\D")
_LEAST, _NATIONAL = 7, 10
"""Digits of the shortest number that is looked for in ids; last ones by which a longer one is."""


def ids(batch: Checking, id_field: str) -> None:
    """Take the id and the organisation; both are required, and an id is no way to reach anybody."""
    org = pc.ascii_lower(columns.text(batch.rows["source_org"]))
    for name, column, pattern in (
        (id_field, batch.rows[id_field], _ID),
        ("source_org", org, _SLUG),
    ):
        trimmed = columns.text(column)
        batch.typed[name] = trimmed
        batch.refuse(
            ~columns.mask(pc.is_valid(trimmed)), Code.MISSING_FIELD, name, "required, but absent"
        )
        batch.refuse(
            columns.mask(pc.invert(pc.match_substring_regex(trimmed, pattern))),
            Code.BAD_VALUE,
            name,
            "too long or holds characters that an id or slug must not have",
        )
    batch.refuse(
        columns.mask(pc.match_substring_regex(batch.typed[id_field], CONTACT)),
        Code.ID_IS_CONTACT,
        id_field,
        "looks like a number or an address; ids are shown, so give another one",
    )


def own_id(batch: Checking, id_field: str, victims: Iterable[tuple[np.ndarray, pa.Array]]) -> None:
    """Refuse ids that hold a victim's number of their own row; `victims` are rows, raw numbers."""
    digits = pc.replace_substring_regex(batch.typed[id_field], r"\D", "").to_pylist()
    bad = np.zeros(len(digits), bool)
    for rows, numbers in victims:
        for row, own in zip(rows.tolist(), _digits(numbers).to_pylist(), strict=True):
            if own and len(own) >= _LEAST and own in (digits[row] or ""):
                bad[row] = True
    batch.refuse(
        bad, Code.ID_IS_CONTACT, id_field, "holds the victim's number; ids are shown, so change it"
    )


def _digits(numbers: pa.Array) -> pa.Array:
    """The last digits of each number; RE2 knows those of ASCII alone."""
    digits = pc.replace_substring_regex(numbers, r"\D", "")
    foreign = pc.fill_null(pc.invert(pc.string_is_ascii(numbers)), False)
    others = [_NO_DIGIT.sub("", one) for one in numbers.filter(foreign).to_pylist()]
    digits = pc.replace_with_mask(digits, foreign, pa.array(others, pa.string()))
    return pc.utf8_slice_codeunits(digits, -_NATIONAL, None)
