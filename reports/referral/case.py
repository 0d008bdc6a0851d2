"""The case of one referral: the cluster's records, and what is derived from them once.

Long, since all documents are written from one `Case`, and say the same by its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from reports.cluster_data import ClusterFacts
from reports.evidence_number import evidence_number
from reports.exchange.offer import DisclosedCounts, disclose_counts
from reports.export.stix import strictest_tlp
from reports.figures import Handover, find_handovers
from reports.link_evidence import REASSIGNED_DAYS
from reports.member_mentions import Reading, compare_scripts
from reports.referral.blocking_checks import (
    Bridge,
    Inclusion,
    Obstacle,
    Override,
    find_bridges,
    find_unlinked,
    members_to_name,
    tied_by_left_out,
)
from reports.referral.blocks import BLANK
from reports.referral.case_records import (
    CaseRecord,
    CaseRecords,
    ExchangeRate,
    NotAccused,
    exact_sum,
    find_not_accused,
    find_supplier_records,
    keep_case_members,
    permitted_words,
    read_excerpts,
    reconciled_totals,
    stated_totals,
)
from reports.referral.language import Language, organisation_name
from reports.referral.providers import Provider, ProviderGroup, group_by_provider
from reports.referral.reference import CaseFile, Reference
from reports.run import Run
from reports.tables import NarrativeReader, RunFolder
from reports.text import plain
from schemas.enums import EntityKind, Role
from schemas.manifest import Manifest
from schemas.offer import CountryCount

Row = dict[str, Any]

SCRIPT_WORDS = 8
"""Words below which a text that many report says too little to be quoted."""

NUMBERS_SHOWN = 40
"""Numbers of identifiers in a sentence; the rest are counted."""


@dataclass(frozen=True)
class Confirmation:
    """A decision that confirms the cluster: whose, when, why, on which member, and by which key.

    Without a key it was typed: its author is whom its writer named.
    """

    author: str
    day: date
    reason: str
    decision_id: str
    entity_id: str
    signed_by: str | None = None


@dataclass(frozen=True)
class ScriptText:
    """A text that callers read out, and how many people report it."""

    words: str
    people: int


@dataclass(frozen=True)
class Release:
    """A partner's signed consent to the referral, and how many named members it covers."""

    organisation: str
    issued_at: str
    expires_at: str
    members: int
    letter: bytes
    signature: bytes

    def words(self, language: Language) -> str:
        """Returns the consent in words."""
        return language.say(
            "cover.released",
            who=organisation_name(self.organisation),
            issued=language.day(date.fromisoformat(self.issued_at[:10])),
            expires=language.day(date.fromisoformat(self.expires_at[:10])),
            n=self.members,
        )


@dataclass(frozen=True)
class Side:
    """The figures of one organisation's records: victims by country, losses by currency.

    `rounded` are countries that are lower bounds, `complete` victims of which none is withheld,
    `withheld` losses of which some are. `most` bounds the victims of the named members from above:
    whoever is in two groups of an offer is in it twice.
    """

    victims: int
    most: int
    countries: dict[str, int]
    losses: dict[str, Decimal]
    rounded: bool = False
    complete: bool = True
    withheld: bool = False


@dataclass(frozen=True)
class EarlierReferral:
    """The referral that this one takes the place of: its seal's SHA-256, and what changed."""

    seal_sha256: str
    date: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class SharedVictims:
    """A signed count of the victims whom two organisations share, by private set intersection.

    `by` is what was compared (phone or email), `shared` is None under the `floor`, `day` is when it
    was counted, `signer` the id of the key that signed. `letter` goes into the package.
    """

    organisation: str
    by: str
    shared: int | None
    floor: int
    day: str
    signer: str
    letter: bytes
    signature: bytes

    @property
    def at_most(self) -> int:
        """The count, or the largest under its floor."""
        return max(self.floor - 1, 0) if self.shared is None else self.shared

    def words(self, language: Language) -> str:
        """Returns the count in words."""
        if self.shared is None:
            return language.say("shared.fewer", floor=self.floor)
        return language.number(self.shared)


