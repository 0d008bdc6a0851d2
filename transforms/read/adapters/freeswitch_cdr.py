"""FreeSWITCH call detail records as mod_json_cdr writes them: one JSON object a leg of a call.

https://github.com/signalwire/freeswitch/tree/master/src/mod/event_handlers/mod_json_cdr. Each leg
has an id of its own: with `log-b-leg` off in json_cdr.conf, a call is one record. Values of
`variables` are percent-encoded unless `encode-values` is off; those of `callflow` never are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.enums import RecordKind
from schemas.mapping import TimeForm
from schemas.reject import Code
from transforms.read.adapters import base
from transforms.read.files import ReadOptions
from transforms.read.framing import BadRecordError, Origin, Record
from transforms.values import time_or_error

_ESCAPE = re.compile(rb"%(?!22|25|5[Cc]|7[Ff])[2-7][0-9A-Fa-f]")
"""Printable ASCII that may stand unescaped in a JSON string; '%' itself must stay encoded."""

_START_TIMES = {
    "start_uepoch": TimeForm.EPOCH_MICROSECONDS,
    "start_epoch": TimeForm.EPOCH_SECONDS,
    "start_stamp": TimeForm.ISO_LOCAL,
}


def read_legs(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads CALL_LOOSE rows; the duration is the time talked (billsec), without ringing.

    A record's `direction` is that of the leg, seen from the switch. It does not say which side is
    the suspect's: that is `options.calls_direction`.
    """

    def read(record: Record) -> dict[str, str | None]:
        leg = base.parse_object(record)
        variables = leg.get("variables")
        if not isinstance(variables, dict):
            raise BadRecordError(Code.WRONG_TYPE, "variables is not an object", "variables")
        return _call_fields(variables, _caller_profile(leg.get("callflow")), options)

    decoded = [_decode_escapes(record) for record in records]
    good, rows, rejects = base.read_each(origin, decoded, read)
    return base.build_from_rows(origin, good, rows), rejects


def _call_fields(
    variables: Mapping[str, Any], profile: Mapping[str, Any], options: ReadOptions
) -> dict[str, str | None]:
    calling, called, leg_id = (
        _first_text(variables.get(name), profile.get(name))
        for name in ("caller_id_number", "destination_number", "uuid")
    )
    return {
        "call_id": leg_id,
        "source_org": options.source_org or "freeswitch",
        "started_at": _started_at(variables),
        "duration_seconds": _first_text(variables.get("billsec")),
        "direction": options.calls_direction,
        "calling_number": calling or _first_text(variables.get("sip_from_user")),
        "called_number": called or _first_text(variables.get("sip_to_user")),
        "trunk": _first_text(variables.get("sip_gateway_name"), variables.get("sip_gateway")),
        "source_ip": _first_text(variables.get("sip_network_ip"), profile.get("network_addr")),
    }


def _started_at(variables: Mapping[str, Any]) -> str | None:
    """Returns the ISO 8601 start; what is no time stays as it is, for validation to reject.

    `start_stamp` has no zone, and is taken as UTC where the seconds since 1970 are missing.
    """
    for name, form in _START_TIMES.items():
        written = _first_text(variables.get(name))
        time = time_or_error(written, form, UTC) if written else None
        if time:
            return time.isoformat() if isinstance(time, datetime) else written
    return None


def _caller_profile(callflow: Any) -> Mapping[str, Any]:
    """Returns the profile of the latest part of a call flow; older versions write only one part."""
    latest = callflow[0] if isinstance(callflow, list) and callflow else callflow
    profile = latest.get("caller_profile") if isinstance(latest, dict) else None
    return profile if isinstance(profile, dict) else {}


def _first_text(*values: Any) -> str | None:
    """Returns the first value that is text or a number, and not blank."""
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _decode_escapes(record: Record) -> Record:
    """Decodes escapes in the JSON text itself, so that a reject shows its numbers to masking."""
    data = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[0][1:].decode()), record.data)
    return record._replace(data=data, size=len(data))


ADAPTER = base.Adapter(
    name="freeswitch",
    description="FreeSWITCH call detail records",
    kinds=(RecordKind.CALL,),
    layout=base.Layout.LINES,
    in_array=True,
    read=read_legs,
    detect_keys=lambda keys, _: {"variables", "callflow"} <= keys,
)
