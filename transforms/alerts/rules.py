"""Raises alerts on identifiers and clusters whose records deserve a look at once.

The rules for an identifier see its history: the records with it in a hard role. Thresholds count
reporters, so many records of a single person count once. A tick is compared with the clusters of
the known run: which identifiers are new in them, and which clusters the evidence would merge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.cluster import ALERT, ALONE, AlertKind, ClusterFlag
from schemas.entity import are_withheld
from schemas.enums import LineageEvent, Status
from schemas.field import EPOCH, FLAG, INTEGER, NUMBER, TEXT, TIMESTAMP, microseconds_of, moment_of
from schemas.mention import MENTIONS
from transforms.arrow import (
    Array,
    aggregate,
    explode,
    group_starts,
    hash_text,
    is_among,
    map_distinct,
    one_table,
    row_tuples,
    sorted_lookup,
    true_mask,
)
from transforms.decisions import DecisionsInForce
from transforms.engine import batches_of, table_of
from transforms.graph.assign import NO_CLUSTER, cluster_id, cluster_ids, cluster_number
from transforms.graph.cluster_facts import BURST_REPORTERS, most_within
from transforms.graph.epochs import PREVIOUS
from transforms.graph.incidence import MICROSECONDS_A_DAY, are_hard, copied_texts, first_of_spans
from transforms.graph.robustness import CORE_COLUMNS, core_members

SAMPLE_SIZE = 10
"""Most record ids, and most members, that an alert names."""

BURST_CHANCE = 1e-6
"""A day is a burst if the identifier's history makes it less probable than this."""

BURST_HISTORY_DAYS = 7
"""Least days of history before a burst."""

THRESHOLD_FACTOR = 10
"""Ratio of each level of the threshold to the level before."""

TIE = pa.schema({"entity_id": TEXT, "other": TEXT, "weight": NUMBER, "core": FLAG})
"""An accepted link from `entity_id` to `other`. `core` says whether `other` is a core member.

In a row without `other` and `weight`, `core` is about the identifier itself.
"""

Alert = Mapping[str, Any]
"""An ALERT row."""

HARD_MENTION = pa.schema(
    {
        "entity_id": TEXT,
        "group_id": TEXT,
        "observed_at": TIMESTAMP,
        "source_org": TEXT,
        "victim_key": TEXT,
        "reporter_key": TEXT,
        "filed_at": TIMESTAMP,
        "copied": TEXT,
        "copied_at": TIMESTAMP,
    }
)
"""A group of evidence with an identifier in a hard role, its time and its reporter.

`filed_at` is when its complaint was filed, null for calls only. `copied` is the text of a complaint
that may be a copy (`copied_texts`), and `copied_at` when it was filed.
"""


