"""Finds identifiers of every kind in narratives, with the role that the words beside them give.

The finders are those of `kinds.registry`, and `phone.find` for numbers as they are usually written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Role
from transforms.arrow_util import distinct_rows, repeat_for_duplicates
from transforms.extract import allowlist, mention
from transforms.extract.kinds.registry import BY_KIND, KINDS, IdentifierKind, lookup_kind
from transforms.extract.mention import MENTION_DRAFT, Match, PlacedMatch
from transforms.extract.reconcile import NARRATIVE
from transforms.extract.roles import REACH, REACH_AFTER, infer_role
from transforms.phone import find
from transforms.text_masking import SEARCH_LIMIT
from transforms.text_util import lower_in_place

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""

MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""

_TRANSCRIBED = pa.array(["ftc-pone"])
"""Sources whose narrative is the caller's own speech: FTC Project Point of No Entry."""

_PLACE = ("row", "start", "end")


class LoadedFinder(NamedTuple):
    """A finder of the registry: RE2 without whose match a text holds nothing, and the function."""

    hint: str
    find: Callable[[str], Iterable[Match]]
    rare: bool
    leftover: bool


@cache
def load_finders() -> tuple[LoadedFinder, ...]:
    """Imports the finders of the registry, in its order; those of what is left come last."""
    loaded = []
    for row in KINDS:
        for one in row.finders:
            module = import_module(f"transforms.extract.kinds.{one.module}")
            loaded.append(LoadedFinder(module.HINT, module.find, one.rare, one.leftover))
    return tuple(sorted(loaded, key=lambda one: one.leftover))


def find_in_narratives(text: pa.Array, region: pa.Array, source_org: pa.Array) -> pa.RecordBatch:
    """Finds every identifier in every text.

    A distinct (text, region, whether it is a transcript) is searched once, and only by those
    finders that have something to find in it.

    Args:
        text: The narratives, or null.
        region: The victim's country, under which national numbers are read, or null.
        source_org: Who sent the record; some send transcripts of the caller.

    Returns:
        `MENTION_DRAFT` rows, by row of the text.
    """
    transcribed = is_transcribed(source_org)
    first, back = distinct_rows((text, region, transcribed))
    at = pa.array(first)
    texts = pc.utf8_slice_codeunits(pc.fill_null(text.take(at), ""), 0, SEARCH_LIMIT)
    drafts = _find_in_distinct(texts, region.take(at), transcribed.take(at).to_pylist())
    rows, places = repeat_for_duplicates(drafts["row"].to_numpy(), back, len(first))
    return drafts.take(pa.array(places)).set_column(
        0, MENTION_DRAFT.field("row"), pa.array(rows, pa.int32())
    )


def is_transcribed(source_org: pa.Array) -> pa.Array:
    """Tells which records have a transcript of the caller as narrative."""
    return pc.is_in(source_org, _TRANSCRIBED)


def find_phone_numbers(text: str, region: str | None) -> Iterator[Match]:
    """Yields the phone numbers in one text, as mentioned."""
    for span, reading in find.find_numbers_in_text(text, region):
        yield mention.phone_match(span.start, span.end, reading, Role.MENTIONED)


def _find_in_distinct(
    texts: pa.Array, regions: pa.Array, transcribed: Sequence[bool]
) -> pa.RecordBatch:
    """Finds every reading of each text; of two of the same characters the more specific one."""
    words = texts.to_pylist()
    matches = _matches_by_row(texts, words)
    numbers = find.find_numbers(texts, regions)
    numbers = numbers.filter(pa.array(_are_free(numbers, matches)))
    roles = _NarrativeRoles(words, transcribed)
    others = mention.drafts_from_matches(
        roles.place(row, one) for row, in_row in matches.items() for one in in_row
    )
    called = [
        roles.infer(row, start, end, BY_KIND[EntityKind.PHONE])
        for row, start, end in zip(*(numbers[c].to_pylist() for c in _PLACE), strict=True)
    ]
    both = [others, _number_drafts(numbers, called)]
    columns = [pa.concat_arrays([one[name] for one in both]) for name in MENTION_DRAFT.names]
    order = np.argsort(columns[0].to_numpy(), kind="stable")
    return pa.RecordBatch.from_arrays(columns, schema=MENTION_DRAFT).take(pa.array(order))


