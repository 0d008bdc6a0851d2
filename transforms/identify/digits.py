"""The digits of a column of numbers as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from transforms.identify.places import Array, buffers, ranges

__all__ = ["ENDED", "Array", "Digits", "digits_of"]

ENDED = 10
"""Stands behind the last digit of a number."""


class Digits(NamedTuple):
    """A number a column, its digits downwards, and then `ENDED`; and how many digits it has."""

    held: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def only(self, which: Array) -> Digits:
        """The numbers that a mask or an index picks."""
        return Digits(self.held[:, which], self.lengths[which])

    def behind(self, count: Array | int) -> Digits:
        """The numbers without so many of their first digits."""
        lengths = np.maximum(self.lengths - count, 0)
        if isinstance(count, int):
            return Digits(self.held[count:], lengths)
        held = self.held
        for one in np.unique(count[count > 0]).tolist():
            at = np.flatnonzero(count == one)
            held = held.copy() if held is self.held else held
            held[:-one, at] = self.held[one:, at]
            held[-one:, at] = ENDED
        return Digits(held, lengths)

    def begin_with(self, digits: str) -> Array:
        """Which numbers begin with the given digits."""
        if len(digits) > len(self.held):
            return np.zeros(len(self), bool)
        same = np.ones(len(self), bool)
        for held, digit in zip(self.held, digits, strict=False):
            same &= held == int(digit)
        return same

    def begin(self, count: int) -> Array:
        """The first digits of each number as a number; 0 where it has fewer."""
        found = np.zeros(len(self), np.int64)
        for held in self.held[:count]:
            found = found * 10 + held
        return np.where(self.lengths >= count, found, 0)

    def texts(self, before: str = "") -> pa.Array:
        """The numbers in writing, each with something before it."""
        width = len(before) + len(self.held)
        signs = np.empty((len(self), width), np.uint8)
        signs[:, : len(before)] = np.frombuffer(before.encode(), np.uint8)
        signs[:, len(before) :] = self.held.T + ord("0")
        ends = np.concatenate([[0], np.cumsum(self.lengths + len(before))]).astype(np.int32)
        inside = np.arange(width) < (self.lengths + len(before))[:, None]
        data = pa.py_buffer(signs[inside])
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(ends), data)


def digits_of(texts: pa.Array) -> Digits:
    """The ASCII digits of strings without nulls, whatever else is in them."""
    offsets, data = buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < ENDED)
    lengths = np.diff(np.searchsorted(at, offsets))
    width = int(lengths.max(initial=1))
    held = np.full((len(texts), width), ENDED, np.uint8)
    places = ranges(np.arange(len(texts)) * width, lengths)
    held.reshape(-1)[places] = value[at]
    return Digits(np.ascontiguousarray(held.T), lengths)


def together(parts: Sequence[Digits]) -> Digits:
    """The numbers of all the parts."""
    width = max(len(part.held) for part in parts)
    lengths = np.concatenate([part.lengths for part in parts])
    held = np.full((width, len(lengths)), ENDED, np.uint8)
    done = 0
    for part in parts:
        held[: len(part.held), done : done + len(part)] = part.held
        done += len(part)
    return Digits(held, lengths)
