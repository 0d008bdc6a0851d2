"""Cuts of a cluster: how few reporters join its two sides, and the members of each side.

One person can name any identifiers together, so a few people can join two rings. `weakest_cut`
finds the fewest reporters who join two sides with core members. A join is thin if it has fewer
than `THIN_REPORTERS` reporters, or few compared with the smaller side. A cluster with a thin join
stays whole, but nothing of it is published until an analyst who saw the join confirms it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from heapq import heappop, heappush
from itertools import chain, combinations, pairwise
from math import comb
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import DecisionKind
from schemas.enums import Tier
from schemas.field import INTEGER, TEXT, Row
from transforms.arrow import Array, aggregate, hash_text, is_among, row_tuples
from transforms.engine import batches_of
from transforms.graph import link_weights, robustness
from transforms.graph.assign import assigned_rows, cluster_ids, clusters_of
from transforms.graph.cluster_facts import rows_by_cluster
from transforms.graph.incidence import are_hard, incidences
from transforms.graph.weak_points import find_weak_points
from transforms.values import NO_CROWDS, Crowds

WAY = pa.schema({"cluster_id": TEXT, "group": INTEGER, "reporter": INTEGER, "node": INTEGER})
"""A cluster member that a piece of evidence shows in a hard role; ids are 63-bit hashes."""

CUT_SIDE = 3
"""Smallest number of core members on each side of a cut."""

PAIR_SIDE = 2
"""Smallest number of core members a side if both sides have `THIN_REPORTERS` reporters."""

THIN_REPORTERS = 8
"""Reporters of a join below which one person, or a ring, could have invented them all."""

THIN_SHARE = 0.5
"""A join is thin if it has less than this share of the reporters of its smaller side."""

MOST_PROVEN_MEMBERS = 100
"""Largest cluster, in members, for which all sides of `CUT_SIDE` core members are compared."""

MOST_COMPARED_SIDES = 50_000
"""Most sides with more than the fewest members that are compared."""

FIRST_COMPARED = 12
"""Core members, those with the fewest reporters, whose sides give the first weakest cut."""

SIDES_AT_ONCE = 64
"""Sides whose reporters are counted in one step."""

FEWEST_FOR_PROOF = 3
"""Reporters that every member needs before that comparison is tried; with fewer it rarely works."""

MOST_CUT_STEPS = 80_000
"""Steps, of about a microsecond each, that the search for a cluster's cut may take."""

MOST_COMPARED_MEMBERS = 16
"""Largest cluster, in members, for which all cuts are compared after a tenth of these steps."""

STEPS_A_ROW = 2
"""Steps that a merge of parts takes for each member that a reporter names."""

MANY_TIED = 0.25
"""Share of the parts that must merge at once for merging to go on without steps left."""


_Tie = tuple[int, int, int]
"""Two members, and a lower bound of the reporters of any cut between them."""

Groups = Mapping[frozenset[int], int]
"""The number of reporters who name each set of members, or of parts (by a member of each part)."""


class Cut(NamedTuple):
    """The smallest number of reporters without whom a cluster falls into two sides, and one side.

    `side` is a mask over the members: the side with fewer core members. `of_side` counts the
    reporters of the side that fewer reporters name. If `exact` is false, `reporters` is a lower
    bound, and `side` has all members that are not merged with the best-attested part.
    """

    reporters: int
    side: int
    of_side: int
    exact: bool

    def members(self, ids: Sequence[str]) -> list[str]:
        """Returns the ids of the members on `side`; `ids` has one id for each member."""
        return [ids[place] for place in _bits(self.side)]

    @property
    def thin(self) -> bool:
        """True if so few reporters join the sides that one person, or a ring, could be all."""
        return self.reporters < max(THIN_REPORTERS, THIN_SHARE * self.of_side)


