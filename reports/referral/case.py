"""The case of a referral: the cluster's records, and the figures and words made of them once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from reports.cluster_data import ClusterFacts, Row
from reports.evidence_number import evidence_number
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
from reports.referral.blocks import BLANK, Document, Grid, Section
from reports.referral.case_records import (
    CaseRecord,
    CaseRecords,
    ExchangeRate,
    NotAccused,
    check_totals,
    exact_sums,
    find_not_accused,
    find_supplier_records,
    keep_case_members,
    permitted_words,
    read_excerpts,
    stated_totals,
)
from reports.referral.language import Language, organisation_name
from reports.referral.providers import Provider, ProviderGroup, group_by_provider
from reports.referral.reference import CaseFile, Reference
from reports.run import Run
from reports.tables import NarrativeReader, RunFolder
from reports.text import plain
from reports.victim_counts import DisclosedCounts, disclose_counts
from schemas.enums import EntityKind, Role
from schemas.manifest import Manifest
from schemas.offer import CountryCount

SCRIPT_WORDS = 8
"""Least words of a text that many report for it to be quoted."""

NUMBERS_SHOWN = 40
"""Most numbers of identifiers in a sentence; the rest are counted."""

_ID_COLUMNS = set("account digest evidence_number file identifier key phone".split())

_NUMBER_COLUMNS = set(
    """a amount b calls complaints converted identifiers links number people rate record
    recycled.days rows victims""".split()
)
"""Columns of tables, in any but where a table is named, that identifiers and numbers stand in."""


@dataclass(frozen=True)
class Confirmation:
    """A decision that confirms the cluster: whose, when, why, on which member, and by which key.

    Without a key it was typed, and its writer named the author. `opened` names the narratives and
    links that were open, `compared_with` the reference that the tables were compared with. Both are
    None if the decision does not say.
    """

    author: str
    day: date
    reason: str
    decision_id: str
    entity_id: str
    signed_by: str | None = None
    opened: str | None = None
    compared_with: str | None = None


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

    Countries in `rounded` are lower bounds. `complete` is true if no victims are withheld,
    `withheld` if some losses are. `most` bounds the victims of the named members from above: it
    counts a victim twice who is in two groups of an offer.
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

    `by` is the compared column (phone or email), `shared` is None under the `floor`, `day` the day
    of the count, `signer` the id of the key that signed. `letter` goes into the package.
    """

    organisation: str
    by: str
    shared: int | None
    floor: int
    day: str
    signer: str
    letter: bytes
    signature: bytes

    def words(self, language: Language) -> str:
        """Returns the count in words."""
        if self.shared is None:
            return language.say("shared.fewer", floor=self.floor)
        return language.number(self.shared)


