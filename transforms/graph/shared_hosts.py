"""Shared hosts by behaviour: domains whose pages belong to strangers, on a list or not.

Victims of a ring's own site name the same other identifiers, whichever page they were sent to.
Tenants of a platform share only the platform. So compare pairs of reporters who were sent
to different pages at the same time, by the other identifiers that they name. If they agree much
less often than victims of one ring, the domain is shared. Then its tenants are identifiers, and
the domain itself is not.

Each reporter counts once, in pairs with all others, so a liar moves only their own pairs. A domain
stays whole if one page has most of its reporters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.facts import Fact, fact
from schemas.field import TEXT
from transforms.arrow import Array, aggregate, is_among, map_distinct, row_tuples, with_column
from transforms.engine import partition_numbers
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.kinds import domain
from transforms.extract.kinds.domain import PAGE_DEPTH

NEAR_DAYS = 14
"""Days within which two victims of a ring can name the same identifiers.

This is the median life of a ring's number.
"""

FEWEST_TENANTS, FEWEST_REPORTERS, TENANT_REPORTERS = 3, 6, 2
"""Least counts of a shared domain: its tenants, their reporters, and the reporters of a tenant.

The reporters of all tenants count only if they name other identifiers. A page that one person was
sent to may be about that person.
"""

LARGEST_SHARE = 0.5
"""A domain stays one site if one page, or no page, has more than this share of its reporters."""

PRIOR_AGREEMENT, PRIOR_PAIRS = 0.3, 10.0
"""Prior share of pairs of a ring's victims who agree, and the pairs that the prior counts as."""

STRANGERS, SURPRISE = 0.5, 3.0
"""Bounds beyond which reporters of different tenants are victims of different rings.

Their pairs agree less often than this part of one ring's share, and chance explains the difference
no better than by so many nats (binomial).
"""

MOST_REPORTERS = 500
"""Most reporters of a domain that are compared; the number of pairs grows with the square."""

DEPTHS = range(PAGE_DEPTH + 1)
"""Numbers of path parts in which tenants can differ, tried in this order; 0 means in the host."""


@dataclass(frozen=True)
class SharedHosts:
    """The domains that strangers share, by entity id.

    Attributes:
        depth: Number of path parts in which their tenants differ; 0 means in the host.
        facts: The reason why each domain is shared.
        platform: The domain of each tenant, by the tenant's entity id.
    """

    depth: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)


class _Visit(NamedTuple):
    """A page that a reporter was sent to on a day, and the identifiers named with it."""

    entity_id: str
    reporter: int
    day: int
    page: str
    beside: Sequence[str]


def part_tenants(
    activity: pa.Table,
    known: KnownLegitimate,
    held: Collection[str] = (),
    before: Iterable[str] = (),
) -> tuple[pa.Table, SharedHosts]:
    """Assigns the links to pages of shared domains to their tenants.

    Args:
        activity: ACTIVITY rows of whole domains.
        known: The known-legitimate list.
        held: Bare ids with a single holder, by decision or by the claims of their owners.
        before: Bare ids of earlier runs and decisions. A tenant among them keeps its domain shared.

    Returns:
        The rows without a page, plus rows of tenants under their own ids; and the shared domains.
    """
    linked = pc.is_valid(activity["page"])
    rest, pages = activity.filter(pc.invert(linked)), activity.filter(linked)
    if not pages.num_rows:
        return rest, SharedHosts()
    earlier: dict[str, list[str]] = defaultdict(list)
    for entity_id in before:
        owner = domain_of(entity_id)
        if owner != entity_id:
            earlier[owner].append(entity_id)
    several = aggregate(pages, "entity_id", [("page", "count_distinct")])
    several = several.filter(pc.greater_equal(several["page"], FEWEST_TENANTS))["entity_id"]
    people = _reporters_by_domain(rest.filter(pc.is_in(rest["entity_id"], several)))
    asked = pc.or_(pc.is_in(pages["entity_id"], several), is_among(pages["entity_id"], earlier))
    pages = pages.filter(asked)
    pages = pages.filter(pc.is_null(known.reasons(pages["entity_id"].combine_chunks())))
    depth: dict[str, int] = {}
    facts: dict[str, Fact] = {}
    platform: dict[str, str] = {}
    for entity_id, visits in _visits(pages, known):
        shared = (depth for depth in DEPTHS if is_shared(visits, depth, people.get(entity_id, 0)))
        level = min(map(_depth, earlier[entity_id])) if entity_id in earlier else next(shared, None)
        if level is not None and entity_id not in held:
            tenants = [*earlier.get(entity_id, ()), *_tenants(visits, level)]
            platform |= dict.fromkeys(tenants, entity_id)
            depth[entity_id] = level
            reporters = {visit.reporter for visit in visits}
            facts[entity_id] = fact("shared_host", len(reporters), len({*tenants}))
    pages = pages.filter(is_among(pages["entity_id"], depth))
    ids = tenant_ids(pages, depth)
    ids = pc.if_else(is_among(ids, platform), ids, None)
    pages = with_column(with_column(pages, "entity_id", ids), "kind", _kinds(ids))
    pages = pages.filter(pc.is_valid(pages["entity_id"]))
    return pa.concat_tables([rest, pages]), SharedHosts(depth, facts, platform)


