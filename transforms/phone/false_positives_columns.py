"""The stretches of whole columns of texts that may hold a number, with their `noise` blanked.

It is blanked as `false_positives.blank` does it text by text: each kind is looked for by a pattern
without looks around, in C++; what stands beside a match is checked after. Where that does not
settle it, the stretch goes the careful way. A blanked character keeps its bytes.

Which stretches of text may hold `noise` of a kind, by the bytes beside their groups of digits.

It is a cheap test that lets too much pass and nothing slip: what it leaves out, no pattern of that
kind matches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms import arrow_util
from transforms.arrow_util import Places, Points, buffers, cut, of_buffers, places, ranges
from transforms.phone import false_positives
from transforms.phone.digit_runs import Runs, groups

_ADDRESS = (
    r"(?i:h(?:tt|xx)ps?|ftp)\[?:\]?//[^\s<>\"']+"
    r"|\b[Ww][Ww][Ww]\.[^\s<>\"']+"
    r"|[\w.+%-]+(?:@|\[at\]|\(at\))[\w.\[\]-]+"
)
"""RE2: an address of the web or of mail, on ASCII."""


_LONGEST_ADDRESS = 64
"""Characters of an address from which on the bounds of `noise` may cut it."""


_FEW = 64
"""Parts for which compiling a pattern for RE2 costs more than Python's own, kept compiled."""


_BLANK = ord(false_positives.BLANK)


_BLANKS, _LAST = 0x20, 0x80
"""Bytes before the first and behind the last one of ASCII that is no control character."""


_ODD = np.zeros(256, bool)
_ODD[_LAST:] = True
_ODD[[b for b in range(_BLANKS) if chr(b) not in "\0\t\n\f\r"]] = True
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


class Quiet(NamedTuple):
    """Parts of texts, apart from each other, in the order of the column."""

    rows: Array
    """The text of each part."""
    starts: Array
    """The byte of the column at which each begins."""
    offsets: Array
    """One more than parts: where each begins in `data`."""
    data: Array


def quiet(data: Array, points: Points, stretches: Runs, ends: Array) -> Quiet:
    """The stretches with the words around them, noise blanked.

    `data` are the bytes of the texts without addresses, `ends` those at which the texts end; the
    stretches are in the order of the texts.
    """
    windows = _windows(points, stretches, ends)
    sizes = windows.ends - windows.starts
    held = data[ranges(windows.starts, sizes)]
    offsets = np.append(0, np.cumsum(sizes))
    whole = held.copy()
    odd = _holds(_strange(held), offsets)
    found = groups(held, offsets)
    for may_be, blank_one, again in _KINDS:
        some = np.bincount(found.rows[may_be(whole, found)], minlength=len(odd)) > 0
        _blank_some(np.flatnonzero(some & ~odd), held, offsets, blank_one, again)
    _again(held, whole, offsets, odd, false_positives.without_noise)
    return _parts(windows, offsets, held)


def _windows(points: Points, stretches: Runs, ends: Array) -> Runs:
    """The stretches with the words around them, apart in each text."""
    rows = stretches.rows
    text_ends = points.before(ends)
    text_starts = np.append(0, text_ends[:-1])
    last = np.minimum(points.before(stretches.ends) + false_positives.WORDS_AFTER, text_ends[rows])
    done = np.where(np.diff(rows, prepend=-1) != 0, 0, np.append(0, last)[:-1])
    done = np.maximum(done, text_starts[rows])
    first = np.maximum(done, points.before(stretches.starts) - false_positives.WORDS_BEFORE)
    return Runs(rows, points.byte(first), points.byte(last))


def _parts(windows: Runs, offsets: Array, held: Array) -> Quiet:
    """The windows, those that touch in one."""
    begins = np.ones(len(windows.rows), bool)
    begins[1:] = windows.starts[1:] != windows.ends[:-1]
    begins[1:] |= np.diff(windows.rows) != 0
    first = np.flatnonzero(begins)
    return Quiet(
        windows.rows[first], windows.starts[first], offsets[np.append(first, len(begins))], held
    )


