"""The entity: one identifier, over all records that name it."""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import EntityKind, Status
from schemas.field import TIMESTAMP, field

_STRING = pa.string()


ENTITY = pa.schema(
    [
        field("entity_id", _STRING, "Canonical id; withheld for a victim's own.", required=True),
        field("kind", _STRING, "Namespace of the id.", required=True, values=tuple(EntityKind)),
        field("value", _STRING, "The id without its namespace and epoch; null when withheld."),
        field("first_seen", TIMESTAMP, "Earliest record that names it.", required=True),
        field("last_seen", TIMESTAMP, "Latest record that names it.", required=True),
        field("complaints", pa.int64(), "Complaints that name it.", required=True),
        field("calls", pa.int64(), "Calls that name it.", required=True),
        field("victims", pa.int64(), "Distinct victims among those records.", required=True),
        field("orgs", pa.list_(_STRING), "Organisations that saw it, sorted.", required=True),
        field("region", _STRING, "Region of a phone number."),
        field("line_type", _STRING, "Line type of a phone number."),
        field("status", _STRING, "What may be said of it.", required=True, values=tuple(Status)),
        field("reason", _STRING, "Why it has that status.", required=True),
        field("epoch", pa.int64(), "1, or its place among the holders of what was passed on."),
    ]
)
"""entities/: every identifier, whatever its status; nothing is suppressed silently."""


ENTITY_KEY = ("entity_id",)
