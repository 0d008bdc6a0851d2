"""Finds numbers in words or digit by digit: 'eight five five', '855 dash 555 dot 0123'.

Each becomes plain digits and punctuation with its place in the text. A number's words belong to a
single language of `number_words.toml`. `decode.number_words` reads more words, to find a known
number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from transforms.decode.number_words import JOINERS, REPEATS, TABLES, places_of_words

_WITHIN = TABLES["zeros"] | JOINERS
"""Words that stand for a zero or a sign within a number; a plus may begin it."""

_DIGIT_WORDS = {
    language: {word: str(digit) for word, digit in places_of_words(listed).items()}
    for language, listed in TABLES["digits"].items()
}
"""Word to digit, by language."""

_COMMON = frozenset("do no un che sat um een sei due".split())
"""Words for digits that also have another meaning in some language."""

_NAMED = "|".join(sorted({w for words in _DIGIT_WORDS.values() for w in words} - _COMMON))

SPOKEN_HINT = rf"(?i)(?:\b(?:{_NAMED}|double|triple|doble|doppel)\b[ ,.-]{{1,3}}){{2}}" + (
    r"|[0-9]\)? ?(?:dash|hyphen|minus|gui[oó]n|strich|bindestrich|tiret|dot|point|punto|punkt)"
    r" ?[0-9]"
    r"|\b[0-9](?:[-, ]{1,2}[0-9]){6}\b"
)
"""RE2 and Python: without a match of this, a text has no spoken number."""

_COMPILED_HINT = re.compile(SPOKEN_HINT)

AREA_CODE_HINT = r"area code|digo de |prefijo|vorwahl|indicatif|std code"
"""RE2 and Python: without a match of this, a text names no area code apart from its number."""

_AREA_CODE = re.compile(
    r"(?:area code|c[oó]digo de [aá]rea|prefijo|vorwahl|indicatif|std code)\W{1,3}"
    r"(?:(?:is|was|of|es|ist|est) )?\(?"
    r"(?P<area>\d{2,5})\)?[,.;:]?\s{1,2}(?:(?:and|then|the|phone|number|is|n[uú]mero|nummer) ){0,4}"
    r"(?P<rest>\d{3}[-. ]?\d{3,5})(?!\d)",
    re.IGNORECASE,
)

_WORDS = {language: {*words, *REPEATS[language]} for language, words in _DIGIT_WORDS.items()}
"""Words that only some languages know, by language."""

_KNOWN_WORDS = frozenset(_WITHIN).union(*_WORDS.values())

_MIN_DIGITS = 7
"""Digits of a run: fewer are a count, an age or a price."""

_MAX_DIGITS = 24
"""Digits of E.164 with an international prefix and an extension."""

_MAX_RUN = 60
"""Items of one run that are read."""

_TOKEN = re.compile(r"[+(]{0,2}[0-9]+\)?|[^\W\d_]+")

_BETWEEN = re.compile(r"[\s,.()-]{0,4}")


SpokenNumber = tuple[int, int, str]
"""Start and end in a text, and the number in digits and punctuation."""


class _Item(NamedTuple):
    """A token, or a repeat and its token, as it is read: digits, or punctuation."""

    start: int
    end: int
    text: str
    word: bool


def find_spoken_numbers(text: str) -> Iterator[SpokenNumber]:
    """Finds the numbers of seven digits or more that are not all written as digits.

    Consecutive tokens that are digits or known words are one run, which is split by language.
    """
    if not _COMPILED_HINT.search(text):
        return
    run: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        known = token[0][-1] in "0123456789)" or token[0].lower() in _KNOWN_WORDS
        near = not run or _BETWEEN.fullmatch(text, run[-1].end(), token.start())
        if run and not (known and near and len(run) < _MAX_RUN):
            yield from _numbers_in_run(run)
            run = []
        if known:
            run.append(token)
    if run:
        yield from _numbers_in_run(run)


def find_numbers_with_area_code(text: str) -> Iterator[SpokenNumber]:
    """Yields numbers whose area code is apart, each in one piece."""
    for match in _AREA_CODE.finditer(text):
        yield match.start("area"), match.end("rest"), f"{match['area']}-{match['rest']}"


def _numbers_in_run(tokens: list[re.Match[str]]) -> Iterator[SpokenNumber]:
    """Yields the numbers of a run in the language that gives most digits."""
    if len(tokens) < 2:
        return
    best: list[list[_Item]] = []
    words = {token[0].lower() for token in tokens if token[0][-1].isalpha()}
    if not words and len(tokens) > _MAX_DIGITS:
        return
    # Languages that know the same words find the same, so only the first is tried.
    languages = {frozenset(words & _WORDS[language]): language for language in reversed(_WORDS)}
    for language in sorted(languages.values(), key=[*_WORDS].index):
        parts = [part for part in _parts(tokens, language) if _is_number(part)]
        if _size(parts) > _size(best):
            best = parts
    yield from map(_to_spoken_number, best)


def _size(parts: list[list[_Item]]) -> int:
    return sum(len(item.text) for part in parts for item in part)


def _is_number(items: list[_Item]) -> bool:
    """Tells whether there are enough digits, in a form that only speech has."""
    digits = sum(map(str.isdigit, "".join(item.text for item in items)))
    single = all(len(item.text) == 1 for item in items)
    return _MIN_DIGITS <= digits <= _MAX_DIGITS and (single or any(item.word for item in items))


def _parts(tokens: list[re.Match[str]], language: str) -> Iterator[list[_Item]]:
    """Yields the tokens as read in a language, split at tokens that are no word of it."""
    words, repeats = _DIGIT_WORDS[language], REPEATS[language]
    items: list[_Item] = []
    times, since = 1, 0
    for token in tokens:
        word = token[0].lower()
        start = token.start() if times == 1 else since
        if word[-1] in "0123456789)":
            items.append(_Item(start, token.end(), word, times > 1))
        elif word in words:
            items.append(_Item(start, token.end(), words[word] * times, True))
        elif word in repeats:
            times, since = repeats[word], token.start()
            continue
        elif word in _WITHIN and (items or _WITHIN[word] == "+"):
            items.append(_Item(start, token.end(), _WITHIN[word], True))
        elif items:
            yield _trimmed(items)
            items = []
        times = 1
    yield _trimmed(items)


def _trimmed(items: list[_Item]) -> list[_Item]:
    """Removes punctuation at the end."""
    while items and items[-1].text in "-. +":
        items.pop()
    return items


def _to_spoken_number(items: list[_Item]) -> SpokenNumber:
    """Joins items to a number: words touch, groups of digits keep a blank between them."""
    plain, grouped = "", False
    for item in items:
        group = len(item.text) > 1 and item.text[-1] in "0123456789)" and not item.word
        if plain and (group or grouped) and plain[-1] not in "-. +" and item.text not in "-. +":
            plain += " "
        plain, grouped = plain + item.text, group
    return items[0].start, items[-1].end, plain
