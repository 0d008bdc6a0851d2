"""Identifiers of every kind in free text, with the role that the text gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from schemas.kinds import Role
from transforms import emails, numbers_in_text, payees, phones, remote_access, urls
from transforms.context import role_of
from transforms.found import Found

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""
MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""

TRANSCRIBED = frozenset({"ftc-pone"})
"""Sources whose narrative is the caller's own speech: FTC Project Point of No Entry."""


@dataclass(frozen=True)
class Hit:
    """One identifier in the text of one row."""

    row: int
    text: str
    found: Found
    confidence: float
    stated: bool


def find(text: pa.Array, region: pa.Array, source_org: pa.Array) -> Iterator[Hit]:
    """Every identifier in every text; string arrays of one length, text and region may be null.

    A distinct (text, region, whether it is a transcript) is searched once.
    """
    known: dict[tuple[str, str | None, bool], list[tuple[Found, float, bool]]] = {}
    keys = zip(text.to_pylist(), region.to_pylist(), source_org.to_pylist(), strict=True)
    for row, (words, where, org) in enumerate(keys):
        if not words:
            continue
        key = (words, where, org in TRANSCRIBED)
        if key not in known:
            known[key] = list(_search(*key))
        for found, confidence, stated in known[key]:
            yield Hit(row, words, found, confidence, stated)


def numbers(text: str, region: str | None) -> Iterator[Found]:
    """The phone numbers in one text, as mentioned."""
    for span, reading in numbers_in_text.find_one(text, region):
        yield phones.found(span.start, span.end, reading, Role.MENTIONED)


def _search(
    text: str, region: str | None, suspect_speaks: bool
) -> Iterator[tuple[Found, float, bool]]:
    for found in _all(text, region):
        role = role_of(text, found.start, found.end, found.kind, suspect_speaks=suspect_speaks)
        stated = role is not None
        confidence = STATED_CONFIDENCE if stated else MENTIONED_CONFIDENCE
        yield found._replace(role=role or found.role), confidence, stated


def _all(text: str, region: str | None) -> Iterator[Found]:
    """Every reading; of two readings of the same characters the more specific one."""
    scanned = text[: numbers_in_text.MAX_SCAN]
    others: list[Found] = []
    if "@" in scanned or "at]" in scanned or "at)" in scanned:
        others.extend(emails.in_text(scanned))
    others.extend(remote_access.in_text(scanned))
    others.extend(payees.in_text(scanned))
    if "." in scanned or "[" in scanned or "dot" in scanned:
        others.extend(_apart(urls.in_text(scanned), list(others)))
    yield from others
    yield from _apart(numbers(scanned, region), others)


def _apart(candidates: Iterable[Found], taken: list[Found]) -> Iterator[Found]:
    """The candidates that share no character with what was taken, a relay's domain apart."""
    held = [(f.start, f.end) for f in taken if f.role is not Role.OPERATOR]
    for found in candidates:
        if not any(start < found.end and found.start < end for start, end in held):
            yield found
