"""Refinement of communities: steps that merge them and move members to where evidence puts them.

The search finds small communities on purpose (`transforms.graph.leiden`). Refinement merges them,
attaches loose ends, moves misplaced pieces and rejoins epochs. It sets doubtful private lines
apart, since naming a stranger is the worst possible error here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from transforms.arrow import (
    Array,
    component_labels,
    first_rows,
    group_starts,
    sorted_unique,
    stable_order,
    sum_by_group,
)
from transforms.graph import epochs
from transforms.graph.incidence import Incidence, Ties, cluster_ties, group_clusters, sum_by_pair
from transforms.graph.leiden import smallest_members
from transforms.graph.supplier_likelihood import SupplierCounts, SupplierSums

MERGE_SURPRISE = 1.0
"""Nats by which a tie must beat chance, on top of the log of the number of pairs tested."""

MIN_EXCESS = 3.0
"""A tie must weigh so many times its expected weight, since chance is not uniform here."""

MIN_INDEPENDENT_WEIGHT = 2.0
"""Records' worth that a tie must keep without the identifier it most depends on."""

HANDOVER_SHARE = 0.3
"""Share of the less active side's records, while both were active, that must name both sides."""

AGREED_HANDOVER_SHARE = 0.1
"""`HANDOVER_SHARE` for two sides whose suppliers agree."""

SAME_OWNER_PROBABILITY = 0.95
"""Probability of one owner, by suppliers, above which the suppliers of two sides agree."""

DISAGREEMENT_NATS = 3.0
"""Nats in favour of two customers above which the suppliers of two sides disagree."""

EXCESS_RECORD_NATS = 1.0
"""Nats by which a record's worth beyond `MIN_INDEPENDENT_WEIGHT` offsets disagreeing suppliers.

Two parts of one customer with thousands of records never have exactly the same suppliers.
"""

PRIOR_TRUE_SHARE, PRIOR_TIES = 0.1, 10.0
"""Prior share of true ties, and the number of ties that the prior counts as."""

EM_STEPS = 50
"""Steps of expectation and maximization."""

ESTABLISHED_REPORTERS = 3
"""Reporters from which a community counts as established in a merge."""

FOLLOW_SHARE, FOLLOW_WEIGHT = 0.5, 0.2
"""Least share of a community's reporters on a tie to another that it follows, and least weight.

The weight, as a share of the reporters, keeps a copied list of a dozen from counting in full.
"""

SLACK_DAYS = 3.0
"""Days added around an activity, since complaints come late."""

MERGE_ROUNDS = 64
"""Bound on the rounds; each round at least halves some chain of joins."""

ESTABLISHED_SPARE_TIES = 2
"""Ties that an established community has beyond a tree over its members.

A record that names k members ties k - 1 of them to the first.
"""

TIE_NATS = 4.0
"""Nats that a record's worth of ties counts for belonging: about one in fifty misleads."""

MOVE_MARGIN = 5.0
"""Nats by which another community, or none, must be better for a piece to leave its own."""

MOVE_ROUNDS = 3

SAME_COMMUNITY_NATS = 50.0
"""Nats for one owner of two epochs that other evidence put into one community."""

MIN_REPORTERS = 3
"""Reporters who must tie a private line.

If one of them names no other phone, reporters who name only the line count as well.
"""

BUSINESS_LINES = ("toll_free", "premium_rate", "shared_cost", "uan")
"""Line types that no private person holds."""


@dataclass(frozen=True)
class EpochPairs:
    """Pairs of nodes that are one identifier before and after a gap, one pair for each gap."""

    before: Array
    after: Array


@dataclass(frozen=True)
class PhoneLines:
    """Masks over nodes: phones, and phones that may be private and that no call record confirms.

    `alone` counts the reporters who name a node and tie it to nothing.
    """

    phone: Array
    private: Array
    alone: Array


def merge_communities(evidence: Incidence, suppliers: SupplierCounts, label: Array) -> Array:
    """Merges communities until no pair asks for it; each group of `evidence` names several nodes.

    Two communities merge if their tie is stronger than chance and does not depend on one
    identifier, since a mule can serve two rings. They also merge if they were active at the same
    time only briefly, but often named together then: one number handed over to the next. If
    suppliers agree, a handover may rest on a single record. If suppliers disagree, by more than
    extra records offset, nothing merges in these two ways. A community follows another that most
    of its reporters name. A single record never joins two established communities otherwise.

    Returns:
        The new community of each node.
    """
    for _ in range(MERGE_ROUNDS):
        between = cluster_ties(evidence, label)
        if not len(between.a):
            break
        factor = suppliers.log_bayes_factor(label, between.a, between.b)
        score = _merge_scores(between, _Activity.of(evidence, label), factor)
        partner = _mutual_best(between, score, len(label))
        if (partner == np.arange(len(label))).all():
            break
        label = partner[label]
    return smallest_members(label)


