"""The complaint: a customer's report of a scam, as it arrives and as ringtrace keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from schemas.enums import (
    EMAIL_ROLES,
    IMPERSONATION_ASPECTS,
    NUMBER_ROLES,
    Channel,
    PaymentStatus,
    Speaker,
)
from schemas.field import AMOUNT, TIMESTAMP, field

_STRING = pa.string()


def _number(raw: pa.DataType) -> pa.DataType:
    return pa.list_(
        pa.struct(
            [
                field("raw", raw, "The number as written."),
                field("role", _STRING, "The part it plays.", values=NUMBER_ROLES),
            ]
        )
    )


_REMOTE = pa.list_(
    pa.struct(
        [
            field("tool", _STRING, "Remote-access product, such as anydesk or teamviewer."),
            field("id", _STRING, "The operator's id in that product."),
        ]
    )
)


STATED_OF_PAYMENT = [
    field("paid_at", _STRING, "When it was paid: ISO 8601 with a zone, or a day alone."),
    field("reference", _STRING, "The bank's or service's reference of the transfer."),
    field(
        "beneficiary_name",
        _STRING,
        "Whom the transfer named, as the victim states it. Links nothing.",
    ),
    field("beneficiary_bank", _STRING, "The bank that the transfer named, as the victim states."),
    field("status", _STRING, "What became of it.", values=tuple(PaymentStatus)),
]
"""Fields that a payment may state besides: in no table of a run, read again for a referral."""


def _payments(amount: pa.DataType, stated: Sequence[pa.Field] = ()) -> pa.DataType:
    return pa.list_(
        pa.struct(
            [
                field("method", _STRING, "How it was paid: bank, upi, crypto, gift_card, ..."),
                field("payee", _STRING, "IBAN, account, UPI id, wallet address or handle."),
                field("amount", amount, "Exact amount."),
                field("currency", _STRING, "ISO 4217 code, or the coin's ticker."),
                *stated,
            ]
        )
    )


def _fields(timestamp: pa.DataType, amount: pa.DataType) -> list[pa.Field]:
    return [
        field("complaint_id", _STRING, "Unique within source_org.", required=True),
        field("source_org", _STRING, "Slug of the reporting organisation.", required=True),
        field("received_at", timestamp, "When the organisation received it.", required=True),
        field("occurred_at", timestamp, "When the scam happened, as the victim said."),
        field("victim_id", _STRING, "The organisation's own pseudonym; never a name or number."),
        field("victim_country", _STRING, "ISO 3166-1 alpha-2; default region of the numbers."),
        field("victim_region", _STRING, "State or province, as the organisation writes it."),
        field("language", _STRING, "BCP 47 tag of the narrative."),
        field("channel", _STRING, "How the scam arrived.", values=tuple(Channel)),
        field("claimed_brand", _STRING, "Who the caller claimed to be, as the victim said it."),
        field("narrative", _STRING, "What happened, in words. Hostile input."),
        field(
            "narrative_by",
            _STRING,
            "Whose words the narrative is; the victim's where absent. The suspect's is a "
            "transcript, or the text of a message.",
            values=tuple(Speaker),
        ),
        field("phone_numbers", _number(_STRING), "Numbers named in the complaint."),
        field("urls", pa.list_(_STRING), "Web addresses, possibly defanged (hxxp, [.])."),
        field(
            "emails",
            pa.list_(_STRING),
            "E-mail addresses, possibly defanged. In the input an item may be an object with "
            "`address` and `role`, one of those of email_roles.",
        ),
        field(
            "email_roles",
            pa.list_(_STRING),
            f"The role of each of emails, in their order: {', '.join(EMAIL_ROLES)}. A sender's "
            "where absent.",
        ),
        field("remote_access", _REMOTE, "Operator-side remote-access ids."),
        field("payments", _payments(amount, STATED_OF_PAYMENT), "Payments made or demanded."),
        field("loss_amount", amount, "What the victim lost in all."),
        field("loss_currency", _STRING, "ISO 4217 code of loss_amount."),
    ]


COMPLAINT_INPUT = pa.schema(_fields(TIMESTAMP, AMOUNT))
"""The input contract: the fields of one complaint."""

_KEPT_APART = field(
    "narrative",
    _STRING,
    "What happened, in words; null unless the run was made with --keep-narratives. See "
    "private/narratives.",
)

ORIGIN = [
    field("source", _STRING, "File the row came from.", required=True),
    field("position", pa.int64(), "1-based line, or Parquet row, it starts on.", required=True),
    field("format", _STRING, "Adapter that read it.", required=True),
]
"""Origin of a row; travels with it until it is accepted."""

LOOSE_EXTRA = [
    *ORIGIN,
    field("raw", pa.binary(), "The row as it was read, for rejects.", required=True),
    field("unknown", pa.list_(_STRING), "Names of fields that the contract does not know."),
]

COMPLAINT_LOOSE = pa.schema(
    [f.with_nullable(True) for f in _fields(_STRING, _STRING)] + LOOSE_EXTRA
)
"""Rows of every reader: the contract's fields, scalars still text, plus their origin."""

