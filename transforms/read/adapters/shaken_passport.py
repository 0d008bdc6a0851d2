"""SHAKEN PASSporTs: signed claims about one call (RFC 8225, RFC 8588, RFC 8946, RFC 9795).

Read from JSON Lines with a key `identity`, from bare tokens, or from SIP Identity header
values (RFC 8224), one a line. The signature is checked only where keys are given.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence, Set as AbstractSet
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from schemas.enums import Direction, RecordKind
from schemas.reject import Code
from transforms.read import framing
from transforms.read.adapters import base
from transforms.read.files import InputError, ReadOptions
from transforms.read.framing import BadRecordError, Origin, Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_TOKEN = re.compile(r"([A-Za-z0-9_-]+={0,2})\.([A-Za-z0-9_-]+={0,2})\.([A-Za-z0-9_-]*={0,2})")

_CANONICAL = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)

_CERTIFICATE = re.compile(
    r"https?://((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63})(?::[0-9]{1,5})?/", re.IGNORECASE
)

_LONGEST_ADDRESS = 2048

_LATEST = 253_402_300_800
"""The first second of the year 10000, which no calendar here can hold."""


def _broken(why: str) -> BadRecordError:
    return BadRecordError(Code.BROKEN_TOKEN, why)


def extract_token(line: str) -> str:
    """Returns the compact token in a bare token or an Identity header value.

    What follows the first ';' (info, alg, ppt) only repeats the token's header, and is
    often malformed.

    Raises:
        BadRecordError: if there is none.
    """
    text = line.strip()
    if text[:9].lower() == "identity:":
        text = text[9:].lstrip()
    compact = text.partition(";")[0].strip()
    if not _TOKEN.fullmatch(compact):
        raise _broken("not three base64url parts with dots between them")
    return compact


def _decode(part: str) -> bytes:
    digits = part.rstrip("=")
    try:
        return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
    except ValueError:
        raise _broken("a part is not base64url") from None


def _json_part(part: str) -> dict[str, Any]:
    data = _decode(part)
    try:
        return framing.require_object(framing.parse_json(data))
    except BadRecordError:
        raise _broken("a part is not a JSON object") from None


def _first_number(value: Any) -> str | None:
    """Returns the first number, or URI where there is none, of an orig or dest claim.

    RFC 8225 makes orig.tn a string and dest.tn a list; either comes as the other, and the
    whole claim as a string that holds JSON.
    """
    if isinstance(value, str):
        try:
            value = framing.parse_json(value.encode("utf-8", "replace"))
        except BadRecordError:
            return None
    for key in ("tn", "uri") if isinstance(value, dict) else ():
        numbers = value.get(key)
        first = _nonempty_text(numbers[0] if isinstance(numbers, list) and numbers else numbers)
        if first:
            return f"+{first}" if key == "tn" and _CANONICAL.fullmatch(first) else first
    return None


def _issued_at(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < _LATEST:
        raise _broken("iat is not a time in seconds since 1970")
    return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nonempty_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def call_fields(compact: str) -> dict[str, str | None]:
    """Returns the text fields of the call that a token attests. Raises BadRecordError."""
    first, second, _ = compact.split(".")
    header, payload = _json_part(first), _json_part(second)
    kind = header.get("typ")
    if str(kind).lower() != "passport" or not {"orig", "dest", "iat"} <= payload.keys():
        raise _broken("a token, but not a PASSporT: it lacks typ, orig, dest or iat")
    return {
        "call_id": "passport-" + hashlib.sha256(compact.encode()).hexdigest()[:32],
        "started_at": _issued_at(payload["iat"]),
        "direction": Direction.INBOUND,
        "calling_number": _first_number(payload["orig"]),
        "called_number": _first_number(payload["dest"]),
        "attestation": _nonempty_text(payload.get("attest")),
        "orig_id": _nonempty_text(payload.get("origid")),
        "carrier": _signer(header.get("x5u")),
        "caller_name": _caller_name(payload.get("rcd")),
        "diverted_from": _first_number(payload.get("div")),
    }


def _caller_name(shown: Any) -> str | None:
    """Returns the name to show to the called person (RFC 9795 section 5.1.1)."""
    return _nonempty_text(shown.get("nam")) if isinstance(shown, dict) else None


def _signer(certificate: Any) -> str | None:
    """Returns the host of the signer's certificate (RFC 8225 section 4.1, x5u).

    It is a carrier's, or of the keeper of its certificates: a supplier either way. None for an
    address that no other network can reach.
    """
    if not isinstance(certificate, str) or len(certificate) > _LONGEST_ADDRESS:
        return None
    host = _CERTIFICATE.match(certificate)
    return host[1].lower() if host else None


def load_public_keys(pems: Sequence[str]) -> list[EllipticCurvePublicKey]:
    """Loads the public keys in PEM texts of keys or certificates, for ES256.

    Raises ValueError if a text holds none.
    """
    if not pems:
        return []
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = []
    for pem in pems:
        data = pem.encode()
        if b"BEGIN CERTIFICATE" in data:
            key: object = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not an elliptic curve key")
        keys.append(key)
    return keys


def check_signature(compact: str, keys: Sequence[EllipticCurvePublicKey]) -> None:
    """Raises BadRecordError unless one of the keys made the token's signature (ES256)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    signed, _, signature = compact.rpartition(".")
    raw = _decode(signature)
    if len(raw) != 64:
        raise _broken("the signature is not one of ES256 (RFC 7518 section 3.4)")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    for key in keys:
        try:
            key.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise _broken("none of the given keys made the signature")


def _token_text(data: bytes) -> str:
    """Returns the text that should hold a token: the line, or `identity` of its JSON object."""
    if not data.lstrip().startswith(b"{"):
        return data.decode()
    value = framing.parse_json(data)
    identity = value.get("identity")
    if not isinstance(identity, str):
        raise _broken("no text under the key identity")
    return identity


def read_passports(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads CALL_LOOSE rows; a line that holds no PASSporT becomes a reject.

    The call's id is a hash of the token, so that a token seen twice is one call. A number in
    RFC 8225's canonical form gets its '+'; other text (a national number, a name) stays as it is.
    With `options.passport_keys` a token that none of them signed is a reject, too.
    """
    keys = load_public_keys(options.passport_keys)

    def read(record: Record) -> dict[str, str | None]:
        compact = extract_token(_token_text(record.data))
        row = call_fields(compact)
        if keys:
            check_signature(compact, keys)
        return {"source_org": options.source_org or "passport", **row}

    good, rows, rejects = base.read_each(origin, records, read)
    return base.build_from_rows(origin, good, rows), rejects


def _has_token_keys(keys: AbstractSet[str], _: bool) -> bool:
    return "identity" in keys and not keys & {"complaint_id", "call_id"}


def _is_token_line(line: bytes) -> bool:
    try:
        return extract_token(line.decode()).startswith("eyJ")  # base64url of '{"'
    except (BadRecordError, UnicodeDecodeError):
        return False


def _check_options(options: ReadOptions) -> None:
    try:
        load_public_keys(options.passport_keys)
    except ValueError:
        remedy = "give PEM texts of public keys or certificates"
        raise InputError("PASSporT keys", "not elliptic curve keys", remedy) from None


ADAPTER = base.Adapter(
    name="passport",
    description="SHAKEN PASSporTs",
    kinds=(RecordKind.CALL,),
    layout=base.Layout.LINES,
    read=read_passports,
    detect_keys=_has_token_keys,
    detect_line=_is_token_line,
    check_options=_check_options,
)
