"""The mention: one identifier, read at one place of one record."""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import EntityKind, RecordKind, Role, Status
from schemas.field import AMOUNT, TIMESTAMP, field

_STRING = pa.string()

_FIELDS = [
    field("entity_id", _STRING, "Canonical id, such as phone:+18885550123.", required=True),
    field("kind", _STRING, "Namespace of the id.", required=True, values=tuple(EntityKind)),
    field("role", _STRING, "Part it plays in the record.", required=True, values=tuple(Role)),
    field("source_org", _STRING, "Organisation of the record.", required=True),
    field("record_kind", _STRING, "Complaint or call.", required=True, values=tuple(RecordKind)),
    field("record_id", _STRING, "complaint_id or call_id.", required=True),
    field("observed_at", TIMESTAMP, "When the record saw it.", required=True),
    field("victim_country", _STRING, "Country of the victim, if known."),
    field("field", _STRING, "Field it was read from, such as narrative or urls[0]."),
    field("start", pa.int32(), "First character in that field, counted in code points."),
    field("end", pa.int32(), "Character after the last one."),
    field("raw", _STRING, "The text that was read."),
    field("confidence", pa.float32(), "That the reading is right, 0 to 1.", required=True),
    field(
        "how",
        _STRING,
        "How a phone number was read; look_alike:BRAND for a domain that imitates one.",
    ),
    field("also_read_as", _STRING, "A less plausible reading of the same text, E.164."),
    field("extension", _STRING, "Extension written behind a phone number."),
]

MENTION = pa.schema(_FIELDS)
"""mentions/: where every identifier was read. Victim-side readings are not in it."""

MENTION_KEY = ("entity_id", "source_org", "record_kind", "record_id", "field", "start")

MENTION_DRAFT = pa.schema(
    [
        *_FIELDS,
        field("group_id", _STRING, "Record that is one piece of evidence.", required=True),
        field("victim_key", _STRING, "Pseudonym that counts victims; never leaves."),
        field("reporter_key", _STRING, "Who states the record; never leaves."),
        field("region", _STRING, "Region of a phone number, ISO 3166-1 alpha-2."),
        field("line_type", _STRING, "Line type of a phone number."),
    ]
)
"""A mention inside the pipeline, victim-side ones included, with what counting needs.

`group_id` is `org|complaint_id` for a complaint and the calls that name it, and
`org|call|call_id` for a call on its own.
"""

EVIDENCE = pa.schema(
    [
        *MENTION_DRAFT,
        field("brand", _STRING, "Brand that the record says the caller claimed."),
        field("loss_amount", AMOUNT, "Loss that the complaint states."),
        field("loss_currency", _STRING, "ISO 4217 code of loss_amount."),
    ]
)
"""A mention draft with what its record says of the scam, so that clusters need no join."""

CLASSIFIED = pa.schema(
    [*EVIDENCE, field("status", _STRING, "Status of the entity.", values=tuple(Status))]
)
"""A piece of evidence with what may be said of its entity."""
