"""Blanks false positives (`false_positives`) in whole columns of texts, around digits alone.

Each kind is found in C++ by a pattern without lookaround; the bytes beside a match are checked
after. A cheap test of the bytes beside groups of digits rules most parts out, without missing any.
Where columns cannot decide, `false_positives` blanks the part. A blanked character keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, concat_ranges
from transforms.phone import false_positives
from transforms.text_spans import (
    ByteRanges,
    CodePoints,
    Spans,
    ascii_table,
    digit_groups,
    find_spans,
    slice_spans,
    string_array,
    string_buffers,
)

_ADDRESS = (
    r"(?i:h(?:tt|xx)ps?|ftp)\[?:\]?//[^\s<>\"']+"
    r"|\b[Ww][Ww][Ww]\.[^\s<>\"']+"
    r"|[\w.+%-]+(?:@|\[at\]|\(at\))[\w.\[\]-]+"
)
"""RE2: a web or e-mail address in ASCII."""

_LONGEST_ADDRESS = 64
"""Characters of an address from which on the bounds of `false_positives` may cut it."""

_FEW = 64
"""Below so many parts, compiling a pattern for RE2 costs more than Python's cached one."""

_BLANK = ord(false_positives.BLANK)

_BLANKS, _LAST = 0x20, 0x80
"""The first byte of ASCII that is no control character, and the first beyond ASCII."""

_ODD = np.zeros(256, bool)
_ODD[_LAST:] = True
_ODD[[b for b in range(_BLANKS) if chr(b) not in "\0\t\n\f\r"]] = True
"""Bytes that RE2 and Python may classify differently."""

_LATIN, _PUNCTUATION, _GENERAL = 0xC3, 0xE2, 0x80
"""First bytes of Latin letters with accents; of U+2000 to U+2FFF; second byte of U+2000 on."""

_MARKS = np.zeros(256, bool)
_MARKS[0x90:0xA8] = _MARKS[0xAA:0xAF] = _MARKS[0xB0:0xC0] = True
"""Third bytes of dashes and quotation marks, which are no letters, digits or blanks."""

_DIGIT, _BLANK_BYTE = ascii_table("0123456789"), ascii_table(" \t\n\f\r")

_OPEN_ID = ascii_table("0123456789(")
"""Bytes after a labelled id that `false_positives` does not allow."""

_LETTER = np.array([b < 0x80 and chr(b).isalpha() for b in range(256)], bool)

_CAPITAL = _LETTER & np.array([chr(b).isupper() for b in range(256)], bool)

_LABEL = np.zeros(1 << 16, bool)
_LABEL[
    [
        int.from_bytes(ending.encode(), "big")
        for word in (*false_positives.LABELS, *false_positives.LABEL_SUFFIXES)
        if (last := word.rstrip(".°")[-2:])
        for ending in (last, last.upper(), last.title(), last.title().swapcase())
    ]
] = True

_JOINT = ascii_table(" \t\n\f\r#:.=-")

_MOST_JOINTS = 5
"""Signs between a word and the id that it labels, including the point of "ref."."""

_PRICED, _PARTED = ascii_table("$%"), ascii_table(",:./")

_CURRENCY = np.zeros(1 << 16, bool)
_CURRENCY[[int.from_bytes(word[:2].encode(), "big") for word in false_positives.CURRENCIES]] = True
"""The first two letters of the names of currencies."""

_CARD, _CARD_GROUP, _ORDER_GROUP, _DAY = 16, 4, 7, 2
"""Digits of a card's number and of its groups; of an order's group; of a day or month."""


class BlankedParts(NamedTuple):
    """Disjoint parts of texts in column order, with false positives blanked."""

    rows: Array
    """The text of each part."""
    starts: Array
    """The byte of the column at which each begins."""
    offsets: Array
    """The offsets of the parts in `data`, one more than parts."""
    data: Array


