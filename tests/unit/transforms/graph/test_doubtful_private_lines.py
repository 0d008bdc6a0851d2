"""Private lines that too few reporters tie to their community, from the definition."""

import numpy as np
import pyarrow as pa
from hypothesis import example, given, strategies as st

from tests.support.made_up_evidence import DAY
from transforms.graph.incidence import INCIDENCE, incidence_from_rows
from transforms.graph.refinement import (
    MIN_REPORTERS,
    PhoneLines,
    doubtful_private_lines,
    reporters_by_node,
)

NODES = 8

NOBODY = np.zeros(NODES, np.int64)


def evidence(groups, victims):
    rows = [
        {"group": group, "node": node, "reporter": victims[group], "observed_at": DAY}
        for group, nodes in enumerate(groups)
        if len(nodes) > 1
        for node in nodes
    ]
    return incidence_from_rows(pa.Table.from_pylist(rows, INCIDENCE), np.arange(NODES))


@example(
    groups=[{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 7}, {2, 7}],
    label=[0, 0, 1, 0, 0, 0, 0, 1],
    victims=[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    private={0, 1, 3, 7},
    business=set(),
    alone=[0, 0, 0, 0, 0, 0, 0, 1],
)
@given(
    st.lists(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=4), max_size=12),
    st.lists(st.integers(0, NODES - 1), min_size=NODES, max_size=NODES),
    st.lists(st.integers(0, 4), min_size=12, max_size=12),
    st.sets(st.integers(0, NODES - 1)),
    st.sets(st.integers(0, NODES - 1)),
    st.lists(st.integers(0, 2), min_size=NODES, max_size=NODES),
)
def test_whom_two_victims_tie_to_those_who_stay_and_nobody_else(
    groups, label, victims, private, business, alone
):
    label = np.array(label)
    mask = np.isin(np.arange(NODES), list(private))
    phones = private | business
    phone = np.isin(np.arange(NODES), list(phones))
    gone = doubtful_private_lines(
        evidence(groups, victims), label, PhoneLines(phone, mask, np.array(alone))
    )

    left = set(range(NODES))

    def witnesses(line, most=NODES, *, anywhere=False):
        return {
            victims[number]
            for number, nodes in enumerate(groups)
            if line in nodes
            and len(nodes & phones) <= most
            and any(
                o != line and (anywhere or label[o] == label[line]) and o in left for o in nodes
            )
        }

    def goes(line):
        near, all_who_name_it = witnesses(line), witnesses(line, anywhere=True)
        sole = witnesses(line, most=1)
        enough = len(near) + (alone[line] if sole else 0) >= MIN_REPORTERS
        return not enough or 2 * len(near) <= len(all_who_name_it)

    # Round by round: what goes does not come back when those who spoke against it go too.
    judged = [line for line in sorted(private) if (label == label[line]).sum() > 1]
    while out := {line for line in judged if line in left and goes(line)}:
        left -= out
    assert set(np.flatnonzero(gone)) == set(range(NODES)) - left


def test_a_line_that_only_a_doubted_line_ties_goes_too():
    groups = [{0, 1}, {0, 1}, {1, 2}, {3, 4}, {3, 4}, {3, 4}]
    label = np.array([0, 0, 0, 3, 3, 5, 6, 7])
    private = np.array([True, True, False, True, False, False, False, False])
    gone = doubtful_private_lines(
        evidence(groups, [1, 2, 3, 4, 5, 6]), label, PhoneLines(private, private, NOBODY)
    )
    assert gone.tolist() == [True, True, False, False, False, False, False, False]


def test_a_line_that_only_stands_beside_other_numbers_is_doubted():
    """Two victims accuse a business, each beside the ring's own toll-free number."""
    groups = [{0, 1, 2}, {0, 1, 2}, {0, 2}, {0, 2}]
    label = np.array([0, 0, 0, *range(3, NODES)])
    phone, private = (np.isin(np.arange(NODES), nodes) for nodes in ([0, 1], [1]))
    doubt = doubtful_private_lines(
        evidence(groups, [1, 2, 3, 4]), label, PhoneLines(phone, private, NOBODY)
    )
    assert np.flatnonzero(doubt).tolist() == [1]
    for more in ({1, 2}, {0, 1, 2}):
        told = evidence([*groups, more], [1, 2, 3, 4, 5])
        assert not doubtful_private_lines(told, label, PhoneLines(phone, private, NOBODY)).any()


def test_a_line_that_as_many_name_elsewhere_is_doubted():
    """A courier's line, on no list: victims of every ring were told to ring it."""
    groups = [{0, 1}, {0, 1}, {2, 1}, {3, 1}]
    label = np.array([0, 0, 2, *range(3, NODES)])
    line = np.arange(NODES) == 1
    assert (
        doubtful_private_lines(
            evidence(groups, [1, 2, 3, 4]), label, PhoneLines(line, line, NOBODY)
        ).tolist()
        == line.tolist()
    )
    assert not doubtful_private_lines(
        evidence([*groups, {0, 1}], [1, 2, 3, 4, 5]), label, PhoneLines(line, line, NOBODY)
    ).any()


def test_who_names_a_line_alone_bears_out_one_who_names_no_other_phone():
    label, line = np.array([0, 0, 0, *range(3, NODES)]), np.arange(NODES) == 1
    phone = np.isin(np.arange(NODES), [1, 2])
    for neighbour, doubts in ((0, False), (2, True)):
        told = evidence([{neighbour, 1}, {0, 2}, {0, 2}], [1, 2, 3])
        for alone, doubt in ((1, True), (2, doubts)):
            doubted = doubtful_private_lines(told, label, PhoneLines(phone, line, line * alone))
            assert doubted.tolist() == (line & doubt).tolist()


@given(
    st.lists(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=4), max_size=12),
    st.lists(st.integers(0, 4), min_size=12, max_size=12),
)
def test_victims_are_counted_once_a_node(groups, victims):
    counts = reporters_by_node(evidence(groups, victims))
    for node in range(NODES):
        assert counts[node] == len({victims[g] for g, nodes in enumerate(groups) if node in nodes})
