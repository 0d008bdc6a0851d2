"""Who stays in a community on whose word, from the definition."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.made_up_evidence import DAY
from transforms.graph.incidence import INCIDENCE, numbered
from transforms.graph.witnesses import VICTIMS, doubted

NODES = 8


def evidence(groups, victims):
    rows = [
        {"group": group, "node": node, "victim": victims[group], "observed_at": DAY}
        for group, those in enumerate(groups)
        if len(those) > 1
        for node in those
    ]
    return numbered(pa.Table.from_pylist(rows, INCIDENCE), np.arange(NODES))


@settings(deadline=None)
@given(
    st.lists(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=4), max_size=12),
    st.lists(st.integers(0, NODES - 1), min_size=NODES, max_size=NODES),
    st.lists(st.integers(0, 4), min_size=12, max_size=12),
    st.sets(st.integers(0, NODES - 1)),
)
def test_whom_two_victims_tie_to_those_who_stay_and_nobody_else(groups, label, victims, private):
    label = np.array(label)
    mask = np.isin(np.arange(NODES), list(private))
    gone = doubted(evidence(groups, victims), label, mask)

    def witnesses(one):
        return {
            victims[number]
            for number, those in enumerate(groups)
            if one in those
            and any(o != one and label[o] == label[one] and not gone[o] for o in those)
        }

    for one in range(NODES):
        shared = (label == label[one]).sum() > 1
        if not mask[one] or not shared:
            assert not gone[one]
        else:
            assert gone[one] == (len(witnesses(one)) < VICTIMS)


def test_a_line_that_only_a_doubted_line_ties_goes_too():
    groups = [{0, 1}, {1, 2}, {3, 4}, {3, 4}]
    label = np.array([0, 0, 0, 3, 3, 5, 6, 7])
    private = np.array([True, True, False, True, True, False, False, False])
    gone = doubted(evidence(groups, [1, 2, 3, 4]), label, private)
    assert gone.tolist() == [True, True, False, False, False, False, False, False]
