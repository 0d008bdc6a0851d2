"""Pieces of evidence of a small world in which records, victims and identifiers meet often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.enums import Role, Status
from schemas.mention import EVIDENCE_MENTION, MENTIONS, ROW, STATUS
from transforms.arrow import explode, implode
from transforms.values import NO_PSEUDONYM

DAY = datetime(2024, 3, 1, tzinfo=UTC)

PHONES = tuple(f"phone:+1888555010{digit}" for digit in range(6))

SUPPLIERS = ("carrier:acme", "trunk:amazon:t1")

CLASSIFIED_MENTION = pa.schema([*EVIDENCE_MENTION, *STATUS])
"""EVIDENCE_MENTION with the status of the entity."""

PHONE_ROLES = (Role.CALLBACK, Role.CALLER_ID, Role.MENTIONED)


def piece(entity_id: str, role: str, record: str = "c1", **fields: Any) -> dict[str, Any]:
    """One row of CLASSIFIED_MENTION; `record` is a complaint's id, or a call's if it starts with k.

    Without a victim's key each piece of evidence has a reporter of its own.
    """
    org = fields.get("source_org", "amazon")
    call = record.startswith("k")
    alone = f"{org}|call|{record}" if call else f"{org}|{record}"
    who = fields.get("victim_key") or f"{org}|{NO_PSEUDONYM}row|{fields.get('group_id', alone)}"
    return {
        "entity_id": entity_id,
        "kind": entity_id.partition(":")[0],
        "role": str(role),
        "source_org": org,
        "record_kind": "call" if call else "complaint",
        "record_id": record,
        "observed_at": DAY,
        "victim_country": "US",
        "field": "phone_numbers[0]",
        "start": 0,
        "end": 12,
        "raw": entity_id.partition(":")[2],
        "confidence": 0.95,
        "group_id": alone,
        "victim_key": None,
        "reporter_key": who,
        "status": str(Status.INFRASTRUCTURE),
    } | fields


def evidence(rows: list[dict[str, Any]]) -> pa.Table:
    """EVIDENCE_MENTION rows."""
    return pa.Table.from_pylist(rows, EVIDENCE_MENTION)


def classified(rows: list[dict[str, Any]]) -> pa.Table:
    """CLASSIFIED_MENTION rows."""
    return pa.Table.from_pylist(rows, CLASSIFIED_MENTION)


def mentions_of(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The mentions of rows of EVIDENCE or CLASSIFIED, with what their records say."""
    constant = [name for name in rows.schema.names if name != MENTIONS]
    return explode(rows, MENTIONS, constant).drop_columns([ROW])


def listed(mentions: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """Rows of `schema`, EVIDENCE or CLASSIFIED, of one mention each."""
    items = mentions.append_column(ROW, pa.array(range(mentions.num_rows), pa.int64()))
    constant = [name for name in schema.names if name in mentions.column_names]
    return implode(mentions.select(constant), schema.field(MENTIONS), items)


@st.composite
def records(draw: st.DrawFn, roles: tuple[str, ...] = PHONE_ROLES) -> list[dict[str, Any]]:
    """The pieces of up to eight complaints and calls, some of them of one group or one victim."""
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 8))):
        org = draw(st.sampled_from(("amazon", "microsoft")))
        call = draw(st.booleans())
        record = f"{'k' if call else 'c'}{number}"
        joined = draw(st.sampled_from(("c0", "c1", "c2"))) if call and draw(st.booleans()) else None
        who = draw(st.none() | st.sampled_from(("v1", "v2")))
        of_record = {
            "source_org": org,
            "observed_at": DAY + timedelta(days=draw(st.integers(0, 40))),
            "victim_key": who and f"{org}|{who}",
            "victim_country": draw(st.sampled_from(("US", "DE"))),
        }
        if joined:
            of_record["group_id"] = f"{org}|{joined}"
        if not call:
            of_record["brand"] = draw(st.none() | st.sampled_from(("amazon", "irs")))
            of_record["loss_currency"] = draw(st.sampled_from(("USD", "EUR")))
            of_record["loss_amount"] = draw(st.none() | st.decimals(0, 10**13 - 1, places=18))
        for place, entity in enumerate(draw(st.lists(st.sampled_from(PHONES), max_size=4))):
            role = draw(st.sampled_from(roles))
            where = {"field": f"phone_numbers[{place}]"}
            if not call and draw(st.booleans()):
                where = {"field": "narrative", "start": 20 * place, "end": 20 * place + 12}
            rows.append(piece(entity, role, record, **of_record, **where))
        if call:
            for supplier in draw(st.lists(st.sampled_from(SUPPLIERS), max_size=2, unique=True)):
                where = {"field": supplier.partition(":")[0]}
                rows.append(piece(supplier, Role.SIGNALLING, record, **of_record, **where))
    return draw(st.permutations(rows))


def with_statuses(rows: list[dict[str, Any]], suppressed: set[str]) -> list[dict[str, Any]]:
    """The rows with one status an entity, as classification would give it."""
    hard = {row["entity_id"] for row in rows if row["role"] == Role.CALLBACK}

    def status(entity: str) -> str:
        if entity in suppressed:
            return str(Status.SUPPRESSED)
        return str(Status.INFRASTRUCTURE if entity in hard else Status.UNCORROBORATED)

    return [row | {"status": status(row["entity_id"])} for row in rows]


MONEY = Decimal(1).scaleb(-18)
