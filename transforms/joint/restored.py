"""The evidence of a finished run, made again from its tables: what mentions/ and records say."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import RecordKind
from schemas.mention import EVIDENCE

RECORD = pa.schema(
    [
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("record_id", pa.string()),
        ("victim_id", pa.string()),
        ("complaint_id", pa.string()),
        ("brand", pa.string()),
        ("loss_amount", EVIDENCE.field("loss_amount").type),
        ("loss_currency", pa.string()),
    ]
)
"""What a complaint or a call says beside its identifiers; `complaint_id` is a call's complaint."""


def complaint_records(complaints: pa.Table, brands: pa.Array | None = None) -> pa.Table:
    """COMPLAINT rows, with the canonical brand of each if wanted, to RECORD rows."""
    nothing = pa.nulls(complaints.num_rows, pa.string())
    columns = [
        pa.repeat(pa.scalar(str(RecordKind.COMPLAINT)), complaints.num_rows),
        complaints["source_org"],
        complaints["complaint_id"],
        complaints["victim_id"],
        nothing,
        nothing if brands is None else brands,
        complaints["loss_amount"],
        complaints["loss_currency"],
    ]
    return pa.table(dict(zip(RECORD.names, columns, strict=True)), schema=RECORD)


def call_records(calls: pa.Table) -> pa.Table:
    """CALL rows to RECORD rows."""
    columns = [
        pa.repeat(pa.scalar(str(RecordKind.CALL)), calls.num_rows),
        calls["source_org"],
        calls["call_id"],
        calls["victim_id"],
        calls["complaint_id"],
        *(pa.nulls(calls.num_rows, RECORD.field(name).type) for name in RECORD.names[5:]),
    ]
    return pa.table(dict(zip(RECORD.names, columns, strict=True)), schema=RECORD)


def evidence_of(mentions: pa.Table, records: pa.Table, entities: pa.Table) -> pa.Table:
    """MENTION rows with the RECORD rows they are of and the ENTITY rows they name, to EVIDENCE.

    The pieces of evidence and the victims' keys are those of `schemas.mention.SIGHTING`. What a run
    withholds is in none of its tables, so no victim's own identifier comes back.

    Raises:
        ValueError: if a mention is of a record that is not there.
    """
    at = pc.index_in(_keys(mentions), _keys(records).combine_chunks())
    if at.null_count:
        raise ValueError("mentions/ names records that complaints/ and calls/ lack")
    of = records.take(at)
    named = pc.index_in(mentions["entity_id"], entities["entity_id"].combine_chunks())
    org = mentions["source_org"]
    complaint = pc.equal(mentions["record_kind"], str(RecordKind.COMPLAINT))
    alone = pc.if_else(
        complaint,
        pc.binary_join_element_wise(org, mentions["record_id"], "|"),
        pc.binary_join_element_wise(org, "call", mentions["record_id"], "|"),
    )
    columns = {name: mentions[name] for name in mentions.column_names} | {
        "group_id": pc.coalesce(pc.binary_join_element_wise(org, of["complaint_id"], "|"), alone),
        "victim_key": pc.binary_join_element_wise(org, of["victim_id"], "|"),
        "region": entities["region"].take(named),
        "line_type": entities["line_type"].take(named),
        "brand": of["brand"],
        "loss_amount": of["loss_amount"],
        "loss_currency": of["loss_currency"],
    }
    return pa.table({name: columns[name] for name in EVIDENCE.names}, schema=EVIDENCE)


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(
        rows["record_kind"], rows["source_org"], rows["record_id"], "|"
    )
