"""Finds identifiers of every kind in narratives, with the role that the words beside them give.

The finders are those of `kinds.registry`, and `phone.find` for numbers as they are usually written.
Roles follow the rules of `data/cues.toml`. Naming an innocent is worse than missing a link, so only
words that say "call this" make a callback number; a number that may be the victim's own is the
victim's; one that the text calls genuine, or the line of a bank or the police, is only mentioned.
The rules are for text in lower case with its accents ("llamé": I called; "llame": call), bounded
and linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from importlib import import_module
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Role
from transforms.arrow_util import distinct_rows, repeat_for_duplicates
from transforms.extract import allowlist, mention
from transforms.extract.kinds.registry import BY_KIND, KINDS, IdentifierKind, lookup_kind
from transforms.extract.mention import MENTION_DRAFT, NARRATIVE, Match, PlacedMatch
from transforms.phone import find
from transforms.text_masking import SEARCH_LIMIT
from transforms.text_util import load_reference_data, lower_in_place

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""

MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""

_TRANSCRIBED = pa.array(["ftc-pone"])
"""Sources whose narrative is the caller's own speech: FTC Project Point of No Entry."""

_PLACE = ("row", "start", "end")

REACH = 140
"""Code points before an identifier in which its context is looked for."""

REACH_AFTER = 50
"""Code points after it."""

_BOUNDARY = re.compile(r"\s+[.!?;]|[\r\n]+")
"""The border of two clauses, read backwards."""

_SHORT_CLAUSE = 30
"""Code points below which the clause before is read too."""

_PART = re.compile(r"<([A-Z]+)>")
"""The name of a part of a phrase."""

_SIGNS = r"[\s,()-]{0,3}"
"""Characters between an identifier and the words after it."""


class _Distance(IntEnum):
    """Code points that may stand between a cue and the identifier."""

    VICTIM = 30
    OTHER = 70


class Cue(IntEnum):
    """Statements of a phrase about the identifier beside it, the less harmful first."""

    VICTIM = 0
    """It is the victim's own."""
    GENUINE = 1
    """It is a bank's, the police's, the real company's."""
    NEUTRAL = 2
    """Somebody calls it, and the words do not say that the scammer wants that."""
    DISPLAYED = 3
    """It was shown as the caller's."""
    REQUESTED = 4
    """The scammer wants the victim to use it."""


CueRule = tuple[Cue, re.Pattern[str]]


class LoadedFinder(NamedTuple):
    """A finder of the registry: RE2 without whose match a text holds nothing, and the function."""

    hint: str
    find: Callable[..., Iterable[Match]]
    rare: bool
    leftover: bool
    regional: bool


@cache
def load_finders() -> tuple[LoadedFinder, ...]:
    """Imports the finders of the registry, in its order; those of what is left come last."""
    loaded = []
    for row in KINDS:
        for one in row.finders:
            module = import_module(f"transforms.extract.kinds.{one.module}")
            loaded.append(
                LoadedFinder(module.HINT, module.find, one.rare, one.leftover, one.regional)
            )
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


def infer_role(
    before: str, following: str, kind: IdentifierKind, *, suspect_speaks: bool
) -> Role | None:
    """Infers a role from up to `REACH` lower-case code points before, `REACH_AFTER` behind.

    None where the words state no role, `Role.MENTIONED` where they say that the identifier is
    somebody's who is no part of the scam. A kind without phrases of its own is read by those of
    phone numbers.
    """
    clause, earlier = last_clauses(before)
    family = kind.kind if kind.kind in leading_cues() else EntityKind.PHONE
    cue = _leading_cue(clause, family, suspect_speaks)
    behind = _trailing_cue(following, suspect_speaks)
    if behind is not None and (cue is None or behind is Cue.VICTIM):
        cue = behind
    carried = family is EntityKind.PHONE and earlier is not None and len(clause) < _SHORT_CLAUSE
    if cue is None and carried:
        cue = _leading_cue(f"{earlier} {clause}", family, suspect_speaks)
    return _role_of_cue(cue, kind)


def last_clauses(before: str) -> tuple[str, str | None]:
    """Returns the clause that a text ends in, and the one before that."""
    backwards, size = before[::-1], len(before)
    last = _BOUNDARY.search(backwards)
    if last is None:
        return before, None
    earlier = _BOUNDARY.search(backwards, last.end())
    start = size - earlier.start() if earlier else 0
    return before[size - last.start() :], before[start : size - last.end()]


