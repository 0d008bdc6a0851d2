"""The digits of a column of numbers as one matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from transforms.identify.places import Array, buffers, ranges

__all__ = ["ENDED", "Array", "Digits", "digits_of"]

ENDED = 10
"""Stands behind the last digit of a number."""


class Digits(NamedTuple):
    """A number a row, its digits from the left, and then `ENDED`; and how many digits it has."""

    held: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def only(self, which: Array) -> Digits:
        """The numbers that a mask or an index picks."""
        return Digits(self.held[which], self.lengths[which])

    def behind(self, count: Array | int) -> Digits:
        """The numbers without so many of their first digits."""
        count = np.broadcast_to(count, len(self))
        width = self.held.shape[1]
        at = np.arange(width) + count[:, None]
        rows = np.arange(len(self))[:, None]
        held = np.where(at < width, self.held[rows, np.minimum(at, width - 1)], ENDED)
        return Digits(held, np.maximum(self.lengths - count, 0))

    def begin_with(self, digits: str) -> Array:
        """Which numbers begin with the given digits."""
        if len(digits) > self.held.shape[1]:
            return np.zeros(len(self), bool)
        wanted = [int(digit) for digit in digits]
        return (self.held[:, : len(digits)] == wanted).all(axis=1)

    def texts(self, before: str = "") -> pa.Array:
        """The numbers in writing, each with something before it."""
        width = len(before) + self.held.shape[1]
        signs = np.empty((len(self), width), np.uint8)
        signs[:, : len(before)] = np.frombuffer(before.encode(), np.uint8)
        signs[:, len(before) :] = self.held + ord("0")
        ends = np.concatenate([[0], np.cumsum(self.lengths + len(before))]).astype(np.int32)
        inside = np.arange(width) < (self.lengths + len(before))[:, None]
        data = pa.py_buffer(signs[inside])
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(ends), data)


def digits_of(texts: pa.Array) -> Digits:
    """The ASCII digits of strings without nulls, whatever else is in them."""
    offsets, data = buffers(texts)
    value = data - ord("0")
    is_digit = value < ENDED
    ends = np.concatenate([[0], np.cumsum(is_digit)])[offsets]
    lengths = np.diff(ends)
    width = int(lengths.max(initial=1))
    held = np.full((len(texts), width), ENDED, np.intp)
    places = ranges(np.arange(len(texts)) * width, lengths)
    held.reshape(-1)[places] = value[is_digit]
    return Digits(held, lengths)
