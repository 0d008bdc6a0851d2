"""Whom a complaint says was impersonated, and by which story, with the words that say so.

The rules are data (`data/brands.toml`, `lures.toml`, `gift_cards.toml`): patterns in English,
Spanish, German, French and Hinglish, without accents as the texts are read (`folded`). All brands
are one pass of RE2 over a column, and so are all gift cards and each lure.

Who the caller claimed to be, by one name for each brand or authority.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import IMPERSONATION
from schemas.enums import TOLD
from transforms.arrow_util import Places, cut, distinct, distinct_rows, given_to_all, places, seldom
from transforms.reference_data import load
from transforms.text_masking import SEARCHED
from transforms.text_util import fold_pattern, folded

LANGUAGES = ("en", "es", "de", "fr", "hi")
"""Languages of the lures; hi is Hindi in Latin letters, mixed with English."""


_MOST = 5
"""Places of one rule in one text that are kept."""


BRAND, LURE, GIFT_CARD = TOLD


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
"""Words before a name in which it is said to be the caller's."""


_GOODS_REACH = 24
"""Characters behind a name in which the words stand that make it one of goods."""


Array = np.ndarray


@dataclass(frozen=True)
class Rule:
    """One name and what tells it; `apart` are words behind which it tells of goods.

    The pattern is one for RE2 and Python on folded text, and holds between borders of words.
    """

    what: str
    name: str
    pattern: str
    apart: str = ""


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, brands first, in the order of the files."""
    return (*_brands(), *_lures(), *_cards())


def _brands() -> Iterator[Rule]:
    for brand in load("brands.toml")["brand"]:
        apart = "|".join(brand.get("not_before", ()))
        yield Rule(BRAND, brand["name"], _either(brand["text"]), fold_pattern(apart))


def _lures() -> Iterator[Rule]:
    for lure in load("lures.toml")["lure"]:
        phrases = [phrase for language in LANGUAGES for phrase in lure.get(language, ())]
        yield Rule(LURE, lure["name"], _either(map(_spaced, phrases)))


def _cards() -> Iterator[Rule]:
    for card in load("gift_cards.toml")["card"]:
        yield Rule(GIFT_CARD, card["name"], _either(card["text"]))


def _either(patterns: Iterable[str]) -> str:
    return fold_pattern("|".join(patterns))


def _spaced(phrase: str) -> str:
    return (
        phrase.replace(" ~ ~ ", " ~ ")
        .replace(" ~ ", _FEW_WORDS)
        .replace("~ ", r"(?:\w+\W{1,3}){0,4}?")
    )


@cache
def _passes() -> tuple[tuple[int, ...], ...]:
    """The rules, by their number, that one pass over a column looks for together.

    Two brands never share a word, and neither do two gift cards; lures may overlap.
    """
    of = {what: [i for i, rule in enumerate(rules()) if rule.what == what] for what in TOLD}
    return (tuple(of[BRAND]), tuple(of[GIFT_CARD]), *((lure,) for lure in of[LURE]))


@cache
def _pattern(numbers: tuple[int, ...]) -> str:
    return rf"\b(?:{'|'.join(rules()[i].pattern for i in numbers)})\b"


@cache
def _named(numbers: tuple[int, ...]) -> re.Pattern[str]:
    """The same, with a group around each rule, which tells them apart."""
    groups = (f"(?P<_{i}>{rules()[i].pattern})" for i in numbers)
    return re.compile(rf"(?:{'|'.join(groups)})\b", re.ASCII)


def reasons(claimed: pa.Array, narrative: pa.Array) -> pa.Array:
    """What each complaint says of the impersonation, as `IMPERSONATION`; strings of one length.

    A known brand that is claimed comes first. In the narrative, brands that the caller is said to
    be come before those that are only named. No gift card's code is kept.
    """
    first, back = distinct_rows((narrative,))
    told = _told(narrative.take(pa.array(first)), _passes())
    rows, source = given_to_all(told.at.rows, back, len(first))
    brands = canonical(claimed)
    known = pa.array([rule.name for rule in rules() if rule.what == BRAND], pa.string())
    is_claimed = pc.is_in(brands, known).to_numpy(zero_copy_only=False)

    counts = np.bincount(rows, minlength=len(back)) + is_claimed
    ends = np.concatenate([[0], np.cumsum(counts)])
    total = int(ends[-1])
    own = ends[:-1][is_claimed]
    others = np.ones(total, bool)
    others[own] = False

    rule = np.zeros(total, np.int64)
    rule[own] = pc.index_in(brands.filter(pa.array(is_claimed)), known).to_numpy()
    rule[others] = told.rules[source]
    places_ = np.zeros((2, total), np.int32)
    places_[1, own] = pc.utf8_length(claimed).filter(pa.array(is_claimed)).to_numpy()
    places_[:, others] = told.at.starts[source], told.at.ends[source]
    field = np.where(others, 1, 0)
    picked = pa.array(rule)
    columns = [
        pa.array([one.what for one in rules()]).take(picked),
        pa.array([one.name for one in rules()]).take(picked),
        pa.array(["claimed_brand", "narrative"]).take(pa.array(field)),
        *map(pa.array, places_),
    ]
    values = pa.StructArray.from_arrays(columns, fields=list(IMPERSONATION.value_type))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def brands(claimed: pa.Array, narrative: pa.Array) -> pa.Array:
    """The one brand of each complaint: the claimed one, else the first that the narrative tells."""
    own = canonical(claimed)
    needed = pc.if_else(pc.is_valid(own), pa.scalar(None, pa.string()), narrative)
    encoded = needed.dictionary_encode()
    told = _told(encoded.dictionary, _passes()[:1])
    rows, first = np.unique(told.at.rows, return_index=True)
    names = pa.array([rule.name for rule in rules()]).take(pa.array(told.rules[first]))
    of_text = names.take(pc.index_in(pa.array(np.arange(len(encoded.dictionary))), pa.array(rows)))
    return pc.coalesce(own, of_text.take(encoded.indices))


@dataclass(frozen=True)
class _Told:
    """The places of rules in texts, by text: sure brands by place, then by rule and place."""

    at: Places
    rules: Array


def _told(texts: pa.Array, passes: Sequence[tuple[int, ...]]) -> _Told:
    """What each text tells, of the rules of some passes."""
    words = folded(texts, SEARCHED)
    found = [_of_pass(words, numbers) for numbers in passes]
    at = Places(*(np.concatenate(column) for column in zip(*(p for p, _ in found), strict=True)))
    rule = np.concatenate([numbers for _, numbers in found])
    order = np.lexsort((at.starts, rule, at.rows))
    at, rule = at.only(order), rule[order]
    group = np.concatenate([[True], (np.diff(at.rows) != 0) | (np.diff(rule) != 0)])[: len(rule)]
    kept = np.arange(len(rule)) - np.flatnonzero(group)[np.cumsum(group) - 1] < _MOST
    at, rule = at.only(kept), rule[kept]
    later = np.where(_sure(words, at, rule), -1, rule)
    order = np.lexsort((at.starts, later, at.rows))
    return _Told(at.only(order), rule[order])


def _of_pass(words: pa.Array, numbers: tuple[int, ...]) -> tuple[Places, Array]:
    """The places of the rules of one pass, and which rule each is of."""
    # Most texts name a brand, and few of them tell any one of the others.
    find = places if rules()[numbers[0]].what == BRAND else seldom
    at = find(words, _pattern(numbers))
    if len(numbers) == 1:
        return at, np.full(len(at.rows), numbers[0])
    texts, which = distinct(cut(words, at))
    of_text = np.array([_rule_of(numbers, text) for text in texts], np.int64)
    rule = of_text[which] if len(texts) else np.zeros(0, np.int64)
    goods = np.zeros(len(rule), bool)
    for number in numbers:
        if apart := rules()[number].apart:
            mine = np.flatnonzero(rule == number)
            behind = Places(at.rows[mine], at.ends[mine], at.ends[mine] + _GOODS_REACH)
            goods[mine] = _matching(cut(words, behind), rf"\W{{1,3}}(?:{apart})\b")
    return at.only(~goods), rule[~goods]


def _rule_of(numbers: tuple[int, ...], told: str) -> int:
    match = _named(numbers).match(told)
    return numbers[0] if match is None else int(str(match.lastgroup)[1:])


def _matching(texts: pa.Array, pattern: str) -> Array:
    """Whether a pattern matches at the start of each text."""
    words, which = distinct(texts)
    match = re.compile(pattern, re.ASCII).match
    held = np.array([match(text) is not None for text in words], bool)
    return held[which] if len(words) else np.zeros(0, bool)


def _sure(words: pa.Array, at: Places, rule: Array) -> Array:
    """Which places name a brand that the caller is said to be, where a text names several."""
    last = sum(one.what == BRAND for one in rules())
    named = np.flatnonzero(rule < last)
    _, back, count = np.unique(at.rows[named], return_inverse=True, return_counts=True)
    several = named[count[back] > 1] if len(named) else named
    before = Places(at.rows[several], at.starts[several] - _REACH, at.starts[several])
    texts, which = distinct(cut(words, before))
    is_caller = np.array([_is_caller(text) for text in texts], bool)
    sure = np.zeros(len(rule), bool)
    sure[several] = is_caller[which] if len(texts) else False
    return sure


def _is_caller(before: str) -> bool:
    """Whether the words before a brand say that it called, not that the victim called it."""
    words = _CLAUSE.split(before)[-1].replace(",", " ").split()
    if not _CALLED.isdisjoint(words) and not _SELF.isdisjoint(words):
        return False
    return not words or not _CLAIMS.isdisjoint(words[-_CLOSE:])


MAX_LENGTH = 200
"""Characters of a claim that are read; also bounds the slug of an unknown brand."""


MAX_SLUG = 40


_INITIALS = re.compile(r"\b(\w)\.(?=\w\b)")
"""The dots of an abbreviation such as I.R.S."""


def canonical(claimed: pa.Array) -> pa.Array:
    """The canonical brand of each claim: a known name, else a slug of the text, null for none."""
    encoded = claimed.cast(pa.string()).dictionary_encode()
    names = [_one(text) for text in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(names, pa.string()), encoded.indices)


def known(claimed: pa.Array) -> pa.Array:
    """The canonical brand of each claim that names a known one, null for any other.

    A name that is shown with a call may be a person's: only brands of the list come out.
    """
    encoded = claimed.cast(pa.string()).dictionary_encode()
    found = map(_known, encoded.dictionary.to_pylist())
    return pc.take(pa.array(found, pa.string()), encoded.indices)


def _one(text: str) -> str | None:
    if brand := _known(text):
        return brand
    lower = _plain(text)
    return re.sub(r"[\W_]+", "_", lower)[:MAX_SLUG].strip("_") or None


def _known(text: str) -> str | None:
    match = _rules().search(_plain(text))
    return match.lastgroup if match else None


def _plain(text: str) -> str:
    return _INITIALS.sub(r"\1", " ".join(text[:MAX_LENGTH].lower().split()))


@cache
def _rules() -> re.Pattern[str]:
    """Every brand of data/brands.toml as one pattern with a group for each name."""
    groups = (
        f"(?P<{brand['name']}>{'|'.join(re.escape(word) for word in brand['words'])})"
        for brand in load("brands.toml")["brand"]
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)")
