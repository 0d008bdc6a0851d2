"""Columns of a sample, and the evidence in their names and texts for what they have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from schemas.mapping import TimeForm
from transforms.values import casts, times

SURE, MOST = 0.95, 0.8
"""Shares of the values of a column that must be of one sort."""

MOST_NUMBERS = 1_000
"""Numbers of a column that are looked at, and of all columns to tell their country."""

EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}\.[A-Za-z]{2,24}")

FORMATTED = re.compile(r"[+() .-]")
"""A sign by which a telephone number is more than digits."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/#@-]{0,127}")

_SIDES = ("suspect", "victim", "line", "callback", "caller_id", "mentioned")
"""Words by which a column has numbers of somebody in the matter."""


@dataclass(eq=False)
class Column:
    """A column of a sample: its name in plain words, the texts in it, and what it is guessed as.

    With `is_doubled` another column has the same name: one of them may be the victim's.
    """

    name: str
    words: str
    texts: Sequence[str]
    rows: int
    is_doubled: bool
    targets: tuple[str, ...] = ()
    note: str = ""

    def share(self, fits: Callable[[str], object]) -> float:
        """Returns the share of the texts that fit."""
        return sum(map(bool, map(fits, self.texts))) / max(1, len(self.texts))

    def named(self, table: str, *keys: str) -> int:
        """Returns how well a phrase of columns.toml at any of some keys fits the name.

        That is its number of words, and more where it is the whole name.
        """
        return max(
            len(phrase.split()) + (10 if phrase == self.words else 0)
            if f" {phrase} " in f" {self.words} "
            else 0
            for key in keys
            for phrase in map(_without_articles, casts.word_lists()[table][key])
        )

    def sided(self, *sides: str) -> int:
        """Returns how well a phrase that says whose something is fits the name."""
        return self.named("sides", *(sides or _SIDES))

    @cached_property
    def time_forms(self) -> tuple[TimeForm, ...]:
        """The forms by which nearly all texts are times."""
        texts = self.texts[:100]
        return tuple(form for form in TimeForm if texts and times.time_share(texts, form) >= MOST)

    @property
    def is_calendar(self) -> bool:
        """True for times that are no mere numbers."""
        return any(not form.startswith(("epoch", "excel")) for form in self.time_forms)

    @property
    def is_nameless(self) -> bool:
        """True for a column of a table without a header row."""
        return self.name.startswith("column ") and self.name[7:].isdecimal()

    @cached_property
    def looks_dialed(self) -> bool:
        """True for what is written as telephone numbers are, and is no date."""
        fits = (FORMATTED.search, casts.is_phone_shaped)
        shaped = all(self.share(fit) >= MOST for fit in fits)
        return shaped and not self.time_forms and self.share(casts.is_ip_address) < 0.5

    @cached_property
    def is_prose(self) -> bool:
        """True for words of people, which numbers and links may be among."""
        return self.share(casts.is_prose) >= 0.3

    @cached_property
    def is_id(self) -> bool:
        """True where each row has a short text of its own."""
        return (
            len(set(self.texts)) == len(self.texts) >= self.rows * SURE
            and self.share(_ID.fullmatch) >= SURE
            and self.share(EMAIL.fullmatch) < 0.05
        )

    @property
    def is_pseudonym(self) -> bool:
        """True for what may be the pseudonym of a person: short, and no way to reach one."""
        reaches = re.compile(rf"\+|{EMAIL.pattern}$").match
        short = self.share(lambda text: len(text) <= 64 and _ID.fullmatch(text))
        return short >= SURE and not self.share(reaches)

    @property
    def is_person(self) -> bool:
        """True for a name that says who or where somebody is, where nothing says it better."""
        never, last = self.named("never", "person", "place"), self.words.rpartition(" ")[2]
        return never > 10 or bool(never and last in ("name", "address", "nombre"))

    @property
    def is_side(self) -> bool:
        """True for a name that says of somebody in the matter that the column has theirs."""
        calls = self.named("call", "calling_number", "called_number")
        return calls > 10 or self.sided() > 0

    @property
    def is_victims(self) -> bool:
        """True for a name that says that the victim's own is in the column."""
        of_person = self.sided("suspect") and not self.sided("event")
        return bool(self.sided("victim") or (self.sided("line") and not of_person))

    @property
    def is_suspects(self) -> bool:
        """True for a name that says that the suspect's own is in the column.

        Not those whom the suspect reached, nor the desk that works on it.
        """
        reached = self.sided("reached") and not self.sided("told")
        others = self.is_doubled or reached or self.is_victims or self.sided("own")
        return bool(self.sided("suspect")) and not others


def columns_of(
    names: Sequence[str], rows: Sequence[Mapping[str, Sequence[str]]]
) -> Iterator[Column]:
    """Yields the columns of the rows of a sample; what says that nothing is known is no text."""
    distinct = [*{repr(sorted(row.items())): row for row in rows}.values()]
    for name in dict.fromkeys(names):
        texts = [
            part
            for row in distinct
            for cell in row.get(name, ())
            if not casts.says_unknown(cell)
            for part in casts.phone_parts(cell)
        ]
        words = _without_articles(casts.plain_words(name))
        yield Column(name, words, texts, len(distinct), names.count(name) > 1)


@cache
def _without_articles(words: str) -> str:
    articles = casts.word_lists()["marks"]["articles"]
    return " ".join(part for part in words.split() if part not in articles) or words
