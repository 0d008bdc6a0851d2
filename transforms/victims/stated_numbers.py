"""Victims' numbers as records state them, and the evidence that would show one of them.

A number that any record states as a victim's own, be it one that a later row replaced, is the
victim's in all of them; so is an address or a name that has such a number in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECTS, EntityKind, RecordKind, Role
from transforms.phone import normalize
from transforms.victims.number_index import are_held, strays
from transforms.victims.own_numbers import of_complaints

STATED = pa.schema([pa.field("entity_id", pa.string(), nullable=False)])
"""One victim's number, as `phone:` and E.164."""


STATED_FIELDS = r"^(phone_numbers\[|called_number|calling_number|diverted_from)"
"""RE2: fields in which the reporting organisation itself says whose number it is."""


_TELLING = (EntityKind.EMAIL, EntityKind.HANDLE, EntityKind.DOMAIN, EntityKind.URL)
"""Kinds whose values are words that people choose: digits of a number in one are no accident."""


_PHONE = "phone:"


_UPI = "account:upi:"
"""An account of that kind, too; other accounts are numbers of their own."""


def stated(batch: pa.RecordBatch, kind: RecordKind) -> pa.RecordBatch:
    """The victims' numbers that COMPLAINT_ACCEPTED or CALL_ACCEPTED rows state, as `STATED`."""
    return of_numbers(number for _, number in stated_by_row(batch, kind))


def stated_by_row(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[tuple[int, str]]:
    """The same as (row of the batch, number); a number that is not E.164 is as it was written."""
    if kind is RecordKind.COMPLAINT:
        own = of_complaints(batch).own()
        yield from zip(own.rows.tolist(), own.numbers.to_pylist(), strict=True)
        return
    for name, suspects in SUSPECTS.items():
        theirs = pc.fill_null(pc.not_equal(batch["direction"], suspects.value), False)
        raw, region = batch[name].filter(theirs), batch["victim_country"].filter(theirs)
        read = pc.struct_field(normalize.normalise(raw, region), "e164")
        rows = np.flatnonzero(theirs.to_numpy(zero_copy_only=False)).tolist()
        for row, number in zip(rows, read.to_pylist(), strict=True):
            if number:
                yield row, number


def of_numbers(numbers: Iterator[str]) -> pa.RecordBatch:
    """Numbers as `STATED`; those that are not E.164 identify nobody elsewhere."""
    ids = sorted({f"phone:{number}" for number in numbers if number.startswith("+")})
    return pa.RecordBatch.from_arrays([pa.array(ids, pa.string())], schema=STATED)


def without_victims(evidence: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """EVIDENCE rows; what shows a stated victim's number has the victim's role.

    `own` holds those numbers (`number_index.written_forms`).
    """
    if not len(own) or not evidence.num_rows:
        return evidence
    kind, entity = evidence["kind"], evidence["entity_id"]
    theirs = np.zeros(evidence.num_rows, bool)
    numbers = np.flatnonzero(pc.equal(kind, EntityKind.PHONE.value))
    ids = entity.take(pa.array(numbers))
    theirs[numbers] = are_held(pc.utf8_slice_codeunits(ids, len(_PHONE)), own)
    telling = pc.is_in(kind, pa.array([str(one) for one in _TELLING]))
    telling = pc.or_(telling, pc.starts_with(entity, _UPI))
    words = np.flatnonzero(telling)
    names = pc.replace_substring(entity.take(pa.array(words)), "_", "-")
    found = strays(names, own)
    theirs[words] = np.array([bool(digits) for digits in found], bool)
    if not theirs.any():
        return evidence
    at = evidence.schema.get_field_index("role")
    role = pc.if_else(pa.array(theirs), Role.VICTIM.value, evidence["role"])
    return evidence.set_column(at, evidence.schema.field(at), role)


@dataclass(eq=False)
class Stated(beam.PTransform):
    """Accepted batches of one kind of record, superseded rows among them, to `STATED` batches."""

    kind: RecordKind

    def expand(self, records: beam.PCollection) -> Any:
        """Row by row; see `stated`."""
        return records | beam.Map(stated, self.kind)
