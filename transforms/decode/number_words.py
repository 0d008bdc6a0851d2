"""Reads words as digits, of all languages at once, to look for a number that is known.

Digits one by one, tens, hundreds and repeats ('four fifteen, triple six'), Chinese numerals, and
figures among them. `phone.spoken` finds numbers that are not known, more strictly. The words are
those of data/number_words.toml.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from transforms.decode.escapes import decode_web_escapes, plain_in_place
from transforms.decode.text_util import load_reference_data

TABLES = load_reference_data("number_words.toml")

REPEATS, JOINERS = TABLES["repeats"], TABLES["joiners"]

_LISTS = {name: words.split() for name, words in TABLES["lists"].items()}

_CONNECTORS = frozenset(_LISTS["connectors"])

_GROUP_WORDS = _CONNECTORS.union(JOINERS, _LISTS["fillers"], _LISTS["between"])
"""Words that may stand between the groups of a number, which do not end it."""

_PORTUGUESE = re.compile(r"\b(?:dois|duas|quatro|meia|sete|oito)\b")
"""Portuguese words: in a text with them 'um' is a digit, not a hesitation."""

_CHINESE = str.maketrans(
    "零〇一二三四五六七八九幺两兩壹贰貳叁參肆伍陆陸柒捌玖", "00123456789122122334566789"
)

_MIN_DIGITS = 7
"""Digits of a number: fewer are a count, an age or a price."""


class NumberWord(NamedTuple):
    """Digits, or words for them: start and end, code points; `joined` to those before."""

    start: int
    end: int
    digits: str
    joined: bool


_UNIT, _TEEN, _TENS, _SCORE, _HUNDRED, _THOUSAND, _WHOLE, _REPEAT, _FIGURES = range(9)
"""Kinds of words. To a score French adds ten and more: 'soixante-dix'."""


class _Word(NamedTuple):
    """A word for a number, or figures: its place, its kind, and its value or the figures.

    Figures have the value 0, those in Chinese or with letters among them 1.
    """

    start: int
    end: int
    kind: int
    value: int
    figures: str
    gap: str
    """Signs between it and the word before."""


_WIDEST = 8
"""Characters between two words of one number that are no letters or digits."""

_MOST_BETWEEN = 3
"""Words between two groups of a number."""

_LONGEST_STUCK = 200
"""Letters of number words that are stuck together: 'fourfifteen'."""

_WORD_ALONE = 3
"""Letters that are too few for two number words."""

_LONGEST_WORD = 16

_ACCENTED = re.compile(r"%c3%[89ab][0-9a-f]", re.IGNORECASE)
"""A Latin letter with an accent as links encode it (UTF-8, RFC 3986)."""

_MARKUP = re.compile(r"<[/a-z!][^<>]{0,80}>", re.IGNORECASE)
"""Tags and comments of HTML."""

_QUOTED = re.compile(r"(?<=[0-9a-f])=(?:2[089de]|3[0-9])|(?<!\w)=3[0-9](?==)", re.IGNORECASE)
"""Digits and signs as mail encodes them (quoted-printable, RFC 2045)."""

_MISREAD = str.maketrans("oil", "011")
"""Letters that stand among digits for those that they look like."""

_OF_CHINESE = "".join(map(chr, _CHINESE))

_PIECE = re.compile(
    r"(?<![a-z0-9])(?P<misread>[oil]{0,4}+[0-9](?:[oil]{0,4}+[0-9]){0,24}+[oil]{0,4}+(?![a-z0-9]))"
    r"|[0-9]+"
    rf"|(?P<chinese>[{_OF_CHINESE}]+)|[a-z]+|[^\W\d_a-z{_OF_CHINESE}]+"
)

_MAY_BE_WORDS = re.compile(rf"[a-z{_OF_CHINESE}]")

_UNSEEN_SIGN = "\u200b"

_UNSEEN = frozenset(("Mn", "Me", "Cf"))
"""Categories of characters that are seen as a part of others, or not at all."""


def read_digits(text: str) -> Iterator[list[NumberWord]]:
    """Yields the numbers of seven digits or more of a text, in words at least in part, as digits.

    'Eight hundred five' is 805, and in a second reading 800 5: those of each come as one list.
    """
    unmarked = _QUOTED.sub(
        _decode_quoted, _MARKUP.sub(lambda tag: _UNSEEN_SIGN * len(tag[0]), text)
    )
    read, places = _as_spoken(unmarked)
    marked = unmarked != text
    if not marked and not _MAY_BE_WORDS.search(read):
        return
    ends = [*places[1:], len(text)]  # an escape is seen at its start alone
    chains = [chain for chain in _chains(read) if marked or any(map(_is_of_speech, chain))]
    kinds = {word.kind for chain in chains for word in chain}
    for composed in (True, False) if kinds & {_SCORE, _HUNDRED, _THOUSAND} else (True,):
        numbers: list[NumberWord] = []
        for chain in chains:
            words = list(_compose(chain, composed=composed))
            if sum(len(word.digits) for word in words) >= _MIN_DIGITS:
                numbers += words
        if numbers:
            yield [
                NumberWord(places[start], ends[end - 1], digits, joined)
                for start, end, digits, joined in numbers
            ]


def _is_of_speech(word: _Word) -> bool:
    return word.kind != _FIGURES or word.value == 1 or any(map(str.isalpha, word.gap))


def _as_spoken(text: str) -> tuple[str, Sequence[int]]:
    """Returns a text in plain letters without signs that are not seen, and where each was."""
    low = plain_in_place(_ACCENTED.sub(_decode_accented, text))
    low = decode_web_escapes(low).in_place(len(low)).lower()
    if low.isascii():
        return low, range(len(low))
    categories = map(unicodedata.category, low)
    places = [place for place, category in enumerate(categories) if category not in _UNSEEN]
    return "".join([low[place] for place in places]), places


def _decode_quoted(escape: re.Match[str]) -> str:
    return chr(int(escape[0][1:], 16)).ljust(len(escape[0]), _UNSEEN_SIGN)


def _decode_accented(escape: re.Match[str]) -> str:
    return chr(0xC0 + int(escape[0][-2:], 16) - 0x80).ljust(len(escape[0]), _UNSEEN_SIGN)


def _chains(text: str) -> Iterator[list[_Word]]:
    """Yields the words for numbers, and figures, that stand together."""
    words = _vocabulary()
    skipped = _GROUP_WORDS - {"um"} if _PORTUGUESE.search(text) else _GROUP_WORDS
    chain: list[_Word] = []
    done = last = between = 0  # the end of the last word for a number, and of the last word
    for piece in _PIECE.finditer(text):
        start, end = piece.span()
        if chain and (start - last > _WIDEST or between > _MOST_BETWEEN):
            yield chain
            chain = []
        written = piece[0]
        if written in skipped:
            last, between = end, between + 1
            continue
        if written[-1] in "0123456789" or piece["misread"]:
            parts = [(start, end, (_FIGURES, int(not written.isdecimal())))]
            written = written.translate(_MISREAD)
        elif piece["chinese"]:
            written = written.translate(_CHINESE)
            parts = [(start, end, (_FIGURES, 1))]
        elif written in words:
            parts = [(start, end, words[written])]
        else:
            parts = list(_stuck_words(written, start)) if len(written) > _WORD_ALONE else []
        for first, behind, (kind, value) in parts:
            gap = text[done:first] if chain else ""
            figures = written if kind == _FIGURES else ""
            chain.append(_Word(first, behind, kind, value, figures, gap))
            done = behind
        if not parts and chain:
            yield chain
            chain = []
        last, between = end, 0
    if chain:
        yield chain


def _stuck_words(written: str, start: int) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yields the words of one that is made of number words alone: 'fourfifteen'."""
    words, size = _vocabulary(), len(written)
    if size > _LONGEST_STUCK or not any(written[:end] in words for end in range(2, 1 + size)):
        return
    ends = [0] * size + [size]  # of the longest word at each place that others follow; or 0
    for begin in reversed(range(size)):
        for end in range(min(size, begin + _LONGEST_WORD), begin, -1):
            if ends[end] and (written[begin:end] in words or written[begin:end] in _CONNECTORS):
                ends[begin] = end
                break
    begin = 0
    while begin < size and ends[begin]:
        if (word := written[begin : ends[begin]]) in words:
            yield start + begin, start + ends[begin], words[word]
        begin = ends[begin]


