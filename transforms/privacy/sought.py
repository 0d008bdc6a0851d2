"""What is looked for in the texts of one record: cheap to make, since most of it is never found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from transforms.identify.needles import SHORTEST, Needles, needles

_NUMBER = re.compile(r"(?:phone:)?\+([0-9]{7,15})")


class Sought:
    """A victim's identifiers, as E.164 or entity ids, and numbers as they were written."""

    __slots__ = ("_identifiers", "_needles", "_written", "ends")

    def __init__(self, identifiers: Iterable[str] = (), written: Iterable[str] = ()) -> None:
        self._identifiers = tuple(identifiers)
        self._written = tuple(written)
        self._needles: Needles | None = None
        self.ends = _ends(self._identifiers + self._written)
        """Digits of which some stand in every text that holds it; None where nothing is known."""

    def __bool__(self) -> bool:
        return bool(self._identifiers or self._written)

    @property
    def needles(self) -> Needles:
        """Every form of it."""
        if self._needles is None:
            self._needles = needles(self._identifiers, self._written)
        return self._needles

    def may_stand_in(self, digits: str) -> bool:
        """Whether a text of ASCII with these digits may hold it."""
        if self.ends is None:
            return any(not one.text.isdigit() or one.text in digits for one in self.needles)
        return any(end in digits for end in self.ends)


def _ends(identifiers: tuple[str, ...]) -> tuple[str, ...] | None:
    found = []
    for one in identifiers:
        end = _end(one)
        if end is None:
            return None
        found.append(end)
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def _end(identifier: str) -> str | None:
    """The last digits of an E.164 number: in every form of it they are the last ones."""
    number = _NUMBER.fullmatch(identifier)
    return number[1][-SHORTEST:] if number else None
