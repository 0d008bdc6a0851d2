"""Identifiers of every kind in free text, with the role that the text gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind, Role
from transforms.identify import (
    agents,
    emails,
    numbers_in_text,
    payees_in_text,
    phones,
    remote_access,
    urls,
)
from transforms.identify.context import role_of
from transforms.identify.found import Found
from transforms.identify.reading import Reading

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""
MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""

TRANSCRIBED = frozenset({"ftc-pone"})
"""Sources whose narrative is the caller's own speech: FTC Project Point of No Entry."""

_FINDERS: tuple[tuple[str, Callable[[str], Iterable[Found]]], ...] = (
    (emails.HINT, emails.in_text),
    (remote_access.HINT, remote_access.in_text),
    (payees_in_text.HINT, payees_in_text.in_text),
    (agents.HINT, agents.in_text),
)
"""What finds identifiers that a domain or number may be a part of, and where it is worth a try."""


class Hit(NamedTuple):
    """One identifier in the text of one row."""

    row: int
    text: str
    found: Found
    confidence: float
    stated: bool


def find(text: pa.Array, region: pa.Array, source_org: pa.Array) -> Iterator[Hit]:
    """Every identifier in every text; string arrays of one length, text and region may be null.

    A distinct (text, region, whether it is a transcript) is searched once, and only by those
    finders that have something to find in it.
    """
    spoken = pc.is_in(source_org, pa.array(sorted(TRANSCRIBED))).to_pylist()
    keys = list(zip(text.to_pylist(), region.to_pylist(), spoken, strict=True))
    distinct = [key for key in dict.fromkeys(keys) if key[0]]
    texts = pa.array([key[0][: numbers_in_text.MAX_SCAN] for key in distinct], pa.string())
    regions = pa.array([key[1] for key in distinct], pa.string())
    found = dict(zip(distinct, _all(texts, regions), strict=True))
    known = {key: [_with_role(key, one) for one in found[key]] for key in distinct}
    for row, key in enumerate(keys):
        for one, confidence, stated in known.get(key, ()):
            yield Hit(row, key[0], one, confidence, stated)


def numbers(text: str, region: str | None) -> Iterator[Found]:
    """The phone numbers in one text, as mentioned."""
    for span, reading in numbers_in_text.find_one(text, region):
        yield phones.found(span.start, span.end, reading, Role.MENTIONED)


def _with_role(key: tuple[str, str | None, bool], found: Found) -> tuple[Found, float, bool]:
    if found.kind is EntityKind.HANDLE and found.value.startswith("agent:"):
        return found, MENTIONED_CONFIDENCE, True
    role = role_of(key[0], found.start, found.end, found.kind, suspect_speaks=key[2])
    stated = role is not None
    confidence = STATED_CONFIDENCE if stated else MENTIONED_CONFIDENCE
    return found._replace(role=role) if role else found, confidence, stated


def _all(texts: pa.Array, regions: pa.Array) -> list[list[Found]]:
    """Every reading of each text; of two readings of the same characters the more specific one."""
    words = texts.to_pylist()
    found: list[list[Found]] = [[] for _ in words]
    for hint, finder in _FINDERS:
        for row in _where(texts, hint):
            found[row].extend(finder(words[row]))
    for row in _where(texts, urls.HINT):
        found[row].extend(_apart(urls.in_text(words[row]), list(found[row])))
    hits = numbers_in_text.find(texts, regions)
    columns = [hits[name].to_pylist() for name in hits.schema.names if name != "raw"]
    called: dict[int, list[Found]] = {}
    for row, start, end, *reading in zip(*columns, strict=True):
        one = phones.found(start, end, Reading(*reading), Role.MENTIONED)
        called.setdefault(row, []).append(one)
    for row, numbers_of in called.items():
        found[row].extend(_apart(numbers_of, list(found[row])))
    return found


def _where(texts: pa.Array, hint: str) -> list[int]:
    """The rows in which a hint occurs."""
    return np.flatnonzero(pc.match_substring_regex(texts, hint)).tolist()


def _apart(candidates: Iterable[Found], taken: list[Found]) -> Iterator[Found]:
    """The candidates that share no character with what was taken, a relay's domain apart."""
    held = [(f.start, f.end) for f in taken if f.role is not Role.OPERATOR]
    for found in candidates:
        if not any(start < found.end and found.start < end for start, end in held):
            yield found
