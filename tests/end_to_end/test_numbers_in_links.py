"""A number that links of two people carry is a callback, live as in a batch."""

from __future__ import annotations

from schemas.enums import Role, Status
from schemas.tables import CONTESTED, ENTITIES, LINKS, MEMBERS, MENTIONS
from tests.support.run_pipeline import (
    by_key,
    call,
    column,
    complaint,
    inbox,
    jsonl,
    read,
    run,
    table_rows,
    watch_once,
)

PHONE, SITE = "phone:+12025550143", "domain:x1.z13.web.core.windows.net"

BOTH = [
    complaint(1, victim_id="v1", urls=[f"https://{SITE[7:]}/?bcda={PHONE[-10:]}"]),
    complaint(2, victim_id="v2", urls=[f"https://{SITE[7:]}/w1n/?phone={PHONE[-10:]}"]),
]

THREE = [*BOTH, complaint(3, victim_id="v3", urls=[f"https://{SITE[7:]}/?tel={PHONE[-10:]}"])]
"""A line that a private person may hold is in a cluster by the word of three."""


def test_a_snapshot_of_a_stream_is_the_batch_run_whoever_comes_last(tmp_path):
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", THREE))
    entities = by_key(tmp_path / "run", ENTITIES)
    assert (entities[PHONE]["status"], entities[PHONE]["reporters"]) == (Status.INFRASTRUCTURE, 3)
    members = by_key(tmp_path / "run", MEMBERS)
    assert members[PHONE]["cluster_id"] == members[SITE]["cluster_id"]
    mentions = table_rows(tmp_path / "run", MENTIONS)
    assert {row["role"] for row in mentions if row["entity_id"] == PHONE} == {Role.CALLBACK}
    watched = inbox(tmp_path / "in")
    for number, row in enumerate(THREE):
        jsonl(watched / "complaints" / f"{number}.jsonl", [row])
        last = watch_once(watched, tmp_path / "live")
        assert (PHONE in column(last, ENTITIES, "entity_id")) == bool(number)
    for table in (ENTITIES, MEMBERS, LINKS, CONTESTED):
        assert read(last, table).to_pylist() == read(tmp_path / "run", table).to_pylist()


def test_the_victims_side_of_a_call_stays_theirs(tmp_path):
    theirs = call(1, victim_id="v3", direction="inbound", called_number=PHONE[6:])
    calls = ["--calls", jsonl(tmp_path / "calls.jsonl", [theirs])]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", BOTH), *calls)
    assert PHONE not in column(tmp_path / "run", ENTITIES, "entity_id")
