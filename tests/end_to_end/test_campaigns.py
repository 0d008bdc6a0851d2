"""Campaigns of runs: what the public transcripts give, and that no lead changes or leaves."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from schemas.tables import CAMPAIGNS, CLUSTERS, ENTITIES, LINKS, MEMBERS, SUPPLIERS
from tests.support.leaks import decoded_layers, layers_below
from tests.support.real_data import real
from tests.support.run_pipeline import (
    cluster_by_entity,
    column,
    confirm_all,
    execute,
    read,
    run,
    simulated,
    table_rows,
)

FORMATS = ("graphml", "gexf", "csv", "stix", "misp", "case")

HALF_PRICE = {
    f"phone:+1{number}"
    for number in (
        "8332224207", "8336895446", "8442641142", "8445702132", "8446491413", "8554577745",
        "8554594275", "8773211310", "8883760048", "8883994574",
    )
}  # fmt: skip
"""The numbers of all transcripts in which "your existing account" gets half off."""


def test_the_script_of_ten_numbers_is_the_first_lead_and_says_that_it_is_only_ranked(tmp_path):
    path = real("robocall_transcripts/transcripts.csv")
    run(tmp_path / "run", "--complaints", path)
    campaigns = sorted(
        table_rows(tmp_path / "run", CAMPAIGNS), key=lambda campaign: campaign["rank"]
    )
    assert {
        entity_id for member in campaigns[0]["members"] for entity_id in member["entity_ids"]
    } == HALF_PRICE
    assert {(campaign["basis"], campaign["probability"]) for campaign in campaigns} == {
        ("rank", None)
    }
    assert len(campaigns) == 4


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of a simulated world, in which an analyst confirmed every operation."""
    folder = tmp_path_factory.mktemp("campaigns")
    inputs = simulated(folder / "world", seed=5, complaints=600, operations=14)
    truth = csv.DictReader((folder / "world/truth.csv").open())
    ids = [row["entity_id"] for row in truth if "#" not in row["entity_id"]]
    decisions = confirm_all(folder / "decisions.csv", ids, "2026-03-20T00:00:00Z")
    run(folder / "run", *inputs, "--decisions", decisions)
    return folder / "run"


def test_members_are_clusters_of_the_run_and_their_identifiers(finished):
    cluster_of = cluster_by_entity(finished)
    campaigns = table_rows(finished, CAMPAIGNS)
    assert len(campaigns) > 5
    assert sorted(campaign["rank"] for campaign in campaigns) == list(range(1, len(campaigns) + 1))
    assert {campaign["basis"] for campaign in campaigns} >= {"simulated"}
    for campaign in campaigns:
        assert (
            len({member["cluster_id"] for member in campaign["members"]})
            == len(campaign["members"])
            > 1
        )
        for member in campaign["members"]:
            assert member["entity_ids"]
            assert {cluster_of[entity_id] for entity_id in member["entity_ids"]} == {
                member["cluster_id"]
            }
        assert campaign["other_reporters"] >= 2


def test_a_probability_is_stated_of_simulated_worlds_alone(finished, tmp_path):
    """The same records with a byte more are real to a run, as those without a list are."""
    stated = read(finished, CAMPAIGNS)
    assert stated["probability"].null_count < stated.num_rows
    world = shutil.copytree(finished.parent / "world", tmp_path / "world")
    with (world / "complaints/amazon.jsonl").open("ab") as file:
        file.write(b"\n")
    inputs = [f"--{kind}={world / kind}" for kind in ("complaints", "calls")]
    run(tmp_path / "run", *inputs, "--decisions", finished.parent / "decisions.csv")
    changed = read(tmp_path / "run", CAMPAIGNS)
    columns = ["basis", "probability"]
    assert changed.drop_columns(columns).equals(stated.drop_columns(columns))
    rank = {"basis": "rank", "probability": None}
    assert changed.select(columns).to_pylist() == [rank] * changed.num_rows


def words_of(path: Path) -> bytes:
    file = decoded_layers(path.name, path.read_bytes()) if path.is_file() else ()
    return b"\n".join([*file, *(layer for _, layer in layers_below(path))])


def test_no_lead_is_in_an_export_or_a_copy_for_outsiders(finished, tmp_path):
    ids = [campaign_id.encode() for campaign_id in column(finished, CAMPAIGNS, "campaign_id")]
    made = []
    for name in FORMATS:
        out = tmp_path / name
        execute("export", finished, "--all", "--format", name, "--output", out)
        made.append(out)
    out = tmp_path / "copy"
    execute("report", finished, "--redact", "--output", out)
    own = words_of(finished / "report")
    assert [campaign_id for campaign_id in ids if campaign_id in own]
    for path in (*made, out):
        content = words_of(path)
        assert len(content) > 1000
        assert not [campaign_id for campaign_id in ids if campaign_id in content], path.name
        assert b"block:+" not in content


def test_no_other_table_changes_with_what_is_shared(finished, tmp_path, monkeypatch):
    """The same records without the step: every other table is the same."""
    monkeypatch.setattr(
        "transforms.campaigns.campaigns.campaign_rows",
        lambda *_, **__: CAMPAIGNS.schema.empty_table(),
    )
    folder = finished.parent
    inputs = [f"--{kind}={folder / 'world' / kind}" for kind in ("complaints", "calls")]
    run(tmp_path / "run", *inputs, "--decisions", folder / "decisions.csv")
    assert read(tmp_path / "run", CAMPAIGNS).num_rows == 0
    for table in (CLUSTERS, MEMBERS, ENTITIES, LINKS, SUPPLIERS):
        assert read(tmp_path / "run", table).equals(read(finished, table)), table.name
