"""The rules of alerts on one identifier: what in its records is worth a look at once.

What alerts are made of: the records that show an identifier held, by identifier.

What a tick's alerts are seen against: the known clusters, and the newest record.

Known clusters that the evidence would make one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from scipy.special import betainc

from schemas.alert import AlertKind
from schemas.enums import HARD_ROLES, LineageEvent
from schemas.field import TIMESTAMP
from transforms.arrow_util import hash_text
from transforms.decisions import InForce
from transforms.graph.assign import ABSENT, cluster_id, cluster_number
from transforms.graph.lineage import PREVIOUS
from transforms.shuffle import table_of

CHANCE = 1e-6
"""Chance that a number's own history gives a day like this one, below which the day is a burst."""


HISTORY = 7
"""Days of history that a burst is held against."""


BEATEN = 10
"""Each level of the threshold is so many times the one before."""


@dataclass(frozen=True)
class Rules:
    """What raises alerts.

    `records` of an identifier within `within` cross the threshold. `referred` is when each
    referred cluster was referred. What was last seen more than `fresh` before the newest record
    raises nothing: the past that a first start reads is no news.
    """

    records: int = 5
    within: timedelta = timedelta(hours=24)
    fresh: timedelta = timedelta(days=14)
    referred: Mapping[str, datetime] = field(default_factory=dict)


def threshold(one: Held, rules: Rules) -> Iterator[Alert]:
    """Named as the scammer's own by N records within the window; again at 10 N, 100 N."""
    level = rules.records
    while level <= len(one.at):
        for last in range(level - 1, len(one.at)):
            if one.at[last] - one.at[last - level + 1] <= rules.within:
                reason = f"named by {level} records within {_told(rules.within)}"
                yield one.alert(AlertKind.THRESHOLD, [one.entity_id, str(level)], reason, last + 1)
                break
        level *= BEATEN


def several_orgs(one: Held, _: Rules) -> Iterator[Alert]:
    """Reported by more than one organisation."""
    orgs = sorted(set(one.orgs))
    if len(orgs) > 1:
        last = max(one.orgs.index(org) for org in orgs)
        reason = f"reported by {', '.join(orgs)}"
        yield one.alert(AlertKind.SEVERAL_ORGS, [one.entity_id, *orgs], reason, last + 1)


def joined_cluster(one: Held, _: Rules) -> Iterator[Alert]:
    """New, and in a cluster that the known run knows already."""
    if one.joins:
        tied = f", tied to {', '.join(one.ties[:3])}" if one.ties else ""
        yield one.alert(
            AlertKind.JOINED_CLUSTER,
            [one.entity_id, one.cluster_id],
            f"new in the known cluster {one.cluster_id}{tied}",
            len(one.at),
            known_clusters=[one.cluster_id],
            tied_to=list(one.ties),
        )


def burst(one: Held, rules: Rules) -> Iterator[Alert]:
    """A day (UTC) with more records than its days before explain.

    The days before give a Poisson rate with the prior of Jeffreys; the number of records of the
    next day is then negative binomial (Gelman et al., Bayesian Data Analysis, 2.6).
    """
    counts = Counter(map(datetime.toordinal, one.at))
    first = min(counts)
    before = 0
    for ordinal, count in sorted(counts.items()):
        days = ordinal - first
        telling = days >= HISTORY and count >= rules.records
        if telling and betainc(count, before + 0.5, 1 / (1 + days)) < CHANCE:
            day = date.fromordinal(ordinal)
            reason = f"{count} records on {day:%Y-%m-%d}, after {before} in {days} days"
            key = [one.entity_id, f"{day:%Y-%m-%d}"]
            yield one.alert(AlertKind.BURST, key, reason, before + count)
        before += count


def referred_awake(one: Held, rules: Rules) -> Iterator[Alert]:
    """A member of a referred cluster, held by a scammer again after the referral."""
    for cluster in sorted({one.cluster_id, one.known_cluster or one.cluster_id}):
        when = rules.referred.get(cluster)
        awake = [row for row, at in enumerate(one.at) if when is not None and at > when]
        if awake:
            yield one.alert(
                AlertKind.REFERRED_AWAKE,
                [cluster, f"{when:%Y-%m-%dT%H:%M:%SZ}"],
                f"the cluster {cluster}, referred on {when:%Y-%m-%d}, is active again",
                awake[0] + 1,
                known_clusters=[cluster],
            )


