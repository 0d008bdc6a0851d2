"""The exhibits of a case: numbered tables that explain each column and give each row's source.

The cluster for machines, as GraphML, is here as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter

import pyarrow as pa

from reports.cluster_data import Row
from reports.disclosure_control import SUPPLIER_PEOPLE
from reports.evidence_number import link_thing, record_thing
from reports.export import tabular
from reports.export.graph_tables import ClusterExport, flat_value, graphml_document
from reports.member_mentions import Reading
from reports.referral.case import Case
from reports.referral.case_records import CaseRecord, StatedPayment, format_amount
from reports.referral.language import format_utc
from schemas.enums import PaymentStatus
from transforms.decode.readings import may_hold_contact
from transforms.extract.sensitive_text import mask_papers
from transforms.values import is_phone_number

Column = tuple[str, str, str]
"""Name, type, meaning."""

Event = tuple[datetime, str, str, CaseRecord]

ExhibitRow = tuple[str, CaseRecord, tuple[object, ...]]
"""A row: the thing it is about, its source, and its cells without those of `SOURCE_COLUMNS`."""

_MEMBER = ("identifier", "entity id", "The member.")

SOURCE_COLUMNS = (
    ("record", "row of Exhibit 1", "The source record; of several, the earliest."),
    ("file", "file name", "Input file that holds that record, as the run named it."),
    ("file_sha256", "SHA-256", "Digest of that file."),
    (
        "position",
        "number",
        "1-based line of text, row of Parquet, or place in an offer's evidence.",
    ),
)
"""Columns by which every row points to its source."""

ROW_COLUMNS = (
    ("row", "number", "Number of the row, as cited."),
    (
        "evidence_number",
        "RT-XXXX-XXXX-XX",
        "Of the identifier, record or link of the row: the same in every package of its issuer.",
    ),
)
"""Columns that name every row."""


PAYMENT_METHODS = frozenset(
    """ach apple_pay bank bank_transfer bitcoin btc card cash cash_app cashapp check cheque credit
    credit_card crypto cryptocurrency debit_card eth ethereum gift_card giftcard google_pay iban
    imps mail money_order moneygram neft paypal remitly rtgs sepa upi usdt venmo western_union wire
    wire_transfer wise zelle""".split()
)
"""Words for payment methods that a package repeats; other words are free text."""


_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{3,39}")

_CODE = re.compile(r"(?=.*\d)(?!.*[A-Za-z]{6})[A-Za-z0-9]+")
"""A word of a reference with a digit, and with no more letters in a row than a bank's code."""

LONGEST_NAME = 120
"""Letters of a beneficiary's or a bank's name."""


@dataclass(frozen=True)
class Exhibit:
    """A table: `slug` names its file, `columns` and `rows` are as written."""

    number: int
    slug: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]

    @property
    def path(self) -> str:
        """Its file within the package."""
        return f"data/exhibits/{self.number:02d}-{self.slug}.csv"


def make_exhibits(case: Case) -> list[Exhibit]:
    """Returns all exhibits of a case, in order."""
    makers = [
        _records,
        _identifiers,
        _mentions,
        _accepted_links,
        _losses,
        _payments,
        _rejected_links,
        _suppliers,
        _chronology,
        _retention_clocks,
    ]
    return [make(case) for make in (*makers, *([_excerpts] if case.excerpts else []))]


def _exhibit(
    case: Case,
    number: int,
    slug: str,
    columns: tuple[Column, ...],
    rows: Iterable[ExhibitRow],
    more: str = "",
    **values: object,
) -> Exhibit:
    """Returns an exhibit with its title and `about` in the recipient's language."""
    title, about = (case.say(f"exhibits.{slug}.{part}", **values) for part in ("title", "about"))
    whole = (*ROW_COLUMNS, *columns, *SOURCE_COLUMNS)
    cells = [
        (
            *(place, case.number_of(referent)),
            *row,
            *(record.number, record.source.file, record.source.sha256, record.source.position),
        )
        for place, (referent, record, row) in enumerate(rows, 1)
    ]
    return Exhibit(number, slug, title, about + more, whole, cells)


def _cells(columns: tuple[Column, ...], row: Row) -> tuple[object, ...]:
    """Returns the columns of a row, texts of a list joined."""
    return tuple(flat_value(row[name]) for name, _, _ in columns)


def exhibit_csv(exhibit: Exhibit) -> bytes:
    """Writes an exhibit as CSV; texts that a spreadsheet would run start with an apostrophe."""
    return tabular.csv_bytes([name for name, _, _ in exhibit.columns], exhibit.rows)


