"""Records to pieces of evidence: every sighting, with what its record says of the scam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import RecordKind
from schemas.mention import EVIDENCE, MENTION
from transforms.brands import canonical
from transforms.sightings import call_sightings, complaint_sightings

_SAID = ("brand", "loss_amount", "loss_currency")


def complaint_evidence(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """COMPLAINT_ACCEPTED rows to EVIDENCE rows."""
    sightings = complaint_sightings(complaints)
    at = _row_of(sightings, complaints, "complaint_id")
    said = [
        canonical(complaints["claimed_brand"]).take(at),
        complaints["loss_amount"].take(at),
        complaints["loss_currency"].take(at),
    ]
    return pa.RecordBatch.from_arrays([*sightings.columns, *said], schema=EVIDENCE)


def call_evidence(calls: pa.RecordBatch) -> pa.RecordBatch:
    """CALL_ACCEPTED rows to EVIDENCE rows; a call says nothing of brand or loss."""
    sightings = call_sightings(calls)
    said = [pa.nulls(sightings.num_rows, EVIDENCE.field(name).type) for name in _SAID]
    return pa.RecordBatch.from_arrays([*sightings.columns, *said], schema=EVIDENCE)


def _row_of(sightings: pa.RecordBatch, records: pa.RecordBatch, id_field: str) -> pa.Array:
    """The row of `records` that each sighting was read from."""
    names = pc.binary_join_element_wise(records["source_org"], records[id_field], "|")
    wanted = pc.binary_join_element_wise(sightings["source_org"], sightings["record_id"], "|")
    return pc.index_in(wanted, names)


def mentions(classified: pa.RecordBatch) -> pa.RecordBatch:
    """CLASSIFIED rows to MENTION rows."""
    return pa.RecordBatch.from_arrays([classified[name] for name in MENTION.names], schema=MENTION)


@dataclass(eq=False)
class Evidence(beam.PTransform):
    """Unique batches of one kind of record to EVIDENCE batches."""

    kind: RecordKind

    def expand(self, records: beam.PCollection) -> Any:
        """Row by row; see `complaint_evidence` and `call_evidence`."""
        work = call_evidence if self.kind is RecordKind.CALL else complaint_evidence
        return records | beam.Map(work)
