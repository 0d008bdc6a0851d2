"""STIX 2.1 building blocks: how identifiers become observables, ids, and TLP 2.0 markings."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from schemas import epoch
from schemas.kinds import EntityKind

Object = dict[str, Any]

SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of the ids of cyber-observable objects (STIX 2.1 section 2.9)."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ringtrace")
"""Namespace of the ids of all other objects: section 2.9 forbids `SCO_NAMESPACE` for them."""

_SCO, _OWN = SCO_NAMESPACE.bytes, NAMESPACE.bytes

_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)

OPENCTI = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82"
"""The extension under which OpenCTI defines observables that STIX 2.1 lacks (STIX_EXT_OCTI_SCO)."""

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""TLP 2.0 for STIX 2.1 (OASIS cti-stix-common-objects, extension-definition-specifications)."""

_TLP_IDS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
TLP_LEVELS = tuple(_TLP_IDS)
"""TLP 2.0 (FIRST, August 2022), the widest circle first."""

_NATIVE: dict[str, str] = {
    EntityKind.DOMAIN: "domain-name",
    EntityKind.URL: "url",
    EntityKind.EMAIL: "email-addr",
}
_OPENCTI: dict[str, str] = {
    EntityKind.PHONE: "phone-number",
    EntityKind.WALLET: "cryptocurrency-wallet",
}


def marking(tlp: str) -> Object:
    """The published marking object of a TLP 2.0 level; its id and time are OASIS's."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_TLP_IDS[tlp]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp}},
    }


@lru_cache(maxsize=16_384)
def timestamp(moment: datetime, precision: str = "microseconds") -> str:
    """RFC 3339 in UTC (section 3.2), of one length, so that texts sort as their times do.

    `created` and `modified` are to the millisecond (section 3.4).
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def own_id(kind: str, *parts: str) -> str:
    """A lasting id of an object that is no observable, from what makes it the one it is."""
    name = ", ".join(map(_quoted, (kind, *parts)))
    return f"{kind}--{_uuid5(_OWN, f'[{name}]')}"


@lru_cache(maxsize=16_384)
def _quoted(text: str) -> str:
    """A text as JSON; most are parts of several ids."""
    return json.dumps(text)


def _uuid5(namespace: bytes, name: str) -> str:
    """As `uuid.uuid5` (RFC 9562 section 5.5), in half the time: each object has one."""
    digest = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def observable(entity_id: str) -> Object:
    """The cyber-observable of an entity id, with the id that STIX gives it everywhere.

    Phone numbers, wallets and IBANs are OpenCTI's observables, with its extension and, as in
    pycti, their `value` (or `iban`) for id. Accounts with a service (remote-access ids, UPI,
    handles) are user-account objects whose `user_id` keeps the service: `anydesk:123456789`. Their
    account_type is left out: its vocabulary knows none of these services.
    """
    kind, _, value = epoch.bare(entity_id).partition(":")
    if kind in _NATIVE:
        return _sco(_NATIVE[kind], {"value": value})
    if kind == EntityKind.IP:
        family = ipaddress.ip_address(value).version
        return _sco(f"ipv{family}-addr", {"value": value})
    if kind == EntityKind.WALLET:
        value = value.partition(":")[2]
    if kind in _OPENCTI:
        return _sco(_OPENCTI[kind], {"value": value}) | _new_sco()
    scheme, _, rest = value.partition(":")
    if kind == EntityKind.ACCOUNT and scheme == "iban":
        return _sco("bank-account", {"iban": rest}) | {"value": rest} | _new_sco()
    return _sco("user-account", {"user_id": value})


def _sco(kind: str, contributing: dict[str, str]) -> Object:
    """An observable whose id is made of `contributing` in canonical JSON (RFC 8785)."""
    sco_id = f"{kind}--{_uuid5(_SCO, _CANONICAL.encode(contributing))}"
    return {"type": kind, "spec_version": "2.1", "id": sco_id, **contributing}


def _new_sco() -> Object:
    return {"extensions": {OPENCTI: {"extension_type": "new-sco"}}}
