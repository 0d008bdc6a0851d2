"""The facts that a run states of an identifier or a link, each a code with typed arguments.

A new reason or doubt is one row of `FACTS`. Tables have the facts and, beside them, the English
sentence; letters say some of them in their own language, by code. What an analyst wrote is an
argument of its own type, so that a copy that leaves can do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TEXTS, list_of, optional


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

RECORDS = Counted("record", "records")

REPORTERS = Counted("reporter", "reporters")

_CALLING = Counted("reporter calls", "reporters call")

_DECISION = {
    "kind": Argument.TEXT,
    **dict.fromkeys(("decision_id", "author", "reason"), Argument.ANALYST),
}


@dataclass(frozen=True)
class Form:
    """The content of a fact: a sentence that names its arguments in braces, and their types.

    Attributes:
        sentence: `{decision}` in it stands for all that a decision says, `{named_decision}` for
            its kind and all that it says.
        arguments: the types by name, in the order of the arguments.
        in_letters: whether letters to other countries say it, without what an analyst wrote; it has
            no other arguments.
        joint: what joins it to the fact before it.
    """

    sentence: str
    arguments: Mapping[str, Argument | Counted] = field(default_factory=dict)
    in_letters: bool = False
    joint: str = "; "

    @property
    def is_of_analyst(self) -> bool:
        """True for what an analyst wrote."""
        return Argument.ANALYST in self.arguments.values()


FACTS: Mapping[str, Form] = {
    "used": Form("used by the scammer in {records}", {"records": RECORDS}),
    "forgeable": Form("only a caller id, which can be forged, or a mention"),
    "shared": Form("shared by a supplier's customers: describes clusters, joins none"),
    "only_mentioned": Form(
        "only mentioned: no record says whose it is, and a private person may hold it"
    ),
    "named_by_one": Form(
        "withheld, as one reporter alone names this mailbox, which may be a victim's"
    ),
    "known_legitimate": Form("known legitimate: {why}", {"why": Argument.TEXT}),
    "decided_legitimate": Form("known legitimate: {decision}", _DECISION),
    "decided_victims": Form("{named_decision}", _DECISION),
    "decided_suspects": Form("a suspect's by {decision}", _DECISION),
    "decided": Form("{named_decision}", _DECISION, in_letters=True),
    "withheld_before": Form("withheld in the run that it is from"),
    "victims_in_records": Form("a victim's own in {records}", {"records": RECORDS}),
    "victims_stated": Form("a victim's own, as stated by {reporters}", {"reporters": REPORTERS}),
    "victims_before": Form(
        "a victim's own in earlier runs, by {reporters}", {"reporters": REPORTERS}
    ),
    "though_held": Form("though held by a suspect in {records}", {"records": RECORDS}, joint=", "),
    "contested": Form(
        "contested: {victims} it a victim's own, {suspects} a suspect using it",
        {"victims": _CALLING, "suspects": Counted("shows", "show")},
    ),
    "contested_by_calls": Form(
        "contested: {victims} it a victim's own, calls without a pseudonym show a suspect using it",
        {"victims": _CALLING},
    ),
    "contested_before": Form(
        "contested: {victims} it a victim's own, {suspects} showed a suspect using it in earlier "
        "runs",
        {"victims": _CALLING, "suspects": Argument.NUMBER},
    ),
    "seen_again": Form(
        "seen again after {days} days, maybe by another holder", {"days": Argument.NUMBER}
    ),
    "dated_by_one": Form(
        "{days} days from its other use, as one reporter alone dates it", {"days": Argument.NUMBER}
    ),
    "hub": Form(
        "hub: {spread} of its links go outside its main cluster; linked by {reporters} reporters, "
        "seen in {complaints} complaints",
        {"spread": Argument.SHARE, "reporters": Argument.NUMBER, "complaints": Argument.NUMBER},
    ),
    "returned": Form(
        "in the cluster of its other epoch: suppliers show that it came back to the same hands"
    ),
    "soft_inside": Form("soft: describes the cluster, does not hold it together"),
    "soft": Form("soft: a forgeable or shared identifier joins nothing"),
    "both_used": Form("both used by the scammer in the same records"),
    "hub_end": Form("one end is a hub, seen with many clusters", in_letters=True),
    "outside_end": Form("one end may not be clustered: see its status", in_letters=True),
    "doubted_end": Form(
        "too few reporters tie it to a line that may be a private person's and was in no call",
        in_letters=True,
    ),
    "too_little": Form("too little evidence to join two clusters", in_letters=True),
    "kept_apart": Form(
        "the two clusters are kept apart by {named_decision}", _DECISION, in_letters=True
    ),
    "one_reporter": Form(
        "one victim in record {record} would have to be mistaken, malicious, or a victim of two "
        "call centers",
        {"record": Argument.TEXT},
    ),
    "all_reporters": Form(
        "{people} victims would all have to be mistaken, malicious, or misread",
        {"people": Argument.NUMBER},
    ),
    "one_organisation": Form(
        "no organisation but {organisation} has seen both", {"organisation": Argument.TEXT}
    ),
    "never_alone": Form(
        "no record names just these two: each names {identifiers} identifiers or more, and one of "
        "the others may be what they share",
        {"identifiers": Argument.NUMBER},
    ),
    "soft_end": Form("one end can be forged or is shared: the link is never accepted by itself"),
    "unsure_reading": Form(
        "the reading of {identifier} (confidence {confidence}) would have to be wrong",
        {"identifier": Argument.TEXT, "confidence": Argument.TEXT},
    ),
    "two_readings": Form(
        "the reading of {identifier} (confidence {confidence}, which may also be {other}) would "
        "have to be wrong",
        {"identifier": Argument.TEXT, "confidence": Argument.TEXT, "other": Argument.TEXT},
    ),
    "long_silence": Form(
        "no record for {days} days: {phones} may have been reassigned meanwhile",
        {"days": Argument.NUMBER, "phones": Argument.TEXT},
    ),
    "earlier_holder": Form(
        "{identifier} was in use before a long gap, maybe of another holder",
        {"identifier": Argument.TEXT},
    ),
    "caller_id_too": Form(
        "it was a caller id too: some of its records may be of calls that forged it"
    ),
    "one_record": Form("one record names it: one mistyped character would make it a stranger's"),
    "one_link": Form("it hangs on one link alone, to {other}", {"other": Argument.TEXT}),
    "bridge": Form("the cluster falls apart without it: it may serve two call centers (a mule)"),
    "earlier_version": Form("not told here: the run is of an earlier version"),
}
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


def have_facts(column: pa.Array | pa.ChunkedArray, codes: Iterable[str]) -> pa.Array:
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
    place = pa.array([places.setdefault(row, len(places)) for row in rows], pa.int64())
    reasons = pa.array(map(reason_of, places), pa.string())
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
