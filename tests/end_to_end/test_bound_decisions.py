"""Decisions are bound once to the facts that they were made on; no later record moves them."""

import json
import shutil
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pipelines import cli
from schemas.manifest import MANIFEST_NAME
from schemas.tables import CLUSTERS, DECISIONS, ENTITIES, MEMBERS
from tests.support.examples import draws
from tests.support.run_pipeline import (
    NOW,
    by_key,
    callbacks,
    cluster_by_entity,
    column,
    complaint,
    files_below,
    jsonl,
    manifest_of,
    refusal_of,
    run,
    table_rows,
    write_decisions,
)

RING = ["+18885550101", "+18885550102", "+18885550103"]

LATE, BACKDATED, STRANGER = "+18885550140", "+18885550150", "+18885550160"

DECIDED_AT = "2024-03-02T12:00:00Z"


def named(number, *phones, day=1, month=3, **fields):
    return complaint(
        number,
        victim_id=f"v{number}",
        received_at=f"2024-{month:02d}-{day:02d}T09:30:00Z",
        phone_numbers=callbacks(*phones),
        **fields,
    )


def first_day():
    """Four victims, each of whom names the whole ring."""
    return [named(number, *RING) for number in range(4)]


def bound(folder):
    return by_key(folder, DECISIONS)


def status_of(folder, phone):
    cluster = cluster_by_entity(folder)
    rows = {cluster["cluster_id"]: cluster["status"] for cluster in table_rows(folder, CLUSTERS)}
    return rows[cluster[f"phone:{phone}"]]


def ids(*phones):
    return sorted(f"phone:{number}" for number in phones)


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Three daily runs: decided on after the first, with a liar's complaints before each other."""
    folder = tmp_path_factory.mktemp("days")
    file = write_decisions(
        folder / "d.csv",
        f"d1,confirm,{RING[0]},,anna,seen,{DECIDED_AT},",
        f"d2,review,{RING[1]},,anna,seen,{DECIDED_AT},",
        f"d3,victim_owned,{STRANGER},,anna,a customer wrote in,{DECIDED_AT},",
    )
    rows = first_day()
    run(folder / "1", "--complaints", jsonl(folder / "1.jsonl", rows))
    # An identifier that came after the decision, and one backdated to before it.
    rows += [named(n, *RING, LATE, day=3) for n in range(10, 14)]
    rows += [named(n, *RING, BACKDATED, month=2, day=n) for n in range(20, 24)]
    inputs = ["--complaints", jsonl(folder / "2.jsonl", rows), "--decisions", file]
    run(folder / "2", *inputs, "--previous", folder / "1")
    rows += [named(30, RING[2], STRANGER, day=1)]
    inputs = ["--complaints", jsonl(folder / "3.jsonl", rows), "--decisions", file]
    run(folder / "3", *inputs, "--previous", folder / "2")
    return folder, inputs


def test_a_new_decision_is_bound_to_what_the_previous_run_shows_and_stays_so(days):
    folder, _ = days
    second, third = bound(folder / "2"), bound(folder / "3")
    assert second["d1"]["members"] == third["d1"]["members"] == ids(*RING)
    assert second["d2"]["members"] == third["d2"]["members"] == ids(RING[1])
    before = manifest_of(folder / "1")["run_id"]
    for decision in (second["d1"], third["d1"]):
        assert decision["run_id"] == before
        assert decision["members_digest"] == sha256("\n".join(ids(*RING)).encode()).hexdigest()
        assert (
            decision["bound_from"]
            == decision["bound_to"]
            == datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
        )
        assert decision["in_force"]
    late = set(column(folder / "3", MEMBERS, "entity_id"))
    assert {f"phone:{LATE}", f"phone:{BACKDATED}"} <= late
    tallies = [manifest_of(folder / day)["tallies"]["decisions"] for day in ("2", "3")]
    assert (tallies[0]["bound_to_previous"], tallies[1]["bound_before"]) == (3, 3)


