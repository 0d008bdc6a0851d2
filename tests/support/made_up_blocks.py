"""Blocks of made-up records for the tests of a stream's state."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import RecordKind
from transforms.stream.delta import Block, block_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def accepted(*rows: dict) -> pa.RecordBatch:
    """COMPLAINT_ACCEPTED rows; each needs `id` and `day`, and may name `numbers` to call back."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "complaint_id": row["id"],
                "source_org": row.get("org", "amazon"),
                "received_at": START + timedelta(days=row["day"]),
                "victim_country": "US",
                "victim_id": row.get("victim", row["id"]),
                "narrative": row.get("narrative"),
                "phone_numbers": [
                    {"raw": number, "role": row.get("role", "callback")}
                    for number in row.get("numbers", ())
                ],
                "payments": [{"method": "bank", "payee": payee} for payee in row.get("payees", ())],
                "source": row.get("source", "made-up"),
                "position": row.get("position", 1),
                "format": "jsonl",
            }
            for row in rows
        ],
        COMPLAINT_ACCEPTED,
    )


def block(*rows: dict) -> Block:
    """Those rows as a block."""
    return block_of(accepted(*rows), RecordKind.COMPLAINT)


def said(one: Block) -> set[tuple]:
    """What a block holds, whatever its order: ids and times, evidence and prints, words."""
    records, shown, _, printed, words = one
    ids = records["record_id"].to_pylist()
    told = {
        (name, when) for name, when in zip(ids, records["received_at"].to_pylist(), strict=True)
    }
    rows, entities = shown["row"].to_pylist(), shown["entity_id"].to_pylist()
    pairs = list(zip(rows, entities, strict=True))
    assert all(shown["record_id"][at].as_py() == ids[row] for at, row in enumerate(rows))
    assert len(set(pairs)) == len(pairs)  # no evidence twice
    prints = [(ids[line["row"]], *line["values"], *line["words"]) for line in printed.to_pylist()]
    assert [one[0] for one in prints] == printed["complaint_id"].to_pylist()
    people = {tuple(line.values()) for line in words.to_pylist()}
    return told | {(ids[row], entity) for row, entity in pairs} | set(prints) | people
