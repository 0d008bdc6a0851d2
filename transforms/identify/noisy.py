"""Which stretches of text may hold `noise` of a kind, by the bytes beside their groups of digits.

It is a cheap test that lets too much pass and nothing slip: what it leaves out, no pattern of that
kind matches.
"""

from __future__ import annotations

import numpy as np

from transforms.identify import noise
from transforms.identify.places import Array
from transforms.identify.runs import Runs


def _of(characters: str) -> Array:
    table = np.zeros(256, bool)
    table[[ord(c) for c in characters]] = True
    return table


_DIGIT, _BLANK = _of("0123456789"), _of(" \t\n\f\r")
_LETTER = np.array([b < 0x80 and chr(b).isalpha() for b in range(256)], bool)
_CAPITAL = _LETTER & np.array([chr(b).isupper() for b in range(256)], bool)
_LABEL = np.zeros(1 << 16, bool)
_LABEL[
    [
        int.from_bytes(ending.encode(), "big")
        for word in (*noise.LABELS, *noise.LABELS_REST)
        if (last := word.rstrip(".°")[-2:])
        for ending in (last, last.upper(), last.title(), last.title().swapcase())
    ]
] = True
_JOINT = _of(" \t\n\f\r#:.=-")
_MOST_JOINTS = 5
"""Signs between a word and the id that it labels, the point of "ref." among them."""
_PRICED, _PARTED = _of("$%"), _of(",:./")
_CURRENCY = np.zeros(1 << 16, bool)
_CURRENCY[[int.from_bytes(word[:2].encode(), "big") for word in noise.CURRENCIES]] = True
"""The first two letters of the names of currencies."""
_CARD, _CARD_GROUP, _ORDER_GROUP, _DAY = 16, 4, 7, 2
"""Digits of a card's number and of its groups; of an order's group; of a day or month."""


def may_be_mixed(data: Array, groups: Runs) -> Array:
    """Which groups touch a letter, as those of `noise.MIXED` do."""
    return _LETTER[_at(data, groups.starts - 1)] | _LETTER[_at(data, groups.ends)]


def may_be_bare(data: Array, groups: Runs) -> Array:
    """Which groups have beside them what one of `noise.BARE_LOOSELY` asks for."""
    size = groups.ends - groups.starts
    before, before_that = (_at(data, groups.starts - place) for place in (1, 2))
    behind, after, later = (_at(data, groups.ends + place) for place in range(3))
    blank = _BLANK[behind]
    found = (before == ord("$")) | (_BLANK[before] & (before_that == ord("$")))
    found |= _PRICED[behind] | (blank & _PRICED[after])
    found |= _CURRENCY[_pair(behind, after)] | (blank & _CURRENCY[_pair(after, later)])
    found |= _PARTED[behind] & _DIGIT[after]
    found |= _CAPITAL[before] & _CAPITAL[before_that] & (size >= len("29"))
    dashed = (before == ord("-")) & (behind == ord("-"))
    found |= dashed & ((size <= _DAY) | (size == _ORDER_GROUP))
    return found | (size >= _CARD) | _may_be_card(behind, groups, size)


def may_be_labelled(data: Array, groups: Runs) -> Array:
    """Which groups have a word before them that ends as one does before a `noise.LABELLED` id."""
    at = groups.starts - 1
    for _ in range(_MOST_JOINTS):
        at = at - _JOINT[_at(data, at)]
    return _LABEL[_pair(_at(data, at - 1), _at(data, at))]


def _may_be_card(behind: Array, groups: Runs, size: Array) -> Array:
    """Which groups are the first of four by four digits, with a blank or dash between."""
    found = np.zeros(len(size), bool)
    if len(size) >= _CARD // _CARD_GROUP:
        close = np.diff(groups.ends) - size[1:] == 1
        close &= (behind[:-1] == ord(" ")) | (behind[:-1] == ord("-"))
        whole = close & (size[1:] == _CARD_GROUP)
        last = close & (size[1:] >= _CARD_GROUP)
        found[:-3] = (size[:-3] >= _CARD_GROUP) & whole[:-2] & whole[1:-1] & last[2:]
    return found


def _at(data: Array, places: Array) -> Array:
    """The bytes at places; 0 where the data ends before."""
    inside = (places >= 0) & (places < len(data))
    return np.where(inside, data[np.where(inside, places, 0)], 0) if len(data) else places


def _pair(first: Array, second: Array) -> Array:
    return first.astype(np.int64) << 8 | second
