"""From a run's tables to an offer: what may leave, counted, and nothing else."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.exchange import suppression
from reports.exchange.policy import Policy
from schemas import epoch
from schemas.kinds import HARD_ROLES, RecordKind, Status
from schemas.offer import (
    LONGEST_ID,
    Offer,
    OfferedCluster,
    OfferedEntity,
    OfferedEvidence,
    Terms,
)
from transforms.graph.weighing import WIDEST

Row = Mapping[str, Any]

DISPUTED, CONFIRMED = "disputed", "confirmed"

SHORTEST_ECHO = 4
"""Characters of a victim's or a record's id below which a likeness says nothing."""

HARD = frozenset(str(role) for role in HARD_ROLES)


@dataclass(frozen=True)
class Parties:
    """Who offers to whom, and for how long; times are ISO 8601 in UTC to the second."""

    sender: str
    recipient: str
    issued_at: str
    expires_at: str


@dataclass(frozen=True)
class Report:
    """One piece of evidence: a complaint with its calls, or a call alone."""

    group: str
    who: str
    kind: str
    week: str
    named: frozenset[str]


@dataclass(frozen=True)
class Left:
    """Members that stay at home, by the first reason that keeps them."""

    reasons: Mapping[str, int]


def make(
    members: pa.Table,
    entities: pa.Table,
    clusters: pa.Table,
    evidence: pa.Table,
    private: frozenset[str],
    policy: Policy,
    parties: Parties,
) -> tuple[Offer, Left]:
    """MEMBER, ENTITY, CLUSTER and EVIDENCE rows of a run to an offer under `policy`.

    `private` are entity ids that must not leave, such as the organisation's own victims'.
    """
    held = evidence.filter(pc.is_in(evidence["role"], pa.array(sorted(HARD))))
    chosen, left = _chosen(members, entities, clusters, held, private, policy)
    shown = held.filter(pc.is_in(held["entity_id"], pa.array(sorted(chosen), pa.string())))
    number = _numbers(chosen)
    ids = sorted(chosen)
    offered = tuple(
        OfferedEntity(
            entity_id=one,
            role=chosen[one]["role"],
            confidence=int(chosen[one]["confidence"] * 100),
            cluster=number[chosen[one]["cluster_id"]],
        )
        for one in ids
    )
    cluster_of = {one.entity_id: one.cluster for one in offered}
    return Offer(
        sender=parties.sender,
        recipient=parties.recipient,
        issued_at=parties.issued_at,
        expires_at=parties.expires_at,
        tlp=str(policy.tlp),
        terms=Terms(
            confidence_floor=round(policy.confidence_floor * 100),
            k=policy.k,
            least_reports=policy.least_reports,
            loss_unit=policy.loss_unit,
        ),
        entities=offered,
        evidence=_counted(reports(shown), cluster_of, {one: at for at, one in enumerate(ids)}),
        clusters=_clusters(shown, cluster_of, policy),
    ), left


def _chosen(
    members: pa.Table,
    entities: pa.Table,
    clusters: pa.Table,
    held: pa.Table,
    private: frozenset[str],
    policy: Policy,
) -> tuple[dict[str, Row], Left]:
    """Members that may leave, by id, and why the others may not."""
    status = dict(_pairs(clusters, "cluster_id", "status"))
    infrastructure = dict(_pairs(entities, "entity_id", "status"))
    told = held.group_by("entity_id").aggregate([("group_id", "count_distinct")])
    counts = dict(_pairs(told, "entity_id", "group_id_count_distinct"))
    echoes = _echoes(held)
    chosen: dict[str, Row] = {}
    reasons: Counter[str] = Counter()
    for one in members.to_pylist():
        entity_id = one["entity_id"]
        of_cluster = status[one["cluster_id"]]
        why = (
            "not infrastructure"
            if infrastructure.get(entity_id) != str(Status.INFRASTRUCTURE)
            or one["role"] not in HARD
            else "kind that does not leave"
            if entity_id.partition(":")[0] not in policy.kinds or len(entity_id) > LONGEST_ID
            else "disputed or not confirmed cluster"
            if of_cluster == DISPUTED or (policy.confirmed_only and of_cluster != CONFIRMED)
            else "below the confidence floor"
            if one["confidence"] < policy.confidence_floor
            else "too few reports"
            if counts.get(entity_id, 0) < policy.least_reports
            else "a victim's own, or holds an id of a victim or a record"
            if epoch.bare(entity_id) in private or not echoes.isdisjoint(_words(entity_id))
            else None
        )
        if why is None:
            chosen[entity_id] = one
        else:
            reasons[why] += 1
    return chosen, Left(dict(sorted(reasons.items())))


def _pairs(table: pa.Table, key: str, value: str) -> Iterable[tuple[Any, Any]]:
    return zip(table[key].to_pylist(), table[value].to_pylist(), strict=True)


def _echoes(held: pa.Table) -> set[str]:
    """Ids of victims and records, in lower case, that no identifier on offer may hold."""
    records = pc.unique(held["record_id"]).to_pylist()
    victims = pc.unique(held["victim_key"]).to_pylist()
    ids = (*records, *(one.partition("|")[2] for one in victims if one is not None))
    return {one.lower() for one in ids if len(one) >= SHORTEST_ECHO}


def _words(entity_id: str) -> set[str]:
    value = entity_id.lower()
    return {value, value.partition(":")[2], *re.split(r"[^\w-]+", value), *re.split(r"\W+", value)}


def _numbers(chosen: Mapping[str, Row]) -> dict[str, int]:
    """The run's clusters numbered from 1 by their first member on offer."""
    numbers: dict[str, int] = {}
    for entity_id in sorted(chosen):
        numbers.setdefault(chosen[entity_id]["cluster_id"], len(numbers) + 1)
    return numbers


