"""Exhibits 8 to 11: suppliers, chronology, retention clocks, narrative excerpts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reports.referral.case import Case
from reports.referral.exhibit import Column, Exhibit, source, utc
from reports.referral.material import Record


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
