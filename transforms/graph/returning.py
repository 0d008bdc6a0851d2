"""An identifier that came back after its life: mostly another's, but where the rest says so, not.

What was seen again after a long gap is held apart (`transforms.graph.epochs`), since it may have
been passed on. In a world whose identifiers are passed on, the two epochs are found in different
call centers; in one where they are kept and seldom named, in the same. So how often an identifier
came back to the same hands is estimated from all that came back, and a loose end follows its other
epoch where that and the suppliers of both make it as good as sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph import joining
from transforms.graph.adoption import established
from transforms.graph.corroboration import Suppliers
from transforms.graph.incidence import Incidence
from transforms.graph.modularity import smallest_members

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
    sure = np.tile(joining.probability(np.where(apart, likeness, CERTAIN)), 2)
    follows = np.flatnonzero((one != other) & ~firm[one] & firm[other] & (sure >= joining.SURE))
    order = follows[np.lexsort((other[follows], -sure[follows], one[follows]))]
    first = np.append(True, one[order][1:] != one[order][:-1])[: len(order)]
    goal = np.arange(len(label))
    goal[one[order[first]]] = other[order[first]]
    return smallest_members(goal[label]), goal[label] != label