@dataclass(frozen=True)
class AlertRules:
    """Thresholds and lists that decide what raises an alert.

    Attributes:
        reporters: Number of reporters of an identifier that crosses the threshold.
        within: Period in which these reporters must occur.
        fresh: An identifier last seen longer than this before the newest record raises nothing, so
            that a first start on old records raises no alerts.
        referred: The time of referral of each referred cluster, by id.
    """

    reporters: int = 5
    within: timedelta = timedelta(hours=24)
    fresh: timedelta = timedelta(days=14)
    referred: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class IdentifierHistory:
    """An infrastructure identifier in its cluster, and the records of its use, oldest first.

    Attributes:
        known_cluster: The cluster of the identifier in the known run, if it was a member.
        joins: The identifier was in no known cluster, and is now in one.
        ties: Linked members of known clusters, strongest first.
        times: Times of the records, in microseconds since 1970 (UTC).
        filed_at: Times of filing, if known.
        core: The identifier and linked identifiers that are core members.
        reviewed: Reviewed members of `core`.
        alone: The identifier has no link.
    """

    entity_id: str
    cluster_id: str
    known_cluster: str | None
    joins: bool
    ties: Sequence[str]
    times: Array
    record_ids: Sequence[str]
    orgs: Sequence[str]
    victims: Sequence[str | None]
    reporters: Sequence[str | None]
    filed_at: Sequence[int] = ()
    copied: Sequence[str | None] = ()
    copied_at: Sequence[int | None] = ()
    core: frozenset[str] = frozenset()
    reviewed: frozenset[str] = frozenset()
    alone: bool = False

    def alert(
        self, kind: AlertKind, key: Sequence[str], reason: str, upto: int, **more: Any
    ) -> Alert:
        """Makes an alert on the identifier from its first `upto` records."""
        named = {self.entity_id, *more.get("tied_to", ())}
        return {
            "alert_id": alert_id(kind, key),
            "kind": kind,
            "entity_id": self.entity_id,
            "cluster_id": self.cluster_id,
            "known_clusters": [self.known_cluster] if self.known_cluster else [],
            "reason": reason,
            "observed_at": moment_of(self.times[upto - 1]),
            "records": upto,
            "victims": len(set(self.victims[:upto]) - {None}),
            "reporters": len(set(self.reporters[:upto]) - {None}),
            "orgs": sorted(set(self.orgs[:upto])),
            "record_ids": list(reversed(self.record_ids[max(0, upto - SAMPLE_SIZE) : upto])),
            "tied_to": [],
            "core": sorted(self.core & named),
            "reviewed": sorted(self.reviewed & named),
            "flags": sorted(self.flags(upto)),
        } | more

    def flags(self, upto: int) -> Iterator[str]:
        """Yields the flags of an alert on the first `upto` records, defined in `schemas.cluster`.

        A burst counts reporters with a single record. Times of filing count, since a complaint can
        state any day.
        """
        came = self.filed_at or self.times.tolist()
        seen = list(zip(came, self.orgs, self.reporters, strict=True))[:upto]
        people = Counter(who for *_, who in seen if who is not None)
        within = most_within((org, moment) for moment, org, who in seen if who and people[who] == 1)
        if within >= BURST_REPORTERS and 2 * within > len(people):
            yield ClusterFlag.BURST
        copies = zip(self.copied, self.copied_at, seen, strict=False)
        firsts = first_of_spans(
            (text, moment, who)
            for text, moment, (*_, who) in copies
            if text and moment and who is not None
        )
        if max(Counter(firsts.values()).values(), default=0) >= BURST_REPORTERS:
            yield ClusterFlag.SAME_TEXT
        if len({org for _, org, _ in seen}) == 1:
            yield ClusterFlag.ONE_SOURCE
        if len(people) == 1:
            yield ClusterFlag.ONE_REPORTER
        if self.alone:
            yield ALONE


@dataclass(frozen=True)
class KnownClusters:
    """Members of the known run, by ascending hash, with their clusters, and decisions in force."""

    node: Array
    cluster: Array
    decided: DecisionsInForce

    def clusters_of(self, entity_ids: pa.Array) -> Array:
        """Returns the known cluster of each identifier, or `NO_CLUSTER` if it is new."""
        places, known = sorted_lookup(self.node, hash_text(entity_ids))
        if not len(self.node):
            return np.full(len(places), NO_CLUSTER)
        return np.where(known, self.cluster[places], NO_CLUSTER)

    def since(self, rules: AlertRules) -> datetime:
        """Returns the time from which records raise alerts."""
        newest = self.decided.newest
        return newest - rules.fresh if newest is not None else datetime.max.replace(tzinfo=UTC)


def known_clusters(
    _: object, previous: Iterable[pa.RecordBatch], decided: DecisionsInForce
) -> KnownClusters:
    """Collects the PREVIOUS batches of a window; the first argument is ignored."""
    rows = table_of(previous, PREVIOUS)
    order = np.argsort(rows["node"].to_numpy())
    node, cluster = (rows[name].to_numpy()[order] for name in ("node", "cluster"))
    return KnownClusters(node, cluster, decided)


def may_raise(members: pa.Table, known: KnownClusters, rules: AlertRules) -> Array:
    """Returns a mask of the MEMBERSHIP rows whose identifiers may raise an alert by any rule.

    A withheld identifier raises nothing, since it may be a victim's.
    """
    recent = pc.greater_equal(members["last_seen"], known.since(rules))
    shown = pc.invert(are_withheld(members["entity_id"]))
    held = pc.and_(pc.and_(recent, shown), pc.equal(members["status"], Status.INFRASTRUCTURE))
    several = pc.greater(pc.list_value_length(members["orgs"]), 1)
    attested = pc.or_(pc.greater_equal(members["reporters"], rules.reporters), several)
    before, joins = _joining(members, known)
    referred = pa.array(sorted(rules.referred), TEXT)
    awake = pc.or_(
        pc.is_in(members["cluster_id"], referred), pc.is_in(cluster_ids(before), referred)
    )
    return true_mask(held) & (true_mask(attested) | true_mask(awake) | joins)