def attach_loose_ends(evidence: Incidence, suppliers: SupplierCounts, label: Array) -> Array:
    """Attaches the loose ends of components with at most one established community.

    Such a component has no two call centers to confuse. In any other component, a loose end may
    rest on a misleading record. Each loose end follows its strongest tie for which suppliers do not
    disagree. The rounds are Boruvka's, over ties in a strict order: each tree of followers ends in
    at most one established community, and the order of the input does not matter.
    """
    graph = evidence.ties
    component = component_labels(evidence.nodes, graph.a, graph.b)
    firm = established_communities(evidence, label)
    simple = np.bincount(component, firm, minlength=evidence.nodes)[component] <= 1
    while True:
        between = cluster_ties(evidence, label)
        between = between.where(
            suppliers.log_bayes_factor(label, between.a, between.b) >= -DISAGREEMENT_NATS
        )
        loose = simple & ~established_communities(evidence, label)
        joined = follow_strongest_ties(between, loose)
        if joined is None:
            return smallest_members(label)
        label = joined[label]


def follow_strongest_ties(between: Ties, loose: Array) -> Array | None:
    """Joins each loose cluster to the cluster of its strongest tie (of equals, the smallest).

    Returns:
        The new label of each label after one round, or None if no loose cluster has a tie.
    """
    order = np.lexsort((between.b, between.a, -between.weight))
    a, b = between.a[order], between.b[order]
    rank = np.full(len(loose), len(order))
    np.minimum.at(rank, a, np.arange(len(order)))
    np.minimum.at(rank, b, np.arange(len(order)))
    chosen = np.unique(rank[loose & (rank < len(order))])
    return component_labels(len(loose), a[chosen], b[chosen]) if len(chosen) else None


def move_misplaced_pieces(
    between: Ties, suppliers: SupplierCounts, label: Array, piece: Array
) -> Array:
    """Moves each piece of a community to the community that fits it best.

    Pieces refine `label`, and `between` has the ties between pieces. A victim of two call centers
    can tie a piece of one center to the other by the piece's only record. In a round all pieces
    move at once, by the places before the round, so that their order does not matter.
    """
    counts = suppliers.sum_by_label(piece)
    for _ in range(MOVE_ROUNDS):
        moved = _move_once(between, counts, suppliers, label, piece)
        if (moved == label).all():
            break
        label = moved
    return label


def epoch_pairs(bare: Array, first_seen: Array, reporters: Array) -> EpochPairs:
    """Pairs the epochs of an identifier in the order of `first_seen`.

    `bare` is the hash of the id without its epoch. An epoch of one reporter is paired with the
    epoch of several reporters before it, or else with the first such epoch. Nothing follows it, so
    a single reporter's dates bridge nothing.
    """
    follows: list[tuple[int, int]] = []
    leads: list[tuple[int, int]] = []
    for _, group in groupby(np.lexsort((first_seen, bare)).tolist(), bare.__getitem__):
        nodes = list(group)
        firm = [node for node in nodes if reporters[node] >= epochs.CORROBORATED] or nodes
        earlier = None
        for node in nodes:
            if earlier is not None:
                follows.append((earlier, node))
            elif node not in firm:
                leads.append((node, firm[0]))
            earlier = node if node in firm else earlier
    return EpochPairs(*np.array([*follows, *leads], np.int64).reshape(-1, 2).T)


def rejoin_epochs(
    evidence: Incidence, suppliers: SupplierCounts, label: Array, pairs: EpochPairs
) -> tuple[Array, Array]:
    """Lets loose communities follow the established communities of their other epochs.

    An identifier that comes back after its lifetime mostly has another holder.
    `same_owner_probability` estimates from all such identifiers how often the holder is the same.
    Each loose community follows only the likeliest, so no two established communities merge.

    Returns:
        The new community of each node, and a mask of the nodes that followed.
    """
    if not len(pairs.before):
        return label, np.zeros(len(label), bool)
    firm = established_communities(evidence, label)
    near = np.concatenate([label[pairs.before], label[pairs.after]])
    far = np.concatenate([label[pairs.after], label[pairs.before]])
    bayes_factor = suppliers.log_bayes_factor(label, label[pairs.before], label[pairs.after])
    apart = label[pairs.before] != label[pairs.after]
    sure = np.tile(same_owner_probability(np.where(apart, bayes_factor, SAME_COMMUNITY_NATS)), 2)
    follows = np.flatnonzero(
        (near != far) & ~firm[near] & firm[far] & (sure >= SAME_OWNER_PROBABILITY)
    )
    order = follows[first_rows(near[follows], -sure[follows], far[follows])]
    goal = np.arange(len(label))
    goal[near[order]] = far[order]
    return smallest_members(goal[label]), goal[label] != label


