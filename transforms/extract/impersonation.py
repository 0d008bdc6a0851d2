"""Finds who was impersonated, by which story and with which gift cards, and the words that say so.

The rules are data (`data/brands.toml`, `lures.toml`, `gift_cards.toml`): patterns in English,
Spanish, German, French and Hinglish, without accents as the texts are read (`fold_column`). All
brands are one pass of RE2 over a column, and so are all gift cards and each lure. What a field
claims can be a person's words: a name comes out of it only if a list has the name, else `OTHER`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import IMPERSONATION
from schemas.enums import IMPERSONATION_ASPECTS
from schemas.field import FLAG, TEXT
from transforms.arrow import (
    Array,
    Spans,
    distinct_rows,
    find_rare_spans,
    find_spans,
    group_changes,
    list_column,
    list_items,
    map_distinct,
    repeat_for_duplicates,
    slice_spans,
)
from transforms.decode import (
    SEARCH_LIMIT,
    fold_column,
    fold_pattern,
    fold_text,
    load_reference_data,
    without_accents,
)
from transforms.extract.kinds import domain
from transforms.values import true_mask

LANGUAGES = ("en", "es", "de", "fr", "hi")
"""Languages of the lures; hi is Hindi in Latin letters, mixed with English."""

BRAND, LURE, GIFT_CARD = IMPERSONATION_ASPECTS

OTHER = "other"
"""Stands for every claim that names nobody of the lists."""

_NOT_PEOPLE = ("bank", "carrier", "utility")
"""Categories of the compiled list whose names are no person's, as those of many shops are."""

MAX_LENGTH = 200
"""Characters of a claim that are read."""

_MOST = 5
"""Places of one rule in one text that are kept."""

_FEW_WORDS = r"(?:\W{1,3}\w+){0,4}?\W{1,3}"

_CLAIMS = frozenset(
    """
    from with by at is was of as be named are hello hi dear thank for using attached your
    fur von vom bei ist de del la el es du des chez est se ki ka ke
    """.split()
)
"""One of these stands close before the name of the one that calls."""

_CALLED = frozenset(
    "called phoned contacted rang googled checked reported llame appele angerufen".split()
)

_SELF = frozenset("i we ich yo je j'ai".split())
"""With one of the former, these make it the one that the victim called."""

_CLAUSE = re.compile(r"[.!?\n:\"]")

_REACH = 60
"""Characters before a name in which that is looked for."""

_CLOSE = 4
"""Words before a name in which the text says that it is the caller's."""

_GOODS_REACH = 24
"""Characters behind a name in which the words stand that make it one of goods."""

_INITIALS = re.compile(r"\b(\w)\.(?=\w\b)")
"""The dots of an abbreviation such as I.R.S."""


class Technique(NamedTuple):
    """A technique of MITRE's F3, or of ATT&CK as F3 takes it over."""

    id: str
    name: str

    @property
    def framework(self) -> str:
        """The `source_name` under which STIX refers to it."""
        return "mitre-attack" if self.id.startswith("T") else "mitre-f3"


def techniques_of(table: str, name: str) -> list[Technique]:
    """Returns what `data/fraud_techniques.toml` calls a `lure`, a `role` or a payment `method`."""
    listed = load_reference_data("fraud_techniques.toml")
    ids = listed[table].get(name, {}).get("techniques", ())
    return [Technique(technique, listed["names"][technique]) for technique in ids]


@dataclass(frozen=True)
class ImpersonationRule:
    """One name and the pattern of it; behind a brand, the words of `apart` make it one of goods.

    The pattern is one for RE2 and Python on folded text, and holds between borders of words.
    """

    aspect: str
    name: str
    pattern: str
    apart: str = ""


@cache
def impersonation_rules() -> tuple[ImpersonationRule, ...]:
    """Returns every rule, brands first, in the order of the files."""
    return (*_brand_rules(), *_lure_rules(), *_card_rules())


