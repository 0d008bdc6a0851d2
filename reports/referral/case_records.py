"""The numbered records of a run for the referral of a cluster, and their losses.

Records are the complaints and calls that name a member. Victims' ids and narratives go no further
than this module, except masked words around a member, by request. Countries leave it only as sums.
Losses are exact in each currency, and converted only by dated rates with a source.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cached_property
from operator import attrgetter
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from reports import tables
from reports.cluster_data import ClusterFacts, Row, gather_facts
from reports.disclosure_control import keep_members, redact_fact_reasons, suppressed_shown
from reports.link_evidence import RecordKey, record_key
from reports.member_mentions import NARRATIVE, RECORD, Reading, sample_readings
from reports.tables import NarrativeReader, RunFolder
from schemas.enums import CURRENCIES, EntityKind, RecordKind, Status
from schemas.joint import OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.records import Check, Record, RecordError, csv_records
from schemas.tables import CALLS, CLUSTERS, COMPLAINTS, ENTITIES, MENTIONS, Table
from transforms.decode import MASK
from transforms.extract.impersonation import BRAND, LURE
from transforms.extract.kinds.url import Click
from transforms.values import people_counted


class UnknownClusterError(ValueError):
    """The run has no such cluster."""


@dataclass(frozen=True)
class StatedPayment:
    """Statements on a payment besides payee and amount; no table of a run has them.

    `paid_at` is a time or a day, as written.
    """

    paid_at: str | None = None
    reference: str | None = None
    beneficiary_name: str | None = None
    beneficiary_bank: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class RecordSource:
    """The source of a record: a file of the run's inputs, and the row.

    `position` is the 1-based line of a text file, the row of a Parquet file, or the place in the
    evidence of another organisation's offer. `copies` counts other rows of the inputs with the
    same id, which the run counted as duplicates. `clicks` are click ids in the row's links,
    `payments` its statements on each payment: no table of a run has either.
    """

    file: str
    sha256: str
    position: int
    copies: int
    clicks: tuple[Click, ...] = ()
    payments: tuple[StatedPayment, ...] = ()


@dataclass(frozen=True)
class CaseRecord:
    """A complaint or call that names a member. `number` is its row in Exhibit 1.

    `victim` numbers the people of the case, None for an unknown person. `stories` are the lures
    that its words tell of, `brands` the brands that callers claimed. `people` is how many people a
    record of an offer counts, else 1.
    """

    number: int
    key: RecordKey
    observed_at: datetime
    source: RecordSource
    loss: Decimal | None
    currency: str | None
    payments: list[Row]
    victim: int | None = None
    country: str | None = None
    channel: str | None = None
    stories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    people: int = 1


@dataclass(frozen=True)
class CaseRecords:
    """A cluster with its records, and the mentions of its members.

    `by_key` is in the order of the records' numbers, `keys_of` is by member. Of a joint run,
    `offered` holds the rows of offered_clusters/ for this cluster, and `union_links` has the ends
    of links that only the union of the contributors reveals.
    """

    facts: ClusterFacts
    manifest: Manifest
    moment: datetime
    by_key: dict[RecordKey, CaseRecord]
    keys_of: dict[str, set[RecordKey]]
    mentions: list[Row]
    offered: list[Row]
    union_links: list[frozenset[str]]

    @property
    def in_order(self) -> list[CaseRecord]:
        """Records by number."""
        return list(self.by_key.values())

    @property
    def senders(self) -> set[str]:
        """The organisations whose offers are in it."""
        return {offer["contributor"] for offer in self.offered}

    @cached_property
    def victims(self) -> dict[str | None, int]:
        """Distinct victims of the run's own records by country, None for an unknown country."""
        victims: defaultdict[str | None, set[int]] = defaultdict(set)
        for record in self.in_order:
            if record.victim is not None:
                victims[record.country].add(record.victim)
        return {country: len(pseudonyms) for country, pseudonyms in victims.items()}

    @cached_property
    def losses(self) -> list[tuple[CaseRecord, str, Decimal]]:
        """The run's own records that state a loss, with its currency and amount."""
        return [
            (record, record.currency, record.loss)
            for record in self.in_order
            if record.loss is not None and record.currency
        ]

    def of_mention(self, mention: Row) -> CaseRecord:
        """Returns the record that a row of mentions/ was read in."""
        return self.by_key[record_key(mention)]

    def naming(self, entity_id: str) -> list[CaseRecord]:
        """Returns the records that name a member, the earliest first."""
        records = (self.by_key[key] for key in self.keys_of[entity_id])
        return sorted(records, key=attrgetter("number"))


