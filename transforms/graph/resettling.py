"""Pieces of a cluster that other evidence shows to be another's go there, or out.

A victim of two call centers can tie a piece of one to the other by the only record that the piece
has there, and communities by ties alone then have no better place for it. Its suppliers may know
one. So each piece is weighed against each cluster that it is tied to, its own among them: what the
ties say, and what the suppliers say.
"""

from __future__ import annotations

import numpy as np

from transforms.graph.corroboration import Suppliers
from transforms.graph.incidence import Incidence, Ties, ties
from transforms.graph.modularity import smallest_members

TIE = 4.0
"""Nats that a record's worth of ties says for belonging together: about one in fifty misleads."""

MARGIN = 5.0
"""Nats by which another place must be better, or none at all, for a piece to leave its own."""

ROUNDS = 3


def resettle(
    evidence: Incidence, suppliers: Suppliers, label: np.ndarray, piece: np.ndarray
) -> np.ndarray:
    """The labelling after the pieces, a refinement of `label`, went where they fit best.

    All move at once, by where the others were before, so that the order does not matter.
    """
    between, told = ties(evidence, piece), suppliers.added(piece)
    for _ in range(ROUNDS):
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