@dataclass(frozen=True, kw_only=True)
class Filing:
    """Statements of those who refer a cluster: all of a case that no record of the run shows.

    Attributes:
        override: Who answers for referring it in spite of obstacles.
        confirmations: Decisions that confirm the cluster.
        included: Members that are named although they are not reviewed core ones.
        rates: Exchange rates to convert losses by.
        shared: Signed counts of victims who are at two organisations.
        releases: Partners' consents.
        file: The case file.
        issuer: Who issues the case's evidence numbers; by default the organisations of its cluster.
        quote_scripts: True if somebody read what callers are said to have read out.
    """

    override: Override | None = None
    confirmations: Sequence[Confirmation] = ()
    included: Sequence[Inclusion] = ()
    rates: Mapping[str, ExchangeRate] = field(default_factory=dict)
    shared: Sequence[SharedVictims] = ()
    releases: Sequence[Release] = ()
    file: CaseFile = field(default_factory=CaseFile)
    issuer: str = ""
    quote_scripts: bool = False


@dataclass(frozen=True, kw_only=True)
class Case(Filing):
    """A referral: a filing, the cluster's records, and what documents are written from.

    `totals` are amount and number of complaints by currency, `disclosed` the victims by country as
    far as they may be shown, `dominant` a lower bound of the largest where that is not, `number`
    each member's row of Exhibit 2, `supplier_people` the people whose records name a supplier,
    `supplier_first` the earliest of these. All
    of it is of the members that may be named: reviewed core ones, and those of `included`;
    `tied_by_left_out` counts those that only ones that are left out tie to the others. Two are of
    the whole cluster: `cluster_victims` counts its victims, which counts of shared victims are
    about, and `left_out` has its other members, for counsel alone. `run_key_id` is of the key that
    signed the run, None where it is unsigned.
    """

    records: CaseRecords
    tied_by_left_out: int
    cluster_victims: int
    reference: Reference
    totals: dict[str, tuple[Decimal, int]]
    disclosed: DisclosedCounts
    dominant: CountryCount | None
    not_accused: NotAccused
    supplier_people: dict[str, int]
    supplier_first: dict[str, CaseRecord]
    bridges: list[Bridge]
    unlinked: list[str]
    groups: list[ProviderGroup]
    handovers: list[Handover]
    number: dict[str, int]
    obstacles: list[Obstacle]
    left_out: list[Row]
    excerpts: list[Reading]
    tlp: str
    run_key_id: str | None
    earlier: EarlierReferral | None = None

    def number_of(self, referent: str) -> str:
        """Returns the evidence number of a thing, as `reports.evidence_number` names it."""
        return evidence_number(self.issuer, referent)

    @property
    def language(self) -> Language:
        """The recipient's language."""
        return self.reference.language

    def say(self, key: str, /, **values: object) -> str:
        """Returns a message of the recipient's language with its values."""
        return self.language.say(key, **values)

    def heads(self, table: str, *names: str) -> tuple[str, ...]:
        """Returns the heads of a table's columns."""
        return tuple(self.say(f"heads.{table}.{name}") for name in names)

    def identifier(self, entity_id: str) -> str:
        """Returns an identifier in the words of whoever keeps its records."""
        return self.language.identifier(entity_id)

    def numbered(self, ids: Sequence[str]) -> str:
        """Returns the numbers of identifiers in Exhibit 2, `NUMBERS_SHOWN` at most."""
        if not ids:
            return self.say("general.none")
        numbers = sorted(self.number[entity_id] for entity_id in ids)
        shown = self.say("general.numbers", numbers=", ".join(map(str, numbers[:NUMBERS_SHOWN])))
        left = len(numbers) - NUMBERS_SHOWN
        return shown if left <= 0 else self.say("general.numbers_more", shown=shown, more=left)

    @property
    def facts(self) -> ClusterFacts:
        """The cluster's rows."""
        return self.records.facts

    @property
    def manifest(self) -> Manifest:
        """The manifest of the run."""
        return self.records.manifest

    @property
    def moment(self) -> datetime:
        """The time that the referral is seen from, UTC."""
        return self.records.moment

    @property
    def clock(self) -> datetime:
        """The time at which retention is looked at, see `clock_of`."""
        return clock_of(self.records, self.file, self.confirmations)

    @property
    def silent_since(self) -> list[str]:
        """Phone numbers that had no record for so long that another may hold them by now.

        Now is the referral's clock, or the run's where that is later.
        """
        run = self.manifest.get("clock")
        now = max(self.clock, datetime.fromisoformat(run)) if run else self.clock
        gone = now - timedelta(days=REASSIGNED_DAYS)
        phones = (member for member in self.facts.members if member["kind"] == EntityKind.PHONE)
        return [phone["entity_id"] for phone in phones if phone["last_seen"] <= gone]

    @property
    def row(self) -> Row:
        """The cluster's row of clusters/."""
        return self.facts.row

    @property
    def joint(self) -> bool:
        """True if others' offers are in it."""
        return bool(self.records.offered)

    @property
    def victims(self) -> str:
        """The number of victims in words, which say where one can be counted twice."""
        own = sum(self.records.victims.values())
        return victims_sentence(
            self.language,
            self.row["victims"],
            own,
            self.cluster_victims,
            self.shared,
            joint=self.joint,
        )

    @property
    def phones(self) -> str:
        """The number of phone numbers in words."""
        numbers = sum(member["kind"] == EntityKind.PHONE for member in self.facts.members)
        return self.language.count("phone_number", numbers)

    @property
    def payees(self) -> str:
        """The number of payees in words."""
        payees = sum(member["role"] == Role.PAYEE for member in self.facts.members)
        return self.language.count("payee", payees)

    @property
    def date(self) -> str:
        """The day that the referral is seen from, UTC."""
        return f"{self.moment:%Y-%m-%d}"

    @property
    def countries(self) -> str:
        """The countries of victims, as far as they may be shown."""
        if self.dominant is not None:
            country, most = self.dominant.country, self.dominant.victims
            return self.say("countries.dominant", country=country, most=most)
        named = ", ".join(count.country for count in self.disclosed.countries)
        if not named:
            return self.say("countries.withheld")
        if self.disclosed.elsewhere:
            return self.say("countries.and_elsewhere", named=named)
        return named

    @property
    def provider_of(self) -> dict[str, Provider]:
        """The provider of each member."""
        return {
            member.member["entity_id"]: group.provider
            for group in self.groups
            for member in group.members
        }

    @property
    def authors(self) -> str:
        """The organisations that the named members were reported to."""
        return self.language.organisations(self.row["orgs"])

    @property
    def senders(self) -> set[str]:
        """The organisations whose offers are in it."""
        return {offer["contributor"] for offer in self.records.offered}

    @property
    def own_organisations(self) -> list[str]:
        """Those organisations whose own records the run read, and no offer of theirs."""
        return sorted({org for _, org, _ in self.records.by_key} - self.senders)

    @property
    def own_names(self) -> list[str]:
        """Their names."""
        return [organisation_name(organisation) for organisation in self.own_organisations]

    @property
    def other_names(self) -> list[str]:
        """The names of the organisations whose offers are in it."""
        return [organisation_name(sender) for sender in sorted(self.senders)]

    @property
    def weeks(self) -> str:
        """Says that what an offer counts is dated to the week."""
        return self.say("joint.weeks", names=self.language.join(self.other_names))

    @property
    def scripts(self) -> list[ScriptText]:
        """Texts that callers read out, as far as they are quoted."""
        return self.reported_scripts if self.quote_scripts else []

    @property
    def reported_scripts(self) -> list[ScriptText]:
        """Those that enough people report, those of most people first.

        Five pseudonyms can put anybody's name there, which no mask finds.
        """
        least = self.reference.policy["suppress_below"]
        scripts = [
            ScriptText(permitted_words(script.template), people)
            for script in compare_scripts(self.facts.suppliers, self.facts.scripts)
            if (people := self.supplier_people.get(script.entity_id, 0)) >= least
            and len(re.findall(r"[^\W\d_]{2,}", script.template)) >= SCRIPT_WORDS
        ]
        return sorted(scripts, key=lambda script: (-script.people, script.words))

    @property
    def own_side(self) -> Side:
        """The figures of the run's own records."""
        shown = {country.country: country.victims for country in self.disclosed.countries}
        if self.dominant is not None:
            shown[self.dominant.country] = self.dominant.victims
        return Side(
            victims=sum(self.records.victims.values()),
            most=sum(self.records.victims.values()),
            countries=shown,
            losses={currency: amount for currency, (amount, _) in self.totals.items()},
            rounded=self.dominant is not None,
        )

    @property
    def other_sides(self) -> list[tuple[str, Side]]:
        """The figures of each organisation whose offer is in it, all its parts of the cluster."""
        sides = []
        for sender in sorted(self.senders):
            rows = [offer for offer in self.records.offered if offer["contributor"] == sender]
            countries: Counter[str] = Counter()
            losses: Counter[str] = Counter()
            for offer in rows:
                countries.update(
                    {country["country"]: country["victims"] for country in offer["countries"] or ()}
                )
                losses.update({loss["currency"]: loss["amount"] for loss in offer["losses"] or ()})
            side = Side(
                victims=sum(row["victims_known"] or 0 for row in rows),
                most=sum(
                    record.people for record in self.records.in_order if record.key[1] == sender
                ),
                countries=dict(countries),
                losses={currency: Decimal(amount) for currency, amount in losses.items()},
                complete=all(row["victims_known"] is not None for row in rows),
                withheld=not all(row["losses"] for row in rows),
            )
            sides.append((organisation_name(sender), side))
        return sides

    @property
    def countries_together(self) -> dict[str, int]:
        """Lower bounds of victims by country, of all organisations, without those shared."""
        sides = [self.own_side, *(side for _, side in self.other_sides)]
        twice = sum(overlap.at_most for overlap in self.shared)
        counts = {}
        for country in sorted({code for side in sides for code in side.countries}):
            victims = [side.countries.get(country, 0) for side in sides]
            counts[country] = max(sum(victims) - twice, *victims)
        return counts

    @property
    def losses_together(self) -> list[str]:
        """Losses by currency of all organisations; what one alone states is marked."""
        sides = [(self.language.join(self.own_names), self.own_side), *self.other_sides]
        losses = []
        for currency in sorted({loss for _, side in sides for loss in side.losses}):
            stated = [(name, side) for name, side in sides if currency in side.losses]
            total = exact_sum(side.losses[currency] for _, side in stated)
            bound = self.joint and (len(stated) > 1 or any(side.withheld for _, side in sides))
            words = self.language.sum_of(currency, total)
            if bound:
                words = self.say("general.at_least", what=words)
            if self.joint:
                who = self.language.join([name for name, _ in stated])
                key = "joint.alone" if len(stated) == 1 else "joint.both"
                words = self.say(key, sum=words, who=who)
            losses.append(words)
        return losses

    @property
    def brands(self) -> str:
        """The brands that callers claimed, of the shipped list."""
        return self.language.organisations(self.row["brands"])

    @property
    def subject(self) -> str:
        """The operation, by what it did."""
        brands = self.brands
        return self.say("document.subject", brands=brands) if brands else self.say("document.fraud")

    @property
    def title(self) -> str:
        """The operation, with counts and the time of its records."""
        row, count = self.row, self.language.count
        counts = [
            count("identifier", len(self.number)),
            count("complaint", row["complaints"]),
            *([count("call_record", row["calls"])] if row["calls"] else []),
        ]
        span = self.language.days(row["first_seen"], row["last_seen"])
        operation = plain(self.file.values.get("operation", ""), 80).strip()
        title = self.say(
            "document.title", subject=self.subject, counts=self.language.join(counts), days=span
        )
        if not operation:
            return title
        return self.say("document.operation", operation=operation, title=title)

    def sender(self, slug: str) -> str:
        """Returns an organisation by its legal name, with address and contact, or blanks."""
        organisation = self.file.organisation(slug)
        legal = plain(organisation.get("legal_name", ""), 160).strip()
        parts = [
            legal or f"{organisation_name(slug)}, {BLANK}",
            plain(organisation.get("address", ""), 200),
        ]
        contact = plain(self.file.person(slug, "contact"), 200) or BLANK
        named = ", ".join(part for part in parts if part.strip())
        return self.say("cover.sender", named=named.removesuffix("."), contact=contact)

    @property
    def numbers_of_case(self) -> dict[str, str]:
        """Case numbers of the organisations and of this recipient.

        One that another authority gave is its own: that it has a case is not for this one to read.
        """
        known = {*self.row["orgs"], self.reference.recipient["code"]}
        numbers = self.file.values.get("case_numbers", {})
        return {who: numbers[who] for who in sorted(numbers) if who in known}

    @property
    def case_numbers(self) -> str:
        """The case numbers of both sides, or a blank."""
        recipient = self.reference.recipient
        names = {recipient["code"]: recipient["name"]}
        shown = [
            f"{names.get(who) or organisation_name(who)}: {plain(number, 80)}"
            for who, number in self.numbers_of_case.items()
        ]
        return "; ".join(shown) or BLANK

    @property
    def day_of_referral(self) -> str:
        """The day that the case file gives, or a blank."""
        day = self.file.values.get("date")
        return self.language.day(day) if day else BLANK

    @property
    def blanks(self) -> list[str]:
        """The blanks that are left to fill, since the case file does not say them."""
        values = self.file.values | {"case_numbers": self.numbers_of_case}
        missing = [
            text
            for name, text in (
                ("operation", "the operation's name"),
                ("date", "the day of the referral"),
                ("narrative", "counsel's own account of the case"),
                ("case_numbers", "case numbers"),
            )
            if not values.get(name)
        ]
        for slug in self.row["orgs"]:
            who = organisation_name(slug)
            organisation = self.file.organisation(slug)
            missing += [
                f"the {text} of {who}"
                for name, text in (("legal_name", "legal name"), ("address", "address"))
                if not organisation.get(name, "").strip()
            ]
            missing += [
                f"the {part} of {who}"
                for part in ("contact", "custodian", "signatory")
                if not self.file.person(slug, part)
            ]
        return missing

    @property
    def whose(self) -> str:
        """The organisations whose own complaints are read; of others there are counts alone."""
        return self.language.join(self.own_names)

    @property
    def brands_sentence(self) -> str:
        """Says whom the callers posed as."""
        if self.brands:
            return self.say("summary.posed", brands=self.brands, whose=self.whose)
        return self.say("summary.posed_as_others")

    @property
    def code(self) -> str:
        """The referral's own reference: recipient, cluster, day."""
        return f"{self.reference.recipient['code']}/{self.row['cluster_id']}/{self.date}"