def cluster_ways(named: pa.RecordBatch, assignment: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Converts the INCIDENCE rows of cluster members to WAY rows."""
    ids = cluster_ids(clusters_of(assigned_rows(assignment, named["node"].to_numpy())))
    columns = [ids, *(named[name] for name in WAY.names[1:])]
    yield from batches_of(pa.table(columns, schema=WAY).filter(pc.is_valid(ids)))


def members_named(
    ways: pa.Table, members: Mapping[str, Sequence[str]]
) -> dict[str, dict[int, int]]:
    """Returns the members that each reporter names together with other members, as a mask.

    Args:
        ways: WAY or INCIDENCE rows of whole clusters.
        members: The ids of the members as shown, by cluster.

    Returns:
        For each cluster, the mask of each reporter, by the reporter's hash without its last bit.
    """
    places = {
        node: (cluster_id, 1 << member)
        for cluster_id, ids in members.items()
        for member, node in enumerate(hash_text(pa.array(ids, TEXT)).tolist())
    }
    pieces = defaultdict[tuple[str, int, int], int](int)
    for group, reporter, node in row_tuples(ways, "group", "reporter", "node"):
        if node in places:
            cluster_id, member = places[node]
            pieces[cluster_id, group, reporter >> 1] |= member
    named: dict[str, dict[int, int]] = {cluster_id: defaultdict(int) for cluster_id in members}
    for (cluster_id, _, who), mask in pieces.items():
        if mask & (mask - 1):
            named[cluster_id][who] |= mask
    return named


def reporter_masks(
    named: Mapping[int, int], alike: Mapping[int, int], crowds: Crowds = NO_CROWDS
) -> list[int]:
    """Returns a mask of `members_named` for each person who counts in a cut.

    An offer states only numbers of people. A row of an offer gives one mask for each person who
    bears a tie, at most `THIN_REPORTERS`: to claim thousands costs a sender nothing.

    Args:
        named: The masks of one cluster, by reporter.
        alike: Reporters who count as one, from `ClusterFacts`.
        crowds: Reporters that stand for several people.
    """
    counted = defaultdict[int, int](int)
    for who, mask in named.items():
        counted[alike.get(who, who)] |= mask
    bearing = crowds.bearing_of(np.array([*counted], np.int64) << 1)
    people = np.minimum(bearing, THIN_REPORTERS).tolist()
    return sorted(
        mask for mask, count in zip(counted.values(), people, strict=True) for _ in range(count)
    )


def vouched_sets(decisions: Iterable[Row]) -> Iterator[Sequence[str]]:
    """Yields the sets of entities that an analyst saw and said belong together.

    A must_link gives its two entities, a confirm all its members. A confirm without a `run_id` is
    bound to the current run, which nobody has seen, and is left out. `decisions` are in force.
    """
    for decision in decisions:
        if decision["kind"] == DecisionKind.MUST_LINK:
            yield decision["entity_a"], decision["entity_b"]
        if decision["kind"] == DecisionKind.CONFIRM and decision["run_id"] is not None:
            yield decision["members"] or ()


def sets_by_member(sets: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    """Returns the numbers of the sets that hold each entity."""
    numbers = defaultdict[str, list[int]](list)
    for number, together in enumerate(sets):
        for entity_id in together:
            numbers[entity_id].append(number)
    return numbers


def pairs_together(
    vouched: Mapping[str, Sequence[int]], places: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Returns pairs of members, by place, that join the members of each set."""
    sets = defaultdict[int, list[int]](list)
    for entity_id, place in places.items():
        for number in vouched.get(entity_id, ()):
            sets[number].append(place)
    return [pair for together in sets.values() for pair in pairwise(together)]


def weakest_cut(
    named: Sequence[int],
    core: Sequence[bool],
    same: Sequence[tuple[int, int]] = (),
    core_a_side: int = CUT_SIDE,
) -> Cut | None:
    """Finds the fewest reporters without whom a cluster falls into two sides of core members.

    The search tries counts of reporters from 0 on. First it merges parts that more reporters tie.
    A maximum flow from each core member to the best-attested part, with one way through each
    reporter, then gives the sides. If a side has too few core members, the search adds more to it.
    Two sources whose flows share no reporter need no common flow: it would be the sum of both,
    since cuts are submodular.

    Args:
        named: The members that each reporter names together, as masks.
        core: Whether each member is core by counting.
        same: Pairs of members on the same side of any cut.
        core_a_side: Smallest number of core members on each side.

    Returns:
        The cut, or None if no cut leaves such sides. It may be only a lower bound for a cluster of
        more than `MOST_EXACT_MEMBERS`, or when `MOST_CUT_STEPS` are used up.
    """
    if sum(core) < 2 * core_a_side:
        return None
    core_members = [place for place, is_core in enumerate(core) if is_core]
    if not same and len(core) <= MOST_PROVEN_MEMBERS:
        small = _weakest_small_side(_matrix(named, len(core)), core_members, core_a_side)
        if small is not None:
            return _measured_cut(named, core, *small, True)
    times = Counter(mask for mask in named if mask & (mask - 1))
    joined = _join(range(len(core)), same)
    members_of = {frozenset(_bits(mask)): count for mask, count in times.items()}
    groups = _between_parts(members_of, joined)
    ties = _ties(groups)
    compared = len(core) <= MOST_COMPARED_MEMBERS
    steps = MOST_CUT_STEPS // 10 if compared else MOST_CUT_STEPS
    steps *= len(core) <= robustness.MOST_EXACT_MEMBERS
    steps -= 2 * _steps_of(groups)

    # Skip the counts that merge all core members: never above the least-named one's reporters.
    degree = Counter[int]()
    for members, count in members_of.items():
        for member in members:
            degree[member] += count
    most = min(degree[member] for member in core_members)
    levels = [0]
    while levels[-1] <= len(named):
        levels.append(min(levels[-1] + 1 + levels[-1] // 8, len(named) + 1))
    levels = sorted({*levels, most})
    first = bisect_left(
        levels,
        True,
        1,
        key=lambda count: _are_parted(core_members, _join(joined, _tied(ties, count))),
    )
    first = bisect_left(
        levels,
        True,
        first,
        max(first, bisect_right(levels, most)),
        key=lambda count: _are_parted(core_members, _merge_tied(groups, joined, ties, count, 0)[0]),
    )
    for least, level in pairwise(levels[first - 1 :]):
        part, between, steps = _merge_tied(groups, joined, ties, level, steps)
        if _are_parted(core_members, part):
            search = _CutSearch(between, core, part, core_a_side, steps)
            try:
                side, exact = search.find(range(least, level)), True
            except _TooManyStepsError:
                if compared:
                    cut = _weakest_of_all(times, core, joined, core_a_side)
                    return cut and _measured_cut(named, core, *cut, True)
                side, exact = search.all & ~search.root, False
            if side is not None:
                return _measured_cut(named, core, search.level, search.members(side), exact)
            steps = search.steps
    return None


def parts_of_thin_clusters(
    thin: Mapping[str, Sequence[str]],
    members: pa.Table,
    evidence: pa.Table,
    decisions: Iterable[Row],
) -> dict[str, int]:
    """Numbers the part of each member of the thin clusters, after a cut at each thin join.

    Args:
        thin: The members on one side of the thin join, by thin cluster.
        members: MEMBER rows.
        evidence: EVIDENCE_MENTION rows of whole groups.
        decisions: BOUND_DECISION rows.
    """
    rows = members.filter(is_among(members["cluster_id"], thin))
    rows_of = rows_by_cluster(rows.select(["cluster_id", "entity_id", "tier"]).sort_by("entity_id"))
    ids_of = {cluster: [row["entity_id"] for row in mine] for cluster, mine in rows_of.items()}
    named = members_named(_ways_of_evidence(evidence, members), ids_of)
    vouched = sets_by_member(vouched_sets(row for row in decisions if row["in_force"]))
    part_of: dict[str, int] = {}
    for cluster_id, ids in ids_of.items():
        place = {entity_id: member for member, entity_id in enumerate(ids)}
        side = sum(1 << place[entity_id] for entity_id in thin[cluster_id] if entity_id in place)
        core = [row["tier"] == Tier.CORE for row in rows_of[cluster_id]]
        same = pairs_together(vouched, place)
        parts = thin_parts(reporter_masks(named[cluster_id], {}), core, same, side)
        part_of |= dict(zip(ids, parts, strict=True))
    return part_of


def thin_join(
    cut: Cut | None, named: Sequence[int], core: Sequence[bool], same: Sequence[tuple[int, int]]
) -> Cut | None:
    """Returns a thin join of a cluster that no analyst vouches for, if there is one.

    If the weakest cut is not thin, a cut with `PAIR_SIDE` core members a side counts too, provided
    that each side has `THIN_REPORTERS` reporters: a few records cannot make such a pair. A join
    that a single member makes counts as well, whoever names it.

    Args:
        cut: The weakest cut of all, if any.
        named: The masks for `weakest_cut`.
        core: Whether each member is core.
        same: Pairs of members that an analyst says belong together.
    """
    if cut is not None and any(cut.side >> a & 1 != cut.side >> b & 1 for a, b in same):
        cut = weakest_cut(named, core, same)
    if cut is not None and (cut.thin or not cut.exact):
        return cut if cut.thin else None
    pair = weakest_cut(named, core, same, PAIR_SIDE)
    if pair is not None and pair.thin and pair.of_side >= THIN_REPORTERS:
        return pair
    if not same and cut is not None and cut.reporters > _matrix(named, len(core)).sum(axis=0).max():
        return None  # Every member has fewer reporters than the cut, so none makes the join.
    return _hinged_join(named, core, same)


def _hinged_join(
    named: Sequence[int], core: Sequence[bool], same: Sequence[tuple[int, int]]
) -> Cut | None:
    """Finds a join that a single member makes, such as a mule's account that two rings share.

    Without the member, the cluster falls into sides with `CUT_SIDE` core members each. The member
    stays on the side with more core members.
    """
    rows = {*named, *(1 << a | 1 << b for a, b in same)}
    # Nodes from 0 on are members. Nodes below 0 are reporters and pairs.
    graph = defaultdict[int, list[int]](list)
    for row, mask in enumerate(rows):
        for member in _bits(mask):
            graph[member].append(-1 - row)
            graph[-1 - row].append(member)
    points, _ = find_weak_points(graph, dict(enumerate(core)))
    hinges = [node for node, sizes in points.items() if node >= 0 and sorted(sizes)[-2] >= CUT_SIDE]
    if not hinges:
        return None
    hinge = min(hinges)
    beside = (mask & ~(1 << hinge) for mask in rows)
    parts = _join(range(len(core)), (pair for mask in beside for pair in pairwise(_bits(mask))))
    sides = Counter[int]()
    for member, part in enumerate(parts):
        sides[part] += 1 << member
    core_members = _core_mask(core)
    sized = (((side & core_members).bit_count(), [*_bits(side)], side) for side in sides.values())
    *_, side = min(sized_side for sized_side in sized if sized_side[0] >= CUT_SIDE)
    bearers = sum(1 for mask in named if mask >> hinge & 1 and mask & side)
    return Cut(bearers, side, sum(1 for mask in named if mask & side), exact=True)


def thin_parts(
    named: Sequence[int], core: Sequence[bool], same: Sequence[tuple[int, int]] = (), side: int = 0
) -> list[int]:
    """Cuts a cluster at its thin joins, and returns the number of each member's part.

    Each side is cut again until no thin join is left: the join between two rings need not be the
    weakest.

    Args:
        named: The masks for `weakest_cut`.
        core: Whether each member is core.
        same: Pairs of members that an analyst says belong together.
        side: A side of a known thin join, if any. `named` may not show that join, since it counts
            each reporter of a burst.
    """
    every = (1 << len(core)) - 1
    whole = [half for half in (every & ~side, side) if half]
    part = [0] * len(core)
    parts = 0
    while whole:
        inside = whole.pop()
        masks = [left for mask in named if (left := mask & inside) & (left - 1)]
        some = [is_core and bool(inside >> member & 1) for member, is_core in enumerate(core)]
        cut = thin_join(weakest_cut(masks, some, same), masks, some, same)
        side = cut.side & inside if cut is not None else 0
        if side not in (0, inside):
            whole += [inside & ~side, side]
            continue
        for member in _bits(inside):
            part[member] = parts
        parts += 1
    return part


def _ways_of_evidence(evidence: pa.Table, members: pa.Table) -> pa.Table:
    """Converts EVIDENCE_MENTION rows of whole groups to the INCIDENCE rows of `members`."""
    member = pc.is_in(evidence["entity_id"], members["entity_id"])
    rows = evidence.filter(pc.and_(are_hard(evidence["role"]), member))
    smallest = [(name, "min") for name in ("reporter_key", "source_org", "observed_at")]
    shown = aggregate(rows, ["group_id", "entity_id"], smallest)
    return incidences(shown, link_weights.MAX_HARD_ENTITIES)


class _TooManyStepsError(Exception):
    """Ends a search that took too long."""


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _core_mask(core: Sequence[bool]) -> int:
    return sum(is_core << member for member, is_core in enumerate(core))


def _join(part: Sequence[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Joins the parts of each pair; returns each member's part, named by its smallest member."""
    into = {member: member for member in part}

    def root(member: int) -> int:
        while into[member] != member:
            into[member] = member = into[into[member]]
        return member

    for a, b in pairs:
        first, second = sorted((root(part[a]), root(part[b])))
        into[second] = first
    return [root(member) for member in part]


def _matrix(named: Iterable[int], members: int) -> Array:
    """Returns a matrix, reporters by members, of the reporters who name several members."""
    size = (members + 7) // 8
    several = b"".join(mask.to_bytes(size, "little") for mask in named if mask & (mask - 1))
    bits = np.frombuffer(several, np.uint8).reshape(-1, size)
    return np.unpackbits(bits, axis=1, count=members, bitorder="little").astype(float)


def _are_parted(members: Iterable[int], part: Sequence[int]) -> bool:
    return len({part[member] for member in members}) > 1


def _between_parts(groups: Groups, part: Sequence[int]) -> Groups:
    """Replaces the members of groups by their parts; drops groups within one part."""
    merged = {member for member, place in enumerate(part) if place != member}
    between = Counter[frozenset[int]]()
    for members, count in groups.items():
        parts = members
        if not merged.isdisjoint(members):
            parts = frozenset([part[member] for member in members])
        if len(parts) > 1:
            between[parts] += count
    return between


def _ties(groups: Groups) -> list[_Tie]:
    """Returns pairs of members, each with a lower bound of the reporters of a cut between the two.

    Each step takes the member that most reporters name together with members already taken. Any
    cut between it and the member taken before has at least as many reporters (maximum adjacency:
    Nagamochi and Ibaraki 1992; for reporters who name more than two, Klimmek and Wagner 1996).
    """
    groups_of = defaultdict[int, list[frozenset[int]]](list)
    for group in groups:
        for member in group:
            groups_of[member].append(group)
    left, by = dict(groups), dict.fromkeys(sorted(groups_of), 0)
    size = max(by, default=0) + 1  # the queue holds member - reporters * size
    queue = [*by]
    ties, before = [], -1
    while queue:
        count, member = divmod(heappop(queue), size)
        if -count != by.get(member):
            continue
        del by[member]
        if count:
            ties.append((before, member, -count))
        before = member
        beside: set[int] = set()
        for group in groups_of[member]:
            if reporters := left.pop(group, 0):
                for near in group & by.keys():
                    by[near] += reporters
                    beside.add(near)
        for near in beside:
            heappush(queue, near - by[near] * size)
    return ties


def _merge_tied(
    groups: Groups, part: list[int], ties: Iterable[_Tie], least: int, steps: int
) -> tuple[list[int], Groups, int]:
    """Merges parts that only `least` reporters or more can separate, as far as `_ties` finds them.

    Args:
        groups: The parts that reporters name.
        part: The part of each member.
        ties: The ties of `groups`.
        least: The smallest number of reporters of a tie that merges.
        steps: Steps left. Without any, merging ends once few parts merge at a time.

    Returns:
        The part of each member, the parts that reporters name, and the steps left.
    """
    costly = _steps_of(groups) // 4
    while tied := _tied(ties, least):
        if steps <= 0 and _steps_of(groups) > costly and len(tied) < MANY_TIED * len(set(part)):
            break
        part = _join(part, tied)
        groups = _between_parts(groups, part)
        steps -= _steps_of(groups)
        ties = _ties(groups)
    return part, groups, steps


def _tied(ties: Iterable[_Tie], least: int) -> list[tuple[int, int]]:
    """Returns the pairs whose ties have at least `least` reporters."""
    return [(a, b) for a, b, reporters in ties if reporters >= least]


def _steps_of(groups: Groups) -> int:
    """Returns how many steps `_ties` takes for groups."""
    return STEPS_A_ROW * sum(map(len, groups))


def _weakest_small_side(matrix: Array, core: Sequence[int], size: int) -> tuple[int, int] | None:
    """Returns the reporters and a side of the weakest cut, if comparing few sides proves it.

    Sides are compared from the fewest members on. Three bounds keep them few:

    - With positive masses of the members, a cut has at least e m(S) m(T) / m(S + T) reporters
      between sides S and T. Here e is the second eigenvalue of the Laplacian, scaled by the masses
      (Fiedler 1973; Chung 1997), of a graph in which no cut outweighs the reporters. Once this
      exceeds the weakest cut found, no larger side is weaker. The mass is the root of a member's
      weight: between equal masses and its weight, it proves the most rings.
    - `_movable` finds the members that a weakest cut's smallest side can have.
    - A side has at least the sum of what its members add, each beside those that share most.

    Args:
        matrix: Reporters by members; each reporter names several.
        core: The core members.
        size: Smallest number of core members on each side.

    Returns:
        The cut, or None if more than `MOST_COMPARED_SIDES` sides would have to be compared.
    """
    n, width, degree = matrix.shape[1], matrix.sum(axis=1), matrix.sum(axis=0)
    if degree.min() < FEWEST_FOR_PROOF:
        return None
    tied, beside, reach, pairs = np.zeros((4, n, n))
    for people in np.unique(width):
        rows = matrix[width == people]
        named = rows.T @ rows
        np.fill_diagonal(named, 0)
        tied += named / (people * people // 4)
        beside += named
        reach += named / (people - 1)
        pairs += named * (people == 2)
    root = np.sqrt(mass := np.sqrt(weight := tied.sum(axis=1)))
    expansion = np.linalg.eigvalsh((np.diag(weight) - tied) / np.outer(root, root))[1]
    lightest = np.cumsum(np.sort(mass))
    overlap, is_core, left = beside + pairs, np.isin(np.arange(n), core), MOST_COMPARED_SIDES

    few = np.array(core)[np.argsort(degree[core], kind="stable")[:FIRST_COMPARED]]
    best = _weakest_side(matrix, overlap, few[_choices(len(few), size)], (np.inf, None))
    for members in range(size, n // 2 + 1):
        light = lightest[members - 1]
        if expansion * light * (1 - light / lightest[-1]) * (1 - 1e-6) >= best[0]:
            break
        pool = np.array(core)
        if members > size:
            pool = _movable(beside + reach, degree, is_core, members)
        adds = degree[pool] - _largest(overlap[pool], members - 1) / 2
        pool = pool[adds + np.sort(adds)[: members - 1].sum() < best[0]]
        left -= comb(len(pool), members) * (members > size)
        if left < 0:
            return None
        sides = pool[_choices(len(pool), members)]
        cores = is_core[sides].sum(axis=1)
        enough = np.minimum(cores, len(core) - cores) >= size
        best = _weakest_side(matrix, overlap, sides[enough], best)
    reporters, side = best
    return None if side is None else (int(reporters), sum(1 << place for place in side.tolist()))


def _weakest_side(
    matrix: Array, overlap: Array, sides: Array, best: tuple[float, Array | None]
) -> tuple[float, Array | None]:
    """Returns the fewest reporters across one of `sides`, and that side; or `best`.

    Pairs of members give each side a lower bound, so few sides are counted in full.
    """
    width, degree = matrix.sum(axis=1), matrix.sum(axis=0)
    near, far = np.triu_indices(sides.shape[1], 1)
    fewest = degree[sides].sum(axis=1) - overlap[sides[:, near], sides[:, far]].sum(axis=1)
    order = np.argsort(fewest, kind="stable")
    for start in range(0, len(order), SIDES_AT_ONCE):
        counted = order[start : start + SIDES_AT_ONCE]
        if fewest[counted[0]] >= best[0]:
            break
        inside = matrix[:, sides[counted]].sum(axis=2)
        reporters = ((inside > 0) & (inside < width[:, None])).sum(axis=0)
        row = reporters.argmin()
        if reporters[row] < best[0]:
            best = reporters[row], sides[counted[row]]
    return best


def _movable(reach: Array, degree: Array, is_core: Array, members: int) -> Array:
    """Returns the places that a side of more than the fewest members can have.

    Of the weakest cuts, take the one with the smallest side. If a member leaves this side, and
    enough core members stay, the cut has more reporters than before. So more of the member's
    reporters name it only within the side than name it only outside. `reach` bounds, for each
    member named with it, the sum of both differences. Core members of a side with the fewest of
    them cannot leave it, so they need no such bound.
    """
    pool, before = np.arange(len(degree)), len(degree) + 1
    while before > len(pool) >= members:
        before = len(pool)
        can_leave = _largest(reach[np.ix_(pool, pool)], members - 1) > degree[pool]
        cores = is_core[pool]
        pool = pool[can_leave | cores & (can_leave & ~cores).any()]
    return pool


def _largest(rows: Array, count: int) -> Array:
    """Returns the sum of the `count` largest values of each row."""
    return np.partition(rows, -count, axis=1)[:, -count:].sum(axis=1)


@lru_cache(maxsize=64)
def _choices(members: int, size: int) -> Array:
    """Returns each choice of `size` of `members` places, as a row."""
    count = comb(members, size)
    places = chain.from_iterable(combinations(range(members), size))
    return np.fromiter(places, np.uint8, count * size).reshape(count, size)


def _weakest_of_all(
    times: Mapping[int, int], core: Sequence[bool], part: Sequence[int], size: int
) -> tuple[int, int] | None:
    """Compares all cuts between parts; returns the reporters and a side of the weakest, if any."""
    sides = np.arange(1 << len(core) - 1)
    on_side = (sides[:, None] >> np.arange(len(core)) & 1).astype(bool)
    cores = on_side @ np.array(core, np.int64)
    kept = (np.minimum(cores, sum(core) - cores) >= size) & (on_side == on_side[:, part]).all(
        axis=1
    )
    if not kept.any():
        return None
    sides, on_side = sides[kept], on_side[kept]
    reporters = np.zeros(len(sides), np.int64)
    for mask, count in times.items():
        named = sides & mask
        reporters += count * ((named > 0) & (named < mask))
    best = int(reporters.argmin())
    return int(reporters[best]), int(sides[best])


def _measured_cut(
    named: Sequence[int], core: Sequence[bool], reporters: int, side: int, exact: bool
) -> Cut:
    """Makes a Cut from either side: picks the side with fewer core members."""
    halves = side, (1 << len(core)) - 1 & ~side
    core_members = _core_mask(core)
    fewer = min(halves, key=lambda half: ((half & core_members).bit_count(), half))
    of_side = min(sum(1 for mask in named if mask & half) for half in halves)
    return Cut(reporters, fewer, of_side, exact)


@dataclass
class _Flow:
    """Ways that share no reporter: the parts through which each enters and leaves a reporter."""

    enters: dict[int, int] = field(default_factory=dict)
    leaves: dict[int, int] = field(default_factory=dict)
    count: int = 0

    def copy(self) -> _Flow:
        return _Flow(dict(self.enters), dict(self.leaves), self.count)


class _CutSearch:
    """The search for a cut between parts of one cluster.

    A member stands for its part. Masks are over these members; `whole` has the mask of all members
    of each part. The side that is searched for never holds the best-attested part, `root`.
    """

    def __init__(
        self,
        groups: Groups,
        core: Sequence[bool],
        part: Sequence[int],
        core_a_side: int,
        steps: int,
    ) -> None:
        self.least, self.level, self.steps = core_a_side, 0, steps
        self._core = cache(self._count_core)
        self.core, self.whole = _core_mask(core), Counter[int]()
        for member, place in enumerate(part):
            self.whole[place] += 1 << member
        self.named: list[int] = []
        self.reporters_of: defaultdict[int, list[int]] = defaultdict(list)
        for parts, count in groups.items():
            reporters = range(len(self.named), len(self.named) + count)
            self.named += [sum(1 << place for place in parts)] * count
            for place in parts:
                self.reporters_of[place] += reporters
        self.all, self.total = sum(1 << place for place in self.whole), sum(core)
        self.cores = [place for place, whole in sorted(self.whole.items()) if whole & self.core]
        best = max(
            self.cores,
            key=lambda place: (self._core(1 << place), len(self.reporters_of[place]), -place),
        )
        self.root = 1 << best
        self.flows = {place: _Flow() for place in self.cores if place != best}
        self.tried: set[tuple[int, int]] = set()

    def members(self, side: int) -> int:
        """Returns the members of the parts of a side."""
        return sum(self.whole[place] for place in _bits(side))

    def find(self, levels: Iterable[int]) -> int | None:
        """Returns a side that the fewest reporters cut off, trying each level; or None."""
        for level in levels:
            self.level = level
            self._spend(0)
            self.tried.clear()
            near: dict[int, _Flow] = {}
            sides: list[int] = []
            for place, flow in self.flows.items():
                reached = self._raise(flow, 1 << place, self.root)
                if flow.count <= level:
                    near[place] = flow
                    side = self._side(flow, self.root, reached)
                    if side is not None:
                        sides.append(side)
            if sides:
                return max(
                    sides, key=lambda side: min(self._core(side), self._core(~side & self.all))
                )
            for place, flow in near.items():
                side = self._with_more(1 << place, self.root, flow, near)
                if side is not None:
                    return side
        return None

    def _spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _TooManyStepsError

    def _count_core(self, side: int) -> int:
        return (self.members(side) & self.core).bit_count()

    def _side(self, flow: _Flow, sinks: int, reached: int) -> int | None:
        """Returns the larger source side of a flow, or else the smaller, with enough core members.

        `reached` is the smaller side.
        """
        for side in (self.all & ~self._leads_to(flow, sinks), reached):
            if self.least <= self._core(side) <= self.total - self.least:
                return side
        return None

    def _with_more(
        self, sources: int, sinks: int, flow: _Flow, near: Mapping[int, _Flow]
    ) -> int | None:
        """Adds parts to sources with too few core members, then to sinks; returns a side, if any.

        Sources get parts in `near`, sinks any part.
        """
        few = self._core(sources) < self.least
        if not few and self._core(sinks) >= self.least:
            return None
        smallest = min(its_flow.count for its_flow in near.values())
        for place in near if few else self.cores:
            self._spend(1)
            more = (sources | 1 << place, sinks) if few else (sources, sinks | 1 << place)
            if (sources | sinks) >> place & 1 or more in self.tried:
                continue
            if few and flow.enters.keys().isdisjoint(near[place].enters):
                # The joint flow is the sum of both. A third source adds at least the smallest.
                third = smallest if self._core(more[0]) < self.least else 0
                if flow.count + near[place].count + third > self.level:
                    continue
            self.tried.add(more)
            both = flow.copy()
            reached = self._raise(both, *more)
            if both.count <= self.level:
                side = self._side(both, more[1], reached)
                side = self._with_more(*more, both, near) if side is None else side
                if side is not None:
                    return side
        return None

    def _raise(self, flow: _Flow, sources: int, sinks: int) -> int:
        """Raises a flow until it is above `level` or largest; returns the parts still reached.

        Each step finds a shortest way on which the flow can grow (Edmonds and Karp 1972). A way
        enters a free reporter at any part that the reporter names and leaves at any other. At a
        used reporter it returns to the entry, or goes on from the exit.
        """
        named, enters, reporters_of = self.named, flow.enters, self.reporters_of
        while flow.count <= self.level:
            unreached, queue = ~sources, list(_bits(sources))
            came: dict[int, tuple[int, int]] = {}
            done: set[int] = set()
            goal = -1
            for place in queue:
                for reporter in reporters_of[place]:
                    if reporter in done:
                        continue
                    entry = enters.get(reporter, -1)
                    if entry < 0 or flow.leaves[reporter] == place:
                        new = named[reporter] & unreached
                        done.add(reporter)
                    else:
                        new = 1 << entry & unreached
                    if new:
                        unreached ^= new
                        for next_place in _bits(new):
                            came[next_place] = place, reporter
                            queue.append(next_place)
                        if new & sinks:
                            goal = next(_bits(new & sinks))
                            break
                if goal >= 0:
                    break
            self._spend(len(queue) + len(done))
            if goal < 0:
                return ~unreached
            flow.count += 1
            self._turn(flow, came, goal)
        return 0

    def _turn(self, flow: _Flow, came: Mapping[int, tuple[int, int]], goal: int) -> None:
        """Adds the way that ends at `goal` to the flow."""
        way = []
        while goal in came:
            place, reporter = came[goal]
            way.append(
                (place, reporter, goal, flow.enters.get(reporter), flow.leaves.get(reporter))
            )
            goal = place
        for place, reporter, next_place, entry, leave in way:
            if entry is None:
                flow.enters[reporter], flow.leaves[reporter] = place, next_place
            elif leave != place:
                flow.enters[reporter] = place
            elif next_place == entry:
                del flow.enters[reporter], flow.leaves[reporter]
            else:
                flow.leaves[reporter] = next_place

    def _leads_to(self, flow: _Flow, sinks: int) -> int:
        """Returns the parts from which the flow could still grow to the sinks."""
        unreached, queue = ~sinks, list(_bits(sinks))
        for place in queue:
            for reporter in self.reporters_of[place]:
                new = self.named[reporter] & unreached
                if new and flow.enters.get(reporter, place) != place:
                    new &= 1 << flow.leaves[reporter]
                if new:
                    unreached ^= new
                    queue.extend(_bits(new))
        return ~unreached
