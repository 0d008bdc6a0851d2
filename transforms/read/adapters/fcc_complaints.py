"""FCC consumer complaints about unwanted calls, open data set vakf-fz8e, JSON array or CSV.

A missing value is the word 'None'. 'Messge' is how the source spells it. Times are local
to the consumer, whose zone is not given; they are taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set as AbstractSet

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Channel, RecordKind, Role
from transforms.read.adapters import base
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record

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

_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.\d{1,6})?)?Z?")

_US_DATE = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d{2}):(\d{2}) ([AP])M(?: \+0000)?)?"
)

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})? ?(?:([ap])\.?m\.?)?", re.IGNORECASE)


def _hour(hour: int, half: str | None) -> int:
    """Converts an hour of the 12-hour clock, where `half` gives its half, to one of 24 hours."""
    if half is None or not 1 <= hour <= 12:
        return hour
    return hour % 12 + (12 if half in "pP" else 0)


def parse_clock(text: str | None) -> str | None:
    """Rewrites `1:17 p.m.` or `6:53 pm` as `13:17:00`; None for what is no time of day."""
    clock = _CLOCK.fullmatch(text.strip()) if text else None
    if not clock:
        return None
    hour, minute = _hour(int(clock[1]), clock[3]), int(clock[2])
    return f"{hour:02}:{minute:02}:00" if hour < 24 and minute < 60 else None


def parse_moment(date: str | None, time: str | None = None) -> str | None:
    """Returns the ISO 8601 time in UTC of a date of the exports; what is no date stays as it is."""
    if date is None:
        return None
    if iso := _ISO_DATE.fullmatch(date):
        return f"{iso[1]}-{iso[2]}-{iso[3]}T{parse_clock(time) or iso[4] or '00:00:00'}Z"
    if us := _US_DATE.fullmatch(date):
        day = f"{us[3]}-{int(us[1]):02}-{int(us[2]):02}"
        own = f"{_hour(int(us[4]), us[7]):02}:{us[5]}:{us[6]}" if us[4] else "00:00:00"
        return f"{day}T{parse_clock(time) or own}Z"
    return date


def _column(rows: base.TextRows, name: str) -> pa.Array:
    column = rows.column(FIELDS[name])
    return pc.if_else(pc.equal(column, "None"), None, column)


def _moments(dates: pa.Array, times: Sequence[str | None]) -> pa.Array:
    pairs = zip(dates.to_pylist(), times, strict=True)
    return pa.array([parse_moment(date, time) for date, time in pairs], pa.string())


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
    cells = pa.RecordBatch.from_pydict(
        {
            title: pa.array(
                [row[key] if isinstance(row.get(key), str) else "" for row in objects], pa.string()
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
