"""Whom a complaint says was impersonated, and by which story, with the words that say so.

The rules are data (`data/brands.toml`, `lures.toml`, `gift_cards.toml`): patterns in English,
Spanish, German, French and Hinglish. A column is scanned once for each rule by RE2; where a rule
matches, Python gives the places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import IMPERSONATION
from schemas.kinds import TOLD
from transforms.identify.brands import canonical
from transforms.identify.rules import load

LANGUAGES = ("en", "es", "de", "fr", "hi")
"""Languages of the lures; hi is Hindi in Latin letters, mixed with English."""
MAX_SCAN = 12_000
"""Code points of a text that are searched."""
_FEW = 20
"""Texts for which compiling the rules for RE2 costs more than it saves."""
_MOST = 5
"""Places of one rule in one text that are kept."""

BRAND, LURE, GIFT_CARD = TOLD

_FEW_WORDS = r"(?:\W{1,3}\w{1,20}){0,4}?\W{1,3}"
_CLAIMS = frozenset(
    """
    from with by at is was of as be named are hello hi dear thank for using attached your
    für von vom bei ist de del la el es du des chez est se ki ka ke
    """.split()
)
"""One of these stands close before the name of the one that calls."""
_CALLED = frozenset(
    "called phoned contacted rang googled checked reported llamé appelé angerufen".split()
)
_SELF = frozenset("i we ich yo je j'ai".split())
"""With one of the former, these make it the one that the victim called."""
_CLAUSE = re.compile(r"[.!?\n:\"“”]")
_REACH = 60
"""Characters before a name in which that is looked for."""
_CLOSE = 4
"""Words before a name in which it is said to be the caller's."""


@dataclass(frozen=True)
class Rule:
    """One name and what tells it; `apart` are words behind which it tells of goods."""

    what: str
    name: str
    pattern: str
    apart: str = ""

    @property
    def compiled(self) -> re.Pattern[str]:
        """The pattern for Python, on lower-case text; that a word begins there is checked apart."""
        tail = rf"(?!\W{{1,3}}(?:{self.apart})\b)" if self.apart else ""
        return _compiled(rf"(?:{self.pattern})(?!\w){tail}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, brands first, in the order of the files."""
    return (*_brands(), *_lures(), *_cards())


def _brands() -> Iterator[Rule]:
    for brand in load("brands.toml")["brand"]:
        apart = "|".join(brand.get("not_before", ()))
        yield Rule(BRAND, brand["name"], "|".join(brand["text"]), apart)


def _lures() -> Iterator[Rule]:
    for lure in load("lures.toml")["lure"]:
        phrases = [phrase for language in LANGUAGES for phrase in lure.get(language, ())]
        yield Rule(LURE, lure["name"], "|".join(map(_spaced, phrases)))


def _cards() -> Iterator[Rule]:
    for card in load("gift_cards.toml")["card"]:
        yield Rule(GIFT_CARD, card["name"], "|".join(card["text"]))


def _spaced(phrase: str) -> str:
    return (
        phrase.replace(" ~ ~ ", " ~ ")
        .replace(" ~ ", _FEW_WORDS)
        .replace("~ ", r"(?:\w{1,20}\W{1,3}){0,4}?")
    )


def reasons(claimed: pa.Array, narrative: pa.Array) -> pa.Array:
    """What each complaint says of the impersonation, as `IMPERSONATION`; strings of one length.

    A known brand that is claimed comes first. In the narrative, brands that the caller is said to
    be come before those that are only named. No gift card's code is kept.
    """
    encoded = narrative.dictionary_encode()
    told = _in_texts(encoded.dictionary)
    brands = canonical(claimed).to_pylist()
    lengths = pc.utf8_length(claimed).to_pylist()
    known = {brand["name"] for brand in load("brands.toml")["brand"]}
    rows: list[_Reason] = []
    ends = [0]
    for brand, length, at in zip(brands, lengths, encoded.indices.to_pylist(), strict=True):
        if brand in known:
            rows.append((BRAND, brand, "claimed_brand", 0, length))
        if at is not None:
            rows.extend(told[at])
        ends.append(len(rows))
    columns = list(zip(*rows, strict=True)) or [()] * len(IMPERSONATION.value_type)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, IMPERSONATION.value_type, strict=True)]
    values = pa.StructArray.from_arrays(arrays, fields=list(IMPERSONATION.value_type))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def brands(claimed: pa.Array, narrative: pa.Array) -> pa.Array:
    """The one brand of each complaint: the claimed one, else the first that the narrative tells."""
    told = reasons(pa.nulls(len(narrative), pa.string()), narrative)
    named = pc.equal(pc.struct_field(told.values, "what"), BRAND)
    rows = pc.list_parent_indices(told).filter(named).to_numpy()
    at, first = np.unique(rows, return_index=True)
    names = pc.struct_field(told.values, "name").filter(named).take(pa.array(first))
    of_text = names.take(pc.index_in(pa.array(np.arange(len(told))), pa.array(at)))
    return pc.coalesce(canonical(claimed), of_text)


_Reason = tuple[str, str, str, int, int]


def _in_texts(texts: pa.Array) -> list[list[_Reason]]:
    """What each text tells: sure brands by their place, then the rest by rule and place."""
    words = [_lower(text[:MAX_SCAN]) for text in texts.to_pylist()]
    column = pa.array(words, pa.string())
    sure: list[list[_Reason]] = [[] for _ in words]
    rest: list[list[_Reason]] = [[] for _ in words]
    for rule in rules():
        for row in _where(column, words, rule):
            for start, end in _places(rule, words[row]):
                first = rule.what == BRAND and _is_caller(words[row], start)
                into = sure if first else rest
                into[row].append((rule.what, rule.name, "narrative", start, end))
    return [
        sorted(first, key=itemgetter(3)) + others for first, others in zip(sure, rest, strict=True)
    ]


def _where(column: pa.Array, words: list[str], rule: Rule) -> list[int]:
    """The texts that a rule may match; all of them where there are few."""
    if len(words) < _FEW:
        return list(range(len(words)))
    return np.flatnonzero(pc.match_substring_regex(column, rule.pattern)).tolist()


def _places(rule: Rule, text: str) -> Iterator[tuple[int, int]]:
    borders = (
        match.span()
        for match in rule.compiled.finditer(text)
        if not (match.start() and text[match.start() - 1].isalnum())
    )
    return islice(borders, _MOST)


def _lower(text: str) -> str:
    """The text in lower case, if that leaves every character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else text


def _is_caller(text: str, start: int) -> bool:
    """Whether the words before a brand say that it called, not that the victim called it."""
    words = _CLAUSE.split(text[max(0, start - _REACH) : start])[-1].replace(",", " ").split()
    if not _CALLED.isdisjoint(words) and not _SELF.isdisjoint(words):
        return False
    return not words or not _CLAIMS.isdisjoint(words[-_CLOSE:])