def find_impersonation(
    claimed: pa.Array, narrative: pa.Array, aspects: Container[str] = IMPERSONATION_ASPECTS
) -> pa.Array:
    """Finds what complaints say of the impersonation, as `IMPERSONATION`; strings of one length.

    What the field claims comes first, as `canonical_brands` has it. In the narrative, brands that
    the caller claims to be come before those that are only named. No gift card's code is kept.
    Other `aspects` than the given ones are not searched.
    """
    first, back = distinct_rows((narrative,))
    passes = [
        numbers for numbers in _passes() if impersonation_rules()[numbers[0]].aspect in aspects
    ]
    spans, told = _find_rules(narrative.take(pa.array(first)), passes)
    rows, source = repeat_for_duplicates(spans.rows, back, len(first))
    rules = impersonation_rules()
    brands = canonical_brands(claimed)
    claimants = np.flatnonzero(pc.is_valid(brands))
    numbers = pa.array(told[source])
    lengths = pc.utf8_length(claimed).take(pa.array(claimants))
    aspects = pa.array([rule.aspect for rule in rules]).take(numbers)
    columns = [
        pa.concat_arrays([pa.repeat(BRAND, len(claimants)), aspects]),
        pa.concat_arrays(
            [brands.drop_null(), pa.array([rule.name for rule in rules]).take(numbers)]
        ),
        np.repeat(["claimed_brand", "narrative"], [len(claimants), len(rows)]),
        np.append(np.zeros(len(claimants), np.int64), spans.starts[source]),
        np.append(lengths, spans.ends[source]),
    ]
    return list_column(np.append(claimants, rows), columns, IMPERSONATION, len(claimed))


def infer_brands(claims: pa.Array) -> pa.Array:
    """Returns the one brand of each complaint, the first of its `IMPERSONATION`, or null."""
    named = list_items(claims)
    brands = np.flatnonzero(true_mask(pc.equal(named.field("what"), BRAND)))
    rows, first = np.unique(np.array(named.rows, np.int64)[brands], return_index=True)
    place = pc.index_in(pa.array(np.arange(len(claims))), pa.array(rows))
    return named.field("name").take(pa.array(brands[first])).take(place)


def canonical_brands(claimed: pa.Array) -> pa.Array:
    """Returns the brand or organisation that each claim names, `OTHER` for any other text, or null.

    What it returns it reads as the same again.
    """
    return map_distinct(claimed.cast(TEXT), canonical_brand)


def known_brands(claimed: pa.Array) -> pa.Array:
    """Returns the canonical brand of each claim that names a known one, null for any other.

    A name that is shown with a call may be a person's: only brands of the list come out.
    """
    return map_distinct(claimed.cast(TEXT), _known_brand)


def _find_rules(texts: pa.Array, passes: Sequence[tuple[int, ...]]) -> tuple[Spans, Array]:
    """Finds where the rules of some passes match, and the rule of each.

    By text come brands of callers by place, then others by rule and place.
    """
    words = fold_column(texts, SEARCH_LIMIT)
    parts = [_find_rules_of_pass(words, numbers) for numbers in passes]
    spans = Spans(*(np.concatenate(column) for column in zip(*(p for p, _ in parts), strict=True)))
    rule = np.concatenate([numbers for _, numbers in parts])
    order = np.lexsort((spans.starts, rule, spans.rows))
    spans, rule = spans.select(order), rule[order]
    first = group_changes(spans.rows, rule)
    kept = np.arange(len(rule)) - np.flatnonzero(first)[np.cumsum(first) - 1] < _MOST
    spans, rule = spans.select(kept), rule[kept]
    later = np.where(_are_callers(words, spans, rule), -1, rule)
    order = np.lexsort((spans.starts, later, spans.rows))
    return spans.select(order), rule[order]


def _find_rules_of_pass(words: pa.Array, numbers: tuple[int, ...]) -> tuple[Spans, Array]:
    """Finds where the rules of one pass match, and the rule of each."""
    # Most texts name a brand, and few of them tell any one of the others.
    find = find_spans if impersonation_rules()[numbers[0]].aspect == BRAND else find_rare_spans
    spans = find(words, _pattern(numbers))
    if len(numbers) == 1:
        return spans, np.full(len(spans.rows), numbers[0])
    tell_apart = _pattern_with_groups(numbers)

    def rule_of(written: str) -> int:
        match = tell_apart.match(written)
        return numbers[0] if match is None else int(str(match.lastgroup)[1:])

    rule = map_distinct(slice_spans(words, spans), rule_of, pa.int64()).to_numpy()
    goods = np.zeros(len(rule), bool)
    for number in numbers:
        if apart := impersonation_rules()[number].apart:
            mine = np.flatnonzero(rule == number)
            behind = Spans(spans.rows[mine], spans.ends[mine], spans.ends[mine] + _GOODS_REACH)
            goods[mine] = _match_at_start(slice_spans(words, behind), rf"\W{{1,3}}(?:{apart})\b")
    return spans.select(~goods), rule[~goods]


def _match_at_start(texts: pa.Array, pattern: str) -> Array:
    """Masks the texts at whose start a pattern matches."""
    match = re.compile(pattern, re.ASCII).match
    return true_mask(map_distinct(texts, lambda text: match(text) is not None, FLAG))


