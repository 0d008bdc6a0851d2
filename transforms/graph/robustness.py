"""Robustness: how many reporters a member's place in its cluster rests on.

One person can name anything beside anything. So a member is worth naming to others only if several
reporters show it, several tie it to the others (`link_reporters`), no few of them alone join its
side of the cluster to the rest (`cut_reporters`), and if it is no slip of the pen of a
better-attested one (`near_misses`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from schemas.entity import without_epoch
from schemas.enums import EntityKind, Status, Tier
from schemas.field import Row
from transforms.arrow import (
    Array,
    component_labels,
    concat_ranges,
    first_rows,
    group_changes,
    group_starts,
    pairs_within_groups,
    sorted_lookup,
    sorted_unique,
    sum_by_group,
)
from transforms.graph import refinement
from transforms.graph.incidence import Incidence, cluster_ties
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

OWN_RATIO = 5
"""Reporters who tie a site to its cluster, for each who ties it to others, if it is a ring's."""

NO_SITE = -1
"""Stands for the site of a node that is none, or that imitates somebody."""

UNCONFIRMED = 1
"""Reporters that a line counts less which a private person may hold and no call confirms."""

AGREEMENT_NATS = 1.5
"""Nats by which suppliers must indicate one customer to count like a second reporter of a tie."""

NEAR_MISS_RATIO = 3
"""Times the reporters of a near miss that the identifier it is like must have."""

NEAR_MISS_KINDS = (EntityKind.PHONE, EntityKind.ACCOUNT, EntityKind.REMOTE)
"""Kinds whose ids people copy digit by digit."""

CORE_COLUMNS = tuple("entity_id known_as status reporters link_reporters doubted elsewhere".split())
"""Columns of MEMBERSHIP that `standings` reads."""

_ANY_DIGIT, _SAME_DIGITS = "\x00", "\x01"

MOST_EXACT_MEMBERS = 500
"""Members of a cluster up to which cuts are exact; in a larger one they are a lower bound."""

SURE_LEVELS = (1, 2, 3, 4)
"""Counts of reporters that are tried by merging, before flows; the bound in a large cluster."""

FLOW_EDGES = 10_000
"""Edges of the graph of one flow, about: 20 MB."""

MAX_ROUNDS = 64
"""Bound on the rounds of merging parts; each at least halves some chain of them."""


class Standing(NamedTuple):
    """The reporters that a member's place in its cluster rests on, and the id it is near to."""

    robustness: int
    near_miss_of: str | None
    tier: Tier


def link_reporters(
    evidence: Incidence,
    suppliers: SupplierCounts,
    label: Array,
    inside: Array,
    private: Array,
    elsewhere: Array,
) -> Array:
    """Counts, per node, the reporters who tie it to the rest of its cluster and count.

    At most one counts for an organisation's site (`beside_others`), and where that one could have
    put the node there: outside the main part of its cluster, and where at least as many tie it to
    other clusters alone. Of the rest no more count than tie its side of the cluster to that of the
    best attested node. A private line counts `UNCONFIRMED` less, and at least one: that of a bank
    or a hotel is named by strangers who are as sure of it as others are.

    Args:
        evidence: The pieces of evidence, without hubs.
        suppliers: Supplier and country counts by node.
        label: The cluster of each node.
        inside: All reporters who tie it (`inside_reporters`).
        private: Masks the lines that a private person may hold and no call record confirms.
        elsewhere: What `beside_others` returns.
    """
    alone = ~in_main_part(evidence, suppliers, label) | (elsewhere > 0)
    alone |= inside <= reporters_by_node(evidence) - inside
    counted = np.where(alone, np.minimum(inside, 1), inside)
    # Of the main part two count at least, since suppliers that agree stand for the second.
    cut = cut_reporters(evidence, label, counted, private)
    bound = np.where(private, np.maximum(cut - UNCONFIRMED, 1), np.maximum(cut, CORE_ROBUSTNESS))
    return np.minimum(counted, bound)


def inside_reporters(evidence: Incidence, label: Array) -> Array:
    """Counts, per node, the reporters who tie it to the rest of its cluster."""
    return count_reporters(evidence, beside_own_cluster(evidence, label))


