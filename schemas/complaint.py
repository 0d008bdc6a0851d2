"""The complaint: a customer's report of a scam, as it arrives and as ringtrace keeps it."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from schemas.enums import (
    EMAIL_ROLES,
    IMPERSONATION_ASPECTS,
    NUMBER_ROLES,
    Channel,
    PaymentStatus,
    Speaker,
)
from schemas.field import (
    AMOUNT,
    INTEGER,
    SMALL_INTEGER,
    TEXT,
    TEXTS,
    TIMESTAMP,
    contract,
    list_of,
    optional,
    required,
)


def _number(raw: pa.DataType) -> pa.DataType:
    return list_of(
        optional(raw, raw="The number as written."),
        optional(NUMBER_ROLES, role="The part it plays."),
    )


_REMOTE = list_of(
    optional(
        tool="Remote-access product, such as anydesk or teamviewer.",
        id="The operator's id in that product.",
    )
)


STATED_OF_PAYMENT = contract(
    optional(
        paid_at="When it was paid: ISO 8601 with a zone, or a day alone.",
        reference="The bank's or service's reference of the transfer.",
        beneficiary_name="Whom the transfer named, as the victim states it. Links nothing.",
        beneficiary_bank="The bank that the transfer named, as the victim states.",
    ),
    optional(PaymentStatus, status="What became of it."),
)
"""Fields that a payment may state besides: in no table of a run, read again for a referral."""


def _payments(amount: pa.DataType, stated: Iterable[pa.Field] = ()) -> pa.DataType:
    return list_of(
        optional(
            method="How it was paid: bank, upi, crypto, gift_card, ...",
            payee="IBAN, account, UPI id, wallet address or handle.",
        ),
        optional(amount, amount="Exact amount."),
        optional(currency="ISO 4217 code, or the coin's ticker."),
        stated,
    )


def _fields(timestamp: pa.DataType, amount: pa.DataType) -> pa.Schema:
    return contract(
        required(
            complaint_id="Unique within source_org.",
            source_org="Slug of the reporting organisation.",
        ),
        required(timestamp, received_at="When the organisation received it."),
        optional(timestamp, occurred_at="When the scam happened, as the victim said."),
        optional(
            victim_id="The organisation's own pseudonym; never a name or number.",
            victim_country="ISO 3166-1 alpha-2; default region of the numbers.",
            victim_region="State or province, as the organisation writes it.",
            language="BCP 47 tag of the narrative.",
        ),
        optional(Channel, channel="How the scam arrived."),
        optional(
            claimed_brand="Who the caller claimed to be, as the victim said it.",
            narrative="What happened, in words. Hostile input.",
        ),
        optional(
            Speaker,
            narrative_by="Whose words the narrative is; the victim's where absent. The suspect's "
            "is a transcript, or the text of a message.",
        ),
        optional(_number(TEXT), phone_numbers="Numbers named in the complaint."),
        optional(
            TEXTS,
            urls="Web addresses, possibly defanged (hxxp, [.]).",
            emails="E-mail addresses, possibly defanged. In the input an item may be an object "
            "with `address` and `role`, one of those of email_roles.",
            email_roles=f"The role of each of emails, in their order: {', '.join(EMAIL_ROLES)}. A "
            "sender's where absent.",
        ),
        optional(_REMOTE, remote_access="Operator-side remote-access ids."),
        optional(_payments(amount, STATED_OF_PAYMENT), payments="Payments made or demanded."),
        optional(amount, loss_amount="What the victim lost in all."),
        optional(loss_currency="ISO 4217 code of loss_amount."),
    )


COMPLAINT_INPUT = _fields(TIMESTAMP, AMOUNT)
"""The input contract: the fields of one complaint."""

_KEPT_APART = optional(
    claimed_brand="Who the caller claimed to be: a brand or organisation of the lists, `other` for "
    "any other claim; with --keep-narratives as the victim said it.",
    narrative="What happened, in words; null unless the run was made with --keep-narratives. See "
    "private/narratives.",
)

ORIGIN = contract(
    required(source="File the row came from."),
    required(INTEGER, position="1-based line, or Parquet row, it starts on."),
    required(format="Adapter that read it."),
)
"""Origin of a row; travels with it until it is accepted."""

LOOSE_EXTRA = contract(
    ORIGIN,
    required(pa.binary(), raw="The row as it was read, for rejects."),
    optional(TEXTS, unknown="Names of fields that the contract does not know."),
)

COMPLAINT_LOOSE = contract((f.with_nullable(True) for f in _fields(TEXT, TEXT)), LOOSE_EXTRA)
"""Rows of every reader: the contract's fields, scalars still text, plus their origin."""

