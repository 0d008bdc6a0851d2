"""The RFC 3161 time stamp of a seal: what it says, and whether a named authority made it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509


class StampError(ValueError):
    """A time stamp that does not hold; the words follow its file's name."""


class NoStampLibraryError(ImportError):
    """The package that reads time stamps is not installed."""


@dataclass(frozen=True)
class Stamp:
    """A time stamp of a seal. `checked` is whether a trusted authority's signature holds.

    Without the package rfc3161-client nothing but the seal's digest was looked for, and `when` and
    `by` are None.
    """

    when: datetime | None
    by: str | None
    checked: bool

    @property
    def words(self) -> str:
        """What was checked and what was not, in words."""
        if self.when is None:
            return "present; its signature was not checked: pip install 'ringtrace[referral]'"
        told = f"{self.when:%Y-%m-%dT%H:%M:%SZ} by {self.by}"
        if self.checked:
            return f"{told}; its signature and certificates hold"
        return f"says {told}; its signature was not checked: give --authority PEM"


def authorities(content: bytes) -> list[x509.Certificate]:
    """The root certificates in a PEM file.

    Raises:
        ValueError: if it holds none.
    """
    return x509.load_pem_x509_certificates(content)


def read(token: bytes, seal: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    """What a time stamp response says of a seal's bytes, checked where `roots` are given.

    Checked are the CMS signature, the chain of certificates to one of `roots`, and that the
    signer's certificate is for time stamping (RFC 3161 section 2.3). No list of revoked
    certificates is read: that would need the network.

    Raises:
        StampError: if it is none of this seal, or does not hold.
        NoStampLibraryError: if `roots` are given and the package is missing.
    """
    try:
        import rfc3161_client as tsp  # noqa: PLC0415 - an extra
    except ImportError:
        if roots:
            raise NoStampLibraryError(
                "checking a time stamp needs rfc3161-client: pip install 'ringtrace[referral]'"
            ) from None
        if hashlib.sha256(seal).digest() not in token:
            raise StampError("is no time stamp of this seal") from None
        return Stamp(None, None, checked=False)
    try:
        response = tsp.decode_timestamp_response(token)
        info = response.tst_info
        imprint = info.message_imprint.message
    except ValueError:
        raise StampError(
            "cannot be read as an RFC 3161 time stamp in DER; see what openssl ts -verify says"
        ) from None
    if imprint != hashlib.sha256(seal).digest():
        raise StampError("is no time stamp of this seal")
    if roots:
        _check(tsp, response, seal, roots)
    return Stamp(info.gen_time.astimezone(UTC), _signer(response), checked=bool(roots))


def _check(tsp: Any, response: Any, seal: bytes, roots: Sequence[x509.Certificate]) -> None:
    builder = tsp.VerifierBuilder(roots=list(roots))
    try:
        builder.build().verify_message(response, seal)
    except (tsp.VerificationError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise StampError(f"does not hold by the authority given: {why}") from None


def _signer(response: Any) -> str:
    """The subject of the certificate that signed, as the response holds it."""
    signers = {(one.issuer, one.serial_number) for one in response.signed_data.signer_infos}
    for der in response.signed_data.certificates:
        one = x509.load_der_x509_certificate(der)
        if (one.issuer, one.serial_number) in signers:
            return one.subject.rfc4514_string()[:200]
    return "a certificate that it does not hold"
