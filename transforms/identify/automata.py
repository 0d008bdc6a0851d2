"""Patterns of digits as tables of states: many patterns and a whole column in one pass of numpy.

The patterns of a numbering plan are finite and use few signs, so one table of some hundred states
decides for all of them at once, digit by digit. It is made of the positions of the patterns
(Glushkov 1961) and their subsets, in milliseconds, once in a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from transforms.identify.digits import ENDED, Array, Digits

SIGNS = ENDED + 1
"""What may stand at a place of a number: a digit, or that it has ended."""
_ANY = (1 << ENDED) - 1


@dataclass(frozen=True)
class Automaton:
    """`after[state + digit]` is the next state; `ends[state // SIGNS]`: a bit for each pattern."""

    after: Array
    ends: Array

    def matched(self, numbers: Digits) -> Array:
        """The patterns, as bits, that each number is from its first to its last digit."""
        state = np.full(len(numbers), SIGNS)
        for digit in numbers.held:
            state = self.after[state + digit]
        return self.ends[state // SIGNS]

    def begun(self, numbers: Digits) -> Array:
        """The patterns, as bits, that each number begins with."""
        state = np.full(len(numbers), SIGNS)
        found = self.ends[state // SIGNS]
        for digit in numbers.held:
            state = self.after[state + digit]
            found |= self.ends[state // SIGNS]
        return found


def automaton(patterns: Sequence[str]) -> Automaton:
    """The table of at most 63 patterns of digits, classes, groups, choices and counts.

    Raises ValueError for a pattern with any other sign.
    """
    made = _Positions(patterns)
    known: dict[frozenset[int], int] = {frozenset(): 0, made.first: 1}
    states = [frozenset[int](), made.first]
    after: list[list[int]] = []
    for state in states:
        moved = [made.next(state, digit) for digit in range(ENDED)]
        for one in moved:
            if one not in known:
                known[one] = len(states)
                states.append(one)
        after.append([*(known[one] for one in moved), known[state]])
    ends = np.array([made.ends(state) for state in states], np.int64)
    return Automaton(np.array(after).reshape(-1) * SIGNS, ends)


@dataclass(frozen=True)
class _Part:
    """The positions that a part of a pattern begins and ends with, and whether it may be empty."""

    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    empty: bool = True


@dataclass
class _Positions:
    """The digits of patterns, each at its position: what it may be, and what may follow it."""

    patterns: Sequence[str]
    digits: list[int] = field(default_factory=list)
    """Digits as bits; at the end of a pattern, the pattern's number below zero."""
    follow: list[set[int]] = field(default_factory=list)
    first: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for number, pattern in enumerate(self.patterns):
            whole, rest = self._choice(pattern, 0)
            if rest != len(pattern):
                raise ValueError(f"not a pattern of digits: {pattern!r}")
            whole = self._joined(whole, self._place(-1 - number))
            self.first |= whole.first

    def next(self, state: frozenset[int], digit: int) -> frozenset[int]:
        """The positions that may come after one of a state, read as a digit."""
        found: set[int] = set()
        for one in state:
            if self.digits[one] >= 0 and self.digits[one] >> digit & 1:
                found |= self.follow[one]
        return frozenset(found)

    def ends(self, state: frozenset[int]) -> int:
        """A bit for each pattern that may end here."""
        return sum(1 << (-1 - self.digits[one]) for one in state if self.digits[one] < 0)

    def _choice(self, text: str, at: int) -> tuple[_Part, int]:
        whole, at = self._sequence(text, at)
        while text[at : at + 1] == "|":
            other, at = self._sequence(text, at + 1)
            empty = whole.empty or other.empty
            whole = _Part(whole.first | other.first, whole.last | other.last, empty)
        return whole, at

    def _sequence(self, text: str, at: int) -> tuple[_Part, int]:
        whole = _Part()
        while at < len(text) and text[at] not in "|)":
            least, most, end = _count(text, _end(text, at))
            for time in range(most):
                part = self._atom(text, at)
                if time >= least:
                    part = _Part(part.first, part.last, True)
                whole = self._joined(whole, part)
            at = end
        return whole, at

    def _atom(self, text: str, at: int) -> _Part:
        if text[at] == "(":
            return self._choice(text, at + len("(?:"))[0]
        return self._place(_digits(text[at : _end(text, at)]))

    def _joined(self, one: _Part, other: _Part) -> _Part:
        for place in one.last:
            self.follow[place] |= other.first
        first = one.first | other.first if one.empty else one.first
        last = one.last | other.last if other.empty else other.last
        return _Part(first, last, one.empty and other.empty)

    def _place(self, digits: int) -> _Part:
        self.digits.append(digits)
        self.follow.append(set())
        place = frozenset({len(self.digits) - 1})
        return _Part(place, place, False)


def _end(text: str, at: int) -> int:
    """Where the sign, class or group ends that begins at a place of a pattern."""
    if text[at] == "[":
        return text.index("]", at) + 1
    if not text.startswith("(?:", at):
        return at + (2 if text[at] == "\\" else 1)
    depth, at = 1, at + 3
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at : at + 1], 0)
        at += 1
    return at


def _digits(sign: str) -> int:
    """The digits that a sign or a class stands for, as bits."""
    if sign == r"\d":
        return _ANY
    inside = sign[1:-1] if sign[0] == "[" else sign
    held = 0
    for place, one in enumerate(inside):
        if one == "-":
            for digit in range(int(inside[place - 1]), int(inside[place + 1])):
                held |= 1 << digit
        else:
            held |= 1 << int(one)
    return held


def _count(text: str, at: int) -> tuple[int, int, int]:
    """How often the part before a place may stand, at least and at most, and where it goes on."""
    if text[at : at + 1] == "?":
        return 0, 1, at + 1
    if text[at : at + 1] != "{":
        return 1, 1, at
    end = text.index("}", at)
    least, _, most = text[at + 1 : end].partition(",")
    return int(least), int(most or least), end + 1