def _told(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"{hours} hours"


SAMPLE = 10
"""Record ids, and members, that an alert names."""


Alert = Mapping[str, Any]
"""One ALERT row."""


@dataclass(frozen=True)
class Held:
    """An infrastructure identifier in its cluster, and the records that show it held, oldest first.

    `known_cluster` is its cluster in the known run, if it was a member there; `joins` says that it
    was none and is now in a known cluster, whose members `ties` names, strongest first.
    """

    entity_id: str
    cluster_id: str
    known_cluster: str | None
    joins: bool
    ties: Sequence[str]
    at: Sequence[datetime]
    record_ids: Sequence[str]
    orgs: Sequence[str]
    victims: Sequence[str | None]

    def alert(
        self, kind: AlertKind, key: Sequence[str], reason: str, upto: int, **more: Any
    ) -> Alert:
        """An alert on the identifier, from its first `upto` records."""
        return {
            "alert_id": alert_id(kind, key),
            "kind": str(kind),
            "entity_id": self.entity_id,
            "cluster_id": self.cluster_id,
            "known_clusters": [self.known_cluster] if self.known_cluster else [],
            "reason": reason,
            "observed_at": self.at[upto - 1],
            "records": upto,
            "victims": len(set(self.victims[:upto]) - {None}),
            "orgs": sorted(set(self.orgs[:upto])),
            "record_ids": list(reversed(self.record_ids[max(0, upto - SAMPLE) : upto])),
            "tied_to": [],
        } | more


def alert_id(kind: AlertKind, key: Sequence[str]) -> str:
    """The same for the same kind and key, on every machine and in every run."""
    return f"a-{xxhash.xxh3_128_hexdigest(chr(31).join([str(kind), *key]).encode())}"


RULES: tuple[Callable[[Held, Rules], Iterator[Alert]], ...] = (
    threshold,
    several_orgs,
    joined_cluster,
    burst,
    referred_awake,
)


def raised(one: Held, rules: Rules, since: datetime) -> Iterator[Alert]:
    """What an identifier raises by a record that is not older than `since`."""
    for rule in RULES:
        for alert in rule(one, rules):
            if alert["observed_at"] >= since:
                yield alert


TIE = pa.schema([("entity_id", pa.string()), ("other", pa.string()), ("weight", pa.float64())])
"""An accepted link, seen from one of its ends."""


def held(
    members: pa.Table, evidence: pa.Table, ties: pa.Table, known: Known, since: datetime
) -> list[Held]:
    """MEMBERSHIP, CLASSIFIED and TIE rows of the same identifiers: those held `since` then.

    Only records that show an identifier in a role that the scammer must really hold count: one that
    a caller forged, or that somebody merely mentioned, raises nothing.
    """
    recent = pc.greater_equal(members["last_seen"], pa.scalar(since, TIMESTAMP))
    members = members.filter(recent).combine_chunks()
    if not members.num_rows:
        return []
    records = _records(evidence, members["entity_id"].combine_chunks())
    before = known.clusters_of(members["entity_id"].combine_chunks())
    numbers = pa.array(
        [cluster_number(one) for one in members["cluster_id"].to_pylist()], pa.int64()
    )
    joins = known.is_cluster(numbers.to_numpy()) & (before == ABSENT)
    tied = _ties(ties, members["entity_id"].combine_chunks(), known)
    found = []
    for row, name in enumerate(members["entity_id"].to_pylist()):
        of = records.get(name)
        if of is not None and of["at"][-1] >= since:
            found.append(
                Held(
                    entity_id=name,
                    cluster_id=members["cluster_id"][row].as_py(),
                    known_cluster=cluster_id(before[row]) if before[row] != ABSENT else None,
                    joins=bool(joins[row]),
                    ties=tied.get(name, ())[:SAMPLE],
                    **of,
                )
            )
    return found


def _records(evidence: pa.Table, entity_ids: pa.Array) -> dict[str, dict[str, list[Any]]]:
    """Columns of the pieces of evidence that show each of the identifiers held, oldest first."""
    hard = pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES]))
    ours = pc.is_in(evidence["entity_id"], entity_ids)
    once = (
        evidence.filter(pc.and_(hard, ours))
        .group_by(["entity_id", "group_id"], use_threads=False)
        .aggregate([("observed_at", "min"), ("source_org", "min"), ("victim_key", "min")])
        .sort_by([(name, "ascending") for name in ("entity_id", "observed_at_min", "group_id")])
    )
    columns = {
        "at": _moments(once["observed_at_min"]),
        "record_ids": once["group_id"].to_pylist(),
        "orgs": once["source_org_min"].to_pylist(),
        "victims": once["victim_key_min"].to_pylist(),
    }
    ids = once["entity_id"].to_pylist()
    starts = [row for row, one in enumerate(ids) if not row or ids[row - 1] != one]
    return {
        ids[start]: {name: column[start:end] for name, column in columns.items()}
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)
    }


