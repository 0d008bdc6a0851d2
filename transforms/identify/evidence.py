"""Records to pieces of evidence: every sighting, with what its record says of the scam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind, RecordKind, Role
from schemas.mention import EVIDENCE, MENTION
from transforms.identify import impersonation, link_addresses
from transforms.identify.brands import known
from transforms.identify.haystack import mask, spans
from transforms.identify.needles import needles
from transforms.identify.sightings import call_sightings, complaint_sightings
from transforms.identify.strays import strays

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


def mentions(classified: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """CLASSIFIED rows to MENTION rows, without those that read as the victim's side.

    The text around an identifier, such as the rest of a web address, can hold a victim's number:
    those of `own` (`strays.written_forms`) are masked in it, and addresses in a link.
    """
    shown = classified.filter(pc.not_equal(classified["role"], Role.VICTIM))
    around = pc.if_else(
        pc.equal(shown["kind"], EntityKind.PHONE), pa.scalar(None, pa.string()), shown["raw"]
    )
    shown = _without_alternatives(shown, own)
    raw = [
        mask(text, spans(text, needles(digits))) if digits else text
        for text, digits in zip(shown["raw"].to_pylist(), strays(around, own), strict=True)
    ]
    raw = link_addresses.without(pa.array(raw, pa.string()))
    columns = {name: shown[name] for name in MENTION.names} | {"raw": raw}
    return pa.RecordBatch.from_pydict(columns, schema=MENTION)


def _without_alternatives(shown: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """Mentions without a less plausible reading that is a victim's number."""
    also = shown["also_read_as"]
    theirs = pa.array([bool(digits) for digits in strays(also, own)], pa.bool_())
    at = shown.schema.get_field_index("also_read_as")
    kept = pc.if_else(theirs, pa.scalar(None, pa.string()), also)
    return shown.set_column(at, shown.schema.field(at), kept)


@dataclass(eq=False)
class Evidence(beam.PTransform):
    """Unique batches of one kind of record to EVIDENCE batches."""

    kind: RecordKind

    def expand(self, records: beam.PCollection) -> Any:
        """Row by row; see `complaint_evidence` and `call_evidence`."""
        work = call_evidence if self.kind is RecordKind.CALL else complaint_evidence
        return records | beam.Map(work)