def data_dictionary(case: Case, made: Sequence[Exhibit]) -> bytes:
    """Writes the meaning of every column of every exhibit as CSV."""
    say, translate = case.say, case.language.translate
    rows = [
        (
            say("general.exhibit", number=exhibit.number),
            exhibit.path.removeprefix("data/"),
            name,
            translate(kind),
            translate(meaning),
        )
        for exhibit in made
        for name, kind, meaning in exhibit.columns
    ]
    return tabular.csv_bytes(("exhibit", "file", "column", "type", "meaning"), rows)


def _records(case: Case) -> Exhibit:
    """Returns Exhibit 1."""
    columns = (
        ("kind", "complaint or call", "What the record is."),
        ("organisation", "slug", "Who received it, and answers for it."),
        ("record_id", "text", "The organisation's own reference, by which it finds the record."),
        ("observed_at", "UTC time", "When the organisation received it, or the call started."),
        ("copies", "number", "Other rows with the same reference, not counted again."),
    )
    records = case.records.in_order
    rows = (
        (
            record_thing(*record.key),
            record,
            (*record.key, format_utc(record.observed_at), record.source.copies),
        )
        for record in records
    )
    offered = any(record.key[1] in case.senders for record in records)
    more = case.say("exhibits.records.offered") if offered else ""
    return _exhibit(case, 1, "records", columns, rows, more)


def _identifiers(case: Case) -> Exhibit:
    """Returns Exhibit 2."""
    columns = (
        (
            "identifier",
            "entity id",
            "kind:value, such as phone:+18885550123; #2 at its end: after a long silence.",
        ),
        ("role", "word", "Its most frequent role in the records."),
        ("confidence", "0 to 1", "ringtrace's score that it belongs to the cluster."),
        ("likelihood", "estimative word", "The score in the words of the referral's scale."),
        ("reporters", "number", "Distinct people who report that a scammer used it."),
        ("robustness", "number", "People on whom its place in the cluster rests, at least."),
        ("tier", "word", "core: two people or more, independently; verify: named by override."),
        ("review", "word", "Whether an analyst reviewed it."),
        ("complaints", "number", "Complaints that name it."),
        ("calls", "number", "Calls that name it."),
        ("victims", "number", "Distinct victims among them."),
        ("organisations", "slugs", "Who saw it."),
        ("first_seen", "UTC time", "Earliest record."),
        ("last_seen", "UTC time", "Latest record."),
        ("region", "ISO 3166-1", "Region of a phone number, by the number plan."),
        ("line_type", "word", "Line type of a phone number, by the number plan."),
        (
            "also_caller_id",
            "number",
            "Readings in which it is a caller id or a sender that can be forged.",
        ),
        ("reason", "text", "What the records report that makes it infrastructure."),
    )
    rows = (
        (
            member["entity_id"],
            case.records.naming(member["entity_id"])[0],
            _cells(
                columns,
                member
                | {
                    "identifier": member["entity_id"],
                    "confidence": round(member["confidence"], 3),
                    "likelihood": case.reference.likelihood_wording(member["confidence"]),
                    "organisations": member["orgs"],
                    "also_caller_id": case.facts.roles[member["entity_id"]]["caller_id"],
                },
            ),
        )
        for member in case.facts.members
    )
    return _exhibit(case, 2, "identifiers", columns, rows, n=case.facts.left_out)


def _mentions(case: Case) -> Exhibit:
    """Returns Exhibit 3."""
    columns = (
        ("identifier", "entity id", "A member."),
        ("role", "word", "The part it plays in this record."),
        ("observed_at", "UTC time", "When the record saw it."),
        (
            "field",
            "field name",
            "Field of the record in which it was read; offer: an offer counts it; "
            "offer.called: and its sender has a call record of it.",
        ),
        ("start", "number", "First character of it there, in code points from 0."),
        ("end", "number", "Character after the last one."),
        ("reading_confidence", "0 to 1", "That it was read rightly."),
        (
            "also_read_as",
            "E.164",
            "A less plausible reading of the same text; not named where it is no member.",
        ),
    )
    rows = (
        (
            mention["entity_id"],
            case.records.of_mention(mention),
            _cells(
                columns,
                mention
                | {
                    "identifier": mention["entity_id"],
                    "reading_confidence": round(mention["confidence"], 3),
                    # A number outside the case is not named.
                    "also_read_as": reading
                    if reading is None or f"phone:{reading}" in case.number
                    else "another number",
                },
            ),
        )
        for mention in case.records.mentions
        for reading in [mention["also_read_as"]]
    )
    return _exhibit(case, 3, "sightings", columns, rows)