def without_addresses(texts: pa.Array, points: Points, rows: Array) -> Array:
    """The bytes of texts, without nulls, with addresses blanked in those of `rows`."""
    offsets, data = buffers(texts)
    some = texts.take(pa.array(rows))
    signed = pc.match_substring_regex(some, false_positives.SIGN.pattern).to_numpy(
        zero_copy_only=False
    )
    rows = rows[signed]
    if not len(rows):
        return data
    some = some.filter(pa.array(signed))
    held_at, held = buffers(some)
    held = held.copy()
    careful = _holds(_strange(held), held_at)
    at = places(some, _ADDRESS)
    careful |= _beside(held, held_at, at)
    high, first = np.flatnonzero(held >= _LAST), held_at[at.rows] + at.starts
    strange = np.searchsorted(high, held_at[at.rows] + at.ends) > np.searchsorted(high, first)
    careful[at.rows[strange | (at.ends - at.starts > _LONGEST_ADDRESS)]] = True
    _blank(held, held_at, at)
    bare = of_buffers(held_at, held)
    careful |= pc.match_substring_regex(bare, false_positives.SIGN.pattern).to_numpy(
        zero_copy_only=False
    )
    sure = at.only(~careful[at.rows])
    spans = [
        (row, *span)
        for row, text in zip(
            rows[careful].tolist(), some.filter(pa.array(careful)).to_pylist(), strict=True
        )
        for span in false_positives.addresses(text)
    ]
    others = Places(*np.array(spans, np.int64).reshape(-1, 3).T)
    data = data.copy()
    _blank(data, offsets, sure._replace(rows=rows[sure.rows]))
    begin, end = (points.to_bytes(others.rows, at) for at in others[1:])
    _blank(data, offsets, Places(others.rows, begin, end))
    return data


