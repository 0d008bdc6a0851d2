"""Who is named by which piece of evidence: the bipartite graph that clustering works on.

Whom an entity reached: where its victims live, and whether they were seen to dial it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.enums import HARD_ROLES, RecordKind, Status
from schemas.field import TIMESTAMP
from transforms.arrow_util import hash_text, ranges

INCIDENCE = pa.schema(
    [
        ("group", pa.int64()),
        ("node", pa.int64()),
        ("victim", pa.int64()),
        ("observed_at", TIMESTAMP),
    ]
)
"""One entity in one piece of evidence that shows it held; all ids are 63-bit hashes."""


MICROSECONDS_A_DAY = 86_400_000_000


def incidences(evidence: pa.Table, widest: int) -> pa.Table:
    """CLASSIFIED rows of whole groups to INCIDENCE rows.

    Only infrastructure in a hard role counts, and only groups that name two to `widest` of it.
    """
    held = pc.and_(
        pc.equal(evidence["status"], Status.INFRASTRUCTURE),
        pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES])),
    )
    rows = evidence.filter(held)
    named = rows.group_by(["group_id", "entity_id"], use_threads=False).aggregate(
        [("victim_key", "min"), ("observed_at", "min")]
    )
    sizes = named.group_by("group_id", use_threads=False).aggregate(
        [([], "count_all"), ("victim_key_min", "min"), ("observed_at_min", "min")]
    )
    tied = pc.and_(pc.greater(sizes["count_all"], 1), pc.less_equal(sizes["count_all"], widest))
    sizes = sizes.filter(tied)
    at = pc.index_in(named["group_id"], sizes["group_id"].combine_chunks())
    named, at = named.filter(pc.is_valid(at)), pc.drop_null(at)
    # Without a pseudonym each piece of evidence is taken as a victim of its own.
    victim = pc.coalesce(sizes["victim_key_min_min"], sizes["group_id"]).take(at)
    columns = [
        hash_text(named["group_id"]),
        hash_text(named["entity_id"]),
        hash_text(victim),
        sizes["observed_at_min_min"].take(at),
    ]
    return pa.table(dict(zip(INCIDENCE.names, columns, strict=True)), schema=INCIDENCE)


@dataclass(frozen=True)
class Incidence:
    """Pieces of evidence and the nodes they name; each (group, node) once, sorted by both.

    `victim` and `day` are per group: who suffered it, as a number, and when, in days.
    """

    group: np.ndarray
    node: np.ndarray
    victim: np.ndarray
    day: np.ndarray
    nodes: int

    def without(self, gone: np.ndarray) -> Incidence:
        """The same evidence without the nodes of a mask, and without groups that name one node."""
        kept = ~gone[self.node]
        group, node = self.group[kept], self.node[kept]
        sizes = np.bincount(group, minlength=len(self.victim))
        tied = sizes[group] > 1
        return Incidence(group[tied], node[tied], self.victim, self.day, self.nodes)


def numbered(rows: pa.Table, node: np.ndarray) -> Incidence:
    """INCIDENCE rows as an `Incidence` over the sorted hashes `node`; others fall away."""
    hashes = rows["node"].to_numpy()
    at = np.minimum(np.searchsorted(node, hashes), max(len(node) - 1, 0))
    known = node[at] == hashes if len(node) else np.zeros(len(hashes), bool)
    rows, at = rows.filter(pa.array(known)), at[known]
    _, first, group = np.unique(rows["group"].to_numpy(), return_index=True, return_inverse=True)
    order = np.lexsort((at, group))
    victim = np.unique(rows["victim"].to_numpy()[first], return_inverse=True)[1]
    day = rows["observed_at"].cast(pa.int64()).to_numpy()[first] / MICROSECONDS_A_DAY
    return Incidence(group[order], at[order], victim, day, len(node))


@dataclass(frozen=True)
class Ties:
    """What ties clusters (or nodes) together: pairs a < b, in sorted order.

    `weight` is in records' worth: a record that names k clusters gives each pair of them 1/(k-1).
    `victims` counts who stands behind it. `apart` is the weight that is left when the one member
    that most of the tie hangs on is taken away.
    """

    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray
    victims: np.ndarray
    apart: np.ndarray

    def of(self, kept: np.ndarray) -> Ties:
        """The ties of a mask."""
        return Ties(*(one[kept] for one in (self.a, self.b, self.weight, self.victims, self.apart)))


def ties(evidence: Incidence, label: np.ndarray) -> Ties:
    """The ties between clusters under a labelling of the nodes.

    Of one victim's records only the one that says most counts for a pair.
    """
    group, cluster, sole = named_clusters(evidence, label)
    first, second, share = _pairs(group)
    a, b, victim = cluster[first], cluster[second], evidence.victim[group[first]]
    once = _said_most(a * (len(label) + 1) + b, victim, share, group[first])
    new = _changes(a[once], b[once])
    pair, of = np.flatnonzero(new), np.cumsum(new) - 1
    weight = np.bincount(of, share[once], minlength=len(pair))
    victims = np.bincount(of, minlength=len(pair))
    hanging = np.zeros(len(pair))
    for side in (sole[first][once], sole[second][once]):
        np.maximum.at(hanging, *_heaviest(of, side, share[once]))
    return Ties(a[once][pair], b[once][pair], weight, victims, weight - hanging)


def _said_most(
    pair: np.ndarray, victim: np.ndarray, share: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """Of each pair and victim the row of the largest share (ties: the smallest group), in order."""
    by_pair = np.argsort(pair, kind="stable")
    number = np.cumsum(_changes(pair[by_pair])) - 1
    key = number * (int(victim.max(initial=0)) + 1) + victim[by_pair]
    by_key = np.argsort(key, kind="stable")
    order = by_pair[by_key]
    starts = np.flatnonzero(_changes(key[by_key]))
    sizes = np.diff(np.append(starts, len(order)))
    once = order[starts]
    # Few victims say something of a pair twice: only these are weighed against each other.
    many = np.flatnonzero(sizes > 1)
    run = np.repeat(many, sizes[many])
    rows = order[ranges(starts[many], sizes[many])]
    best = np.lexsort((group[rows], -share[rows], run))
    once[many] = rows[best[_changes(run[best])]]
    return once


def named_clusters(
    evidence: Incidence, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each (group, cluster) once, sorted, and the one of several members that it names there.

    -1 where it names more than one, or where the cluster has no other.
    """
    cluster = label[evidence.node]
    # Groups are in order already, and so are the nodes of each.
    key = evidence.group * (int(cluster.max(initial=0)) + 1) + cluster
    order = np.argsort(key, kind="stable")
    group, cluster, node = evidence.group[order], cluster[order], evidence.node[order]
    starts = np.flatnonzero(_changes(group, cluster))
    sizes = np.diff(np.append(starts, len(group)))
    members = np.bincount(label, minlength=len(label))
    hangs = (sizes == 1) & (members[cluster[starts]] > 1)
    return group[starts], cluster[starts], np.where(hangs, node[starts], -1)


