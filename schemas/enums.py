"""The closed vocabularies of the contracts, ISO codes among them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from schemas import data_of


class RecordKind(StrEnum):
    """Kinds of records: a customer's complaint, or a call's metadata."""

    COMPLAINT = "complaint"
    CALL = "call"


class Channel(StrEnum):
    """Ways in which the scam reached the victim."""

    PHONE_INBOUND = "phone_inbound"
    PHONE_CALLBACK = "phone_callback"
    POPUP = "popup"
    EMAIL = "email"
    SMS = "sms"
    WEB = "web"
    OTHER = "other"


class PaymentStatus(StrEnum):
    """Outcomes of a payment, as the organisation that received the complaint knows it."""

    DEMANDED = "demanded"
    PENDING = "pending"
    COMPLETED = "completed"
    RECALLED = "recalled"
    RETURNED = "returned"
    FAILED = "failed"


class Role(StrEnum):
    """The part an identifier plays in the record that names it."""

    CALLBACK = "callback"
    CALLER_ID = "caller_id"
    MENTIONED = "mentioned"
    VICTIM = "victim"
    PAYEE = "payee"
    OPERATOR = "operator"
    LURE_SITE = "lure_site"
    SENDER = "sender"
    SIGNALLING = "signalling"


class Carried(StrEnum):
    """The form of a number in a link: bare digits, those of a phone's key, or as people write it.

    That of a line that no private person holds is `free`, in whatever form.
    """

    BARE = "bare"
    NAMED = "named"
    WRITTEN = "written"
    FREE = "free"


MAYBE_NUMBERS = (Carried.BARE, Carried.NAMED)
"""Digits in links that may be an order's: they have no role of their own."""


class Speaker(StrEnum):
    """The speaker of a narrative: the victim, or the suspect in a transcript or text."""

    VICTIM = "victim"
    SUSPECT = "suspect"


NUMBER_ROLES = (Role.CALLBACK, Role.CALLER_ID, Role.MENTIONED, Role.VICTIM)
"""The roles that the input contract knows for a phone number."""

EMAIL_ROLES = ("sender", "reply_to", "mentioned", "victim")
"""The roles that the input contract knows for an e-mail address.

A sender's address was shown and can be forged, as a caller id can; a victim's answers reach the
address to reply to.
"""

IMPERSONATION_ASPECTS = ("brand", "lure", "gift_card")
"""Aspects of an impersonation in a complaint: the brand, the story and a payment by gift card."""

HARD_ROLES = (Role.CALLBACK, Role.PAYEE, Role.OPERATOR, Role.LURE_SITE, Role.SENDER)
"""Roles in which the scammer must really hold the identifier, or the scam cannot pay.

A caller id can be spoofed, and a mentioned number can be anybody's.
"""


class EntityKind(StrEnum):
    """The namespaces of entity ids; an id is `kind:value`, or `kind:scheme:value`."""

    PHONE = "phone"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    REMOTE = "remote"
    ACCOUNT = "account"
    WALLET = "wallet"
    HANDLE = "handle"
    SCRIPT = "script"
    ORIG_ID = "orig_id"
    TRUNK = "trunk"
    CARRIER = "carrier"
    IP = "ip"


SUPPLIER_KINDS = (
    EntityKind.SCRIPT,
    EntityKind.ORIG_ID,
    EntityKind.TRUNK,
    EntityKind.CARRIER,
    EntityKind.IP,
)
"""Kinds shared by a supplier's customers: they describe a cluster and never merge two."""


class Status(StrEnum):
    """The final status of an entity."""

    INFRASTRUCTURE = "infrastructure"
    SUPPRESSED = "suppressed"
    UNCORROBORATED = "uncorroborated"
    VICTIM_SIDE = "victim_side"
    CONTESTED = "contested"


class Tier(StrEnum):
    """The trust in a member: what several reporters show without a doubt, or what needs a check."""

    CORE = "core"
    VERIFY = "verify"


class Review(StrEnum):
    """The state of a member's review: an analyst has confirmed it, or not."""

    REVIEWED = "reviewed"
    UNREVIEWED = "unreviewed"


class SourceRule(StrEnum):
    """The ways in which an organisation's rows without a pseudonym count as reporters."""

    VICTIM_ID = "victim_id"
    EACH_ROW = "each_row"
    PER_DAY = "per_day"


class Strength(StrEnum):
    """Strength of a link: a hard one joins members, a soft one only describes."""

    HARD = "hard"
    SOFT = "soft"


class Attestation(StrEnum):
    """SHAKEN attestation levels (ATIS-1000074): full, partial, gateway."""

    A = "A"
    B = "B"
    C = "C"


class Direction(StrEnum):
    """Direction of a call: inbound from the suspect to the victim, outbound the other way."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


SUSPECT_NUMBER_DIRECTIONS = {
    "calling_number": Direction.INBOUND,
    "called_number": Direction.OUTBOUND,
    "diverted_from": Direction.OUTBOUND,
}
"""The numbers of a call, and the direction in which each is not the victim's.

In any other direction the number is or may be the victim's. A diverted inbound call was made to the
victim's other number.
"""


class LineageEvent(StrEnum):
    """A change of a cluster since the previous run."""

    BORN = "born"
    GREW = "grew"
    MERGED = "merged"
    SPLIT = "split"
    UNCHANGED = "unchanged"
    ENDED = "ended"


class Stage(StrEnum):
    """The step at which a row was rejected."""

    READ = "read"
    VALIDATE = "validate"


_CODES = data_of("iso_codes.toml")

ALPHA_2: Mapping[str, str] = dict(pair.split(":") for pair in _CODES["countries"].split())
"""ISO 3166-1: officially assigned codes of two letters, by those of three."""

COUNTRIES = frozenset(ALPHA_2.values())

CURRENCIES = frozenset(_CODES["currencies"].split())
"""ISO 4217, currencies in circulation, with BGN and CUP which old complaints still use."""
