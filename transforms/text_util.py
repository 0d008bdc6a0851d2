"""Text as rules read it: folded to ASCII, with web escapes decoded, found spans masked.

Frightened people and transcribers leave accents away, and engines of regular expressions disagree
about letters outside ASCII. Folding keeps the number of characters, so that a place in bytes of
folded text is one in code points of the text. The rules themselves are TOML files of
transforms/data.

Spans are (start, end) in code points; a mask keeps their length. Functions of columns look in full
only at texts with a hint. Text beyond the search limit may contain a victim's number, so none of it
is kept.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

OTHER_LETTER = "_"
"""Folded form of a letter without a Latin base: a part of a word that no rule names."""

WEB_ESCAPE = (
    r"(?i)%(?:25)*[2-7][0-9a-f]|&(?:amp;)*(?:#0*[0-9]{2,4}(?:;|\b)|#x0*[0-9a-f]{2,3}(?:;|\b)"
    r"|[a-z]{2,8};)|\\(?:u00|x)[2-7][0-9a-f]"
)
"""Characters as links (%40, RFC 3986), pages (&#64;, HTML) and JSON encode them.

For RE2 and Python. A link in a link is encoded again (%2540), as is a page in a page (&amp;#64;).
"""

MASK = "#"

SEARCH_LIMIT = 12_000
"""Code points of a text that are searched, about four pages."""

SEARCH_EDGE = 200
"""Code points before that limit in which an identifier may begin whose end is not seen."""

_CODE = "[A-Z0-9]{4,5}(?:[ -]?[A-Z0-9]{4,5}){2,4}"

_REST_BEHIND = re.compile(rf"[^\W_]{{9,99}}|[0-9]{{3}}(?:[ -]?[0-9]){{6,24}}|{_CODE}")

_REST_BEFORE = re.compile(rf"(?:[^\W_]{{9,99}}|(?:[0-9][ -]?){{6,24}}[0-9]{{3}}|{_CODE})$")
"""The shortest number of a card or person, and code, that may be stuck to an identifier."""

_LONGEST_REST = 100

Span = tuple[int, int]
"""Start and end, code points."""

Spans = Iterable[Span]

Found = TypeVar("Found")

# The signs of an address as people say them, in English, Spanish and German: parts of patterns.
AT_WORDS = "at|arroba"
DOT_WORDS = "dot|punto|punkt"
DASH_WORDS = "dash|hyphen|minus|gui[oó]n|bindestrich"
UNDERSCORE_WORDS = "underscore"

# The same with words that also stand for something else: for what is hidden, of no identifier.
HIDDEN_AT_WORDS = f"{AT_WORDS}|arobase|klammeraffe|ät"
HIDDEN_DOT_WORDS = f"{DOT_WORDS}|point"

_CHARACTERS_KEPT = 1 << 16

_MARKS = str.maketrans("‘’ʼ´`“”„«»‐‑‒–—−…", "'''''\"\"\"\"\"------.")
_NO_ACCENT = str.maketrans("ßøØæÆœŒłŁđĐ", "soOaAoOlLdD")
_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕһԁԛԝαβγεζηικμνορτυχıɑɡօ", "abekmhopctyxijshdqwabyeznikmvoptuxiago"
)
_WIDE = re.compile("[^\x00-\xff]")
_ACCENTED = re.compile("[^\x00-\x7f]")
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d|[⓪⓵-⓽⓿❶-❾➀-➈➊-➒]")
_NAME_PART = re.compile(r"[^\W\d_]+|\d")
_PART = re.compile(r"<([A-Z]+)>")
_CONTACT_DIGITS = 7
_WRITTEN_ADDRESS = re.compile(
    rf"@|[\W_](?:{HIDDEN_AT_WORDS})[\W_]+[a-z0-9-]+[\W_]+(?:(?:{HIDDEN_DOT_WORDS})[\W_]+)?(?:com|net|org|[a-z]{{2}})(?![a-z])"
)
_DIGIT_NAMES = frozenset(
    "zero oh one two three four five six seven eight nine cero uno dos tres cuatro cinco seis siete"
    " ocho nueve null eins zwei zwo drei vier fünf sechs sieben acht neun un deux trois quatre cinq"
    " sept huit neuf".split()
)
_AGAIN = re.compile("&(?:amp;)+", re.IGNORECASE)
_WEB_ESCAPE_RE = re.compile(WEB_ESCAPE)


def may_hold_contact(name: str) -> bool:
    """Checks whether a short name has seven digits or more, in any script or in words, or an @.

    Such a name may be somebody's number or address: what is shown as it is must not have one.
    """
    plain = unicodedata.normalize("NFKC", decode_web_escapes(name)[0]).lower()
    digits = sum(one.isdecimal() or one in _DIGIT_NAMES for one in _NAME_PART.findall(plain))
    return digits >= _CONTACT_DIGITS or _WRITTEN_ADDRESS.search(plain) is not None


def fold_column(texts: pa.Array, longest: int) -> pa.Array:
    """Folds the first `longest` code points of each text; null stays null."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > longest:
        texts = pc.utf8_slice_codeunits(texts, 0, longest)
    plain = pc.fill_null(pc.string_is_ascii(texts), True)
    lower = pc.ascii_lower(texts)
    others = texts.filter(pc.invert(plain))
    if not len(others):
        return lower
    data = [fold_text(text) for text in others.to_pylist()]
    return pc.replace_with_mask(lower, pc.invert(plain), pa.array(data, pa.string()))


def fold_text(text: str) -> str:
    """Folds one text; rules' patterns are written in its output alphabet."""
    if text.isascii():
        return text.lower()
    narrow = _WIDE.sub(_fold_match, text).encode("latin-1")
    return narrow.translate(_latin()).decode("ascii")


def fold_pattern(pattern: str) -> str:
    """Folds the letters of a rule's pattern, leaving its classes and escapes as they are."""
    return _ACCENTED.sub(_fold_match, pattern)


def lower_in_place(text: str) -> str:
    """Lowers the case of a text, accents kept, each character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(map(_lower, text))


def digits_to_ascii(text: str) -> str:
    """Writes decimal digits of any script, and circled ones that NFKC leaves, as those of ASCII."""
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)


def plain_in_place(text: str) -> str:
    """Writes a text in lower case, accented and styled letters and digits as their plain ones.

    Each character stays in its place: 'ｊａｎé' and 'ⓙⓐⓝⓔ' become 'jane', '❶²' becomes '12', and
    letters of Cyrillic and Greek the Latin ones that look like them.
    """
    return text.lower() if text.isascii() else text.translate(_PLAIN)


def decode_web_escapes(text: str) -> tuple[str, Sequence[int]]:
    """Decodes web escapes, also of web escapes; returns what `decode_with_places` does.

    One that encodes no printable ASCII becomes a blank.
    """
    return decode_with_places(text, _WEB_ESCAPE_RE, _decode_escape)


def decode_web_escapes_in_place(text: str) -> str:
    """Decodes web escapes with blanks behind each character, so that the text keeps its length."""
    return _WEB_ESCAPE_RE.sub(lambda sign: _decode_escape(sign).ljust(len(sign[0])), text)


def decode_with_places(
    text: str, pattern: re.Pattern[str], decode: Callable[[re.Match[str]], str]
) -> tuple[str, Sequence[int]]:
    """Decodes what matches a pattern, or its group if it has one, to one character each.

    Returns the text that results, and the place at which each of its characters was written.
    """
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for match in pattern.finditer(text):
        start, end = match.span(match.lastindex or 0)
        parts += (text[done:start], decode(match))
        places += range(done, start + 1)
        done = end
    rest = range(done, len(text))
    return ("".join((*parts, text[done:])), [*places, *rest]) if parts else (text, rest)


class ByCharacter(dict[int, str]):
    """A table for `str.translate`: the text of each character, kept for the first 65,536."""

    def __init__(self, of: Callable[[str], str]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, code: int) -> str:
        found = self._of(chr(code))
        if len(self) < _CHARACTERS_KEPT:
            self[code] = found
        return found


def _plain_character(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    compatible = unicodedata.normalize("NFKC", character)
    single = compatible if len(compatible) == 1 else character
    if single.isalpha():
        base = unicodedata.normalize("NFKD", single.translate(_NO_ACCENT))[0].lower()
        base = base.translate(_LOOK_ALIKES)
        if base.isascii():
            return base
    return _lower(single)


_PLAIN = ByCharacter(_plain_character)


def _lower(character: str) -> str:
    low = character.lower()
    return low if len(low) == 1 else character


@cache
def _latin() -> bytes:
    return bytes(ord(_fold_character(chr(code))) for code in range(256))


def _fold_match(match: re.Match[str]) -> str:
    return _fold_character(match[0])


@lru_cache(maxsize=1 << 12)
def _fold_character(character: str) -> str:
    """Returns the ASCII character to which a character is folded."""
    if character.isascii():
        return character.lower()
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character.isalnum():
        base = unicodedata.normalize("NFKD", character.translate(_NO_ACCENT))[0].lower()
        return base if base.isascii() and base.isalnum() else OTHER_LETTER
    if unicodedata.combining(character):
        return OTHER_LETTER
    known = character.translate(_MARKS)
    return known if known.isascii() else " "


def end_of_escape(text: str, end: int) -> int:
    """Returns where a span ends whose last character may be the first of a web escape."""
    escape = _WEB_ESCAPE_RE.match(text, end - 1)
    return escape.end() if escape else end


def _decode_escape(escape: re.Match[str]) -> str:
    return _decoded(escape[0])


@lru_cache(maxsize=1 << 12)
def _decoded(written: str) -> str:
    if written[0] == "&":
        plain = html.unescape(_AGAIN.sub("&", written) if "#" in written else written)
    else:
        plain = chr(int(written[-2:], 16))
    return plain if len(plain) == 1 and plain.isascii() and plain.isprintable() else " "


def read_reference_data(name: str) -> str:
    """Reads a file of transforms/data."""
    return resources.files("transforms").joinpath("data", name).read_text(encoding="utf-8")


@cache
def load_reference_data(name: str) -> dict[str, Any]:
    """Parses a file of transforms/data in TOML."""
    return tomllib.loads(read_reference_data(name))


def fill_parts(pattern: str, parts: Mapping[str, str]) -> str:
    """Puts parts in the place of their names, such as `<DATE>`, and those that are in these."""
    while (filled := _PART.sub(lambda name: parts[name[1]], pattern)) != pattern:
        pattern = filled
    return pattern


def mask_spans(text: str, spans: Spans) -> str:
    """Replaces the letters and digits of each span with '#'."""
    return _replace_spans(text, spans, _mask_alphanumerics)


def mask_spans_fully(text: str, spans: Spans) -> str:
    """Masks spans, those with letters with their blanks and signs: lengths of words tell digits."""
    every = list(spans)
    lettered = [(start, end) for start, end in every if any(map(str.isalpha, text[start:end]))]
    return _replace_spans(mask_spans(text, every), lettered, lambda part: MASK * len(part))


def stuck_spans(text: str, spans: Spans) -> Iterator[Span]:
    """Yields what touches spans that end amid letters or digits, where it may be private itself.

    A number that is stuck to another is none to any finder; once one is masked the other shows.
    """
    for start, end in spans:
        if text[max(0, start - 1) : start + 1].isalnum() and start:
            low = max(0, start - _LONGEST_REST)
            if before := _REST_BEFORE.search(text[low:start]):
                yield low + before.start(), start
        if text[end - 1 : end].isalnum() and (behind := _REST_BEHIND.match(text, end)):
            yield behind.span()


def mask_found(texts: pa.Array, hints: tuple[str, ...], find: Callable[[str], Spans]) -> pa.Array:
    """Masks what `find` finds in strings or null; see `find_by_row`."""
    return mask_rows(texts, find_by_row(texts, hints, find))


def find_by_row(
    texts: pa.Array, hints: tuple[str, ...], find: Callable[[str], Iterable[Found]]
) -> dict[int, list[Found]]:
    """Returns what `find` finds in strings or null, by row, ascending, where it finds anything.

    Each of `hints` (RE2) matches every text in which `find` finds anything.
    """
    rows = np.arange(len(texts))
    for hint in hints:
        hinted = pc.match_substring_regex(texts.take(pa.array(rows)), hint)
        rows = rows[np.flatnonzero(pc.fill_null(hinted, False))]
    searched = zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True)
    found = ((row, list(find(text))) for row, text in searched)
    return {row: those for row, those in found if those}


def mask_rows(
    texts: pa.Array, spans: Mapping[int, Spans], hide: Callable[[str, Spans], str] = mask_spans
) -> pa.Array:
    """Masks spans, by row, in strings or null."""
    if not spans:
        return texts
    rows = sorted(spans)
    some = texts.take(pa.array(rows)).to_pylist()
    masked = [hide(text, spans[row]) for text, row in zip(some, rows, strict=True)]
    changed = np.zeros(len(texts), bool)
    changed[rows] = True
    return pc.replace_with_mask(texts, pa.array(changed), pa.array(masked, pa.string()))


def cut_to_search_limit(texts: pa.Array) -> pa.Array:
    """Returns the part of each text, or null, that is searched."""
    limited = _any_beyond_limit(texts)
    return pc.utf8_slice_codeunits(texts, 0, SEARCH_LIMIT) if limited else texts


def truncate_unsearched(texts: pa.Array) -> pa.Array:
    """Cuts what is not searched, and the edge before it, off texts; each says how much went."""
    limited = _any_beyond_limit(texts)
    return pa.array(map(_truncate, texts.to_pylist()), pa.string()) if limited else texts


def _replace_spans(text: str, spans: Spans, replace: Callable[[str], str]) -> str:
    """Replaces what is in spans with text of its length, where they overlap once."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        first, last = max(start, done), min(end, len(text))
        if first < last:
            pieces += (text[done:first], replace(text[first:last]))
            done = last
    return "".join((*pieces, text[done:])) if pieces else text


def _mask_alphanumerics(part: str) -> str:
    if part.isascii():
        return "".join([MASK if c.isalnum() else c for c in part])
    pairs = zip(part, plain_in_place(part), strict=True)  # a letter in a circle, 'ⓙ', is a sign
    return "".join([MASK if c.isalnum() or read.isalnum() else c for c, read in pairs])


def _truncate(text: str | None) -> str | None:
    if text is None or len(text) <= SEARCH_LIMIT:
        return text
    kept = SEARCH_LIMIT - SEARCH_EDGE
    return f"{text[:kept]} [{len(text) - kept} more characters, not read]"


def _any_beyond_limit(texts: pa.Array) -> bool:
    return (pc.max(pc.binary_length(texts)).as_py() or 0) > SEARCH_LIMIT