def is_shared(visits: Sequence[_Visit], depth: int, people: int = 0) -> bool:
    """Tells whether reporters of different tenants agree less than victims of one ring would.

    The time grows with the square of the reporters, at most `MOST_REPORTERS`. `people` counts all
    reporters of the domain; reporters without a visit were sent to no page of it.
    """
    sizes = _tenants(visits, depth)
    paged = len({visit.reporter for visit in visits})
    largest = max((people - paged, *sizes.values()))
    if len(sizes) < FEWEST_TENANTS or largest > LARGEST_SHARE * max(people, paged):
        return False
    first: dict[int, tuple[int, str, Sequence[str]]] = {}
    for visit in sorted(visits, key=itemgetter(2, 3)):
        tenant = tenant_id(visit.page, depth)
        if tenant and visit.beside:
            first.setdefault(visit.reporter, (visit.day, tenant, visit.beside))
    said = [first[reporter] for reporter in sorted(first)[:MOST_REPORTERS]]
    if len(said) < FEWEST_REPORTERS:
        return False
    day = np.array([day for day, _, _ in said])
    _, sent_to = np.unique([tenant for _, tenant, _ in said], return_inverse=True)
    who = np.repeat(np.arange(len(said)), [len(beside) for *_, beside in said])
    _, named = np.unique([name for *_, beside in said for name in beside], return_inverse=True)
    names = csr_array((np.ones(len(who)), (who, named)))
    pair = np.triu_indices(len(said), 1)
    agree = (names @ names.T).toarray()[pair] > 0
    near = np.abs(np.subtract.outer(day, day))[pair] <= NEAR_DAYS
    same = near & (sent_to[pair[0]] == sent_to[pair[1]])
    apart = near & ~same
    of_one = (agree[same].sum() + PRIOR_AGREEMENT * PRIOR_PAIRS) / (same.sum() + PRIOR_PAIRS)
    pairs, between = apart.sum(), agree[apart].mean() if apart.any() else of_one
    surprise = pairs * (_nats(between, of_one) + _nats(1 - between, 1 - of_one))
    return bool(between < STRANGERS * of_one and surprise >= SURPRISE)


def _tenants(visits: Iterable[_Visit], depth: int) -> dict[str, int]:
    """Counts the reporters of each tenant that has at least `TENANT_REPORTERS`."""
    reporters: dict[str, set[int]] = defaultdict(set)
    for visit in visits:
        if tenant := tenant_id(visit.page, depth):
            reporters[tenant].add(visit.reporter)
    return {t: len(who) for t, who in reporters.items() if len(who) >= TENANT_REPORTERS}


def _reporters_by_domain(rows: pa.Table) -> dict[str, int]:
    """Counts the reporters who say that they were sent to each domain."""
    shown = rows.filter(pc.greater(rows["held"], 0))
    counts = aggregate(shown, "entity_id", [("reporter", "count_distinct")])
    return dict(row_tuples(counts, "entity_id", "reporter"))


def _depth(tenant: str) -> int:
    return tenant.count("/")


