"""Finds identifiers of every kind in narratives, with the role that the words beside them give.

The finders are those of `kinds.registry`, and `phone.find` for numbers as they are usually written.
Roles follow the rules of `data/cues.toml`. Naming an innocent is worse than missing a link, so only
words that say "call this" make a callback number; a number that may be the victim's own is the
victim's; one that the text calls genuine, or the line of a bank or the police, is only mentioned.
The rules are for text in lower case with its accents ("llamé": I called; "llame": call), bounded
and linear. Long, since the ways to tell a holder by words are one decision.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import HARD_ROLES, MAYBE_NUMBERS, EntityKind, Role, Speaker
from schemas.field import TEXT
from transforms.arrow import Array, distinct_rows
from transforms.decode import SEARCH_LIMIT, fill_parts, load_reference_data
from transforms.decode.escapes import lower_in_place
from transforms.extract.kinds.phone_link import NON_GEOGRAPHIC
from transforms.extract.kinds.registry import KINDS, IdentifierKind, lookup_kind
from transforms.extract.mention import NARRATIVE, Match, PlacedMatch, phone_matches
from transforms.phone import find

STATED_CONFIDENCE = 0.8
"""A reading whose role the words around it state."""

MENTIONED_CONFIDENCE = 0.6
"""A reading that the text only mentions."""

Span = tuple[int, ...]
"""The start and the end of an identifier."""

REACH = 400
"""Code points before an identifier in which is looked for who speaks."""

CUE_REACH = 140
"""Code points before it in which its context is looked for."""

REACH_AFTER = 120
"""Code points after it."""

_BOUNDARY = re.compile(
    r"\s(?:\s*[\"”»’)]?(?:[!?;]|\.(?!(?:let|on|rn|onft|mlt|hp|bom|txe|rm|srm|sm|rd|lec)\b))"
    r"|(?<=[\r\n])[\r\n]*)"
)
"""The border of two clauses, read backwards; the stop of "tel." or "no." is none."""

_LINK = re.compile(r"\W{0,3}(?:[a-z]{2,8}\[?:\]?//|[\w-]+\[?\.\]?[\w.\[\]-]+[/?])")
"""The beginning of a web address in lower case."""

_AMOUNT = re.compile(r"\d(?<!\w\d)(?!11\b)\d*[.,]\d\d(?!\d)")
"""An amount. No rule names a digit before an identifier but those of ic3 and 911."""

_QUOTE_MARKS = '"“”„«»'

_QUOTE_MARK = re.compile(f"[{_QUOTE_MARKS}]")

_QUOTE_LEAD = 60
"""Code points before a quotation mark in which is looked for who is quoted."""

_QUOTED_NEXT = re.compile(r"\w?\W{0,3}[\"“”„«»]")
"""The last sign of words that introduce a quotation, and the mark that it begins with."""

_SENTENCE_END = re.compile(r"[.!?][\"”»’)]?\s")

_CHAT_LINE = re.compile(
    r"(?:^|\n|(?<=\n))\W{0,3}(?:\[?\d{1,2}:\d{2}(?: ?[ap]m)?\]? ?)?\w{1,12}(?:\W\w{1,12})?\s?:"
)
"""The beginning of a line that names who speaks in it."""

_JSON_KEY = re.compile(r"\"\s*:\s*$")
"""The signs before a text in JSON, which nobody says."""

_ATTRIBUTED = re.compile(r"[\"“”»]\W*\w")
"""The end of a quotation, and words behind it."""

_SHORT_CLAUSE = 30
"""Code points below which the clause before is read too."""

_BETWEEN = " :;,=#()<>[]*-\t\"“'‘"
"""Characters between words and the identifier behind them that count for no distance."""

_LAST_WORDS = 80
"""Code points before an identifier in which a phrase begins that ends at it."""

_LISTED = re.compile(r"[^\w.!?\r\n]*(?:\w{1,12}[^\w.!?\r\n]+){0,2}")
"""The characters and words between two identifiers of one list: "call 1 or at 2"."""

_SIGNS = r"[\s,()-]{0,3}"
"""Characters between an identifier and the words after it."""

_RULE_PART = re.compile(r"\[(?:\\.|[^\]\\])*\]|\(\?<?[=!][^()]*\)|\{\d+(?:,\d+)?\}|\\.|[$^]")
"""The parts of a rule that RE2 reads otherwise than Python, or at great length."""

_CLASS = re.compile(r"\\[wds]")

_BEYOND_ASCII = r"\g<0>\\x0b\\x1c-\\x1f\\x{80}-\\x{10FFFF}"
"""A class, and what Python's has beyond RE2's."""


class _Distance(IntEnum):
    """Code points that may stand between a cue and the identifier; more where a suspect speaks."""

    VICTIM = 30
    OTHER = 40
    SPOKEN = 70


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


class CueRule(NamedTuple):
    """The meaning of some phrases for the identifier behind them, or before them.

    `last`: they end right before it, so that only the last words are looked at.
    """

    cue: Cue
    pattern: re.Pattern[str]
    last: bool = False


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
        for finder in row.finders:
            module = import_module(f"transforms.extract.kinds.{finder.module}")
            loaded.append(
                LoadedFinder(
                    module.HINT, module.find, finder.rare, finder.leftover, finder.regional
                )
            )
    return tuple(sorted(loaded, key=lambda finder: finder.leftover))


def find_in_narratives(
    text: pa.Array, region: pa.Array, narrative_by: pa.Array
) -> list[PlacedMatch]:
    """Finds every identifier in every text.

    A distinct (text, region, whether the suspect speaks) is searched once, and only by those
    finders that have something to find in it.

    Args:
        text: The narratives, or null.
        region: The victim's country, under which national numbers are read, or null.
        narrative_by: Whose words it is, a Speaker, or null: the victim's.

    Returns:
        The matches by row of the text, each with the role that its text states.
    """
    speaks = pc.fill_null(pc.equal(narrative_by, Speaker.SUSPECT), False)
    first, back = distinct_rows((text, region, speaks))
    positions = pa.array(first)
    texts = pc.utf8_slice_codeunits(pc.fill_null(text.take(positions), ""), 0, SEARCH_LIMIT)
    words, suspect_speaks = texts.to_pylist(), speaks.take(positions).to_pylist()
    lower = list(map(lower_in_place, words))
    matches = _find_all(texts, region.take(positions))
    placed = _place_all(words, lower, suspect_speaks, matches)
    return [
        PlacedMatch(row, NARRATIVE, *mention)
        for row, number in enumerate(back.tolist())
        for mention in placed.get(number, ())
    ]


def infer_role(
    before: str,
    following: str,
    kind: IdentifierKind,
    sender: Role = Role.CALLER_ID,
    *,
    suspect_speaks: bool,
) -> Role | None:
    """Infers a role from up to `REACH` lower-case code points before, `REACH_AFTER` behind.

    None where the words state no role, `Role.MENTIONED` where they say that the identifier is
    somebody's who is no part of the scam. A kind without phrases of its own is read by those of
    phone numbers. `sender` is the role of an address that was only shown as the sender's.
    """
    family = kind.kind if kind.kind in leading_cues() else EntityKind.PHONE
    if family is EntityKind.PHONE:
        before = _before_link(before)
    # Which amount it is tells nothing, and without it many clauses are alike.
    clause, earlier = last_clauses(_AMOUNT.sub(_zero_amount, before[-CUE_REACH:]))
    cue = _leading_cue(clause, family, suspect_speaks)
    behind = _trailing_cue(following, family, suspect_speaks)
    if behind is not None and (cue is None or behind in (Cue.VICTIM, Cue.GENUINE)):
        cue = behind
    if cue is None and not suspect_speaks:
        cue = _cue_over_lines(before, family)
    carried = family is EntityKind.PHONE and earlier is not None and len(clause) < _SHORT_CLAUSE
    if cue is None and carried:
        cue = _leading_cue(f"{earlier}. {clause}", family, suspect_speaks)
    return _role_of_cue(cue, kind, sender)


def quotes_suspect(before: str, following: str, *, introduced: bool = True) -> bool:
    """Checks whether a place in a victim's narrative is within words of the suspect's.

    These are in quotation marks, unless the victim quotes what they said themselves, or behind
    words that introduce them, until the victim speaks again.

    Args:
        before: Up to `REACH` lower-case code points before the place.
        following: Up to `REACH_AFTER` behind it.
        introduced: Whether there may be words that introduce the suspect's.
    """
    opened = _open_quotation(before)
    if opened is not None:
        lead = before[max(0, opened - _QUOTE_LEAD) : opened]
        if any(map(str.isalnum, lead)):
            return not (_JSON_KEY.search(lead) or speech_cues("own").search(lead))
        return _ATTRIBUTED.search(following) is not None
    if not introduced:
        return False
    ends = [introduction.end() for introduction in speech_cues("introduced").finditer(before)]
    return bool(ends) and not _is_over(before, ends[-1])


def may_be_over(before: str) -> bool:
    """Checks whether words that introduce a suspect's, and no mark ends, may have ended.

    They are a sentence back: "The message read: call us. My e-mail is ..." does not tell whose. A
    line of a chat is of whom it names.
    """
    if _open_quotation(before) is not None:
        return False
    introduced = [*speech_cues("introduced").finditer(before)]
    if not introduced or not _SENTENCE_END.search(before, introduced[-1].end()):
        return False
    return _CHAT_LINE.match(before, introduced[-1].start()) is None


def last_clauses(before: str) -> tuple[str, str | None]:
    """Returns the clause that a text ends in, and the one before that."""
    backwards, size = before[::-1], len(before)
    last = _BOUNDARY.search(backwards)
    if last is None:
        return before, None
    earlier = _BOUNDARY.search(backwards, last.end())
    start = size - earlier.start() if earlier else 0
    return before[size - last.start() :], before[start : size - last.end()]


def _before_link(before: str) -> str:
    """Returns a text without a link that goes on behind it: `?phone=` says nothing of a number."""
    if not before or before[-1].isspace():
        return before
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    return before[:start] if _LINK.match(before, start) else before


@cache
def leading_cues() -> dict[EntityKind, tuple[CueRule, ...]]:
    """Returns by kind of identifier the rules for the words before it, in the file's order."""
    rules: dict[EntityKind, tuple[CueRule, ...]] = {}
    for rule in load_reference_data("cues.toml")["before"]:
        for kind in rule["kinds"]:
            known = rules.get(EntityKind(kind), ())
            rules[EntityKind(kind)] = (*known, *_cue_rules(rule))
    return rules


