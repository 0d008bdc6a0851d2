"""A platform that no list has: in a batch, a stream and the next run its tenants tie, not it."""

from datetime import date, timedelta

import pytest

from schemas.enums import Status
from schemas.tables import ENTITIES, LINKS, MEMBERS
from tests.support.run_pipeline import (
    by_key,
    callbacks,
    cluster_by_entity,
    column,
    complaint,
    execute,
    inbox,
    jsonl,
    read,
    run,
    watch_once,
)

SITE, PLATFORM = "start-here.page", "domain:start-here.page"

TENANTS = 4


def tenant(ring):
    return f"domain:shop{ring}.{SITE}"


def line(ring, n):
    return f"+1888555{ring}{n:03}"


def reports(people=5, tenants=TENANTS):
    """Each ring's victims were sent to its page, and told to call one of its two numbers."""
    for ring in range(tenants):
        for person in range(people):
            number = 100 * ring + person
            day = date(2026, 3, 1) + timedelta(days=person)
            yield complaint(
                number,
                victim_id=f"v{number}",
                received_at=f"{day}T09:30:00Z",
                urls=[f"https://shop{ring}.{SITE}/pay?case={number}"],
                phone_numbers=callbacks(line(ring, 101 + person % 2)),
            )


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    run(folder / "run", "--complaints", jsonl(folder / "rows.jsonl", reports()))
    return folder / "run"


def test_tenants_tie_and_the_platform_does_not(output):
    entities = by_key(output, ENTITIES)
    assert entities[PLATFORM]["status"] == Status.SUPPRESSED
    assert entities[PLATFORM]["reason"] == (
        "shared host: 20 reporters were sent to 4 of its pages, and name nothing else alike"
    )
    clusters = cluster_by_entity(output)
    assert PLATFORM not in clusters
    assert PLATFORM not in {*column(output, LINKS, "entity_a"), *column(output, LINKS, "entity_b")}
    for ring in range(TENANTS):
        assert entities[tenant(ring)]["hosted_by"] == SITE
        ties = {clusters[tenant(ring)], clusters[f"phone:{line(ring, 101)}"]}
        assert len(ties) == 1
    assert len(set(clusters.values())) == TENANTS
    assert set(column(output, MEMBERS, "tier")) == {"core"}


def test_a_stream_shows_the_same(output, tmp_path):
    """The rings of its last snapshot, and what they share."""
    watched = inbox(tmp_path)
    rows = list(reports())
    jsonl(watched / "complaints" / "a.jsonl", rows[::2])
    jsonl(watched / "complaints" / "b.jsonl", rows[1::2])
    newest = watch_once(watched, tmp_path / "out")
    for table, names in (
        (ENTITIES, ["entity_id", "status", "reason", "hosted_by", "reporters"]),
        (LINKS, ["entity_a", "entity_b", "weight", "accepted"]),
        (MEMBERS, ["entity_id", "cluster_id", "tier", "robustness"]),
    ):
        assert read(newest, table).select(names).equals(read(output, table).select(names))


def test_the_next_run_keeps_its_tenants_with_fewer_reports(output, tmp_path):
    few = jsonl(tmp_path / "few.jsonl", reports(people=1))
    run(tmp_path / "next", "--complaints", few, "--previous", output)
    assert by_key(tmp_path / "next", ENTITIES)[PLATFORM]["status"] == Status.SUPPRESSED
    assert tenant(0) in cluster_by_entity(tmp_path / "next")


def test_a_decision_puts_the_platform_back_and_says_whom_it_names(output, tmp_path):
    decisions = tmp_path / "decisions.csv"
    words = ["--decisions", decisions, "--author", "Ada", "--reason", "their own server"]
    said = execute("decide", output, "suspect_held", PLATFORM, *words).out
    assert f"puts back {PLATFORM}, and names whoever holds it" in said
    assert "20 reporters were sent to 4 of its pages" in said
    rows = jsonl(tmp_path / "rows.jsonl", reports())
    run(tmp_path / "next", "--complaints", rows, "--decisions", decisions)
    entities = by_key(tmp_path / "next", ENTITIES)
    assert entities[PLATFORM]["status"] == Status.INFRASTRUCTURE
    assert tenant(0) not in entities
