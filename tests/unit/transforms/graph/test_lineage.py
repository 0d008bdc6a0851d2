"""Ids kept from run to run, and events that reconcile with the members."""

from collections import Counter, defaultdict

import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.cluster import LINEAGE, LINK
from schemas.enums import LineageEvent
from schemas.mention import CLASSIFIED
from tests.support.made_up_evidence import classified, listed
from transforms.arrow import hash_text
from transforms.graph.assign import ASSIGNMENT, cluster_id, cluster_number
from transforms.graph.epochs import PREVIOUS
from transforms.graph.final_status import MEMBERSHIP
from transforms.graph.lineage import (
    CHANGE,
    changed_members,
    changes_since_previous,
    keep_ids,
    lineage_events,
    name_records,
    records_that_show,
    records_that_tie,
    weak_changes,
)

LABELS = st.lists(st.integers(-1, 5), min_size=12, max_size=12)
"""The cluster of each of twelve nodes, -1 where it is in none."""


def assigned(labels, hubs=()):
    """ASSIGNMENT rows: the cluster's number is its smallest node, as an anchor would be."""
    first = {}
    for node, label in enumerate(labels):
        first.setdefault(label, node)
    rows = [
        {"node": node, "cluster": first[label], "hub": node in hubs, "spread": 0.0}
        | {"doubted": False, "returned": False}
        for node, label in enumerate(labels)
        if label >= 0
    ]
    return pa.RecordBatch.from_pylist(rows, ASSIGNMENT)


def members(assignment):
    rows = [row for row in assignment.to_pylist() if not row["hub"]]
    return {row["node"]: row["cluster"] for row in rows}


def previous(cluster_of):
    rows = [{"node": node, "cluster": cluster} for node, cluster in sorted(cluster_of.items())]
    return pa.Table.from_pylist(rows, PREVIOUS)


def parts(cluster_of):
    by_cluster = defaultdict(set)
    for node, cluster in cluster_of.items():
        by_cluster[cluster].add(node)
    return dict(by_cluster)


runs = st.tuples(LABELS, LABELS, st.sets(st.integers(0, 11), max_size=2))


