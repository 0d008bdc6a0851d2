"""The closed vocabularies of the contracts (DESIGN.md sections 3 to 6)."""

from __future__ import annotations

from enum import StrEnum


class RecordKind(StrEnum):
    """What a record is: a customer's complaint or a call's metadata."""

    COMPLAINT = "complaint"
    CALL = "call"


class Channel(StrEnum):
    """How the scam reached the victim."""

    PHONE_INBOUND = "phone_inbound"
    PHONE_CALLBACK = "phone_callback"
    POPUP = "popup"
    EMAIL = "email"
    SMS = "sms"
    WEB = "web"
    OTHER = "other"


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


NUMBER_ROLES = (Role.CALLBACK, Role.CALLER_ID, Role.MENTIONED, Role.VICTIM)
"""The roles that the input contract knows for a phone number."""

TOLD = ("brand", "lure", "gift_card")
"""What a complaint tells of an impersonation: by whom, by which story, paid how."""

HARD_ROLES = (Role.CALLBACK, Role.PAYEE, Role.OPERATOR, Role.LURE_SITE, Role.SENDER)
"""Roles in which the scammer must really hold the identifier, or the scam cannot pay.

A caller id can be forged and a mentioned number can be anybody's (DESIGN.md section 6).
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
    """What may be said of an entity."""

    INFRASTRUCTURE = "infrastructure"
    SUPPRESSED = "suppressed"
    UNCORROBORATED = "uncorroborated"
    VICTIM_SIDE = "victim_side"


class Strength(StrEnum):
    """Whether a link can hold a cluster together (hard) or only describes it (soft)."""

    HARD = "hard"
    SOFT = "soft"


class Attestation(StrEnum):
    """SHAKEN attestation levels (ATIS-1000074): full, partial, gateway."""

    A = "A"
    B = "B"
    C = "C"


class Direction(StrEnum):
    """Who called: inbound, the suspect called the victim; outbound, the victim called back."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


SUSPECTS = {
    "calling_number": Direction.INBOUND,
    "called_number": Direction.OUTBOUND,
    "diverted_from": Direction.OUTBOUND,
}
"""The numbers of a call, and the direction in which each is not the victim's; in any other it is or
may be. An inbound call that was diverted was made to the victim's own other number."""


class LineageEvent(StrEnum):
    """What became of a cluster since the previous run."""

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
