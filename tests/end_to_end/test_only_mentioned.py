"""No output shows an identifier that records only mention, until one shows a suspect using it."""

from __future__ import annotations

import pytest

from schemas.entity import is_withheld
from schemas.enums import Status
from schemas.tables import CONTESTED, ENTITIES, LINEAGE, LINKS, MEMBERS, MENTIONS
from tests.support.leaks import layers_below, leak_forms, number_forms
from tests.support.run_pipeline import (
    by_key,
    callbacks,
    checked_manifest,
    column,
    complaint,
    execute,
    inbox,
    jsonl,
    read,
    run,
    table_rows,
    watch_once,
)

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
    return by_key(folder, ENTITIES)


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mentioned")
    run(folder / "run", "--complaints", jsonl(folder / "rows.jsonl", reports()))
    return folder / "run"


def test_no_file_of_a_run_shows_it(output):
    forms = {form for written in number_forms(PHONE, "US") for form in leak_forms(written)}
    forms |= leak_forms(MAIL) | leak_forms(TAG)
    for path, layer in layers_below(output):
        assert not [form for form in forms if form in layer], path


def test_it_is_counted_under_a_withheld_id(output):
    hidden = {entity_id: row for entity_id, row in values(output).items() if is_withheld(entity_id)}
    assert sorted(row["kind"] for row in hidden.values()) == ["email", "handle", "phone"]
    for row in hidden.values():
        assert (row["status"], row["value"], row["line_type"], row["complaints"]) == (
            Status.UNCORROBORATED, None, None, 1,
        )  # fmt: skip
    mentions = [row for row in table_rows(output, MENTIONS) if row["entity_id"] in hidden]
    assert {row["record_id"] for row in mentions} == {"c1"}
    assert {row["raw"] for row in mentions} == {None}
    assert not hidden.keys() & set(column(output, MEMBERS, "entity_id"))


def test_a_record_that_shows_a_suspect_using_it_shows_it(tmp_path):
    used = complaint(3, victim_id="v3", phone_numbers=callbacks(PHONE))
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", reports(used)))
    entity = values(tmp_path / "run")[f"phone:{PHONE}"]
    assert (entity["status"], entity["complaints"]) == (Status.INFRASTRUCTURE, 2)


DESK = "amazon.refund.desk@gmail.com"

ASKED = complaint(3, victim_id="v3", narrative=f"Call 1-{RING[2:]} or reply.",
                  emails=[{"address": DESK, "role": "reply_to"}])  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The input and the run of reports of which one names a mailbox."""
    folder = tmp_path_factory.mktemp("asked")
    rows = jsonl(folder / "rows.jsonl", reports(ASKED))
    run(folder / "run", "--complaints", rows)
    return rows, folder / "run"


def test_a_mailbox_that_one_reporter_alone_names_keeps_its_place_under_a_withheld_id(
    asked, tmp_path
):
    rows, output = asked
    (entity,) = (
        row for row in values(output).values() if row["facts"][-1]["code"] == "named_by_one"
    )
    assert is_withheld(entity["entity_id"])
    assert (entity["status"], entity["value"], entity["reporters"]) == (
        Status.INFRASTRUCTURE,
        None,
        1,
    )
    members = by_key(output, MEMBERS)
    assert members[entity["entity_id"]]["cluster_id"] == members[f"phone:{RING}"]["cluster_id"]
    for path, layer in layers_below(output):
        if CONTESTED.name not in str(path):
            assert not [form for form in leak_forms(DESK) if form in layer], path
    # Its owner can look it up, and decide; nobody is alarmed.
    (kept,) = table_rows(output, CONTESTED)
    assert (kept["entity_id"], kept["value"]) == (entity["entity_id"], DESK)
    assert (kept["suspect_reporters"], kept["victim_reporters"]) == (1, 0)
    assert not checked_manifest(output)["alarms"]
    decisions = str(tmp_path / "decisions.csv")
    words = ["--author", "Ada", "--reason", "we wrote to it", "--decisions", decisions]
    execute("decide", output, *words, "suspect_held", entity["entity_id"])
    more = ["--decisions", decisions, "--previous", str(output)]
    run(tmp_path / "decided", "--complaints", rows, *more)
    assert f"email:{DESK}" in values(tmp_path / "decided")

    # So does a second reporter who names it.
    later = complaint(4, victim_id="v4", narrative=f"It said something of {DESK} too.")
    both = jsonl(tmp_path / "both.jsonl", reports(ASKED, later))
    run(tmp_path / "next", "--complaints", both, "--previous", str(output))
    assert values(tmp_path / "next")[f"email:{DESK}"]["status"] == Status.INFRASTRUCTURE
    lineage = table_rows(tmp_path / "next", LINEAGE)
    assert {row["event"] for row in lineage} <= {"unchanged", "grew"}


def test_a_snapshot_of_a_stream_is_equal(asked, tmp_path):
    _, output = asked
    watched = inbox(tmp_path / "in")
    first, *others = reports(ASKED)
    for name, rows in (("a", [first]), ("b", others)):
        jsonl(watched / "complaints" / f"{name}.jsonl", rows)
        last = watch_once(watched, tmp_path / "live")
    for table in (ENTITIES, MEMBERS, LINKS, CONTESTED):
        assert read(last, table).to_pylist() == read(output, table).to_pylist()
