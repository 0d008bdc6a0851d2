"""Robustness: how many reporters a member's place in its cluster rests on.

One person can name anything beside anything. So a member is worth naming to others only if several
reporters show it, and several tie it to the others (`follow_reporters`), and if it is no slip of
the pen of a better-attested one (`near_misses`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from schemas.entity import without_epoch
from schemas.enums import EntityKind, Status, Tier
from transforms.arrow_util import group_starts
from transforms.graph.incidence import Incidence, cluster_ties, component_labels
from transforms.graph.leiden import smallest_members
from transforms.graph.refinement import (
    beside_own_cluster,
    count_reporters,
    established_communities,
    follow_strongest_ties,
    reporters_by_node,
)
from transforms.graph.supplier_likelihood import SupplierCounts

CORE_ROBUSTNESS = 2
"""Reporters that a member of the core rests on, at least."""

AGREEMENT_NATS = 1.5
"""Nats by which suppliers must indicate one customer to count like a second reporter of a tie."""

NEAR_MISS_RATIO = 3
"""Times the reporters of a near miss that the identifier it is like must have."""

NEAR_MISS_KINDS = (EntityKind.PHONE, EntityKind.ACCOUNT, EntityKind.REMOTE)
"""Kinds whose ids people copy digit by digit."""

CORE_COLUMNS = ("entity_id", "known_as", "status", "reporters", "link_reporters")
"""Columns of MEMBERSHIP that `standings` reads."""

_ANY_DIGIT, _SAME_DIGITS = "\x00", "\x01"

MAX_ROUNDS = 64
"""Bound on the rounds of merging parts; each at least halves some chain of them."""


class Standing(NamedTuple):
    """The reporters that a member's place in its cluster rests on, and the id it is near to."""

    robustness: int
    near_miss_of: str | None
    tier: Tier


