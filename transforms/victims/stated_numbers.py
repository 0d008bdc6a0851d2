"""Collects the numbers that records state as the victim's own, and finds the evidence of them.

A number that any record states as a victim's own, even one that a later row replaced, is the
victim's in all of them; so is an address or a name that contains such a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECT_NUMBER_DIRECTIONS, EntityKind, RecordKind, Role
from transforms.phone import normalize
from transforms.victims.number_index import are_victims_numbers, find_victim_digits
from transforms.victims.own_numbers import complaint_numbers

STATED_NUMBER = pa.schema([pa.field("entity_id", pa.string(), nullable=False)])
"""One victim's number, as `phone:` and E.164."""

STATED_FIELDS = r"^(phone_numbers\[|called_number|calling_number|diverted_from)"
"""RE2: fields in which the reporting organisation itself says whose number it is."""

_WORD_KINDS = (EntityKind.EMAIL, EntityKind.HANDLE, EntityKind.DOMAIN, EntityKind.URL)
"""Kinds whose values people choose: the digits of a number in one are no accident."""

_PHONE = "phone:"

_CHOSEN = rf"^(?:{'|'.join(_WORD_KINDS)}|account:upi):"
"""RE2: their ids, and those of accounts whose names people choose, too; other accounts are numbers
of their own."""


def stated_victim_numbers(batch: pa.RecordBatch, kind: RecordKind) -> pa.RecordBatch:
    """Returns the victims' numbers that COMPLAINT_ACCEPTED or CALL_ACCEPTED rows state."""
    return stated_numbers_batch(number for _, number in stated_victim_numbers_by_row(batch, kind))


def stated_victim_numbers_by_row(
    batch: pa.RecordBatch, kind: RecordKind
) -> Iterator[tuple[int, str]]:
    """Yields (row of the batch, number); a number that cannot be normalized stays as written."""
    if kind is RecordKind.COMPLAINT:
        own = complaint_numbers(batch).own()
        yield from zip(own.rows.tolist(), own.identifiers.to_pylist(), strict=True)
        return
    for name, suspects in SUSPECT_NUMBER_DIRECTIONS.items():
        theirs = pc.fill_null(pc.not_equal(batch["direction"], suspects.value), False)
        raw, region = batch[name].filter(theirs), batch["victim_country"].filter(theirs)
        read = pc.struct_field(normalize.normalize_numbers(raw, region), "e164")
        rows = np.flatnonzero(theirs.to_numpy(zero_copy_only=False)).tolist()
        for row, number in zip(rows, read.to_pylist(), strict=True):
            if number:
                yield row, number


def stated_numbers_batch(numbers: Iterator[str]) -> pa.RecordBatch:
    """Makes a `STATED_NUMBER` batch; numbers that are not E.164 identify nobody elsewhere."""
    ids = sorted({f"phone:{number}" for number in numbers if number.startswith("+")})
    return pa.RecordBatch.from_arrays([pa.array(ids, pa.string())], schema=STATED_NUMBER)


def assign_victim_roles(evidence: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """Returns EVIDENCE rows in which whatever contains a victim's number has the victim's role.

    Args:
        evidence: Rows of EVIDENCE.
        own: The stated numbers of all victims, made by `number_index.hash_dial_formats`.
    """
    if not len(own) or not evidence.num_rows:
        return evidence
    kind, entity = evidence["kind"], evidence["entity_id"]
    theirs = np.zeros(evidence.num_rows, bool)
    numbers = np.flatnonzero(pc.equal(kind, EntityKind.PHONE.value))
    ids = entity.take(pa.array(numbers))
    theirs[numbers] = are_victims_numbers(pc.utf8_slice_codeunits(ids, len(_PHONE)), own)
    words, names = chosen_names(entity)
    theirs[words] = np.array([bool(digits) for digits in find_victim_digits(names, own)], bool)
    if not theirs.any():
        return evidence
    at = evidence.schema.get_field_index("role")
    role = pc.if_else(pa.array(theirs), Role.VICTIM.value, evidence["role"])
    return evidence.set_column(at, evidence.schema.field(at), role)


def chosen_names(entity_ids: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Returns the rows of ids that people choose, and the text of each in which digits stand."""
    chosen = pc.match_substring_regex(entity_ids, _CHOSEN)
    rows = np.flatnonzero(chosen.to_numpy(zero_copy_only=False))
    return rows, pc.replace_substring(entity_ids.take(pa.array(rows)), "_", "-")


@dataclass(eq=False)
class CollectStatedNumbers(beam.PTransform):
    """Maps accepted batches of one kind of record, with superseded rows, to `STATED_NUMBER`."""

    kind: RecordKind

    def expand(self, records: beam.PCollection) -> Any:
        """Applies `stated_victim_numbers` to each batch."""
        return records | beam.Map(stated_victim_numbers, self.kind)
