"""The part an identifier plays, by the words around it.

Naming an innocent is worse than missing a link, so only words that say "call this" make a callback
number; a number that may be the victim's own is the victim's; one that the text calls genuine, or
the line of a bank or the police, is only mentioned.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from schemas.kinds import EntityKind, Role
from transforms.identify import cues
from transforms.identify.cues import Cue
from transforms.identify.folded import lower

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
    family = kind if kind in cues.before() else EntityKind.PHONE
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
    rules = cues.before()[family]
    if suspect_speaks:
        rules = cues.spoken() + rules
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
    quoted = cues.retold().get(family)
    if best[1] is Cue.VICTIM and quoted and quoted.search(clause):
        return Cue.WANTED
    return best[1]


@lru_cache(maxsize=1 << 14)
def _after(following: str, suspect_speaks: bool) -> Cue | None:
    for cue, pattern in cues.after():
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