def beside_others(
    evidence: Incidence, label: Array, inside: Array, ringless: Array, site: Array
) -> Array:
    """Counts, per site, the reporters who tie it to other clusters alone, in all its epochs.

    An organisation's customers are victims of several rings, in any year. What somebody names
    beside a site counts where others tie that to its cluster, too: then it is there without him.
    If nothing of it does, all counts.

    Args:
        evidence: The pieces of evidence, with hubs.
        label: The cluster of each node.
        inside: The reporters who tie each node to its cluster (`inside_reporters`).
        ringless: Masks the nodes that are of no ring: hubs, and lines set apart.
        site: The site of each node, the same for all its epochs; `NO_SITE` for what is none.

    Returns:
        The count where it is a fifth of the reporters who tie the site to its cluster, or more,
        else 0.
    """
    elsewhere = _tied_elsewhere(evidence, label, inside, ringless, site)
    # Two organisations that one victim names do not tie each other to a cluster.
    ringless = ringless | (elsewhere > 0)
    return np.maximum(elsewhere, _tied_elsewhere(evidence, label, inside, ringless, site))


def _tied_elsewhere(
    evidence: Incidence, label: Array, inside: Array, ringless: Array, site: Array
) -> Array:
    """Returns what `beside_others` does, where nothing that is `ringless` ties a site."""
    rows = np.flatnonzero(site[evidence.node] != NO_SITE)
    starts = np.searchsorted(evidence.group, evidence.group[rows])
    sizes = np.searchsorted(evidence.group, evidence.group[rows], "right") - starts
    beside, row = evidence.node[concat_ranges(starts, sizes)], np.repeat(rows, sizes)
    kept = (site[beside] != site[evidence.node[row]]) & ~ringless[beside]
    beside, row = beside[kept], row[kept]
    sites, number = np.unique(site, return_inverse=True)
    reporters, clusters = len(evidence.reporter), int(label.max(initial=0)) + 1
    bearer = number[evidence.node[row]] * reporters + evidence.reporter[evidence.group[row]]
    bearers, bearer = np.unique(bearer, return_inverse=True)  # reporters, each of one site
    site_of, reporter_of = np.divmod(bearers, reporters)
    firm = inside[beside] >= CORE_ROBUSTNESS
    counts = firm | (np.bincount(bearer, firm, len(bearers)) == 0)[bearer]
    tie = sorted_unique((bearer * clusters + label[beside])[counts])
    bearer, cluster = np.divmod(tie, clusters)
    key, place = np.unique(site_of[bearer] * clusters + cluster, return_inverse=True)
    own = evidence.count(place, reporter_of[bearer], len(key))
    total = evidence.count(site_of, reporter_of, len(sites))
    place, known = sorted_lookup(key, number * clusters + label)
    tied = np.where(known, np.append(own, 0)[place], 0)
    elsewhere = np.where((site != NO_SITE) & ~ringless, total[number] - tied, 0)
    return np.where(elsewhere * OWN_RATIO >= tied, elsewhere, 0)


def cut_reporters(evidence: Incidence, label: Array, tying: Array, exact: Array) -> Array:
    """Counts, per node, the fewest reporters without whom its cluster falls apart around it.

    That is the smallest set of reporters whose removal parts it from the node of its cluster that
    most reporters tie; for that one, the largest such number of another. Menger (1927): as many as
    there are ways between the two that share no reporter, a maximum flow where each reporter lets
    one through.

    Args:
        evidence: The pieces of evidence, without hubs.
        label: The cluster of each node.
        tying: The reporters that count for each node, which bound the result.
        exact: Masks the nodes whose cut is exact also where only `CORE_ROBUSTNESS` tie them.

    Returns:
        The number, at most `tying`; in clusters of more than `MOST_EXACT_MEMBERS` a lower bound.
    """
    best, first = np.zeros(len(label), np.int64), first_rows(label, -tying)
    best[label[first]] = first
    best = best[label]
    counts = np.zeros(len(label), np.int64)
    part = None
    for least in reversed(SURE_LEVELS):
        part = _parts(evidence, label, least, part=part)
        counts = np.maximum(counts, np.where(part == part[best], np.minimum(tying, least), 0))
    size = np.bincount(label, minlength=len(label))[label]
    counts[best] = max(len(evidence.node), int(tying.max(initial=0)))
    open_ = (counts < tying) & ((tying > CORE_ROBUSTNESS) | exact) & (size <= MOST_EXACT_MEMBERS)
    way, node, people = _ways(evidence, label, open_)
    wanted = np.zeros(len(label), bool)
    # Who reaches the best node by this many ways or more is as good as that node for the others.
    for least in np.unique(tying[open_])[::-1]:
        goals = np.flatnonzero(open_ & (tying == least))
        wanted[:] = False
        wanted[label[goals]] = True
        rows = wanted[label[node]]
        core = counts >= least
        counts[goals] = _flows(way[rows], node[rows], people, core, label, goals, least)
    top = np.zeros(len(label), np.int64)
    others = best != np.arange(len(label))
    np.maximum.at(top, label[others], counts[others])
    return np.where(others, counts, np.minimum(tying, top[label]))