_KEPT_OF_PAYMENTS = field("payments", _payments(AMOUNT), "Payments made or demanded.")

_KEPT = [_KEPT_OF_PAYMENTS if one.name == "payments" else one for one in COMPLAINT_INPUT]

COMPLAINT_ACCEPTED = pa.schema(_KEPT + ORIGIN)
"""Validated rows inside the pipeline, before the victim's numbers are taken out."""

IMPERSONATION = pa.list_(
    pa.struct(
        [
            field("what", _STRING, "What was told.", required=True, values=IMPERSONATION_ASPECTS),
            field("name", _STRING, "Canonical brand, lure or gift card.", required=True),
            field("field", _STRING, "Field that tells it.", required=True),
            field(
                "start", pa.int32(), "First character of the words that tell it, in code points."
            ),
            field("end", pa.int32(), "Character after the last one."),
        ]
    )
)
"""Whom a complaint says was impersonated and how: names and places, no text."""

COMPLAINT = pa.schema(
    [
        *(_KEPT_APART if one.name == "narrative" else one for one in _KEPT),
        field(
            "numbers_withheld",
            pa.int32(),
            "Numbers taken out that are or may be a victim's.",
            required=True,
        ),
        field("numbers_unread", pa.int32(), "Numbers that could not be read.", required=True),
        field("impersonation", IMPERSONATION, "Brands, lures and gift cards that it tells of."),
    ]
)
"""complaints/: accepted rows without the victim's numbers, masked in place in the narrative."""

NARRATIVE = pa.schema(
    [
        COMPLAINT_INPUT.field("source_org"),
        COMPLAINT_INPUT.field("complaint_id"),
        field("narrative", _STRING, "What happened, in words, masked."),
    ]
)
"""private/narratives/: the words of complaints, for the run's owner alone."""

COMPLAINT_TEXTS = (
    "victim_id",
    "victim_region",
    "language",
    "claimed_brand",
    "narrative",
    "phone_numbers",
    "urls",
    "emails",
    "remote_access",
    "payments",
)
"""Fields of a complaint that can contain a victim's number, in the order of their texts."""

DIGITS = pa.list_(
    pa.struct(
        [
            ("text", pa.int32()),
            ("form", pa.int8()),
            ("start", pa.int32()),
            ("digits", _STRING),
            ("joint", pa.int8()),
        ]
    )
)
"""Runs of digits in the texts of a complaint; `transforms.victims.record_texts` finds them."""

OWN_NUMBER, OWN_ADDRESS, PAPER, OTHER_PRIVATE = "own_number", "own_address", "paper", "other"

PRIVATE = pa.list_(
    pa.struct([("text", pa.int32()), ("start", pa.int32()), ("end", pa.int32()), ("what", _STRING)])
)
"""Spans of a complaint's texts that nobody may see, although they are no identifiers of the graph.

OWN_NUMBER and OWN_ADDRESS are what the words before call the writer's own, a PAPER is the number of
a card or of somebody's papers. `text` is the number of the text among those of its record, `start`
and `end` are code points in it.
"""

COMPLAINT_READ = pa.schema(
    [
        *COMPLAINT_ACCEPTED,
        ("e164", pa.list_(_STRING)),
        COMPLAINT.field("numbers_unread"),
        COMPLAINT.field("impersonation"),
        ("digits", DIGITS),
        ("private", PRIVATE),
    ]
)
"""Accepted rows with what was read in them: the E.164 of each of phone_numbers, null for none."""

COMPLAINT_KEY = ("source_org", "complaint_id")