def test_without_a_previous_run_it_is_bound_here_but_to_nothing_that_came_later(
    days, tmp_path, capfd
):
    _, inputs = days
    manifest = run(tmp_path / "run", *inputs)
    assert "3 decisions bound to what this run shows" in capfd.readouterr().err
    members = set(bound(tmp_path / "run")["d1"]["members"])
    assert set(ids(*RING, BACKDATED)) <= members
    assert not {f"phone:{LATE}", f"phone:{STRANGER}"} & members
    assert bound(tmp_path / "run")["d1"]["run_id"] is None
    assert manifest["tallies"]["decisions"]["bound_here"] == 3


def test_a_victims_own_identifier_stands_in_the_decision_file_alone(days):
    folder, _ = days
    (row,) = [
        decision for decision in bound(folder / "3").values() if decision["kind"] == "victim_owned"
    ]
    assert row["entity_a"].startswith("phone:withheld-")
    assert row["members"] == [row["entity_a"]]
    assert STRANGER[2:] not in repr(bound(folder / "3"))


def test_a_changed_row_is_bound_anew(days, tmp_path):
    folder, inputs = days
    file = write_decisions(tmp_path / "d.csv", f"d1,confirm,{RING[0]},,anna,checked,{DECIDED_AT},")
    run(tmp_path / "run", *inputs[:2], "--decisions", file, "--previous", folder / "2")
    assert bound(tmp_path / "run")["d1"]["members"] == ids(*RING, BACKDATED)


def test_one_that_has_expired_or_is_set_aside_keeps_its_binding(days, tmp_path, capfd):
    folder, inputs = days
    file = write_decisions(
        tmp_path / "d.csv",
        f"d1,confirm,{RING[0]},,anna,seen,{DECIDED_AT},2024-03-04T00:00:00Z",
        f"d2,review,{RING[1]},,anna,seen,{DECIDED_AT},",
        f"d4,dispute,{RING[1]},,tom,mine,{DECIDED_AT},2024-03-05T00:00:00Z",
    )
    flags = [*inputs[:2], "--decisions", file, "--previous"]
    run(tmp_path / "a", *flags, folder / "1", "--now", "2024-03-04T12:00:00Z")
    assert "3 new decisions bound to what the previous run shows" in capfd.readouterr().err
    rows = bound(tmp_path / "a")
    assert [rows[decision_id]["in_force"] for decision_id in ("d1", "d2", "d4")] == [
        False,
        False,
        True,
    ]
    run(tmp_path / "b", *flags, tmp_path / "a", "--now", "2024-03-06T00:00:00Z")
    assert "bound to" not in capfd.readouterr().err
    later = bound(tmp_path / "b")
    assert [later[decision_id]["in_force"] for decision_id in ("d1", "d2", "d4")] == [
        False,
        True,
        False,
    ]
    assert {decision_id: row["members"] for decision_id, row in rows.items()} == {
        decision_id: row["members"] for decision_id, row in later.items()
    }
    assert rows["d1"]["members"] == ids(*RING)


records = st.lists(
    st.builds(
        lambda number, phones, day: named(100 + number, *sorted(phones), day=day),
        st.integers(0, 5),
        st.sets(st.sampled_from([*RING, LATE, STRANGER]), min_size=1, max_size=4),
        st.integers(1, 28),
    ),
    min_size=1,
    max_size=6,
)

KINDS = (
    f"d1,confirm,{RING[0]},,anna,seen,{DECIDED_AT},2024-04-01T00:00:00Z",
    f"d2,review,{RING[1]},,anna,seen,{DECIDED_AT},",
    f"d3,legitimate,{LATE},,anna,a bank,{DECIDED_AT},2024-04-01T00:00:00Z",
    f"d4,cannot_link,{RING[0]},{STRANGER},anna,two,{DECIDED_AT},2024-04-01T00:00:00Z",
    f"d5,suspect_held,{RING[2]},,anna,seen,{DECIDED_AT},",
)


@pytest.fixture(scope="module")
def decided(days, tmp_path_factory):
    """Decisions on the first day, and the run after, without any more records."""
    folder, (first, _) = tmp_path_factory.mktemp("decided"), days
    file = write_decisions(folder / "d.csv", *KINDS)
    flags = ["--decisions", file, "--now", "2024-03-28T00:00:00Z", "--previous", first / "1"]
    run(folder / "2", "--complaints", first / "1.jsonl", *flags)
    return folder, flags


