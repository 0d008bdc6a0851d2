"""Digits said as words or one by one: 'eight five five', 'double four', '855 dash 555 dot 0123'.

A run of them becomes plain digits and punctuation with, for each, its place in the text. English,
Spanish, German, French, and Hindi in Latin letters; a run is of one language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DIGITS = {
    "en": "zero|oh|nought one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "de": "null|nul eins zwei|zwo drei vier fünf|fuenf sechs sieben acht neun",
    "fr": "zéro|zero un deux trois quatre cinq six sept huit neuf",
    "hi": "shunya|sunya|shoonya ek do teen|tin chaar|char paanch|panch|paach"
    " chhe|che|chhah|chah saat|sat aath|ath nau|no",
}
"""Names of the digits 0 to 9 of each language; '|' between spellings."""

_REPEATS = {
    "en": {"double": 2, "triple": 3},
    "es": {"doble": 2, "triple": 3},
    "de": {"doppel": 2, "doppelt": 2, "dreimal": 3},
    "fr": {"double": 2, "triple": 3},
    "hi": {"double": 2, "dabal": 2, "triple": 3},
}

_ZEROS = {"hundred": "00", "hundert": "00", "thousand": "000"}
"""Words that end a group: 'one eight hundred'."""

_JOINERS = {
    "dash": "-", "hyphen": "-", "minus": "-", "guion": "-", "guión": "-", "strich": "-",
    "bindestrich": "-", "tiret": "-", "dot": ".", "point": ".", "punto": ".", "punkt": ".",
    "space": " ", "espacio": " ", "plus": "+", "más": "+", "mas": "+",
}  # fmt: skip
"""Words for the punctuation between groups."""


WORDS: dict[str, dict[str, str]] = {
    language: {
        word: str(digit)
        for digit, spellings in enumerate(names.split(" "))
        for word in spellings.split("|")
    }
    for language, names in _DIGITS.items()
}
"""Word to digit, by language."""


_NAMED = "|".join(
    sorted({w for words in WORDS.values() for w in words} - {"do", "no", "un", "che", "sat"})
)

HINT = rf"(?i)(?:\b(?:{_NAMED}|double|triple|doble|doppel)\b[ ,.-]{{1,3}}){{2}}" + (
    r"|[0-9]\)? ?(?:dash|hyphen|minus|gui[oó]n|strich|bindestrich|tiret|dot|point|punto|punkt)"
    r" ?[0-9]"
    r"|\b[0-9](?:[-, ]{1,2}[0-9]){6}\b"
)
"""RE2 and Python: without a match of this, a text has no run. A cheap test for whole columns."""


SHORTEST = 7
"""Digits of a run: fewer are a count, an age or a price."""

LONGEST = 24
"""Digits of E.164 with an international prefix and an extension."""

_MAX_RUN = 60
"""Items of one run that are read."""

_TOKEN = re.compile(r"[+(]{0,2}[0-9]+\)?|[^\W\d_]+")

_BETWEEN = re.compile(r"[\s,.()-]{0,4}")


@dataclass(frozen=True)
class Spoken:
    """A run: `plain` in digits and punctuation, and where each of its characters stood."""

    plain: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True)
class _Item:
    start: int
    end: int
    text: str
    """As it is read: digits, or punctuation."""
    word: bool


def runs(text: str, hint: re.Pattern[str] = re.compile(HINT)) -> Iterator[Spoken]:
    """The runs of a text that hold seven digits or more and something that is not a plain digit."""
    if not hint.search(text):
        return
    held: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        known = token[0][-1] in "0123456789)" or token[0].lower() in _ANY
        near = not held or _BETWEEN.fullmatch(text, held[-1].end(), token.start())
        if held and not (known and near and len(held) < _MAX_RUN):
            yield from _run(held)
            held = []
        if known:
            held.append(token)
    if held:
        yield from _run(held)


_ANY = frozenset(
    {*_ZEROS, *_JOINERS}
    | {word for words in WORDS.values() for word in words}
    | {word for words in _REPEATS.values() for word in words}
)


def _run(tokens: list[re.Match[str]]) -> Iterator[Spoken]:
    """The parts of a run that are of one language: of the language with most digits in them."""
    best: list[list[_Item]] = []
    worded = any(token[0][-1].isalpha() for token in tokens)
    if not worded and len(tokens) > LONGEST:
        return
    for language in WORDS if worded else ("en",):
        parts = [part for part in _parts(tokens, language) if _is_number(part)]
        if _size(parts) > _size(best):
            best = parts
    yield from map(_spoken, best)


def _size(parts: list[list[_Item]]) -> int:
    return sum(len(item.text) for part in parts for item in part)


def _is_number(items: list[_Item]) -> bool:
    """Whether enough digits are said, and said in a way that only speech has."""
    digits = sum(c.isdigit() for item in items for c in item.text)
    single = all(len(item.text) == 1 for item in items)
    return SHORTEST <= digits <= LONGEST and (single or any(item.word for item in items))


def _parts(tokens: list[re.Match[str]], language: str) -> Iterator[list[_Item]]:
    """The tokens as read in one language, parted by those that are no word of it."""
    words, repeats = WORDS[language], _REPEATS[language]
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
        elif word in _ZEROS and items:
            items.append(_Item(start, token.end(), _ZEROS[word], True))
        elif word in _JOINERS and (items or _JOINERS[word] == "+"):
            items.append(_Item(start, token.end(), _JOINERS[word], True))
        else:
            yield _trimmed(items)
            items = []
        times = 1
    yield _trimmed(items)


def _trimmed(items: list[_Item]) -> list[_Item]:
    """Without the punctuation that nothing follows."""
    while items and items[-1].text in "-. +":
        items.pop()
    return items


def _spoken(items: list[_Item]) -> Spoken:
    """The items one after the other: words touch, groups of digits keep a blank between them."""
    plain: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    grouped = False
    for item in items:
        group = len(item.text) > 1 and item.text[-1] in "0123456789)" and not item.word
        if plain and (group or grouped) and plain[-1][-1] not in "-. +" and item.text not in "-. +":
            plain.append(" ")
            starts.append(item.start)
            ends.append(item.start)
        for character in item.text:
            plain.append(character)
            starts.append(item.start)
            ends.append(item.end)
        grouped = group
    return Spoken("".join(plain), tuple(starts), tuple(ends))


_AREA_CODE = re.compile(
    r"(?:area code|c[oó]digo de [aá]rea|prefijo|vorwahl|indicatif|std code)\W{1,3}\(?"
    r"(?P<area>\d{2,5})\)?[,.;:]?\s{1,2}(?:(?:and|then|the|phone|number|is|n[uú]mero|nummer) ){0,4}"
    r"(?P<rest>\d{3}[-. ]?\d{3,5})(?!\d)",
    re.IGNORECASE,
)

AREA_HINT = r"area code|digo de |prefijo|vorwahl|indicatif|std code"
"""RE2 and Python: without a match of this, no area code is said apart."""


def with_area_codes(text: str) -> Iterator[tuple[int, int, str]]:
    """Numbers whose area code is said apart: start, end, and the number in one piece."""
    for match in _AREA_CODE.finditer(text):
        yield match.start("area"), match.end("rest"), f"{match['area']}-{match['rest']}"
