"""Records by cluster, and the suppliers that they name, against plain Python."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.enums import SUPPLIER_KINDS, Status
from tests.support.made_up_evidence import PHONES, SUPPLIERS, classified, records, with_statuses
from tests.unit.transforms.graph.test_final_status import assignment
from transforms.graph.assign import cluster_ids
from transforms.graph.cluster_facts import CLUSTER_RECORD, SUPPLY, cluster_records, supplier_rows

CLUSTERS = st.dictionaries(
    st.sampled_from(PHONES), st.tuples(st.integers(1, 2), st.just(False)), max_size=6
)


def name(cluster):
    return cluster_ids(np.array([cluster]))[0].as_py()


@given(records(), CLUSTERS, st.sets(st.sampled_from(SUPPLIERS), max_size=1))
def test_records_and_supplies(rows, clusters, suppressed):
    rows = with_statuses(rows, suppressed)
    cluster_rows, supplies = cluster_records(classified(rows), assignment(clusters))
    expected = {
        (name(clusters[row["entity_id"]][0]), *(row.get(c) for c in CLUSTER_RECORD.names[1:]))
        for row in rows
        if row["entity_id"] in clusters
    }
    assert sorted(map(repr, (tuple(row.values()) for row in cluster_rows.to_pylist()))) == sorted(
        repr(tuple(pa.scalar(v, f.type).as_py() for v, f in zip(row, CLUSTER_RECORD, strict=True)))
        for row in expected
    )
    groups = defaultdict(set)
    for row in rows:
        if row["entity_id"] in clusters:
            groups[row["group_id"]].add(name(clusters[row["entity_id"]][0]))
    beside = {
        (row["entity_id"], row["kind"], row["status"], cluster, row["group_id"], None)
        for row in rows
        if row["kind"] in SUPPLIER_KINDS and row["status"] != Status.SUPPRESSED
        for cluster in groups[row["group_id"]]
    }
    assert sorted(tuple(row.values()) for row in supplies.to_pylist()) == sorted(beside)


@given(
    st.sets(
        st.tuples(st.sampled_from(SUPPLIERS), st.sampled_from("abc"), st.sampled_from("123")),
        max_size=12,
    )
)
def test_suppliers_are_counted_by_cluster(supplies):
    rows = [
        {
            "entity_id": entity,
            "kind": entity.partition(":")[0],
            "status": "uncorroborated",
            "cluster_id": cluster,
            "group_id": group,
        }
        for entity, cluster, group in supplies
    ]
    listed = supplier_rows(pa.Table.from_pylist(rows, SUPPLY)).to_pylist()
    expected = {(entity, cluster) for entity, cluster, _ in supplies}
    assert {(row["entity_id"], row["cluster_id"]) for row in listed} == expected
    assert len(listed) == len(expected)
    for row in listed:
        mine = [supply for supply in supplies if supply[0] == row["entity_id"]]
        assert row["clusters"] == len({cluster for _, cluster, _ in mine})
        assert row["records"] == len({g for _, cluster, g in mine if cluster == row["cluster_id"]})