def build_case(
    run: RunFolder,
    records: CaseRecords,
    reference: Reference,
    filing: Filing,
    obstacles: list[Obstacle],
    narratives: NarrativeReader | None = None,
) -> Case:
    """Builds the case of a cluster's records, of the members that may be named.

    `narratives` are there where excerpts of them are quoted.

    Raises:
        UnreconciledError: if losses do not add up.
    """
    reconciled_totals(records)
    whole = records.facts
    records = keep_case_members(records, members_to_name(whole, filing.included))
    facts = records.facts
    members = pa.array(records.member_ids, pa.string())
    disclosed = disclose_counts(records.victims, reference.policy["suppress_below"])
    supplier_people, supplier_first = find_supplier_records(run, records)
    clock = clock_of(records, filing.file, filing.confirmations)
    stated = vars(filing) | {"issuer": filing.issuer or "+".join(whole.row["orgs"])}
    return Case(
        **stated,
        records=records,
        tied_by_left_out=tied_by_left_out(whole, facts),
        cluster_victims=whole.row["victims"],
        reference=reference,
        totals=stated_totals(records),
        disclosed=disclosed,
        dominant=dominant_country(records.victims, disclosed, reference.policy["suppress_below"]),
        not_accused=find_not_accused(run, records),
        supplier_people=supplier_people,
        supplier_first=supplier_first,
        bridges=find_bridges(facts),
        unlinked=find_unlinked(whole, facts),
        groups=group_by_provider(facts, reference, clock),
        handovers=find_handovers(facts),
        number={entity_id: position for position, entity_id in enumerate(records.member_ids, 1)},
        obstacles=obstacles,
        left_out=[member for member in whole.members if member["entity_id"] not in records.keys_of],
        excerpts=read_excerpts(run, members, narratives) if narratives else [],
        tlp=strictest_tlp([reference.policy["tlp"], *(offer["tlp"] for offer in records.offered)]),
        run_key_id=run.custody.key_id if isinstance(run, Run) and run.custody else None,
    )


