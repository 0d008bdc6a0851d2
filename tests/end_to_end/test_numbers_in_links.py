"""A number that links of two people carry is a callback, live as in a batch."""

from __future__ import annotations

from schemas.enums import Role, Status
from schemas.tables import CONTESTED, ENTITIES, LINKS, MEMBERS, MENTIONS
from tests.end_to_end.streaming.test_watch import stream
from tests.support.run_pipeline import call, complaint, jsonl, read, run

PHONE, SITE = "phone:+12025550143", "domain:x1.z13.web.core.windows.net"

BOTH = [
    complaint(1, victim_id="v1", urls=[f"https://{SITE[7:]}/?bcda={PHONE[-10:]}"]),
    complaint(2, victim_id="v2", urls=[f"https://{SITE[7:]}/w1n/?phone={PHONE[-10:]}"]),
]

THREE = [*BOTH, complaint(3, victim_id="v3", urls=[f"https://{SITE[7:]}/?tel={PHONE[-10:]}"])]
"""A line that a private person may hold is in a cluster by the word of three."""


def test_a_snapshot_of_a_stream_is_the_batch_run_whoever_comes_last(tmp_path):
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", THREE))
    entities = {row["entity_id"]: row for row in read(tmp_path / "run", ENTITIES).to_pylist()}
    assert (entities[PHONE]["status"], entities[PHONE]["reporters"]) == (Status.INFRASTRUCTURE, 3)
    members = {row["entity_id"]: row for row in read(tmp_path / "run", MEMBERS).to_pylist()}
    assert members[PHONE]["cluster_id"] == members[SITE]["cluster_id"]
    mentions = read(tmp_path / "run", MENTIONS).to_pylist()
    assert {row["role"] for row in mentions if row["entity_id"] == PHONE} == {Role.CALLBACK}
    watched = tmp_path / "in"
    (watched / "complaints").mkdir(parents=True)
    for number, row in enumerate(THREE):
        jsonl(watched / "complaints" / f"{number}.jsonl", [row])
        last = stream(watched, tmp_path / "live")
        assert (PHONE in read(last, ENTITIES)["entity_id"].to_pylist()) == bool(number)
    for table in (ENTITIES, MEMBERS, LINKS, CONTESTED):
        assert read(last, table).to_pylist() == read(tmp_path / "run", table).to_pylist()


def test_the_victims_side_of_a_call_stays_theirs(tmp_path):
    theirs = call(1, victim_id="v3", direction="inbound", called_number=PHONE[6:])
    calls = ["--calls", jsonl(tmp_path / "calls.jsonl", [theirs])]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", BOTH), *calls)
    assert PHONE not in read(tmp_path / "run", ENTITIES)["entity_id"].to_pylist()
