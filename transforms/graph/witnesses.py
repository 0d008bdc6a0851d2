"""A line that may be a private person's is no member on one victim's word.

One mistyped digit, or malice, puts a stranger's number where a call-back number should stand, and
naming a stranger is the worst that can be done here. So such a line stays with its community only
if a victim who names no other number ties it there and another tells of it, or if three tie it
there, and fewer elsewhere; or if a call record shows that it was dialled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph.incidence import Incidence

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
