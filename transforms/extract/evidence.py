"""Turns records into pieces of evidence: every mention, with what its record says of the scam."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.mention import EVIDENCE
from transforms.extract import impersonation
from transforms.extract.fields import call_mentions, complaint_mentions
from transforms.extract.impersonation import known_brands
from transforms.reporters import NO_RULES, SourceRules

_SIX_DIGITS = r"(?:\d[^\d]{0,3}){6}"
"""Six digits close together."""

_SCAM_COLUMNS = ("brand", "loss_amount", "loss_currency")


def complaint_evidence(complaints: pa.RecordBatch, rules: SourceRules = NO_RULES) -> pa.RecordBatch:
    """Turns COMPLAINT_ACCEPTED rows into EVIDENCE rows."""
    mentions = complaint_mentions(complaints, rules)
    at = _record_rows(mentions, complaints, "complaint_id")
    scam = [
        complaint_brands(complaints).take(at),
        complaints["loss_amount"].take(at),
        complaints["loss_currency"].take(at),
    ]
    return pa.RecordBatch.from_arrays([*mentions.columns, *scam], schema=EVIDENCE)


def call_evidence(calls: pa.RecordBatch, rules: SourceRules = NO_RULES) -> pa.RecordBatch:
    """Turns CALL_ACCEPTED rows into EVIDENCE rows.

    The brand is the caller name that was shown, if it is a known one; a call has no loss.
    """
    mentions = call_mentions(calls, rules)
    scam = [pa.nulls(mentions.num_rows, EVIDENCE.field(name).type) for name in _SCAM_COLUMNS]
    if calls["caller_name"].null_count < len(calls):
        scam[0] = known_brands(calls["caller_name"]).take(_record_rows(mentions, calls, "call_id"))
    return pa.RecordBatch.from_arrays([*mentions.columns, *scam], schema=EVIDENCE)


def complaint_brands(complaints: pa.RecordBatch) -> pa.Array:
    """Returns canonical brands, those of the narrative where none is claimed.

    A claim that holds a number is no brand, and may hold the victim's.
    """
    brands = impersonation.infer_brands(complaints["claimed_brand"], complaints["narrative"])
    numbered = pc.match_substring_regex(brands, _SIX_DIGITS)
    return pc.if_else(pc.fill_null(numbered, False), pa.scalar(None, pa.string()), brands)


def _record_rows(mentions: pa.RecordBatch, records: pa.RecordBatch, id_field: str) -> pa.Array:
    """Returns the row of `records` that each mention was read from."""
    names = pc.binary_join_element_wise(records["source_org"], records[id_field], "|")
    wanted = pc.binary_join_element_wise(mentions["source_org"], mentions["record_id"], "|")
    return pc.index_in(wanted, names)


@dataclass(eq=False)
class Evidence(beam.PTransform):
    """Unique batches of one kind of record to EVIDENCE batches.

    `rules` say how rows without a pseudonym count as reporters.
    """

    kind: RecordKind
    rules: SourceRules = field(default_factory=dict)

    def expand(self, records: beam.PCollection) -> Any:
        """Row by row; see `complaint_evidence` and `call_evidence`."""
        work = call_evidence if self.kind is RecordKind.CALL else complaint_evidence
        return records | beam.Map(work, self.rules)