def _matches_by_row(texts: pa.Array, words: Sequence[str]) -> dict[int, list[Match]]:
    """Runs each finder over the texts that have its hint."""
    finders = load_finders()
    # RE2 looks for all rare hints together as fast as for one of them.
    any_rare = "|".join(f"(?:{one.hint})" for one in finders if one.rare)
    with_rare = np.array(_rows_with(texts, any_rare), np.int64)
    few = texts.take(pa.array(with_rare))
    matches: dict[int, list[Match]] = {}
    for hint, find_in, rare, leftover in finders:
        for row in with_rare[_rows_with(few, hint)] if rare else _rows_with(texts, hint):
            in_row = matches.setdefault(int(row), [])
            if leftover:
                in_row.extend(_without_overlaps(find_in(words[row]), list(in_row)))
            else:
                in_row.extend(find_in(words[row]))
    return matches


def _number_drafts(numbers: pa.RecordBatch, roles: Sequence[Role | None]) -> pa.RecordBatch:
    """Makes `MENTION_DRAFT` rows of numbers in texts, each with the role that its text states."""
    stated = np.array([role is not None for role in roles], bool)
    of_role = pa.array(np.where(stated, STATED_CONFIDENCE, MENTIONED_CONFIDENCE), pa.float32())
    columns: dict[str, pa.Array | object] = {
        name: numbers[name] for name in numbers.schema.names if name in MENTION_DRAFT.names
    }
    columns |= {
        "field": NARRATIVE,
        "kind": EntityKind.PHONE.value,
        "value": numbers["e164"],
        "role": pa.array([(role or Role.MENTIONED).value for role in roles], pa.string()),
        "stated": pa.array(stated),
        "confidence": pc.multiply(numbers["confidence"], of_role),
    }
    return mention.drafts_from_columns(len(numbers), columns)


class _NarrativeRoles:
    """The roles of identifiers, by the words beside them."""

    def __init__(self, words: Sequence[str], transcribed: Sequence[bool]) -> None:
        self._words = words
        self._transcribed = transcribed
        self._lower: dict[int, str] = {}

    def infer(self, row: int, start: int, end: int, kind: IdentifierKind) -> Role | None:
        """Returns the role that the words beside a place state, or None."""
        text = self._lower.get(row)
        if text is None:
            text = self._lower[row] = lower_in_place(self._words[row])
        before, behind = text[max(0, start - REACH) : start], text[end : end + REACH_AFTER]
        return infer_role(before, behind, kind, suspect_speaks=self._transcribed[row])

    def place(self, row: int, match: Match) -> PlacedMatch:
        """Gives a match of a row the role that its text states, or else the one of its finder."""
        text = self._words[row]
        kind = lookup_kind(match.kind, match.value)
        if kind is None or kind.hard_role is None:
            return row, NARRATIVE, text, match, match.role, MENTIONED_CONFIDENCE, True
        role = self.infer(row, match.start, match.end, kind)
        if role is None:
            return row, NARRATIVE, text, match, _unstated_role(match), MENTIONED_CONFIDENCE, False
        return row, NARRATIVE, text, match, role, STATED_CONFIDENCE, True


def _unstated_role(match: Match) -> Role:
    """Returns the role where the text does not say whose it is: a mailbox may be its writer's."""
    if match.kind is EntityKind.EMAIL and allowlist.is_freemail(match.value):
        return Role.MENTIONED
    return match.role


def _are_free(numbers: pa.RecordBatch, matches: dict[int, list[Match]]) -> np.ndarray:
    """Checks which numbers share no character with what finders found; a relay's domain apart."""
    free = np.ones(len(numbers), bool)
    rows = numbers["row"].to_numpy()
    at = np.flatnonzero(np.isin(rows, list(matches)))
    columns = (numbers[name].take(pa.array(at)).to_pylist() for name in _PLACE)
    taken: dict[int, bytearray] = {}
    for place, row, start, end in zip(at.tolist(), *columns, strict=True):
        if row not in taken:
            taken[row] = _taken_characters(matches[row])
        free[place] = not any(taken[row][start:end])
    return free


def _without_overlaps(candidates: Iterable[Match], matches: Iterable[Match]) -> Iterator[Match]:
    """Yields the candidates that share no character with the matches, a relay's domain apart."""
    taken = _taken_characters(matches)
    return (one for one in candidates if not any(taken[one.start : one.end]))


def _taken_characters(matches: Iterable[Match]) -> bytearray:
    """Marks each character that a match has, a relay's domain apart."""
    spans = [(one.start, one.end) for one in matches if one.role is not Role.OPERATOR]
    taken = bytearray(max((end for _, end in spans), default=0))
    for start, end in spans:
        taken[start:end] = b"\1" * (end - start)
    return taken


def _rows_with(texts: pa.Array, hint: str) -> list[int]:
    """Returns the rows in which a hint occurs."""
    return np.flatnonzero(pc.match_substring_regex(texts, hint)).tolist()