@cache
def trailing_cues(family: EntityKind) -> tuple[CueRule, ...]:
    """Returns the rules for the words right behind an identifier; the first that matches counts."""
    return tuple(_rules_of("after", family, _SIGNS))


@cache
def suspect_cues(family: EntityKind) -> tuple[CueRule, ...]:
    """Returns the rules where the suspect speaks: "your number" is the victim's, "mine" theirs."""
    rules = load_reference_data("cues.toml")
    spoken = (*rules["addressed"], *rules["caller_transcript"])
    of_family = (rule for rule in spoken if family in rule.get("kinds", (family,)))
    retold = (Cue.VICTIM, Cue.NEUTRAL)
    others = (rule for rule in leading_cues()[family] if rule.cue not in retold)
    return (*chain.from_iterable(map(_cue_rules, of_family)), *others)


@cache
def cues_over_lines(family: EntityKind) -> tuple[CueRule, ...]:
    """Returns the rules for words that go over several lines, up to the identifier."""
    return tuple(_rules_of("whole", family))


def _rules_of(table: str, family: EntityKind, lead: str = "") -> Iterator[CueRule]:
    """Yields the rules of a table of the file, each with what goes before its phrases."""
    for rule in load_reference_data("cues.toml")[table]:
        if family in rule.get("kinds", (family,)):
            pattern = re.compile(f"{lead}(?:{_either(rule['phrases'])})")
            yield CueRule(Cue[rule["cue"].upper()], pattern)