@dataclass(frozen=True, kw_only=True)
class Filing:
    """Statements by the organisations that refer a cluster: facts that the run's records lack.

    Attributes:
        override: The person who answers for referring it in spite of obstacles.
        confirmations: Decisions that confirm the cluster.
        included: Members that are named without being reviewed core.
        rates: Exchange rates to convert losses by.
        shared: Signed counts of victims who are at two organisations.
        releases: Partners' consents.
        file: The case file.
        issuer: Issuer of the case's evidence numbers; by default the organisations of its cluster.
        quote_scripts: True if a person checked the texts that callers are said to have read out.
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

    def clock_from(self, moment: datetime) -> datetime:
        """Returns the time at which a referral judges whether records are still kept.

        It is the latest of the time of its records (`moment`), the day in the case file, and the
        confirmations: a confirmation a year after the records leaves a year less to request them.
        """
        days = [confirmation.day for confirmation in self.confirmations]
        if isinstance(stated := self.file.values.get("date"), date):
            days.append(stated)
        times = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
        return max([moment, *times])


@dataclass(frozen=True, kw_only=True)
class Case(Filing):
    """A referral: a filing, the cluster's records, and what documents are written from.

    Figures are of the members that may be named: reviewed core members, and `included`.

    Attributes:
        totals: amount and number of complaints by currency.
        disclosed: victims by country, as far as they may be shown.
        dominant: a lower bound of the largest country, if its count is withheld.
        number: each member's row of Exhibit 2.
        supplier_people: how many people's records name each supplier.
        supplier_first: the earliest record that names each supplier.
        tied_by_left_out: how many named members only left-out members tie to the others.
        cluster_victims: victims of the whole cluster, as counts of shared victims are.
        left_out: the other members of the cluster, for counsel alone.
        run_key_id: the key that signed the run; None if it is unsigned.
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

    def say_any(self, key: str, /, **values: object) -> str:
        """Returns a message with its values; an empty text if a value is 0 or empty."""
        return self.say(key, **values) if all(values.values()) else ""

    def heads(self, table: str, columns: Iterable[str], **values: object) -> list[str]:
        """Returns the heads of a table's columns."""
        return [self.say(f"heads.{table}.{column}", **values) for column in columns]

    def table(
        self,
        name: str,
        rows: Iterable[Sequence[object]],
        widths: Mapping[str, float],
        caption: str = "",
        **values: object,
    ) -> Grid:
        """Returns a table of the columns in `widths`; `values` are of their heads and caption.

        Without a caption it has the message NAME.caption.
        """
        ids, numbers = (
            [place for place, column in enumerate(widths) if {column, f"{name}.{column}"} & kind]
            for kind in (_ID_COLUMNS, _NUMBER_COLUMNS)
        )
        cells = [[*map(str, row)] for row in rows]
        heads = self.heads(name, widths, **values)
        caption = caption or self.say(f"{name}.caption", **values)
        return Grid(caption, heads, cells, list(widths.values()), ids, numbers)

    def document(
        self, kind: str, title: str, sections: Sequence[Section], referent: str
    ) -> Document:
        """Returns a document of the case, which has the evidence number of `referent`."""
        return Document(
            kind=kind,
            title=title,
            authors=self.authors,
            code=self.code,
            tlp=self.tlp,
            sections=sections,
            language=self.language,
            made=self.clock,
            number=self.number_of(referent),
            font=self.language.form.get("font"),
        )

    def identifier(self, entity_id: str) -> str:
        """Returns an identifier in the words of the provider that keeps its records."""
        return self.language.identifier(entity_id)

    def named(self, entity_id: str, letters: int = 80) -> tuple[int, str]:
        """Returns the number of an identifier in Exhibit 2, and its words for a table."""
        return self.number[entity_id], plain(self.identifier(entity_id), letters)

    def numbered(self, ids: Sequence[str]) -> str:
        """Returns the numbers of identifiers in Exhibit 2, `NUMBERS_SHOWN` at most."""
        if not ids:
            return self.say("general.none")
        numbers = sorted(self.number[entity_id] for entity_id in ids)
        shown = self.say("general.numbers", numbers=", ".join(map(str, numbers[:NUMBERS_SHOWN])))
        more = len(numbers[NUMBERS_SHOWN:])
        return self.say_any("general.numbers_more", shown=shown, more=more) or shown

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
        """The time for which retention periods are computed; see `clock_from`."""
        return self.clock_from(self.moment)

    @property
    def silent_since(self) -> list[str]:
        """Phone numbers without a record for so long that somebody else may hold them by now.

        Now is the referral's clock, or the run's if it is later.
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
        """True if offers of other organisations are in it."""
        return bool(self.records.offered)

    @property
    def victims_at_most(self) -> int:
        """An upper bound of distinct victims; the cluster's row adds up the organisations' victims.

        Signed counts say how many victims of the cluster two organisations share: each is taken off
        once. Counts under a floor, and victims who gave two organisations different numbers, are
        still counted twice. The named members have no more victims than the cluster.
        """
        twice = sum(overlap.shared or 0 for overlap in self.shared)
        return min(self.row["victims"], self.cluster_victims - twice)

    @property
    def victims(self) -> str:
        """The number of victims in words, which say if a victim can be counted twice."""
        language, say, total = self.language, self.say, self.row["victims"]
        if not self.joint:
            return language.count("distinct_victim", total)
        own = sum(self.records.victims.values())
        sides = say("victims.sides", own=own, others=total - own)
        if not self.shared:
            return say("victims.joint", victims=language.count("victim", total), sides=sides)
        both = ", ".join(
            say(
                "victims.shared",
                count=overlap.words(language),
                who=organisation_name(overlap.organisation),
            )
            for overlap in self.shared
        )
        if self.cluster_victims != total:
            both += say("victims.of_cluster", of_cluster=self.cluster_victims)
        most = language.count("distinct_victim", self.victims_at_most)
        return say("victims.at_most", most=most, sides=sides, both=both)

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
        """The day of `moment`, UTC."""
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

    def payments_to(self, payee: str) -> list[tuple[CaseRecord, Row]]:
        """Returns the payments to a member that complaints itemize, with their records."""
        return [
            (record, payment)
            for record in self.records.in_order
            for payment in record.payments
            if payment["payee"] == payee
        ]

    def sums_paid(self, payments: Iterable[tuple[CaseRecord, Row]]) -> str:
        """Adds payments up by currency, in words; an empty text if they state no amount."""
        paid = exact_sums(
            (plain(payment["currency"], 8), payment["amount"])
            for _, payment in payments
            if payment["amount"] is not None and payment["currency"]
        )
        return "; ".join(map(self.language.sum_of, paid, paid.values()))

    @property
    def authors(self) -> str:
        """The organisations that the named members were reported to."""
        return self.language.organisations(self.row["orgs"])

    @property
    def senders(self) -> set[str]:
        """The organisations whose offers are in it."""
        return self.records.senders

    @property
    def own_organisations(self) -> list[str]:
        """The organisations whose own records the run read, not an offer."""
        return sorted({org for _, org, _ in self.records.by_key} - self.senders)

    @property
    def others(self) -> str:
        """The names of the organisations whose offers are in it; none if it is not joint."""
        return self.language.organisations(sorted(self.senders))

    @property
    def weeks(self) -> str:
        """Says that evidence of offers is dated to the week, if there is an offer."""
        return self.say_any("joint.weeks", names=self.others)

    @property
    def scripts(self) -> list[ScriptText]:
        """Texts that callers read out, as far as they are quoted."""
        return self.reported_scripts if self.quote_scripts else []

    @property
    def reported_scripts(self) -> list[ScriptText]:
        """Texts that enough people report, most people first.

        A person must read them first: five pseudonyms can put a name there that no mask finds.
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
    def sides(self) -> list[tuple[str, Side]]:
        """The figures of the run's own records, and of each organisation whose offer is in it."""
        shown = {country.country: country.victims for country in self.disclosed.countries}
        if self.dominant is not None:
            shown[self.dominant.country] = self.dominant.victims
        victims = sum(self.records.victims.values())
        losses = {currency: amount for currency, (amount, _) in self.totals.items()}
        own = Side(victims, victims, shown, losses, rounded=self.dominant is not None)
        sides = [(self.whose, own)]
        for sender in sorted(self.senders):
            # All parts of the cluster from this offer.
            rows = [offer for offer in self.records.offered if offer["contributor"] == sender]
            countries = Counter[str]()
            for row in rows:
                for place in row["countries"] or ():
                    countries[place["country"]] += place["victims"]
            side = Side(
                victims=sum(row["victims_known"] or 0 for row in rows),
                most=sum(
                    record.people for record in self.records.in_order if record.key[1] == sender
                ),
                countries=countries,
                losses=exact_sums(
                    (loss["currency"], Decimal(loss["amount"]))
                    for row in rows
                    for loss in row["losses"] or ()
                ),
                complete=all(row["victims_known"] is not None for row in rows),
                withheld=not all(row["losses"] for row in rows),
            )
            sides.append((organisation_name(sender), side))
        return sides

    @property
    def countries_together(self) -> dict[str, int]:
        """Lower bounds of victims by country, of all organisations, less the shared victims."""
        counted: defaultdict[str, list[int]] = defaultdict(list)
        for _, side in self.sides:
            for country, victims in side.countries.items():
                counted[country].append(victims)
        # A count that is withheld is at most the largest under its floor.
        twice = sum(
            max(overlap.floor - 1, 0) if overlap.shared is None else overlap.shared
            for overlap in self.shared
        )
        return {code: max(sum(counts) - twice, *counts) for code, counts in counted.items()}

    @property
    def losses_together(self) -> list[str]:
        """Losses by currency of all organisations; an amount of a single organisation is marked."""
        sides, losses = self.sides, []
        totals = exact_sums(loss for _, side in sides for loss in side.losses.items())
        for currency, total in totals.items():
            words = self.language.sum_of(currency, total)
            if self.joint:
                names = [name for name, side in sides if currency in side.losses]
                if len(names) > 1 or any(side.withheld for _, side in sides):
                    words = self.say("general.at_least", what=words)
                key = "joint.alone" if len(names) == 1 else "joint.both"
                words = self.say(key, sum=words, who=self.language.join(names))
            losses.append(words)
        return losses

    @property
    def brands(self) -> str:
        """The brands that callers claimed, of the shipped list."""
        return self.language.organisations(self.row["brands"])

    @property
    def subject(self) -> str:
        """The operation, by what it did."""
        return self.say_any("document.subject", brands=self.brands) or self.say("document.fraud")

    @property
    def title(self) -> str:
        """The operation, with counts and the time of its records."""
        row, count = self.row, self.language.count
        counts = [
            count("identifier", len(self.number)),
            count("complaint", row["complaints"]),
            *([count("call_record", row["calls"])] if row["calls"] else []),
        ]
        title = self.say(
            "document.title",
            subject=self.subject,
            counts=self.language.join(counts),
            days=self.language.days(row["first_seen"], row["last_seen"]),
        )
        operation = plain(self.file.values.get("operation", ""), 80).strip()
        return self.say_any("document.operation", operation=operation, title=title) or title

    def sender(self, slug: str) -> str:
        """Returns an organisation by its legal name, with address and contact, or blanks."""
        organisation = self.file.organisation(slug)
        legal = plain(organisation.get("legal_name", ""), 160).strip()
        address = plain(organisation.get("address", ""), 200)
        parts = (legal or f"{organisation_name(slug)}, {BLANK}", address)
        contact = plain(self.file.person(slug, "contact"), 200) or BLANK
        named = ", ".join(filter(str.strip, parts)).removesuffix(".")
        return self.say("cover.sender", named=named, contact=contact)

    @property
    def numbers_of_case(self) -> dict[str, str]:
        """Case numbers of the organisations and of this recipient.

        Case numbers of other authorities are left out: this recipient must not learn of their case.
        """
        known = {*self.row["orgs"], self.reference.recipient["code"]}
        numbers = self.file.values.get("case_numbers", {})
        return {who: numbers[who] for who in sorted(numbers) if who in known}

    @property
    def case_numbers(self) -> str:
        """The case numbers of both sides, or a blank."""
        names = {self.reference.recipient["code"]: self.reference.recipient["name"]}
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

    def end_of_clock(self, moment: datetime | None) -> str:
        """Returns the day until which records are kept, as far as it is known."""
        return f"{moment:%Y-%m-%d}" if moment else self.say("clock.not_known")

    @property
    def blanks(self) -> list[str]:
        """The blanks left to fill, because the case file lacks their values."""
        values = self.file.values | {"case_numbers": self.numbers_of_case}
        wanted = {
            "operation": "the operation's name",
            "date": "the day of the referral",
            "narrative": "counsel's own account of the case",
            "case_numbers": "case numbers",
        }
        missing = [text for name, text in wanted.items() if not values.get(name)]
        for slug in self.row["orgs"]:
            who, organisation = organisation_name(slug), self.file.organisation(slug)
            said = {name: organisation.get(name, "").strip() for name in ("legal_name", "address")}
            for part in ("contact", "custodian", "signatory"):
                said[part] = self.file.person(slug, part)
            missing += [
                f"the {name.replace('_', ' ')} of {who}"
                for name, words in said.items()
                if not words
            ]
        return missing

    @property
    def whose(self) -> str:
        """The organisations whose own complaints are read; others send only counts."""
        return self.language.organisations(self.own_organisations)

    @property
    def code(self) -> str:
        """The referral's own reference: recipient, cluster, day."""
        whole = f"{self.reference.recipient['code']}/{self.row['cluster_id']}/{self.date}"
        return plain(whole, 200)

    @property
    def marks(self) -> dict[str, Any]:
        """The facts of the case that its seal and its package.json have."""
        return {
            "recipient": self.reference.recipient["code"],
            "cluster_id": self.row["cluster_id"],
            "run_id": self.manifest["run_id"],
            "run_key_id": self.run_key_id,
            "as_of": self.moment.isoformat(),
            "tlp": self.tlp,
        }

    @property
    def answers_by_member(self) -> dict[str, Any]:
        """By member that is not reviewed core: who answers for naming it, and why."""
        return {
            inclusion.entity_id: {"by": inclusion.name, "reason": inclusion.reason}
            for inclusion in self.included
        }


