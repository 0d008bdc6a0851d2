"""A victim's number where no step read it as a number: in a web address, a brand, a broken row.

A number that one record states as the victim's own must stand in no output. Where another record
names it as a number, its sighting says so; anywhere else its digits are looked for, in every form
in which that country writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import candidates
from transforms.identify.dialled import forms
from transforms.shuffle import hash_text

_PHONE = "phone:"
FEW = 1 << 16
"""Hashes that wait before they are sorted in, at least."""


def written_forms(victims: pa.RecordBatch) -> np.ndarray:
    """Hashes of the digits that each phone number of a batch is written with, sorted.

    The numbers are those in its column `entity_id`. The number itself, with its plus, is among
    the forms: digits that merely look like another country's number are not it.
    """
    ids = pc.unique(victims["entity_id"])
    numbers = ids.filter(pc.starts_with(ids, _PHONE))
    return _once(hash_text(forms(pc.utf8_slice_codeunits(numbers, len(_PHONE), None))))


def _once(hashes: np.ndarray) -> np.ndarray:
    """Each hash once, sorted; np.unique finds them by a table of its own, 20 times slower."""
    ordered = np.sort(hashes)
    return ordered[np.append(ordered[:-1] != ordered[1:], np.ones(len(ordered[-1:]), bool))]


def are_held(ids: pa.Array, own: np.ndarray) -> np.ndarray:
    """Which E.164 numbers are a victim's, by `written_forms`."""
    return _among(hash_text(ids), own)


def _among(hashes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Which hashes are among sorted ones."""
    if not len(own):
        return np.zeros(len(hashes), bool)
    return own[np.minimum(np.searchsorted(own, hashes), len(own) - 1)] == hashes


def strays(texts: pa.Array, own: np.ndarray) -> list[tuple[str, ...]]:
    """The digits in each text that are a form of a victim's number; `own` as `written_forms`."""
    found: list[tuple[str, ...]] = [()] * len(texts)
    for row, digits in in_some(texts, own).items():
        found[row] = digits
    return found


def in_some(texts: pa.Array, own: np.ndarray) -> dict[int, tuple[str, ...]]:
    """The same for the rows that have any."""
    if not len(own):
        return {}
    rows, digits = candidates.in_texts(texts)
    held = np.flatnonzero(_among(hash_text(digits), own))
    hits: dict[int, set[str]] = {}
    for row, one in zip(rows[held].tolist(), digits.take(pa.array(held)).to_pylist(), strict=True):
        hits.setdefault(row, set()).add(one)
    return {row: tuple(sorted(those)) for row, those in hits.items()}


_Waiting = tuple[np.ndarray, list[np.ndarray], int]
"""Hashes sorted, those that came since, and how many these are."""


class _Union(beam.CombineFn):
    """Arrays of hashes to one; folded when as many wait as are held, or it would be quadratic."""

    def __init__(self, few: int = FEW) -> None:
        self._few = few

    def create_accumulator(self) -> _Waiting:
        return np.empty(0, np.int64), [], 0

    def add_input(self, held: _Waiting, more: np.ndarray) -> _Waiting:
        known, waiting, count = held
        waiting.append(more)
        count += len(more)
        if count > max(len(known), self._few):
            return _once(np.concatenate([known, *waiting])), [], 0
        return known, waiting, count

    def merge_accumulators(self, parts: Iterable[_Waiting]) -> _Waiting:
        arrays = [one for known, waiting, _ in parts for one in (known, *waiting)]
        return _once(np.concatenate(arrays)), [], 0

    def extract_output(self, held: _Waiting) -> np.ndarray:
        known, waiting, count = held
        return _once(np.concatenate([known, *waiting])) if count else known


@dataclass(eq=False)
class VictimNumbers(beam.PTransform):
    """Batches with an `entity_id` to the sorted `written_forms` of them all, 8 bytes a form.

    `start` has one element a window: where nobody's number is known there is an array too.
    """

    start: beam.PCollection

    def expand(self, withheld: beam.PCollection) -> beam.PCollection:
        """Forms of each batch, then their union."""
        nobody = self.start | "Nobody's" >> beam.Map(_nobody)
        forms = withheld | "Forms" >> beam.Map(written_forms)
        together = (forms, nobody) | beam.Flatten()
        return together | beam.CombineGlobally(_Union()).without_defaults()


def _nobody(_: object) -> np.ndarray:
    return np.empty(0, np.int64)