def blank_addresses(texts: pa.Array, points: CodePoints, rows: Array) -> Array:
    """Blanks addresses in some rows of texts without nulls; returns the bytes of all texts."""
    offsets, data = string_buffers(texts)
    some = texts.take(pa.array(rows))
    signed = pc.match_substring_regex(some, false_positives.ADDRESS_SIGN.pattern).to_numpy(
        zero_copy_only=False
    )
    rows = rows[signed]
    if not len(rows):
        return data
    some = some.filter(pa.array(signed))
    own, blanked = string_buffers(some)
    blanked = blanked.copy()
    undecided = _contain(_strange(blanked), own)
    at = find_spans(some, _ADDRESS)
    undecided |= _beside(blanked, own, at)
    high, first = np.flatnonzero(blanked >= _LAST), own[at.rows] + at.starts
    strange = np.searchsorted(high, own[at.rows] + at.ends) > np.searchsorted(high, first)
    undecided[at.rows[strange | (at.ends - at.starts > _LONGEST_ADDRESS)]] = True
    _blank_spans(blanked, own, at)
    bare = string_array(own, blanked)
    undecided |= pc.match_substring_regex(bare, false_positives.ADDRESS_SIGN.pattern).to_numpy(
        zero_copy_only=False
    )
    sure = at.select(~undecided[at.rows])
    spans = [
        (row, *span)
        for row, text in zip(
            rows[undecided].tolist(), some.filter(pa.array(undecided)).to_pylist(), strict=True
        )
        for span in false_positives.address_spans(text)
    ]
    others = Spans(*np.array(spans, np.int64).reshape(-1, 3).T)
    data = data.copy()
    _blank_spans(data, offsets, sure._replace(rows=rows[sure.rows]))
    begin, end = (points.to_bytes(others.rows, at) for at in others[1:])
    _blank_spans(data, offsets, Spans(others.rows, begin, end))
    return data


def blank_stretches(
    data: Array, points: CodePoints, stretches: ByteRanges, ends: Array
) -> BlankedParts:
    """Blanks false positives in the stretches and the words around them.

    Args:
        data: The bytes of the texts without addresses.
        points: Made of the same texts.
        stretches: Where digits enough for a number are, in column order.
        ends: The bytes of the column at which the texts end.
    """
    windows = _windows(points, stretches, ends)
    sizes = windows.ends - windows.starts
    blanked = data[concat_ranges(windows.starts, sizes)]
    offsets = np.append(0, np.cumsum(sizes))
    whole = blanked.copy()
    odd = _contain(_strange(blanked), offsets)
    groups = digit_groups(blanked, offsets)
    for may_be, blank_column, blank_text in _KINDS:
        some = np.bincount(groups.rows[may_be(whole, groups)], minlength=len(odd)) > 0
        _blank_in_some(np.flatnonzero(some & ~odd), blanked, offsets, blank_column, blank_text)
    _blank_in_python(blanked, whole, offsets, odd, false_positives.blank_window)
    return _join_windows(windows, offsets, blanked)


def may_be_bare(data: Array, groups: ByteRanges) -> Array:
    """Tells which groups may be in a match of `false_positives.BARE_RE2`, by the bytes beside them.

    No group of a match is missed; many that are in none pass.
    """
    size = groups.ends - groups.starts
    before, before_that = (_byte_at(data, groups.starts - place) for place in (1, 2))
    behind, after, later = (_byte_at(data, groups.ends + place) for place in range(3))
    blank = _BLANK_BYTE[behind]
    found = (before == ord("$")) | (_BLANK_BYTE[before] & (before_that == ord("$")))
    found |= _PRICED[behind] | (blank & _PRICED[after])
    found |= _CURRENCY[_byte_pair(behind, after)] | (blank & _CURRENCY[_byte_pair(after, later)])
    found |= _PARTED[behind] & _DIGIT[after]
    found |= _CAPITAL[before] & _CAPITAL[before_that] & (size >= len("29"))
    dashed = (before == ord("-")) & (behind == ord("-"))
    found |= dashed & ((size <= _DAY) | (size == _ORDER_GROUP))
    return found | (size >= _CARD) | _may_be_card(behind, groups, size)


def may_be_mixed(data: Array, groups: ByteRanges) -> Array:
    """Tells which groups touch a letter, as all in a match of `false_positives.MIXED` do."""
    return _LETTER[_byte_at(data, groups.starts - 1)] | _LETTER[_byte_at(data, groups.ends)]


