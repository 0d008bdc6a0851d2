"""The phrases that say whose an identifier is: the rules of `data/cues.toml`, ready for texts.

They are for text in lower case with its accents ("llamé": I called; "llame": call), bounded and
linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import cache

from schemas.kinds import EntityKind
from transforms.identify.rules import load


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
def before() -> dict[EntityKind, tuple[Rule, ...]]:
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
