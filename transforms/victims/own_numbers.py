"""The phone numbers of records, normalized once, and those that are or may be the victim's own.

Apart from `stated_numbers` because reports use it, whose workers load no Beam.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECT_NUMBER_DIRECTIONS, Direction, Role
from transforms.arrow_util import ListItems, list_items
from transforms.phone import normalize
from transforms.victims.identifier_matcher import RowIdentifiers, merge_row_identifiers

CALL_ROLES = {
    "calling_number": {Direction.INBOUND: Role.CALLER_ID, Direction.OUTBOUND: Role.VICTIM},
    "called_number": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.CALLBACK},
    "diverted_from": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.MENTIONED},
}
"""The role of each number of a call, by direction. What a victim dialed and another number
answered may be a bank's line that malware on the victim's phone diverts: it is only mentioned."""


class ComplaintNumbers(NamedTuple):
    """The phone_numbers of complaints: the items, their rows and regions, and their readings."""

    items: ListItems
    rows: pa.Array
    regions: pa.Array
    readings: pa.StructArray

    @property
    def raw(self) -> pa.Array:
        """The numbers as written."""
        return self.items.field("raw")

    def own(self) -> RowIdentifiers:
        """Returns those with the role `victim`: E.164, or as written."""
        theirs = pc.fill_null(pc.equal(self.items.field("role"), Role.VICTIM.value), False)
        written = pc.coalesce(pc.struct_field(self.readings, "e164"), self.raw)
        return _nonempty(self.rows, written, theirs)


def complaint_numbers(batch: pa.RecordBatch) -> ComplaintNumbers:
    """Normalizes the phone_numbers of a batch of `COMPLAINT_ACCEPTED`."""
    numbers = list_items(batch["phone_numbers"])
    rows = pa.array(numbers.rows, pa.int64())
    regions = batch["victim_country"].take(rows)
    return ComplaintNumbers(
        numbers, rows, regions, normalize.normalize_numbers(numbers.field("raw"), regions)
    )


def call_readings(batch: pa.RecordBatch) -> dict[str, pa.StructArray]:
    """Normalizes the numbers of a batch of `CALL_ACCEPTED`; returns `READING_TYPE` by column."""
    return {
        name: normalize.normalize_numbers(batch[name], batch["victim_country"])
        for name in CALL_ROLES
    }


def victim_sides(batch: pa.RecordBatch, readings: dict[str, pa.StructArray]) -> RowIdentifiers:
    """Returns the numbers of calls that are the victim's or, without a direction, may be."""
    rows = pa.array(np.arange(len(batch)))
    both: list[RowIdentifiers] = []
    for name, suspects in SUSPECT_NUMBER_DIRECTIONS.items():
        theirs = pc.fill_null(pc.not_equal(batch["direction"], suspects.value), True)
        written = pc.coalesce(pc.struct_field(readings[name], "e164"), batch[name])
        both.append(_nonempty(rows, written, theirs))
    return merge_row_identifiers(*both)


def _nonempty(rows: pa.Array, written: pa.Array, theirs: pa.Array) -> RowIdentifiers:
    """Selects the victims' numbers that are neither null nor empty."""
    kept = pc.and_(theirs, pc.fill_null(pc.not_equal(written, ""), False))
    return RowIdentifiers(rows.filter(kept).to_numpy(), written.filter(kept))
