"""SHAKEN PASSporTs: signed claims about one call (RFC 8225, RFC 8588, RFC 8946, RFC 9795).

Read from JSON Lines with a key `identity`, from bare tokens, or from SIP Identity header
values (RFC 8224), one a line. The signature is checked only where keys are given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.enums import Direction
from schemas.reject import Code
from transforms.read import json_values
from transforms.read.adapters.base import build
from transforms.read.framing import Origin, Record
from transforms.read.json_values import BrokenJsonError
from transforms.read.rejects import Reject, reject

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey


NAME = "passport"


SOURCE_ORG = "passport"


_TOKEN = re.compile(r"([A-Za-z0-9_-]+={0,2})\.([A-Za-z0-9_-]+={0,2})\.([A-Za-z0-9_-]*={0,2})")


_CANONICAL = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


_CERTIFICATE = re.compile(
    r"https?://(?P<host>(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63})(?::[0-9]{1,5})?/", re.IGNORECASE
)


_LONGEST_ADDRESS = 2048


_LATEST = 253_402_300_800
"""The first second of the year 10000, which no calendar here can hold."""


class BrokenTokenError(Exception):
    """A text that is not a PASSporT; says why."""


def token(line: str) -> str:
    """The compact token in a bare token or an Identity header value. Raises BrokenTokenError.

    What follows the first ';' (info, alg, ppt) only repeats the token's header, and is
    often malformed.
    """
    text = line.strip()
    if text[:9].lower() == "identity:":
        text = text[9:].lstrip()
    compact = text.partition(";")[0].strip()
    if not _TOKEN.fullmatch(compact):
        raise BrokenTokenError("not three base64url parts with dots between them")
    return compact


def _decode(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        raise BrokenTokenError("a part is not base64url") from None


def _claims(part: str) -> dict[str, Any]:
    try:
        value = json_values.parse(_decode(part))
    except BrokenJsonError:
        raise BrokenTokenError("a part is not JSON") from None
    if not isinstance(value, dict):
        raise BrokenTokenError("a part is not a JSON object")
    return value


def _party(value: Any) -> str | None:
    """The first number, or URI where there is none, of an orig or dest claim.

    RFC 8225 makes orig.tn a string and dest.tn a list; either comes as the other, and the
    whole claim as a string that holds JSON.
    """
    if isinstance(value, str):
        try:
            value = json_values.parse(value.encode("utf-8", "replace"))
        except BrokenJsonError:
            return None
    if not isinstance(value, dict):
        return None
    for key in ("tn", "uri"):
        found = value.get(key)
        first = found[0] if isinstance(found, list) and found else found
        if isinstance(first, str) and first:
            return f"+{first}" if key == "tn" and _CANONICAL.fullmatch(first) else first
    return None


def _issued(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < _LATEST:
        raise BrokenTokenError("iat is not a time in seconds since 1970")
    return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def claims(compact: str) -> dict[str, str | None]:
    """The fields of the call that a token speaks for. Raises BrokenTokenError."""
    first, payload, _ = compact.split(".")
    header, said = _claims(first), _claims(payload)
    kind = header.get("typ")
    if str(kind).lower() != "passport" or not {"orig", "dest", "iat"} <= said.keys():
        raise BrokenTokenError("a token, but not a PASSporT: it lacks typ, orig, dest or iat")
    return {
        "call_id": "passport-" + hashlib.sha256(compact.encode()).hexdigest()[:32],
        "started_at": _issued(said["iat"]),
        "direction": Direction.INBOUND,
        "calling_number": _party(said["orig"]),
        "called_number": _party(said["dest"]),
        "attestation": _text(said.get("attest")),
        "orig_id": _text(said.get("origid")),
        "carrier": _signer(header.get("x5u")),
        "caller_name": _name(said.get("rcd")),
        "diverted_from": _party(said.get("div")),
    }


def _name(shown: Any) -> str | None:
    """The name that was to be shown to the called person (RFC 9795 section 5.1.1)."""
    return _text(shown.get("nam")) if isinstance(shown, dict) else None


def _signer(certificate: Any) -> str | None:
    """Who signed, by the host where its certificate lies (RFC 8225 section 4.1, x5u).

    A carrier, or the keeper of its certificates: a supplier either way. None for an address that no
    other network can reach.
    """
    if not isinstance(certificate, str) or len(certificate) > _LONGEST_ADDRESS:
        return None
    found = _CERTIFICATE.match(certificate)
    return found["host"].lower() if found else None


def load_keys(pems: Sequence[str]) -> list[EllipticCurvePublicKey]:
    """The public keys in PEM texts of keys or certificates, for ES256.

    Raises ValueError for a text that holds none.
    """
    if not pems:
        return []
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = []
    for pem in pems:
        data = pem.encode()
        is_certificate = b"BEGIN CERTIFICATE" in data
        load = x509.load_pem_x509_certificate if is_certificate else None
        key = load(data).public_key() if load else serialization.load_pem_public_key(data)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not an elliptic curve key")
        keys.append(key)
    return keys


def check_signature(compact: str, keys: Sequence[EllipticCurvePublicKey]) -> None:
    """Raise BrokenTokenError unless one of the keys made the token's signature (ES256)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    signed, _, signature = compact.rpartition(".")
    raw = _decode(signature)
    if len(raw) != 64:
        raise BrokenTokenError("the signature is not one of ES256 (RFC 7518 section 3.4)")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    for key in keys:
        try:
            key.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise BrokenTokenError("none of the given keys made the signature")


def _line(data: bytes) -> str:
    """The text that should hold a token: the line, or the `identity` of its JSON object."""
    if not data.lstrip().startswith(b"{"):
        return data.decode()
    value = json_values.parse(data)
    identity = value.get("identity")
    if not isinstance(identity, str):
        raise BrokenTokenError("no text under the key identity")
    return identity


def read(
    origin: Origin,
    records: Sequence[Record],
    source_org: str | None = None,
    pems: Sequence[str] = (),
) -> tuple[pa.RecordBatch, list[Reject]]:
    """CALL_LOOSE rows, and a reject for each line that holds no PASSporT.

    The call's id is a hash of the token, so that a token seen twice is one call. A number in
    RFC 8225's canonical form gets its '+'; other text (a national number, a name) stays as it is.
    """
    keys = load_keys(pems)
    good: list[Record] = []
    rows: list[dict[str, str | None]] = []
    rejects: list[Reject] = []
    for record in records:
        try:
            compact = token(_line(record.data))
            row = claims(compact)
            if keys:
                check_signature(compact, keys)
        except BrokenTokenError as broken:
            rejects.append(reject(origin, record, Code.BROKEN_TOKEN, str(broken)))
        except BrokenJsonError as broken:
            rejects.append(reject(origin, record, broken.code, broken.message))
        except UnicodeDecodeError:
            rejects.append(reject(origin, record, Code.BAD_ENCODING, "not valid UTF-8"))
        else:
            good.append(record)
            rows.append({"source_org": source_org or SOURCE_ORG, **row})
    names = ("source_org", *_FIELDS)
    arrays = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    return build(origin, good, arrays), rejects


_FIELDS = (
    "call_id",
    "started_at",
    "direction",
    "calling_number",
    "called_number",
    "attestation",
    "orig_id",
    "carrier",
    "caller_name",
    "diverted_from",
)
