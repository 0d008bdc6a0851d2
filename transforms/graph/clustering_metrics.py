"""Measures of a clustering against the truth, and simpler methods on the same links.

Labels are arrays of any type with one label an item; equal labels are one cluster. The truth, not
overlap, decides whether clusters keep their ids from run to run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from transforms.arrow import Array, component_labels
from transforms.graph.incidence import Ties
from transforms.graph.leiden import find_communities
from transforms.graph.link_weights import link_probability

Labels = npt.NDArray[Any]

MAX_LINKS = 20
"""Most links of an identifier in the capped baseline, which drops others as hubs."""

SPLINK_THRESHOLD = 0.5
"""Least match probability of a pair that Splink's clustering (connected components) uses."""

RIGHT_OPERATIONS, WANTED_OPERATIONS = 2, 3
"""Fewest operations of an identifier that may be flagged as a hub, and that must be.

An identifier that serves two operations may belong mostly to one of them.
"""

BOOTSTRAP_DRAWS = 2000

INTERVAL_LEVEL = 0.95

BOOTSTRAP_SEED = 1

MIN_SHOWN_MEMBERS = 2
"""Fewest members of an operation that show its cluster; a single member could be misplaced."""


@dataclass(frozen=True)
class Score:
    """Precision and recall, 0 to 1, and their harmonic mean."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 when both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Agreement:
    """All measures of one clustering against the truth.

    `split` counts true clusters whose items lie in several clusters. `merged` counts clusters with
    items of several true clusters.
    """

    items: int
    pairwise: Score
    bcubed: Score
    adjusted_rand: float
    largest_share: float
    split: int
    merged: int


@dataclass(frozen=True)
class F1Intervals:
    """The central 95 % of the F1 of bootstrap draws: low, high."""

    bcubed: tuple[float, float]
    pairwise: tuple[float, float]


@dataclass(frozen=True)
class HubFlags:
    """Counts of identifiers: flagged, rightly flagged, wanted, and wanted and flagged (`found`)."""

    flagged: int
    right: int
    wanted: int
    found: int

    @property
    def precision(self) -> float:
        """Share of the flagged identifiers that serve several operations; 1 if none is flagged."""
        return self.right / self.flagged if self.flagged else 1.0

    @property
    def recall(self) -> float:
        """Share of the wanted identifiers that is flagged; 1 if none is wanted."""
        return self.found / self.wanted if self.wanted else 1.0


@dataclass(frozen=True)
class IdSurvival:
    """Operations that both runs show, and operations whose main cluster has the same id in both."""

    operations: int
    kept: int


@dataclass(frozen=True)
class TierScore:
    """Precision and completeness of the members of one tier.

    Attributes:
        members: Number of members, in the truth or not.
        true: Number of members in the truth.
        precision: B-cubed, over true members and members that no cluster may hold; each of the
            latter is an operation of its own.
        recall: Share of the truth's identifiers that is in the tier.
        bcubed_recall: Over all identifiers of the truth; one outside the tier is alone.
    """

    members: int
    true: int
    precision: float
    recall: float
    bcubed_recall: float


@dataclass(frozen=True)
class RuleCost:
    """The number of true members that one rule leaves out, and the recall lost with them."""

    identifiers: int
    recall: float
    bcubed_recall: float


def compare_clusterings(truth: Labels, predicted: Labels) -> Agreement:
    """Measures a clustering against the truth.

    All measures are 1 if nothing can be wrong: no items, or no pair.

    Raises:
        ValueError: if the two differ in length.
    """
    table = _contingency(truth, predicted)
    sums = _contributions(table).sum(axis=0)
    bcubed, pairwise = _scores(sums)
    return Agreement(
        items=truth.size,
        pairwise=pairwise,
        bcubed=bcubed,
        adjusted_rand=_adjusted_rand(*sums[3:].tolist(), items=truth.size),
        largest_share=float(table.sum(axis=0).max() / truth.size) if truth.size else 0.0,
        split=int((np.diff(table.indptr) > 1).sum()),
        merged=int((np.bincount(table.indices) > 1).sum()),
    )


def bootstrap_intervals(truth: Labels, predicted: Labels) -> F1Intervals:
    """Returns intervals of both F1 scores, independent of the order of the items.

    Items of one true cluster are not independent, so whole true clusters are drawn (a cluster
    bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). A
    pair from two true clusters that the prediction put together counts half for each.
    """
    share = _contributions(_contingency(truth, predicted))
    clusters = len(share)
    if not clusters:
        return F1Intervals((1.0, 1.0), (1.0, 1.0))
    chance = np.full(clusters, 1 / clusters)
    drawn = np.random.default_rng(BOOTSTRAP_SEED).multinomial(clusters, chance, BOOTSTRAP_DRAWS)
    # Sort by contribution, since labels could name the true clusters in any order.
    sums = drawn.astype(np.float64) @ share[np.lexsort(share.T)]
    ends = [(1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2]
    bcubed, pairwise = zip(*([score.f1 for score in _scores(draw)] for draw in sums), strict=True)
    low, high = np.quantile([bcubed, pairwise], ends, axis=1).tolist()
    return F1Intervals((low[0], high[0]), (low[1], high[1]))


def score_hub_flags(
    flagged: Collection[str], holders: Mapping[str, int], seen: Collection[str]
) -> HubFlags:
    """Compares `flagged` with how many operations each identifier serves.

    `seen` are the identifiers with enough records for a hub: no other counts as missed.
    """
    wanted = {
        identifier for identifier, count in holders.items() if count >= WANTED_OPERATIONS
    } & set(seen)
    return HubFlags(
        flagged=len(flagged),
        right=sum(holders.get(identifier, 0) >= RIGHT_OPERATIONS for identifier in flagged),
        wanted=len(wanted),
        found=len(wanted & set(flagged)),
    )


def score_tier(
    truth: Mapping[str, str], clusters: Mapping[str, str], wrong: Collection[str]
) -> TierScore:
    """Scores the members of a tier against the truth.

    `truth` has operations, `clusters` clusters by entity id. `wrong` are identifiers that no
    cluster may hold; a wrong identifier alone in its cluster does no harm.
    """
    harmful = set(wrong)
    right = [member for member in clusters if member in truth]
    bad = [member for member in clusters if member in harmful and member not in truth]
    operations = [*(truth[member] for member in right), *(f"\0{member}" for member in bad)]
    judged = np.array(operations, np.str_), np.array([clusters[i] for i in right + bad], np.str_)
    return TierScore(
        members=len(clusters),
        true=len(right),
        precision=compare_clusterings(*judged).bcubed.precision,
        recall=_ratio(len(right), len(truth)),
        bcubed_recall=_bcubed_recall(truth, clusters),
    )


def rule_costs(
    truth: Mapping[str, str], clusters: Mapping[str, str], passed: Mapping[str, Collection[str]]
) -> dict[str, RuleCost]:
    """Returns the cost of each rule, given the members that pass it and all rules before it."""
    costs = {}
    left, recall = dict(clusters), _bcubed_recall(truth, clusters)
    for rule, passing in passed.items():
        keep = set(passing)
        fewer = {member: cluster for member, cluster in left.items() if member in keep}
        recall_of_fewer = _bcubed_recall(truth, fewer)
        lost = sum(member in truth for member in left.keys() - fewer.keys())
        share = lost / len(truth) if truth else 0.0
        costs[rule] = RuleCost(lost, share, recall - recall_of_fewer)
        left, recall = fewer, recall_of_fewer
    return costs


def id_survival(
    truth: Mapping[str, str], before: Mapping[str, str], now: Mapping[str, str]
) -> IdSurvival:
    """Compares the clusters of two runs; all mappings are by entity id.

    The main cluster of an operation holds most of its identifiers (of equals, the smaller id). An
    operation counts if both runs have at least `MIN_SHOWN_MEMBERS` of its identifiers in one
    cluster.
    """
    earlier, later = _main_clusters(truth, before), _main_clusters(truth, now)
    comparable = earlier.keys() & later.keys()
    return IdSurvival(
        len(comparable), sum(earlier[operation] == later[operation] for operation in comparable)
    )


match_probability = link_probability


def baseline_clusterings(
    a: Array, b: Array, weight: Array, nodes: int
) -> Iterator[tuple[str, Array]]:
    """Yields (method, label of each node) for sorted, weighted links a < b.

    A link of weight w is a match with probability 1 - 2^-w (docs/evidence.md).
    """
    yield "components", component_labels(nodes, a, b)
    degree = np.bincount(a, minlength=nodes) + np.bincount(b, minlength=nodes)
    capped = (degree[a] <= MAX_LINKS) & (degree[b] <= MAX_LINKS)
    yield f"components, at most {MAX_LINKS} links", component_labels(nodes, a[capped], b[capped])
    likely = match_probability(weight) >= SPLINK_THRESHOLD
    yield "components of likely pairs, as Splink", component_labels(nodes, a[likely], b[likely])
    ones = np.ones(len(a))
    plain = Ties(a, b, ones, np.ones(len(a), np.int64), ones)
    yield "Leiden, unweighted", find_communities(plain, nodes, 1.0)


def _contingency(truth: Labels, predicted: Labels) -> sparse.csr_array:
    """Counts items by true cluster (rows) and predicted cluster (columns), both in label order."""
    if truth.shape != predicted.shape:
        raise ValueError(f"{truth.size} true labels but {predicted.size} predicted ones")
    rows, row_of = np.unique(truth, return_inverse=True)
    columns, column_of = np.unique(predicted, return_inverse=True)
    ones = np.ones(truth.size, dtype=np.int64)
    shape = (rows.size, columns.size)
    return sparse.coo_array((ones, (row_of, column_of)), shape=shape).tocsr()


def _contributions(table: sparse.csr_array) -> Array:
    """Returns for each true cluster the six sums from which all scores follow.

    The sums are its items; their B-cubed precision and recall (Bagga and Baldwin 1998; Amigo et
    al. 2009); and the pairs rightly together, put together, and belonging together. They are
    floats, since squares of millions overflow.
    """
    cells = table.tocoo()
    count = cells.data.astype(np.float64)
    size = np.asarray(table.sum(axis=1), np.float64)
    predicted = np.asarray(table.sum(axis=0), np.float64)[cells.col]
    columns = [count, count * count / predicted, count * count / size[cells.row]]
    columns += [count * (count - 1) / 2, count * (predicted - 1) / 2]
    summed = [np.bincount(cells.row, column, len(size)) for column in columns]
    return np.stack([*summed, size * (size - 1) / 2], axis=1)


def _scores(sums: Array) -> tuple[Score, Score]:
    """Returns the B-cubed and the pairwise score of six sums."""
    items, precise, recalled, together, put, true = sums.tolist()
    return (
        Score(_ratio(precise, items), _ratio(recalled, items)),
        Score(_ratio(together, put), _ratio(together, true)),
    )


def _adjusted_rand(together: float, put: float, true: float, *, items: int) -> float:
    """Returns the Rand index adjusted for chance (Hubert and Arabie 1985); 1 for equal clusterings.

    Also 1 if chance leaves no room, as when both put everything into one cluster.
    """
    pairs = items * (items - 1) / 2
    expected = true * put / pairs if pairs else 0.0
    most = (true + put) / 2
    return (together - expected) / (most - expected) if most != expected else 1.0


def _bcubed_recall(truth: Mapping[str, str], clusters: Mapping[str, str]) -> float:
    """Returns the B-cubed recall over the truth; an identifier without a cluster is alone."""
    operations = np.array(list(truth.values()), np.str_)
    predicted = np.array(
        [clusters.get(identifier, f"\0{identifier}") for identifier in truth], np.str_
    )
    return compare_clusterings(operations, predicted).bcubed.recall


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _main_clusters(truth: Mapping[str, str], clusters: Mapping[str, str]) -> dict[str, str]:
    seen = defaultdict[str, Counter[str]](Counter)
    for entity_id, operation in truth.items():
        if entity_id in clusters:
            seen[operation][clusters[entity_id]] += 1
    return {
        operation: min(
            cluster_id for cluster_id, count in counts.items() if count == max(counts.values())
        )
        for operation, counts in seen.items()
        if max(counts.values()) >= MIN_SHOWN_MEMBERS
    }
