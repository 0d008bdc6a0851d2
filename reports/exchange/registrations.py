"""Registration dates of domains, from a file: what is young when it is first reported is a lure.

An organisation's domain is mostly years old. Of the domains that are registered for phishing, 65 %
are used within five days, and 17 % after more than 90 (Interisle, Phishing Landscape 2020, p. 8).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from schemas.entity import without_epoch
from transforms.extract import LegitimateListError, canonical_entity_id

YOUNG = timedelta(days=90)
"""Age of a domain at its first report up to which it is young."""

_COLUMNS = ("domain", "registered")

Registrations = Mapping[str, date]
"""The day on which each domain was registered, by entity id."""


class RegistrationsError(ValueError):
    """A file of registration dates that cannot be used; the message is for its author."""


def parse_registrations(text: str, name: str) -> Registrations:
    """Parses a CSV file with the columns `domain,registered`; days are written as YYYY-MM-DD.

    Raises:
        RegistrationsError: naming the file, the line and the field.
    """
    rows: dict[str, date] = {}
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise RegistrationsError(f"{name}: the first line must be {','.join(_COLUMNS)}")
        for cells in reader:
            place = f"{name}, line {reader.line_num}"
            if None in cells or None in cells.values():
                raise RegistrationsError(f"{place}: must have {len(_COLUMNS)} cells")
            try:
                entity_id = canonical_entity_id(f"domain:{cells['domain'].strip()}")
            except LegitimateListError as error:
                raise RegistrationsError(f"{place}, domain: {error}") from None
            try:
                rows[entity_id] = date.fromisoformat(cells["registered"].strip())
            except ValueError:
                raise RegistrationsError(
                    f"{place}, registered: not a day; write it as 2026-01-31"
                ) from None
    except csv.Error as error:
        raise RegistrationsError(f"{name}, line {reader.line_num + 1}: {error}") from None
    return rows


def is_young(entity_id: str, first_seen: datetime, registered: Registrations) -> bool:
    """Tells whether a domain, or that of an address, was young at its first report.

    False where the file says nothing of it.
    """
    host = without_epoch(entity_id).partition(":")[2].rpartition("@")[2]
    day = registered.get(f"domain:{host}")
    return day is not None and first_seen.date() - day <= YOUNG
