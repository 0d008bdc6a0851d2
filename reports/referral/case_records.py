"""The records of a run that a referral of one cluster is made from, numbered, and their losses.

Records are the complaints and calls that name a member. A victim's id and narrative are counted
here and do not go further, but for masked words around a member, by request; of a record's country
nothing but sums does. Losses are exact in each currency, and converted by dated rates with a source
alone. Long, since sums of records and counts of whom they name must come from the same records.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from operator import attrgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import ClusterFacts, gather_facts
from reports.disclosure_control import keep_members, redact_fact_reasons, suppressed_shown
from reports.link_evidence import RecordKey, record_key
from reports.member_mentions import NARRATIVE, RECORD, Reading, sample_readings
from reports.tables import NarrativeReader, RunFolder
from schemas.enums import CURRENCIES, EntityKind, RecordKind, Status
from schemas.joint import OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.tables import CALLS, CLUSTERS, COMPLAINTS, ENTITIES, MENTIONS
from transforms.extract.impersonation import BRAND, LURE
from transforms.extract.kinds.url import Click
from transforms.masks import MASK
from transforms.reporters import people_counted

Row = dict[str, Any]


class UnknownClusterError(ValueError):
    """The run has no such cluster."""


@dataclass(frozen=True)
class StatedPayment:
    """Statements on a payment besides payee and amount; no table of a run has them.

    `paid_at` is as it is written, a time or a day.
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
    same id, which the run counted as duplicates. `clicks` are in the links of the row alone, and
    `payments` are what it states of each of its payments: no table of a run has them.
    """

    file: str
    sha256: str
    position: int
    copies: int
    clicks: tuple[Click, ...] = ()
    payments: tuple[StatedPayment, ...] = ()


@dataclass(frozen=True)
class CaseRecord:
    """One complaint or call that names a member. `number` is its row in Exhibit 1.

    `victim` numbers the people of the case, None where it is not known who it was. `stories` are
    the lures that its words tell of, `brands` whom callers posed as. `people` are those whom a
    record of an offer counts, or one.
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
    """A cluster with its records, the mentions of its members, and counts of its victims.

    `by_key` is in the order of the records' numbers, `keys_of` is by member. `victims` counts by
    country, `losses` sums by country and currency, both of the run's own records alone. Of a joint
    run, `offered` holds the rows of offered_clusters/ for this cluster, and `union_links` has
    the ends of links that only the union of the contributors reveals.
    """

    facts: ClusterFacts
    manifest: Manifest
    moment: datetime
    by_key: dict[RecordKey, CaseRecord]
    keys_of: dict[str, set[RecordKey]]
    mentions: list[Row]
    victims: dict[str | None, int]
    losses: dict[str, dict[str, Decimal]]
    offered: list[Row]
    union_links: list[frozenset[str]]

    @property
    def member_ids(self) -> list[str]:
        """Entity ids of the members."""
        return [member["entity_id"] for member in self.facts.members]

    @property
    def in_order(self) -> list[CaseRecord]:
        """Records by number."""
        return list(self.by_key.values())

    def of_mention(self, mention: Row) -> CaseRecord:
        """Returns the record that a row of mentions/ was read in."""
        return self.by_key[record_key(mention)]

    def first_record(self, entity_id: str) -> CaseRecord:
        """Returns the earliest record that names a member."""
        return min((self.by_key[key] for key in self.keys_of[entity_id]), key=attrgetter("number"))


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
    observed_at = {record_key(mention): mention["observed_at"] for mention in mentions}
    counted = {record_key(mention): mention["people"] for mention in mentions}
    ordered = [key for _, key in sorted((moment, key) for key, moment in observed_at.items())]
    complaints = _rows(run, COMPLAINTS, "complaint_id", [k for k in ordered if k[0] != "call"])
    calls = _rows(run, CALLS, "call_id", [k for k in ordered if k[0] == "call"])
    # What an offer counts has no record here: nothing more is known of it.
    nothing: Row = {}
    rows = dict.fromkeys(ordered, nothing) | complaints | calls
    members = {member["entity_id"] for member in facts.members}
    people = _numbered_people(rows)
    keys_of: dict[str, set[RecordKey]] = defaultdict(set)
    for mention in mentions:
        keys_of[mention["entity_id"]].add(record_key(mention))
    by_key = {
        key: CaseRecord(
            number=number,
            key=key,
            observed_at=observed_at[key],
            source=sources[key],
            loss=rows[key].get("loss_amount"),
            currency=rows[key].get("loss_currency"),
            payments=_payments(key, rows[key], mentions, members, sources[key].payments),
            victim=people.get(key),
            country=rows[key].get("victim_country"),
            channel=rows[key].get("channel"),
            stories=_stated(rows[key], LURE),
            brands=_stated(rows[key], BRAND),
            people=counted[key],
        )
        for number, key in enumerate(ordered, 1)
    }
    return CaseRecords(
        facts=facts,
        manifest=manifest,
        moment=moment,
        by_key=by_key,
        keys_of=dict(keys_of),
        mentions=mentions,
        victims=_victims_by_country(by_key.values()),
        losses=_losses_by_country(by_key.values()),
        offered=_offered(run, manifest, cluster_id),
        union_links=_union_links(run, manifest, cluster_id),
    )