@cache
def speech_cues(sort: str) -> re.Pattern[str]:
    """Returns the words of one sort that tell who speaks.

    Those that introduce what a suspect says (`introduced`) or the victim said (`own`), or by which
    the victim speaks again (`narrator`).
    """
    rules = load_reference_data("cues.toml")["speech"]
    phrases = [phrase for rule in rules if rule["what"] == sort for phrase in rule["phrases"]]
    return re.compile(rf"(?:(?<!\w)|(?=\n))(?:{_either(phrases)})")


@cache
def introduction_hint() -> str:
    """Returns RE2 that matches every text in a part of which words introduce what is said."""
    return _RULE_PART.sub(_widen, speech_cues("introduced").pattern)


@cache
def quoted_speech_cues() -> dict[EntityKind, re.Pattern[str]]:
    """Returns by kind the words by which a complaint quotes the caller's "call me back at"."""
    return {
        EntityKind(kind): re.compile(_either(rule["phrases"]))
        for rule in load_reference_data("cues.toml")["quoted_speech"]
        for kind in rule["kinds"]
    }


def _find_all(texts: pa.Array, regions: pa.Array) -> dict[int, list[Match]]:
    """Finds every reading of each text; of two of the same characters the more specific one.

    Each finder searches the texts that have its hint. Returns the matches by row, ascending.
    """
    finders = load_finders()
    # RE2 looks for all rare hints together as fast as for one of them.
    any_rare = "|".join(f"(?:{finder.hint})" for finder in finders if finder.rare)
    with_rare = _rows_with(texts, any_rare)
    few = texts.take(pa.array(with_rare))
    hinted = [
        with_rare[_rows_with(few, hint)] if rare else _rows_with(texts, hint)
        for hint, _, rare, *_ in finders
    ]
    words, countries = texts.to_pylist(), regions.to_pylist()
    matches: defaultdict[int, list[Match]] = defaultdict(list)
    leftovers: list[tuple[int, Iterable[Match]]] = []
    for (_, find_in, _, leftover, regional), rows in zip(finders, hinted, strict=True):
        for row in rows.tolist():
            in_text = find_in(words[row], countries[row]) if regional else find_in(words[row])
            if leftover:
                leftovers.append((row, list(in_text)))
            else:
                matches[row] += in_text
    leftovers += [
        (row, phone_matches(numbers)) for row, numbers in find.find_numbers(texts, regions)
    ]
    for row, candidates in leftovers:
        matches[row] += _without_overlaps(candidates, matches[row])
    return {row: matches[row] for row in sorted(matches) if matches[row]}