def _nats(share: float, expected: float) -> float:
    return float(share * np.log(share / expected)) if share else 0.0


def tenant_id(page: str, depth: int) -> str | None:
    """Returns the id of the tenant whose page this is; None if it is the shared domain's own."""
    host, *path = page.split("/")
    if len(path) < depth:
        return None
    if depth:
        return f"url:{'/'.join((host, *path[:depth]))}"
    return f"domain:{host}" if host != domain.registrable_domain(host) else None


def with_tenants(evidence: pa.Table, statuses: pa.Table) -> pa.Table:
    """Replaces a shared domain by the tenant in mentions that link to a tenant's page.

    `statuses` are ENTITY_STATUS rows, whose `depth` marks shared domains.
    """
    shared = statuses.filter(pc.is_valid(statuses["depth"]))
    if not shared.num_rows:
        return evidence
    ids = tenant_ids(evidence, dict(row_tuples(shared, "entity_id", "depth")))
    ids = pc.if_else(pc.is_in(ids, statuses["entity_id"]), ids, None)
    below = pc.is_valid(ids)
    looks = pc.if_else(below, map_distinct(ids, _look_of), evidence["how"])
    kinds = pc.if_else(below, _kinds(ids), evidence["kind"])
    evidence = with_column(with_column(evidence, "how", looks), "kind", kinds)
    return with_column(evidence, "entity_id", pc.coalesce(ids, evidence["entity_id"]))


def _kinds(ids: pa.Array) -> pa.Array:
    return pc.struct_field(pc.extract_regex(ids, "^(?P<kind>[a-z]+):"), "kind")


def _look_of(tenant: str) -> str | None:
    """Returns `look_alike:BRAND` if the name of a tenant imitates a brand, else None."""
    host = tenant.partition(":")[2]
    name = host[: -len(domain_of(tenant).partition(":")[2]) - 1]
    brand = domain.impersonated_brand(host, name) if name and "/" not in host else None
    return f"look_alike:{brand}" if brand else None


def tenant_ids(linked: pa.Table, depth: Mapping[str, int]) -> pa.Array:
    """Returns the tenant's id for each row with `entity_id` and `page`; null if there is none."""
    pairs = zip(linked["entity_id"].to_pylist(), linked["page"].to_pylist(), strict=True)
    ids = (tenant_id(page, depth[name]) if page and name in depth else None for name, page in pairs)
    return pa.array(ids, TEXT)


def domain_of(entity_id: str) -> str:
    """Returns the id of the domain above a bare id, or the id itself if there is none."""
    kind, _, value = entity_id.partition(":")
    if kind not in ("domain", "url"):
        return entity_id
    registered = domain.registrable_domain(value.partition("/")[0])
    return f"domain:{registered}" if registered else entity_id


def partition_by_domain(batch: pa.RecordBatch, name: str, partitions: int) -> Array:
    """Returns the partition of each row; identifiers below a domain share its partition.

    `name` is the column of bare ids.
    """
    ids = batch[name]
    sites = pc.or_(*(pc.starts_with(ids, f"{kind}:") for kind in ("domain", "url")))
    sites = pc.fill_null(sites, False)
    owners = map_distinct(ids.filter(sites), domain_of)
    owners = pc.replace_with_mask(ids, sites, owners)
    return partition_numbers(pa.record_batch({name: owners}), (name,), partitions)


def _visits(pages: pa.Table, known: KnownLegitimate) -> Iterator[tuple[str, list[_Visit]]]:
    """Yields the visits of each domain by reporters who say that they were sent there."""
    shown = pages.filter(pc.and_(pc.greater(pages["held"], 0), pc.is_valid(pages["reporter"])))
    named = pc.unique(pc.list_flatten(shown["beside"]))
    legitimate = frozenset(named.filter(pc.is_valid(known.reasons(named))).to_pylist())
    rows = sorted(row_tuples(shown, *_Visit._fields))
    for entity_id, group in groupby(rows, itemgetter(0)):
        visits = (_Visit(*row) for row in group)
        kept = [v._replace(beside=[n for n in v.beside if n not in legitimate]) for v in visits]
        yield entity_id, kept
