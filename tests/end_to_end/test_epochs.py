"""A number that is passed on: two rings that held it one after the other stay two."""

import csv
import json

import pytest

from schemas.tables import CLUSTERS, DECISIONS, ENTITIES, LINEAGE, LINKS, MEMBERS, MENTIONS
from tests.support.run_pipeline import (
    by_key,
    callbacks,
    cluster_by_entity,
    column,
    complaint,
    execute,
    jsonl,
    run,
    table_rows,
    write_decisions,
)

NUMBER, ALICE, BOB = "+18885550100", "+18885550111", "+18885550122"

SECOND = f"phone:{NUMBER}#2"


def complaint_naming(number, when, *raws):
    return complaint(
        number, received_at=when, victim_id=f"v{number}", phone_numbers=callbacks(*raws)
    )


def rows():
    """The first ring holds NUMBER in January, the second one in June."""
    early = [complaint_naming(n, f"2024-01-0{n}T10:00:00Z", NUMBER, ALICE) for n in range(1, 5)]
    return early + [
        complaint_naming(n, f"2024-06-0{n - 4}T10:00:00Z", NUMBER, BOB) for n in range(5, 9)
    ]


DECIDED = {"decision_id": "d1", "author": "a", "reason": "r", "decided_at": "2024-07-01T00:00:00Z"}


def decisions(path, **fields):
    return jsonl(path, [DECIDED | fields])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epochs")
    jsonl(folder / "rows.jsonl", rows())
    run(folder / "run", "--complaints", folder / "rows.jsonl")
    return folder


def test_two_holders_are_two_clusters(world):
    cluster_of = cluster_by_entity(world / "run")
    assert (
        cluster_of[f"phone:{NUMBER}"]
        == cluster_of[f"phone:{ALICE}"]
        != cluster_of[SECOND]
        == cluster_of[f"phone:{BOB}"]
    )
    row = by_key(world / "run", ENTITIES)[SECOND]
    assert (row["value"], row["epoch"], row["complaints"]) == (NUMBER, 2, 4)
    assert "seen again after 149 days" in row["reason"]
    ends = {(link["entity_a"], link["entity_b"]) for link in table_rows(world / "run", LINKS)}
    assert ends == {(f"phone:{NUMBER}", f"phone:{ALICE}"), (SECOND, f"phone:{BOB}")}
    assert column(world / "run", MENTIONS, "entity_id").count(SECOND) == 4


def test_other_evidence_ties_them_again(world, tmp_path):
    more = [complaint_naming(n, f"2024-06-1{n - 9}T10:00:00Z", ALICE, BOB) for n in range(9, 13)]
    # ALICE is seen again after the same gap: it is another epoch itself, and ties nothing back.
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "a.jsonl", rows() + more))
    cluster_of = cluster_by_entity(tmp_path / "run")
    assert cluster_of[SECOND] == cluster_of[f"phone:{ALICE}#2"] != cluster_of[f"phone:{ALICE}"]
    account = [{"method": "bank", "payee": "GB29NWBK60161331926819"}]
    paid = [row | {"payments": account} for row in rows()]
    run(tmp_path / "paid", "--complaints", jsonl(tmp_path / "b.jsonl", paid))
    cluster_of = cluster_by_entity(tmp_path / "paid")
    assert cluster_of[SECOND] == cluster_of[f"phone:{NUMBER}"]


def test_the_known_legitimate_number_is_nobodys_in_any_epoch(world, tmp_path):
    listed = tmp_path / "known.csv"
    listed.write_text(f"entity_id,reason\n{NUMBER},a bank\n")
    run(tmp_path / "run", "--complaints", world / "rows.jsonl", "--known-legitimate", listed)
    assert not {SECOND, f"phone:{NUMBER}"} & cluster_by_entity(tmp_path / "run").keys()


@pytest.mark.parametrize("entity", [f"phone:{NUMBER}", SECOND])
def test_legitimate_by_decision(world, tmp_path, entity):
    """A decision that protects holds for the number in every epoch, also where it names one."""
    made = decisions(tmp_path / "d.jsonl", kind="legitimate", entity_a=entity)
    run(tmp_path / "run", "--complaints", world / "rows.jsonl", "--decisions", made)
    there = cluster_by_entity(tmp_path / "run").keys()
    assert not {SECOND, f"phone:{NUMBER}"} & there


