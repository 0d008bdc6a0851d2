"""FCC consumer complaints about unwanted calls, open data set vakf-fz8e, JSON array or CSV.

A missing value is the word 'None'. 'Messge' is how the source spells it. Times are local
to the consumer, whose zone is not given; they are taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set as AbstractSet
from contextlib import suppress
from datetime import UTC
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Channel, RecordKind, Role
from schemas.field import TEXT
from schemas.mapping import TimeForm
from transforms.read.adapters import base
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record
from transforms.values import TimeFormError, time_of_form

FIELDS = {
    "id": "Ticket ID",
    "ticket_created": "Ticket Created",
    "issue_date": "Date of Issue",
    "issue_time": "Time of Issue",
    "issue_type": "Form",
    "method": "Method",
    "issue": "Issue",
    "caller_id_number": "Caller ID Number",
    "type_of_call_or_messge": "Type of Call or Messge",
    "advertiser_business_phone_number": "Advertiser Business Number",
    "city": "City",
    "state": "State",
    "zip": "Zip",
    "location_1": "Location (Center point of the Zip Code)",
}
"""The names of the JSON export, and the CSV export's names of the same columns."""

HEADER = tuple(FIELDS.values())

_TYPICAL_KEYS = frozenset(("caller_id_number", "issue_type", "type_of_call_or_messge"))
"""Keys of the JSON export, which leaves out missing values: an object has at least one of them."""

_HALF_OF_24_HOURS = re.compile(r"^(\s*(?:00?|1[3-9]|2[0-3]):\d\d(?::\d\d)?) ?[ap].*", re.IGNORECASE)
"""An hour that 24 hours alone have, with a half of the day."""


@lru_cache(100_000)
def parse_moment(date: str | None, time: str | None = None) -> str | None:
    """Returns the ISO 8601 time in UTC of a date of the exports; what is no date stays as it is.

    A time of day outranks the date's own. Of an hour that only 24 hours have, as in 14:05 pm, the
    half of the day says nothing.
    """
    day = re.split("[T ]", date or "", maxsplit=1)[0]
    form = TimeForm.MONTH_FIRST if "/" in day else TimeForm.ISO_LOCAL
    clock = _HALF_OF_24_HOURS.sub(r"\1", time or "")
    for text in (*([f"{day} {clock}"] if clock.strip() else []), date or ""):
        with suppress(TimeFormError):
            return f"{time_of_form(text, form, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return date


def _column(rows: base.TextRows, name: str) -> pa.Array:
    column = rows.column(FIELDS[name])
    return pc.if_else(pc.equal(column, "None"), None, column)


def _moments(dates: pa.Array, times: Sequence[str | None]) -> pa.Array:
    return pa.array(map(parse_moment, dates.to_pylist(), times), TEXT)


def convert(rows: base.TextRows, _: ReadOptions) -> base.Parsed:
    """Converts the CSV export to COMPLAINT_LOOSE rows.

    The complaint counts as received when its ticket was made or, where the export leaves
    that out, when the call came in.
    """
    occurred = _moments(_column(rows, "issue_date"), _column(rows, "issue_time").to_pylist())
    created = _moments(_column(rows, "ticket_created"), [None] * len(rows.records))
    is_text = pc.match_substring(_column(rows, "type_of_call_or_messge"), "Text")
    columns = {
        "complaint_id": _column(rows, "id"),
        "source_org": "fcc",
        "received_at": pc.coalesce(created, occurred),
        "occurred_at": occurred,
        "victim_country": "US",
        "victim_region": _column(rows, "state"),
        "channel": pc.if_else(pc.fill_null(is_text, False), Channel.SMS, Channel.PHONE_INBOUND),
        "phone_numbers": base.phone_numbers_column(
            [
                (_column(rows, "caller_id_number"), Role.CALLER_ID),
                (_column(rows, "advertiser_business_phone_number"), Role.MENTIONED),
            ]
        ),
    }
    return base.build_loose_batch(rows.origin, rows.records, columns), []


def read_objects(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads objects of the JSON export as rows of the CSV export, leaving out inner objects."""
    good, objects, rejects = base.parse_objects(origin, records)
    cells = pa.record_batch(
        {
            title: pa.array(
                [row[key] if isinstance(row.get(key), str) else "" for row in objects], TEXT
            )
            for key, title in FIELDS.items()
        }
    )
    batch, _ = convert(base.TextRows(origin, good, cells), options)
    return batch, rejects


def _has_complaint_keys(keys: AbstractSet[str], in_array: bool) -> bool:
    is_fcc = "issue_date" in keys and not keys.isdisjoint(_TYPICAL_KEYS)
    if is_fcc and not in_array:
        raise base.UnrecognizedError("FCC complaints, but not as a JSON array or CSV export")
    return is_fcc


ADAPTER = base.Adapter(
    name="fcc",
    description="FCC unwanted calls",
    kinds=(RecordKind.COMPLAINT,),
    layout=base.Layout.CSV,
    in_array=True,
    header=HEADER,
    needed_columns=frozenset({"Ticket ID", "Caller ID Number", "Date of Issue"}),
    convert=convert,
    read=read_objects,
    detect_keys=_has_complaint_keys,
)
