"""The passes over the texts: what each yields, and all of them on one table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from transforms.scripts.families import (
    ALIKE,
    COUNTED,
    HEARD,
    counted,
    families,
    heard_in,
    in_a_row,
    passages,
)
from transforms.scripts.marked import marks

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(row of a MARKED batch, a, b)."""

Pass = Callable[[pa.RecordBatch, list[pa.RecordBatch]], Pairs]


def each(rows: pa.RecordBatch, _: list[pa.RecordBatch]) -> Pairs:
    """The fingerprints of each text."""
    found = marks(rows)
    return found.row, found.value, found.value


def followers(rows: pa.RecordBatch, shared: list[pa.RecordBatch]) -> Pairs:
    """Those in a row, given the COUNTED batches of `each`."""
    return in_a_row(marks(rows), np.sort(table(shared)["a"].to_numpy()))


def together(rows: pa.RecordBatch, passage: list[pa.RecordBatch]) -> Pairs:
    """The passages heard by one, given the one PASSAGE batch."""
    return heard_in(marks(rows), passage[0])


def table(batches: list[pa.RecordBatch]) -> pa.Table:
    """COUNTED batches as one table."""
    return pa.Table.from_batches(batches, COUNTED).combine_chunks()


def heard(rows: pa.RecordBatch, pairs: Pairs) -> pa.RecordBatch:
    """What a pass found in MARKED rows, as HEARD rows."""
    row, a, b = pairs
    who = [rows[name].to_numpy()[row] for name in ("victim", "teller")]
    at = rows["observed_at"].cast(pa.int64()).to_numpy()[row]
    return pa.RecordBatch.from_arrays([pa.array(one) for one in (a, b, *who, at)], schema=HEARD)


def families_of(rows: pa.RecordBatch, share: float = ALIKE) -> pa.RecordBatch:
    """All passes on MARKED rows in one place: the FAMILY rows that `Scripts` finds."""

    def count(one: Pass, known: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        return [counted(pa.Table.from_batches([heard(rows, one(rows, known))]))]

    shared = count(each, [])
    passage = passages(table(shared), table(count(followers, shared)), share)
    return families(table(shared), passage, table(count(together, [passage])), share)
