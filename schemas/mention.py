"""The mention: one identifier, read at one place of one record."""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import EntityKind, RecordKind, Role, Status
from schemas.field import (
    AMOUNT,
    FLAG,
    SMALL_INTEGER,
    TIMESTAMP,
    contract,
    list_of,
    optional,
    required,
)

_READ = contract(
    required(entity_id="Canonical id, such as phone:+18885550123."),
    required(EntityKind, kind="Namespace of the id."),
    required(Role, role="Part it plays in the record."),
)

_RECORD = contract(
    required(source_org="Organisation of the record."),
    required(RecordKind, record_kind="Complaint or call."),
    required(record_id="complaint_id or call_id."),
    required(TIMESTAMP, observed_at="When the record saw it."),
    optional(victim_country="Country of the victim, if known."),
)

_PLACE = contract(
    optional(field="Field it was read from, such as narrative or urls[0]."),
    optional(
        SMALL_INTEGER,
        start="First character in that field, counted in code points.",
        end="Character after the last one.",
    ),
    optional(raw="The text that was read."),
    required(pa.float32(), confidence="That the reading is right, 0 to 1."),
    optional(
        how="How a phone number was read; look_alike:BRAND for a domain that imitates one; "
        "whole_text for a script where known scripts are nearly all that the narrative says, else "
        "words:B-E, from which word to before which it stands.",
        also_read_as="A less plausible reading of the same text, E.164.",
        extension="Extension written behind a phone number.",
    ),
)

_PHONE = contract(
    optional(
        region="Region of a phone number, ISO 3166-1 alpha-2.",
        line_type="Line type of a phone number.",
    )
)

_LINKED = optional(
    carried="`named`: bare digits in a lure's link, under a key that names a phone.",
    page="Host and path of a link to a site, where they say more than its domain.",
)

_EVIDENCE = contract(
    required(group_id="Record that is one piece of evidence."),
    optional(
        victim_key="Pseudonym that counts victims; never leaves.",
        reporter_key="Who states the record; never leaves.",
        channel="Channel of a complaint, by which its source is known.",
    ),
    optional(TIMESTAMP, filed_at="When a complaint came, whatever date it states."),
    optional(FLAG, wordless="Whether a narrative is too short to be anyone's own."),
    optional(brand="Brand that the record says the caller claimed."),
    optional(AMOUNT, loss_amount="Loss that the complaint states."),
    optional(loss_currency="ISO 4217 code of loss_amount."),
)

STATUS = optional(Status, status="Status of the entity.")
"""The field of mentions that CLASSIFIED has more than EVIDENCE."""

MENTION = contract(_READ, _RECORD, _PLACE)
"""mentions/: where every identifier was read. Victim-side readings are not in it."""

MENTIONS = "mentions"
"""The column of EVIDENCE and CLASSIFIED that lists the mentions of a record."""

ROW = "row"
"""The column of a mention's row in these, where it stands alone."""

EVIDENCE = contract(
    _RECORD,
    _EVIDENCE,
    optional(
        list_of(_READ, _PLACE, _PHONE, _LINKED),
        **{MENTIONS: "The identifiers read in it, victim-side ones too."},
    ),
)
"""A record with what it says of itself and of the scam, and its mentions.

`group_id` is `org|complaint_id` for a complaint and the calls that name it, and
`org|call|call_id` for a call on its own. A record can have several rows.
"""

CLASSIFIED = contract(
    _RECORD,
    _EVIDENCE,
    optional(list_of(_READ, _PLACE, _LINKED, STATUS), **{MENTIONS: "The identifiers read in it."}),
)
"""EVIDENCE with each entity's final status."""

EVIDENCE_MENTION = contract(MENTION, _EVIDENCE, _PHONE, _LINKED)
"""A mention of EVIDENCE with the columns of its record."""
