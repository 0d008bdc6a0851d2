"""Texts as rules read them: ASCII, lower case, without accents, character for character.

Frightened people and transcribers leave accents away, and engines of regular expressions disagree
about letters outside ASCII; folded, neither matters, and a place in bytes is one in code points.

Characters as the web encodes them: '%40' in a link (RFC 3986), '&#64;' in a page (HTML).

The signs of an address as people say them, in English, Spanish and German: parts of patterns.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, lru_cache

import pyarrow as pa
import pyarrow.compute as pc

OTHER_LETTER = "_"
"""Stands for a letter with no Latin one in it: a word's part that no rule names."""


_MARKS = str.maketrans("‘’ʼ´`“”„«»‐‑‒–—−…", "'''''\"\"\"\"\"------.")

_NO_ACCENT = str.maketrans("ßøØæÆœŒłŁđĐ", "soOaAoOlLdD")

_WIDE = re.compile("[^\x00-\xff]")

_ACCENTED = re.compile("[^\x00-\x7f]")


def folded(texts: pa.Array, longest: int) -> pa.Array:
    """The first `longest` code points of each text, folded; null stays null."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > longest:
        texts = pc.utf8_slice_codeunits(texts, 0, longest)
    plain = pc.fill_null(pc.string_is_ascii(texts), True)
    lower = pc.ascii_lower(texts)
    others = texts.filter(pc.invert(plain))
    if not len(others):
        return lower
    data = [fold(text) for text in others.to_pylist()]
    return pc.replace_with_mask(lower, pc.invert(plain), pa.array(data, pa.string()))


def fold(text: str) -> str:
    """One text folded; also what a rule's pattern is written in, its syntax being ASCII."""
    if text.isascii():
        return text.lower()
    narrow = _WIDE.sub(_one, text).encode("latin-1")
    return narrow.translate(_latin()).decode("ascii")


def lower(text: str) -> str:
    """The text in lower case with its accents, each character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(map(_lower, text))


def _lower(character: str) -> str:
    low = character.lower()
    return low if len(low) == 1 else character


def fold_pattern(pattern: str) -> str:
    """A rule's pattern with its letters folded, classes and escapes left as they are."""
    return _ACCENTED.sub(_one, pattern)


@cache
def _latin() -> bytes:
    return bytes(ord(_folded(chr(code))) for code in range(256))


def _one(match: re.Match[str]) -> str:
    return _folded(match[0])


@lru_cache(maxsize=1 << 12)
def _folded(character: str) -> str:
    """The ASCII character that stands for another one."""
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


HINT = r"(?i)%[2-7][0-9a-f]|&(?:#[0-9]{2,4}|#x[0-9a-f]{2,3}|[a-z]{2,8});"
"""RE2 and Python: without a match of this, a text encodes nothing."""

_CODED = re.compile(HINT)


def read(text: str) -> str:
    """The text as it reads, once; what encodes no character of ASCII becomes a blank."""
    return _CODED.sub(_character, text)


def in_place(text: str) -> str:
    """The same with blanks behind each character, so that it has the length of the text."""
    return _CODED.sub(_padded, text)


def _character(code: re.Match[str]) -> str:
    written = code[0]
    plain = chr(int(written[1:], 16)) if written[0] == "%" else html.unescape(written)
    return plain if len(plain) == 1 and plain.isascii() and plain.isprintable() else " "


def _padded(code: re.Match[str]) -> str:
    return _character(code).ljust(len(code[0]))


AT = "at|arroba"

DOT = "dot|punto|punkt"

DASH = "dash|hyphen|minus|gui[oó]n|bindestrich"

UNDERSCORE = "underscore"