@pytest.mark.parametrize("entity", [f"phone:{NUMBER}", SECOND])
def test_a_dispute_and_a_cannot_link_hold_for_every_epoch(world, tmp_path, entity):
    made = jsonl(
        tmp_path / "d.jsonl",
        [
            DECIDED | {"decision_id": "d1", "kind": "dispute", "entity_a": entity},
            DECIDED
            | {"decision_id": "d2", "kind": "cannot_link", "entity_a": entity}
            | {"entity_b": f"phone:{BOB}"},
        ],
    )
    run(tmp_path / "run", "--complaints", world / "rows.jsonl", "--decisions", made)
    cluster_of = cluster_by_entity(tmp_path / "run")
    status = {
        cluster["cluster_id"]: cluster["status"]
        for cluster in table_rows(tmp_path / "run", CLUSTERS)
    }
    assert {status[cluster_of[f"phone:{NUMBER}"]], status[cluster_of[SECOND]]} == {"disputed"}
    assert cluster_of[SECOND] != cluster_of[f"phone:{BOB}"]


def test_decisions_on_pairs_name_an_epoch(world, tmp_path):
    made = decisions(
        tmp_path / "d.jsonl", kind="must_link", entity_a=f"phone:{NUMBER}", entity_b=SECOND
    )
    run(tmp_path / "run", "--complaints", world / "rows.jsonl", "--decisions", made)
    assert len(set(cluster_by_entity(tmp_path / "run").values())) == 1
    made = decisions(tmp_path / "c.jsonl", kind="confirm", entity_a=f"phone:{NUMBER}")
    run(tmp_path / "two", "--complaints", world / "rows.jsonl", "--decisions", made)
    cluster_of = cluster_by_entity(tmp_path / "two")
    status = {
        cluster["cluster_id"]: cluster["status"]
        for cluster in table_rows(tmp_path / "two", CLUSTERS)
    }
    assert status[cluster_of[f"phone:{NUMBER}"]] == "confirmed"
    assert status[cluster_of[SECOND]] == "candidate"


def test_lineage_keeps_the_first_and_bears_the_second(world, tmp_path):
    run(tmp_path / "old", "--complaints", jsonl(tmp_path / "a.jsonl", rows()[:4]))
    run(tmp_path / "new", "--complaints", world / "rows.jsonl", "--previous", tmp_path / "old")
    old, new = cluster_by_entity(tmp_path / "old"), cluster_by_entity(tmp_path / "new")
    assert new[f"phone:{NUMBER}"] == old[f"phone:{NUMBER}"]
    events = {
        event["cluster_id"]: event["event"] for event in table_rows(tmp_path / "new", LINEAGE)
    }
    assert events == {old[f"phone:{NUMBER}"]: "unchanged", new[SECOND]: "born"}


def test_explain_names_the_other_holder(world):
    for written, twin in ((NUMBER, SECOND), (SECOND, f"phone:{NUMBER}")):
        assert (
            f"apart from {twin}: the same identifier"
            in execute("explain", world / "run", written).out
        )
    assert "No evidence path" in execute("explain", world / "run", NUMBER, SECOND).out


def test_harm_is_counted_in_every_epoch(world, tmp_path):
    for name, header in (("truth", "operation"), ("victims", "reason")):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([("entity_id", header), (f"phone:{NUMBER}", "x")])
    told_by = [
        "--victims",
        str(tmp_path / "victims"),
        "--known-legitimate",
        str(tmp_path / "victims"),
    ]
    report = json.loads(
        execute("evaluate", world / "run", tmp_path / "truth", *told_by, "--json").out
    )
    assert (report["victim_side"], report["known_legitimate"]) == (2, 2)


@pytest.mark.parametrize("cells", [["confirm"], ["review"]])
def test_no_liar_moves_a_bound_decision_to_another_epoch(tmp_path, cells):
    """A first run, in which a liar backs the early date that only one reporter gave."""
    alone = complaint_naming(1, "2020-01-05T10:00:00Z", NUMBER, ALICE)
    several = [complaint_naming(n, f"2024-06-0{n}T10:00:00Z", NUMBER, BOB) for n in range(2, 6)]
    honest = jsonl(tmp_path / "honest.jsonl", [alone, *several])
    lie = complaint_naming(9, "2020-01-06T10:00:00Z", NUMBER, ALICE)
    lied = jsonl(tmp_path / "lied.jsonl", [alone, *several, lie])
    file = tmp_path / "decisions.csv"
    run(tmp_path / "one", "--complaints", honest)
    flags = ["--decisions", file, "--author", "Ann", "--reason", "seen"]
    named = f"phone:{NUMBER}"
    execute("decide", tmp_path / "one", *cells, named, *map(str, flags))

    def reviewed(folder):
        days = {row["entity_id"]: row["first_used"] for row in table_rows(folder, ENTITIES)}
        return {
            (row["entity_id"], days[row["entity_id"]].year)
            for row in table_rows(folder, MEMBERS)
            if row["review"] == "reviewed"
        }

    for name, rows in (("two", honest), ("three", lied)):
        run(tmp_path / name, "--complaints", rows, "--decisions", file)
        years = reviewed(tmp_path / name)
        assert (named, 2024) in years
        assert {year for _, year in years} == {2024}
    # Nor does the binding that a run has written.
    run(tmp_path / "four", "--complaints", honest, "--decisions", file, "--previous",
        tmp_path / "three")  # fmt: skip
    assert reviewed(tmp_path / "four") == reviewed(tmp_path / "two")
    (row,) = table_rows(tmp_path / "four", DECISIONS)
    assert dict(zip(row["members"], row["used"], strict=True))[named] == "2024-06-02/2024-06-05"