def _facts(run: RunFolder, cluster_id: str) -> ClusterFacts:
    return redact_fact_reasons(gather_facts(run, [cluster_id])[0])


def _member_mentions(run: RunFolder, facts: ClusterFacts) -> list[Row]:
    """Returns the rows of mentions/ of the members, by the table's key, with their `people`."""
    ids = pa.array(sorted(member["entity_id"] for member in facts.members), pa.string())
    mentions = tables.read_table(run, MENTIONS, where=pc.field("entity_id").isin(ids))
    return mentions.append_column("people", people_counted(mentions)).to_pylist()


def _rows(run: RunFolder, table: Any, id_field: str, keys: list[RecordKey]) -> dict[RecordKey, Row]:
    ids = pa.array(sorted({record for _, _, record in keys}), pa.string())
    by_id = {(org, record): (kind, org, record) for kind, org, record in keys}
    rows = tables.read_table(run, table, where=pc.field(id_field).isin(ids)).to_pylist()
    return {by_id[key]: row for row in rows if (key := (row["source_org"], row[id_field])) in by_id}


def _stated(row: Row, kind: str) -> tuple[str, ...]:
    """Returns the lures or brands that a complaint tells of, each once."""
    claims = row.get("impersonation") or []
    return tuple(sorted({claim["name"] for claim in claims if claim["what"] == kind}))


def _payments(
    key: RecordKey,
    row: Row,
    mentions: list[Row],
    members: set[str],
    stated: Sequence[StatedPayment],
) -> list[Row]:
    """Returns the payments of a complaint to members; the payee is the member, not the text."""
    listed = row.get("payments") or []
    paid = []
    for mention in mentions:
        field = mention["field"] or ""
        if (
            record_key(mention) != key
            or not field.startswith("payments[")
            or mention["entity_id"] not in members
        ):
            continue
        position = int(field.removeprefix("payments[").partition("]")[0])
        if position < len(listed):
            besides = stated[position] if position < len(stated) else StatedPayment()
            paid.append(listed[position] | {"payee": mention["entity_id"], "stated": besides})
    return paid


def time_paid(record: CaseRecord, payment: Row) -> tuple[str, datetime] | None:
    """Returns when a payment was made as its complaint states it, and the last moment of that.

    None where it states no time, or one that is later than the complaint.
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

    It is that of the beneficiary or of the bank (`name_field` of StatedPayment): free text, where
    one liar could put a person.
    """
    people: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in records:
        for payment in record.payments:
            name = folded_name(getattr(payment["stated"], name_field))
            if name and record.victim is not None:
                people[payment["payee"], name].add(record.victim)
    return {key for key, victims in people.items() if len(victims) > 1}


def folded_name(name: str | None) -> str:
    """Returns the words of a name in an order that is no matter, without case and signs."""
    return " ".join(sorted(re.findall(r"\w+", (name or "").casefold())))


def _numbered_people(rows: Mapping[RecordKey, Row]) -> dict[RecordKey, int]:
    """Numbers the victims of records, from 1; those without an id are none, as in clusters/."""
    numbers: dict[tuple[str, str], int] = {}
    return {
        key: numbers.setdefault((key[1], row["victim_id"]), len(numbers) + 1)
        for key, row in rows.items()
        if row.get("victim_id")
    }