def _moments(times: pa.ChunkedArray) -> list[datetime]:
    """TIMESTAMP values as Python has them; four times as fast as Arrow's own way."""
    naive: list[datetime] = times.cast(pa.timestamp("us")).to_numpy().tolist()
    return [one.replace(tzinfo=UTC) for one in naive]


def _ties(ties: pa.Table, entity_ids: pa.Array, known: Known) -> dict[str, list[str]]:
    """The known members that each identifier is tied to, strongest first."""
    rows = ties.filter(pc.is_in(ties["entity_id"], entity_ids)).combine_chunks()
    old = known.clusters_of(rows["other"].combine_chunks()) != ABSENT
    rows = rows.filter(pa.array(old)).sort_by([("weight", "descending"), ("other", "ascending")])
    found: dict[str, list[str]] = {}
    for name, other in zip(rows["entity_id"].to_pylist(), rows["other"].to_pylist(), strict=True):
        found.setdefault(name, []).append(other)
    return found


@dataclass(frozen=True)
class Known:
    """Members of the known run, by ascending hash, with their clusters; and the newest record."""

    node: np.ndarray
    cluster: np.ndarray
    newest: datetime | None

    def clusters_of(self, entity_ids: pa.Array) -> np.ndarray:
        """The known cluster of each identifier, `ABSENT` where it is new."""
        nodes = hash_text(entity_ids)
        if not len(self.node):
            return np.full(len(nodes), ABSENT)
        at = np.minimum(np.searchsorted(self.node, nodes), len(self.node) - 1)
        return np.where(self.node[at] == nodes, self.cluster[at], ABSENT)

    def is_cluster(self, numbers: np.ndarray) -> np.ndarray:
        """Whether each number is that of a known cluster."""
        return np.isin(numbers, np.unique(self.cluster))


def known_of(previous: Iterable[pa.RecordBatch], newest: datetime | None) -> Known:
    """PREVIOUS batches as a `Known`."""
    rows = table_of(previous, PREVIOUS)
    order = np.argsort(rows["node"].to_numpy())
    return Known(rows["node"].to_numpy()[order], rows["cluster"].to_numpy()[order], newest)


def _known(_: object, previous: Iterable[pa.RecordBatch], decided: InForce) -> Known:
    return known_of(previous, decided.when)


@dataclass(eq=False)
class SeenAgainst(beam.PTransform):
    """One element a window to one `Known`, from PREVIOUS batches and the one InForce."""

    previous: beam.PCollection
    decided: beam.pvalue.AsSingleton

    def expand(self, start: beam.PCollection) -> Any:
        """Once a window."""
        return start | beam.Map(_known, beam.pvalue.AsIter(self.previous), self.decided)


def merges(
    events: pa.Table, members: pa.Table, links: pa.Table, known: Known, since: datetime
) -> Iterator[Alert]:
    """LINEAGE, MEMBERSHIP and CLUSTER_LINK rows of whole clusters to alerts.

    The evidence is the seam: the accepted links between members that were not in one cluster.
    """
    for event in events.to_pylist():
        if event["event"] != LineageEvent.MERGED or len(event["from_ids"]) < 2:
            continue
        now = event["cluster_id"]
        inside = members.filter(pc.equal(members["cluster_id"], now))
        seam = _seam(links.filter(pc.equal(links["cluster_id"], now)), known)
        tied = list(dict.fromkeys(end for pair in seam for end in pair))
        ends = inside.filter(pc.is_in(inside["entity_id"], pa.array(tied, pa.string())))
        seen = ends if ends.num_rows else inside
        last = pc.max(seen["last_seen"]).as_py()
        if last is None or last < since:
            continue
        by = f", tied by {' and '.join(seam[0])}" if seam else ""
        yield {
            "alert_id": alert_id(AlertKind.CLUSTERS_MERGE, event["from_ids"]),
            "kind": str(AlertKind.CLUSTERS_MERGE),
            "entity_id": None,
            "cluster_id": now,
            "known_clusters": event["from_ids"],
            "reason": f"the known clusters {', '.join(event['from_ids'])} would be one{by}",
            "observed_at": last,
            "records": None,
            "victims": None,
            "orgs": sorted({org for orgs in seen["orgs"].to_pylist() for org in orgs}),
            "record_ids": [],
            "tied_to": tied[:SAMPLE],
        }


def _seam(links: pa.Table, known: Known) -> list[tuple[str, str]]:
    """The ends of the links across, heaviest first."""
    sides = [known.clusters_of(links[name].combine_chunks()) for name in ("entity_a", "entity_b")]
    across = links.filter(pa.array(np.not_equal(*sides)))
    across = across.sort_by(
        [("weight", "descending"), ("entity_a", "ascending"), ("entity_b", "ascending")]
    )
    return list(zip(across["entity_a"].to_pylist(), across["entity_b"].to_pylist(), strict=True))