def separate_established_parts(
    evidence: Incidence, suppliers: SupplierCounts, label: Array, sites: Array
) -> Array:
    """Separates the established parts of a cluster that a single reporter or organisation joined.

    One person who names members of two rings together must not make one of them, and neither must
    an organisation that victims of both name. Suppliers that agree are a second witness, and only
    where they disagree do sites join nothing: a ring's own site may tie its parts. What is in no
    established part follows its strongest tie.

    Args:
        evidence: The pieces of evidence, without hubs.
        suppliers: Supplier and country counts by node.
        label: The cluster of each node.
        sites: Masks the sites that may be an organisation's.

    Returns:
        The new cluster of each node.
    """
    left = evidence.without(sites)
    part = _parts(left, label, CORE_ROBUSTNESS, suppliers)
    firm = np.flatnonzero(established_communities(left, part))
    first = firm[first_rows(label[firm], -np.bincount(part)[firm])]
    largest = first[np.searchsorted(label[first], label[firm])]
    strange = suppliers.log_bayes_factor(part, largest, firm) < -refinement.DISAGREEMENT_NATS
    label = _separate(evidence, label, part, firm[strange | (largest == firm)])
    part = _parts(evidence, label, CORE_ROBUSTNESS, suppliers, part)
    return _separate(evidence, label, part, np.flatnonzero(established_communities(evidence, part)))


def in_main_part(evidence: Incidence, suppliers: SupplierCounts, label: Array) -> Array:
    """Masks the nodes in the main part of their clusters: what no single reporter holds together.

    Two parts of a cluster are one where two reporters tie them, or one does and the suppliers of
    both agree. The main part is that of most members (ties: the one with the smallest node).
    """
    part = _parts(evidence, label, CORE_ROBUSTNESS, suppliers)
    size = np.bincount(part, minlength=len(label))
    numbers = np.unique(part)
    main = np.zeros(len(label), bool)
    main[numbers[first_rows(label[numbers], -size[numbers])]] = True
    return main[part]


def near_misses(reporters: Mapping[str, int]) -> dict[str, str]:
    """Finds the members that differ from a better-attested one by one digit or a swap of two.

    Args:
        reporters: The reporters of each member of one cluster, by id.

    Returns:
        The id that each near miss is like: the one of most reporters (ties: the smallest id).
    """
    alike = defaultdict[str, list[str]](list)
    for entity_id in reporters:
        kind, _, value = without_epoch(entity_id).partition(":")
        if kind in NEAR_MISS_KINDS:
            for pattern in _patterns(value):
                alike[f"{kind}:{pattern}"].append(entity_id)
    like: dict[str, tuple[int, str]] = {}
    for pattern, ids in alike.items():
        if len(ids) < 2:
            continue
        fewest = min(reporters[entity_id] for entity_id in ids)
        many = [better for better in ids if reporters[better] >= NEAR_MISS_RATIO * fewest]
        for better, entity_id in product(many, ids):
            enough = reporters[better] >= NEAR_MISS_RATIO * reporters[entity_id]
            if enough and _is_near(entity_id, better, pattern):
                rank = -reporters[better], better
                like[entity_id] = min(like.get(entity_id, rank), rank)
    return {entity_id: better for entity_id, (_, better) in like.items()}