def _are_callers(words: pa.Array, places: Spans, rule: Array) -> Array:
    """Checks which places name a brand that the caller claims to be, where a text names several."""
    last = sum(known.aspect == BRAND for known in impersonation_rules())
    named = np.flatnonzero(rule < last)
    _, back, count = np.unique(places.rows[named], return_inverse=True, return_counts=True)
    several = named[count[back] > 1] if len(named) else named
    before = Spans(places.rows[several], places.starts[several] - _REACH, places.starts[several])
    are_callers = np.zeros(len(rule), bool)
    are_callers[several] = true_mask(map_distinct(slice_spans(words, before), _is_caller, FLAG))
    return are_callers


def _is_caller(before: str) -> bool:
    """Checks whether the words before a brand say that it called, not that the victim called it."""
    words = _CLAUSE.split(before)[-1].replace(",", " ").split()
    if not _CALLED.isdisjoint(words) and not _SELF.isdisjoint(words):
        return False
    return not words or not _CLAIMS.isdisjoint(words[-_CLOSE:])


def canonical_brand(text: str) -> str | None:
    """Returns what `canonical_brands` does for one claim."""
    if brand := _known_brand(text):
        return brand
    slug = _slug(text)
    return slug if slug in _organisations() else OTHER if text.strip() else None


def _known_brand(text: str) -> str | None:
    words = " ".join(fold_text(text[:MAX_LENGTH]).replace("_", " ").split())
    match = _claim_pattern().search(_INITIALS.sub(r"\1", words))
    return match.lastgroup if match else None


def _slug(text: str) -> str:
    return re.sub(r"[\W_]+", "_", without_accents(text[:MAX_LENGTH])).strip("_")


@cache
def _organisations() -> frozenset[str]:
    """Returns the organisations of the compiled list that a claim may name, as slugs."""
    sites = domain.known_sites().values()
    return frozenset(_slug(site.reason) for site in sites if site.category in _NOT_PEOPLE)


@cache
def _claim_pattern() -> re.Pattern[str]:
    """Returns the names, words and patterns of every brand of data/brands.toml, grouped by name."""
    groups = (
        f"(?P<{brand['name']}>"
        + _either([re.escape(brand["name"].replace("_", " ")), *map(re.escape, brand["words"])])
        + f"|{_either(brand['text'])})"
        for brand in load_reference_data("brands.toml")["brand"]
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)")


def _brand_rules() -> Iterator[ImpersonationRule]:
    for brand in load_reference_data("brands.toml")["brand"]:
        apart = "|".join(brand.get("not_before", ()))
        yield ImpersonationRule(BRAND, brand["name"], _either(brand["text"]), fold_pattern(apart))


def _lure_rules() -> Iterator[ImpersonationRule]:
    for lure in load_reference_data("lures.toml")["lure"]:
        phrases = [phrase for language in LANGUAGES for phrase in lure.get(language, ())]
        yield ImpersonationRule(LURE, lure["name"], _either(map(_with_gaps, phrases)))


def _card_rules() -> Iterator[ImpersonationRule]:
    for card in load_reference_data("gift_cards.toml")["card"]:
        yield ImpersonationRule(GIFT_CARD, card["name"], _either(card["text"]))


def _either(patterns: Iterable[str]) -> str:
    return fold_pattern("|".join(patterns))


def _with_gaps(phrase: str) -> str:
    return (
        phrase.replace(" ~ ~ ", " ~ ")
        .replace(" ~ ", _FEW_WORDS)
        .replace("~ ", r"(?:\w+\W{1,3}){0,4}?")
    )


@cache
def _passes() -> tuple[tuple[int, ...], ...]:
    """Returns the rules, by their number, that one pass over a column looks for together.

    Two brands never share a word, and neither do two gift cards; lures may overlap.
    """
    numbers = {
        aspect: [i for i, rule in enumerate(impersonation_rules()) if rule.aspect == aspect]
        for aspect in IMPERSONATION_ASPECTS
    }
    return (tuple(numbers[BRAND]), tuple(numbers[GIFT_CARD]), *((lure,) for lure in numbers[LURE]))


@cache
def _pattern(numbers: tuple[int, ...]) -> str:
    return rf"\b(?:{'|'.join(impersonation_rules()[i].pattern for i in numbers)})\b"


@cache
def _pattern_with_groups(numbers: tuple[int, ...]) -> re.Pattern[str]:
    """Returns the same with a group around each rule, which tells them apart."""
    groups = (f"(?P<_{i}>{impersonation_rules()[i].pattern})" for i in numbers)
    return re.compile(rf"(?:{'|'.join(groups)})\b", re.ASCII)