def attested_ties(
    members: pa.Table, links: pa.Table, known: KnownClusters, *, rules: AlertRules
) -> Iterator[pa.RecordBatch]:
    """Converts the MEMBERSHIP and CLUSTER_LINK rows of whole clusters to TIE rows.

    Clusters without a member that may raise an alert are left out.
    """
    awake = members.filter(may_raise(members, known, rules))
    clusters = awake["cluster_id"].combine_chunks().unique()
    of_cluster = defaultdict[str, list[Any]](list)
    rows = members.filter(pc.is_in(members["cluster_id"], clusters))
    for row in rows.select(["cluster_id", *CORE_COLUMNS]).to_pylist():
        of_cluster[row["cluster_id"]].append(row)
    core = {name: core_members(rows) for name, rows in of_cluster.items()}
    itself = [
        (row["entity_id"], None, None, row["entity_id"] in core[name])
        for name, rows in of_cluster.items()
        for row in rows
    ]
    linked = [
        (end, far, link["weight"], far in core[link["cluster_id"]])
        for link in links.filter(pc.is_in(links["cluster_id"], clusters)).to_pylist()
        for end, far in permutations((link["entity_a"], link["entity_b"]))
    ]
    columns = zip(*itself, *linked, strict=True) if itself else [[]] * len(TIE)
    yield pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, TIE, strict=True)],
        schema=TIE,
    )