def member_record_keys(run: RunFolder, cluster_id: str) -> set[RecordKey]:
    """Returns the keys of the records that name a member of a cluster.

    Raises:
        UnknownClusterError: if the run has no such cluster.
    """
    if not tables.count_rows(run, CLUSTERS, pc.field("cluster_id") == cluster_id):
        raise UnknownClusterError(f"has no cluster {cluster_id[:80]!r}; see its clusters/")
    return {record_key(mention) for mention in _member_mentions(run, _facts(run, cluster_id))}


def collect_case_records(
    run: RunFolder,
    manifest: Manifest,
    cluster_id: str,
    sources: Mapping[RecordKey, RecordSource],
    moment: datetime,
) -> CaseRecords:
    """Reads the records of a cluster; `sources` has each of `member_record_keys`."""
    facts = _facts(run, cluster_id)
    mentions = _member_mentions(run, facts)
    mentions_of: defaultdict[RecordKey, list[Row]] = defaultdict(list)
    keys_of: defaultdict[str, set[RecordKey]] = defaultdict(set)
    for mention in mentions:
        key = record_key(mention)
        mentions_of[key].append(mention)
        keys_of[mention["entity_id"]].add(key)
    ordered = sorted(mentions_of, key=lambda key: (mentions_of[key][-1]["observed_at"], key))
    rows = _rows(run, ordered)
    people = _numbered_people(rows)
    by_key = {
        key: CaseRecord(
            number=number,
            key=key,
            observed_at=mentions_of[key][-1]["observed_at"],
            source=sources[key],
            loss=row.get("loss_amount"),
            currency=row.get("loss_currency"),
            payments=_payments(row, mentions_of[key], sources[key].payments),
            victim=people.get(key),
            country=row.get("victim_country"),
            channel=row.get("channel"),
            stories=_stated(row, LURE),
            brands=_stated(row, BRAND),
            people=mentions_of[key][-1]["people"],
        )
        for number, (key, row) in enumerate(rows.items(), 1)
    }
    links = (pc.field("cluster_id") == cluster_id) & (pc.field("kind") == "link")
    return CaseRecords(
        facts=facts,
        manifest=manifest,
        moment=moment,
        by_key=by_key,
        keys_of=dict(keys_of),
        mentions=mentions,
        offered=[
            row
            for row in _joint_rows(run, manifest, OFFERED_CLUSTERS)
            if cluster_id in row["cluster_ids"]
        ],
        union_links=[
            frozenset((row["entity_a"], row["entity_b"]))
            for row in _joint_rows(run, manifest, UNION_LINKS, links)
        ],
    )


def _facts(run: RunFolder, cluster_id: str) -> ClusterFacts:
    return redact_fact_reasons(gather_facts(run, [cluster_id])[0])


def _member_mentions(run: RunFolder, facts: ClusterFacts) -> list[Row]:
    """Returns the rows of mentions/ of the members, by the table's key, with their `people`."""
    here = tables.among("entity_id", facts.member_ids)
    mentions = tables.read_table(run, MENTIONS, where=here)
    return mentions.append_column("people", people_counted(mentions)).to_pylist()


def _joint_rows(
    run: RunFolder, manifest: Manifest, table: Table, where: pc.Expression | None = None
) -> list[Row]:
    """Reads a table that joint runs alone have."""
    if not manifest["options"].get("offers"):
        return []
    return tables.read_table(run, table, where=where).to_pylist()


def _rows(run: RunFolder, keys: Sequence[RecordKey]) -> dict[RecordKey, Row]:
    """Reads the rows of records; evidence of an offer has no row."""
    rows: dict[RecordKey, Row] = {key: {} for key in keys}
    for kind, table in ((RecordKind.COMPLAINT, COMPLAINTS), (RecordKind.CALL, CALLS)):
        here = tables.among(f"{kind}_id", (key[2] for key in keys if key[0] == kind))
        for row in tables.read_table(run, table, where=here).to_pylist():
            key = (kind, row["source_org"], row[f"{kind}_id"])
            if key in rows:
                rows[key] = row
    return rows


def _stated(row: Row, kind: str) -> tuple[str, ...]:
    """Returns the lures or brands that a complaint tells of, each once."""
    claims = row.get("impersonation") or []
    return tuple(sorted({claim["name"] for claim in claims if claim["what"] == kind}))


