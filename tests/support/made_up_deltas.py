"""Made-up records, and deltas of them, for the tests of a stream's state."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import RecordKind
from schemas.mention import MENTIONS, ROW
from transforms.arrow import explode
from transforms.stream.delta import Delta, records_to_delta

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


def delta_of(*rows: dict) -> Delta:
    """Those rows as a delta."""
    return records_to_delta(accepted(*rows), RecordKind.COMPLAINT)


def contents_of(delta: Delta) -> set[tuple]:
    """The contents of a delta in no order: ids and times, evidence, fingerprints and phrases."""
    ids = delta.records["record_id"].to_pylist()
    times = set(zip(ids, delta.records["received_at"].to_pylist(), strict=True))
    evidence = explode(delta.evidence, MENTIONS, ["record_id"])
    rows = delta.evidence["row"].take(evidence[ROW]).to_pylist()
    pairs = list(zip(rows, evidence["entity_id"].to_pylist(), strict=True))
    assert [ids[row] for row in rows] == evidence["record_id"].to_pylist()
    assert len(set(pairs)) == len(pairs)  # no evidence twice
    prints = [
        (ids[line["row"]], *line["values"], *line["words"])
        for line in delta.fingerprints.to_pylist()
    ]
    assert [fingerprint[0] for fingerprint in prints] == delta.fingerprints[
        "complaint_id"
    ].to_pylist()
    people = {tuple(line.values()) for line in delta.phrases.to_pylist()}
    return times | {(ids[row], entity) for row, entity in pairs} | set(prints) | people
