"""Decisions on a source's identifiers change only the rank of clusters that it reports."""

from itertools import combinations

import pytest

from reports import tables
from schemas.tables import ALL_TABLES, CLUSTERS
from tests.end_to_end.test_thin_joins import LATER, Office, numbers, told
from tests.support.run_pipeline import execute, keys_in, table_rows

SHOPS = [f"+1877421{n:04d}" for n in range(2013, 2103, 10)]


def ring(number, reporters, channel):
    """A ring of four numbers, each reporter naming three of them."""
    named = [*combinations(numbers(number), 3)]
    return [
        told(10 * number + n, named[n % 4], f"ring{number}-v{n}") | {"channel": channel}
        | {"received_at": f"2026-03-{14 + n % 4 * 2}T09:30:00Z"}
        for n in range(reporters)
    ]  # fmt: skip


def misled(reporters, channel="web", shops=SHOPS):
    """Complaints that name shops, of so many reporters."""
    return [
        told(20 + n, [shop], f"misled-{n % reporters}") | {"channel": channel}
        for n, shop in enumerate(shops)
    ]


def rings():
    return [*ring(0, 10, "web"), *ring(1, 8, "email")]


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    """Returns a function that makes an office of rows and a first run of it."""
    with keys_in(tmp_path_factory.mktemp("home")):

        def make(rows):
            office = Office(tmp_path_factory.mktemp("office"), rows)
            return office, office.batch("first")

        yield make


def decide_shops(office, first, name="decided"):
    """The run after shops were decided to be legitimate."""
    office.typed(*(f"D-{n},legitimate,{shop},,Ada,a shop,{LATER}," for n, shop in enumerate(SHOPS)))
    return office.batch(name, "--previous", first)


@pytest.fixture(scope="module")
def before(offices):
    """The ranks of the rings where nothing was decided."""
    return ranks(offices(rings())[1])


@pytest.fixture(scope="module")
def wrong(offices):
    """An office whose source was wrong nine times, and its runs before and after decisions."""
    office, first = offices([*rings(), *misled(9)])
    return office, first, decide_shops(office, first)


def ranks(made):
    """The priority of each cluster of several, by the ring whose numbers it has."""
    clusters = [cluster for cluster in table_rows(made, CLUSTERS) if cluster["size"] > 1]
    assert len(clusters) == 2
    return {cluster["name"].split()[0][:8]: cluster["priority"] for cluster in clusters}


WEB, EMAIL = (number[0][:8] for number in (numbers(0), numbers(1)))


def test_what_a_source_that_was_wrong_sends_ranks_lower(before, wrong):
    assert before[WEB] > before[EMAIL]
    *_, made = wrong
    after = ranks(made)
    assert after[WEB] < after[EMAIL] == before[EMAIL]
    said = execute("explain", made, numbers(0)[0]).out
    line = "decisions judge 9 reporters of amazon by web: 0 were right (precision"
    assert line in said and "each counts as 0.50 in ranks" in said


def test_one_liar_sinks_no_source(before, offices):
    assert ranks(decide_shops(*offices([*rings(), *misled(1)]))) == before


def test_a_source_that_was_wrong_changes_nothing_but_ranks(wrong, monkeypatch):
    office, first, made = wrong
    monkeypatch.setattr("transforms.values.reporters.LEAST_WEIGHT", 1.0)
    unweighted = decide_shops(office, first, "without")
    for table in ALL_TABLES:
        if not (made / table.name).exists():
            continue
        pair = [tables.read_table(folder, table) for folder in (made, unweighted)]
        if table is CLUSTERS:
            assert not pair[0].equals(pair[1])
            pair = [rows.drop_columns(["priority", "priority_parts"]) for rows in pair]
        assert pair[0].equals(pair[1]), table.name
