"""Records to pieces of evidence: every sighting, with what its record says of the scam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.mention import EVIDENCE
from transforms.extract import impersonation
from transforms.extract.fields import call_sightings, complaint_sightings
from transforms.extract.impersonation import known

NUMBERED = r"(?:\d[^\d]{0,3}){6}"
"""Six digits close together."""


_SAID = ("brand", "loss_amount", "loss_currency")


def complaint_evidence(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """COMPLAINT_ACCEPTED rows to EVIDENCE rows."""
    sightings = complaint_sightings(complaints)
    at = _row_of(sightings, complaints, "complaint_id")
    said = [
        brands_of(complaints).take(at),
        complaints["loss_amount"].take(at),
        complaints["loss_currency"].take(at),
    ]
    return pa.RecordBatch.from_arrays([*sightings.columns, *said], schema=EVIDENCE)


def call_evidence(calls: pa.RecordBatch) -> pa.RecordBatch:
    """CALL_ACCEPTED rows to EVIDENCE rows.

    The name that was shown tells the brand, if it is a known one; a call says nothing of a loss.
    """
    sightings = call_sightings(calls)
    said = [pa.nulls(sightings.num_rows, EVIDENCE.field(name).type) for name in _SAID]
    if calls["caller_name"].null_count < len(calls):
        said[0] = known(calls["caller_name"]).take(_row_of(sightings, calls, "call_id"))
    return pa.RecordBatch.from_arrays([*sightings.columns, *said], schema=EVIDENCE)


def brands_of(complaints: pa.RecordBatch) -> pa.Array:
    """Canonical brands, of the narrative where none is claimed.

    A claim that holds a number is no brand, and may hold the victim's.
    """
    brands = impersonation.brands(complaints["claimed_brand"], complaints["narrative"])
    numbered = pc.match_substring_regex(brands, NUMBERED)
    return pc.if_else(pc.fill_null(numbered, False), pa.scalar(None, pa.string()), brands)


def _row_of(sightings: pa.RecordBatch, records: pa.RecordBatch, id_field: str) -> pa.Array:
    """The row of `records` that each sighting was read from."""
    names = pc.binary_join_element_wise(records["source_org"], records[id_field], "|")
    wanted = pc.binary_join_element_wise(sightings["source_org"], sightings["record_id"], "|")
    return pc.index_in(wanted, names)


@dataclass(eq=False)
class Evidence(beam.PTransform):
    """Unique batches of one kind of record to EVIDENCE batches."""

    kind: RecordKind

    def expand(self, records: beam.PCollection) -> Any:
        """Row by row; see `complaint_evidence` and `call_evidence`."""
        work = call_evidence if self.kind is RecordKind.CALL else complaint_evidence
        return records | beam.Map(work)