def doubtful_private_lines(evidence: Incidence, label: Array, lines: PhoneLines) -> Array:
    """Masks the private lines that too few reporters tie to their communities.

    One mistyped digit, or malice, puts a stranger's number in place of a call-back number. Such a
    number mostly appears together with a ring's own phone, by malice even twice. So reporters who
    name nothing but the line count only if a tying reporter names no other phone. More reporters
    must tie the line to its own cluster than name it elsewhere. A removed line ties nothing, so
    rounds go on until no line is removed.
    """
    named = evidence.group[lines.phone[evidence.node]]
    numbers = np.bincount(named, minlength=len(evidence.reporter))
    shared = lines.private & (np.bincount(label, minlength=len(label)) > 1)[label]
    gone = np.zeros(len(label), bool)
    while True:
        left = evidence.without(gone)
        inside = beside_own_cluster(left, label)
        tying = count_reporters(left, inside)
        sole = count_reporters(left, inside & (numbers[left.group] < 2)) > 0
        elsewhere = reporters_by_node(left) - tying
        enough = tying + np.where(sole, lines.alone, 0) >= MIN_REPORTERS
        more = ~enough | (tying <= elsewhere)
        more &= shared & ~gone
        if not more.any():
            return gone
        gone |= more


def established_communities(evidence: Incidence, label: Array) -> Array:
    """Masks the labels of communities with `ESTABLISHED_SPARE_TIES` ties more than a tree has."""
    labels = int(label.max(initial=0)) + 1
    pair = sorted_unique(evidence.reporter[evidence.group] * evidence.nodes + evidence.node)
    reporter, node = np.divmod(pair, max(evidence.nodes, 1))
    key, named = np.unique(reporter * labels + label[node], return_counts=True)
    spare = named - 1
    if evidence.people is not None:
        spare = spare * evidence.people[key // labels]
    inside = np.bincount(key % labels, spare, minlength=len(label))
    size = np.bincount(label, minlength=len(label))
    return inside - (size - 1) >= ESTABLISHED_SPARE_TIES


def beside_own_cluster(evidence: Incidence, label: Array) -> Array:
    """Masks the rows of evidence whose group also names another member of their cluster."""
    key = evidence.group * (int(label.max(initial=0)) + 1) + label[evidence.node]
    _, number, named = np.unique(key, return_inverse=True, return_counts=True)
    return named[number] > 1


def count_reporters(evidence: Incidence, rows: Array) -> Array:
    """Counts the reporters of each node among the rows of a mask."""
    reporter = evidence.reporter[evidence.group[rows]]
    pair = sorted_unique(reporter * evidence.nodes + evidence.node[rows])
    who, node = np.divmod(pair, max(evidence.nodes, 1))
    return evidence.count(node, who, evidence.nodes)


def same_owner_probability(bayes_factor: Array) -> Array:
    """Returns the probability that each tie is inside one call center, by its log Bayes factor.

    The share of such ties is estimated from the ties themselves, by expectation and maximization
    (empirical Bayes; Efron et al., JASA 96, 1151, 2001). `PRIOR_TRUE_SHARE` counts as much as
    `PRIOR_TIES` ties, so that a few ties, or ties without evidence, prove nothing.
    """
    rate = PRIOR_TRUE_SHARE
    odds = np.exp(np.clip(bayes_factor, -50, 50))
    for _ in range(EM_STEPS):
        true = rate * odds / (rate * odds + 1 - rate)
        rate = (true.sum() + PRIOR_TRUE_SHARE * PRIOR_TIES) / (len(true) + PRIOR_TIES)
    return rate * odds / (rate * odds + 1 - rate)


def reporters_by_node(evidence: Incidence) -> Array:
    """Counts, per node, the reporters who name it."""
    return count_reporters(evidence, np.ones(len(evidence.node), bool))


@dataclass(frozen=True)
class _Activity:
    """Reporters by cluster and first day, to count inside any window of days.

    `up_to` counts the reporters before each row of `key`; its last value counts all.
    """

    key: Array
    up_to: Array
    origin: float
    span: float
    first: Array
    last: Array
    reporters: Array

    @classmethod
    def of(cls, evidence: Incidence, label: Array) -> _Activity:
        group, cluster, _ = group_clusters(evidence, label)
        reporter, day = evidence.reporter[group], evidence.day[group]
        order = stable_order(cluster, reporter, evidence.rank[group])
        once = order[group_starts(cluster[order], reporter[order])]
        cluster, day = cluster[once], day[once]
        people = evidence.count(np.arange(len(once)), reporter[once], len(once))
        first, last = np.full(len(label), np.inf), np.full(len(label), -np.inf)
        np.minimum.at(first, cluster, day)
        np.maximum.at(last, cluster, day)
        origin = float(day.min()) - SLACK_DAYS
        span = float(day.max()) + SLACK_DAYS - origin + 1
        key = cluster * span + (day - origin)
        order = np.argsort(key)
        up_to = np.append(0, np.cumsum(people[order]))
        reporters = sum_by_group(cluster, people, len(label))
        return cls(key[order], up_to, origin, span, first, last, reporters)

    def shared(self, a: Array, b: Array) -> Array:
        """Counts reporters of the less active cluster while both were active; at least 1."""
        start = np.maximum(self.first[a], self.first[b]) - SLACK_DAYS
        end = np.minimum(self.last[a], self.last[b]) + SLACK_DAYS
        return np.maximum(np.minimum(self._within(a, start, end), self._within(b, start, end)), 1)

    def _within(self, cluster: Array, start: Array, end: Array) -> Array:
        low = cluster * self.span + np.clip(start - self.origin, 0, self.span - 1)
        high = cluster * self.span + np.clip(end - self.origin, 0, self.span - 1)
        until, since = np.searchsorted(self.key, high, "right"), np.searchsorted(self.key, low)
        return self.up_to[until] - self.up_to[since]


def _merge_scores(between: Ties, active: _Activity, bayes_factor: Array) -> Array:
    """Scores how strongly each tie asks for a merge; 0 if it must not merge."""
    weight = between.weight
    outward = np.bincount(between.a, weight, len(active.reporters))
    outward += np.bincount(between.b, weight, len(active.reporters))
    chance = outward[between.a] * outward[between.b] / (2 * weight.sum())
    surprise = np.where(weight > chance, weight * np.log(weight / chance) - weight + chance, 0)
    share = weight / active.shared(between.a, between.b)
    agree = same_owner_probability(bayes_factor) >= SAME_OWNER_PROBABILITY
    independent_weight = between.independent
    offset = EXCESS_RECORD_NATS * np.maximum(independent_weight - MIN_INDEPENDENT_WEIGHT, 0)
    disagree = bayes_factor + offset < -DISAGREEMENT_NATS
    several = between.reporters >= 2
    beyond_chance = surprise > np.log(max(len(weight), 2)) + MERGE_SURPRISE
    spare = (independent_weight >= MIN_INDEPENDENT_WEIGHT) & (
        independent_weight > MIN_EXCESS * chance
    )
    independent = several & beyond_chance & spare & ~disagree
    handover = (share >= HANDOVER_SHARE) & several & ~disagree | (
        share >= AGREED_HANDOVER_SHARE
    ) & agree
    smaller = np.minimum(active.reporters[between.a], active.reporters[between.b])
    mostly = (between.reporters > FOLLOW_SHARE * smaller) & (weight > FOLLOW_WEIGHT * smaller)
    follows = mostly & (between.reporters >= 2)
    follows |= (smaller < ESTABLISHED_REPORTERS) & (weight > FOLLOW_SHARE * smaller)
    return np.where(independent | handover | follows, surprise + share, 0)


def _mutual_best(between: Ties, score: Array, labels: int) -> Array:
    """Returns for each label the smaller of it and its partner, if both prefer each other."""
    asks = score > 0
    a, b, s = between.a[asks], between.b[asks], score[asks]
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    first = first_rows(source, -np.tile(s, 2), target)
    best = np.full(labels, -1)
    best[source[first]] = target[first]
    partner = np.arange(labels)
    mutual = np.flatnonzero((best >= 0) & (best[np.maximum(best, 0)] == np.arange(labels)))
    partner[mutual] = np.minimum(mutual, best[mutual])
    return partner


def _move_once(
    between: Ties, counts: SupplierSums, suppliers: SupplierCounts, label: Array, piece: Array
) -> Array:
    """Moves each piece to its best cluster, or out of its own; `counts` are per piece."""
    mover = np.concatenate([between.a, between.b])
    there = label[np.concatenate([between.b, between.a])]
    mover, there, weight = sum_by_pair(mover, there, np.tile(between.weight, 2))
    own = there == label[mover]
    factor = suppliers.sum_by_label(label).piece_log_bayes_factor(counts, mover, there, own)
    score = TIE_NATS * weight + factor
    staying = np.full(len(label), np.inf)
    staying[mover[own]] = score[own]
    goal = label.copy()
    best = first_rows(mover, -score, there)
    better = best[(score[best] > staying[mover[best]] + MOVE_MARGIN) & ~own[best]]
    goal[mover[better]] = there[better]
    out = mover[own & (score < -MOVE_MARGIN)]
    out = out[goal[out] == label[out]]
    goal[out] = len(label) + out
    return smallest_members(goal[piece])