def clock_of(
    records: CaseRecords, file: CaseFile, confirmations: Sequence[Confirmation]
) -> datetime:
    """Returns the latest known time of a referral, at which retention is looked at.

    It is no earlier than its records, the day that the case file gives it, or a confirmation: what
    was confirmed a year after its records has a year less to be asked for.
    """
    days = [confirmation.day for confirmation in confirmations]
    if isinstance(stated := file.values.get("date"), date):
        days.append(stated)
    times = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    return max([records.moment, *times])


def dominant_country(
    victims: Mapping[str | None, int], seen: DisclosedCounts, k: int
) -> CountryCount | None:
    """Returns the country of most victims as a rounded lower bound, where its count is withheld.

    It is rounded down to 2k, and leaves 2k victims or more: so the count of the others, of whom
    some are few, stays as wide as the rule of `disclose_counts` keeps it.
    """
    named = {country: count for country, count in victims.items() if country is not None}
    unit, total = 2 * k, sum(victims.values())
    if not named or seen.countries or seen.elsewhere is None:
        return None
    country = max(named, key=lambda code: (named[code], code))
    bound = min(named[country], total - unit) // unit * unit
    return CountryCount(country, bound) if 2 * bound > total else None


def victims_at_most(total: int, of_cluster: int, shared: Sequence[SharedVictims]) -> int:
    """Returns an upper bound of distinct victims; `total` counts each organisation's for itself.

    The counts are about all victims of the cluster, `of_cluster`: of these, whoever is at two
    organisations whose overlap was counted is taken off once. Those of the named members are no
    more. What is under a floor, and whoever gave two organisations different numbers, is still
    counted twice.
    """
    return min(total, of_cluster - sum(overlap.shared or 0 for overlap in shared))


def victims_sentence(
    language: Language,
    total: int,
    own: int,
    of_cluster: int,
    shared: Sequence[SharedVictims],
    *,
    joint: bool,
) -> str:
    """Returns the number of victims in words, which say where one can be counted twice."""
    say = language.say
    if not joint:
        return language.count("distinct_victim", total)
    sides = say("victims.sides", own=own, others=total - own)
    if not shared:
        return say("victims.joint", victims=language.count("victim", total), sides=sides)
    both = ", ".join(
        say(
            "victims.shared",
            count=overlap.words(language),
            who=organisation_name(overlap.organisation),
        )
        for overlap in shared
    )
    if of_cluster != total:
        both += say("victims.of_cluster", of_cluster=of_cluster)
    most = language.count("distinct_victim", victims_at_most(total, of_cluster, shared))
    return say("victims.at_most", most=most, sides=sides, both=both)