def _changes(*columns: np.ndarray) -> np.ndarray:
    """Where a row differs from the one before; the first row does."""
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _pairs(group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of all pairs inside each run of equal groups, and 1/(k-1) of each run's size k."""
    starts = np.flatnonzero(_changes(group))
    sizes = np.diff(np.append(starts, len(group)))
    parts = list(_pairs_by_size(starts, sizes))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    first, second, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, share


def _pairs_by_size(
    starts: np.ndarray, sizes: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for size in np.unique(sizes[sizes > 1]):
        at = starts[sizes == size]
        left, right = np.triu_indices(size, 1)
        share = np.full(len(at) * len(left), 1 / (size - 1))
        yield (at[:, None] + left).ravel(), (at[:, None] + right).ravel(), share


def _heaviest(
    pair: np.ndarray, node: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs, with the weight that hangs on one node each; a pair may come several times."""
    hangs = node >= 0
    pair, node, weight = pair[hangs], node[hangs], weight[hangs]
    order = np.lexsort((node, pair))
    starts = _changes(pair[order], node[order])
    total = np.bincount(np.cumsum(starts) - 1, weight[order]) if len(order) else np.empty(0)
    return pair[order][starts], total


REACH = pa.schema(
    [
        ("node", pa.int64()),
        ("country", pa.int64()),
        ("records", pa.int64()),
        ("dialled", pa.int64()),
    ]
)
"""Pieces of evidence that show an entity held, by the victim's country; both ids are 63-bit hashes.

`country` is null where it is not known. `dialled` counts those with a call record that does.
"""


def reaches(evidence: pa.Table) -> pa.Table:
    """CLASSIFIED rows of whole groups to REACH rows, of infrastructure in hard roles."""
    held = pc.and_(
        pc.equal(evidence["status"], Status.INFRASTRUCTURE),
        pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES])),
    )
    rows = evidence.filter(held)
    called = pc.equal(rows["record_kind"], RecordKind.CALL)
    rows = rows.select(["group_id", "entity_id", "victim_country"]).append_column("called", called)
    once = rows.group_by(["group_id", "entity_id"], use_threads=False).aggregate(
        [("victim_country", "min"), ("called", "any")]
    )
    counted = (
        once.append_column("dialled", pc.cast(once["called_any"], pa.int64()))
        .group_by(["entity_id", "victim_country_min"], use_threads=False)
        .aggregate([([], "count_all"), ("dialled", "sum")])
    )
    country = counted["victim_country_min"]
    known = pc.is_valid(country).combine_chunks()
    named = pa.array(hash_text(pc.fill_null(country, "")))
    return pa.table(
        {
            "node": hash_text(counted["entity_id"]),
            "country": pc.if_else(known, named, pa.scalar(None, pa.int64())),
            "records": counted["count_all"],
            "dialled": counted["dialled_sum"],
        },
        schema=REACH,
    )


def countries_by_node(rows: pa.Table, node: np.ndarray) -> csr_array:
    """REACH rows over the sorted hashes `node`: records by node and country; others fall away."""
    rows = rows.filter(pc.is_valid(rows["country"]))
    at, known = _places(rows, node)
    names, column = np.unique(rows["country"].to_numpy()[known], return_inverse=True)
    counts = rows["records"].to_numpy()[known].astype(np.float64)
    return csr_array((counts, (at[known], column)), shape=(len(node), len(names)))


def dialled_by_node(rows: pa.Table, node: np.ndarray) -> np.ndarray:
    """REACH rows over the sorted hashes `node`: how often each was seen to be dialled."""
    at, known = _places(rows, node)
    counts = rows["dialled"].to_numpy()[known]
    return np.bincount(at[known], counts, len(node)).astype(np.int64)


def _places(rows: pa.Table, node: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each row's node stands in `node`, and whether it does."""
    hashes = rows["node"].to_numpy()
    if not len(node):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(node, hashes), len(node) - 1)
    return at, node[at] == hashes