def reports(shown: pa.Table) -> list[Report]:
    """EVIDENCE rows to the pieces of evidence that they are of, in sorted order."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    columns = ["group_id", "entity_id", "record_kind", "observed_at", "victim_key"]
    for row in shown.select(columns).to_pylist():
        groups[row["group_id"]].append(row)
    found = []
    for group, rows in sorted(groups.items()):
        complaint = any(row["record_kind"] == str(RecordKind.COMPLAINT) for row in rows)
        victims = sorted({row["victim_key"] for row in rows} - {None})
        found.append(
            Report(
                group=group,
                # Without a pseudonym each piece of evidence is taken as a victim of its own.
                who=victims[0] if victims else group,
                kind=str(RecordKind.COMPLAINT if complaint else RecordKind.CALL),
                week=iso_week(min(row["observed_at"] for row in rows)),
                named=frozenset(row["entity_id"] for row in rows),
            )
        )
    return [one for one in found if len(one.named) <= WIDEST]


def iso_week(moment: datetime) -> str:
    """The ISO 8601 week of a time, such as 2026-W09."""
    year, week, _ = moment.isocalendar()
    return f"{year:04d}-W{week:02d}"


def _counted(
    reports: Iterable[Report], cluster_of: Mapping[str, int], place: Mapping[str, int]
) -> tuple[OfferedEvidence, ...]:
    """Reports as counts. A person counts once for each cluster, by the report that names most."""
    touched: defaultdict[str, set[int]] = defaultdict(set)
    counts: Counter[tuple[str, str, tuple[int, ...]]] = Counter()
    for one in sorted(reports, key=_fullest_first):
        clusters = {cluster_of[entity_id] for entity_id in one.named}
        if touched[one.who].isdisjoint(clusters):
            touched[one.who] |= clusters
            counts[one.week, one.kind, tuple(sorted(place[i] for i in one.named))] += 1
    return tuple(
        OfferedEvidence(entities=named, kind=kind, reports=count, week=week)
        for (week, kind, named), count in sorted(counts.items())
    )


def _fullest_first(report: Report) -> tuple[int, str, str]:
    return -len(report.named), report.week, report.group


def _clusters(
    shown: pa.Table, cluster_of: Mapping[str, int], policy: Policy
) -> tuple[OfferedCluster, ...]:
    """Victims by country and losses of each cluster, of the identifiers on offer alone."""
    country: dict[int, dict[str, str | None]] = {one: {} for one in set(cluster_of.values())}
    lost: dict[int, dict[tuple[str, str], dict[str, Decimal]]] = {one: {} for one in country}
    columns = ["entity_id", "group_id", "victim_key", "victim_country", "record_kind"]
    for row in shown.select([*columns, "loss_amount", "loss_currency"]).to_pylist():
        cluster = cluster_of[row["entity_id"]]
        who = row["victim_key"] or row["group_id"]
        told = [one for one in (country[cluster].get(who), row["victim_country"]) if one]
        country[cluster][who] = min(told) if told else None
        if row["loss_amount"] is not None and row["loss_currency"]:
            sums = lost[cluster].setdefault((row["loss_currency"], who), {})
            sums[row["group_id"]] = row["loss_amount"]
    return tuple(
        _cluster(number, Counter(country[number].values()), lost[number], policy)
        for number in sorted(country)
    )


def _cluster(
    number: int,
    victims: Mapping[str | None, int],
    lost: Mapping[tuple[str, str], Mapping[str, Decimal]],
    policy: Policy,
) -> OfferedCluster:
    seen = suppression.shown(victims, policy.k)
    by_currency: defaultdict[str, list[Decimal]] = defaultdict(list)
    for (currency, _), sums in sorted(lost.items()):
        by_currency[currency].append(sum(sums.values(), Decimal(0)))
    return OfferedCluster(
        countries=seen.countries,
        elsewhere=seen.elsewhere,
        losses=suppression.losses(by_currency, seen, policy),
        number=number,
    )
