"""Ids kept from run to run, and events that reconcile with the members."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, settings, strategies as st

from schemas.enums import LineageEvent
from transforms.graph.assign import ASSIGNMENT, cluster_id, cluster_number
from transforms.graph.epochs import PREVIOUS
from transforms.graph.lineage import changes_since_previous, keep_ids, lineage_events

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


def previous(those):
    rows = [{"node": node, "cluster": cluster} for node, cluster in sorted(those.items())]
    return pa.Table.from_pylist(rows, PREVIOUS)


def parts(those):
    found = defaultdict(set)
    for node, cluster in those.items():
        found[cluster].add(node)
    return dict(found)


runs = st.tuples(LABELS, LABELS, st.sets(st.integers(0, 11), max_size=2))


@settings(deadline=None)
@given(runs)
def test_the_partition_is_kept_and_no_old_id_is_given_to_a_stranger(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    fresh = assigned(now, hubs)
    kept = keep_ids(fresh, previous(earlier))
    old, new = parts(earlier), parts(members(kept))
    assert sorted(map(sorted, new.values())) == sorted(map(sorted, parts(members(fresh)).values()))
    for one in set(old) & set(new):
        assert old[one] & new[one]
    assert kept["node"].equals(fresh["node"])
    assert kept["hub"].equals(fresh["hub"])


@settings(deadline=None)
@given(runs)
def test_ids_are_the_greedy_matching_by_overlap(drawn):
    before, now, hubs = drawn
    earlier = members(assigned(before))
    kept = keep_ids(assigned(now, hubs), previous(earlier))
    old, new = parts(earlier), parts(members(kept))
    # In a greedy matching no two clusters left unmatched share more than what blocked them.
    for p, those in old.items():
        for c, these in new.items():
            shared = len(those & these)
            if shared and p != c:
                better_p = len(those & new[p]) if p in new else 0
                better_c = len(old[c] & these) if c in old else 0
                assert max(better_p, better_c) >= shared


@settings(deadline=None)
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
    assert set(by_cluster) == {cluster_id(one) for one in set(old) | set(new)}
    for text, told in by_cluster.items():
        one = cluster_number(text)
        for row in told.values():
            assert row["members_new"] == len(new.get(one, set()) - set(earlier))
            assert row["members_gone"] == len(old.get(one, set()) - new.get(one, set()))
        if one not in new:
            assert set(told) == {LineageEvent.ENDED}
            went = {cluster_id(later[node]) for node in old[one] if node in later}
            assert told[LineageEvent.ENDED]["to_ids"] == sorted(went)
            continue
        came = {earlier[node] for node in new[one] if node in earlier}
        torn = {p for p in came if {later[node] for node in old[p] if node in later} != {one}}
        assert (LineageEvent.BORN in told) == (not came)
        assert (LineageEvent.MERGED in told) == (len(came) > 1)
        assert (LineageEvent.SPLIT in told) == bool(torn)
        simple = len(came) == 1 and not torn
        gained = bool(new[one] - set(earlier))
        assert (LineageEvent.GREW in told) == (simple and gained)
        assert (LineageEvent.UNCHANGED in told) == (simple and not gained)
        if simple:
            assert came == {one}
        if LineageEvent.MERGED in told:
            assert told["merged"]["from_ids"] == sorted(map(cluster_id, came))
            assert told["merged"]["to_ids"] == [text]
    told = Counter(dict(changes_since_previous(kept, previous(earlier), events)))
    assert told["since_previous", "members_new"] == len(set(later) - set(earlier))
    assert told["since_previous", "members_gone"] == len(set(earlier) - set(later))
    assert told["since_previous", "ids_kept"] == len(set(old) & set(new))


@settings(deadline=None)
@given(LABELS)
def test_a_run_that_follows_itself_changes_nothing(labels):
    fresh = assigned(labels)
    kept = keep_ids(fresh, previous(members(fresh)))
    assert kept == fresh
    events = lineage_events(kept, previous(members(fresh)))
    assert set(events["event"].to_pylist()) <= {LineageEvent.UNCHANGED}


@settings(deadline=None)
@given(LABELS)
def test_without_a_previous_run_every_cluster_is_born(labels):
    fresh = assigned(labels)
    nothing = PREVIOUS.empty_table()
    assert keep_ids(fresh, nothing) == fresh
    events = lineage_events(fresh, nothing)
    assert set(events["event"].to_pylist()) <= {LineageEvent.BORN}
    assert events.num_rows == len(np.unique(fresh["cluster"].to_numpy()))
