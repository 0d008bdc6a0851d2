"""Finds identifiers of every kind in narratives, with the role that the nearby words give.

The finders come from `kinds.registry`; `phone.find` finds numbers in their usual form. Roles follow
the rules of `data/cues.toml`. Naming an innocent is worse than missing a link. So only words that
say "call this" make a callback number. A number that may be the victim's own counts as the
victim's. A number that the text calls genuine, or a bank's or the police's, is only mentioned. The
rules are for text in lower case with its accents ("llamé": I called; "llame": call), bounded and
linear.
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
"""Confidence in a reading whose role the words around it state."""

MENTIONED_CONFIDENCE = 0.6
"""Confidence in a reading that the text only mentions."""

Span = tuple[int, ...]
"""The start and the end of an identifier."""

REACH = 400
"""Distance back, in code points, to search for the speaker of an identifier."""

CUE_REACH = 140
"""Distance back, in code points, to search for cues to its role."""

REACH_AFTER = 120
"""Distance ahead, in code points, to search for either."""

_BOUNDARY = re.compile(
    r"\s(?:\s*[\"”»’)]?(?:[!?;]|\.(?!(?:let|on|rn|onft|mlt|hp|bom|txe|rm|srm|sm|rd|lec)\b))"
    r"|(?<=[\r\n])[\r\n]*)"
)
"""The border of two clauses, read backwards; the stop of "tel." or "no." ends no clause."""

_LINK = re.compile(r"\W{0,3}(?:[a-z]{2,8}\[?:\]?//|[\w-]+\[?\.\]?[\w.\[\]-]+[/?])")
"""The beginning of a web address in lower case."""

_AMOUNT = re.compile(r"\d(?<!\w\d)(?!11\b)\d*[.,]\d\d(?!\d)")
"""An amount. The only digits in rules for words before an identifier are in ic3 and 911."""

_QUOTE_MARKS = '"“”„«»'

_QUOTE_MARK = re.compile(f"[{_QUOTE_MARKS}]")

_QUOTE_LEAD = 60
"""Distance before a quotation mark, in code points, to search for the quoted person."""

_QUOTED_NEXT = re.compile(r"\w?\W{0,3}[\"“”„«»]")
"""The last sign of words that introduce a quotation, and the opening mark of the quotation."""

_SENTENCE_END = re.compile(r"[.!?][\"”»’)]?\s")

_CHAT_LINE = re.compile(
    r"(?:^|\n|(?<=\n))\W{0,3}(?:\[?\d{1,2}:\d{2}(?: ?[ap]m)?\]? ?)?\w{1,12}(?:\W\w{1,12})?\s?:"
)
"""The beginning of a line that names its speaker."""

_JSON_KEY = re.compile(r"\"\s*:\s*$")
"""The signs before a text in JSON, which is no speech."""

_ATTRIBUTED = re.compile(r"[\"“”»]\W*\w")
"""The end of a quotation, and words after it."""

_SHORT_CLAUSE = 30
"""For a clause of fewer code points, the clause before is read too."""

_BETWEEN = " :;,=#()<>[]*-\t\"“'‘"
"""Characters between words and the identifier after them that do not count as distance."""

_LAST_WORDS = 80
"""Largest length, in code points, of a phrase that ends at an identifier."""

_LISTED = re.compile(r"[^\w.!?\r\n]*(?:\w{1,12}[^\w.!?\r\n]+){0,2}")
"""The characters and words between two identifiers of one list: "call 1 or at 2"."""

_SIGNS = r"[\s,()-]{0,3}"
"""Characters between an identifier and the words after it."""

_RULE_PART = re.compile(r"\[(?:\\.|[^\]\\])*\]|\(\?<?[=!][^()]*\)|\{\d+(?:,\d+)?\}|\\.|[$^]")
"""The parts of a rule that RE2 reads differently from Python, or only slowly."""

_CLASS = re.compile(r"\\[wds]")

_BEYOND_ASCII = r"\g<0>\\x0b\\x1c-\\x1f\\x{80}-\\x{10FFFF}"
"""A class, and the characters that Python's class has beyond RE2's."""


class _Distance(IntEnum):
    """Code points allowed between a cue and the identifier; more if a suspect speaks."""

    VICTIM = 30
    OTHER = 40
    SPOKEN = 70


class Cue(IntEnum):
    """Statements of a phrase about the identifier next to it, the less harmful first."""

    VICTIM = 0
    """It is the victim's own."""
    GENUINE = 1
    """It belongs to a bank, the police or the real company."""
    NEUTRAL = 2
    """Somebody calls it, but the words do not say that the scammer wants that."""
    DISPLAYED = 3
    """It was shown as the caller id."""
    REQUESTED = 4
    """The scammer wants the victim to use it."""