def _place_all(
    words: Sequence[str],
    lower: Sequence[str],
    suspect_speaks: Sequence[bool],
    matches: Mapping[int, list[Match]],
) -> dict[int, list[tuple[str, Match, Role, float, bool]]]:
    """Returns the matches of each row with their text and the role that it states.

    `lower` are the texts in lower case.
    """
    may_quote = pc.match_substring_regex(pa.array(lower, TEXT), introduction_hint()).to_pylist()
    placed = {}
    for row, in_row in matches.items():
        spans = sorted((match.start, match.end) for match in in_row)
        narrative = _Narrative(lower[row], may_quote[row], suspect_speaks[row], spans)
        kinds = [lookup_kind(match.kind, match.value) for match in in_row]
        placed[row] = [
            (words[row], match, *narrative.role_of(match, kind))
            for match, kind in zip(in_row, kinds, strict=True)
        ]
    return placed


class _Narrative(NamedTuple):
    """A text in lower case, who speaks in it, and where its identifiers stand, in order."""

    text: str
    introduced: bool
    """True where there may be words that introduce a suspect's."""
    suspect_speaks: bool
    spans: Sequence[Span]

    def role_of(self, match: Match, kind: IdentifierKind | None) -> tuple[Role, float, bool]:
        """Returns the role that the text states, or else its finder's; confidence; if stated.

        What may be the victim's own as well, and whoever can hold it, is only mentioned.
        """
        if kind is None or kind.hard_role is None or match.role is Role.VICTIM:
            return match.role, MENTIONED_CONFIDENCE, True
        start, sender = match.start, match.role
        before = self.text[max(0, start - REACH) : start]
        behind = self.text[match.end : match.end + REACH_AFTER]
        speaks = self.suspect_speaks or quotes_suspect(before, behind, introduced=self.introduced)
        role = infer_role(before, behind, kind, sender, suspect_speaks=speaks)
        if role in HARD_ROLES and (since := self._words_since(start)):
            role = infer_role(self.text[since:start], behind, kind, sender, suspect_speaks=speaks)
        is_sure = self.suspect_speaks or match.line_type in NON_GEOGRAPHIC
        if speaks and not is_sure and may_be_over(before):
            theirs = infer_role(before, behind, kind, sender, suspect_speaks=False)
            role = Role.MENTIONED if theirs is Role.VICTIM else role
        if match.carried in MAYBE_NUMBERS and role not in (Role.VICTIM, Role.MENTIONED):
            role = None  # that it is to be opened, or was shown, is said of the link
        if role is None:
            return _unstated_role(match, suspect_speaks=speaks), MENTIONED_CONFIDENCE, False
        return role, STATED_CONFIDENCE, True

    def _words_since(self, start: int) -> int:
        """Returns where words begin that can make an identifier at `start` a suspect's, or 0.

        Those before another identifier are of that one, unless both are in one list.
        """
        since = start
        for number in range(bisect_left(self.spans, (start,)) - 1, -1, -1):
            begin, end = self.spans[number]
            if end <= max(0, start - CUE_REACH):
                break
            if end <= since:
                if not _LISTED.fullmatch(self.text, end, since):
                    return end
                since = begin
        return 0


