"""Registration dates of domains, from a file: a site that is young at its first report is a lure.

An organisation's domain is mostly years old. 65 % of domains registered for phishing are used
within five days, and 17 % after more than 90 (Interisle, Phishing Landscape 2020, p. 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from schemas.entity import without_epoch
from schemas.records import Record, RecordError, csv_records
from transforms.extract import LegitimateListError, canonical_entity_id
from transforms.extract.kinds.domain import registrable_domain

YOUNG = timedelta(days=90)
"""Age of a domain at its first report up to which it is young."""

Registrations = Mapping[str, date]
"""The day on which each domain was registered, by entity id."""


class _Registration(Record):
    """A row of a file of registration dates."""

    domain: str
    registered: date


def parse_registrations(text: str, name: str) -> Registrations:
    """Parses a CSV file with the columns `domain,registered`; days are written as 2026-01-31.

    Raises:
        RecordError: naming the file, the row and the field.
    """
    days: dict[str, date] = {}
    for place, row in csv_records(_Registration, text, name):
        try:
            days[canonical_entity_id(f"domain:{row.domain}")] = row.registered
        except LegitimateListError as error:
            raise RecordError(f"{place}: field domain: {error}") from None
    return days


def is_young(entity_id: str, first_seen: datetime, registered: Registrations) -> bool:
    """Tells whether the domain of a site, an address or a page was young at its first report.

    False if the file does not have the domain.
    """
    host = without_epoch(entity_id).partition(":")[2].rpartition("@")[2].partition("/")[0]
    day = registered.get(f"domain:{registrable_domain(host)}")
    return day is not None and first_seen.date() - day <= YOUNG
