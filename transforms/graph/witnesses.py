"""A line that may be a private person's is no member on one victim's word.

One mistyped digit, or malice, puts a stranger's number where a call-back number should stand, and
naming a stranger is the worst that can be done here. So such a line stays with its community only
if two victims tie it there, or if a call record shows that it was dialled.
"""

from __future__ import annotations

import numpy as np

from transforms.graph.incidence import Incidence

VICTIMS = 2
"""Victims who must tie a line to its community."""

BUSINESS_LINES = ("toll_free", "premium_rate", "shared_cost", "uan")
"""Line types that no private person holds."""


def doubted(evidence: Incidence, label: np.ndarray, private: np.ndarray) -> np.ndarray:
    """Mask of the `private` nodes that fewer than `VICTIMS` victims tie to their communities.

    What only such a node ties is not tied by another: they go until none is left to go.
    """
    shared = private & (np.bincount(label, minlength=len(label)) > 1)[label]
    gone = np.zeros(len(label), bool)
    while True:
        left = evidence.without(gone)
        more = shared & ~gone & (_victims(left, label) < VICTIMS)
        if not more.any():
            return gone
        gone |= more


def _inside(evidence: Incidence, label: np.ndarray) -> np.ndarray:
    """Mask over the evidence's rows: those that stand beside another of their own community."""
    key = np.stack([evidence.group, label[evidence.node]])
    _, at, named = np.unique(key, axis=1, return_inverse=True, return_counts=True)
    return named[at.ravel()] > 1


def _victims(evidence: Incidence, label: np.ndarray) -> np.ndarray:
    inside = _inside(evidence, label)
    pair = np.stack([evidence.node[inside], evidence.victim[evidence.group[inside]]])
    return np.bincount(np.unique(pair, axis=1)[0], minlength=len(label))