def link_reporters(
    evidence: Incidence, suppliers: SupplierCounts, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts, per node, the reporters who tie it to the rest of its cluster.

    Args:
        evidence: The pieces of evidence, without hubs.
        suppliers: Supplier and country counts by node.
        label: The cluster of each node.

    Returns:
        The reporters that count, and all of them. At most one counts where that one could have put
        the node there: outside the main part of its cluster, and where at least as many tie it to
        other clusters alone.
    """
    inside = count_reporters(evidence, beside_own_cluster(evidence, label))
    elsewhere = reporters_by_node(evidence) - inside
    alone = ~in_main_part(evidence, suppliers, label) | (inside <= elsewhere)
    return np.where(alone, np.minimum(inside, 1), inside), inside


def separate_established_parts(
    evidence: Incidence, suppliers: SupplierCounts, label: np.ndarray
) -> np.ndarray:
    """Separates the established parts of a cluster that a single reporter joined.

    One person who names members of two rings together must not make one of them. Suppliers that
    agree are a second witness. What is in no established part follows its strongest tie.

    Args:
        evidence: The pieces of evidence, without hubs.
        suppliers: Supplier and country counts by node.
        label: The cluster of each node.

    Returns:
        The new cluster of each node.
    """
    part = _parts(evidence, suppliers, label)
    firm = established_communities(evidence, part)
    several = np.bincount(label[np.flatnonzero(firm)], minlength=len(label)) > 1
    if not several.any():
        return label
    found = np.where(several[label], part, label)
    while True:
        between = cluster_ties(evidence, found)
        between = between.where((label[between.a] == label[between.b]) & several[label[between.a]])
        loose = np.ones(len(label), bool)
        loose[found[firm[part]]] = False
        joined = follow_strongest_ties(between, loose)
        if joined is None:
            return smallest_members(found)
        found = joined[found]


def in_main_part(evidence: Incidence, suppliers: SupplierCounts, label: np.ndarray) -> np.ndarray:
    """Masks the nodes in the main part of their clusters: what no single reporter holds together.

    Two parts of a cluster are one where two reporters tie them, or one does and the suppliers of
    both agree. The main part is that of most members (ties: the one with the smallest node).
    """
    part = _parts(evidence, suppliers, label)
    size = np.bincount(part, minlength=len(label))
    numbers = np.unique(part)
    order = np.lexsort((numbers, -size[numbers], label[numbers]))
    main = np.zeros(len(label), bool)
    main[numbers[order][group_starts(label[numbers][order])]] = True
    return main[part]


def near_misses(reporters: Mapping[str, int]) -> dict[str, str]:
    """Finds the members that differ from a better-attested one by one digit or a swap of two.

    Args:
        reporters: The reporters of each member of one cluster, by id.

    Returns:
        The id that each near miss is like: the one of most reporters (ties: the smallest id).
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for entity_id in reporters if len(reporters) > 1 else ():
        kind, _, value = without_epoch(entity_id).partition(":")
        if kind in NEAR_MISS_KINDS:
            for pattern in _patterns(value):
                alike[f"{kind}:{pattern}"].append(entity_id)
    found: dict[str, str] = {}
    for pattern, ids in alike.items():
        if len(ids) < 2:
            continue
        best_first = sorted(ids, key=lambda one: (-reporters[one], one))
        for one in ids:
            for better in best_first:
                if reporters[better] < NEAR_MISS_RATIO * reporters[one]:
                    break
                if not _is_near(one, better, pattern):
                    continue
                rank = (-reporters[better], better)
                if one not in found or rank < (-reporters[found[one]], found[one]):
                    found[one] = better
                break
    return found


def standings(members: Iterable[Mapping[str, Any]]) -> dict[str, Standing]:
    """Returns the standing of each of the MEMBERSHIP rows of one cluster, by entity id.

    The robustness of a cluster of one is that of the reporters who show its member in a hard role.
    A contested member is never of the core; its near misses go by what it stands for, so that
    nobody can hide it by a contest.
    """
    rows = list(members)
    shown = {one["known_as"]: one["entity_id"] for one in rows}
    like = near_misses({one["known_as"]: one["reporters"] for one in rows})
    found = {}
    for one in rows:
        tying = one["reporters"] if len(rows) == 1 else one["link_reporters"]
        robustness, better = min(one["reporters"], tying), like.get(one["known_as"], "")
        sure = one["status"] == Status.INFRASTRUCTURE and not better
        tier = Tier.CORE if sure and robustness >= CORE_ROBUSTNESS else Tier.VERIFY
        found[one["entity_id"]] = Standing(robustness, shown.get(better), tier)
    return found


def core_members(members: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Returns the ids of the core members among the MEMBERSHIP rows of one cluster.

    `CORE_COLUMNS` of them are enough.
    """
    return frozenset(one for one, how in standings(members).items() if how.tier is Tier.CORE)


def _parts(evidence: Incidence, suppliers: SupplierCounts, label: np.ndarray) -> np.ndarray:
    """Returns the part of its cluster that each node is in, as the smallest node in it."""
    part = np.arange(len(label))
    for _ in range(MAX_ROUNDS):
        between = cluster_ties(evidence, part)
        between = between.where(label[between.a] == label[between.b])
        if not len(between.a):
            break
        agree = suppliers.log_bayes_factor(part, between.a, between.b) >= AGREEMENT_NATS
        joined = between.where((between.reporters >= CORE_ROBUSTNESS) | agree)
        if not len(joined.a):
            break
        part = component_labels(len(label), joined.a, joined.b)[part]
    return part


def _patterns(value: str) -> list[str]:
    """Lists what a value has in common with those that differ by one digit, or by a swap."""
    digits = [match.start() for match in re.finditer(r"\d", value)]
    one_off = [f"{value[:at]}{_ANY_DIGIT}{value[at + 1 :]}" for at in digits]
    shape = re.sub(r"\d", _ANY_DIGIT, value)
    return [*one_off, f"{_SAME_DIGITS}{shape}{''.join(sorted(value[at] for at in digits))}"]


def _is_near(one: str, other: str, pattern: str) -> bool:
    """Checks two ids of one pattern: of those with the same digits, only one swap may differ."""
    one, other = without_epoch(one), without_epoch(other)
    if one == other:
        return False
    if _SAME_DIGITS not in pattern:
        return True
    return sum(a != b for a, b in zip(one, other, strict=True)) == 2