_LINK_COLUMNS = (
    ("identifier_a", "entity id", "One end."),
    ("identifier_b", "entity id", "The other end; only its kind where it is of another cluster."),
    ("complaints", "number", "Complaints that with their calls name both."),
    ("calls", "number", "Calls of these, and calls that name both."),
    ("victims", "number", "Distinct victims among them."),
    ("reporters", "number", "Distinct people who report both together."),
    ("organisations", "slugs", "Who saw both."),
    ("first_seen", "UTC time", "Earliest record that names both."),
    ("last_seen", "UTC time", "Latest record that names both."),
    ("weight", "records' worth", "Evidence as docs/evidence.md weighs it."),
    ("reason", "text", "Why it was accepted or not."),
)


def _accepted_links(case: Case) -> Exhibit:
    """Returns Exhibit 4."""
    rows = [
        _link_row(case, link, link_thing(link["entity_a"], link["entity_b"]))
        for link in case.facts.accepted
    ]
    return _exhibit(case, 4, "links", _LINK_COLUMNS, rows)


def _link_row(case: Case, link: Row, referent: str) -> ExhibitRow:
    row = link | {
        "identifier_a": link["entity_a"],
        "identifier_b": link["entity_b"],
        "organisations": link["orgs"],
        "weight": round(link["weight"], 6),
    }
    return referent, _earliest(case, link), _cells(_LINK_COLUMNS, row)


def _earliest(case: Case, link: Row) -> CaseRecord:
    """Returns the earliest record that names both ends, or that the run names as evidence.

    Evidence can be a complaint that names one end and its call that names the other
    (`links.record_ids` is then `org|complaint_id`).
    """
    a, b = (case.records.keys_of.get(link[end], set()) for end in ("entity_a", "entity_b"))
    keys = a & b
    if not keys:
        named = {record_id.partition("|")[0::2] for record_id in link["record_ids"]}
        keys = {key for key in a | b if key[1:] in named or (key[1], f"call|{key[2]}") in named}
    records = (case.records.by_key[key] for key in keys or a | b)
    return min(records, key=attrgetter("number"))


def _losses(case: Case) -> Exhibit:
    """Returns Exhibit 5."""
    columns = (
        ("amount", "decimal", "What the complaint states as lost in all, exact."),
        ("currency", "ISO 4217", "Its currency."),
    )
    rows = (
        (record_thing(*record.key), record, (format_amount(amount), currency))
        for record, currency, amount in case.records.losses
    )
    return _exhibit(case, 5, "losses", columns, rows)


def _payments(case: Case) -> Exhibit:
    """Returns Exhibit 6."""
    columns = (
        ("payee", "entity id", "The member that was paid, or was to be paid."),
        ("method", "word", "How, as the complaint says; other for words that are not on our list."),
        ("amount", "decimal", "Exact amount."),
        ("currency", "ISO 4217 or ticker", "Its currency."),
    )
    rows = (
        (
            paid["payee"],
            record,
            (
                paid["payee"],
                listed_word(paid["method"], PAYMENT_METHODS),
                None if paid["amount"] is None else format_amount(paid["amount"]),
                currency_word(paid["currency"]),
            ),
        )
        for record in case.records.in_order
        for paid in record.payments
    )
    return _exhibit(case, 6, "payments", columns, rows)


def listed_word(said: str | None, known: frozenset[str]) -> str | None:
    """Returns a complaint's word if it is in `known`: free text can name anybody."""
    word = re.sub(r"[\W_]+", "_", (said or "").strip().lower())
    return None if not word else word if word in known else "other"


def currency_word(said: str | None) -> str | None:
    """Returns a complaint's word if it has the form of a currency code, else "other"."""
    return None if not said else said if re.fullmatch(r"[A-Za-z]{2,6}", said) else "other"


def stated_payment(payment: Mapping[str, str | None], country: str | None) -> StatedPayment:
    """Returns the statements on a payment that may be shown: no person's number or address."""
    status = (payment.get("status") or "").strip().lower()
    reference = (payment.get("reference") or "").strip()
    may_be_a_persons = any(
        is_phone_number(text, region)
        for text, region in ((reference, country), (f"+{reference}", None))
    )
    papers = mask_papers(pa.array([reference]), pa.array([reference]))[0].as_py() != reference
    return StatedPayment(
        paid_at=(payment.get("paid_at") or "").strip() or None,
        reference=_codes_alone(reference)
        if _REFERENCE.fullmatch(reference) and not may_be_a_persons and not papers
        else None,
        beneficiary_name=_shown_name(payment.get("beneficiary_name")),
        beneficiary_bank=_shown_name(payment.get("beneficiary_bank")),
        status=status if status in tuple(PaymentStatus) else None,
    )


def _codes_alone(reference: str) -> str | None:
    """Returns a reference with `…` for words that are no codes: payers write names there."""
    parts = re.split(r"([ ./-]+)", reference)
    shown = [part if _CODE.fullmatch(part) or not part[:1].isalnum() else "…" for part in parts]
    return "".join(shown) if any(map(_CODE.fullmatch, parts)) else None


