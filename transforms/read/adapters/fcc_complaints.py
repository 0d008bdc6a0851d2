"""FCC consumer complaints about unwanted calls, open data set vakf-fz8e, JSON array or CSV.

A missing value is the word 'None'. 'Messge' is how the source spells it. Times are local
to the consumer, whose zone is not given; they are taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Channel, Role
from schemas.reject import Code
from transforms.read import json_values
from transforms.read.adapters.base import TextRows, build, constant, numbers
from transforms.read.framing import Origin, Record
from transforms.read.json_values import BrokenJsonError
from transforms.read.rejects import Reject, reject

NAME = "fcc"


SOURCE_ORG = "fcc"


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


TELLING = frozenset(("caller_id_number", "issue_type", "type_of_call_or_messge"))
"""Names of the JSON export of which an object has one at least: what is not said is left out."""


_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.\d{1,6})?)?Z?")


_US_DATE = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d{2}):(\d{2}) ([AP])M(?: \+0000)?)?"
)


_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})? ?(?:([ap])\.?m\.?)?", re.IGNORECASE)


def _hour(hour: int, half: str | None) -> int:
    """An hour of the day from one of the 12-hour clock, or the hour itself."""
    if half is None or not 1 <= hour <= 12:
        return hour
    return hour % 12 + (12 if half in "pP" else 0)


def clock(text: str | None) -> str | None:
    """`1:17 p.m.` or `6:53 pm` as `13:17:00`; null for what is no time of day."""
    found = _CLOCK.fullmatch(text.strip()) if text else None
    if not found:
        return None
    hour, minute = _hour(int(found[1]), found[3]), int(found[2])
    return f"{hour:02}:{minute:02}:00" if hour < 24 and minute < 60 else None


def moment(date: str | None, time: str | None = None) -> str | None:
    """An ISO 8601 time in UTC from the exports' dates; what is no date comes back as it is."""
    if date is None:
        return None
    if iso := _ISO_DATE.fullmatch(date):
        return f"{iso[1]}-{iso[2]}-{iso[3]}T{clock(time) or iso[4] or '00:00:00'}Z"
    if us := _US_DATE.fullmatch(date):
        day = f"{us[3]}-{int(us[1]):02}-{int(us[2]):02}"
        own = f"{_hour(int(us[4]), us[7]):02}:{us[5]}:{us[6]}" if us[4] else "00:00:00"
        return f"{day}T{clock(time) or own}Z"
    return date


def _column(rows: TextRows, name: str) -> pa.Array:
    found = rows.column(FIELDS[name])
    return pc.if_else(pc.equal(found, "None"), None, found)


def _moments(dates: pa.Array, times: Sequence[str | None]) -> pa.Array:
    pairs = zip(dates.to_pylist(), times, strict=True)
    return pa.array([moment(date, time) for date, time in pairs], pa.string())


def convert(rows: TextRows) -> pa.RecordBatch:
    """COMPLAINT_LOOSE rows.

    The complaint counts as received when its ticket was made or, where the export leaves
    that out, when the call came in.
    """
    count = len(rows.records)
    occurred = _moments(_column(rows, "issue_date"), _column(rows, "issue_time").to_pylist())
    created = _moments(_column(rows, "ticket_created"), [None] * count)
    is_text = pc.match_substring(_column(rows, "type_of_call_or_messge"), "Text")
    columns = {
        "complaint_id": _column(rows, "id"),
        "source_org": constant(SOURCE_ORG, count),
        "received_at": pc.coalesce(created, occurred),
        "occurred_at": occurred,
        "victim_country": constant("US", count),
        "victim_region": _column(rows, "state"),
        "channel": pc.if_else(
            pc.fill_null(is_text, False),
            constant(Channel.SMS, count),
            constant(Channel.PHONE_INBOUND, count),
        ),
        "phone_numbers": numbers(
            [
                (_column(rows, "caller_id_number"), Role.CALLER_ID),
                (_column(rows, "advertiser_business_phone_number"), Role.MENTIONED),
            ]
        ),
    }
    return build(rows.origin, rows.records, columns)


def object_rows(origin: Origin, records: Sequence[Record]) -> tuple[TextRows, list[Reject]]:
    """Rows of the JSON export's objects under the CSV export's names; inner objects left out."""
    good: list[Record] = []
    rows: list[list[str]] = []
    rejects: list[Reject] = []
    for record in records:
        try:
            value = json_values.parse_exact(record.data)
        except BrokenJsonError as broken:
            rejects.append(reject(origin, record, broken.code, broken.message))
            continue
        if not isinstance(value, dict):
            message = "a JSON value, but not an object"
            rejects.append(reject(origin, record, Code.NOT_AN_OBJECT, message))
            continue
        good.append(record)
        cells = (value.get(name) for name in FIELDS)
        rows.append([one if isinstance(one, str) else "" for one in cells])
    columns = zip(*rows, strict=True) if rows else ([] for _ in HEADER)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return TextRows(origin, good, pa.RecordBatch.from_arrays(arrays, list(HEADER))), rejects
