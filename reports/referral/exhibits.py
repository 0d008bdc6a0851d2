"""All numbered exhibits of a case.

An exhibit: a numbered table, each column explained, each row with its source.

Exhibits 8 to 11: suppliers, chronology, retention clocks, narrative excerpts.

Exhibits 1 to 3: records, identifiers, sightings.

Exhibits 4 and 7: links that hold the cluster together, and links that were not believed.

Exhibits 5 and 6: losses, and payments to members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.export import spreadsheet
from reports.referral.case import Case
from reports.referral.losses import written
from reports.referral.material import Record


def exhibits(case: Case) -> list[Exhibit]:
    """All exhibits of a case, in order."""
    made = [
        records(case),
        identifiers(case),
        sightings(case),
        links(case),
        losses(case),
        payments(case),
        not_accepted(case),
        suppliers(case),
        chronology(case),
        clocks(case),
    ]
    return [*made, excerpts(case)] if case.excerpts else made


Column = tuple[str, str, str]
"""Name, type, meaning."""


SOURCE: tuple[Column, ...] = (
    ("record", "row of Exhibit 1", "The source record; of several, the earliest."),
    ("file", "file name", "Input file that holds that record, as the run named it."),
    ("file_sha256", "SHA-256", "Digest of that file."),
    (
        "position",
        "number",
        "1-based line of text, row of Parquet, or place in an offer's evidence.",
    ),
)
"""The columns by which every row points to its source."""


@dataclass(frozen=True)
class Exhibit:
    """A table: `slug` names its file, `columns` do not count those of `SOURCE`."""

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

    @property
    def whole(self) -> tuple[Column, ...]:
        """All columns, as written."""
        return (("row", "number", "Number of the row, as cited."), *self.columns, *SOURCE)


def csv(exhibit: Exhibit) -> bytes:
    """An exhibit as CSV; texts that a spreadsheet would run start with an apostrophe."""
    header = [name for name, _, _ in exhibit.whole]
    return spreadsheet.write(header, ((number, *row) for number, row in enumerate(exhibit.rows, 1)))


def dictionary(made: Sequence[Exhibit]) -> bytes:
    """What every column of every exhibit means, as CSV."""
    rows = [
        (f"Exhibit {one.number}", one.path.removeprefix("data/"), *column)
        for one in made
        for column in one.whole
    ]
    return spreadsheet.write(("exhibit", "file", "column", "type", "meaning"), rows)


def source(record: Record) -> tuple[object, ...]:
    """The cells of `SOURCE` for a record."""
    place = record.place
    return record.number, place.file, place.sha256, place.position


def utc(moment: datetime) -> str:
    """A time in UTC, ISO 8601, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def suppliers(case: Case) -> Exhibit:
    """Exhibit 8."""
    columns: tuple[Column, ...] = (
        ("supplier", "entity id", "A trunk, origination id, carrier, script or address."),
        ("records", "number", "Records of this cluster that name it."),
        ("clusters", "number", "Clusters of the run that it serves: it has other customers."),
    )
    ends = {one["there"]: one for one in reversed(case.material.facts.soft)}
    first = case.material.in_order[0]
    rows = []
    for one in case.material.facts.suppliers:
        link = ends.get(one["entity_id"])
        record = case.material.first(link["here"]) if link else first
        rows.append((one["entity_id"], one["records"], one["clusters"], *source(record)))
    about = "Shared services. They describe the cluster and accuse nobody."
    return Exhibit(8, "suppliers", "Suppliers", about, columns, rows)


def chronology(case: Case) -> Exhibit:
    """Exhibit 9."""
    columns: tuple[Column, ...] = (
        ("time", "UTC time", "When."),
        ("event", "text", "What the records show."),
        ("identifier", "entity id", "The member."),
    )
    rows = [
        (utc(when), what, entity_id, *source(record))
        for when, what, entity_id, record in sorted(_events(case), key=_when)
    ]
    about = "First and last sight of each member, and where one took over from another."
    return Exhibit(9, "chronology", "Chronology", about, columns, rows)


Event = tuple[datetime, str, str, Record]


def _events(case: Case) -> Iterator[Event]:
    last: dict[str, Record] = {}
    for one in case.material.sightings:
        record = case.material.records[one["record_kind"], one["source_org"], one["record_id"]]
        known = last.get(one["entity_id"])
        if known is None or known.number < record.number:
            last[one["entity_id"]] = record
    for one in case.material.facts.members:
        entity_id = one["entity_id"]
        yield one["first_seen"], "first seen", entity_id, case.material.first(entity_id)
        yield one["last_seen"], "last seen", entity_id, last[entity_id]
    for turn in case.handovers:
        what = f"takes over from {turn.before}, last seen {utc(turn.last_seen)}"
        yield turn.first_seen, what, turn.after, case.material.first(turn.after)


