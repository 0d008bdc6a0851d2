from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.layout import positions
from reports.trends import trend
from tests.reports.made_up import START, complaint, write_run

NODES = [f"phone:+1888555{n:04d}" for n in range(12)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=30), st.randoms()
)
def test_places_are_inside_and_do_not_depend_on_order(pairs, chance):
    edges = sorted({(min(a, b), max(a, b), 1.0) for a, b in pairs if a != b})
    placed = positions(NODES, edges)
    assert set(placed) == set(NODES)
    assert all(0 <= axis <= 1 for point in placed.values() for axis in point)
    nodes, mixed = list(NODES), list(edges)
    chance.shuffle(nodes)
    chance.shuffle(mixed)
    assert positions(nodes, mixed) == placed


def test_a_mistyped_year_does_not_flatten_the_trend(tmp_path):
    days = [START, START + timedelta(days=9), START - timedelta(days=36_500)]
    rows = {"complaints": [complaint(f"A-{n}", received_at=day) for n, day in enumerate(days)]}
    found = trend(write_run(tmp_path / "r", rows))
    assert (found.step, found.earlier, found.end) == (7, 1, date(2026, 3, 10))
    assert sum(bar.complaints for bar in found.bars) == 2