def standings(members: Iterable[Row], most: Mapping[str, int] | None = None) -> dict[str, Standing]:
    """Returns the standing of each of the MEMBERSHIP rows of one cluster, by entity id.

    `most` bounds the robustness of some members.

    The robustness of a cluster of one is that of the reporters who show its member in a hard role;
    of a private line that too few tie to the others they name, `UNCONFIRMED` less; of what may be
    an organisation's, at most one.
    A contested member is never of the core; its near misses go by what it stands for, so that
    nobody can hide it by a contest.
    """
    rows = list(members)
    shown = {row["known_as"]: row["entity_id"] for row in rows}
    like = near_misses({row["known_as"]: row["reporters"] for row in rows})
    by_id = {}
    for row in rows:
        tying = row["link_reporters"]
        if len(rows) == 1:
            tying = 1 if row["elsewhere"] else row["reporters"] - UNCONFIRMED * row["doubted"]
        bound = (most or {}).get(row["entity_id"], tying)
        robustness = min(row["reporters"], tying, bound)
        better = like.get(row["known_as"], "")
        sure = row["status"] == Status.INFRASTRUCTURE and not better
        tier = Tier.CORE if sure and robustness >= CORE_ROBUSTNESS else Tier.VERIFY
        by_id[row["entity_id"]] = Standing(robustness, shown.get(better), tier)
    return by_id


def core_members(members: Iterable[Row]) -> frozenset[str]:
    """Returns the ids of the core members among the MEMBERSHIP rows of one cluster.

    `CORE_COLUMNS` of them are enough.
    """
    return frozenset(
        entity_id for entity_id, how in standings(members).items() if how.tier is Tier.CORE
    )


def _separate(evidence: Incidence, label: Array, part: Array, apart: Array) -> Array:
    """Returns new clusters, one for each of some parts; what is in none follows its strongest tie.

    `part` has the parts of the clusters of `label`, `apart` which ones. A cluster with fewer than
    two of them stays.
    """
    several = np.bincount(label[apart], minlength=len(label)) > 1
    if not several.any():
        return label
    parts = np.where(several[label], part, label)
    while True:
        between = cluster_ties(evidence, parts)
        between = between.where((label[between.a] == label[between.b]) & several[label[between.a]])
        loose = np.ones(len(label), bool)
        loose[parts[np.isin(part, apart)]] = False
        joined = follow_strongest_ties(between, loose)
        if joined is None:
            return smallest_members(parts)
        parts = joined[parts]


