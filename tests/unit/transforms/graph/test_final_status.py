"""The final status of entities and links, from an assignment."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import LINK
from schemas.enums import Status, Strength
from schemas.facts import fact
from tests.support.made_up_evidence import DAY, PHONES, SUPPLIERS
from transforms.arrow import hash_text
from transforms.graph.assign import ASSIGNMENT, cluster_ids
from transforms.graph.entities import CLASSIFIED_ENTITY
from transforms.graph.final_status import finalize_entities, finalize_links

STATUSES = (Status.INFRASTRUCTURE, Status.UNCORROBORATED, Status.SUPPRESSED)


def node(entity):
    return int(hash_text(pa.array([entity]))[0])


def assignment(clusters, doubted=(), returned=()):
    """From entity to (cluster, hub)."""
    rows = [
        {"node": node(entity), "cluster": cluster, "hub": hub, "spread": 0.75}
        | {"doubted": entity in doubted, "returned": entity in returned}
        | dict.fromkeys(("link_reporters", "tying_reporters"), 2)
        for entity, (cluster, hub) in clusters.items()
    ]
    return pa.RecordBatch.from_pylist(sorted(rows, key=lambda row: row["node"]), ASSIGNMENT)


def found(statuses):
    rows = [
        {
            "entity_id": entity,
            "kind": entity.partition(":")[0],
            "value": entity.partition(":")[2],
            "first_seen": DAY,
            "last_seen": DAY,
            "complaints": 4,
            "calls": 0,
            "victims": 0,
            "orgs": ["amazon"],
            "status": str(status),
            "reason": "before",
            "facts": [],
            "role": "callback",
            "reporters": 1,
        }
        for entity, status in statuses.items()
    ]
    return pa.RecordBatch.from_pylist(rows, CLASSIFIED_ENTITY)


def link(a, b, strength=Strength.HARD):
    facts = dict.fromkeys(("complaints", "calls", "victims", "records"), 1)
    return facts | {
        "entity_a": min(a, b),
        "entity_b": max(a, b),
        "weight": 1.0,
        "orgs": ["amazon"],
        "first_seen": DAY,
        "last_seen": DAY,
        "strength": str(strength),
        "record_ids": ["amazon|c1"],
        "accepted": False,
        "reason": "",
        "facts": [],
    }


CLUSTERS = st.dictionaries(
    st.sampled_from(PHONES), st.tuples(st.integers(1, 2), st.booleans()), max_size=6
)


@given(CLUSTERS)
def test_every_infrastructure_entity_is_a_member_or_a_hub(clusters):
    statuses = dict.fromkeys(clusters, Status.INFRASTRUCTURE)
    statuses |= {PHONES[0]: Status.UNCORROBORATED, SUPPLIERS[0]: Status.UNCORROBORATED}
    nodes = {entity_id: where for entity_id, where in clusters.items() if entity_id != PHONES[0]}
    entities, members = finalize_entities(found(statuses), assignment(nodes))
    rows = {row["entity_id"]: row for row in entities.to_pylist()}
    in_cluster = dict(
        zip(members["entity_id"].to_pylist(), members["cluster_id"].to_pylist(), strict=True)
    )
    assert rows.keys() == statuses.keys()
    for entity, row in rows.items():
        cluster, hub = nodes.get(entity, (None, False))
        if hub:
            assert row["status"] == Status.SUPPRESSED
            assert row["reason"] == (
                "ubiquitous: 75% of its links go outside its main cluster; linked by 2 reporters, "
                "seen in 4 complaints"
            )
        else:
            assert (row["status"], row["reason"]) == (statuses[entity], "before")
        member = row["status"] == Status.INFRASTRUCTURE
        assert (entity in in_cluster) == member
        if member:
            assert in_cluster[entity] == cluster_ids(np.array([cluster]))[0].as_py()


@given(
    CLUSTERS,
    st.lists(
        st.tuples(
            st.sampled_from(PHONES), st.sampled_from(PHONES), st.sampled_from(tuple(Strength))
        ).filter(lambda ends: ends[0] != ends[1]),
        max_size=8,
    ),
)
def test_a_link_is_accepted_exactly_if_hard_and_inside_one_cluster(clusters, ends):
    links = pa.RecordBatch.from_pylist([link(*pair) for pair in ends], LINK)
    decided, inside = finalize_links(links, assignment(clusters))
    accepted = []
    for row in decided.to_pylist():
        where = [clusters.get(row[end], (None, False)) for end in ("entity_a", "entity_b")]
        together = where[0] == where[1] and where[0][0] is not None and not where[0][1]
        assert row["accepted"] == (row["strength"] == Strength.HARD and together)
        assert row["reason"]
        assert row["reason"].startswith("soft") == (row["strength"] == Strength.SOFT)
        if row["accepted"]:
            accepted.append((row["entity_a"], row["entity_b"], where[0][0]))
    assert inside["entity_a"].to_pylist() == [row[0] for row in accepted]
    assert inside["cluster_id"] == cluster_ids(np.array([row[2] for row in accepted], np.int64))


def test_an_empty_assignment_decides_nothing():
    nothing = pa.RecordBatch.from_pylist([], ASSIGNMENT)
    entities, members = finalize_entities(found({SUPPLIERS[0]: Status.UNCORROBORATED}), nothing)
    assert (entities.num_rows, members.num_rows) == (1, 0)
    decided, inside = finalize_links(pa.RecordBatch.from_pylist([link(*PHONES[:2])], LINK), nothing)
    assert decided["accepted"].to_pylist() == [False]
    assert inside.num_rows == 0


def test_a_link_that_one_victim_alone_vouches_for_says_so():
    clusters = {"phone:+12125550199": (1, False), "account:iban:DE1": (2, False)}
    table = pa.Table.from_pylist([link(*clusters)], LINK).to_batches()[0]
    told, inside = finalize_links(table, assignment(clusters, doubted={"phone:+12125550199"}))
    assert told["reason"].to_pylist() == [
        "too few reporters tie it to a line that may be a private person's and was in no call"
    ]
    assert told["accepted"].to_pylist() == [False]
    assert inside.num_rows == 0


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("mark", ["hub_end", "doubted_end"])
def test_the_reason_names_a_hub_or_a_doubted_line_at_either_end_of_a_link(mark, end):
    is_hub = mark == "hub_end"
    clusters = {phone: (place, is_hub and place == end) for place, phone in enumerate(PHONES[:2])}
    links = pa.RecordBatch.from_pylist([link(*PHONES[:2])], LINK)
    doubted = () if is_hub else (PHONES[end],)
    decided, _ = finalize_links(links, assignment(clusters, doubted=doubted))
    assert decided["reason"].to_pylist() == [fact(mark).sentence()]


def test_what_came_back_to_the_same_hands_says_so():
    ids = ["phone:+18885550101", "phone:+18885550101#2"]
    clusters = dict.fromkeys(ids, (1, False))
    rows = found(dict.fromkeys(ids, Status.INFRASTRUCTURE))
    entities, members = finalize_entities(rows, assignment(clusters, returned={ids[1]}))
    told = dict(zip(*(entities[name].to_pylist() for name in ("entity_id", "reason")), strict=True))
    assert [told[entity_id].endswith(fact("returned").sentence()) for entity_id in ids] == [
        False,
        True,
    ]
    assert members.num_rows == 2