@given(runs)
def test_the_partition_is_kept_and_no_old_id_is_given_to_a_stranger(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    fresh = assigned(now, hubs)
    kept = keep_ids(fresh, previous(earlier))
    old, new = parts(earlier), parts(members(kept))
    assert sorted(map(sorted, new.values())) == sorted(map(sorted, parts(members(fresh)).values()))
    for cluster in set(old) & set(new):
        assert old[cluster] & new[cluster]
    assert kept["node"].equals(fresh["node"])
    assert kept["hub"].equals(fresh["hub"])


@given(runs)
def test_ids_are_the_greedy_matching_by_overlap(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    kept = keep_ids(assigned(now, hubs), previous(earlier))
    old, new = parts(earlier), parts(members(kept))
    # In a greedy matching no two clusters left unmatched share more than what blocked them.
    for p, old_members in old.items():
        for c, these in new.items():
            shared = len(old_members & these)
            if shared and p != c:
                better_p = len(old_members & new[p]) if p in new else 0
                better_c = len(old[c] & these) if c in old else 0
                assert max(better_p, better_c) >= shared


@given(runs)
def test_events_reconcile_with_members(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    kept = keep_ids(assigned(now, hubs), previous(earlier))
    events = lineage_events(kept, previous(earlier))
    later = members(kept)
    old, new = parts(earlier), parts(later)
    by_cluster = defaultdict(dict)
    for row in events.to_pylist():
        assert row["event"] not in by_cluster[row["cluster_id"]]
        by_cluster[row["cluster_id"]][row["event"]] = row
    assert set(by_cluster) == {cluster_id(number) for number in set(old) | set(new)}
    for text, told in by_cluster.items():
        number = cluster_number(text)
        for row in told.values():
            assert row["members_new"] == len(new.get(number, set()) - set(earlier))
            assert row["members_gone"] == len(old.get(number, set()) - new.get(number, set()))
        if number not in new:
            assert set(told) == {LineageEvent.ENDED}
            went = {cluster_id(later[node]) for node in old[number] if node in later}
            assert told[LineageEvent.ENDED]["to_ids"] == sorted(went)
            continue
        came = {earlier[node] for node in new[number] if node in earlier}
        torn = {p for p in came if {later[node] for node in old[p] if node in later} != {number}}
        assert (LineageEvent.BORN in told) == (not came)
        assert (LineageEvent.MERGED in told) == (len(came) > 1)
        assert (LineageEvent.SPLIT in told) == bool(torn)
        simple = len(came) == 1 and not torn
        gained = bool(new[number] - set(earlier))
        assert (LineageEvent.GREW in told) == (simple and gained)
        assert (LineageEvent.UNCHANGED in told) == (simple and not gained)
        if simple:
            assert came == {number}
        if LineageEvent.MERGED in told:
            assert told["merged"]["from_ids"] == sorted(map(cluster_id, came))
            assert told["merged"]["to_ids"] == [text]
    told = Counter(dict(changes_since_previous(kept, previous(earlier), events)))
    assert told["since_previous", "members_new"] == len(set(later) - set(earlier))
    assert told["since_previous", "members_gone"] == len(set(earlier) - set(later))
    assert told["since_previous", "ids_kept"] == len(set(old) & set(new))


@given(runs)
def test_changed_members_are_those_of_another_cluster_or_none(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    kept = keep_ids(assigned(now, hubs), previous(earlier))
    here = members(kept)
    sizes = Counter(here.values())
    expected = {
        node: sizes[cluster] == 1 for node, cluster in here.items() if earlier.get(node) != cluster
    }
    rows = changed_members(kept, previous(earlier)).to_pylist()
    assert {row["node"]: row["alone"] for row in rows} == expected
    assert [row["node"] for row in rows] == sorted(expected)


IDS = [f"phone:+1888555010{n}" for n in range(5)]


def world_of_changes(drawn):
    """MEMBERSHIP, CHANGE, CLASSIFIED and LINK rows of five members, of which some changed."""
    shown, tied, changed, alone, mentions, ties = drawn
    membership = [
        {"entity_id": entity_id, "cluster_id": f"c-{n % 2}", "reporters": shown[n]}
        | {"link_reporters": tied[n]}
        for n, entity_id in enumerate(IDS)
    ]
    nodes = sorted((int(hash_text(pa.array([IDS[n]]))[0]), n in alone) for n in changed)
    records = [
        {"entity_id": IDS[n], "role": role, "group_id": f"amazon|m{number}"}
        for number, (n, role) in enumerate(mentions)
    ]
    links = [
        {"entity_a": IDS[a], "entity_b": IDS[b], "accepted": accepted, "reporters": reporters}
        | {"record_ids": [f"amazon|l{number}"]}
        for number, (a, b, accepted, reporters) in enumerate(ties)
    ]
    return (
        pa.RecordBatch.from_pylist(membership, MEMBERSHIP),
        pa.Table.from_pylist([{"node": n, "alone": is_alone} for n, is_alone in nodes], CHANGE),
        listed(classified(records), CLASSIFIED),
        pa.RecordBatch.from_pylist(links, LINK),
    )


PLACES = st.integers(0, 4)

WORLDS = st.tuples(
    st.lists(st.integers(1, 3), min_size=5, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
    st.sets(PLACES),
    st.sets(PLACES),
    st.lists(st.tuples(PLACES, st.sampled_from(["callback", "caller_id"])), max_size=30),
    st.lists(st.tuples(PLACES, PLACES, st.booleans(), st.integers(1, 3)), max_size=12),
)


@given(WORLDS)
def test_what_rests_on_one_reporter_names_that_reporters_records(drawn):
    shown, tied, changed, alone, mentions, ties = drawn
    membership, change, classified, links = world_of_changes(drawn)
    weak = weak_changes(membership, change)
    records = pa.concat_tables([records_that_show(classified, weak), records_that_tie(links, weak)])
    events = [
        {"cluster_id": cluster, "event": event, "from_ids": [], "to_ids": []}
        | {"on_one_reporter": False, "rests_on": []}
        for cluster, event in (
            ("c-0", "grew"),
            ("c-1", "merged"),
            ("c-1", "split"),
            ("c-0", "ended"),
        )
    ]
    told = name_records(pa.RecordBatch.from_pylist(events, LINEAGE), weak, records).to_pylist()
    weakest = {n: shown[n] if n in alone else min(shown[n], tied[n]) for n in changed}
    for row in told:
        mine = {n for n in changed if weakest[n] < 2 and f"c-{n % 2}" == row["cluster_id"]}
        mine = set() if row["event"] == "ended" else mine
        named = {
            f"amazon|m{number}"
            for number, (n, role) in enumerate(mentions)
            if n in mine and shown[n] < 2 and role == "callback"
        }
        named |= {
            f"amazon|l{number}"
            for number, (a, b, accepted, reporters) in enumerate(ties)
            if accepted and reporters < 2 and any(n in mine and shown[n] >= 2 for n in (a, b))
        }
        assert row["on_one_reporter"] == bool(mine)
        assert row["rests_on"] == sorted(named)[:10]
