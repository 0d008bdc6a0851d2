"""Clusters looked up by hash, and communities under must_link and cannot_link decisions."""

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from transforms.graph.assign import ASSIGNMENT, NO_CLUSTER, assigned_rows, cluster_ids, clusters_of

NODES = st.dictionaries(
    st.integers(0, 2**63 - 1), st.tuples(st.integers(0, 2**63 - 1), st.booleans()), max_size=8
)


def table(known):
    rows = [
        {
            "node": node,
            "cluster": cluster,
            "hub": hub,
            "spread": 0.0,
            "doubted": False,
            "returned": False,
        }
        for node, (cluster, hub) in sorted(known.items())
    ]
    return pa.RecordBatch.from_pylist(rows, ASSIGNMENT)


@given(NODES, st.lists(st.integers(0, 2**63 - 1), max_size=4))
def test_look_up_is_a_dictionary_and_a_hub_is_in_no_cluster(known, others):
    asked = [*known, *others]
    rows = assigned_rows(table(known), np.array(asked, np.int64))
    hubs = rows["hub"].to_pylist()
    for node, found, is_hub in zip(asked, clusters_of(rows).tolist(), hubs, strict=True):
        wanted, wanted_hub = known.get(node, (NO_CLUSTER, None))
        assert is_hub == wanted_hub
        assert found == (NO_CLUSTER if wanted_hub else wanted)


def test_ids_are_of_one_length_and_absent_is_null():
    assert cluster_ids(np.array([0, 2**63 - 1, NO_CLUSTER])).to_pylist() == [
        "c-0000000000000000",
        "c-7fffffffffffffff",
        None,
    ]
