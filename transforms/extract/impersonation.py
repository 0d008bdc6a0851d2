"""Finds impersonated brands, lures (stories) and gift cards, and the words that name them.

The rules are data (`data/brands.toml`, `lures.toml`, `gift_cards.toml`): patterns in English,
Spanish, German, French and Hinglish, without accents, for folded texts (`fold_column`). RE2
searches a column once for all brands, once for all gift cards, and once for each lure. A claim in a
field can be a person's words, so a name that is on no list becomes `OTHER`.
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
    true_mask,
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

LANGUAGES = ("en", "es", "de", "fr", "hi")
"""Languages of the lures; hi is Hindi in Latin letters, mixed with English."""

BRAND, LURE, GIFT_CARD = IMPERSONATION_ASPECTS

OTHER = "other"
"""Stands for every claim that names nobody on the lists."""

_NOT_PEOPLE = ("bank", "carrier", "utility")
"""Categories of the compiled list whose names are never a person's; a shop's often is."""

MAX_LENGTH = 200
"""Characters of a claim that are read."""

_MOST = 5
"""Most places of one rule that are kept in one text."""

_FEW_WORDS = r"(?:\W{1,3}\w+){0,4}?\W{1,3}"

_CLAIMS = frozenset(
    """
    from with by at is was of as be named are hello hi dear thank for using attached your
    fur von vom bei ist de del la el es du des chez est se ki ka ke
    """.split()
)
"""Words close before the name of the caller."""

_CALLED = frozenset(
    "called phoned contacted rang googled checked reported llame appele angerufen".split()
)

_SELF = frozenset("i we ich yo je j'ai".split())
"""With a word of `_CALLED`, these say that the victim called the brand."""

_CLAUSE = re.compile(r"[.!?\n:\"]")

_REACH = 60
"""Distance before a name to search for these words, in characters."""

_CLOSE = 4
"""Number of words before a name to search for `_CLAIMS`."""

_GOODS_REACH = 24
"""Distance after a name to search for words that make it a product, in characters."""

_INITIALS = re.compile(r"\b(\w)\.(?=\w\b)")
"""The dots of an abbreviation such as I.R.S."""


class Technique(NamedTuple):
    """A technique of MITRE's F3, or a technique of ATT&CK that F3 uses."""

    id: str
    name: str

    @property
    def framework(self) -> str:
        """The `source_name` of its references in STIX."""
        return "mitre-attack" if self.id.startswith("T") else "mitre-f3"


def techniques_of(table: str, name: str) -> list[Technique]:
    """Returns the techniques in `data/fraud_techniques.toml` of a lure, a role or a method.

    `table` is `lure`, `role` or `method` (of payment).
    """
    listed = load_reference_data("fraud_techniques.toml")
    ids = listed[table].get(name, {}).get("techniques", ())
    return [Technique(technique, listed["names"][technique]) for technique in ids]


@dataclass(frozen=True)
class ImpersonationRule:
    """A name and its pattern; words of `apart` after a brand's name make it a product.

    The pattern is for folded text, in RE2 and in Python, between borders of words.
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
    """Finds the impersonation that complaints describe, as an `IMPERSONATION` column.

    The claim of the field comes first (`canonical_brands`). In the narrative, brands that the
    caller claims to be come before brands that are only named. No gift card's code is kept. Only
    the given `aspects` are searched.
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
    """Returns the first brand of each complaint's `IMPERSONATION`, or null."""
    named = list_items(claims)
    brands = np.flatnonzero(true_mask(pc.equal(named.field("what"), BRAND)))
    rows, first = np.unique(np.array(named.rows, np.int64)[brands], return_index=True)
    place = pc.index_in(pa.array(np.arange(len(claims))), pa.array(rows))
    return named.field("name").take(pa.array(brands[first])).take(place)


def canonical_brands(claimed: pa.Array) -> pa.Array:
    """Returns the brand or organisation that each claim names, `OTHER` for any other text, or null.

    A returned name, read as a claim, gives the same name.
    """
    return map_distinct(claimed.cast(TEXT), canonical_brand)


def known_brands(claimed: pa.Array) -> pa.Array:
    """Returns the canonical brand of each claim that names a known brand, null for any other.

    A name shown with a call may be a person's, so only listed brands are returned.
    """
    return map_distinct(claimed.cast(TEXT), _known_brand)


def _find_rules(texts: pa.Array, passes: Sequence[tuple[int, ...]]) -> tuple[Spans, Array]:
    """Finds the matches of the rules of some passes, and the rule of each match.

    For each text, brands of callers come first, by place; then all others, by rule and place.
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
    """Finds the matches of the rules of one pass, and the rule of each match."""
    # Most texts name a brand, but few match any other rule.
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
    """Masks the texts that begin with a match of a pattern."""
    match = re.compile(pattern, re.ASCII).match
    return true_mask(map_distinct(texts, lambda text: match(text) is not None, FLAG))


def _are_callers(words: pa.Array, places: Spans, rule: Array) -> Array:
    """Masks the places of brands that the caller claims to be, in texts that name several."""
    last = sum(known.aspect == BRAND for known in impersonation_rules())
    named = np.flatnonzero(rule < last)
    _, back, count = np.unique(places.rows[named], return_inverse=True, return_counts=True)
    several = named[count[back] > 1] if len(named) else named
    before = Spans(places.rows[several], places.starts[several] - _REACH, places.starts[several])
    are_callers = np.zeros(len(rule), bool)
    are_callers[several] = true_mask(map_distinct(slice_spans(words, before), _is_caller, FLAG))
    return are_callers


def _is_caller(before: str) -> bool:
    """Checks whether the words before a brand say that it called, and not the victim."""
    words = _CLAUSE.split(before)[-1].replace(",", " ").split()
    if not _CALLED.isdisjoint(words) and not _SELF.isdisjoint(words):
        return False
    return not words or not _CLAIMS.isdisjoint(words[-_CLOSE:])


def canonical_brand(text: str) -> str | None:
    """Returns the canonical brand of one claim; see `canonical_brands`."""
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
    """Returns one pattern of all brands of data/brands.toml, with a group for each name."""
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
    """Returns the numbers of the rules that each pass over a column searches together.

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
    """Returns `_pattern` with a group around each rule, to tell the rules apart."""
    groups = (f"(?P<_{i}>{impersonation_rules()[i].pattern})" for i in numbers)
    return re.compile(rf"(?:{'|'.join(groups)})\b", re.ASCII)