def _compose(chain: Sequence[_Word], *, composed: bool) -> Iterator[NumberWord]:
    """Yields the numbers that words stand for: 'four hundred fifteen' is 415 where `composed`."""
    start, end, value, room, kind = 0, 0, 0, 0, _FIGURES
    pending, times, joined = False, 1, False
    for word, after in zip(chain, [*chain[1:], None], strict=True):
        grown = None
        if pending and times == 1:
            grown = _grow(value, room, kind, word, after, composed=composed)
        if grown is None and pending:
            yield NumberWord(start, end, str(value), joined)
            pending, joined = False, True
        if word.kind == _REPEAT:
            start, times = word.start, word.value
        elif grown is not None:
            (value, room), end, kind, pending = grown, word.end, word.kind, True
        elif word.kind == _FIGURES or times > 1:
            written = word.figures or str(word.value)
            first = start if times > 1 else word.start
            yield NumberWord(first, word.end, written * (times if len(written) < 3 else 1), joined)
            times, joined, kind = 1, True, _FIGURES
        elif word.kind in (_HUNDRED, _THOUSAND) and joined and kind == _FIGURES:
            yield NumberWord(word.start, word.end, str(word.value)[1:], True)
        else:
            start, end, value, kind, pending = word.start, word.end, word.value, word.kind, True
            room = _room(word, composed=composed)
    if pending:
        yield NumberWord(start, end, str(value), joined)


