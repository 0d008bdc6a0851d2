"""Text as rules read it: folded to ASCII, with web escapes decoded, and signs as people say them.

Frightened people and transcribers leave accents away, and engines of regular expressions disagree
about letters outside ASCII. Folding keeps the number of characters, so that a place in bytes of
folded text is one in code points of the text. The rules themselves are TOML files of
transforms/data.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

OTHER_LETTER = "_"
"""Folded form of a letter without a Latin base: a part of a word that no rule names."""

WEB_ESCAPE = r"(?i)%(?:25)*[2-7][0-9a-f]|&(?:#[0-9]{2,4}|#x[0-9a-f]{2,3}|[a-z]{2,8});"
"""Characters as links (%40, RFC 3986) and pages (&#64;, HTML) encode them; for RE2 and Python.

A link in a link is encoded again (%2540).
"""


# The signs of an address as people say them, in English, Spanish and German: parts of patterns.
AT_WORDS = "at|arroba"
DOT_WORDS = "dot|punto|punkt"
DASH_WORDS = "dash|hyphen|minus|gui[oó]n|bindestrich"
UNDERSCORE_WORDS = "underscore"

_MARKS = str.maketrans("‘’ʼ´`“”„«»‐‑‒–—−…", "'''''\"\"\"\"\"------.")
_NO_ACCENT = str.maketrans("ßøØæÆœŒłŁđĐ", "soOaAoOlLdD")
_WIDE = re.compile("[^\x00-\xff]")
_ACCENTED = re.compile("[^\x00-\x7f]")
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_NAME_PART = re.compile(r"[^\W\d_]+|\d")
_CONTACT_DIGITS = 7
_WRITTEN_ADDRESS = re.compile(
    rf"@|[\W_](?:{AT_WORDS})[\W_]+[a-z0-9-]+[\W_]+(?:(?:{DOT_WORDS})[\W_]+)?(?:com|net|org|[a-z]{{2}})(?![a-z])"
)
_DIGIT_NAMES = frozenset(
    "zero oh one two three four five six seven eight nine cero uno dos tres cuatro cinco seis siete"
    " ocho nueve null eins zwei zwo drei vier fünf sechs sieben acht neun un deux trois quatre cinq"
    " sept huit neuf".split()
)
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
    """Writes decimal digits of any script as those of ASCII, each in its place."""
    return _FOREIGN_DIGIT.sub(_to_ascii_digit, text)


def decode_web_escapes(text: str) -> tuple[str, Sequence[int]]:
    """Decodes web escapes, also of web escapes; returns what `decode_with_places` does.

    One that encodes no printable ASCII becomes a blank.
    """
    return decode_with_places(text, _WEB_ESCAPE_RE, _decode_escape)


def decode_web_escapes_in_place(text: str) -> str:
    """Decodes web escapes with blanks behind each character, so that the text keeps its length."""
    return _WEB_ESCAPE_RE.sub(_decode_escape_padded, text)


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


def _to_ascii_digit(digit: re.Match[str]) -> str:
    return str(unicodedata.digit(digit[0]))


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


def _decode_escape(escape: re.Match[str]) -> str:
    written = escape[0]
    plain = chr(int(written[-2:], 16)) if written[0] == "%" else html.unescape(written)
    return plain if len(plain) == 1 and plain.isascii() and plain.isprintable() else " "


def _decode_escape_padded(escape: re.Match[str]) -> str:
    return _decode_escape(escape).ljust(len(escape[0]))


@cache
def load_reference_data(name: str) -> dict[str, Any]:
    """Parses the rules, in TOML, of a file of transforms/data."""
    text = resources.files("transforms").joinpath("data", name).read_text(encoding="utf-8")
    return tomllib.loads(text)