def _unstated_role(match: Match, *, suspect_speaks: bool) -> Role:
    """Returns the role where the text does not say whose it is.

    A mailbox may be its writer's, and a site one that they read or shop at, unless it imitates a
    brand, or is a link in the suspect's own words.
    """
    if match.kind is EntityKind.EMAIL:
        return Role.MENTIONED
    if match.kind in (EntityKind.DOMAIN, EntityKind.URL) and not match.how:
        return match.role if suspect_speaks else Role.MENTIONED
    return match.role


def _without_overlaps(candidates: Iterable[Match], matches: Iterable[Match]) -> list[Match]:
    """Returns the candidates that share no character with the matches, a relay's domain apart."""
    spans = [(match.start, match.end) for match in matches if match.role is not Role.OPERATOR]
    taken = bytearray(max((end for _, end in spans), default=0))
    for start, end in spans:
        taken[start:end] = b"\1" * (end - start)
    return [match for match in candidates if not any(taken[match.start : match.end])]


def _rows_with(texts: pa.Array, hint: str) -> Array:
    """Returns the rows in which a hint occurs."""
    return np.flatnonzero(pc.match_substring_regex(texts, hint))


def _zero_amount(amount: re.Match[str]) -> str:
    return f"{'0' * (len(amount[0]) - 3)}{amount[0][-3]}00"


def _widen(part: re.Match[str]) -> str:
    """Returns RE2 that matches at least where Python matches a part of a rule."""
    text = part[0]
    if text[0] == "{":
        return "*" if text.startswith("{0") else "+"
    if text[0] == "[":
        return text if text[1] == "^" else _CLASS.sub(_BEYOND_ASCII, text)
    if _CLASS.match(text):
        return f"[{_CLASS.sub(_BEYOND_ASCII, text)}]"
    return "" if text[0] in "($^" or text == r"\b" else text