def _room(word: _Word, *, composed: bool) -> int:
    """Returns below what number another can be added to a word."""
    if word.kind in (_TENS, _SCORE):
        return 10
    return 100 if composed and word.value >= 100 and word.kind != _THOUSAND else 0


def _grow(
    value: int, room: int, kind: int, word: _Word, after: _Word | None, *, composed: bool
) -> tuple[int, int] | None:
    """Returns a number with another word added, and the limit for the next addition; or None."""
    if not room and word.kind in (_UNIT, _TEEN, _WHOLE):
        return None
    between = word.gap.strip(" -\n\xa0")
    if between and between not in _CONNECTORS:
        return None
    if word.kind == _HUNDRED:
        return (value * 100, 100 * composed) if 0 < value < 100 else None
    if word.kind == _THOUSAND:
        return (value * 1000, 0) if 0 < value < 1000 else None
    if between in ("und", "en") and word.kind == _TENS and kind == _UNIT and value % 100:
        return value + word.value, 0
    if composed and word.kind == _SCORE and value == 4 and kind == _UNIT:
        return 80, 10
    multiplied = after is not None and after.kind in (_HUNDRED, _THOUSAND) and len(after.gap) < 2
    if word.kind == _UNIT and multiplied and room > 10:
        return None
    if composed and word.kind == _UNIT and not word.value and room == 100:
        return value, 10  # 'two hundred oh six'
    if 0 < word.value < room:
        return value + word.value, _room(word, composed=composed)
    if composed and kind == _SCORE and room and 10 <= word.value < 20:
        return value + word.value, 10 * (word.value == 10)
    return None


def _digit_words_hint() -> str:
    words = "|".join(sorted({*_spellings(), *_vocabulary()} - set(_LISTS["common"])))
    near = rf"[^0-9A-Za-z]{{0,4}}(?:(?:{'|'.join(_LISTS['fillers'])})[^0-9A-Za-z]{{1,4}})?"
    return (
        rf"(?i)(?:(?:^|[^A-Za-z])(?:{words})|[0-9]){near}(?:{words})"
        rf"|(?:^|[^A-Za-z])(?:{words}){near}[0-9]|(?:{words}){{3}}"
        rf"|[0-9]{near}(?:{'|'.join(sorted(_GROUP_WORDS - {'e'}))}){near}[0-9]"
        r"|[0-9][-.]?[OIl]{1,4}[-.]?[0-9]|[0-9]<[a-z/!]|=3[0-9]=3[0-9]|[0-9]=2[089de][0-9(=]"
    )


@cache
def _vocabulary() -> dict[str, tuple[int, int]]:
    """Returns the kind and value of each word for a number, in plain letters."""
    return {plain_in_place(word): number for word, number in _spellings().items()}


def is_digit_word(word: str) -> bool:
    """Tells whether a plain word is read as one digit in some language."""
    return _vocabulary().get(word, (_FIGURES, 0))[0] == _UNIT


def places_of_words(listed: str) -> dict[str, int]:
    """Returns the words of a list of data/number_words.toml, each with its place there."""
    return {
        word: place
        for place, spellings in enumerate(listed.split(" "))
        for word in spellings.split("|")
    }


def _spellings() -> dict[str, tuple[int, int]]:
    words: dict[str, tuple[int, int]] = {}
    for name, first, step, kind in (
        ("tens", 20, 10, _TENS),
        ("counted", 10, 1, _WHOLE),
        ("digits", 0, 1, _UNIT),
    ):
        for listed in TABLES[name].values():
            for word, place in places_of_words(listed).items():
                value = first + step * place
                words[word] = _TEEN if kind == _WHOLE and value < 20 else kind, value
    more = TABLES["more"].items()
    words |= {word: (_WHOLE if value > 9 else _UNIT, value) for word, value in more}
    words |= {
        f"{word}{end}": (_WHOLE, 100 * value)
        for word, value in TABLES["hundreds_of"].items()
        for end in ("cientos", "cientas", "ientos", "ientas", "centos", "centas")
    }
    words |= {"dix": (_TENS, 10), "diez": (_TENS, 10)}
    words |= {"vingt": (_SCORE, 20), "vingts": (_SCORE, 20), "soixante": (_SCORE, 60)}
    words |= dict.fromkeys(_LISTS["hundreds"], (_HUNDRED, 100))
    words |= dict.fromkeys(_LISTS["thousands"], (_THOUSAND, 1000))
    for repeats in (TABLES["more_repeats"], *REPEATS.values()):
        words |= {word: (_REPEAT, times) for word, times in repeats.items()}
    return words


DIGIT_WORDS_HINT = _digit_words_hint()
"""RE2: a text of Latin letters alone without a match of this has nothing that `read_digits` reads.

But for a number all of whose words are common ones, or have signs in them that are not seen.
"""