class CueRule(NamedTuple):
    """The meaning of some phrases for the identifier after or before them.

    `last`: the phrases end right before the identifier, so only the last words are searched.
    """

    cue: Cue
    pattern: re.Pattern[str]
    last: bool = False


class LoadedFinder(NamedTuple):
    """A finder of the registry; a text that its RE2 `hint` does not match holds nothing for it."""

    hint: str
    find: Callable[..., Iterable[Match]]
    rare: bool
    leftover: bool
    regional: bool


@cache
def load_finders() -> tuple[LoadedFinder, ...]:
    """Imports the finders of the registry, in its order, with `leftover` finders last."""
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

    Equal texts with the same region and speaker are searched once, and only by the finders whose
    hints they have.

    Args:
        text: The narratives, or null.
        region: The victim's country, for reading national numbers, or null.
        narrative_by: The Speaker of each narrative; null means the victim.

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
    """Infers a role from up to `REACH` lower-case code points before, and `REACH_AFTER` after.

    Returns None if the words state no role, and `Role.MENTIONED` if they say that the holder is no
    part of the scam. A kind without its own phrases uses the phrases of phone numbers. `sender` is
    the role of an address that was only shown as the sender's.
    """
    family = kind.kind if kind.kind in leading_cues() else EntityKind.PHONE
    if family is EntityKind.PHONE:
        before = _before_link(before)
    # The amount does not matter, and without it many clauses are equal.
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
    """Checks whether a place in a victim's narrative is within the suspect's words.

    The suspect's words are in quotation marks, unless the victims quote themselves. Or they follow
    words that introduce them, until the victim speaks again.

    Args:
        before: Up to `REACH` lower-case code points before the place.
        following: Up to `REACH_AFTER` code points after it.
        introduced: Whether the text may have words that introduce the suspect's.
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
    """Checks whether a suspect's introduced words, which no quotation mark ends, may have ended.

    This is so after a full sentence: "The message read: call us. My e-mail is ..." does not tell
    whose e-mail it is. A line of a chat belongs to the speaker that it names.
    """
    if _open_quotation(before) is not None:
        return False
    introduced = [*speech_cues("introduced").finditer(before)]
    if not introduced or not _SENTENCE_END.search(before, introduced[-1].end()):
        return False
    return _CHAT_LINE.match(before, introduced[-1].start()) is None


def last_clauses(before: str) -> tuple[str, str | None]:
    """Returns the last clause of a text, and the clause before it or None."""
    backwards, size = before[::-1], len(before)
    last = _BOUNDARY.search(backwards)
    if last is None:
        return before, None
    earlier = _BOUNDARY.search(backwards, last.end())
    start = size - earlier.start() if earlier else 0
    return before[size - last.start() :], before[start : size - last.end()]


def _before_link(before: str) -> str:
    """Returns a text without a link that continues after it: `?phone=` is no cue to a role."""
    if not before or before[-1].isspace():
        return before
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    return before[:start] if _LINK.match(before, start) else before


@cache
def leading_cues() -> dict[EntityKind, tuple[CueRule, ...]]:
    """Returns the rules for words before an identifier, by kind, in the file's order."""
    rules: dict[EntityKind, tuple[CueRule, ...]] = {}
    for rule in load_reference_data("cues.toml")["before"]:
        for kind in rule["kinds"]:
            known = rules.get(EntityKind(kind), ())
            rules[EntityKind(kind)] = (*known, *_cue_rules(rule))
    return rules


@cache
def fixed_cues(table: str, family: EntityKind) -> tuple[CueRule, ...]:
    """Returns the rules of a table of the file for a kind, of which the first match counts.

    `after` has words right after an identifier, `whole` words over several lines up to it.
    """
    lead = _SIGNS if table == "after" else ""
    return tuple(
        CueRule(_cue_of(rule), re.compile(f"{lead}(?:{_either(rule['phrases'])})"))
        for rule in load_reference_data("cues.toml")[table]
        if family in rule.get("kinds", (family,))
    )


@cache
def suspect_cues(family: EntityKind) -> tuple[CueRule, ...]:
    """Returns the rules for a suspect's speech: "your number" is the victim's, "mine" theirs."""
    rules = load_reference_data("cues.toml")
    spoken = (*rules["addressed"], *rules["caller_transcript"])
    of_family = (rule for rule in spoken if family in rule.get("kinds", (family,)))
    retold = (Cue.VICTIM, Cue.NEUTRAL)
    others = (rule for rule in leading_cues()[family] if rule.cue not in retold)
    return (*chain.from_iterable(map(_cue_rules, of_family)), *others)