def _victims_by_country(records: Iterable[CaseRecord]) -> dict[str | None, int]:
    """Counts distinct victims by country, None where it is not known."""
    victims: dict[str | None, set[int]] = defaultdict(set)
    for record in records:
        if record.victim is not None:
            victims[record.country].add(record.victim)
    return {country: len(pseudonyms) for country, pseudonyms in victims.items()}


def _losses_by_country(records: Iterable[CaseRecord]) -> dict[str, dict[str, Decimal]]:
    """Adds up losses by country and currency, exactly."""
    losses: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for record in records:
        if record.loss is not None and record.currency is not None:
            amounts = losses[record.country or "unknown"]
            amounts[record.currency] = amounts.get(record.currency, Decimal(0)) + record.loss
    return dict(sorted(losses.items()))


def keep_case_members(records: CaseRecords, kept: Collection[str]) -> CaseRecords:
    """Returns a case of the members in `kept` alone: the records that name one, and their sums.

    Other members are counted (`ClusterFacts.left_out`).
    """
    keys_of = {entity_id: keys for entity_id, keys in records.keys_of.items() if entity_id in kept}
    kept_ids = frozenset(kept)
    named = {key for keys in keys_of.values() for key in keys}
    kept_records = [record for key, record in records.by_key.items() if key in named]
    by_key = {
        record.key: replace(
            record,
            number=number,
            payments=[paid for paid in record.payments if paid["payee"] in kept],
        )
        for number, record in enumerate(kept_records, 1)
    }
    return replace(
        records,
        facts=_with_own_counts(keep_members(records.facts, kept), records, by_key),
        by_key=by_key,
        keys_of=keys_of,
        mentions=[mention for mention in records.mentions if mention["entity_id"] in kept],
        victims=_victims_by_country(by_key.values()),
        losses=_losses_by_country(by_key.values()),
        union_links=[ends for ends in records.union_links if ends <= kept_ids],
    )


def _with_own_counts(
    facts: ClusterFacts, records: CaseRecords, by_key: Mapping[RecordKey, CaseRecord]
) -> ClusterFacts:
    """Returns a cluster whose row counts these records, and the members that are left."""
    kinds: Counter[str] = Counter()
    for record in by_key.values():
        kinds[record.key[0]] += record.people
    # People whom an offer counts have no pseudonyms: each counts as another person.
    senders = {offer["contributor"] for offer in records.offered}
    people = {record.victim for record in by_key.values()} - {None}
    offered = sum(record.people for record in by_key.values() if record.key[1] in senders)
    members = facts.members
    posed_as = {brand for record in by_key.values() for brand in record.brands}
    row = facts.row | {
        "complaints": kinds[RecordKind.COMPLAINT],
        "calls": kinds[RecordKind.CALL],
        "victims": len(people) + offered,
        "orgs": sorted({org for member in members for org in member["orgs"]}),
        "brands": [brand for brand in facts.row["brands"] if brand in posed_as],
    }
    if members:
        row["first_seen"] = min(member["first_seen"] for member in members)
        row["last_seen"] = max(member["last_seen"] for member in members)
    return replace(facts, row=row)


def _offered(run: RunFolder, manifest: Manifest, cluster_id: str) -> list[Row]:
    """Returns the rows of offered_clusters/ that a joint cluster has members of."""
    if not manifest["options"].get("offers"):
        return []
    rows = tables.read_table(run, OFFERED_CLUSTERS).to_pylist()
    return [row for row in rows if cluster_id in row["cluster_ids"]]


def _union_links(run: RunFolder, manifest: Manifest, cluster_id: str) -> list[frozenset[str]]:
    if not manifest["options"].get("offers"):
        return []
    here = (pc.field("cluster_id") == cluster_id) & (pc.field("kind") == "link")
    rows = tables.read_table(run, UNION_LINKS, ["entity_a", "entity_b"], here).to_pylist()
    return [frozenset((row["entity_a"], row["entity_b"])) for row in rows]


@dataclass(frozen=True)
class NotAccused:
    """Identifiers that the cluster's records name and the package does not accuse, by status.

    `suppressed` are identifiers of the known-legitimate lists, with their reason; `others` counts
    hubs and those that a decision names. `caller_ids` counts numbers that are only a caller id. The
    package names neither.
    """

    suppressed: list[Row]
    others: int
    caller_ids: int


