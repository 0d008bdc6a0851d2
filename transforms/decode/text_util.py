"""Text as rules read it: folded to ASCII. Reference data, and how much of a text is searched.

Frightened people and transcribers leave accents away, and engines of regular expressions disagree
about letters outside ASCII. Folding keeps the number of characters, so that a place in bytes of
folded text is one in code points of the text. The rules themselves are TOML files of
transforms/data.

Text beyond the search limit may contain a victim's number, so none of it is kept.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TEXT

OTHER_LETTER = "_"
"""Folded form of a letter without a Latin base: a part of a word that no rule names."""

SEARCH_LIMIT = 12_000
"""Code points of a text that are searched, about four pages."""

SEARCH_EDGE = 200
"""Code points before that limit in which an identifier may begin whose end is not seen."""

# The signs of an address as people say them, in English, Spanish and German: parts of patterns.
AT_WORDS = "at|arroba"
DOT_WORDS = "dot|punto|punkt"
DASH_WORDS = "dash|hyphen|minus|gui[oó]n|bindestrich"
UNDERSCORE_WORDS = "underscore"

# The same with ambiguous words: used only to mask, never to read an identifier.
HIDDEN_AT_WORDS = f"{AT_WORDS}|arobase|klammeraffe|ät"
HIDDEN_DOT_WORDS = f"{DOT_WORDS}|point"

_MARKS = str.maketrans("‘’ʼ´`“”„«»‐‑‒–—−…", "'''''\"\"\"\"\"------.")
_WIDE = re.compile("[^\x00-\xff]")
_ACCENTED = re.compile("[^\x00-\x7f]")
_PART = re.compile(r"<([A-Z]+)>")
_FORMULA = re.compile(r"\s*[=+\-@|%＝＋－＠]|[\t\r\n]")  # OWASP, CSV injection

NO_ACCENT = str.maketrans("ßøØæÆœŒłŁđĐ", "soOaAoOlLdD")
"""Letters that Unicode takes for no accented ones."""


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
    return pc.replace_with_mask(lower, pc.invert(plain), pa.array(data, TEXT))


def fold_text(text: str) -> str:
    """Folds one text; rules' patterns are written in its output alphabet."""
    if text.isascii():
        return text.lower()
    narrow = _WIDE.sub(_fold_match, text).encode("latin-1")
    return narrow.translate(_latin()).decode("ascii")


def without_accents(text: str) -> str:
    """Returns a text in lower case, its letters without accents, in any script and Unicode form."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def fold_pattern(pattern: str) -> str:
    """Folds the letters of a rule's pattern, leaving its classes and escapes as they are."""
    return _ACCENTED.sub(_fold_match, pattern)


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
        base = unicodedata.normalize("NFKD", character.translate(NO_ACCENT))[0].lower()
        return base if base.isascii() and base.isalnum() else OTHER_LETTER
    if unicodedata.combining(character):
        return OTHER_LETTER
    known = character.translate(_MARKS)
    return known if known.isascii() else " "


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


def without_formula(text: str) -> str:
    """Returns a cell of CSV that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def cut_to_search_limit(texts: pa.Array) -> pa.Array:
    """Returns the part of each text, or null, that is searched."""
    limited = _any_beyond_limit(texts)
    return pc.utf8_slice_codeunits(texts, 0, SEARCH_LIMIT) if limited else texts


def truncate_unsearched(texts: pa.Array) -> pa.Array:
    """Cuts what is not searched, and the edge before it, off texts; each says how much went."""
    limited = _any_beyond_limit(texts)
    return pa.array(map(_truncate, texts.to_pylist()), TEXT) if limited else texts


def _truncate(text: str | None) -> str | None:
    if text is None or len(text) <= SEARCH_LIMIT:
        return text
    kept = SEARCH_LIMIT - SEARCH_EDGE
    return f"{text[:kept]} [{len(text) - kept} more characters, not read]"


def _any_beyond_limit(texts: pa.Array) -> bool:
    return (pc.max(pc.binary_length(texts)).as_py() or 0) > SEARCH_LIMIT
