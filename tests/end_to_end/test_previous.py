"""`--previous`: a day's new complaints keep the ids of clusters that did not truly change."""

import csv
import json
import shutil
from collections import Counter
from datetime import timedelta

import pytest

from pipelines.batch.__main__ import main
from schemas.tables import CLUSTERS, LINEAGE, SUPPLIERS
from tests.support.report_tables import manifest as made_up_manifest
from tests.support.run_pipeline import (
    callbacks,
    cluster_by_entity,
    column,
    complaint,
    jsonl,
    manifest_of,
    refusal_of,
    run,
    simulated,
    table_rows,
    three_quarters,
)
from transforms.graph import id_survival


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """(truth, yesterday's run, today's run, today's manifest)."""
    folder = tmp_path_factory.mktemp("days")
    world = folder / "world"
    inputs = simulated(world, seed=23, complaints=600, operations=30)
    day = three_quarters(world)
    run(folder / "first", *inputs, "--as-of", day.isoformat())
    after = ["--as-of", (day + timedelta(days=1)).isoformat(), "--previous", folder / "first"]
    manifest = run(folder / "second", *inputs, *after)
    with (world / "truth.csv").open(encoding="utf-8") as file:
        truth = {row["entity_id"]: row["operation"] for row in csv.DictReader(file)}
    return truth, folder / "first", folder / "second", manifest


def test_ids_of_what_did_not_truly_change_survive(days):
    truth, first, second, manifest = days
    assert manifest["tallies"]["since_previous"]["members_new"] > 0

    survived = id_survival(truth, cluster_by_entity(first), cluster_by_entity(second))
    assert survived.operations > 20
    assert survived.kept >= 0.95 * survived.operations


def test_the_ids_are_the_same_everywhere_and_lineage_names_them_all(days):
    _, first, second, manifest = days
    ids = set(cluster_by_entity(second).values())
    assert set(column(second, CLUSTERS, "cluster_id")) == ids
    assert set(column(second, SUPPLIERS, "cluster_id")) <= ids
    earlier = set(cluster_by_entity(first).values())
    rows = table_rows(second, LINEAGE)
    assert {row["cluster_id"] for row in rows} == ids | earlier
    assert {row["cluster_id"] for row in rows if row["event"] == "ended"} == earlier - ids
    told = manifest["tallies"]["since_previous"]
    assert told["ids_kept"] == len(ids & earlier)
    events = Counter(row["event"] for row in rows)
    assert {f"clusters_{event}": count for event, count in events.items()} == {
        name: count for name, count in told.items() if name.startswith("clusters_")
    }
    assert manifest["options"]["previous"] == manifest_of(first)["run_id"]


def test_a_run_can_follow_the_one_that_it_replaces_whose_report_was_cleared_away(tmp_path):
    number = {"raw": "+1 888 555 0100", "role": "callback"}
    rows = jsonl(tmp_path / "rows.jsonl", [complaint(1, phone_numbers=[number])])
    out = tmp_path / "run"
    run(out, "--complaints", rows)
    for name in ("graph", "report"):
        shutil.rmtree(out / name)
    run(out, "--complaints", rows, "--previous", out, "--overwrite")
    assert column(out, LINEAGE, "event") == ["unchanged"]


def test_what_is_no_run_is_refused(tmp_path):
    rows = jsonl(tmp_path / "rows.jsonl", [complaint(1)])
    no_run = tmp_path / "other"
    no_run.mkdir()
    whole = made_up_manifest(outputs=[])
    for content, says in (
        (whole | {"outputs": [{}]}, "its manifest.json: field outputs[0]: Object missing"),
        (whole, "has no members/"),
    ):
        (no_run / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
        flags = ["--complaints", rows, "--output", tmp_path / "out", "--previous", no_run]
        error = refusal_of(main, [str(word) for word in flags])
        assert says in error
        assert not (tmp_path / "out").exists()


def naming(number, who, *raws):
    numbers = callbacks(*raws)
    return complaint(number, victim_id=who, phone_numbers=numbers)


def test_a_change_that_rests_on_one_reporter_names_its_records(tmp_path):
    known = [naming(n, f"v{n}", "+18885550100", "+18885550111") for n in range(4)]
    known += [naming(n, f"v{n}", "+18775550100", "+18775550111") for n in range(10, 14)]
    run(tmp_path / "old", "--complaints", jsonl(tmp_path / "a.jsonl", known))
    two = [naming(n, f"v{n}", "+18885550100", "+18885550122") for n in (5, 6)]
    liar = [naming(n, "mal", "+18775550100", "+18775550133") for n in (17, 18)]
    rows = jsonl(tmp_path / "b.jsonl", known + two + liar)
    run(tmp_path / "new", "--complaints", rows, "--previous", tmp_path / "old")
    grown = [row for row in table_rows(tmp_path / "new", LINEAGE) if row["event"] == "grew"]
    assert sorted((row["on_one_reporter"], row["rests_on"]) for row in grown) == [
        (False, []),
        (True, ["amazon|c17", "amazon|c18"]),
    ]
