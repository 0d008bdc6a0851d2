"""The part an identifier plays, by the words around it.

Naming an innocent is worse than missing a link, so only words that say "call this" make a callback
number; a number that may be the victim's own is the victim's; one that the text calls genuine, or
the line of a bank or the police, is only mentioned.

The phrases that say whose an identifier is: the rules of `data/cues.toml`, ready for texts.

They are for text in lower case with its accents ("llamé": I called; "llame": call), bounded and
linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import cache, lru_cache

from schemas.enums import EntityKind, Role
from transforms.reference_data import load
from transforms.text_util import lower

REACH = 140
"""Code points before an identifier in which its context is looked for."""


REACH_AFTER = 50
"""Code points after it."""


_BOUNDARY = re.compile(r"\s+[.!?;]|[\r\n]+")
"""What parts two clauses, read backwards."""


_SHORT_CLAUSE = 30


class _Distance(IntEnum):
    """Code points that may stand between a cue and the identifier."""

    VICTIM = 30
    OTHER = 70


def role_of(
    text: str,
    start: int,
    end: int,
    kind: EntityKind = EntityKind.PHONE,
    *,
    suspect_speaks: bool = False,
) -> Role | None:
    """The role that the words around `text[start:end]` state; None where they state none.

    `suspect_speaks`: the text is a transcript of the caller, whose "my number" is the suspect's.
    `Role.MENTIONED` means that the text says whose it is: somebody's who is no part of the scam.
    """
    before = lower(text[max(0, start - REACH) : start])
    following = lower(text[end : end + REACH_AFTER])
    return role_beside(before, following, kind, suspect_speaks=suspect_speaks)


def role_beside(
    before: str, following: str, kind: EntityKind, *, suspect_speaks: bool
) -> Role | None:
    """As `role_of`, by so many lower-case words on both sides (`REACH`, `REACH_AFTER`)."""
    clause, earlier = _clauses(before)
    family = kind if kind in leading_cues() else EntityKind.PHONE
    cue = _cue(clause, family, suspect_speaks)
    behind = _after(following, suspect_speaks)
    if behind is not None and (cue is None or behind is Cue.VICTIM):
        cue = behind
    carried = family is EntityKind.PHONE and earlier is not None and len(clause) < _SHORT_CLAUSE
    if cue is None and carried:
        cue = _cue(f"{earlier} {clause}", family, suspect_speaks)
    return _role(cue, kind)


def _clauses(before: str) -> tuple[str, str | None]:
    """The clause that a text ends in, and the one before that."""
    backwards, size = before[::-1], len(before)
    last = _BOUNDARY.search(backwards)
    if last is None:
        return before, None
    earlier = _BOUNDARY.search(backwards, last.end())
    start = size - earlier.start() if earlier else 0
    return before[size - last.start() :], before[start : size - last.end()]


@lru_cache(maxsize=1 << 14)
def _cue(clause: str, family: EntityKind, suspect_speaks: bool) -> Cue | None:
    """The cue that ends nearest to the identifier; at one distance the less harmful wins."""
    rules = leading_cues()[family]
    if suspect_speaks:
        rules = spoken() + rules
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
    quoted = retold().get(family)
    if best[1] is Cue.VICTIM and quoted and quoted.search(clause):
        return Cue.WANTED
    return best[1]


@lru_cache(maxsize=1 << 14)
def _after(following: str, suspect_speaks: bool) -> Cue | None:
    for cue, pattern in after():
        if pattern.match(following) and not (suspect_speaks and cue is Cue.VICTIM):
            return cue
    return None


_WANTED = {
    EntityKind.PHONE: Role.CALLBACK,
    EntityKind.EMAIL: Role.SENDER,
    EntityKind.REMOTE: Role.OPERATOR,
    EntityKind.DOMAIN: Role.LURE_SITE,
    EntityKind.URL: Role.LURE_SITE,
    EntityKind.IP: Role.LURE_SITE,
}
"""What an identifier is that the scammer wants used; a payee where it is none of these."""


def _role(cue: Cue | None, kind: EntityKind) -> Role | None:
    if cue is None or cue is Cue.NEUTRAL:
        return None
    if cue is Cue.VICTIM:
        return Role.VICTIM
    if cue is Cue.GENUINE:
        return Role.MENTIONED
    if cue is Cue.DISPLAYED and kind is EntityKind.PHONE:
        return Role.CALLER_ID
    return _WANTED.get(kind, Role.PAYEE)


class Cue(IntEnum):
    """What a phrase says of the identifier beside it, the less harmful first."""

    VICTIM = 0
    """It is the victim's own."""
    GENUINE = 1
    """It is a bank's, the police's, the real company's."""
    NEUTRAL = 2
    """Somebody calls it, and the words do not say that the scammer wants that."""
    DISPLAYED = 3
    """It was shown as the caller's."""
    WANTED = 4
    """The scammer wants the victim to use it."""


Rule = tuple[Cue, re.Pattern[str]]


_PART = re.compile(r"<([A-Z]+)>")


_SIGNS = r"[\s,()-]{0,3}"
"""What may stand between an identifier and the words after it."""


@cache
def leading_cues() -> dict[EntityKind, tuple[Rule, ...]]:
    """For each kind of identifier, what the phrases before one say, in the order of the file."""
    rules: dict[EntityKind, tuple[Rule, ...]] = {}
    for rule in load("cues.toml")["before"]:
        for kind in rule["kinds"]:
            known = rules.get(EntityKind(kind), ())
            rules[EntityKind(kind)] = (*known, (Cue[rule["cue"].upper()], _word(rule["phrases"])))
    return rules


@cache
def spoken() -> tuple[Rule, ...]:
    """In a transcript of the caller, "my number" and "call me" are the suspect's."""
    rules = load("cues.toml")["spoken"]
    return tuple((Cue[rule["cue"].upper()], _word(rule["phrases"])) for rule in rules)


@cache
def after() -> tuple[Rule, ...]:
    """What the phrases right behind an identifier say; the first that matches counts."""
    rules = load("cues.toml")["after"]
    return tuple(
        (Cue[rule["cue"].upper()], _compiled(f"{_SIGNS}(?:{_either(rule['phrases'])})"))
        for rule in rules
    )


@cache
def retold() -> dict[EntityKind, re.Pattern[str]]:
    """By kind of identifier: a complaint quotes the caller's own "call me back at"."""
    return {
        EntityKind(kind): _compiled(_either(rule["phrases"]))
        for rule in load("cues.toml")["retold"]
        for kind in rule["kinds"]
    }


def _word(phrases: Iterable[str]) -> re.Pattern[str]:
    return _compiled(rf"(?<!\w)(?:{_either(phrases)})(?!\w)")


def _either(phrases: Iterable[str]) -> str:
    return "|".join(_PART.sub(_part, phrase) for phrase in phrases)


def _part(match: re.Match[str]) -> str:
    return str(load("cues.toml")["parts"][match[1]])


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