@cache
def leading_cues() -> dict[EntityKind, tuple[CueRule, ...]]:
    """Returns by kind of identifier the rules for the words before it, in the file's order."""
    rules: dict[EntityKind, tuple[CueRule, ...]] = {}
    for rule in load_reference_data("cues.toml")["before"]:
        for kind in rule["kinds"]:
            known = rules.get(EntityKind(kind), ())
            cue = Cue[rule["cue"].upper()], _between_words(rule["phrases"])
            rules[EntityKind(kind)] = (*known, cue)
    return rules


@cache
def trailing_cues() -> tuple[CueRule, ...]:
    """Returns the rules for the words right behind an identifier; the first that matches counts."""
    rules = load_reference_data("cues.toml")["after"]
    return tuple(
        (Cue[rule["cue"].upper()], re.compile(f"{_SIGNS}(?:{_either(rule['phrases'])})"))
        for rule in rules
    )


@cache
def caller_transcript_cues() -> tuple[CueRule, ...]:
    """Returns the rules for a transcript of the caller, whose "call me" is the suspect's."""
    rules = load_reference_data("cues.toml")["caller_transcript"]
    return tuple((Cue[rule["cue"].upper()], _between_words(rule["phrases"])) for rule in rules)


@cache
def quoted_speech_cues() -> dict[EntityKind, re.Pattern[str]]:
    """Returns by kind the words by which a complaint quotes the caller's "call me back at"."""
    return {
        EntityKind(kind): re.compile(_either(rule["phrases"]))
        for rule in load_reference_data("cues.toml")["quoted_speech"]
        for kind in rule["kinds"]
    }


def _find_in_distinct(
    texts: pa.Array, regions: pa.Array, transcribed: Sequence[bool]
) -> pa.RecordBatch:
    """Finds every reading of each text; of two of the same characters the more specific one."""
    words = texts.to_pylist()
    matches = _matches_by_row(texts, words, regions.to_pylist())
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


def _matches_by_row(
    texts: pa.Array, words: Sequence[str], regions: Sequence[str | None]
) -> dict[int, list[Match]]:
    """Runs each finder over the texts that have its hint."""
    finders = load_finders()
    # RE2 looks for all rare hints together as fast as for one of them.
    any_rare = "|".join(f"(?:{one.hint})" for one in finders if one.rare)
    with_rare = np.array(_rows_with(texts, any_rare), np.int64)
    few = texts.take(pa.array(with_rare))
    matches: dict[int, list[Match]] = {}
    for hint, find_in, rare, leftover, regional in finders:
        for row in with_rare[_rows_with(few, hint)] if rare else _rows_with(texts, hint):
            in_row = matches.setdefault(int(row), [])
            found = find_in(words[row], regions[row]) if regional else find_in(words[row])
            in_row.extend(_without_overlaps(found, list(in_row)) if leftover else found)
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


@lru_cache(maxsize=1 << 14)
def _leading_cue(clause: str, family: EntityKind, suspect_speaks: bool) -> Cue | None:
    """Returns the cue that ends nearest to the identifier; at one distance the less harmful."""
    rules = leading_cues()[family]
    if suspect_speaks:
        rules = caller_transcript_cues() + rules
    best: tuple[int, Cue] | None = None
    for cue, pattern in rules:
        if suspect_speaks and cue in (Cue.VICTIM, Cue.NEUTRAL):
            continue
        for match in pattern.finditer(clause):
            gap = len(clause) - match.end()
            limit = _Distance.VICTIM if cue is Cue.VICTIM else _Distance.OTHER
            if gap <= limit and (best is None or (gap, cue) < best):
                best = (gap, cue)
    if best is None:
        return None
    quoted = quoted_speech_cues().get(family)
    if best[1] is Cue.VICTIM and quoted and quoted.search(clause):
        return Cue.REQUESTED
    return best[1]


@lru_cache(maxsize=1 << 14)
def _trailing_cue(following: str, suspect_speaks: bool) -> Cue | None:
    for cue, pattern in trailing_cues():
        if pattern.match(following) and not (suspect_speaks and cue is Cue.VICTIM):
            return cue
    return None


def _role_of_cue(cue: Cue | None, kind: IdentifierKind) -> Role | None:
    if cue is None or cue is Cue.NEUTRAL:
        return None
    if cue is Cue.VICTIM:
        return Role.VICTIM
    if cue is Cue.GENUINE:
        return Role.MENTIONED
    if cue is Cue.DISPLAYED and kind.kind is EntityKind.PHONE:
        return Role.CALLER_ID
    return kind.hard_role


def _between_words(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_either(phrases)})(?!\w)")


def _either(phrases: Iterable[str]) -> str:
    return "|".join(_PART.sub(_part, phrase) for phrase in phrases)


def _part(match: re.Match[str]) -> str:
    return str(load_reference_data("cues.toml")["parts"][match[1]])