@settings(draws(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records)
def test_no_record_changes_what_a_decision_covers_or_does(decided, tmp_path_factory, rows):
    folder, given_ = decided
    place = tmp_path_factory.mktemp("more")
    more = jsonl(place / "more.jsonl", [*first_day(), *rows])
    run(place / "run", "--complaints", more, *given_)
    assert bound(place / "run") == bound(folder / "2")
    assert status_of(place / "run", RING[0]) == "confirmed"
    cluster_of = cluster_by_entity(place / "run")
    assert cluster_of[f"phone:{RING[0]}"] != cluster_of.get(f"phone:{STRANGER}")
    assert f"phone:{LATE}" not in cluster_of
    for entity in table_rows(place / "run", ENTITIES):
        if entity["value"] == LATE:
            assert entity["status"] == "suppressed"


def test_decisions_expire_by_the_clock_and_never_by_a_record(tmp_path):
    file = write_decisions(
        tmp_path / "d.csv",
        f"d1,legitimate,{RING[0]},,anna,a bank,{DECIDED_AT},2024-06-01T00:00:00Z",
    )
    rows = [*first_day(), named(9, RING[0]) | {"received_at": "2025-03-01T00:00:00Z"}]
    given_ = ["--complaints", jsonl(tmp_path / "r.jsonl", rows[:-1]), "--decisions", file]
    liar = ["--complaints", jsonl(tmp_path / "l.jsonl", rows), "--decisions", file]
    for name, flags, there in (
        ("before", [*liar, "--now", "2024-05-31T23:59:59Z"], False),
        ("after", [*given_, "--now", "2024-06-01T00:00:00Z"], True),
        ("as-of", [*given_, "--as-of", "2024-05-31T00:00:00Z"], False),
        ("both", [*given_, "--as-of", "2024-05-31T00:00:00Z", "--now", NOW], False),
    ):
        manifest = run(tmp_path / name, *flags)
        members = set(column(tmp_path / name, MEMBERS, "entity_id"))
        assert (f"phone:{RING[0]}" in members) == there, name
        told = {"before": "2024-05-31T23:59:59", "after": "2024-06-01T00:00:00"}
        assert (
            manifest["clock"] == told.get(name, manifest["clock"].removesuffix("+00:00")) + "+00:00"
        )
        if name == "before":
            assert manifest["tallies"]["complaint_rejects"] == {"in_future": 1}


def test_now_replays_a_run_byte_for_byte(tmp_path, monkeypatch):
    file = write_decisions(tmp_path / "d.csv", f"d1,confirm,{RING[0]},,anna,seen,{DECIDED_AT},")
    given_ = ["--complaints", jsonl(tmp_path / "r.jsonl", first_day()), "--decisions", file]
    moment = datetime(2025, 5, 5, 5, 5, 5, tzinfo=UTC)
    monkeypatch.setattr("pipelines.batch.plan.current_time", lambda: moment)
    assert cli.main([str(word) for word in ["batch", *given_, "--output", tmp_path / "clock"]]) == 0
    monkeypatch.undo()
    run(tmp_path / "now", *given_, "--now", moment.isoformat())
    run(tmp_path / "later", *given_, "--now", "2026-05-05T05:05:05Z")
    files = {name: files_below(tmp_path / name) for name in ("clock", "now", "later")}
    assert files["clock"] == files["now"] != files["later"]
    manifests = [json.loads(files[name][MANIFEST_NAME]) for name in ("now", "later")]
    assert manifests[0]["run_id"] == manifests[1]["run_id"]


def test_decisions_of_a_previous_run_that_were_changed_are_not_bound_anew(days, tmp_path):
    folder, inputs = days
    shutil.copytree(folder / "2", tmp_path / "2")
    (file,) = (tmp_path / "2" / DECISIONS.name).iterdir()
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    words = ["batch", *map(str, inputs), "--output", str(tmp_path / "3")]
    said = refusal_of(*words, "--previous", str(tmp_path / "2"))
    assert "is not what the run wrote" in said
