"""The mention: one identifier, read at one place of one record."""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import EntityKind, RecordKind, Role, Status
from schemas.field import AMOUNT, TIMESTAMP, field

_STRING = pa.string()

_READ = [
    field("entity_id", _STRING, "Canonical id, such as phone:+18885550123.", required=True),
    field("kind", _STRING, "Namespace of the id.", required=True, values=tuple(EntityKind)),
    field("role", _STRING, "Part it plays in the record.", required=True, values=tuple(Role)),
]

_RECORD = [
    field("source_org", _STRING, "Organisation of the record.", required=True),
    field("record_kind", _STRING, "Complaint or call.", required=True, values=tuple(RecordKind)),
    field("record_id", _STRING, "complaint_id or call_id.", required=True),
    field("observed_at", TIMESTAMP, "When the record saw it.", required=True),
    field("victim_country", _STRING, "Country of the victim, if known."),
]

_PLACE = [
    field("field", _STRING, "Field it was read from, such as narrative or urls[0]."),
    field("start", pa.int32(), "First character in that field, counted in code points."),
    field("end", pa.int32(), "Character after the last one."),
    field("raw", _STRING, "The text that was read."),
    field("confidence", pa.float32(), "That the reading is right, 0 to 1.", required=True),
    field(
        "how",
        _STRING,
        "How a phone number was read; look_alike:BRAND for a domain that imitates one; whole_text "
        "for a script where known scripts are nearly all that the narrative says, else words:B-E, "
        "from which word to before which it stands.",
    ),
    field("also_read_as", _STRING, "A less plausible reading of the same text, E.164."),
    field("extension", _STRING, "Extension written behind a phone number."),
]

_PHONE = [
    field("region", _STRING, "Region of a phone number, ISO 3166-1 alpha-2."),
    field("line_type", _STRING, "Line type of a phone number."),
]

_CARRIED = field(
    "carried", _STRING, "`named`: bare digits in a lure's link, under a key that names a phone."
)

_EVIDENCE = [
    field("group_id", _STRING, "Record that is one piece of evidence.", required=True),
    field("victim_key", _STRING, "Pseudonym that counts victims; never leaves."),
    field("reporter_key", _STRING, "Who states the record; never leaves."),
    field("channel", _STRING, "Channel of a complaint, by which its source is known."),
    field("filed_at", TIMESTAMP, "When a complaint came, whatever date it states."),
    field("wordless", pa.bool_(), "Whether a narrative is too short to be anyone's own."),
    field("brand", _STRING, "Brand that the record says the caller claimed."),
    field("loss_amount", AMOUNT, "Loss that the complaint states."),
    field("loss_currency", _STRING, "ISO 4217 code of loss_amount."),
]

STATUS = field("status", _STRING, "Status of the entity.", values=tuple(Status))
"""The field of mentions that CLASSIFIED has more than EVIDENCE."""

MENTION = pa.schema([*_READ, *_RECORD, *_PLACE])
"""mentions/: where every identifier was read. Victim-side readings are not in it."""

MENTION_KEY = ("entity_id", "source_org", "record_kind", "record_id", "field", "start")

MENTIONS = "mentions"
"""The column of EVIDENCE and CLASSIFIED that lists the mentions of a record."""

ROW = "row"
"""The column of a mention's row in these, where it stands alone."""

EVIDENCE = pa.schema(
    [
        *_RECORD,
        *_EVIDENCE,
        field(
            MENTIONS,
            pa.list_(pa.struct([*_READ, *_PLACE, *_PHONE, _CARRIED])),
            "The identifiers read in it, victim-side ones too.",
        ),
    ]
)
"""A record with what it says of itself and of the scam, and its mentions.

`group_id` is `org|complaint_id` for a complaint and the calls that name it, and
`org|call|call_id` for a call on its own. A record can have several rows.
"""

CLASSIFIED = pa.schema(
    [
        *_RECORD,
        *_EVIDENCE,
        field(
            MENTIONS,
            pa.list_(pa.struct([*_READ, *_PLACE, _CARRIED, STATUS])),
            "The identifiers read in it.",
        ),
    ]
)
"""EVIDENCE with what may be said of each entity."""

EVIDENCE_MENTION = pa.schema([*MENTION, *_EVIDENCE, *_PHONE, _CARRIED])
"""A mention of EVIDENCE with what its record says."""
