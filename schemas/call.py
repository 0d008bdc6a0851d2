"""The call record: metadata of one call, as it arrives and as ringtrace keeps it."""

from __future__ import annotations

import pyarrow as pa

from schemas.complaint import LOOSE_EXTRA, ORIGIN
from schemas.enums import Attestation, Direction
from schemas.field import TIMESTAMP, field

_STRING = pa.string()


def _fields(timestamp: pa.DataType, duration: pa.DataType) -> list[pa.Field]:
    return [
        field("call_id", _STRING, "Unique within source_org.", required=True),
        field("source_org", _STRING, "Slug of the reporting organisation.", required=True),
        field("started_at", timestamp, "When the call started.", required=True),
        field("duration_seconds", duration, "Length of the call in seconds."),
        field("direction", _STRING, "Who called whom.", values=tuple(Direction)),
        field("calling_number", _STRING, "The calling number as recorded."),
        field("called_number", _STRING, "The called number as recorded."),
        field("victim_id", _STRING, "The organisation's own pseudonym."),
        field("victim_country", _STRING, "ISO 3166-1 alpha-2; default region of the numbers."),
        field("attestation", _STRING, "SHAKEN level, if signed.", values=tuple(Attestation)),
        field("orig_id", _STRING, "SHAKEN origination id (RFC 8588)."),
        field("carrier", _STRING, "Carrier that handed the call over."),
        field("trunk", _STRING, "Trunk group it came in on."),
        field("source_ip", _STRING, "IP address that signalled it."),
        field("complaint_id", _STRING, "The complaint it belongs to, where known."),
        field("caller_name", _STRING, "Name shown with the call (CNAM; nam of RFC 9795)."),
        field("diverted_from", _STRING, "Number called before a diversion (div of RFC 8946)."),
    ]


CALL_INPUT = pa.schema(_fields(TIMESTAMP, pa.float64()))
"""The input contract: the fields of one call record."""

CALL_LOOSE = pa.schema([f.with_nullable(True) for f in _fields(_STRING, _STRING)] + LOOSE_EXTRA)
"""Rows of every reader: the contract's fields, all still text, plus their origin."""

CALL_ACCEPTED = pa.schema(list(CALL_INPUT) + ORIGIN)
"""Validated rows inside the pipeline, before the victim's number is taken out."""

_NOT_KEPT = {"calling_number", "called_number", "diverted_from", "caller_name"}
"""Numbers, of which one side is the victim's; and a name, which may be an innocent's."""

CALL = pa.schema(
    [f for f in CALL_INPUT if f.name not in _NOT_KEPT]
    + [
        field("suspect_number", _STRING, "The suspect's number, E.164 where it can be read."),
        field("suspect_role", _STRING, "caller_id (inbound) or callback (outbound)."),
        field("brand", _STRING, "Brand that the name shown claims, if it is a known one."),
    ]
)
"""calls/: accepted rows; the victim's side of the call is in no output."""

E164_COLUMNS = {
    "calling_number": "calling_e164",
    "called_number": "called_e164",
    "diverted_from": "diverted_e164",
}
"""The columns of a call's numbers, and those of what was read in them."""

CALL_READ = pa.schema([*CALL_ACCEPTED, *((name, _STRING) for name in E164_COLUMNS.values())])
"""Accepted rows with the E.164 of each of their numbers, null for one that could not be read."""

CALL_KEY = ("source_org", "call_id")
