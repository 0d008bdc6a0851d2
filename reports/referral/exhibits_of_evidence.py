"""Exhibits 1 to 3: records, identifiers, sightings."""

from __future__ import annotations

from reports.referral.case import Case
from reports.referral.exhibit import Column, Exhibit, source, utc


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
