"""Digits in texts that may be a form of a number: runs of them, alone and joined to close ones.

Texts of ASCII that encode nothing are read by whole columns, the others one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import encoded
from transforms.identify.places import buffers, strings

Array = np.ndarray

SHORTEST = 7
"""Digits of the shortest form that is looked for: fewer are an amount or a year."""
LONGEST = 18
"""Digits of the longest form: 15 (E.164) after an international prefix."""
PIECES = 6
"""Runs of digits that one number is written in."""

ENOUGH = rf"[0-9](?:[^0-9A-Za-z_]{{0,3}}[0-9]){{{SHORTEST - 1}}}|[^\x00-\x7f]"
"""RE2: without a match of this, no number is written in a text."""
_GAP = 3
"""Characters between two runs of one number, none of them of a word."""
_RUN = re.compile(r"\d+", re.ASCII)
_CLOSE = re.compile(rf"\d+(?:[^\w]{{1,{_GAP}}}\d+)*", re.ASCII)
_OF_A_WORD = np.array([chr(byte).isalnum() or chr(byte) == "_" for byte in range(128)])
_BYTES = 1 << 22
"""Bytes of texts that are read at once, which bounds what is held beside them."""


def in_texts(texts: pa.Array) -> tuple[Array, pa.Array]:
    """The candidates in strings or null, as `in_text` yields them, and the row of each."""
    rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(texts, ENOUGH), False))
    texts = texts.take(pa.array(rows))
    codes = pc.match_substring_regex(texts, encoded.HINT)
    plain = pc.and_not(pc.string_is_ascii(texts), codes).to_numpy(zero_copy_only=False)
    found = [_one_by_one(texts, np.flatnonzero(~plain))]
    for part in _parts(texts, np.flatnonzero(plain)):
        at, digits = _in_plain(texts.take(pa.array(part)))
        found.append((part[at], digits))
    where, candidates = zip(*found, strict=True)
    return rows[np.concatenate(where)], pa.concat_arrays(candidates)


def in_text(text: str) -> Iterator[str]:
    """Runs of digits, alone and joined to those that follow closely."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    read = encoded.read(plain)
    for close in (*_CLOSE.findall(plain), *(_CLOSE.findall(read) if read != plain else ())):
        runs = _RUN.findall(close)
        for first in range(len(runs)):
            digits = ""
            for run in runs[first : first + PIECES]:
                digits += run
                if len(digits) > LONGEST:
                    break
                if len(digits) >= SHORTEST:
                    yield digits


def _one_by_one(texts: pa.Array, rows: Array) -> tuple[Array, pa.Array]:
    """The candidates in some of the texts, and of which each is."""
    told = texts.take(pa.array(rows)).dictionary_encode()
    of_text = [list(set(in_text(text))) for text in told.dictionary.to_pylist()]
    held = [of_text[at] for at in told.indices.to_pylist()]
    counts = np.array([len(one) for one in held], np.int64)
    return np.repeat(rows, counts), pa.array(chain.from_iterable(held), pa.string())


def _parts(texts: pa.Array, rows: Array) -> list[Array]:
    """Some of the texts in parts of about `_BYTES`."""
    sizes = np.cumsum(pc.binary_length(texts).to_numpy()[rows], dtype=np.int64)
    return np.split(rows, np.flatnonzero(np.diff(sizes // _BYTES)) + 1)


def _in_plain(texts: pa.Array) -> tuple[Array, pa.Array]:
    """The candidates in texts of ASCII that encode nothing, and of which text each is."""
    offsets, data = buffers(texts)
    at = np.flatnonzero(data - ord("0") < len("0123456789"))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, offsets)))
    # Runs, by their digits' numbers among all digits: those of a chain stand there in one piece.
    apart = (np.diff(at) > 1) | (np.diff(text) > 0)
    firsts = np.append(0, np.flatnonzero(apart) + 1)[: len(at)]
    ends = np.append(firsts[1:], len(at))[: len(firsts)]
    chains = np.cumsum(_begin_a_chain(data, at[firsts], at[ends - 1] + 1, text[firsts]))
    found = []
    for more in range(min(PIECES, len(firsts))):
        first, end = firsts[: len(firsts) - more], ends[more:]
        held = (chains[more:] == chains[: len(chains) - more]) & (end - first >= SHORTEST)
        held &= end - first <= LONGEST
        found.append((first[held], end[held]))
    if not found:
        return at, pa.array([], pa.string())
    first, end = (np.concatenate(column) for column in zip(*found, strict=True))
    return text[first], strings(data[at], first, end)


def _begin_a_chain(data: Array, starts: Array, ends: Array, text: Array) -> Array:
    """Which runs of digits, by their places in bytes, do not follow the one before closely."""
    begin = np.ones(len(starts), bool)
    gap = starts[1:] - ends[:-1]
    begin[1:] = (text[1:] != text[:-1]) | (gap > _GAP)
    for place in range(_GAP):
        inside = np.flatnonzero(~begin[1:] & (gap > place))
        begin[inside + 1] = _OF_A_WORD[data[ends[inside] + place]]
    return begin