def _parts(
    evidence: Incidence,
    label: Array,
    least: int,
    suppliers: SupplierCounts | None = None,
    part: Array | None = None,
) -> Array:
    """Returns the part of its cluster that each node is in, as the smallest node in it.

    Two parts are one where `least` reporters tie them, so that fewer cannot part what is in one;
    with `suppliers`, also where one does and those of both agree. `part` has smaller parts to
    begin with, such as those of a larger `least`; without it each node is one.
    """
    part = np.arange(len(label)) if part is None else part
    rows = beside_own_cluster(evidence, label)
    node, clusters = evidence.node[rows], int(label.max(initial=0)) + 1
    shown, group = np.unique(evidence.group[rows] * clusters + label[node], return_inverse=True)
    reporter = evidence.reporter[shown // clusters]
    reporters = int(reporter.max(initial=0)) + 1
    for _ in range(MAX_ROUNDS):
        group_number, named = np.divmod(sorted_unique(group * len(label) + part[node]), len(label))
        starts = group_starts(group_number)
        first, second, _ = pairs_within_groups(starts, np.diff(starts, append=len(group_number)))
        pairs = pa.array(named[first] * len(label) + named[second]).dictionary_encode()
        pair = pairs.indices.to_numpy().astype(np.int64)
        once = sorted_unique(pair * reporters + reporter[group_number[first]])
        a, b = np.divmod(pairs.dictionary.to_numpy(), len(label))
        joins = evidence.count(once // reporters, once % reporters, len(a)) >= least
        if suppliers is not None:
            joins |= suppliers.log_bayes_factor(part, a, b) >= AGREEMENT_NATS
        if not joins.any():
            break
        part = component_labels(len(label), a[joins], b[joins])[part]
    return part


def _ways(evidence: Incidence, label: Array, open_: Array) -> tuple[Array, Array, Array]:
    """Returns the ways through the clusters of open nodes: each reporter of one, and whom he names.

    Rows are distinct and ordered by way, ways by cluster; the last array has the people of each.
    """
    rows = np.isin(label[evidence.node], label[open_]) & beside_own_cluster(evidence, label)
    node, reporter = evidence.node[rows], evidence.reporter[evidence.group[rows]]
    reporters = int(reporter.max(initial=0)) + 1
    ways, way = np.unique(label[node] * reporters + reporter, return_inverse=True)
    people = evidence.count(np.arange(len(ways)), ways % reporters, len(ways))
    way, node = np.divmod(sorted_unique(way * len(label) + node), len(label))
    return way, node, people


def _flows(
    way: Array, node: Array, people: Array, core: Array, label: Array, goals: Array, enough: int
) -> Array:
    """Counts the ways from the core of its cluster to each goal that share no reporter.

    Each goal has a copy of the graph of its cluster, for a flow takes less time than to begin one.

    Args:
        way: The reporters of clusters, a row for each node that one names, ordered by cluster.
        node: Who is named.
        people: How many let a way through, by way.
        core: Masks the nodes where ways begin.
        label: The cluster of each node.
        goals: Where they end.
        enough: The count at which to stop.
    """
    from_core = np.zeros(int(way.max(initial=-1)) + 1, bool)
    from_core[way[core[node]]] = True
    way, node = way[~core[node]], node[~core[node]]
    reached = node[from_core[way]]
    counts = sum_by_group(reached, people[way[from_core[way]]], len(label))[goals]
    counts = np.minimum(counts, enough)
    starts, ends = (np.searchsorted(label[node], label[goals], side) for side in ("left", "right"))
    todo = np.flatnonzero(counts < enough)
    todo = todo[np.argsort(starts[todo], kind="stable")]
    rounds = np.cumsum((ends - starts)[todo]) // FLOW_EDGES
    for some in np.split(todo, group_starts(rounds)[1:]) if len(todo) else ():
        sizes = (ends - starts)[some]
        row, copy = concat_ranges(starts[some], sizes), np.repeat(np.arange(len(some)), sizes)
        goal = node[row] == goals[some][copy]
        counts[some] = _flow_by_copy(copy, way[row], node[row], from_core, goal, people, enough)
    return counts


def _flow_by_copy(
    copy: Array, way: Array, node: Array, from_core: Array, goal: Array, people: Array, enough: int
) -> Array:
    """Returns the flow from the core to the goal of each copy of a graph, at most `enough`.

    A reporter is two vertices with an edge between them, since it is who is removed. The core is
    vertex 0, and vertex 1 is where all goals lead to.

    Args:
        copy: The copy that each row is in, ascending.
        way: The reporters, ascending in each copy.
        node: Whom they name, without the core.
        from_core: Masks the reporters who name the core.
        goal: Masks the rows of goals.
        people: As of `_flows`.
        enough: As of `_flows`.
    """
    from scipy.sparse.csgraph import maximum_flow

    new = group_changes(copy, way)
    lets, number = np.minimum(people[way[new]], enough), np.cumsum(new) - 1
    _, vertex = np.unique(copy * (int(node.max()) + 1) + node, return_inverse=True)
    vertex += 2 * len(lets) + 2
    # Nothing comes back to the core, or leaves the goal: who names one needs one vertex less.
    first, last = from_core[way[new]], np.bincount(number, goal) > 0
    into = np.where(first, 0, 2 + np.arange(len(lets)))
    away = 2 + len(lets) + np.arange(len(lets))
    away[number[goal]] = vertex[goal]
    enters, leaves = ~first[number], ~last[number]
    stop = vertex[goal][group_starts(copy[goal])]
    edges = (
        (into, away, lets),
        (vertex[enters], into[number[enters]], lets[number[enters]]),
        (away[number[leaves]], vertex[leaves], lets[number[leaves]]),
        (stop, np.ones_like(stop), np.full_like(stop, enough)),
    )
    a, b, through = map(np.concatenate, zip(*edges, strict=True))
    size = int(vertex.max()) + 1
    graph = csr_array((through.astype(np.int32), (a, b)), shape=(size, size))
    return -maximum_flow(graph, 0, 1).flow[[1]].toarray()[0, stop]


def _patterns(value: str) -> list[str]:
    """Lists what a value has in common with those that differ by one digit, or by a swap."""
    places = [place for place, sign in enumerate(value) if sign.isdecimal()]
    one_off = [f"{value[:place]}{_ANY_DIGIT}{value[place + 1 :]}" for place in places]
    shape, digits = re.sub(r"\d", _ANY_DIGIT, value), sorted(value[place] for place in places)
    return [*one_off, f"{_SAME_DIGITS}{shape}{''.join(digits)}"]


def _is_near(entity_id: str, better: str, pattern: str) -> bool:
    """Checks two ids of one pattern: of those with the same digits, only one swap may differ."""
    entity_id, better = without_epoch(entity_id), without_epoch(better)
    if entity_id == better:
        return False
    if _SAME_DIGITS not in pattern:
        return True
    return sum(a != b for a, b in zip(entity_id, better, strict=True)) == 2
