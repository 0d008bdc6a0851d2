"""Offers: the policy on what may leave, the tables of a run under it, and their text for a reader.

An identifier leaves if it is core, and either an analyst reviewed it or three people reported it on
different days in their own words (`three_own_accounts`). Two kinds leave only after a review: an
identifier without links, and a site that imitates nobody and was not young at its first report,
since it may be an honest organisation's. An identifier that the recipient named also leaves if it
is core and reviewed in our run joined with its offer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from itertools import chain
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from msgspec import UNSET, Meta

from reports.exchange.registrations import Registrations, is_young
from reports.letters import OFFERABLE_KINDS
from reports.member_mentions import NARRATIVE
from reports.text import plain
from reports.victim_counts import SMALLEST_TABLE, DisclosedCounts, disclose_counts
from schemas.cluster import CONFIRMED, DISPUTED
from schemas.entity import without_epoch
from schemas.enums import HARD_ROLES, RecordKind, Review, Status, Tier
from schemas.offer import (
    MAX_ENTITY_ID_LENGTH,
    Offer,
    OfferedCluster,
    OfferedEntity,
    OfferedEvidence,
    OfferedLoss,
    Terms,
    Tlp,
)
from schemas.records import Record, between, one_of, read_toml_record
from schemas.signed_fields import MOMENT
from transforms.extract.allowlist import may_be_an_organisations
from transforms.extract.fingerprints import LONGEST, words_with_places
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.values import is_of_many, is_pseudonym, is_unnamed

Row = Mapping[str, Any]

OwnWords = Mapping[str | tuple[str, str], frozenset[int]]
"""Word triples of narratives by piece of evidence; triples near an identifier also by its id."""

SHORTEST_ECHO = 4
"""Least characters of a victim's or a record's id for a likeness to an identifier to count."""

SHIPPED_POLICY = "policy.toml"

SMALLEST_K = 3
"""The least that any statistical office uses as a threshold for counts of people."""

EURO = frozenset("AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split())
"""Countries whose currency is the euro (ECB, January 2026)."""

OWN_WORDS = 5
"""Least own words of a narrative, without numbers and known scripts, for it to be compared."""

SHINGLE_WORDS = 3
"""Words in a row by which two narratives are compared (Broder, On the Resemblance and Containment
of Documents, 1997)."""

NEAR_WORDS = 10
"""Words on each side of an identifier that are compared as the words about it."""

NEARLY_EQUAL = 0.5
"""Least share of the shorter narrative's word triples for two narratives to count as the same: a
copy with every sixth word changed still does."""

ACCOUNTS_OF_ONE = 20
"""Largest number of accounts compared of a reporter, the earliest first."""


class OfferPolicy(Record):
    """The keys of a policy file. All are required, so that no identifier leaves by oversight."""

    k: Annotated[int, between(SMALLEST_K, 1000)]
    confidence_floor: Annotated[float, between(0.5, 0.99)]
    least_reports: Annotated[int, between(1, 1000)]
    kinds: Annotated[list[Annotated[str, one_of(OFFERABLE_KINDS)]], Meta(min_length=1)]
    confirmed_only: bool
    tlp: Annotated[str, one_of(Tlp)]
    days_valid: Annotated[int, between(1, 366)]
    loss_unit: Annotated[int, between(1, 1_000_000)]
    loss_dominance: Annotated[float, between(0.1, 1.0)]


@dataclass(frozen=True)
class OfferSource:
    """The rows of a run that an offer is made from.

    Attributes:
        members: MEMBER rows.
        entities: Ids, status and first days of ENTITY rows.
        clusters: Ids and status of CLUSTER rows.
        evidence: EVIDENCE_MENTION rows.
        private: Entity ids that must not leave, such as the organisation's own victims'.
        words: The result of `own_words`.
        returned: Members that the recipient named, and that an analyst reviewed as core in a run
            joined from both sides' evidence. The recipient knows them, and learns how many people
            here reported them, however few.
        parts: For each member of a thin cluster, the number of its part of the cluster. Each part
            stands as a cluster of its own.
        registered: When domains were registered, as far as is known.
    """

    members: pa.Table
    entities: pa.Table
    clusters: pa.Table
    evidence: pa.Table
    private: frozenset[str]
    words: OwnWords = field(default_factory=dict)
    returned: frozenset[str] = frozenset()
    parts: Mapping[str, int] = field(default_factory=dict)
    registered: Registrations = field(default_factory=dict)


@dataclass(frozen=True)
class EvidenceReport:
    """A piece of evidence: a complaint with its calls, or a call without a complaint."""

    group: str
    who: str
    kind: str
    week: str
    named: frozenset[str]


@dataclass(frozen=True)
class Account:
    """A reporter's account of an identifier on a day.

    `words` are the narrative's word triples that are the reporter's own, `near` all triples around
    the identifier. Without `words`, `called` says that the reporter called it.
    """

    reporter: str
    day: date
    words: frozenset[int]
    called: bool = False
    near: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Withheld:
    """Counts of members that are not offered, by the first reason against it.

    `clusters` counts clusters without any offered member.
    """

    reasons: Mapping[str, int]
    clusters: int = 0


def shipped_policy() -> OfferPolicy:
    """Returns the policy that ships with ringtrace."""
    text = resources.files("reports.exchange").joinpath(SHIPPED_POLICY).read_text(encoding="utf-8")
    return read_toml_record(OfferPolicy, text, SHIPPED_POLICY)


def make_offer(
    source: OfferSource, policy: OfferPolicy, sender: str, recipient: str, issued: datetime
) -> tuple[Offer, Withheld]:
    """Returns an offer of all members that `policy` lets leave, and counts of the others.

    `issued` is in UTC.
    """
    evidence = source.evidence
    evidence = evidence.filter(pc.is_in(evidence["role"], pa.array(sorted(HARD_ROLES))))
    chosen, left = _chosen(replace(source, evidence=evidence), policy)
    shown = evidence.filter(pc.is_in(evidence["entity_id"], pa.array(sorted(chosen), pa.string())))
    numbers: dict[tuple[str, int], int] = {}
    offered: list[OfferedEntity] = []
    for entity_id, row in sorted(chosen.items()):
        part = row["cluster_id"], source.parts.get(entity_id, 0)
        number = numbers.setdefault(part, len(numbers) + 1)
        confidence = int(row["confidence"] * 100)
        offered.append(OfferedEntity(entity_id, row["role"], confidence, number))
    place = {entity.entity_id: position for position, entity in enumerate(offered)}
    cluster_of = {entity.entity_id: entity.cluster for entity in offered}
    floor = min([round(policy.confidence_floor * 100), *(entity.confidence for entity in offered)])
    calls = shown.filter(pc.equal(shown["record_kind"], RecordKind.CALL))
    called = pc.unique(calls.filter(pc.is_valid(calls["reporter_key"]))["entity_id"])
    rows = _counted(evidence_reports(shown), cluster_of, place)
    # "called" needs two people: for a single reporter it would say what that person did.
    people = Counter(position for row in rows for position in row.entities * min(row.reports, 2))
    positions = sorted(place[entity_id] for entity_id in called.to_pylist())
    return Offer(
        sender=sender,
        recipient=recipient,
        issued_at=f"{issued:{MOMENT}}",
        expires_at=f"{issued + timedelta(days=policy.days_valid):{MOMENT}}",
        tlp=policy.tlp,
        terms=Terms(floor, policy.k, policy.least_reports, policy.loss_unit),
        entities=tuple(offered),
        evidence=rows,
        clusters=_clusters(shown, cluster_of, policy),
        called=tuple(position for position in positions if people[position] > 1) or UNSET,
    ), left


def own_words(complaints: pa.Table, mentions: pa.Table) -> OwnWords:
    """Returns the triples of reporters' own words in narratives, and the triples near each id.

    Numbers, identifiers and passages of known scripts are not own words. A narrative with fewer
    than `OWN_WORDS` own words has no triples. `mentions` are the MENTION rows of `complaints`.
    """
    read: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    inside = mentions.filter(pc.fill_null(pc.equal(mentions["field"], NARRATIVE), False))
    for row in inside.select(["source_org", "record_id", "start", "end", "entity_id"]).to_pylist():
        # A script without a known place in the narrative may be the whole narrative.
        span = (row["start"], row["end"]) if row["start"] is not None else (0, LONGEST)
        read[f"{row['source_org']}|{row['record_id']}"].append((*span, row["entity_id"]))
    triples: defaultdict[str | tuple[str, str], frozenset[int]] = defaultdict(frozenset)
    pieces = pc.binary_join_element_wise(complaints["source_org"], complaints["complaint_id"], "|")
    narratives = complaints["narrative"].combine_chunks()
    for piece, words in zip(pieces.to_pylist(), words_with_places(narratives), strict=True):
        taken = [(start, last) for start, last, _ in read[piece]]
        own = [
            word for word, a, b in words if not any(a < last and first < b for first, last in taken)
        ]
        triples[piece] = _triples(own)
        for first, last, entity_id in read[piece]:
            before = [word for word, _, end in words if end <= first][-NEAR_WORDS:]
            after = [word for word, start, _ in words if start >= last][:NEAR_WORDS]
            triples[piece, entity_id] |= _triples(before + after)
    return triples


def _triples(words: Sequence[str]) -> frozenset[int]:
    if len(words) < OWN_WORDS:
        return frozenset()
    triples = zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)
    return frozenset(xxhash.xxh3_64_intdigest(" ".join(triple).encode()) for triple in triples)


def three_own_accounts(accounts: Iterable[Account]) -> bool:
    """Returns whether three reporters on three days gave accounts that are not nearly equal.

    A further account never turns True into False.
    """
    kept: Counter[str] = Counter()
    earlier: list[Account] = []
    apart: list[int] = []  # for each, a bit for every earlier one that it is apart from
    for account in sorted(
        set(accounts), key=lambda a: (a.day, a.reporter, a.called, sorted(a.words), sorted(a.near))
    ):
        if not (account.words or account.called) or kept[account.reporter] >= ACCOUNTS_OF_ONE:
            continue
        kept[account.reporter] += 1
        bits = 0
        for number, before in enumerate(earlier):
            if _are_apart(account, before):
                if apart[number] & bits:
                    return True
                bits |= 1 << number
        earlier.append(account)
        apart.append(bits)
    return False


def _are_apart(account: Account, before: Account) -> bool:
    same = account.reporter == before.reporter or account.day == before.day
    both = ((account.words, before.words), (account.near, before.near))
    return not (same or any(_nearly_equal(*two) for two in both))


@lru_cache(maxsize=262_144)
def _nearly_equal(words: frozenset[int], others: frozenset[int]) -> bool:
    """Compares two narratives; narratives without own words are never equal: their calls count."""
    shorter = min(len(words), len(others))
    return shorter > 0 and len(words & others) >= NEARLY_EQUAL * shorter


def evidence_reports(shown: pa.Table) -> list[EvidenceReport]:
    """Groups EVIDENCE_MENTION rows by piece of evidence, in sorted order.

    Pieces without a reporter, such as a call without a victim, are left out.
    """
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    columns = ["group_id", "entity_id", "record_kind", "observed_at", "reporter_key"]
    for row in shown.select(columns).to_pylist():
        groups[row["group_id"]].append(row)
    reports = []
    for group, rows in sorted(groups.items()):
        kind = str(max(RecordKind(row["record_kind"]) for row in rows))  # a complaint before calls
        # The complaint's reporter first, else a call's.
        stated = sorted(
            (row["record_kind"] != RecordKind.COMPLAINT, row["reporter_key"])
            for row in rows
            if row["reporter_key"] is not None
        )
        named = frozenset(row["entity_id"] for row in rows)
        if stated and len(named) <= MAX_HARD_ENTITIES:
            week = iso_week(min(row["observed_at"] for row in rows))
            reports.append(EvidenceReport(group, stated[0][1], kind, week, named))
    return reports


def iso_week(moment: datetime) -> str:
    """Returns the ISO 8601 week of a time, such as 2026-W09."""
    year, week, _ = moment.isocalendar()
    return f"{year:04d}-W{week:02d}"


def disclose_losses(
    by_victim: Mapping[str, Sequence[Decimal]], seen: DisclosedCounts, policy: OfferPolicy
) -> tuple[OfferedLoss, ...]:
    """Returns what may be shown of losses by currency, from each victim's own sum, rounded down.

    A currency says where somebody lives. It is shown if at least k victims state it, none has more
    than `loss_dominance` of the sum, and its country is shown. If its country is hidden, only the
    currency of most victims can be shown: it needs 2k victims, and more than 3k victims must live
    in hidden countries, so that more than k others remain among them.
    """
    countries = {country.country for country in seen.countries}
    losses = []
    least = SMALLEST_TABLE * policy.k
    widest = max(by_victim, key=lambda currency: (len(by_victim[currency]), currency), default=None)
    hidden = (seen.elsewhere or 0) > least + policy.k
    for currency, amounts in sorted(by_victim.items()):
        total = sum(amounts, Decimal(0))
        at_home = bool(countries & EURO) if currency == "EUR" else currency[:2] in countries
        crowd = hidden and currency == widest and len(amounts) >= least
        if len(amounts) < policy.k or not (at_home or crowd) or total <= 0:
            continue
        if max(amounts) > total * Decimal(str(policy.loss_dominance)):
            continue
        units = int(total // policy.loss_unit)
        if units:
            losses.append(OfferedLoss(units * policy.loss_unit, currency))
    return tuple(losses)


def offer_lines(offer: Offer) -> Iterator[str]:
    """Yields the content of an offer as lines, cluster by cluster; hostile text made harmless."""
    terms = offer.terms
    yield f"offer of {offer.sender} to {offer.recipient}, {offer.tlp}"
    yield f"issued {offer.issued_at}, expires {offer.expires_at}"
    yield (
        f"confidence {terms.confidence_floor / 100:.2f} and {terms.least_reports} reports at "
        f"least; victims by country from {terms.k}; losses to {terms.loss_unit}"
    )
    members: defaultdict[int, list[str]] = defaultdict(list)
    cluster_of = [entity.cluster for entity in offer.entities]
    called = frozenset(offer.called or ())
    for place, entity in enumerate(offer.entities):
        call = "  in a call record" if place in called else ""
        members[entity.cluster].append(
            f"  {plain(entity.entity_id, 400)}  {entity.role}  {entity.confidence / 100:.2f}{call}"
        )
    reports: defaultdict[int, int] = defaultdict(int)
    weeks: defaultdict[int, set[str]] = defaultdict(set)
    for row in offer.evidence:
        for number in {cluster_of[place] for place in row.entities}:
            reports[number] += row.reports
            weeks[number].add(row.week)
    for cluster in offer.clusters:
        seen = weeks[cluster.number]
        when = f" from {min(seen)} to {max(seen)}" if seen else ""
        yield ""
        yield f"cluster {cluster.number}: {reports[cluster.number]} reports{when}"
        victims = [f"{counted.country} {counted.victims}" for counted in cluster.countries]
        victims.append(f"others, or country not said: {cluster.elsewhere}")
        known = cluster.elsewhere is not None
        yield f"  victims: {', '.join(victims) if known else 'withheld (small counts)'}"
        if cluster.losses:
            losses = ", ".join(f"{loss.amount} {loss.currency}" for loss in cluster.losses)
            yield f"  losses, rounded: {losses}"
        yield from members[cluster.number]


def _chosen(source: OfferSource, policy: OfferPolicy) -> tuple[dict[str, Row], Withheld]:
    """Returns the members that may leave, by id, and why the others may not."""
    members, evidence = source.members, source.evidence
    status = dict(_pairs(source.clusters, "cluster_id", "status"))
    infrastructure = dict(_pairs(source.entities, "entity_id", "status"))
    first_seen = dict(_pairs(source.entities, "entity_id", "first_seen"))
    groups = evidence.group_by("entity_id").aggregate([("reporter_key", "count_distinct")])
    counts = dict(_pairs(groups, "entity_id", "reporter_key_count_distinct"))
    accounts = _accounts(evidence, source.words)
    echoes = _echoes(evidence)
    sizes = Counter(members["cluster_id"].to_pylist())
    chosen: dict[str, Row] = {}
    reasons: Counter[str] = Counter()
    for member in members.to_pylist():
        entity_id = member["entity_id"]
        of_cluster = status[member["cluster_id"]]
        known = entity_id in source.returned
        settled = known or member["review"] == Review.REVIEWED
        why = (
            "not infrastructure"
            if infrastructure.get(entity_id) != Status.INFRASTRUCTURE
            or member["role"] not in HARD_ROLES
            else "kind that does not leave"
            if entity_id.partition(":")[0] not in policy.kinds
            or len(entity_id) > MAX_ENTITY_ID_LENGTH
            or (entity_id.startswith("email:") and not entity_id.isascii())
            else "disputed or not confirmed cluster"
            if of_cluster == DISPUTED or (policy.confirmed_only and of_cluster != CONFIRMED)
            else "to be verified before use"
            if member["tier"] != Tier.CORE and not known
            else "below the confidence floor"
            if member["confidence"] < policy.confidence_floor and not settled
            else "too few reporters"
            if counts.get(entity_id, 0) < policy.least_reports and not known
            else "not reviewed, and linked to no other"
            if not settled and sizes[member["cluster_id"]] == 1
            else "not reviewed, nor told of by three people in their own words"
            if not settled
            and (policy.confirmed_only or not three_own_accounts(accounts.get(entity_id, ())))
            else "not reviewed, and may be an organisation's site"
            if not settled
            and may_be_an_organisations(without_epoch(entity_id))
            and not is_young(entity_id, first_seen[entity_id], source.registered)
            else "a victim's own, or holds an id of a victim or a record"
            if without_epoch(entity_id) in source.private
            or not echoes.isdisjoint(_words(entity_id))
            else None
        )
        if why is None:
            chosen[entity_id] = member
        else:
            reasons[why] += 1
    offered = {member["cluster_id"] for member in chosen.values()}
    withheld = set(members["cluster_id"].to_pylist()) - offered
    return chosen, Withheld(dict(sorted(reasons.items())), len(withheld))


def _accounts(evidence: pa.Table, words: OwnWords) -> dict[str, list[Account]]:
    """Returns the accounts of each identifier in EVIDENCE_MENTION rows of hard roles.

    A complaint's day is the day it was filed. A row without a pseudonym gives an account only if a
    rule names its reporter. Calls in hard roles are outbound: the reporter called the number.
    """
    named = evidence.filter(pc.is_valid(evidence["reporter_key"]))
    named = named.filter(pc.invert(is_unnamed(named["reporter_key"])))
    accounts, called = defaultdict(list), set()
    calls = named.filter(pc.equal(named["record_kind"], RecordKind.CALL))
    calls = calls.filter(is_pseudonym(calls["reporter_key"]))
    for row in calls.select(["entity_id", "reporter_key", "observed_at"]).to_pylist():
        entity_id, who = row["entity_id"], row["reporter_key"]
        called.add((entity_id, who))
        accounts[entity_id].append(
            Account(who, row["observed_at"].date(), frozenset(), called=True)
        )
    complaints = named.filter(pc.equal(named["record_kind"], RecordKind.COMPLAINT))
    columns = ["entity_id", "reporter_key", "filed_at", "observed_at", "group_id"]
    for row in complaints.select(columns).to_pylist():
        entity_id, who = row["entity_id"], row["reporter_key"]
        own = words.get(row["group_id"], frozenset())
        by_call = not own and (entity_id, who) in called
        day = (row["filed_at"] or row["observed_at"]).date()
        near = own and words.get((row["group_id"], without_epoch(entity_id)), frozenset())
        accounts[entity_id].append(Account(who, day, own, by_call, near))
    return accounts


def _pairs(table: pa.Table, key: str, value: str) -> Iterable[tuple[Any, Any]]:
    return zip(table[key].to_pylist(), table[value].to_pylist(), strict=True)


def _echoes(evidence: pa.Table) -> set[str]:
    """Returns ids of victims and records, in lower case; no identifier on offer may contain one."""
    records = pc.unique(evidence["record_id"]).to_pylist()
    victims = pc.unique(evidence["victim_key"]).to_pylist()
    ids = (*records, *(victim.partition("|")[2] for victim in victims if victim is not None))
    return {echo.lower() for echo in ids if len(echo) >= SHORTEST_ECHO}


def _words(entity_id: str) -> set[str]:
    value = entity_id.lower()
    return {value, value.partition(":")[2], *re.split(r"[^\w-]+", value), *re.split(r"\W+", value)}


def _counted(
    reports: Iterable[EvidenceReport], cluster_of: Mapping[str, int], place: Mapping[str, int]
) -> tuple[OfferedEvidence, ...]:
    """Counts people once for each cluster, by all identifiers that they name in one week there.

    The week is that of the person's fullest report: reports of other weeks would get a false date.
    A key that several people can share counts its fullest report and no other.
    """
    kept: defaultdict[str, list[EvidenceReport]] = defaultdict(list)
    for report in sorted(
        reports, key=lambda report: (-len(report.named), report.week, report.group)
    ):
        clusters = {cluster_of[entity_id] for entity_id in report.named}
        before = kept[report.who]
        near = [
            earlier
            for earlier in before
            if clusters & {cluster_of[entity_id] for entity_id in earlier.named}
        ]
        elsewhere = any(earlier.week != report.week for earlier in near)
        if near and (elsewhere or is_of_many(pa.scalar(report.who)).as_py()):
            continue
        named = report.named.union(*(earlier.named for earlier in near))
        if len(named) <= MAX_HARD_ENTITIES:  # else the earlier reports stay as they are
            whole = replace(report, named=named, kind=max(r.kind for r in (report, *near)))
            kept[report.who] = [*(earlier for earlier in before if earlier not in near), whole]
    counts = Counter(
        (report.week, report.kind, tuple(sorted(map(place.__getitem__, report.named))))
        for report in chain.from_iterable(kept.values())
    )
    return tuple(
        OfferedEvidence(places, kind, people, week)
        for (week, kind, places), people in sorted(counts.items())
    )


def _clusters(
    shown: pa.Table, cluster_of: Mapping[str, int], policy: OfferPolicy
) -> tuple[OfferedCluster, ...]:
    """Returns victims by country and losses of each cluster, by its offered identifiers."""
    stated_by = {report.group: report.who for report in evidence_reports(shown)}
    country: defaultdict[int, dict[str, str | None]] = defaultdict(dict)
    lost: defaultdict[int, dict[tuple[str, str], dict[str, Decimal]]] = defaultdict(dict)
    columns = ["entity_id", "group_id", "victim_country", "loss_amount", "loss_currency"]
    for row in shown.select(columns).to_pylist():
        cluster = cluster_of[row["entity_id"]]
        who = stated_by.get(row["group_id"])
        if who is None:
            continue
        stated = filter(None, (country[cluster].get(who), row["victim_country"]))
        country[cluster][who] = min(stated, default=None)
        if row["loss_amount"] is not None and row["loss_currency"]:
            sums = lost[cluster].setdefault((row["loss_currency"], who), {})
            sums[row["group_id"]] = row["loss_amount"]
    clusters = []
    for number in sorted({*cluster_of.values()}):
        seen = disclose_counts(Counter(country[number].values()), policy.k)
        by_currency: defaultdict[str, list[Decimal]] = defaultdict(list)
        for (currency, _), sums in sorted(lost[number].items()):
            by_currency[currency].append(sum(sums.values(), Decimal(0)))
        losses = disclose_losses(by_currency, seen, policy)
        clusters.append(OfferedCluster(seen.countries, seen.elsewhere, losses, number))
    return tuple(clusters)
