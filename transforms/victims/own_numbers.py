"""Numbers of records, read once, and those among them that are or may be the victim's own.

`may_hold` is a cheap test on whole columns, by last digits, of whether a value may hold one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECTS, Direction, Role
from transforms.arrow_util import Items, items, ranges
from transforms.phone import normalize, numbering_plan
from transforms.phone.numbering_plan import digits_of
from transforms.victims.identifier_matcher import SHORTEST, plain_codes

Array = np.ndarray


_LAST = 4
"""Digits that are compared, of the `SHORTEST` or more of every needle."""


_NUMBER = r"^\+[0-9]{7,15}$"


_ID = rf"(?:^|:)[0-9]{{{SHORTEST},}}$"
"""RE2: an identifier of which nothing but its last digits is looked for."""


def may_hold(values: Own, wanted: Own) -> Array:
    """Which values may hold, as `identifier_matcher.holds` has it, what is wanted in their row.

    Nothing slips. Digits, and a number whose plan adds no digits of its own, are found by the last
    ones in values of ASCII; all else may be held.
    """
    plain = _are_plain(wanted.numbers)
    count = 1 + max(int(values.rows.max(initial=-1)), int(wanted.rows.max(initial=-1)))
    odd_rows = np.zeros(count, bool)
    odd_rows[wanted.rows[~plain]] = True
    found: Array = odd_rows[values.rows]
    sought = np.zeros(count, bool)
    sought[wanted.rows] = True
    ascii_ = pc.string_is_ascii(values.numbers).to_numpy(zero_copy_only=False)
    found |= sought[values.rows] & ~ascii_

    at = np.flatnonzero(plain)
    order = at[np.argsort(wanted.rows[at], kind="stable")]
    rows = wanted.rows[order]
    last = _last(wanted.numbers.take(pa.array(order)))
    open_ = np.flatnonzero(sought[values.rows] & ~found)
    first, end = (np.searchsorted(rows, values.rows[open_], side=s) for s in ("left", "right"))
    pairs = np.repeat(np.arange(len(open_)), end - first)
    against = last[ranges(first, end - first)]
    numbers = digits_of(values.numbers.take(pa.array(open_)))
    same = np.zeros(len(pairs), bool)
    for place in range(len(numbers.held) - _LAST + 1):
        window = _as_number(numbers.held[place : place + _LAST])
        inside = numbers.lengths >= place + _LAST
        same |= (window[pairs] == against) & inside[pairs]
    found[open_[pairs[same]]] = True
    return found


def _are_plain(numbers: pa.Array) -> Array:
    """Which are digits, or E.164 numbers of plans that write no digits of their own."""
    plain = pc.match_substring_regex(numbers, _ID).to_numpy(zero_copy_only=False).copy()
    shaped = pc.match_substring_regex(numbers, _NUMBER).to_numpy(zero_copy_only=False)
    at = np.flatnonzero(shaped)
    codes = numbering_plan.codes()[digits_of(numbers.take(pa.array(at))).begin(3)]
    plain[at] = np.isin(codes, [int(code) for code in plain_codes()])
    return plain


def _last(numbers: pa.Array) -> Array:
    """The last digits of each, as a number."""
    digits = digits_of(numbers)
    return _as_number(
        [
            digits.held[digits.lengths - place, np.arange(len(numbers))]
            for place in range(_LAST, 0, -1)
        ]
    )


def _as_number(digits: Array | list[Array]) -> Array:
    found = np.zeros(len(digits[0]), np.int64)
    for one in digits:
        found = found * 10 + one
    return found


SIDES = {
    "calling_number": {Direction.INBOUND: Role.CALLER_ID, Direction.OUTBOUND: Role.VICTIM},
    "called_number": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.CALLBACK},
    "diverted_from": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.MENTIONED},
}
"""The part of each number of a call, by its direction. What a victim dialled and another number
answered may be a bank's line that malware on the victim's phone diverts: it is only mentioned."""


class Own(NamedTuple):
    """Victims' numbers: the row of each, ascending, and the number, E.164 or else as written."""

    rows: Array
    numbers: pa.Array


class Numbers(NamedTuple):
    """The phone_numbers of complaints: the items, their rows and regions, and what they read as."""

    items: Items
    rows: pa.Array
    regions: pa.Array
    readings: pa.StructArray

    @property
    def raw(self) -> pa.Array:
        """Each as written."""
        return self.items.field("raw")

    def own(self) -> Own:
        """Those that have the role `victim`."""
        theirs = pc.fill_null(pc.equal(self.items.field("role"), Role.VICTIM.value), False)
        written = pc.coalesce(pc.struct_field(self.readings, "e164"), self.raw)
        return _own(self.rows, written, theirs)


def of_complaints(batch: pa.RecordBatch) -> Numbers:
    """The phone_numbers of a batch of `COMPLAINT_ACCEPTED`."""
    numbers = items(batch["phone_numbers"])
    rows = pa.array(numbers.rows, pa.int64())
    regions = batch["victim_country"].take(rows)
    return Numbers(numbers, rows, regions, normalize.normalise(numbers.field("raw"), regions))


def of_calls(batch: pa.RecordBatch) -> dict[str, pa.StructArray]:
    """What the numbers of each call of a batch of `CALL_ACCEPTED` read as, by their column."""
    return {name: normalize.normalise(batch[name], batch["victim_country"]) for name in SIDES}


def sides(batch: pa.RecordBatch, readings: dict[str, pa.StructArray]) -> Own:
    """The numbers of calls that are the victim's or, where no direction is known, may be."""
    rows = pa.array(np.arange(len(batch)))
    both: list[Own] = []
    for name, suspects in SUSPECTS.items():
        theirs = pc.fill_null(pc.not_equal(batch["direction"], suspects.value), True)
        written = pc.coalesce(pc.struct_field(readings[name], "e164"), batch[name])
        both.append(_own(rows, written, theirs))
    return together(*both)


NOBODY = Own(np.zeros(0, np.int64), pa.array([], pa.string()))


def together(*parts: Own) -> Own:
    """The numbers of all parts; those of one row in the order of the parts."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    numbers = pa.concat_arrays([part.numbers for part in parts])
    return Own(rows[order], numbers.take(pa.array(order)))


def _own(rows: pa.Array, written: pa.Array, theirs: pa.Array) -> Own:
    """Those of the numbers that are the victims' and say anything."""
    said = pc.fill_null(pc.not_equal(written, ""), False)
    kept = pc.and_(theirs, said)
    return Own(rows.filter(kept).to_numpy(), written.filter(kept))