def test_one_liar_renames_no_epoch(world, tmp_path):
    """Dates far off, and one in every month between: the two holders stay what they were."""
    whens = ["2022-01-01", "2025-12-01", *(f"2024-0{month}-15" for month in range(1, 7))]
    lies = [
        complaint_naming(90 + n, f"{day}T10:00:00Z", NUMBER, ALICE)
        | {"victim_id": "mal", "narrative": "again"}
        for n, day in enumerate(whens)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "a.jsonl", rows() + lies))
    before, after = cluster_by_entity(world / "run"), cluster_by_entity(tmp_path / "run")
    for entity_id in before:
        together = {peer for peer in before if before[peer] == before[entity_id]}
        assert {peer for peer in before if after[peer] == after[entity_id]} == together
    tiers = by_key(tmp_path / "run", MEMBERS)
    alone = [
        entity_id
        for entity_id in tiers
        if entity_id.startswith(f"phone:{NUMBER}#") and entity_id != SECOND
    ]
    assert alone
    assert {tiers[entity_id]["tier"] for entity_id in alone} == {"verify"}


def test_numbers_of_the_previous_run_are_kept(tmp_path):
    """An epoch that one person dated first was #1 yesterday, and still is today."""
    early = [complaint_naming(1, "2023-06-01T10:00:00Z", NUMBER, ALICE)]
    run(tmp_path / "old", "--complaints", jsonl(tmp_path / "a.jsonl", early))
    later = jsonl(tmp_path / "b.jsonl", early + rows()[4:])
    run(tmp_path / "new", "--complaints", later, "--previous", tmp_path / "old")
    cluster_of = cluster_by_entity(tmp_path / "new")
    assert (
        cluster_of[f"phone:{NUMBER}"]
        == cluster_of[f"phone:{ALICE}"]
        != cluster_of[SECOND]
        == cluster_of[f"phone:{BOB}"]
    )
    assert cluster_of[f"phone:{NUMBER}"] == cluster_by_entity(tmp_path / "old")[f"phone:{NUMBER}"]
    # Alone, today's records say otherwise: two holders come before what one person dates.
    run(tmp_path / "alone", "--complaints", later)
    assert (
        cluster_by_entity(tmp_path / "alone")[f"phone:{BOB}"]
        == cluster_by_entity(tmp_path / "alone")[f"phone:{NUMBER}"]
    )
    row = by_key(tmp_path / "new", ENTITIES)[SECOND]
    used = [f"{row[name]:%Y-%m-%d}" for name in ("first_used", "last_used")]
    assert used == ["2024-06-01", "2024-06-04"]


def test_numbers_are_kept_over_a_run_in_which_it_is_contested(tmp_path):
    """Later holders first, then earlier ones, then a liar, then a decision: #1 stays the later."""
    later = rows()[4:]
    lie = complaint(90, victim_id="mal", received_at="2024-06-20T10:00:00Z",
                    phone_numbers=[{"raw": NUMBER, "role": "victim"}])  # fmt: skip
    known: list[object] = []
    for name, records in {"a": later, "b": rows(), "c": [*rows(), lie]}.items():
        flags = ["--complaints", jsonl(tmp_path / f"{name}.jsonl", records)]
        run(tmp_path / name, *flags, *known)
        known = ["--previous", tmp_path / name]
    file = write_decisions(
        tmp_path / "d.csv",
        f"s1,suspect_held,phone:{NUMBER},,ann,checked,2024-07-01T00:00:00Z,",
        f"s2,suspect_held,{SECOND},,ann,checked,2024-07-01T00:00:00Z,",
    )
    run(tmp_path / "d", *flags, *known, "--decisions", file)
    before, after = cluster_by_entity(tmp_path / "b"), cluster_by_entity(tmp_path / "d")
    assert before == after
    assert after[f"phone:{NUMBER}"] == after[f"phone:{BOB}"]
    bound = by_key(tmp_path / "d", DECISIONS)
    assert [bound[decision_id]["members"] for decision_id in ("s1", "s2")] == [
        [f"phone:{NUMBER}"],
        [SECOND],
    ]