def hard_mentions(evidence: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields the HARD_MENTION rows of CLASSIFIED rows of whole groups."""
    stated = HARD_MENTION.names[1:-2]
    more = ["record_kind", "loss_amount", "wordless"]
    mentions = explode(evidence, MENTIONS, [*stated, *more])
    every = one_table(mentions)
    smallest = [(name, "min") for name in stated[1:]]
    hard = aggregate(every.filter(are_hard(every["role"])), HARD_MENTION.names[:2], smallest)
    copied = copied_texts(every)
    places = pc.index_in(hard["group_id"], copied["group_id"])
    hard = hard.append_column("copied", copied["text"].take(places))
    hard = hard.append_column("copied_at", copied["filed_at"].take(places))
    yield from batches_of(hard.select(HARD_MENTION.names))


def identifier_histories(
    members: pa.Table, evidence: pa.Table, ties: pa.Table, known: KnownClusters, rules: AlertRules
) -> list[IdentifierHistory]:
    """Makes the histories of recently used identifiers that may raise an alert.

    Only records with an identifier in a hard role count: a number that a caller spoofed, or that a
    record merely mentions, raises nothing. The tables have MEMBERSHIP, HARD_MENTION and TIE rows of
    the same identifiers.
    """
    members = members.filter(may_raise(members, known, rules)).combine_chunks()
    if not members.num_rows:
        return []
    entity_ids = members["entity_id"].combine_chunks()
    records = _records(evidence, entity_ids)
    before, joins = _joining(members, known)
    of_entity, reviewed = _ties(ties, entity_ids, known), known.decided.reviewed()
    histories, since = [], microseconds_of(known.since(rules))
    for row, name in enumerate(entity_ids.to_pylist()):
        columns = records.get(name)
        if columns is not None and columns["times"][-1] >= since:
            linked = [tie for tie in of_entity[name] if tie["other"] is not None]
            core = frozenset(tie["other"] or name for tie in of_entity[name] if tie["core"])
            histories.append(
                IdentifierHistory(
                    entity_id=name,
                    cluster_id=members["cluster_id"][row].as_py(),
                    known_cluster=cluster_id(before[row]) if before[row] != NO_CLUSTER else None,
                    joins=bool(joins[row]),
                    ties=[tie["other"] for tie in linked if tie["known"]][:SAMPLE_SIZE],
                    core=core,
                    reviewed=core & reviewed,
                    alone=not linked,
                    **columns,
                )
            )
    return histories


def threshold_alerts(history: IdentifierHistory, rules: AlertRules) -> Iterator[Alert]:
    """Alerts when N, 10 N, 100 N ... reporters name an identifier within `rules.within`."""
    level, start, people = rules.reporters, 0, len(set(history.reporters) - {None})
    within = Counter[str]()
    window, times = rules.within // timedelta(microseconds=1), history.times.tolist()
    span = f"{rules.within // timedelta(hours=1)} hours"
    for last, (moment, who) in enumerate(zip(times, history.reporters, strict=True)):
        if level > people:
            return
        if who is not None:
            within[who] += 1
        while moment - times[start] > window:
            gone = history.reporters[start]
            if gone is not None:
                within[gone] -= 1
                if not within[gone]:
                    del within[gone]
            start += 1
        while len(within) >= level:
            reason = f"reported by {level} people within {span}"
            yield history.alert(
                AlertKind.THRESHOLD, [history.entity_id, str(level)], reason, last + 1
            )
            level *= THRESHOLD_FACTOR


def several_orgs_alerts(history: IdentifierHistory, _: AlertRules) -> Iterator[Alert]:
    """Alerts on an identifier that more than one organisation reported."""
    orgs = sorted(set(history.orgs))
    if len(orgs) > 1:
        last = max(history.orgs.index(org) for org in orgs)
        reason = f"reported by {', '.join(orgs)}"
        yield history.alert(AlertKind.SEVERAL_ORGS, [history.entity_id, *orgs], reason, last + 1)


def joined_cluster_alerts(history: IdentifierHistory, _: AlertRules) -> Iterator[Alert]:
    """Alerts on a new identifier in a cluster of the known run."""
    if history.joins:
        tied = f", tied to {len(history.ties)} of its members" if history.ties else ""
        yield history.alert(
            AlertKind.JOINED_CLUSTER,
            [history.entity_id, history.cluster_id],
            f"new in the known cluster {history.cluster_id}{tied}",
            len(history.times),
            known_clusters=[history.cluster_id],
            tied_to=list(history.ties),
        )


def burst_alerts(history: IdentifierHistory, rules: AlertRules) -> Iterator[Alert]:
    """Alerts on a day (UTC) with more reporters than the days before explain.

    The days before give a Poisson rate with the prior of Jeffreys. So the next day's number of
    reporters is negative binomial (Gelman et al., Bayesian Data Analysis, 2.6).
    """
    dates = history.times // MICROSECONDS_A_DAY
    first = int(dates[0])
    if dates[-1] - first < BURST_HISTORY_DAYS:
        return
    from scipy.special import betainc  # late, as it takes a tenth of a second to load

    before = 0
    for start, end in pairwise([*group_starts(dates).tolist(), len(dates)]):
        days, count = int(dates[start]) - first, len(set(history.reporters[start:end]) - {None})
        telling = days >= BURST_HISTORY_DAYS and count >= rules.reporters
        if telling and betainc(count, before + 0.5, 1 / (1 + days)) < BURST_CHANCE:
            day = EPOCH + timedelta(days=first + days)
            reason = f"{count} people on {day:%Y-%m-%d}, after {before} in {days} days"
            key = [history.entity_id, f"{day:%Y-%m-%d}"]
            yield history.alert(AlertKind.BURST, key, reason, end)
        before += count


def referred_awake_alerts(history: IdentifierHistory, rules: AlertRules) -> Iterator[Alert]:
    """Alerts on a referred cluster's member that a scammer used after the referral."""
    for cluster in sorted({history.cluster_id, history.known_cluster or history.cluster_id}):
        when = rules.referred.get(cluster)
        if when is None:
            continue
        asleep = int(np.searchsorted(history.times, microseconds_of(when), side="right"))
        if asleep < len(history.times):
            yield history.alert(
                AlertKind.REFERRED_AWAKE,
                [cluster, f"{when:%Y-%m-%dT%H:%M:%SZ}"],
                f"the cluster {cluster}, referred on {when:%Y-%m-%d}, is active again",
                asleep + 1,
                known_clusters=[cluster],
            )


RULES: tuple[Callable[[IdentifierHistory, AlertRules], Iterator[Alert]], ...] = (
    threshold_alerts,
    several_orgs_alerts,
    joined_cluster_alerts,
    burst_alerts,
    referred_awake_alerts,
)


def identifier_alerts(
    history: IdentifierHistory, rules: AlertRules, since: datetime
) -> Iterator[Alert]:
    """Yields the alerts of an identifier whose records are not older than `since`."""
    for rule in RULES:
        for alert in rule(history, rules):
            if alert["observed_at"] >= since:
                yield alert


def merge_alerts(
    events: pa.Table, members: pa.Table, links: pa.Table, known: KnownClusters, since: datetime
) -> Iterator[Alert]:
    """Alerts on known clusters that are now merged, by LINEAGE, MEMBERSHIP and CLUSTER_LINK rows.

    The evidence is the seam: the accepted links between members of different known clusters. If
    its last record is before `since`, there is no alert.
    """
    for event in events.to_pylist():
        if event["event"] != LineageEvent.MERGED or len(event["from_ids"]) < 2:
            continue
        now = event["cluster_id"]
        inside = members.filter(pc.equal(members["cluster_id"], now))
        seam = _seam(links.filter(pc.equal(links["cluster_id"], now)), known)
        tied = list(dict.fromkeys(end for pair in seam for end in pair))
        ends = inside.filter(is_among(inside["entity_id"], tied))
        seen = ends if ends.num_rows else inside
        last = pc.max(seen["last_seen"]).as_py()
        if last is None or last < since:
            continue
        by = f", tied by {len(seam)} link{'' if len(seam) == 1 else 's'}" if seam else ""
        core = core_members(inside.to_pylist()) & set(tied[:SAMPLE_SIZE])
        yield dict.fromkeys(ALERT.names) | {
            "alert_id": alert_id(AlertKind.CLUSTERS_MERGE, event["from_ids"]),
            "kind": AlertKind.CLUSTERS_MERGE,
            "cluster_id": now,
            "known_clusters": event["from_ids"],
            "reason": f"the known clusters {', '.join(event['from_ids'])} would be one{by}",
            "observed_at": last,
            "orgs": sorted({org for orgs in seen["orgs"].to_pylist() for org in orgs}),
            "record_ids": [],
            "tied_to": tied[:SAMPLE_SIZE],
            "core": sorted(core),
            "reviewed": sorted(core & known.decided.reviewed()),
            "flags": [],
        }


def alert_id(kind: AlertKind, key: Sequence[str]) -> str:
    """Returns an id that depends only on the kind and key, not on the machine or run."""
    return f"a-{xxhash.xxh3_128_hexdigest(chr(31).join([str(kind), *key]).encode())}"


def _joining(members: pa.Table, known: KnownClusters) -> tuple[Array, Array]:
    """Returns the known cluster of MEMBERSHIP rows, and a mask of new rows in a known cluster."""
    before = known.clusters_of(members["entity_id"].combine_chunks())
    names = members["cluster_id"].combine_chunks()
    now = map_distinct(names, cluster_number, INTEGER).to_numpy()
    return before, np.isin(now, known.cluster) & (before == NO_CLUSTER)


def _records(evidence: pa.Table, entity_ids: pa.Array) -> dict[str, dict[str, Any]]:
    """Returns, by identifier, columns of the records that show it in a hard role, oldest first."""
    places = pc.index_in(evidence["entity_id"], entity_ids)
    shown = evidence.append_column("at", places).filter(pc.is_valid(places))
    shown = shown.sort_by([(name, "ascending") for name in ("at", "observed_at", "group_id")])
    filed = pc.coalesce(shown["filed_at"], shown["observed_at"])
    columns = {
        "times": shown["observed_at"].cast(INTEGER).to_numpy(),
        "record_ids": shown["group_id"].to_pylist(),
        "orgs": shown["source_org"].to_pylist(),
        "victims": shown["victim_key"].to_pylist(),
        "reporters": shown["reporter_key"].to_pylist(),
        "filed_at": filed.cast(INTEGER).to_pylist(),
        "copied": shown["copied"].to_pylist(),
        "copied_at": shown["copied_at"].cast(INTEGER).to_pylist(),
    }
    places = shown["at"].to_numpy()
    ids = entity_ids.to_pylist()
    return {
        ids[places[start]]: {name: column[start:end] for name, column in columns.items()}
        for start, end in pairwise([*group_starts(places).tolist(), len(places)])
    }


def _ties(
    ties: pa.Table, entity_ids: pa.Array, known: KnownClusters
) -> dict[str, list[dict[str, Any]]]:
    """Returns the TIE rows of each identifier, strongest first; `known`: `other` was a member."""
    order = [("weight", "descending"), ("other", "ascending")]
    rows = ties.filter(pc.is_in(ties["entity_id"], entity_ids)).sort_by(order).combine_chunks()
    others = rows["other"].combine_chunks()
    of_entity = defaultdict[str, list[dict[str, Any]]](list)
    for row, cluster in zip(rows.to_pylist(), known.clusters_of(others), strict=True):
        of_entity[row["entity_id"]].append(row | {"known": cluster != NO_CLUSTER})
    return of_entity


def _seam(links: pa.Table, known: KnownClusters) -> list[tuple[str, str]]:
    """Returns the ends of the links between different known clusters, heaviest first."""
    sides = [known.clusters_of(links[name].combine_chunks()) for name in ("entity_a", "entity_b")]
    across = links.filter(np.not_equal(*sides))
    across = across.sort_by(
        [("weight", "descending"), ("entity_a", "ascending"), ("entity_b", "ascending")]
    )
    return row_tuples(across, "entity_a", "entity_b")
