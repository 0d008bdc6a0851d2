"""`--decisions`: what analysts decide binds the run, and shows."""

from schemas.tables import CLUSTERS, ENTITIES, LINKS
from tests.support.run_pipeline import (
    callbacks,
    cluster_by_entity,
    complaint,
    jsonl,
    read,
    run,
    table_rows,
    write_decisions,
)

PHONES = [f"+1888555010{digit}" for digit in range(8)]


def rows():
    """Two pairs that three victims name, and one number that is named alone."""
    for number, (a, b) in enumerate([(0, 1)] * 3 + [(2, 3)] * 3 + [(4, 4)]):
        yield complaint(
            number,
            victim_id=f"v{number}",
            phone_numbers=callbacks(*(PHONES[place] for place in sorted({a, b}))),
        )


def decided(tmp_path, *decisions, flags=()):
    lines = [
        f"d{n},{decision},anna,because,2024-03-02T00:00:00Z,"
        for n, decision in enumerate(decisions)
    ]
    file = write_decisions(tmp_path / "decisions.csv", *lines)
    complaints = jsonl(tmp_path / "rows.jsonl", rows())
    manifest = run(tmp_path / "run", "--complaints", complaints, "--decisions", file, *flags)
    return manifest, tmp_path / "run", cluster_by_entity(tmp_path / "run")


def entity(folder, number):
    return next(
        row for row in table_rows(folder, ENTITIES) if row["entity_id"] == f"phone:{PHONES[number]}"
    )


def cluster(members, number):
    return members.get(f"phone:{PHONES[number]}")


def test_each_kind_binds_and_shows(tmp_path):
    manifest, folder, members = decided(
        tmp_path,
        f"must_link,{PHONES[0]},{PHONES[4]}",
        f"cannot_link,{PHONES[2]},{PHONES[3]}",
        f"confirm,{PHONES[1]},",
        f"dispute,{PHONES[2]},",
    )
    assert cluster(members, 0) == cluster(members, 1) == cluster(members, 4)
    assert cluster(members, 2) != cluster(members, 3)
    status = {row["cluster_id"]: row["status"] for row in table_rows(folder, CLUSTERS)}
    assert status[cluster(members, 0)] == "confirmed"
    assert status[cluster(members, 2)] == "disputed"
    assert status[cluster(members, 3)] == "candidate"
    links = {(row["entity_a"][-1], row["entity_b"][-1]): row for row in table_rows(folder, LINKS)}
    assert not links["2", "3"]["accepted"]
    assert "kept apart by cannot_link decision d1 by anna: because" in links["2", "3"]["reason"]
    assert links["0", "1"]["accepted"]
    assert "must_link decision d0 by anna: because" in entity(folder, 4)["reason"]
    told = manifest["tallies"]["decisions"]
    assert told == {
        "in_force_must_link": 1,
        "in_force_cannot_link": 1,
        "in_force_confirm": 1,
        "in_force_dispute": 1,
        "entities_named": 5,
        "bound_here": 4,
        "not_signed": 4,
    }
    assert not manifest["alarms"]


def test_legitimate_is_suppressed_with_the_reason(tmp_path):
    _, folder, members = decided(tmp_path, f"legitimate,{PHONES[0]},")
    assert cluster(members, 0) is None
    assert entity(folder, 0)["status"] == "suppressed"
    assert entity(folder, 0)["reason"] == "known legitimate: decision d0 by anna: because"
    assert cluster(members, 1) is not None
    assert not any(
        f"phone:{PHONES[0]}" in (row["entity_a"], row["entity_b"])
        for row in table_rows(folder, LINKS)
    )


def test_a_contradiction_is_an_alarm_and_welds_nothing(tmp_path):
    manifest, _, members = decided(
        tmp_path, f"must_link,{PHONES[0]},{PHONES[2]}", f"cannot_link,{PHONES[2]},{PHONES[0]}"
    )
    assert cluster(members, 0) != cluster(members, 2)
    (alarm,) = manifest["alarms"]
    assert alarm["code"] == "decisions_contradict"
    assert "cannot_link d1 against must_link d0" in alarm["message"]


def test_a_decision_is_not_known_before_it_was_made(tmp_path):
    line = f"d1,must_link,{PHONES[0]},{PHONES[2]},anna,because,2024-03-05T00:00:00Z,"
    file = write_decisions(tmp_path / "d.csv", f"{line}2024-03-09T00:00:00Z")
    inputs = ["--complaints", jsonl(tmp_path / "rows.jsonl", rows()), "--decisions", file]
    for as_of, tally in (
        ("2024-03-04T00:00:00Z", "decided_later"),
        ("2024-03-06T00:00:00Z", "in_force_must_link"),
        ("2024-03-09T00:00:00Z", "expired"),
    ):
        manifest = run(tmp_path / "run", *inputs, "--as-of", as_of, "--overwrite")
        assert manifest["tallies"]["decisions"][tally] == 1
        together = read(tmp_path / "run", CLUSTERS).num_rows
        assert together == (2 if tally == "in_force_must_link" else 3)
