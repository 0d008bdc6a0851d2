"""The fields that complaints and calls share."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import COUNTRIES
from schemas.field import TIMESTAMP
from schemas.reject import Code
from transforms import columns
from transforms.validate.checking import Checking
from transforms.validate.ids import CONTACT


def timestamp(batch: Checking, name: str, as_of: datetime | None, *, required: bool) -> None:
    """Take a time; a required one must not be later than `as_of`."""
    if required:
        absent = ~columns.mask(pc.is_valid(columns.text(batch.rows[name])))
        batch.refuse(absent, Code.MISSING_FIELD, name, "required, but absent")
    batch.keep(
        name,
        columns.timestamps(batch.rows[name]),
        Code.BAD_TIMESTAMP,
        "not an ISO 8601 time with a zone, such as 2026-01-31T09:30:00Z",
    )
    batch.refuse(
        columns.impossible_dates(batch.typed[name]),
        Code.IMPOSSIBLE_DATE,
        name,
        f"outside {columns.EARLIEST.year} to {columns.LATEST.year - 1}",
    )
    if required and as_of is not None:
        late = pc.greater(batch.typed[name], pa.scalar(as_of, TIMESTAMP))
        batch.refuse(
            columns.mask(late),
            Code.AFTER_AS_OF,
            name,
            "later than --as-of, or than a stream's clock",
        )


def victim(batch: Checking) -> None:
    """Take the victim's pseudonym, which must not reach anybody, and country."""
    batch.typed["victim_id"] = columns.text(batch.rows["victim_id"])
    batch.refuse(
        columns.mask(pc.match_substring_regex(batch.typed["victim_id"], CONTACT)),
        Code.VICTIM_ID_IS_CONTACT,
        "victim_id",
        "looks like a number or an address; give a pseudonym instead",
    )
    batch.keep(
        "victim_country",
        columns.codes(batch.rows["victim_country"], COUNTRIES),
        Code.BAD_COUNTRY,
        "not an ISO 3166-1 alpha-2 code (the United Kingdom is GB)",
    )
