"""Evidence numbers: short names, with check characters, for what an organisation hands over.

    RT-7K3M-9QDX-4F

Eight characters of Crockford's base32 are a digest of the issuer and the thing: an identifier, a
record, a link, a cluster or a letter. They have 40 bits, so two given things share a number once
in a million million. The same thing has the same number in every package of its issuer. Whoever
has the thing can compute the number; the number gives the thing away only to whoever guesses it.
Two check characters of ISO 7064 (MOD 1271-36) follow.
"""

from __future__ import annotations

import hashlib
import re
from itertools import count

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without I, L, O and U, which look like others. Check characters use it, too."""

_MODULUS, _RADIX, _VALUES = 1271, 36, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_FORM = re.compile(rf"RT-?([{ALPHABET}]{{4}})-?([{ALPHABET}]{{4}})-?([{ALPHABET}]{{2}})")

_LOOKS_LIKE = re.compile(r"RT[- ]?[0-9A-Z]{4}[- ]", re.IGNORECASE)


class EvidenceNumberError(ValueError):
    """An evidence number that is written wrongly; the message says how."""


def evidence_number(issuer: str, referent: str) -> str:
    """Returns the number of a thing of an issuer.

    Args:
        issuer: slug of the organisation, or several joined by `+`.
        referent: an entity id, or what `record_thing` and its like return.
    """
    for attempt in count():
        named = "\n".join(("ringtrace evidence number", issuer, referent, str(attempt)))
        bits = int.from_bytes(hashlib.sha256(named.encode()).digest()[:5])
        body = "".join(ALPHABET[bits >> shift & 31] for shift in range(35, -1, -5))
        check = _check_characters(body)
        if set(check) <= set(ALPHABET):
            return f"RT-{body[:4]}-{body[4:]}-{check}"
    raise AssertionError("unreachable")


def parse_evidence_number(text: str) -> str | None:
    """Returns a number as it is printed; None if the text does not look like one.

    Raises:
        EvidenceNumberError: if it looks like one and a character is wrong, or two are swapped.
    """
    written = re.sub(r"\s", "", text).upper()
    match = _FORM.fullmatch(written)
    if match and _sum(match[1] + match[2] + match[3]) % _MODULUS == 1:
        return f"RT-{match[1]}-{match[2]}-{match[3]}"
    if match or _LOOKS_LIKE.match(text.strip()) or re.match(r"RT-", written):
        raise EvidenceNumberError(
            "its check characters do not fit: a character is wrong, missing or in another's place; "
            "read it again: its form is RT-7K3M-9QDX-4F, without I, L, O and U"
        )
    return None


def record_thing(kind: str, org: str, record_id: str) -> str:
    """Returns a record as a thing."""
    return f"record|{kind}|{org}|{record_id}"


def link_thing(entity_a: str, entity_b: str) -> str:
    """Returns the link of two identifiers as a thing."""
    return f"link|{min(entity_a, entity_b)}|{max(entity_a, entity_b)}"


def cluster_thing(cluster_id: str) -> str:
    """Returns a cluster as a thing."""
    return f"cluster|{cluster_id}"


def letter_thing(cluster_id: str, path: str) -> str:
    """Returns a letter on a cluster as a thing, by its file in the package."""
    return f"letter|{cluster_id}|{path}"


def _check_characters(body: str) -> str:
    wanted = (1 - _sum(body + "00")) % _MODULUS
    return _VALUES[wanted // _RADIX] + _VALUES[wanted % _RADIX]


def _sum(characters: str) -> int:
    total = 0
    for character in characters:
        total = total * _RADIX + _VALUES.index(character)
    return total