def may_be_labelled(data: Array, groups: ByteRanges) -> Array:
    """Tells which groups follow a word that ends like a label of `LABELLED_RE2`."""
    at = groups.starts - 1
    for _ in range(_MOST_JOINTS):
        at = at - _JOINT[_byte_at(data, at)]
    return _LABEL[_byte_pair(_byte_at(data, at - 1), _byte_at(data, at))]


def _may_be_card(behind: Array, groups: ByteRanges, size: Array) -> Array:
    """Tells which groups are the first of four by four digits, with a blank or dash between."""
    found = np.zeros(len(size), bool)
    if len(size) >= _CARD // _CARD_GROUP:
        close = np.diff(groups.ends) - size[1:] == 1
        close &= (behind[:-1] == ord(" ")) | (behind[:-1] == ord("-"))
        whole = close & (size[1:] == _CARD_GROUP)
        last = close & (size[1:] >= _CARD_GROUP)
        found[:-3] = (size[:-3] >= _CARD_GROUP) & whole[:-2] & whole[1:-1] & last[2:]
    return found


def _byte_at(data: Array, places: Array) -> Array:
    """Returns the bytes at places; 0 outside of the data."""
    inside = (places >= 0) & (places < len(data))
    return np.where(inside, data[np.where(inside, places, 0)], 0) if len(data) else places


def _byte_pair(first: Array, second: Array) -> Array:
    return first.astype(np.int64) << 8 | second