@lru_cache(maxsize=1 << 14)
def _leading_cue(clause: str, family: EntityKind, suspect_speaks: bool) -> Cue | None:
    """Returns the cue that ends nearest to the identifier; at one distance the less harmful."""
    rules = suspect_cues(family) if suspect_speaks else leading_cues()[family]
    furthest = _Distance.SPOKEN if suspect_speaks else _Distance.OTHER
    best: tuple[int, Cue] | None = None
    size = len(clause.rstrip(_BETWEEN))
    for cue, pattern, last in rules:
        for match in pattern.finditer(clause, max(0, size - _LAST_WORDS) if last else 0):
            gap = max(0, size - match.end())
            limit = _Distance.VICTIM if cue is Cue.VICTIM else furthest
            if gap <= limit and (best is None or (gap, cue) < best):
                best = (gap, cue)
    if best is None:
        return None
    quoted = quoted_speech_cues().get(family)
    if best[1] is Cue.VICTIM and not suspect_speaks and quoted and quoted.search(clause):
        return Cue.REQUESTED
    return best[1]


@lru_cache(maxsize=1 << 14)
def _trailing_cue(following: str, family: EntityKind, suspect_speaks: bool) -> Cue | None:
    for cue, pattern, _ in trailing_cues(family):
        if pattern.match(following) and not (suspect_speaks and cue is Cue.VICTIM):
            return cue
    return None


@lru_cache(maxsize=1 << 12)
def _cue_over_lines(before: str, family: EntityKind) -> Cue | None:
    rules = cues_over_lines(family)
    return next((rule.cue for rule in rules if rule.pattern.search(before)), None)


def _open_quotation(before: str) -> int | None:
    """Returns where a quotation begins that is not closed, or None."""
    opened = None
    if not any(mark in before for mark in _QUOTE_MARKS):  # in a tenth of the pattern's time
        return None
    for mark in _QUOTE_MARK.finditer(before):
        place = mark.start()
        opens = (
            not before[place - 1 : place].strip(" \n(>-") and before[place + 1 : place + 2] != ""
        )
        if mark[0] in "„«" or (opened is None and opens):
            opened = place
        elif opened is not None:
            opened = None
    return opened


def _is_over(before: str, start: int) -> bool:
    """Checks whether introduced words are over: the victim speaks again, or they were in marks.

    No quotation is open where `before` ends.
    """
    marked = _QUOTED_NEXT.match(before, start - 1)
    return marked is not None or speech_cues("narrator").search(before, start) is not None


def _role_of_cue(cue: Cue | None, kind: IdentifierKind, sender: Role) -> Role | None:
    if cue is None or cue is Cue.NEUTRAL:
        return None
    if cue is Cue.VICTIM:
        return Role.VICTIM
    if cue is Cue.GENUINE:
        return Role.MENTIONED
    if cue is Cue.DISPLAYED and kind.kind is EntityKind.PHONE:
        return Role.CALLER_ID
    if cue is Cue.DISPLAYED and kind.kind is EntityKind.EMAIL:
        return sender
    return kind.hard_role


def _cue_rules(rule: Mapping[str, Any]) -> Iterator[CueRule]:
    """Yields the rules of some phrases: of those that end at the identifier, and of the others."""
    cue = Cue[rule["cue"].upper()]
    whole = [_with_parts(phrase) for phrase in rule["phrases"]]
    for last in (True, False):
        phrases = [phrase for phrase in whole if phrase.endswith("$") == last]
        if phrases:
            yield CueRule(cue, re.compile(rf"(?<!\w)(?:{_either(phrases)})(?!\w)"), last)


def _either(phrases: Iterable[str]) -> str:
    return "|".join(_with_parts(phrase) for phrase in phrases)


def _with_parts(phrase: str) -> str:
    return fill_parts(phrase, load_reference_data("cues.toml")["parts"])