def _payments(row: Row, mentions: Iterable[Row], stated: Sequence[StatedPayment]) -> list[Row]:
    """Returns the payments of a complaint to members; the payee is the member, not the text."""
    listed = row.get("payments") or []
    paid = []
    for mention in mentions:
        field = mention["field"] or ""
        if not field.startswith("payments["):
            continue
        position = int(field.removeprefix("payments[").partition("]")[0])
        if position < len(listed):
            besides = stated[position] if position < len(stated) else StatedPayment()
            paid.append(listed[position] | {"payee": mention["entity_id"], "stated": besides})
    return paid


def time_paid(record: CaseRecord, payment: Row) -> tuple[str, datetime] | None:
    """Returns the time of a payment as its complaint states it, and the last moment of that time.

    None if it states no time, or a time after the complaint.
    """
    text = payment["stated"].paid_at or ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        shown, moment = text, moment.replace(tzinfo=UTC) + timedelta(days=1)
    else:
        moment = moment.astimezone(UTC)
        shown = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return (shown, moment) if moment <= record.observed_at + timedelta(days=1) else None


def agreed_names(records: Iterable[CaseRecord], name_field: str) -> set[tuple[str, str]]:
    """Returns payees with a name, folded, that the complaints of two people or more give each.

    The name is the beneficiary's or the bank's (`name_field` of StatedPayment). It is free text, so
    a single liar could name a person there.
    """
    people: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in records:
        for payment in record.payments:
            name = folded_name(getattr(payment["stated"], name_field))
            if name and record.victim is not None:
                people[payment["payee"], name].add(record.victim)
    return {key for key, victims in people.items() if len(victims) > 1}


def folded_name(name: str | None) -> str:
    """Returns the words of a name without case and signs; their order does not matter."""
    return " ".join(sorted(re.findall(r"\w+", (name or "").casefold())))


def _numbered_people(rows: Mapping[RecordKey, Row]) -> dict[RecordKey, int]:
    """Numbers the victims of records from 1; records without a victim id count none."""
    numbers: dict[tuple[str, str], int] = {}
    return {
        key: numbers.setdefault((key[1], row["victim_id"]), len(numbers) + 1)
        for key, row in rows.items()
        if row.get("victim_id")
    }


def keep_case_members(records: CaseRecords, kept: Collection[str]) -> CaseRecords:
    """Returns a case of the members in `kept` alone: the records that name one, and their sums.

    Other members are counted (`ClusterFacts.left_out`).
    """
    kept_ids = frozenset(kept)
    keys_of = {entity_id: keys for entity_id, keys in records.keys_of.items() if entity_id in kept}
    named = set[RecordKey]().union(*keys_of.values())
    kept_records = [record for record in records.in_order if record.key in named]
    by_key = {
        record.key: replace(
            record,
            number=number,
            payments=[paid for paid in record.payments if paid["payee"] in kept],
        )
        for number, record in enumerate(kept_records, 1)
    }
    kept_case = replace(
        records,
        facts=keep_members(records.facts, kept),
        by_key=by_key,
        keys_of=keys_of,
        mentions=[mention for mention in records.mentions if mention["entity_id"] in kept],
        union_links=[ends for ends in records.union_links if ends <= kept_ids],
    )
    return replace(kept_case, facts=replace(kept_case.facts, row=_counted_row(kept_case)))


def _counted_row(records: CaseRecords) -> Row:
    """Returns the row of a cluster, with counts of these records and of the members left."""
    kinds: Counter[str] = Counter()
    posed_as: set[str] = set()
    victims: set[object] = set()
    offered = 0
    for record in records.in_order:
        kind, org, _ = record.key
        kinds[kind] += record.people
        posed_as.update(record.brands)
        victims.add(record.victim)
        # People in an offer have no pseudonyms: each counts as a person of its own.
        offered += record.people if org in records.senders else 0
    members, row = records.facts.members, records.facts.row
    counted = row | {
        "complaints": kinds[RecordKind.COMPLAINT],
        "calls": kinds[RecordKind.CALL],
        "victims": len(victims - {None}) + offered,
        "orgs": sorted({org for member in members for org in member["orgs"]}),
        "brands": [brand for brand in row["brands"] if brand in posed_as],
    }
    if members:
        counted["first_seen"] = min(member["first_seen"] for member in members)
        counted["last_seen"] = max(member["last_seen"] for member in members)
    return counted


