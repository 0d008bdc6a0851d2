"""Whole columns of texts with their `noise` blanked, as `noise.blank` does it text by text.

Each kind of noise is looked for by a pattern without looks around, in C++; what stands beside a
match is checked after. Where that does not settle it, the text goes the careful way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import noise
from transforms.identify.places import Places, Points, buffers, cut, places, ranges

_ADDRESS = (
    r"(?i:h(?:tt|xx)ps?|ftp)\[?:\]?//[^\s<>\"']+"
    r"|\b[Ww][Ww][Ww]\.[^\s<>\"']+"
    r"|[\w.+%-]+(?:@|\[at\]|\(at\))[\w.\[\]-]+"
)
"""RE2: an address of the web or of mail, on ASCII."""
_LONGEST_ADDRESS = 64
"""Characters of an address from which on the bounds of `noise` may cut it."""
_BLANK = ord(noise.BLANK)

_ODD = np.zeros(256, bool)
_ODD[0x80:] = True
_ODD[[b for b in range(0x20) if chr(b) not in "\0\t\n\f\r"]] = True
"""Bytes of which RE2 and Python may think differently."""
_LATIN, _PUNCTUATION, _GENERAL = 0xC3, 0xE2, 0x80
"""First bytes of Latin letters with accents; of U+2000 to U+2FFF; second byte of U+2000 on."""
_MARKS = np.zeros(256, bool)
_MARKS[0x90:0xA8] = _MARKS[0xAA:0xAF] = _MARKS[0xB0:0xC0] = True
"""Third bytes of dashes and quotation marks: neither letters, digits nor blanks."""
_DIGIT = np.zeros(256, bool)
_DIGIT[ord("0") : ord("9") + 1] = True
_OPEN_ID = np.zeros(256, bool)
_OPEN_ID[[ord(c) for c in "0123456789("]] = True

Array = np.ndarray


def quiet_texts(texts: pa.Array, stretches: Places) -> pa.Array:
    """The texts (no nulls) with the noise in and around stretches (in bytes) blanked.

    Each keeps its length in code points.
    """
    points = Points(texts)
    first, last = (points.of_bytes(stretches.rows, at) for at in stretches[1:])
    plain = _without_addresses(texts)
    points = Points(plain)
    starts, ends = _windows(plain, stretches.rows, first, last)
    rows = stretches.rows
    windows = Places(rows, points.to_bytes(rows, starts), points.to_bytes(rows, ends))
    stretch = cut(plain, windows)
    offsets, data = buffers(stretch)
    data = data.copy()
    odd = _holds(_strange(data), offsets)
    for blank_one, again in _KINDS:
        before = data.copy()
        unsettled = blank_one(_strings(before, offsets), data, offsets) & ~odd
        _again(data, before, offsets, unsettled, again)
    return _mended(plain, windows, (starts, ends), data, odd)


def _windows(texts: pa.Array, rows: Array, first: Array, last: Array) -> tuple[Array, Array]:
    """The stretches with the words around them, in code points, apart in each text."""
    lengths = pc.utf8_length(texts).to_numpy()
    ends = np.minimum(last + noise.WORDS_AFTER, lengths[rows])
    done = np.where(np.diff(rows, prepend=-1) != 0, 0, np.concatenate([[0], ends])[:-1])
    return np.maximum(done, first - noise.WORDS_BEFORE), ends


def _without_addresses(texts: pa.Array) -> pa.Array:
    signed = pc.match_substring_regex(texts, noise.SIGN.pattern).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(signed)
    if not len(rows):
        return texts
    some = texts.take(pa.array(rows))
    offsets, data = buffers(some)
    data = data.copy()
    careful = _holds(_strange(data), offsets)
    at = places(some, _ADDRESS)
    careful |= _beside(data, offsets, at)
    strange = _counts(data >= 0x80, offsets[at.rows] + at.starts, offsets[at.rows] + at.ends)
    careful[at.rows[(strange > 0) | (at.ends - at.starts > _LONGEST_ADDRESS)]] = True
    _blank(data, offsets, at)
    bare = _strings(data, offsets)
    careful |= pc.match_substring_regex(bare, noise.SIGN.pattern).to_numpy(zero_copy_only=False)
    again = np.flatnonzero(careful)
    words = [noise.without_addresses(text) for text in some.take(pa.array(again)).to_pylist()]
    return _put(texts, rows, _put(bare, again, pa.array(words, pa.string())))


def _bare(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blank ids, dates, times and money; returns which texts must go the careful way."""
    at = places(texts, noise.BARE_LOOSELY)
    careful = _beside(data, offsets, at)
    kept = data[offsets[at.rows] + at.starts] == ord("+")
    at = at.only(~kept)
    around = cut(texts, Places(at.rows, at.starts - 1, at.ends + 2)).to_pylist()
    match = noise.BARE.match
    befores = np.minimum(at.starts, 1).tolist()
    lengths = (at.ends - at.starts).tolist()
    same = np.ones(len(around), bool)
    for i, (text, before, length) in enumerate(zip(around, befores, lengths, strict=True)):
        found = match(text, before)
        same[i] = found is not None and found.end() - before == length
    careful[at.rows[~same]] = True
    _blank(data, offsets, at)
    return careful