def _when(event: Event) -> tuple[datetime, str, str]:
    return event[:3]


def clocks(case: Case) -> Exhibit:
    """Exhibit 10."""
    columns: tuple[Column, ...] = (
        ("identifier", "entity id", "The member."),
        ("provider", "text", "Who keeps the records, as far as can be told."),
        ("found_by", "text", "How that is known."),
        ("rule", "text", "What sets the period. A draft, never advice."),
        ("rule_source", "address", "Public source of the rule."),
        ("rule_date", "day", "When it was written down from there."),
        ("first_record_until", "day", "When the record of its first day may be gone."),
        ("last_record_until", "day", "When the record of its last day may be gone."),
    )
    rows = []
    for group in case.groups:
        for held in group.held:
            entity_id = held.member["entity_id"]
            ends = (
                f"{one:%Y-%m-%d}" if one else "not known: ask at once"
                for one in (held.first_until, held.last_until)
            )
            rows.append(
                (
                    entity_id,
                    group.provider.name,
                    group.provider.found_by,
                    group.clock["rule"],
                    group.clock["source"],
                    group.clock["date"],
                    *ends,
                    *source(case.material.first(entity_id)),
                )
            )
    about = "Who keeps records on each member, and until when."
    return Exhibit(10, "retention", "Retention clocks", about, columns, rows)


def excerpts(case: Case) -> Exhibit:
    """Exhibit 11."""
    columns: tuple[Column, ...] = (
        ("identifier", "entity id", "The member."),
        ("excerpt", "text", "Words around it in the narrative, masked as the run keeps them."),
    )
    rows = []
    for one in case.excerpts:
        record = case.material.records[one.record_kind, one.source_org, one.record_id]
        words = f"{one.before or ''}{one.raw or ''}{one.after or ''}"
        rows.append((one.entity_id, words, *source(record)))
    about = "Asked for by --excerpts. A narrative can hold personal data that no rule finds."
    return Exhibit(11, "excerpts", "Narrative excerpts", about, columns, rows)


def records(case: Case) -> Exhibit:
    """Exhibit 1."""
    columns: tuple[Column, ...] = (
        ("kind", "complaint or call", "What the record is."),
        ("organisation", "slug", "Who received it, and answers for it."),
        ("record_id", "text", "The organisation's own reference, by which it finds the record."),
        ("observed_at", "UTC time", "When the organisation received it, or the call started."),
        ("copies", "number", "Other rows with the same reference, not counted again."),
    )
    rows = [
        (*one.key, utc(one.observed_at), one.place.copies, *source(one))
        for one in case.material.in_order
    ]
    about = "Every complaint and call that names a member. Nothing of the victim is in it."
    return Exhibit(1, "records", "Source records", about, columns, rows)


def identifiers(case: Case) -> Exhibit:
    """Exhibit 2."""
    columns: tuple[Column, ...] = (
        (
            "identifier",
            "entity id",
            "kind:value, such as phone:+18885550123; #2 at its end: after a long silence.",
        ),
        ("role", "word", "Its most frequent role in the records."),
        ("confidence", "0 to 1", "ringtrace's score that it belongs to the cluster."),
        ("likelihood", "estimative word", "The score in the words of the scale in section 8."),
        ("complaints", "number", "Complaints that name it."),
        ("calls", "number", "Calls that name it."),
        ("victims", "number", "Distinct victims among them."),
        ("organisations", "slugs", "Who saw it."),
        ("first_seen", "UTC time", "Earliest record."),
        ("last_seen", "UTC time", "Latest record."),
        ("region", "ISO 3166-1", "Region of a phone number, by the number plan."),
        ("line_type", "word", "Line type of a phone number, by the number plan."),
        ("also_caller_id", "number", "Readings in which it is a caller id, which can be forged."),
        ("reason", "text", "Why it is infrastructure."),
    )
    rows = []
    for one in case.material.facts.members:
        entity_id = one["entity_id"]
        rows.append(
            (
                entity_id,
                one["role"],
                round(one["confidence"], 3),
                case.reference.word(one["confidence"]),
                one["complaints"],
                one["calls"],
                one["victims"],
                "; ".join(one["orgs"]),
                utc(one["first_seen"]),
                utc(one["last_seen"]),
                one["region"],
                one["line_type"],
                case.material.facts.roles[entity_id]["caller_id"],
                one["reason"],
                *source(case.material.first(entity_id)),
            )
        )
    about = "The members of the cluster. The number of a row is the number in the link chart."
    return Exhibit(2, "identifiers", "Identifiers", about, columns, rows)


