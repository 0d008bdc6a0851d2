"""The facts that a run states of an identifier or a link, each a code with typed arguments.

A new reason or doubt is one table of facts.toml. Tables of a run have the facts and, beside them,
the English sentence; letters say some of them in their own language, by code. What an analyst wrote
is an argument of its own type, so that a copy that leaves can do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from string import Formatter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas import data_of
from schemas.field import INTEGER, TEXT, TEXTS, Column, list_of, optional


class Argument(Enum):
    """Types of an argument that is no count: how it is written in a sentence."""

    NUMBER = "number"
    SHARE = "share"
    TEXT = "text"
    ANALYST = "analyst"
    """Words of an analyst, who may name a victim or quote a record."""


class Counted(NamedTuple):
    """A count, with the words that follow one and those that follow any other number."""

    singular: str
    more: str


LEFT_OUT = "an analyst’s decision, left out of this copy"

_DECISION = {
    "kind": Argument.TEXT,
    **dict.fromkeys(("decision_id", "author", "reason"), Argument.ANALYST),
}
"""The arguments that stand for a decision."""

_TYPES: dict[str, Argument | Counted] = {
    "records": Counted("record", "records"),
    "reporters": Counted("reporter", "reporters"),
    "victims": Counted("reporter calls", "reporters call"),
    "suspects": Counted("shows", "show"),
    "spread": Argument.SHARE,
    **dict.fromkeys(("days", "complaints", "people", "identifiers", "tenants"), Argument.NUMBER),
}
"""Types of arguments by name; any other is a text."""


@dataclass(frozen=True)
class Form:
    """The content of a fact: a sentence that names its arguments in braces, in their order.

    Attributes:
        sentence: `{decision}` in it stands for all that a decision says, `{named_decision}` for
            its kind and all that it says.
        types: Types of arguments that are others than `_TYPES` says.
        in_letters: whether letters to other countries say it, without what an analyst wrote; it has
            no other arguments.
        joint: what joins it to the fact before it.
    """

    sentence: str
    types: Mapping[str, str] = field(default_factory=dict)
    in_letters: bool = False
    joint: str = "; "

    @cached_property
    def arguments(self) -> Mapping[str, Argument | Counted]:
        """The types of the arguments by name, in their order."""
        names = [name for _, name, _, _ in Formatter().parse(self.sentence) if name]
        if {"decision", "named_decision"} & {*names}:
            return _DECISION
        known = _TYPES | {name: Argument(kind) for name, kind in self.types.items()}
        return {name: known.get(name, Argument.TEXT) for name in names}

    @property
    def is_of_analyst(self) -> bool:
        """True for what an analyst wrote."""
        return Argument.ANALYST in self.arguments.values()


FACTS = {code: Form(**row) for code, row in data_of("facts.toml").items()}
"""Every fact by its code; the table of docs/data-contract.md is made of it."""

FACT_LIST = list_of(
    optional(code="What it says; see the vocabulary of facts."),
    optional(TEXTS, arguments="Its arguments, in the order given there."),
)
"""The column of tables that has facts."""

KNOWN_LEGITIMATE = ("known_legitimate", "decided_legitimate")
"""Facts of what a known-legitimate list, or an analyst, says to be somebody's of good standing."""

CONTESTED = ("contested", "contested_by_calls")
"""Facts that say the status contested themselves."""

EARLIER_VERSION = "earlier_version"
"""The fact in place of those of a run that was made before there were any."""

OF_ANALYSTS = tuple(code for code, form in FACTS.items() if form.is_of_analyst)


class Fact(NamedTuple):
    """A fact; its arguments are texts, and are left out where a copy may not have them."""

    code: str
    arguments: tuple[str, ...] = ()

    def values(self) -> dict[str, str]:
        """Returns the arguments by name, as a sentence has them."""
        form = FACTS[self.code]
        if form.is_of_analyst:
            return _decision_values(*self.arguments)
        named = zip(form.arguments.items(), self.arguments, strict=True)
        return {name: _written(kind, value) for (name, kind), value in named}

    def sentence(self) -> str:
        """Returns what it says, in English."""
        return FACTS[self.code].sentence.format_map(self.values())


Facts = tuple[Fact, ...]
"""All that is said of one identifier or link, as a reason."""


def fact(code: str, *arguments: object) -> Fact:
    """Makes a fact.

    Raises:
        KeyError: for a code that `FACTS` does not have.
        TypeError: for too many or too few arguments.
    """
    if len(arguments) != len(FACTS[code].arguments):
        raise TypeError(f"{code}: takes {', '.join(FACTS[code].arguments) or 'no arguments'}")
    return Fact(code, tuple(map(str, arguments)))


def reason_of(facts: Iterable[Fact]) -> str:
    """Returns the sentence of several facts; one that says the same again is said once."""
    text = ""
    for sentence, code in {fact.sentence(): fact.code for fact in facts}.items():
        text += f"{FACTS[code].joint}{sentence}" if text else sentence
    return text


def without_analysts(facts: Iterable[Fact]) -> Facts:
    """Returns facts without the words of analysts."""
    return tuple(Fact(fact.code) if fact.code in OF_ANALYSTS else fact for fact in facts)


def have_facts(column: Column, codes: Iterable[str]) -> pa.Array:
    """Masks the rows of a column of facts that have one of these codes."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    named = pc.is_in(pc.struct_field(pc.list_flatten(whole), "code"), pa.array(list(codes)))
    rows = pc.list_parent_indices(whole).filter(named)
    return pc.is_in(pa.array(range(len(whole)), rows.type), rows.unique())


def facts_of(value: Sequence[Mapping[str, Any]] | None) -> Facts:
    """Returns facts from a value of their column."""
    return tuple(Fact(fact["code"], tuple(fact["arguments"])) for fact in value or ())


def reasons_and_facts(rows: Sequence[Facts]) -> tuple[pa.Array, pa.Array]:
    """Returns the columns `reason` and `facts` of rows; equal ones are made once."""
    places: dict[Facts, int] = {}
    place = pa.array([places.setdefault(row, len(places)) for row in rows], INTEGER)
    reasons = pa.array(map(reason_of, places), TEXT)
    values = pa.array([[fact._asdict() for fact in row] for row in places], FACT_LIST)
    return reasons.take(place), values.take(place)


def _decision_values(
    kind: str = "", decision_id: str = "", author: str = "", reason: str = ""
) -> dict[str, str]:
    if not kind:
        return dict.fromkeys(("decision", "named_decision"), LEFT_OUT)
    words = f"decision {decision_id} by {author}" + (f": {reason}" if reason else "")
    return {"decision": words, "named_decision": f"{kind} {words}"}


def _written(kind: Argument | Counted, value: str) -> str:
    if isinstance(kind, Counted):
        return f"{value} {kind.singular if value == '1' else kind.more}"
    return f"{float(value):.0%}" if kind is Argument.SHARE else value