@cache
def speech_cues(sort: str) -> re.Pattern[str]:
    """Returns a pattern of the words of one sort that tell who speaks.

    The sorts introduce words of the suspect (`introduced`) or of the victim (`own`), or show that
    the victim speaks again (`narrator`).
    """
    rules = load_reference_data("cues.toml")["speech"]
    phrases = [phrase for rule in rules if rule["what"] == sort for phrase in rule["phrases"]]
    return re.compile(rf"(?:(?<!\w)|(?=\n))(?:{_either(phrases)})")


@cache
def introduction_hint() -> str:
    """Returns RE2 that matches every text with words that introduce a suspect's words."""
    return _RULE_PART.sub(_widen, speech_cues("introduced").pattern)


@cache
def quoted_speech_cues() -> dict[EntityKind, re.Pattern[str]]:
    """Returns, by kind, words with which a complaint quotes the caller's "call me back at"."""
    return {
        EntityKind(kind): re.compile(_either(rule["phrases"]))
        for rule in load_reference_data("cues.toml")["quoted_speech"]
        for kind in rule["kinds"]
    }


def _find_all(texts: pa.Array, regions: pa.Array) -> dict[int, list[Match]]:
    """Finds every reading of each text; of two readings of the same characters, the more specific.

    Each finder searches the texts that have its hint. Returns the matches by row, ascending.
    """
    finders = load_finders()
    # RE2 searches all rare hints together as fast as a single hint.
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
    """Returns the matches of each row with their text, and the role that the text states.

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
    """A text in lower case, its speaker, and the sorted places of its identifiers."""

    text: str
    introduced: bool
    """True if the text may have words that introduce a suspect's."""
    suspect_speaks: bool
    spans: Sequence[Span]

    def role_of(self, match: Match, kind: IdentifierKind | None) -> tuple[Role, float, bool]:
        """Returns the role that the text states or else its finder's, confidence, and if stated.

        An identifier that may as well be the victim's own is only mentioned.
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
            role = None  # the words are about the link, not about the number in it
        if role is None:
            return _unstated_role(match, suspect_speaks=speaks), MENTIONED_CONFIDENCE, False
        return role, STATED_CONFIDENCE, True

    def _words_since(self, start: int) -> int:
        """Returns where the words begin that can make an identifier at `start` a suspect's, or 0.

        Words before another identifier belong to that identifier, unless both are in one list.
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
    """Returns the role of an identifier whose holder the text does not state.

    A mailbox may be the writer's own. The writer may read or shop at a site, unless it imitates a
    brand or is a link in the suspect's own words.
    """
    if match.kind is EntityKind.EMAIL:
        return Role.MENTIONED
    if match.kind in (EntityKind.DOMAIN, EntityKind.URL) and not match.how:
        return match.role if suspect_speaks else Role.MENTIONED
    return match.role


def _without_overlaps(candidates: Iterable[Match], matches: Iterable[Match]) -> list[Match]:
    """Returns the candidates that overlap no match; relays of operators do not count."""
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
    """Returns RE2 that matches at least all that a part of a rule matches in Python."""
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
    """Returns the cue that ends nearest to the identifier; of equals, the less harmful."""
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
    for cue, pattern, _ in fixed_cues("after", family):
        if pattern.match(following) and not (suspect_speaks and cue is Cue.VICTIM):
            return cue
    return None


@lru_cache(maxsize=1 << 12)
def _cue_over_lines(before: str, family: EntityKind) -> Cue | None:
    rules = fixed_cues("whole", family)
    return next((rule.cue for rule in rules if rule.pattern.search(before)), None)


def _open_quotation(before: str) -> int | None:
    """Returns the start of a quotation that is still open, or None."""
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

    No quotation is open at the end of `before`.
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
    """Yields a rule for the phrases that end at the identifier, and one for all others."""
    whole = [_with_parts(phrase) for phrase in rule["phrases"]]
    for last in (True, False):
        phrases = [phrase for phrase in whole if phrase.endswith("$") == last]
        if phrases:
            yield CueRule(_cue_of(rule), re.compile(rf"(?<!\w)(?:{_either(phrases)})(?!\w)"), last)


def _cue_of(rule: Mapping[str, Any]) -> Cue:
    return Cue[rule["cue"].upper()]


def _either(phrases: Iterable[str]) -> str:
    return "|".join(_with_parts(phrase) for phrase in phrases)


def _with_parts(phrase: str) -> str:
    return fill_parts(phrase, load_reference_data("cues.toml")["parts"])