_KEPT_OF_PAYMENTS = optional(_payments(AMOUNT), payments="Payments made or demanded.")

_KEPT = {field.name: field for field in (*COMPLAINT_INPUT, *_KEPT_OF_PAYMENTS)}.values()

COMPLAINT_ACCEPTED = contract(_KEPT, ORIGIN)
"""Validated rows inside the pipeline, before the victim's numbers are taken out."""

IMPERSONATION = list_of(
    required(IMPERSONATION_ASPECTS, what="What was told."),
    required(name="Canonical brand, lure or gift card.", field="Field that tells it."),
    optional(
        SMALL_INTEGER,
        start="First character of the words that tell it, in code points.",
        end="Character after the last one.",
    ),
)
"""Whom a complaint says was impersonated and how: names and places, no text."""

COMPLAINT = contract(
    {field.name: field for field in (*_KEPT, *_KEPT_APART)}.values(),
    required(
        SMALL_INTEGER,
        numbers_withheld="Numbers taken out that are or may be a victim's.",
        numbers_unread="Numbers that could not be read.",
    ),
    optional(IMPERSONATION, impersonation="Brands, lures and gift cards that it tells of."),
)
"""complaints/: accepted rows without the victim's numbers, masked in place in the narrative."""

NARRATIVE = contract(
    map(COMPLAINT_INPUT.field, ("source_org", "complaint_id")),
    optional(narrative="What happened, in words, masked."),
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
    [
        ("text", SMALL_INTEGER),
        ("form", pa.int8()),
        ("start", SMALL_INTEGER),
        ("digits", TEXT),
        ("joint", pa.int8()),
    ]
)
"""Runs of digits in the texts of a complaint; `transforms.victims.record_texts` finds them."""

OWN_NUMBER, OWN_ADDRESS, PAPER, OTHER_PRIVATE = "own_number", "own_address", "paper", "other"

OPAQUE = "opaque"

PRIVATE = list_of(
    [("text", SMALL_INTEGER), ("start", SMALL_INTEGER), ("end", SMALL_INTEGER), ("what", TEXT)]
)
"""Private spans of a complaint's texts that are no identifiers of the graph.

OWN_NUMBER and OWN_ADDRESS are called the writer's own by the words before them. A PAPER is the
number of a card or document. An OPAQUE token of a link is shown as a hash. `text` is the number of
the text within its record; `start` and `end` are in characters.
"""

ADDRESSES = list_of(
    [("text", SMALL_INTEGER), ("start", SMALL_INTEGER), ("end", SMALL_INTEGER), ("hash", INTEGER)]
)
"""Spans of a complaint's texts that may name an address in other signs or words than its own.

`hash` is the one of its entity id: the span is masked where that is a victim's.
"""

COMPLAINT_READ = contract(
    COMPLAINT_ACCEPTED,
    [("e164", TEXTS)],
    map(COMPLAINT.field, ("numbers_unread", "impersonation")),
    [("digits", DIGITS), ("private", PRIVATE), ("addresses", ADDRESSES)],
)
"""Accepted rows with what was read in them, such as the E.164 of phone_numbers, null if unread."""

COMPLAINT_KEY = ("source_org", "complaint_id")
