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
from schemas.field import AMOUNT, INTEGER, TEXT, TEXTS, TIMESTAMP, list_of, optional, required


def _number(raw: pa.DataType) -> pa.DataType:
    return list_of(
        optional("raw", "The number as written.", raw),
        optional("role", "The part it plays.", values=NUMBER_ROLES),
    )


_REMOTE = list_of(
    optional("tool", "Remote-access product, such as anydesk or teamviewer."),
    optional("id", "The operator's id in that product."),
)


STATED_OF_PAYMENT = [
    optional("paid_at", "When it was paid: ISO 8601 with a zone, or a day alone."),
    optional("reference", "The bank's or service's reference of the transfer."),
    optional(
        "beneficiary_name", "Whom the transfer named, as the victim states it. Links nothing."
    ),
    optional("beneficiary_bank", "The bank that the transfer named, as the victim states."),
    optional("status", "What became of it.", values=PaymentStatus),
]
"""Fields that a payment may state besides: in no table of a run, read again for a referral."""


def _payments(amount: pa.DataType, stated: Sequence[pa.Field] = ()) -> pa.DataType:
    return list_of(
        optional("method", "How it was paid: bank, upi, crypto, gift_card, ..."),
        optional("payee", "IBAN, account, UPI id, wallet address or handle."),
        optional("amount", "Exact amount.", amount),
        optional("currency", "ISO 4217 code, or the coin's ticker."),
        *stated,
    )


def _fields(timestamp: pa.DataType, amount: pa.DataType) -> list[pa.Field]:
    return [
        required("complaint_id", "Unique within source_org."),
        required("source_org", "Slug of the reporting organisation."),
        required("received_at", "When the organisation received it.", timestamp),
        optional("occurred_at", "When the scam happened, as the victim said.", timestamp),
        optional("victim_id", "The organisation's own pseudonym; never a name or number."),
        optional("victim_country", "ISO 3166-1 alpha-2; default region of the numbers."),
        optional("victim_region", "State or province, as the organisation writes it."),
        optional("language", "BCP 47 tag of the narrative."),
        optional("channel", "How the scam arrived.", values=Channel),
        optional("claimed_brand", "Who the caller claimed to be, as the victim said it."),
        optional("narrative", "What happened, in words. Hostile input."),
        optional(
            "narrative_by",
            "Whose words the narrative is; the victim's where absent. The suspect's is a "
            "transcript, or the text of a message.",
            values=Speaker,
        ),
        optional("phone_numbers", "Numbers named in the complaint.", _number(TEXT)),
        optional("urls", "Web addresses, possibly defanged (hxxp, [.]).", TEXTS),
        optional(
            "emails",
            "E-mail addresses, possibly defanged. In the input an item may be an object with "
            "`address` and `role`, one of those of email_roles.",
            TEXTS,
        ),
        optional(
            "email_roles",
            f"The role of each of emails, in their order: {', '.join(EMAIL_ROLES)}. A sender's "
            "where absent.",
            TEXTS,
        ),
        optional("remote_access", "Operator-side remote-access ids.", _REMOTE),
        optional("payments", "Payments made or demanded.", _payments(amount, STATED_OF_PAYMENT)),
        optional("loss_amount", "What the victim lost in all.", amount),
        optional("loss_currency", "ISO 4217 code of loss_amount."),
    ]


COMPLAINT_INPUT = pa.schema(_fields(TIMESTAMP, AMOUNT))
"""The input contract: the fields of one complaint."""

_KEPT_APART = optional(
    "narrative",
    "What happened, in words; null unless the run was made with --keep-narratives. See "
    "private/narratives.",
)

ORIGIN = [
    required("source", "File the row came from."),
    required("position", "1-based line, or Parquet row, it starts on.", INTEGER),
    required("format", "Adapter that read it."),
]
"""Origin of a row; travels with it until it is accepted."""

LOOSE_EXTRA = [
    *ORIGIN,
    required("raw", "The row as it was read, for rejects.", pa.binary()),
    optional("unknown", "Names of fields that the contract does not know.", TEXTS),
]

COMPLAINT_LOOSE = pa.schema([f.with_nullable(True) for f in _fields(TEXT, TEXT)] + LOOSE_EXTRA)
"""Rows of every reader: the contract's fields, scalars still text, plus their origin."""

_KEPT_OF_PAYMENTS = optional("payments", "Payments made or demanded.", _payments(AMOUNT))

_KEPT = [_KEPT_OF_PAYMENTS if field.name == "payments" else field for field in COMPLAINT_INPUT]

COMPLAINT_ACCEPTED = pa.schema(_KEPT + ORIGIN)
"""Validated rows inside the pipeline, before the victim's numbers are taken out."""

IMPERSONATION = list_of(
    required("what", "What was told.", values=IMPERSONATION_ASPECTS),
    required("name", "Canonical brand, lure or gift card."),
    required("field", "Field that tells it."),
    optional("start", "First character of the words that tell it, in code points.", pa.int32()),
    optional("end", "Character after the last one.", pa.int32()),
)
"""Whom a complaint says was impersonated and how: names and places, no text."""

COMPLAINT = pa.schema(
    [
        *(_KEPT_APART if field.name == "narrative" else field for field in _KEPT),
        required(
            "numbers_withheld", "Numbers taken out that are or may be a victim's.", pa.int32()
        ),
        required("numbers_unread", "Numbers that could not be read.", pa.int32()),
        optional("impersonation", "Brands, lures and gift cards that it tells of.", IMPERSONATION),
    ]
)
"""complaints/: accepted rows without the victim's numbers, masked in place in the narrative."""

NARRATIVE = pa.schema(
    [
        COMPLAINT_INPUT.field("source_org"),
        COMPLAINT_INPUT.field("complaint_id"),
        optional("narrative", "What happened, in words, masked."),
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

DIGITS = list_of(
    ("text", pa.int32()),
    ("form", pa.int8()),
    ("start", pa.int32()),
    ("digits", TEXT),
    ("joint", pa.int8()),
)
"""Runs of digits in the texts of a complaint; `transforms.victims.record_texts` finds them."""

OWN_NUMBER, OWN_ADDRESS, PAPER, OTHER_PRIVATE = "own_number", "own_address", "paper", "other"

PRIVATE = list_of(("text", pa.int32()), ("start", pa.int32()), ("end", pa.int32()), ("what", TEXT))
"""Spans of a complaint's texts that nobody may see, although they are no identifiers of the graph.

OWN_NUMBER and OWN_ADDRESS are what the words before call the writer's own, a PAPER is the number of
a card or of somebody's papers. `text` is the number of the text among those of its record, `start`
and `end` are code points in it.
"""

COMPLAINT_READ = pa.schema(
    [
        *COMPLAINT_ACCEPTED,
        ("e164", TEXTS),
        COMPLAINT.field("numbers_unread"),
        COMPLAINT.field("impersonation"),
        ("digits", DIGITS),
        ("private", PRIVATE),
    ]
)
"""Accepted rows with what was read in them: the E.164 of each of phone_numbers, null for none."""

COMPLAINT_KEY = ("source_org", "complaint_id")