def find_not_accused(run: RunFolder, records: CaseRecords) -> NotAccused:
    """Returns what the records of a case name and the package does not accuse."""
    ids = pa.array(sorted({record for _, _, record in records.by_key}), pa.string())
    members = set(records.member_ids)
    columns = ["entity_id", *RECORD]
    named: Counter[str] = Counter()
    for batch in tables.table_batches(run, MENTIONS, columns, pc.field("record_id").isin(ids)):
        for mention in batch.to_pylist():
            if record_key(mention) in records.by_key and mention["entity_id"] not in members:
                named[mention["entity_id"]] += 1
    ids = pa.array(sorted(named), pa.string())
    rows = tables.read_table(run, ENTITIES, where=pc.field("entity_id").isin(ids))
    shown = suppressed_shown(rows, redact=True).to_pylist()
    listed = [row | {"named": named[row["entity_id"]]} for row in shown]
    others = suppressed_shown(rows, redact=False).num_rows - len(listed)
    forgeable = pc.field("status") == Status.UNCORROBORATED
    phones = rows.filter(forgeable & (pc.field("kind") == EntityKind.PHONE)).num_rows
    return NotAccused(sorted(listed, key=_most_named), others, phones)


def find_supplier_records(
    run: RunFolder, records: CaseRecords
) -> tuple[dict[str, int], dict[str, CaseRecord]]:
    """Counts the people whose records name a supplier, and finds the earliest such record.

    A record of an offer is a person. A call that shows another number belongs to a complaint of the
    case without naming a member: so the people of a supplier's link to a member count, too.
    """
    ids = pa.array(sorted({record for _, _, record in records.by_key}), pa.string())
    suppliers = pa.array(
        sorted(supplier["entity_id"] for supplier in records.facts.suppliers), pa.string()
    )
    where = pc.field("record_id").isin(ids) & pc.field("entity_id").isin(suppliers)
    senders = {offer["contributor"] for offer in records.offered}
    people: dict[str, set[object]] = defaultdict(set)
    first: dict[str, CaseRecord] = {}
    for batch in tables.table_batches(run, MENTIONS, ["entity_id", *RECORD], where):
        for mention in batch.to_pylist():
            record = records.by_key.get(record_key(mention))
            if record is None:
                continue
            earlier = first.setdefault(mention["entity_id"], record)
            if record.number < earlier.number:
                first[mention["entity_id"]] = record
            who: object = record.key if record.key[1] in senders else record.victim
            if who is not None:
                people[mention["entity_id"]].add(who)
    counts = {entity_id: len(victims) for entity_id, victims in people.items()}
    for link in records.facts.soft:
        counts[link["there"]] = max(counts.get(link["there"], 0), link["reporters"])
    return counts, first


def _most_named(row: Row) -> tuple[int, str]:
    return -row["named"], row["entity_id"]


_PERHAPS_PRIVATE = re.compile(
    r"\S*\s?@\s?\S*(?:\s?\.\s?\w+)*"
    r"|\S+\s+(?:at|ät|arroba|arobase|chiocciola|apenstaartje)\s+\S+"
    r"(?:\s+(?:dot|punto|punkt|point|ponto|punt)\s+\S+)+"
    r"|\S*(?:\d|&#|&\w+;|%[0-9A-Fa-f]{2})\S*",
    re.IGNORECASE,
)
"""An address, as signs or words have it, or a word with a digit or an escape."""

_AMOUNT = re.compile(r"\(?[$€£₹]\d{1,3}(?:[.,]?\d{3}){0,2}(?:[.,]\d{1,2})?[).,;:!?]*")


def permitted_words(text: str) -> str:
    """Masks all in the words of a narrative that may be a number or an address, but amounts.

    So nothing rests on a mask that knew what it looked for. The identifier that the words are
    about is not among them.
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
    ids = pa.array(sorted({reading.record_id for reading in readings}), pa.string())
    where = pc.field("record_id").isin(ids) & (pc.field("field") == NARRATIVE)
    where &= ~pc.field("entity_id").isin(members) & (pc.field("kind") != EntityKind.SCRIPT)
    spans: dict[RecordKey, list[tuple[int, int]]] = defaultdict(list)
    for batch in tables.table_batches(run, MENTIONS, [*RECORD, "start", "end"], where):
        for mention in batch.to_pylist():
            if mention["start"] is not None:
                spans[record_key(mention)].append((mention["start"], mention["end"]))
    return [
        _without_spans(reading, spans[reading.record_kind, reading.source_org, reading.record_id])
        for reading in readings
    ]


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


RATE_COLUMNS = ("date", "from", "to", "rate", "source")

_DIGITS = 76
"""Twice AMOUNT's 38, so that no sum or product is rounded on the way."""


