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
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph.corroboration import Suppliers
from transforms.graph.incidence import Incidence, Ties, named_clusters, ties
from transforms.graph.modularity import smallest_members

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

ROUNDS = 64
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
    for _ in range(ROUNDS):
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
