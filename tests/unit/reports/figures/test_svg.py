import itertools
import math
import re
import subprocess
import sys
from datetime import date, timedelta
from xml.etree import ElementTree

from hypothesis import given, settings, strategies as st

from reports.figures import svg
from reports.figures.graph_figure import GraphFigure, Label, Node, NodePositions
from reports.figures.graph_layout import layout_positions
from reports.html.index_page import cluster_table, render_index_page
from reports.run import Run
from reports.run_summary import record_trend
from tests.support.report_tables import START, complaint, manifest, write_run

NODES = [f"phone:+1888555{n:04d}" for n in range(12)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=30), st.randoms()
)
def test_places_are_inside_and_do_not_depend_on_order(pairs, chance):
    edges = sorted({(min(a, b), max(a, b), 1.0) for a, b in pairs if a != b})
    placed = layout_positions(NODES, edges)
    assert set(placed) == set(NODES)
    assert all(0 <= axis <= 1 for point in placed.values() for axis in point)
    nodes, mixed = list(NODES), list(edges)
    chance.shuffle(nodes)
    chance.shuffle(mixed)
    assert layout_positions(nodes, mixed) == placed


def moved(old, new):
    return {one: max(abs(a - b) for a, b in zip(old[one], new[one], strict=True)) for one in old}


def ring(nodes):
    return [(a, b, 1.0) for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True)]


def test_places_stay_where_members_only_go():
    before = layout_positions(NODES, ring(NODES))
    after = layout_positions(NODES[:9], ring(NODES[:9]), before)
    assert after == {one: before[one] for one in NODES[:9]}


def test_a_newcomer_stands_by_its_neighbour_and_moves_the_others_little():
    before = layout_positions(NODES[:10], ring(NODES[:10]))
    edges = [*ring(NODES[:10]), (NODES[3], NODES[10], 1.0)]
    after = layout_positions(NODES[:11], edges, before)
    assert max(moved(before, {one: after[one] for one in before}).values()) < 0.1
    apart = {one: math.dist(after[one], after[NODES[10]]) for one in NODES[:10]}
    assert min(apart, key=apart.get) == NODES[3]
    assert all(0 <= axis <= 1 for point in after.values() for axis in point)
    assert after == layout_positions(NODES[:11], edges[::-1], dict(reversed(before.items())))


def test_a_newcomer_that_nothing_ties_stands_apart():
    before = layout_positions(NODES[:10], ring(NODES[:10]))
    after = layout_positions(NODES[:11], ring(NODES[:10]), before)
    assert min(math.dist(after[one], after[NODES[10]]) for one in NODES[:10]) > 0.1


def test_a_picture_of_mostly_new_members_is_made_anew():
    before = layout_positions(NODES[:5], ring(NODES[:5]))
    assert layout_positions(NODES, ring(NODES), before) == layout_positions(NODES, ring(NODES))


def test_of_two_pictures_that_merge_the_larger_is_kept():
    known = {one: ("c-a" if n < 5 else "c-b", (n / 9, 0.5)) for n, one in enumerate(NODES[:9])}
    assert set(NodePositions(known).of(NODES)) == set(NODES[:5])
    assert NodePositions().of(NODES) == {}


def test_parts_stand_beside_each_other():
    placed = layout_positions(NODES, [*ring(NODES[:6]), *ring(NODES[6:11])])
    boxes = [
        [(min(axis), max(axis)) for axis in zip(*(placed[one] for one in part), strict=True)]
        for part in (NODES[:6], NODES[6:11], NODES[11:])
    ]
    for a, b in itertools.combinations(boxes, 2):
        assert any(one[1] < other[0] or other[1] < one[0] for one, other in zip(a, b, strict=True))


def test_hostile_words_cannot_leave_their_attribute():
    evil = 'domain:" onload="alert(1)"><script>&amp;'
    node = Node(evil, 'x" y="', 1, 2, 5, bridge=True, supplier=False, about=evil)
    drawn = GraphFigure([node], [], [], [Label(0, 1, 2, "start", evil)], 0, 0)
    root = ElementTree.fromstring(svg.graph_svg(drawn, 1))  # noqa: S314 - our own
    group = next(one for one in root.iter() if one.get("role") == "img")
    assert group.get("aria-label") == f"{evil}: {evil}"
    assert group.get("class") == "node k-other bridge"
    assert {one.tag.rpartition("}")[2] for one in root.iter()} == {"svg", "g", "text", "circle"}


def test_a_mistyped_year_does_not_flatten_the_trend(tmp_path):
    days = [START, START + timedelta(days=9), START - timedelta(days=36_500)]
    rows = {"complaints": [complaint(f"A-{n}", received_at=day) for n, day in enumerate(days)]}
    run = write_run(tmp_path / "r", rows)
    for step in (1, 7):
        found = record_trend(run, step)
        assert (found.step, found.earlier, found.end) == (step, 1, date(2026, 3, 10))
        assert sum(bar.complaints for bar in found.bars) == 2


def test_a_long_run_shows_its_last_days_by_day_and_all_of_it_by_week(tmp_path):
    for number, (past, figures) in enumerate([(399, ["day"]), (400, ["day", "week"])]):
        days = [START, START - timedelta(days=past)]
        rows = {"complaints": [complaint(f"A-{n}", received_at=day) for n, day in enumerate(days)]}
        run = write_run(tmp_path / str(number), rows)
        page = render_index_page(Run(str(run), manifest()), cluster_table(run, 10)).decode()
        assert re.findall(r"calls, by (day|week) from", page) == figures
        assert page.count('<rect class="hit"') == 400 + 58 * (len(figures) - 1)


def test_newcomers_do_not_line_up_on_an_edge():
    before = layout_positions(NODES[:6], ring(NODES[:6]))
    edges = [*ring(NODES[:6]), *((NODES[n % 6], NODES[6 + n], 1.0) for n in range(6))]
    after = layout_positions(NODES, edges, before)
    assert set(after) == set(NODES)
    assert all(0 <= axis <= 1 for point in after.values() for axis in point)
    new = [after[one] for one in NODES[6:]]
    assert not [point for point in new if {*point} & {0, 1}]
    for axis in (0, 1):
        assert len({round(point[axis], 3) for point in new}) == len(new)


def test_a_layout_works_in_one_thread_whatever_it_loads():
    code = """
import numpy, threadpoolctl
from reports.figures.graph_layout import layout_positions
invert, threads = numpy.linalg.inv, []
def inverse(matrix):
    threads.extend(one["num_threads"] for one in threadpoolctl.threadpool_info())
    return invert(matrix)
numpy.linalg.inv = inverse
layout_positions(["a", "b", "c"], [("a", "b", 1.0), ("b", "c", 1.0)])
print(len(threads), {*threads})
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["2", "{1}"]  # NumPy's BLAS and SciPy's