def _shown_name(text: str | None) -> str | None:
    name = " ".join((text or "").split())
    shown = name.isprintable() and 1 < len(name) <= LONGEST_NAME and not may_hold_contact(name)
    return name if shown else None


def _rejected_links(case: Case) -> Exhibit:
    """Returns Exhibit 7."""
    # The evidence number is the member's: a number of the link would let readers guess its end.
    rows = [_link_row(case, link, link["here"]) for link in case.facts.near]
    return _exhibit(case, 7, "links-not-accepted", _LINK_COLUMNS, rows)


def _suppliers(case: Case) -> Exhibit:
    """Returns Exhibit 8."""
    columns = (
        ("supplier", "entity id", "A trunk, origination id, carrier, script or address."),
        ("records", "number", "Records of this cluster that name it."),
        ("clusters", "number", "Clusters of the run that it serves: it has other customers."),
    )
    links = {link["there"]: link for link in reversed(case.facts.soft)}
    rows: list[ExhibitRow] = []
    for supplier in case.facts.suppliers:
        entity_id = supplier["entity_id"]
        if case.supplier_people.get(entity_id, 0) >= SUPPLIER_PEOPLE:
            link = links.get(entity_id)
            linked = _earliest(case, link) if link else case.records.in_order[0]
            record = case.supplier_first.get(entity_id, linked)
            rows.append((entity_id, record, (entity_id, supplier["records"], supplier["clusters"])))
    left = len(case.facts.suppliers) - len(rows)
    more = case.say_any("exhibits.suppliers.left_out", n=left)
    return _exhibit(case, 8, "suppliers", columns, rows, more)


def _chronology(case: Case) -> Exhibit:
    """Returns Exhibit 9."""
    columns = (("time", "UTC time", "When."), ("event", "text", "What the records show."), _MEMBER)
    rows = (
        (entity_id, record, (format_utc(when), event, entity_id))
        for when, event, entity_id, record in sorted(_events(case), key=itemgetter(0, 1, 2))
    )
    return _exhibit(case, 9, "chronology", columns, rows)


def _events(case: Case) -> Iterator[Event]:
    for member in case.facts.members:
        entity_id = member["entity_id"]
        records = case.records.naming(entity_id)
        yield member["first_seen"], "first seen", entity_id, records[0]
        yield member["last_seen"], "last seen", entity_id, records[-1]
    for turn in case.handovers:
        event = f"takes over from {turn.before}, last seen {format_utc(turn.last_seen)}"
        yield turn.first_seen, event, turn.after, case.records.naming(turn.after)[0]


def _retention_clocks(case: Case) -> Exhibit:
    """Returns Exhibit 10."""
    columns = (
        _MEMBER,
        ("provider", "text", "Who keeps the records, as far as can be told."),
        ("found_by", "text", "How that is known."),
        ("rule", "text", "What sets the period. A draft, never advice."),
        ("rule_source", "address", "Public source of the rule."),
        ("rule_date", "day", "When it was written down from there."),
        ("first_record_until", "day", "When the record of its first day may be gone."),
        ("last_record_until", "day", "When the record of its last day may be gone."),
    )
    rows: list[ExhibitRow] = []
    for group in case.groups:
        clock = (group.clock[name] for name in ("rule", "source", "date"))
        of_group = (group.provider.name, group.provider.found_by, *clock)
        for retained in group.members:
            entity_id = retained.member["entity_id"]
            ends = map(case.end_of_clock, (retained.first_until, retained.last_until))
            record = case.records.naming(entity_id)[0]
            rows.append((entity_id, record, (entity_id, *of_group, *ends)))
    return _exhibit(case, 10, "retention", columns, rows)


def _excerpts(case: Case) -> Exhibit:
    """Returns Exhibit 11."""
    columns = (
        _MEMBER,
        (
            "excerpt",
            "text",
            "Words around it in the narrative; other numbers and addresses are masked.",
        ),
    )
    rows = (
        (
            reading.entity_id,
            case.records.of_mention(reading._asdict()),
            (reading.entity_id, quoted(reading)),
        )
        for reading in case.excerpts
    )
    return _exhibit(case, 11, "excerpts", columns, rows)


def quoted(reading: Reading) -> str:
    """Returns an identifier as read, with the words around it."""
    return f"{reading.before or ''}{reading.raw or ''}{reading.after or ''}"


def cluster_graphml(case: Case) -> bytes:
    """Writes members and their links as GraphML; `accepted` is false for a link not accepted.

    Links to identifiers outside are only in Exhibit 7: readers of a graph do not see the words
    around it, and an outsider in it would look like a member.
    """
    export = ClusterExport(case.facts, {}, case.moment, case.manifest["run_id"], case.tlp)
    return b"".join(graphml_document(export))
