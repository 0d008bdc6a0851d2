"""The words that a stream may show of a script, kept apart from who said them.

A narrative does not stay, so the words of a fingerprint are there when a record that has it comes,
and later only if enough people have it by then. Until they do, what is kept of them is who they
are: the last of them to come brings the words along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from transforms.scripts.families import place_in
from transforms.scripts.marked import marks
from transforms.scripts.told import SHOWN
from transforms.scripts.worded import WORDED, worded
from transforms.shuffle import mixed, table_of

SAID = pa.schema(
    [
        ("value", pa.int64()),
        ("victim", pa.int64()),
        ("teller", pa.int64()),
        ("received_at", TIMESTAMP),
        ("words", pa.string()),
    ]
)
"""One person who has a fingerprint, and its words where they are at hand."""

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""value, victim, teller, and microseconds since the epoch."""


def said(read: pa.RecordBatch) -> pa.RecordBatch:
    """READ rows to SAID rows with all their words."""
    found = marks(read)
    known = worded(read, np.arange(len(found.value)))
    at = place_in(known["value"].to_numpy(), found.value)
    columns = [
        pa.array(found.value),
        *(read[name].take(pa.array(found.row)) for name in ("victim", "teller", "received_at")),
        known["words"].take(pa.array(at)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SAID)


def settled(rows: pa.RecordBatch, oldest: int) -> pa.RecordBatch:
    """SAID rows since `oldest`, in microseconds: words only of what `SHOWN` people have.

    That is what as many victims and as many tellers have, since one person's versions of a record
    without a pseudonym are several tellers. Of more than are needed to tell that, the newest rows
    are kept, so that the result depends on the set of all rows alone.
    """
    rows = rows.filter(pa.array(_times(rows) >= oldest))
    if not rows.num_rows:
        return rows
    people = [rows[name].to_numpy() for name in ("value", "victim", "teller")]
    columns = _once((people[0], people[1], people[2], _times(rows)))
    value = columns[0]
    begin = np.flatnonzero(np.append(True, value[1:] != value[:-1]))
    sizes = np.diff(np.append(begin, len(value)))
    many = np.repeat(sizes > 1, sizes)
    few, wide = _few(columns, np.flatnonzero(many))
    kept = np.sort(np.concatenate([np.flatnonzero(~many), few]))
    known = with_words([rows])
    texts = known.filter(pa.array(place_in(wide, known["value"].to_numpy()) >= 0))
    left = [one[kept] for one in columns]
    # The words stand in one row of a fingerprint.
    first = np.append(True, left[0][1:] != left[0][:-1])
    at = np.where(first, place_in(texts["value"].to_numpy(), left[0]), -1)
    words = texts["words"].take(pa.array(at, mask=at < 0))
    arrays = [pa.array(one) for one in left]
    arrays[3] = arrays[3].cast(TIMESTAMP)
    return pa.RecordBatch.from_arrays([*arrays, words], schema=SAID)


def without_others(rows: pa.RecordBatch, known: pa.RecordBatch) -> pa.RecordBatch:
    """SAID rows, with words only of those that the SAID rows of `known` have."""
    kept = place_in(with_words([known])["value"].to_numpy(), rows["value"].to_numpy()) >= 0
    # Taken anew: of what is masked otherwise, the letters stay in the column's buffer.
    words = rows["words"].take(pa.array(np.arange(len(kept)), mask=~kept))
    return rows.set_column(rows.num_columns - 1, SAID.field("words"), words)


def with_words(rows: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """SAID rows to WORDED rows: what has words, each once."""
    table = table_of(rows, SAID).select(WORDED.names)
    there = table.filter(pc.is_valid(table["words"])).combine_chunks()
    value, first = np.unique(there["value"].to_numpy(), return_index=True)
    words = there["words"].take(pa.array(first)).combine_chunks()
    return pa.RecordBatch.from_arrays([pa.array(value), words], schema=WORDED)


def _times(rows: pa.RecordBatch) -> np.ndarray:
    times: np.ndarray = rows["received_at"].cast(pa.int64()).to_numpy()
    return times


def _once(columns: Columns) -> Columns:
    """Each (value, victim, teller) once, by the last time, sorted by value."""
    order = np.lexsort((mixed(columns[1], columns[2]), columns[0]))
    value, victim, teller, at = (one[order] for one in columns)
    other = (value[1:] != value[:-1]) | (victim[1:] != victim[:-1]) | (teller[1:] != teller[:-1])
    begin = np.flatnonzero(np.append(True, other))
    return value[begin], victim[begin], teller[begin], np.maximum.reduceat(at, begin)


def _few(columns: Columns, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the newest victims and of the newest tellers of each value; the values to be shown.

    Of the rows `among` all, `SHOWN` of each: from these it can be told whether as many people are
    alive at any later time.
    """
    value, victim, teller, at = (one[among] for one in columns)
    rows = (_newest(value, victim, teller, at), _newest(value, teller, victim, at))
    shown = [np.unique(value[one], return_counts=True) for one in rows]
    enough = [values[counts >= SHOWN] for values, counts in shown]
    return among[np.union1d(*rows)], np.intersect1d(enough[0], enough[1])


def _newest(value: np.ndarray, who: np.ndarray, other: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The row numbers of the last time of each of the `SHOWN` of `who` that came last."""
    order = np.lexsort((other, -at, who, value))
    place, one = value[order], who[order]
    changes = (place[1:] != place[:-1]) | (one[1:] != one[:-1])
    once = order[np.append(True, changes)[: len(order)]]
    once = once[np.lexsort((who[once], -at[once], value[once]))]
    rank = np.arange(len(once)) - np.searchsorted(value[once], value[once])
    newest: np.ndarray = once[rank < SHOWN]
    return newest


def _words(_: object, rows: list[pa.RecordBatch]) -> pa.RecordBatch:
    return with_words(rows)


@dataclass(eq=False)
class Words(beam.PTransform):
    """SAID batches to one WORDED batch a window; `start` has one element a window."""

    start: beam.PCollection

    def expand(self, rows: beam.PCollection) -> Any:
        """All in one place; see `with_words`."""
        return self.start | beam.Map(_words, beam.pvalue.AsList(rows))