def _bare(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blank ids, dates, times and money; returns which texts must go the careful way."""
    at = places(texts, false_positives.BARE_LOOSELY)
    careful = _beside(data, offsets, at)
    kept = data[offsets[at.rows] + at.starts] == ord("+")
    at = at.only(~kept)
    around = cut(texts, Places(at.rows, at.starts - 1, at.ends + 2)).to_pylist()
    match = false_positives.BARE.match
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
    at = places(texts, false_positives.MIXED)
    careful = _beside(data, offsets, at)
    _blank(data, offsets, at)
    return careful


def _labelled(texts: pa.Array, data: Array, offsets: Array) -> Array:
    """Blank labelled ids that are not grouped as only telephone numbers are."""
    at = places(texts, false_positives.LABELLED)
    careful = _beside(data, offsets, at)
    last = offsets[at.rows] + at.ends
    follows = np.where(last < offsets[at.rows + 1], data[np.minimum(last, len(data) - 1)], 0)
    careful[at.rows[_OPEN_ID[follows]]] = True
    digits = np.flatnonzero(_DIGIT[data])
    first = digits[np.searchsorted(digits, offsets[at.rows] + at.starts)] if len(digits) else []
    ids = Places(at.rows, np.asarray(first, np.int64) - offsets[at.rows], at.ends)
    grouped = pc.match_substring_regex(cut(texts, ids), false_positives.GROUPED.pattern)
    _blank(data, offsets, ids.only(~grouped.to_numpy(zero_copy_only=False)))
    return careful


def _strange(data: Array) -> Array:
    """Where bytes stand of which RE2 and Python may think differently, ascending.

    What stands beside a match is looked at apart.
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


def _beside(data: Array, offsets: Array, at: Places) -> Array:
    """Texts in which a match stands beside a byte that is not ASCII."""
    strange = np.zeros(len(offsets) - 1, bool)
    first, last = offsets[at.rows] + at.starts, offsets[at.rows] + at.ends
    before = (at.starts > 0) & (data[np.maximum(first - 1, 0)] >= 0x80)
    after = (last < offsets[at.rows + 1]) & (data[np.minimum(last, len(data) - 1)] >= 0x80)
    strange[at.rows[before | after]] = True
    return strange


def _blank(data: Array, offsets: Array, at: Places) -> None:
    """Blank places in the bytes of a column, all ASCII."""
    data[ranges(offsets[at.rows] + at.starts, at.ends - at.starts)] = _BLANK


def _of(characters: str) -> arrow_util.Array:
    table = np.zeros(256, bool)
    table[[ord(c) for c in characters]] = True
    return table


_DIGIT_BYTE, _BLANK_BYTE = _of("0123456789"), _of(" \t\n\f\r")


_LETTER = np.array([b < 0x80 and chr(b).isalpha() for b in range(256)], bool)


_CAPITAL = _LETTER & np.array([chr(b).isupper() for b in range(256)], bool)


_LABEL = np.zeros(1 << 16, bool)
_LABEL[
    [
        int.from_bytes(ending.encode(), "big")
        for word in (*false_positives.LABELS, *false_positives.LABELS_REST)
        if (last := word.rstrip(".°")[-2:])
        for ending in (last, last.upper(), last.title(), last.title().swapcase())
    ]
] = True


_JOINT = _of(" \t\n\f\r#:.=-")


_MOST_JOINTS = 5
"""Signs between a word and the id that it labels, the point of "ref." among them."""


_PRICED, _PARTED = _of("$%"), _of(",:./")


_CURRENCY = np.zeros(1 << 16, bool)
_CURRENCY[[int.from_bytes(word[:2].encode(), "big") for word in false_positives.CURRENCIES]] = True
"""The first two letters of the names of currencies."""


_CARD, _CARD_GROUP, _ORDER_GROUP, _DAY = 16, 4, 7, 2
"""Digits of a card's number and of its groups; of an order's group; of a day or month."""


def may_be_mixed(data: arrow_util.Array, groups: Runs) -> arrow_util.Array:
    """Which groups touch a letter, as those of `false_positives.MIXED` do."""
    return _LETTER[_at(data, groups.starts - 1)] | _LETTER[_at(data, groups.ends)]


def may_be_bare(data: arrow_util.Array, groups: Runs) -> arrow_util.Array:
    """Which groups have beside them what one of `false_positives.BARE_LOOSELY` asks for."""
    size = groups.ends - groups.starts
    before, before_that = (_at(data, groups.starts - place) for place in (1, 2))
    behind, after, later = (_at(data, groups.ends + place) for place in range(3))
    blank = _BLANK_BYTE[behind]
    found = (before == ord("$")) | (_BLANK_BYTE[before] & (before_that == ord("$")))
    found |= _PRICED[behind] | (blank & _PRICED[after])
    found |= _CURRENCY[_pair(behind, after)] | (blank & _CURRENCY[_pair(after, later)])
    found |= _PARTED[behind] & _DIGIT_BYTE[after]
    found |= _CAPITAL[before] & _CAPITAL[before_that] & (size >= len("29"))
    dashed = (before == ord("-")) & (behind == ord("-"))
    found |= dashed & ((size <= _DAY) | (size == _ORDER_GROUP))
    return found | (size >= _CARD) | _may_be_card(behind, groups, size)


def may_be_labelled(data: arrow_util.Array, groups: Runs) -> arrow_util.Array:
    """Which groups follow a word that ends as one does before a `LABELLED` id."""
    at = groups.starts - 1
    for _ in range(_MOST_JOINTS):
        at = at - _JOINT[_at(data, at)]
    return _LABEL[_pair(_at(data, at - 1), _at(data, at))]


def _may_be_card(
    behind: arrow_util.Array, groups: Runs, size: arrow_util.Array
) -> arrow_util.Array:
    """Which groups are the first of four by four digits, with a blank or dash between."""
    found = np.zeros(len(size), bool)
    if len(size) >= _CARD // _CARD_GROUP:
        close = np.diff(groups.ends) - size[1:] == 1
        close &= (behind[:-1] == ord(" ")) | (behind[:-1] == ord("-"))
        whole = close & (size[1:] == _CARD_GROUP)
        last = close & (size[1:] >= _CARD_GROUP)
        found[:-3] = (size[:-3] >= _CARD_GROUP) & whole[:-2] & whole[1:-1] & last[2:]
    return found


def _at(data: arrow_util.Array, places: arrow_util.Array) -> arrow_util.Array:
    """The bytes at places; 0 where the data ends before."""
    inside = (places >= 0) & (places < len(data))
    return np.where(inside, data[np.where(inside, places, 0)], 0) if len(data) else places


def _pair(first: arrow_util.Array, second: arrow_util.Array) -> arrow_util.Array:
    return first.astype(np.int64) << 8 | second


_KINDS = (
    (may_be_bare, _bare, false_positives.without_bare),
    (may_be_mixed, _mixed, false_positives.without_mixed),
    (may_be_labelled, _labelled, false_positives.without_ids),
)
"""Each kind of noise: which groups of digits may be of it; what blanks it in a column; and in one
text, where that leaves it unsettled."""


def _blank_some(
    some: Array,
    data: Array,
    offsets: Array,
    blank_one: Callable[[pa.Array, Array, Array], Array],
    again: Callable[[str], str],
) -> None:
    """Blank one kind of noise in some of the parts."""
    if not len(some):
        return
    sizes = offsets[some + 1] - offsets[some]
    at = ranges(offsets[some], sizes)
    before, own = data[at], np.append(0, np.cumsum(sizes))
    held = before.copy()
    unsettled = np.ones(len(some), bool)
    if len(some) >= _FEW:
        unsettled = blank_one(of_buffers(own, before), held, own)
    _again(held, before, own, unsettled, again)
    data[at] = held


def _again(
    data: Array, before: Array, offsets: Array, which: Array, blank_one: Callable[[str], str]
) -> None:
    """Blank noise by Python in some of the parts."""
    for row in np.flatnonzero(which).tolist():
        part = slice(offsets[row], offsets[row + 1])
        text = before[part].tobytes().decode()
        data[part] = np.frombuffer(_in_place(text, blank_one(text)), np.uint8)


def _in_place(text: str, blanked: str) -> bytes:
    """A text of which characters were blanked, each with as many bytes as it had."""
    held = blanked.encode()
    if len(held) == len(text.encode()):
        return held
    pairs = zip(text, blanked, strict=True)
    return "".join(b if a == b else b * len(a.encode()) for a, b in pairs).encode()


def _holds(at: Array, offsets: Array) -> Array:
    """Whether each text holds one of the places, ascending."""
    return np.diff(np.searchsorted(at, offsets)) > 0
