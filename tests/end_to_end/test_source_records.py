"""Decisions on what a source sent lower the rank of what it sends, and change nothing else."""

from itertools import combinations

import pytest

from reports import tables
from schemas.tables import ALL_TABLES, CLUSTERS
from tests.end_to_end.test_thin_joins import LATER, numbers, office, ringtrace, told  # noqa: F401

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


@pytest.fixture
def decided(office):  # noqa: F811
    """Returns a function that runs rows after shops were decided to be legitimate."""

    def make(rows, name, *, shops=SHOPS):
        made = office(rows)
        made.decisions.unlink(missing_ok=True)
        first = made.batch(f"{name}-first")
        rows = [f"D-{n},legitimate,{one},,Ada,a shop,{LATER}," for n, one in enumerate(shops)]
        made.typed(*rows)
        return made.batch(name, "--previous", first)

    return make


def ranks(made):
    """The priority of each cluster of several, by the ring whose numbers it has."""
    found = [one for one in tables.read_table(made, CLUSTERS).to_pylist() if one["size"] > 1]
    assert len(found) == 2
    return {one["name"].split()[0][:8]: one["priority"] for one in found}


WEB, EMAIL = (one[0][:8] for one in (numbers(0), numbers(1)))


def test_what_a_source_that_was_wrong_sends_ranks_lower(decided, capsys):
    rows = [*ring(0, 10, "web"), *ring(1, 8, "email")]
    before = ranks(decided(rows, "unknown", shops=[]))
    assert before[WEB] > before[EMAIL]
    made = decided([*rows, *misled(9)], "known")
    after = ranks(made)
    assert after[WEB] < after[EMAIL] == before[EMAIL]
    capsys.readouterr()
    assert ringtrace("explain", made, numbers(0)[0]) == 0
    said = capsys.readouterr().out
    line = "of 9 reporters of amazon by web on whom decisions bear, 0 were right (precision"
    assert line in said and "each counts as 0.50 in ranks" in said


def test_one_liar_sinks_no_source(decided):
    rows = [*ring(0, 10, "web"), *ring(1, 8, "email")]
    before = ranks(decided(rows, "unknown", shops=[]))
    assert ranks(decided([*rows, *misled(1)], "one")) == before


def test_a_source_that_was_wrong_changes_nothing_but_ranks(decided, monkeypatch):
    rows = [*ring(0, 10, "web"), *ring(1, 8, "email"), *misled(9)]
    one = decided(rows, "with")
    monkeypatch.setattr("transforms.reporters.LEAST_WEIGHT", 1.0)
    other = decided(rows, "without")
    for table in ALL_TABLES:
        if not (one / table.name).exists():
            continue
        pair = [tables.read_table(made, table) for made in (one, other)]
        if table is CLUSTERS:
            assert not pair[0].equals(pair[1])
            pair = [rows.drop_columns(["priority", "priority_parts"]) for rows in pair]
        assert pair[0].equals(pair[1]), table.name
