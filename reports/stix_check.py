"""A STIX bundle held against the library of OASIS before it is sealed into a referral."""

from __future__ import annotations


class MissingStixError(RuntimeError):
    """The `stix2` library is not installed; the message says how to get it."""


def checked(bundle: bytes) -> bytes:
    """The bundle, every object of which stix2 has taken.

    Raises:
        MissingStixError: without the extra `referral`.
        stix2.exceptions.STIXError: for an object that STIX 2.1 does not allow.
    """
    try:
        import stix2  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingStixError(
            "STIX needs the stix2 library: pip install 'ringtrace[referral]'"
        ) from None
    # OpenCTI's observables are custom types to stix2, so that references to them must be allowed.
    stix2.parse(bundle.decode(), allow_custom=True)
    return bundle
