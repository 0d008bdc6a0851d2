"""The call record: metadata of one call, as it arrives and as ringtrace keeps it."""

from __future__ import annotations

import pyarrow as pa

from schemas.complaint import LOOSE_EXTRA, ORIGIN
from schemas.enums import Attestation, Direction
from schemas.field import NUMBER, TEXT, TIMESTAMP, contract, optional, required


def _fields(timestamp: pa.DataType, duration: pa.DataType) -> pa.Schema:
    return contract(
        required(
            call_id="Unique within source_org.", source_org="Slug of the reporting organisation."
        ),
        required(timestamp, started_at="When the call started."),
        optional(duration, duration_seconds="Length of the call in seconds."),
        optional(Direction, direction="Who called whom."),
        optional(
            calling_number="The calling number as recorded.",
            called_number="The called number as recorded.",
            victim_id="The organisation's own pseudonym.",
            victim_country="ISO 3166-1 alpha-2; default region of the numbers.",
        ),
        optional(Attestation, attestation="SHAKEN level, if signed."),
        optional(
            orig_id="SHAKEN origination id (RFC 8588).",
            carrier="Carrier that handed the call over.",
            trunk="Trunk group it came in on.",
            source_ip="IP address that signalled it.",
            complaint_id="The complaint it belongs to, where known.",
            caller_name="Name shown with the call (CNAM; nam of RFC 9795).",
            diverted_from="Number called before a diversion (div of RFC 8946).",
        ),
    )


CALL_INPUT = _fields(TIMESTAMP, NUMBER)
"""The input contract: the fields of one call record."""

CALL_LOOSE = contract((f.with_nullable(True) for f in _fields(TEXT, TEXT)), LOOSE_EXTRA)
"""Rows of every reader: the contract's fields, all still text, plus their origin."""

CALL_ACCEPTED = contract(CALL_INPUT, ORIGIN)
"""Validated rows inside the pipeline, before the victim's number is taken out."""

_NOT_KEPT = {"calling_number", "called_number", "diverted_from", "caller_name"}
"""Numbers, since one side is the victim's, and a name, which may be an innocent's."""

CALL = contract(
    (f for f in CALL_INPUT if f.name not in _NOT_KEPT),
    optional(
        suspect_number="The suspect's number, E.164 where it can be read.",
        suspect_role="caller_id (inbound) or callback (outbound).",
        brand="Brand that the name shown claims, if it is a known one.",
    ),
)
"""calls/: accepted rows; the victim's side of the call is in no output."""

E164_COLUMNS = {
    "calling_number": "calling_e164",
    "called_number": "called_e164",
    "diverted_from": "diverted_e164",
}
"""The column of each of a call's numbers, and the column of its E.164."""

CALL_READ = contract(CALL_ACCEPTED, ((name, TEXT) for name in E164_COLUMNS.values()))
"""Accepted rows with the E.164 of each number, null if it could not be read."""

CALL_KEY = ("source_org", "call_id")