def _blank_bare(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blanks ids, dates, times and money; tells which texts it cannot decide."""
    at = find_spans(texts, false_positives.BARE_RE2)
    undecided = _beside(data, offsets, at)
    kept = data[offsets[at.rows] + at.starts] == ord("+")
    at = at.select(~kept)
    around = slice_spans(texts, Spans(at.rows, at.starts - 1, at.ends + 2)).to_pylist()
    match = false_positives.BARE.match
    befores = np.minimum(at.starts, 1).tolist()
    lengths = (at.ends - at.starts).tolist()
    same = np.ones(len(around), bool)
    for i, (text, before, length) in enumerate(zip(around, befores, lengths, strict=True)):
        found = match(text, before)
        same[i] = found is not None and found.end() - before == length
    undecided[at.rows[~same]] = True
    _blank_spans(data, offsets, at)
    return undecided


def _blank_mixed(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blanks words of letters and digits; tells which texts it cannot decide."""
    at = find_spans(texts, false_positives.MIXED)
    undecided = _beside(data, offsets, at)
    _blank_spans(data, offsets, at)
    return undecided


def _blank_labelled(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blanks labelled ids not grouped like phone numbers; tells which texts it cannot decide."""
    at = find_spans(texts, false_positives.LABELLED_RE2)
    undecided = _beside(data, offsets, at)
    last = offsets[at.rows] + at.ends
    follows = np.where(last < offsets[at.rows + 1], data[np.minimum(last, len(data) - 1)], 0)
    undecided[at.rows[_OPEN_ID[follows]]] = True
    digits = np.flatnonzero(_DIGIT[data])
    first = digits[np.searchsorted(digits, offsets[at.rows] + at.starts)] if len(digits) else []
    ids = Spans(at.rows, np.asarray(first, np.int64) - offsets[at.rows], at.ends)
    grouped = pc.match_substring_regex(
        slice_spans(texts, ids), false_positives.PHONE_GROUPING.pattern
    )
    _blank_spans(data, offsets, ids.select(~grouped.to_numpy(zero_copy_only=False)))
    return undecided


_KINDS = (
    (may_be_bare, _blank_bare, false_positives.blank_bare),
    (may_be_mixed, _blank_mixed, false_positives.blank_mixed),
    (may_be_labelled, _blank_labelled, false_positives.blank_labelled),
)
"""Each kind of false positive: which groups of digits may be in one; what blanks them in a column;
and in one text, where that cannot decide."""


def _windows(points: CodePoints, stretches: ByteRanges, ends: Array) -> ByteRanges:
    """Returns the stretches with the words around them, disjoint in each text."""
    rows = stretches.rows
    text_ends = points.before(ends)
    text_starts = np.append(0, text_ends[:-1])
    last = np.minimum(
        points.before(stretches.ends) + false_positives.CONTEXT_AFTER, text_ends[rows]
    )
    done = np.where(np.diff(rows, prepend=-1) != 0, 0, np.append(0, last)[:-1])
    done = np.maximum(done, text_starts[rows])
    first = np.maximum(done, points.before(stretches.starts) - false_positives.CONTEXT_BEFORE)
    return ByteRanges(rows, points.byte(first), points.byte(last))


def _join_windows(windows: ByteRanges, offsets: Array, blanked: Array) -> BlankedParts:
    """Joins windows that touch into parts."""
    begins = np.ones(len(windows.rows), bool)
    begins[1:] = windows.starts[1:] != windows.ends[:-1]
    begins[1:] |= np.diff(windows.rows) != 0
    first = np.flatnonzero(begins)
    return BlankedParts(
        windows.rows[first], windows.starts[first], offsets[np.append(first, len(begins))], blanked
    )


def _blank_in_some(
    some: Array,
    data: Array,
    offsets: Array,
    blank_column: Callable[[pa.Array, Array, Array], Array],
    blank_text: Callable[[str], str],
) -> None:
    """Blanks one kind of false positive in some of the parts."""
    if not len(some):
        return
    sizes = offsets[some + 1] - offsets[some]
    at = concat_ranges(offsets[some], sizes)
    before, own = data[at], np.append(0, np.cumsum(sizes))
    blanked = before.copy()
    undecided = np.ones(len(some), bool)
    if len(some) >= _FEW:
        undecided = blank_column(string_array(own, before), blanked, own)
    _blank_in_python(blanked, before, own, undecided, blank_text)
    data[at] = blanked


def _blank_in_python(
    data: Array, before: Array, offsets: Array, which: Array, blank_one: Callable[[str], str]
) -> None:
    """Blanks one kind of false positive in some of the parts, one by one."""
    for row in np.flatnonzero(which).tolist():
        part = slice(offsets[row], offsets[row + 1])
        text = before[part].tobytes().decode()
        data[part] = np.frombuffer(_in_place(text, blank_one(text)), np.uint8)


def _in_place(text: str, blanked: str) -> bytes:
    """Returns a blanked text with as many bytes for each character as it had."""
    encoded = blanked.encode()
    if len(encoded) == len(text.encode()):
        return encoded
    pairs = zip(text, blanked, strict=True)
    return "".join(b if a == b else b * len(a.encode()) for a, b in pairs).encode()


def _blank_spans(data: Array, offsets: Array, at: Spans) -> None:
    """Blanks spans in the bytes of a column, all ASCII."""
    data[concat_ranges(offsets[at.rows] + at.starts, at.ends - at.starts)] = _BLANK


def _strange(data: Array) -> Array:
    """Returns the places of bytes that RE2 and Python may classify differently, ascending.

    The bytes beside a match are checked by `_beside`.
    """
    at = np.flatnonzero(data - _BLANKS >= _LAST - _BLANKS)
    byte = data[at]
    odd = _ODD[byte]
    latin = np.flatnonzero(byte == _LATIN)
    odd[latin] = False
    odd[latin + 1] = False
    first = np.flatnonzero(byte[:-2] == _PUNCTUATION)
    first = first[(byte[first + 1] == _GENERAL) & _MARKS[byte[first + 2]]]
    for place in range(3):
        odd[first + place] = False
    return at[odd]


def _beside(data: Array, offsets: Array, at: Spans) -> Array:
    """Tells in which texts a match touches a byte that is not ASCII."""
    touched = np.zeros(len(offsets) - 1, bool)
    first, last = offsets[at.rows] + at.starts, offsets[at.rows] + at.ends
    before = (at.starts > 0) & (data[np.maximum(first - 1, 0)] >= 0x80)
    after = (last < offsets[at.rows + 1]) & (data[np.minimum(last, len(data) - 1)] >= 0x80)
    touched[at.rows[before | after]] = True
    return touched


def _contain(at: Array, offsets: Array) -> Array:
    """Tells which texts contain one of the places, ascending."""
    return np.diff(np.searchsorted(at, offsets)) > 0
