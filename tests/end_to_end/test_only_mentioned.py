"""What records only mention is shown by no output, until a record shows a suspect using it."""

from __future__ import annotations

import pytest

from schemas.entity import is_withheld
from schemas.enums import Status
from schemas.tables import ENTITIES, LINKS, MEMBERS, MENTIONS
from tests.end_to_end.streaming.test_watch import stream
from tests.support.leaks import decoded_layers, leak_forms, number_forms
from tests.support.run_pipeline import complaint, jsonl, read, run

RING, SITE, PHONE, MAIL, TAG = (
    "+18885550121",
    "amzn-refund-desk.com",
    "+12025550143",
    "jane.w.porter@gmail.com",
    "$janeporter77",
)

ASIDE = f"There was {PHONE[2:5]} {PHONE[5:8]}-{PHONE[8:]} too, and {MAIL}, and cash app {TAG}."


def reports(*more):
    """Complaints of two people on one ring, of whom one mentions what may be their own."""
    said = f"They told me to call 1-{RING[2:]}, and to go to {SITE}. "
    listed = [{"raw": PHONE, "role": "mentioned"}]
    return [
        complaint(1, victim_id="v1", narrative=said + ASIDE, phone_numbers=listed),
        complaint(2, victim_id="v2", narrative=said),
        *more,
    ]


def values(folder):
    return {row["entity_id"]: row for row in read(folder, ENTITIES).to_pylist()}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mentioned")
    run(folder / "run", "--complaints", jsonl(folder / "rows.jsonl", reports()))
    return folder / "run"


def test_no_file_of_a_run_shows_it(output):
    forms = {form for one in number_forms(PHONE, "US") for form in leak_forms(one)}
    forms |= leak_forms(MAIL) | leak_forms(TAG)
    for path in sorted(output.rglob("*")):
        if path.is_file():
            for layer in decoded_layers(path.name, path.read_bytes()):
                assert not [form for form in forms if form in layer], path


def test_it_is_counted_under_a_withheld_id(output):
    hidden = {one: row for one, row in values(output).items() if is_withheld(one)}
    assert sorted(row["kind"] for row in hidden.values()) == ["email", "handle", "phone"]
    for row in hidden.values():
        assert (row["status"], row["value"], row["line_type"], row["complaints"]) == (
            Status.UNCORROBORATED, None, None, 1,
        )  # fmt: skip
    mentions = [row for row in read(output, MENTIONS).to_pylist() if row["entity_id"] in hidden]
    assert {row["record_id"] for row in mentions} == {"c1"}
    assert {row["raw"] for row in mentions} == {None}
    assert not hidden.keys() & set(read(output, MEMBERS)["entity_id"].to_pylist())


def test_a_record_that_shows_a_suspect_using_it_shows_it(tmp_path):
    used = complaint(3, victim_id="v3", phone_numbers=[{"raw": PHONE, "role": "callback"}])
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", reports(used)))
    one = values(tmp_path / "run")[f"phone:{PHONE}"]
    assert (one["status"], one["complaints"]) == (Status.INFRASTRUCTURE, 2)


def test_a_snapshot_of_a_stream_is_equal(output, tmp_path):
    watched = tmp_path / "in"
    (watched / "complaints").mkdir(parents=True)
    for number, row in enumerate(reports()):
        jsonl(watched / "complaints" / f"{number}.jsonl", [row])
        last = stream(watched, tmp_path / "live")
    for table in (ENTITIES, MEMBERS, LINKS):
        assert read(last, table).to_pylist() == read(output, table).to_pylist()
