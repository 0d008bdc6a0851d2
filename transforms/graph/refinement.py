"""Which communities are one call center: joined on evidence that chance does not explain.

Communities are found fine on purpose. Two of them are joined when the victims who name both are
more than chance and noise explain, and either

- the tie does not hang on one identifier (a mule can serve two rings), or
- it does, but the two were hardly active at the same time: a number that hands over to the next
  leaves such a tie, while two rings that work side by side would have been named together more.

Their suppliers have a say too. A handover may rest on a single record where the suppliers of both
agree; no tie between established communities counts where they disagree, by more than there are
records that tie them.

Whatever chance says, a community most of whose records name another follows it. One record by
itself never joins two established communities; one that is not established yet may follow it.

Where there is nothing to weld, loose ends are not cut off.

A community is established when it is held together by more than a chain of single records. In a
component of the graph that has at most one established community, no two call centers can be
confused: the rest are loose ends, and each follows its strongest tie, unless suppliers disagree
about it. A component with several is left as it is, since there a loose end may hang on by the very
record that misleads.

Pieces of a cluster that other evidence shows to be another's go there, or out.

A victim of two call centers can tie a piece of one to the other by the only record that the piece
has there, and communities by ties alone then have no better place for it. Its suppliers may know
one. So each piece is weighed against each cluster that it is tied to, its own among them: what the
ties say, and what the suppliers say.

An identifier that came back after its life: mostly another's, but where the rest says so, not.

What was seen again after a long gap is held apart (`transforms.graph.epochs`), since it may have
been passed on. In a world whose identifiers are passed on, the two epochs are found in different
call centers; in one where they are kept and seldom named, in the same. So how often an identifier
came back to the same hands is estimated from all that came back, and a loose end follows its other
epoch where that and the suppliers of both make it as good as sure.

A line that may be a private person's is no member on one victim's word.

One mistyped digit, or malice, puts a stranger's number where a call-back number should stand, and
naming a stranger is the worst that can be done here. So such a line stays with its community only
if a victim who names no other number ties it there and another tells of it, or if three tie it
there, and fewer elsewhere; or if a call record shows that it was dialled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph.connected_components import components
from transforms.graph.incidence import Incidence, Ties, named_clusters, ties
from transforms.graph.leiden import smallest_members
from transforms.graph.supplier_likelihood import Suppliers

SURPRISE = 1.0
"""Log-likelihood by which a tie must beat chance, over what testing every pair already costs."""


EXCESS = 3.0
"""Times its expected weight that a tie must have, for chance here is not uniform."""


APART = 2.0
"""Records' worth that must be left of a tie without the identifier it mostly hangs on."""


HANDOVER = 0.3
"""Share of the less active side's records, while both were active, that must name both sides."""


BRIEF_HANDOVER = 0.1
"""The same share, where the suppliers of both sides agree."""


SURE = 0.95
"""Probability, by their suppliers, from which two sides agree."""


UNLIKE = 3.0
"""Nats by which their suppliers must speak for two customers for two sides to disagree."""


OUTWEIGHS = 1.0
"""Nats by which a record's worth more than `APART` outweighs suppliers that speak for two.

Of thousands of records the suppliers of two parts of one customer never agree to the last one.
"""


RARELY, PRIOR_TIES = 0.1, 10.0
"""Share of the ties that are true before any is looked at, and how many ties that is worth."""


STEPS = 50
"""Of expectation and maximisation."""


ESTABLISHED = 3
"""Records that make a community established."""


FOLLOWS, FOLLOWS_WEIGHT = 0.5, 0.2
"""Share of its records that must tie a community to another for it to follow; and their weight.

The weight keeps a list that several victims copied, which names a dozen, from counting in full.
"""


SLACK = 3.0
"""Days around an activity that still count as the same time: complaints come late."""


MERGE_ROUNDS = 64
"""Bound on the rounds; each round at least halves some chain of joins."""