def _mixed(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blank words of letters and digits."""
    at = places(texts, noise.MIXED)
    careful = _beside(data, offsets, at)
    _blank(data, offsets, at)
    return careful


def _labelled(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blank labelled ids that are not grouped as only telephone numbers are."""
    at = places(texts, noise.LABELLED)
    careful = _beside(data, offsets, at)
    last = offsets[at.rows] + at.ends
    follows = np.where(last < offsets[at.rows + 1], data[np.minimum(last, len(data) - 1)], 0)
    careful[at.rows[_OPEN_ID[follows]]] = True
    digits = np.flatnonzero(_DIGIT[data])
    first = digits[np.searchsorted(digits, offsets[at.rows] + at.starts)] if len(digits) else []
    ids = Places(at.rows, np.asarray(first, np.int64) - offsets[at.rows], at.ends)
    grouped = pc.match_substring_regex(cut(texts, ids), noise.GROUPED.pattern)
    _blank(data, offsets, ids.only(~grouped.to_numpy(zero_copy_only=False)))
    return careful


def _mended(
    texts: pa.Array,
    windows: Places,
    points: tuple[Array, Array],
    data: Array,
    odd: Array,
) -> pa.Array:
    """The texts with the bytes of their windows put back; those with odd ones blanked by Python."""
    offsets, whole = buffers(texts)
    whole = whole.copy()
    lengths = windows.ends - windows.starts
    put = ranges(offsets[windows.rows] + windows.starts, lengths)
    ours = np.repeat(~odd, lengths)
    whole[put[ours]] = data[ours]
    mended = _strings(whole, offsets)
    rows = np.unique(windows.rows[odd])
    if not len(rows):
        return mended
    words = []
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        mine = slice(*np.searchsorted(windows.rows, [row, row + 1]).tolist())
        spans = zip(points[0][mine].tolist(), points[1][mine].tolist(), strict=True)
        words.append(noise.blanked(text, list(spans)))
    return _put(mended, rows, pa.array(words, pa.string()))


def _strange(data: Array) -> Array:
    """Bytes of which RE2 and Python may think differently, but for what stands beside a match."""
    odd = _ODD[data]
    if not odd.any():
        return odd
    odd &= data != _LATIN
    odd[1:] &= data[:-1] != _LATIN
    mark = np.zeros(len(data), bool)
    mark[:-2] = (data[:-2] == _PUNCTUATION) & (data[1:-1] == _GENERAL) & _MARKS[data[2:]]
    for place in range(3):
        odd[place:] &= ~mark[: len(data) - place]
    return odd


_KINDS = (
    (_bare, noise.without_bare),
    (_mixed, noise.without_mixed),
    (_labelled, noise.without_ids),
)
"""Each kind of noise: for a column, and for one text where that leaves it unsettled."""


def _again(
    data: Array, before: Array, offsets: Array, unsettled: Array, blank_one: Callable[[str], str]
) -> None:
    """Blank one kind of noise by Python, in texts in which it is ASCII."""
    for row in np.flatnonzero(unsettled).tolist():
        text = before[offsets[row] : offsets[row + 1]].tobytes().decode()
        data[offsets[row] : offsets[row + 1]] = np.frombuffer(blank_one(text).encode(), np.uint8)


def _beside(data: Array, offsets: Array, at: Places) -> Array:
    """Texts in which a match stands beside a byte that is not ASCII."""
    strange = np.zeros(len(offsets) - 1, bool)
    first, last = offsets[at.rows] + at.starts, offsets[at.rows] + at.ends
    before = (at.starts > 0) & (data[np.maximum(first - 1, 0)] >= 0x80)
    after = (last < offsets[at.rows + 1]) & (data[np.minimum(last, len(data) - 1)] >= 0x80)
    strange[at.rows[before | after]] = True
    return strange


def _counts(which: Array, firsts: Array, lasts: Array) -> Array:
    """How many of the bytes marked stand in each place."""
    at = np.flatnonzero(which)
    return np.searchsorted(at, lasts) - np.searchsorted(at, firsts)


def _holds(which: Array, offsets: Array) -> Array:
    """Whether each text holds a byte of those marked."""
    return _counts(which, offsets[:-1], offsets[1:]) > 0


def _blank(data: Array, offsets: Array, at: Places) -> None:
    """Blank places in the bytes of a column, all ASCII."""
    data[ranges(offsets[at.rows] + at.starts, at.ends - at.starts)] = _BLANK


def _strings(data: Array, offsets: Array) -> pa.Array:
    held = pa.py_buffer(data)
    return pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), held
    )


def _put(texts: pa.Array, rows: Array, words: pa.Array) -> pa.Array:
    """The texts with those of some rows, ascending, replaced."""
    if not len(rows):
        return texts
    which = np.zeros(len(texts), bool)
    which[rows] = True
    return pc.replace_with_mask(texts, pa.array(which), words)