class ExchangeRatesError(ValueError):
    """A rates file that cannot be used; the message is one line for its author."""


class UnreconciledError(ValueError):
    """Losses of the exhibits that are not those of the run: nothing may be sent."""


@dataclass(frozen=True)
class ExchangeRate:
    """One unit of a currency in `to`, on a day, as `source` published it."""

    day: date
    to: str
    rate: Decimal
    source: str


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Adds amounts up, exactly."""
    with localcontext(prec=_DIGITS):
        return sum(amounts, Decimal(0))


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
    stated: dict[str, list[Decimal]] = {}
    for record in records.in_order:
        if record.loss is not None and record.currency:
            stated.setdefault(record.currency, []).append(record.loss)
    return {
        currency: (exact_sum(amounts), len(amounts)) for currency, amounts in sorted(stated.items())
    }


def reconciled_totals(records: CaseRecords) -> dict[str, tuple[Decimal, int]]:
    """Returns what `stated_totals` does, of all members of a cluster.

    Raises:
        UnreconciledError: if they are not what clusters/ says, or what countries add up to.
    """
    totals = stated_totals(records)
    of_clusters = {
        loss["currency"]: (loss["amount"], loss["complaints"])
        for loss in records.facts.row["losses"] or []
    }
    by_country = {
        currency: exact_sum(
            amounts.get(currency, Decimal(0)) for amounts in records.losses.values()
        )
        for currency in totals
    }
    if totals != of_clusters or by_country != {
        currency: amount for currency, (amount, _) in totals.items()
    }:
        raise UnreconciledError("the losses of the records are not those of the run's clusters/")
    return totals


def load_exchange_rates(text: str, name: str) -> dict[str, ExchangeRate]:
    """Reads the rates by currency of a CSV file `date,from,to,rate,source`, all to one currency.

    Raises:
        ExchangeRatesError: naming the file, the row and the field.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    if tuple(reader.fieldnames or ()) != RATE_COLUMNS:
        raise ExchangeRatesError(f"{name}: the first line must be {','.join(RATE_COLUMNS)}")
    rates: dict[str, ExchangeRate] = {}
    try:
        for row in reader:
            place = f"{name}, row {reader.line_num}"
            currency, rate = _exchange_rate(row, place)
            if currency in rates:
                raise ExchangeRatesError(
                    f"{place}, from: {currency} has a rate already; give one rate each"
                )
            rates[currency] = rate
    except csv.Error as error:
        raise ExchangeRatesError(f"{name}, row {reader.line_num}: {error}") from None
    if len({rate.to for rate in rates.values()}) > 1:
        raise ExchangeRatesError(f"{name}: the rates are to several currencies; convert to one")
    return rates


def _exchange_rate(row: Mapping[str, str | None], place: str) -> tuple[str, ExchangeRate]:
    if None in row or None in row.values():
        raise ExchangeRatesError(f"{place}: has another number of cells than the header")
    cells = {key: (value or "").strip() for key, value in row.items()}
    for end in ("from", "to"):
        if cells[end] not in CURRENCIES:
            raise ExchangeRatesError(f"{place}, {end}: {cells[end][:12]!r} is not an ISO 4217 code")
    try:
        day = date.fromisoformat(cells["date"])
    except ValueError:
        raise ExchangeRatesError(
            f"{place}, date: {cells['date'][:24]!r} is not YYYY-MM-DD"
        ) from None
    try:
        rate = Decimal(cells["rate"])
    except InvalidOperation:
        rate = Decimal(0)
    if not (rate.is_finite() and 0 < rate < 10**9 and len(cells["rate"]) <= 24):
        raise ExchangeRatesError(f"{place}, rate: {cells['rate'][:24]!r} is not a number above 0")
    if not cells["source"] or len(cells["source"]) > 200 or not cells["source"].isprintable():
        raise ExchangeRatesError(f"{place}, source: say who published it, in one line")
    return cells["from"], ExchangeRate(day, cells["to"], rate, cells["source"])