@dataclass(frozen=True)
class _Activity:
    """Records by cluster and day, to be counted inside any window."""

    key: np.ndarray
    origin: float
    span: float
    first: np.ndarray
    last: np.ndarray
    records: np.ndarray

    @classmethod
    def of(cls, evidence: Incidence, label: np.ndarray) -> _Activity:
        group, cluster, _ = named_clusters(evidence, label)
        day = evidence.day[group]
        first, last = np.full(len(label), np.inf), np.full(len(label), -np.inf)
        np.minimum.at(first, cluster, day)
        np.maximum.at(last, cluster, day)
        origin = float(day.min()) - SLACK
        span = float(day.max()) + SLACK - origin + 1
        key = np.sort(cluster * span + (day - origin))
        records = np.bincount(cluster, minlength=len(label))
        return cls(key, origin, span, first, last, records)

    def shared(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Records of the less active of a and b while both were active; at least 1."""
        start = np.maximum(self.first[a], self.first[b]) - SLACK
        end = np.minimum(self.last[a], self.last[b]) + SLACK
        return np.maximum(np.minimum(self._within(a, start, end), self._within(b, start, end)), 1)

    def _within(self, cluster: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        low = cluster * self.span + np.clip(start - self.origin, 0, self.span - 1)
        high = cluster * self.span + np.clip(end - self.origin, 0, self.span - 1)
        return np.searchsorted(self.key, high, "right") - np.searchsorted(self.key, low, "left")


def join(evidence: Incidence, suppliers: Suppliers, label: np.ndarray) -> np.ndarray:
    """The labelling after all joins; `evidence` must hold no group that names a single node."""
    for _ in range(MERGE_ROUNDS):
        between = ties(evidence, label)
        if not len(between.a):
            break
        score = _scores(
            between,
            _Activity.of(evidence, label),
            suppliers.likeness(label, between.a, between.b),
        )
        partner = _mutual_best(between, score, len(label))
        if (partner == np.arange(len(label))).all():
            break
        label = partner[label]
    return smallest_members(label)


def _scores(between: Ties, active: _Activity, likeness: np.ndarray) -> np.ndarray:
    """How strongly each tie asks for a join; 0 where it must not join."""
    weight = between.weight
    outward = np.bincount(between.a, weight, len(active.records))
    outward += np.bincount(between.b, weight, len(active.records))
    chance = outward[between.a] * outward[between.b] / (2 * weight.sum())
    surprise = np.where(weight > chance, weight * np.log(weight / chance) - weight + chance, 0)
    share = weight / active.shared(between.a, between.b)
    agree = probability(likeness) >= SURE
    disagree = likeness + OUTWEIGHS * np.maximum(between.apart - APART, 0) < -UNLIKE
    several = between.victims >= 2
    beyond_chance = surprise > np.log(max(len(weight), 2)) + SURPRISE
    apart = (between.apart >= APART) & (between.apart > EXCESS * chance)
    independent = several & beyond_chance & apart & ~disagree
    handover = (share >= HANDOVER) & several & ~disagree | (share >= BRIEF_HANDOVER) & agree
    smaller = np.minimum(active.records[between.a], active.records[between.b])
    mostly = (between.victims > FOLLOWS * smaller) & (weight > FOLLOWS_WEIGHT * smaller)
    follows = mostly & (between.victims >= 2)
    follows |= (smaller < ESTABLISHED) & (weight > FOLLOWS * smaller)
    return np.where(independent | handover | follows, surprise + share, 0)


def probability(likeness: np.ndarray) -> np.ndarray:
    """That each tie is between parts of one call center, by its log Bayes factor.

    How many ties are is estimated from the ties themselves, by expectation and maximisation
    (empirical Bayes; Efron et al., JASA 96, 1151, 2001), starting from `RARELY` as if
    `PRIOR_TIES` ties had shown it, so that few ties or none that tell anything prove nothing.
    """
    rate = RARELY
    odds = np.exp(np.clip(likeness, -50, 50))
    for _ in range(STEPS):
        true = rate * odds / (rate * odds + 1 - rate)
        rate = (true.sum() + RARELY * PRIOR_TIES) / (len(true) + PRIOR_TIES)
    return rate * odds / (rate * odds + 1 - rate)


def _mutual_best(between: Ties, score: np.ndarray, labels: int) -> np.ndarray:
    """For each label the one it joins: where two prefer each other, the larger number gives way."""
    asks = score > 0
    a, b, s = between.a[asks], between.b[asks], score[asks]
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((target, -np.concatenate([s, s]), source))
    source, target = source[order], target[order]
    best = np.full(labels, -1)
    first = (
        np.concatenate([[True], source[1:] != source[:-1]]) if len(source) else np.empty(0, bool)
    )
    best[source[first]] = target[first]
    partner = np.arange(labels)
    mutual = np.flatnonzero((best >= 0) & (best[np.maximum(best, 0)] == np.arange(labels)))
    partner[mutual] = np.minimum(mutual, best[mutual])
    return partner


REDUNDANT = 2
"""Ties beyond those that a tree over its members needs, for a community to be established.

A record that names k members ties k - 1 of them to the first.
"""


def established(evidence: Incidence, label: np.ndarray) -> np.ndarray:
    """Mask over labels: which communities hold together even without any one record."""
    cluster = label[evidence.node]
    labels = int(label.max(initial=0)) + 1
    key, named = np.unique(evidence.group * labels + cluster, return_counts=True)
    inside = np.bincount(key % labels, named - 1, minlength=len(label))
    size = np.bincount(label, minlength=len(label))
    return inside - (size - 1) >= REDUNDANT


def adopt(evidence: Incidence, suppliers: Suppliers, label: np.ndarray) -> np.ndarray:
    """The labelling after the loose ends of components with little in them followed their ties.

    Boruvka's rounds over ties in one strict order, so that each tree of followers ends in at most
    one established community and the outcome depends on no order of the input.
    """
    graph = ties(evidence, np.arange(evidence.nodes))
    component = components(evidence.nodes, graph.a, graph.b)
    firm = established(evidence, label)
    simple = np.bincount(component, firm, minlength=evidence.nodes)[component] <= 1
    while True:
        between = ties(evidence, label)
        between = between.of(suppliers.likeness(label, between.a, between.b) >= -UNLIKE)
        loose = simple & ~established(evidence, label)
        order = np.lexsort((between.b, between.a, -between.weight))
        a, b = between.a[order], between.b[order]
        rank = np.full(len(label), len(order))
        np.minimum.at(rank, a, np.arange(len(order)))
        np.minimum.at(rank, b, np.arange(len(order)))
        chosen = np.unique(rank[loose & (rank < len(order))])
        if not len(chosen):
            return smallest_members(label)
        label = components(len(label), a[chosen], b[chosen])[label]


TIE = 4.0
"""Nats that a record's worth of ties says for belonging together: about one in fifty misleads."""


MARGIN = 5.0
"""Nats by which another place must be better, or none at all, for a piece to leave its own."""


MOVE_ROUNDS = 3


def resettle(
    evidence: Incidence, suppliers: Suppliers, label: np.ndarray, piece: np.ndarray
) -> np.ndarray:
    """The labelling after the pieces, a refinement of `label`, went where they fit best.

    All move at once, by where the others were before, so that the order does not matter.
    """
    between, told = ties(evidence, piece), suppliers.added(piece)
    for _ in range(MOVE_ROUNDS):
        moved = _once(between, told, suppliers, label, piece)
        if (moved == label).all():
            break
        label = moved
    return label


def _once(
    between: Ties, told: Suppliers, suppliers: Suppliers, label: np.ndarray, piece: np.ndarray
) -> np.ndarray:
    one = np.concatenate([between.a, between.b])
    there = label[np.concatenate([between.b, between.a])]
    key, at = np.unique(one * len(label) + there, return_inverse=True)
    one, there = np.divmod(key, max(len(label), 1))
    weight = np.bincount(at, np.concatenate([between.weight, between.weight]), len(one))
    own = there == label[one]
    score = TIE * weight + suppliers.added(label).fit(told, one, there, own)
    staying = np.full(len(label), np.inf)
    staying[one[own]] = score[own]
    goal = label.copy()
    order = np.lexsort((there, -score, one))
    first = np.ones(len(order), bool)
    first[1:] = one[order][1:] != one[order][:-1]
    best = order[first]
    better = best[(score[best] > staying[one[best]] + MARGIN) & ~own[best]]
    goal[one[better]] = there[better]
    out = one[own & (score < -MARGIN)]
    out = out[goal[out] == label[out]]
    alone = len(label) + out
    goal[out] = alone
    return smallest_members(goal[piece])


CERTAIN = 50.0
"""Nats for two epochs that other evidence put into one community."""


@dataclass(frozen=True)
class Epochs:
    """Nodes that are one identifier before and after a gap; of several gaps each."""

    before: np.ndarray
    after: np.ndarray


def epochs(bare: np.ndarray, first_seen: np.ndarray) -> Epochs:
    """Per node, the hash of its id without the epoch, and when it was first seen."""
    order = np.lexsort((first_seen, bare))
    same = bare[order][1:] == bare[order][:-1]
    return Epochs(order[:-1][same], order[1:][same])


def follow(
    evidence: Incidence, suppliers: Suppliers, label: np.ndarray, pairs: Epochs
) -> tuple[np.ndarray, np.ndarray]:
    """The labelling after loose communities followed the established ones of their other epochs.

    Each follows at most one, the likeliest, so that no two established communities become one.
    And a mask of the nodes that did.
    """
    if not len(pairs.before):
        return label, np.zeros(len(label), bool)
    firm = established(evidence, label)
    one = np.concatenate([label[pairs.before], label[pairs.after]])
    other = np.concatenate([label[pairs.after], label[pairs.before]])
    likeness = suppliers.likeness(label, label[pairs.before], label[pairs.after])
    apart = label[pairs.before] != label[pairs.after]
    sure = np.tile(probability(np.where(apart, likeness, CERTAIN)), 2)
    follows = np.flatnonzero((one != other) & ~firm[one] & firm[other] & (sure >= SURE))
    order = follows[np.lexsort((other[follows], -sure[follows], one[follows]))]
    first = np.append(True, one[order][1:] != one[order][:-1])[: len(order)]
    goal = np.arange(len(label))
    goal[one[order[first]]] = other[order[first]]
    return smallest_members(goal[label]), goal[label] != label


VICTIMS = 2
"""Victims who must tell of a line, where one of them ties it and names no other phone."""


BESIDE = 3
"""Victims who must tie a line, where each of them names another phone too."""


BUSINESS_LINES = ("toll_free", "premium_rate", "shared_cost", "uan")
"""Line types that no private person holds."""


@dataclass(frozen=True)
class Lines:
    """Masks over nodes: phones, and those a private person may hold and nobody was seen to dial.

    `alone` counts the victims who tell of a node and tie it to nothing.
    """

    phone: np.ndarray
    private: np.ndarray
    alone: np.ndarray

    def but(self, gone: np.ndarray) -> Lines:
        """The same without the private lines of a mask."""
        return Lines(self.phone, self.private & ~gone, self.alone)


def doubted(evidence: Incidence, label: np.ndarray, lines: Lines) -> np.ndarray:
    """Mask of the private lines that too few victims tie to their communities.

    One who names another phone too says less: what is mistyped, copied or accused stands beside a
    ring's own, by malice even twice. One who names nothing else ties it to nothing, but bears out
    another who names no other phone. And those who name it beside others' must be fewer. What only
    such a line ties is not tied by another: they go until none is left to go.
    """
    named = evidence.group[lines.phone[evidence.node]]
    numbers = np.bincount(named, minlength=len(evidence.victim))
    shared = lines.private & (np.bincount(label, minlength=len(label)) > 1)[label]
    gone = np.zeros(len(label), bool)
    while True:
        left = evidence.without(gone)
        inside = _inside(left, label)
        victims = _victims(left, inside)
        sole = _victims(left, inside & (numbers[left.group] < 2)) > 0
        elsewhere = victims_by_node(left) - victims
        enough = np.where(sole, victims + lines.alone >= VICTIMS, victims >= BESIDE)
        more = ~enough | (victims <= elsewhere)
        more &= shared & ~gone
        if not more.any():
            return gone
        gone |= more


def victims_by_node(evidence: Incidence) -> np.ndarray:
    """Per node, the victims who name it."""
    return _victims(evidence, np.ones(len(evidence.node), bool))


def _inside(evidence: Incidence, label: np.ndarray) -> np.ndarray:
    """Mask over the evidence's rows: those that stand beside another of their own community."""
    key = evidence.group * (int(label.max(initial=0)) + 1) + label[evidence.node]
    _, at, named = np.unique(key, return_inverse=True, return_counts=True)
    return named[at] > 1


def _victims(evidence: Incidence, rows: np.ndarray) -> np.ndarray:
    """Per node, the victims of a mask over the evidence's rows."""
    victim = evidence.victim[evidence.group[rows]]
    pair = np.unique(victim * evidence.nodes + evidence.node[rows])
    return np.bincount(pair % max(evidence.nodes, 1), minlength=evidence.nodes)
