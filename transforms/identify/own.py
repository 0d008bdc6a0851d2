"""Numbers of records, read once, and those among them that are or may be the victim's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import SUSPECTS, Direction, Role
from transforms.identify import phones
from transforms.lists import Items, items

Array = np.ndarray

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
    return Numbers(numbers, rows, regions, phones.normalise(numbers.field("raw"), regions))


def of_calls(batch: pa.RecordBatch) -> dict[str, pa.StructArray]:
    """What the numbers of each call of a batch of `CALL_ACCEPTED` read as, by their column."""
    return {name: phones.normalise(batch[name], batch["victim_country"]) for name in SIDES}


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