@dataclass(frozen=True)
class NotAccused:
    """Identifiers that the cluster's records name and the package does not accuse, by status.

    `suppressed` are identifiers of the known-legitimate lists, with their reason. `others` counts
    hubs and identifiers cleared by a decision, `caller_ids` numbers seen only as a caller id: the
    package names neither.
    """

    suppressed: list[Row]
    others: int
    caller_ids: int


def _mentions_beside(
    run: RunFolder, ids: Iterable[str], columns: Sequence[str], where: pc.Expression
) -> Iterator[Row]:
    """Yields columns of mentions in records of some ids, and the keys of these records."""
    here = tables.among("record_id", ids) & where
    for batch in tables.table_batches(run, MENTIONS, [*columns, *RECORD], here):
        yield from batch.to_pylist()


def find_not_accused(run: RunFolder, records: CaseRecords) -> NotAccused:
    """Returns identifiers that the records of a case name and the package does not accuse."""
    ids, every = (key[2] for key in records.by_key), pc.scalar(True)
    named = Counter(
        mention["entity_id"]
        for mention in _mentions_beside(run, ids, ["entity_id"], every)
        if record_key(mention) in records.by_key
    )
    for entity_id in records.facts.member_ids:
        del named[entity_id]
    rows = tables.read_table(run, ENTITIES, where=tables.among("entity_id", named))
    listed = [
        row | {"named": named[row["entity_id"]]}
        for row in suppressed_shown(rows, redact=True).to_pylist()
    ]
    listed.sort(key=lambda row: (-row["named"], row["entity_id"]))
    others = suppressed_shown(rows, redact=False).num_rows - len(listed)
    forgeable = pc.field("status") == Status.UNCORROBORATED
    phones = rows.filter(forgeable & (pc.field("kind") == EntityKind.PHONE)).num_rows
    return NotAccused(listed, others, phones)


def find_supplier_records(
    run: RunFolder, case: CaseRecords
) -> tuple[dict[str, int], dict[str, CaseRecord]]:
    """Counts the people whose records name a supplier, and finds the earliest such record.

    A record of an offer counts as a person. A complaint of the case can have a call that shows
    another number and names no member, so the people of a supplier's link to a member count, too.
    """
    ids = (key[2] for key in case.by_key)
    suppliers = (supplier["entity_id"] for supplier in case.facts.suppliers)
    where = tables.among("entity_id", suppliers)
    people: defaultdict[str, set[object]] = defaultdict(set)
    naming: defaultdict[str, list[CaseRecord]] = defaultdict(list)
    for mention in _mentions_beside(run, ids, ["entity_id"], where):
        record = case.by_key.get(record_key(mention))
        if record is not None:
            naming[mention["entity_id"]].append(record)
            offered = record.key[1] in case.senders
            people[mention["entity_id"]].add(record.key if offered else record.victim)
    counts = {entity_id: len(victims - {None}) for entity_id, victims in people.items()}
    for link in case.facts.soft:
        counts[link["there"]] = max(counts.get(link["there"], 0), link["reporters"])
    number = attrgetter("number")
    first = {entity_id: min(records, key=number) for entity_id, records in naming.items()}
    return counts, first


_PERHAPS_PRIVATE = re.compile(
    r"\S*\s?@\s?\S*(?:\s?\.\s?\w+)*"
    r"|\S+\s+(?:at|ät|arroba|arobase|chiocciola|apenstaartje)\s+\S+"
    r"(?:\s+(?:dot|punto|punkt|point|ponto|punt)\s+\S+)+"
    r"|\S*(?:\d|&#|&\w+;|%[0-9A-Fa-f]{2})\S*",
    re.IGNORECASE,
)
"""An address, in signs or in words, or a word with a digit or an escape."""

_AMOUNT = re.compile(r"\(?[$€£₹]\d{1,3}(?:[.,]?\d{3}){0,2}(?:[.,]\d{1,2})?[).,;:!?]*")


def permitted_words(text: str) -> str:
    """Masks words of a narrative that may be a number or an address; amounts stay.

    So the text is safe even if the run's mask missed a victim's number. The identifier that the
    words are about is not part of `text`.
    """
    return _PERHAPS_PRIVATE.sub(
        lambda match: match[0] if _AMOUNT.fullmatch(match[0]) else re.sub(r"\w", MASK, match[0]),
        text,
    )


