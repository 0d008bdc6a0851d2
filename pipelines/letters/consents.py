"""Partners' consents to a referral that names their identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pipelines.letters.accepted_offers import (
    accepted_before,
    feed_key_id,
    read_offer_file,
    take_revocation,
)
from pipelines.letters.signed_files import (
    REVOCATION,
    SignedFile,
    check_key,
    read_letter_file,
    read_signed,
    utc_text,
)
from pipelines.options import UsageError
from reports.signing import digest_of
from schemas.offer import Consent, Revocation
from schemas.records import format_of

CONSENT_FILE = "consent.json"


def members_text_digest(members: Iterable[str]) -> str:
    """Returns the SHA-256 of the sorted ids of members, an id in each line."""
    return digest_of("".join(f"{member}\n" for member in sorted(members)).encode())


def read_consents(
    paths: Sequence[str], recipients: set[str], authority: str, now: datetime
) -> dict[str, SignedFile]:
    """Reads the consents to a referral, by the consenting organisation.

    Revocations among the letters are recorded with immediate effect, even if the referral is
    refused.

    Args:
        paths: letters, or their folders.
        recipients: organisations that may make the referral.
        authority: code of the referral's recipient.
        now: when they must be in force.

    Raises:
        UsageError: for a consent that no trusted key of its sender signed, that is for another
            referral, was altered, is not in force, or is given twice.
    """
    consents_of: dict[str, SignedFile] = {}
    names = CONSENT_FILE, REVOCATION
    consents = []
    for place in paths:
        path, letter, _ = read_signed(place, names)
        if f'"format":"{format_of(Revocation)}"'.encode() not in letter:
            consents.append(place)
            continue
        taken = read_offer_file(place, names, None, now).content
        if not isinstance(taken, Revocation) or taken.recipient not in recipients:
            raise UsageError(f"{path}: is for {taken.recipient}, who does not make this referral")
        take_revocation(taken)
    for place in consents:
        file = read_letter_file(place, names, (Consent,))
        org = file.org
        wrong = _wrong_in_consent(file.content, recipients, authority, utc_text(now))
        if wrong or org in consents_of:
            wrong = wrong or f"{org} consents twice; give the newest alone"
        elif file.key_id == feed_key_id(org):
            wrong = (
                f"is signed with your own key for the feeds of {org}, whose contributors nobody "
                "can answer for; refer the cluster of your own run"
            )
        elif file.sha256 in accepted_before(org).revoked:
            wrong = f"was revoked by {org}; ask for a new one, or leave it out"
        if wrong:
            raise UsageError(f"{file.path}: {wrong}")
        check_key(file.path, org, file.key_id, file.content.issued_at, now)
        consents_of[org] = file
    return dict(sorted(consents_of.items()))


def _wrong_in_consent(consent: Consent, recipients: set[str], authority: str, now: str) -> str:
    if consent.digest != members_text_digest(consent.members):
        return "lists other members than it was given for"
    if consent.recipient not in recipients:
        return f"is given to {consent.recipient}, who does not make this referral"
    if consent.authority != authority:
        return f"is for a referral to {consent.authority}, not to {authority}"
    if not consent.issued_at <= now < consent.expires_at:
        return f"is in force from {consent.issued_at} to {consent.expires_at}"
    return ""