def sightings(case: Case) -> Exhibit:
    """Exhibit 3."""
    columns: tuple[Column, ...] = (
        ("identifier", "entity id", "A member."),
        ("role", "word", "The part it plays in this record."),
        ("observed_at", "UTC time", "When the record saw it."),
        ("field", "field name", "Field of the record in which it was read."),
        ("start", "number", "First character of it there, in code points from 0."),
        ("end", "number", "Character after the last one."),
        ("reading_confidence", "0 to 1", "That it was read rightly."),
        ("also_read_as", "E.164", "A less plausible reading of the same text."),
    )
    rows = []
    for one in case.material.sightings:
        record = case.material.records[one["record_kind"], one["source_org"], one["record_id"]]
        told = [one[name] for name in ("field", "start", "end")]
        rows.append(
            (
                one["entity_id"],
                one["role"],
                utc(one["observed_at"]),
                *told,
                round(one["confidence"], 3),
                one["also_read_as"],
                *source(record),
            )
        )
    about = "Where each member was read: the whole evidence, place by place."
    return Exhibit(3, "sightings", "Sightings", about, columns, rows)


Row = dict[str, Any]


_LINK: tuple[Column, ...] = (
    ("identifier_a", "entity id", "One end."),
    ("identifier_b", "entity id", "The other end."),
    ("complaints", "number", "Complaints that name both."),
    ("calls", "number", "Calls that name both."),
    ("victims", "number", "Distinct victims among them."),
    ("organisations", "slugs", "Who saw both."),
    ("first_seen", "UTC time", "Earliest record that names both."),
    ("last_seen", "UTC time", "Latest record that names both."),
    ("weight", "records' worth", "Evidence as docs/evidence.md weighs it."),
    ("reason", "text", "Why it was accepted or not."),
)


def _link(case: Case, one: Row) -> tuple[object, ...]:
    return (
        one["entity_a"],
        one["entity_b"],
        one["complaints"],
        one["calls"],
        one["victims"],
        "; ".join(one["orgs"]),
        utc(one["first_seen"]),
        utc(one["last_seen"]),
        round(one["weight"], 6),
        one["reason"],
        *source(_earliest(case, one)),
    )


def _earliest(case: Case, link: Row) -> Record:
    """The earliest record of ours that names both ends, or that the run names as evidence.

    Evidence can be a complaint that names one end and its call that names the other
    (`links.record_ids` is then `org|complaint_id`).
    """
    records, of = case.material.records, case.material.records_of
    found = of.get(link["entity_a"], set()) & of.get(link["entity_b"], set())
    if not found:
        ours = of.get(link["entity_a"], set()) | of.get(link["entity_b"], set())
        named = {one.partition("|")[0::2] for one in link["record_ids"]}
        found = {key for key in ours if key[1:] in named or (key[1], f"call|{key[2]}") in named}
        found = found or ours
    return min((records[key] for key in found), key=_number)


def _number(record: Record) -> int:
    return record.number


def links(case: Case) -> Exhibit:
    """Exhibit 4."""
    rows = [_link(case, one) for one in case.material.facts.inside if one["accepted"]]
    about = "What holds the cluster together."
    return Exhibit(4, "links", "Links", about, _LINK, rows)


def not_accepted(case: Case) -> Exhibit:
    """Exhibit 7."""
    rows = [_link(case, one) for one in case.material.facts.near]
    about = "Hard links from a member to an identifier elsewhere that were not believed, and why."
    return Exhibit(7, "links-not-accepted", "Links not accepted", about, _LINK, rows)


def losses(case: Case) -> Exhibit:
    """Exhibit 5."""
    columns: tuple[Column, ...] = (
        ("amount", "decimal", "What the complaint states as lost in all, exact."),
        ("currency", "ISO 4217", "Its currency."),
    )
    rows = [
        (written(one.loss), one.currency, *source(one))
        for one in case.material.in_order
        if one.loss is not None and one.currency
    ]
    about = "One row a complaint that states a loss; they add up to section 3, to the cent."
    return Exhibit(5, "losses", "Losses", about, columns, rows)


def payments(case: Case) -> Exhibit:
    """Exhibit 6."""
    columns: tuple[Column, ...] = (
        ("payee", "entity id", "The member that was paid, or was to be paid."),
        ("method", "word", "How, as the complaint says."),
        ("amount", "decimal", "Exact amount."),
        ("currency", "ISO 4217 or ticker", "Its currency."),
    )
    rows = [
        (
            paid["payee"],
            paid["method"],
            None if paid["amount"] is None else written(paid["amount"]),
            paid["currency"],
            *source(one),
        )
        for one in case.material.in_order
        for paid in one.payments
    ]
    about = (
        "Payments to members that complaints itemise. They are part of losses, not added to them."
    )
    return Exhibit(6, "payments", "Payments to members", about, columns, rows)