def read_excerpts(run: RunFolder, members: pa.Array, narratives: NarrativeReader) -> list[Reading]:
    """Reads the words around members, without any other identifier that is or may be in them."""
    readings = [
        reading
        for reading in sample_readings(run, members, narratives)
        if reading.before is not None or reading.after is not None
    ]
    ids = (reading.record_id for reading in readings)
    where = pc.field("field") == NARRATIVE
    where &= ~pc.field("entity_id").isin(members) & (pc.field("kind") != EntityKind.SCRIPT)
    spans: defaultdict[RecordKey, list[tuple[int, int]]] = defaultdict(list)
    for mention in _mentions_beside(run, ids, ["start", "end"], where):
        if mention["start"] is not None:
            spans[record_key(mention)].append((mention["start"], mention["end"]))
    return [_without_spans(reading, spans[record_key(reading._asdict())]) for reading in readings]


def _without_spans(reading: Reading, spans: Sequence[tuple[int, int]]) -> Reading:
    before, after = reading.before or "", reading.after or ""
    start, end = reading.start or 0, reading.end or 0
    return reading._replace(
        before=permitted_words(_masked(before, start - len(before), spans)),
        after=permitted_words(_masked(after, end, spans)),
    )


def _masked(words: str, start: int, spans: Sequence[tuple[int, int]]) -> str:
    """Masks the characters of spans in words that begin at `start` of the narrative."""
    letters = list(words)
    for first, last in spans:
        for position in range(max(first - start, 0), min(last - start, len(letters))):
            letters[position] = MASK
    return "".join(letters)


_DIGITS = 76
"""Twice AMOUNT's 38, so that no sum or product is rounded on the way."""


class UnreconciledError(ValueError):
    """Losses of the exhibits that differ from the run's: the package must not be sent."""


Currency = Annotated[str, Check(CURRENCIES.__contains__, "is not an ISO 4217 code")]


def _is_rate(rate: Decimal) -> bool:
    return rate.is_finite() and 0 < rate < 10**9 and len(rate.as_tuple().digits) <= 24


class ExchangeRate(Record, rename={"day": "date", "currency": "from"}):
    """One unit of `currency` in `to`, on a day, as `source` published it."""

    day: date
    currency: Currency
    to: Currency
    rate: Annotated[Decimal, Check(_is_rate, "is not a number above 0")]
    source: Annotated[str, Meta(min_length=1, max_length=200), Check(str.isprintable)]


def exact_sums(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Adds named amounts up by name, exactly; the names are in order."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with localcontext(prec=_DIGITS):
        for name, amount in amounts:
            sums[name] += amount
    return dict(sorted(sums.items()))


def format_amount(amount: Decimal) -> str:
    """Formats an amount with two digits after the point, or as many as it has; never rounded."""
    whole, _, cents = f"{amount:f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def convert(amount: Decimal, rate: ExchangeRate) -> Decimal:
    """Converts an amount to the rate's currency, to the cent, half to even."""
    with localcontext(prec=_DIGITS):
        return (amount * rate.rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def stated_totals(records: CaseRecords) -> dict[str, tuple[Decimal, int]]:
    """Returns amount and number of complaints by currency, from the records one by one."""
    stated = [(currency, amount) for _, currency, amount in records.losses]
    counts = Counter(currency for currency, _ in stated)
    return {currency: (total, counts[currency]) for currency, total in exact_sums(stated).items()}


def check_totals(records: CaseRecords) -> None:
    """Compares the totals of all members of a cluster with its row.

    Raises:
        UnreconciledError: if they differ from clusters/.
    """
    of_clusters = {
        loss["currency"]: (loss["amount"], loss["complaints"])
        for loss in records.facts.row["losses"] or []
    }
    if stated_totals(records) != of_clusters:
        raise UnreconciledError("the losses of the records are not those of the run's clusters/")


def load_exchange_rates(text: str, name: str) -> dict[str, ExchangeRate]:
    """Reads the rates by currency of a CSV file `date,from,to,rate,source`, all to one currency.

    Raises:
        RecordError: naming the file, the row and the field.
    """
    rates: dict[str, ExchangeRate] = {}
    for place, rate in csv_records(ExchangeRate, text, name):
        if rate.currency in rates:
            raise RecordError(
                f"{place}, from: {rate.currency} has a rate already; give one rate each"
            )
        rates[rate.currency] = rate
    if len({rate.to for rate in rates.values()}) > 1:
        raise RecordError(f"{name}: the rates are to several currencies; convert to one")
    return rates
