"""Infers the role of an identifier from the words around it, by the rules of `data/cues.toml`.

Naming an innocent is worse than missing a link, so only words that say "call this" make a callback
number; a number that may be the victim's own is the victim's; one that the text calls genuine, or
the line of a bank or the police, is only mentioned.

The rules are for text in lower case with its accents ("llamé": I called; "llame": call), bounded
and linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import cache, lru_cache

from schemas.enums import EntityKind, Role
from transforms.extract.kinds.registry import IdentifierKind
from transforms.text_util import load_reference_data

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