def build_case(
    run: RunFolder,
    records: CaseRecords,
    reference: Reference,
    filing: Filing,
    obstacles: list[Obstacle],
    narratives: NarrativeReader | None = None,
) -> Case:
    """Builds the case of a cluster's records, of the members that may be named.

    `narratives` are given if excerpts of them are to be quoted.

    Raises:
        UnreconciledError: if losses do not add up.
    """
    check_totals(records)
    whole = records.facts
    records = keep_case_members(records, members_to_name(whole, filing.included))
    facts = records.facts
    members = pa.array(facts.member_ids, pa.string())
    disclosed = disclose_counts(records.victims, reference.policy["suppress_below"])
    supplier_people, supplier_first = find_supplier_records(run, records)
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
        groups=group_by_provider(facts, reference, filing.clock_from(records.moment)),
        handovers=find_handovers(facts.members, facts.inside),
        number={entity_id: position for position, entity_id in enumerate(facts.member_ids, 1)},
        obstacles=obstacles,
        left_out=[member for member in whole.members if member["entity_id"] not in records.keys_of],
        excerpts=read_excerpts(run, members, narratives) if narratives else [],
        tlp=strictest_tlp([reference.policy["tlp"], *(offer["tlp"] for offer in records.offered)]),
        run_key_id=run.custody.key_id if isinstance(run, Run) and run.custody else None,
    )


def dominant_country(
    victims: Mapping[str | None, int], seen: DisclosedCounts, k: int
) -> CountryCount | None:
    """Returns the country of most victims with a lower bound, if its count is withheld.

    The bound is rounded down to a multiple of 2k, and leaves 2k victims or more to other countries.
    So small counts of other countries stay as uncertain as `disclose_counts` makes them.
    """
    named = {country: count for country, count in victims.items() if country is not None}
    unit, total = 2 * k, sum(victims.values())
    if not named or seen.countries or seen.elsewhere is None:
        return None
    country = max(named, key=lambda code: (named[code], code))
    bound = min(named[country], total - unit) // unit * unit
    return CountryCount(country, bound) if 2 * bound > total else None
