"""Exhibits 4 and 7: links that hold the cluster together, and links that were not believed."""

from __future__ import annotations

from typing import Any

from reports.referral.case import Case
from reports.referral.exhibit import Column, Exhibit, source, utc
from reports.referral.material import Record

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
