"""Keeps the words that a stream may show of a call script, apart from who reported them.

A narrative does not stay, so the words of a fingerprint are there when a record that has it comes,
and later only if enough people have it by then. Until they do, what is kept of them is who they
are: the last of them to come brings the words along.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from transforms import call_scripts
from transforms.arrow_util import group_changes, group_starts, mix_hashes
from transforms.call_scripts import place_or_minus_one
from transforms.extract.fingerprints import PHRASE, flatten_fingerprints, phrases
from transforms.shuffle import table_of

PHRASE_COUNT = pa.schema(
    [
        ("value", pa.int64()),
        ("victim", pa.int64()),
        ("teller", pa.int64()),
        ("received_at", TIMESTAMP),
        ("words", pa.string()),
    ]
)
"""One person who has a fingerprint, and its words where they are at hand."""

_Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""value, victim, teller, and microseconds since the epoch."""


def phrase_counts(texts: pa.RecordBatch) -> pa.RecordBatch:
    """Converts FINGERPRINT_ROW_WITH_WORDS rows to PHRASE_COUNT rows with all their words."""
    flat = flatten_fingerprints(texts)
    known = phrases(texts, np.arange(len(flat.value)))
    at = place_or_minus_one(known["value"].to_numpy(), flat.value)
    columns = [
        pa.array(flat.value),
        *(texts[name].take(pa.array(flat.row)) for name in ("victim", "teller", "received_at")),
        known["words"].take(pa.array(at)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PHRASE_COUNT)


def prune_phrase_counts(rows: pa.RecordBatch, oldest: int) -> pa.RecordBatch:
    """Drops PHRASE_COUNT rows before `oldest` (microseconds), and words of too few people.

    Words stay where `MIN_TELLERS` victims and as many tellers have them, since one person's
    versions of a record without a pseudonym are several tellers. Of more rows than are needed to
    establish that, the newest are kept, so that the result depends on the set of all rows alone.
    """
    rows = rows.filter(pa.array(_times(rows) >= oldest))
    if not rows.num_rows:
        return rows
    people = [rows[name].to_numpy() for name in ("value", "victim", "teller")]
    columns = _once((people[0], people[1], people[2], _times(rows)))
    value = columns[0]
    sizes = np.diff(np.append(group_starts(value), len(value)))
    many = np.repeat(sizes > 1, sizes)
    few, wide = _newest_people(columns, np.flatnonzero(many))
    kept = np.sort(np.concatenate([np.flatnonzero(~many), few]))
    known = shown_phrases([rows])
    texts = known.filter(pa.array(place_or_minus_one(wide, known["value"].to_numpy()) >= 0))
    left = [one[kept] for one in columns]
    # The words are in one row of a fingerprint.
    at = np.where(
        group_changes(left[0]), place_or_minus_one(texts["value"].to_numpy(), left[0]), -1
    )
    words = texts["words"].take(pa.array(at, mask=at < 0))
    arrays = [pa.array(one) for one in left]
    arrays[3] = arrays[3].cast(TIMESTAMP)
    return pa.RecordBatch.from_arrays([*arrays, words], schema=PHRASE_COUNT)


def drop_words_not_in(rows: pa.RecordBatch, known: pa.RecordBatch) -> pa.RecordBatch:
    """Drops words of PHRASE_COUNT rows that those of `known` do not have."""
    kept = (
        place_or_minus_one(shown_phrases([known])["value"].to_numpy(), rows["value"].to_numpy())
        >= 0
    )
    # Taken anew: of what is masked otherwise, the letters stay in the column's buffer.
    words = rows["words"].take(pa.array(np.arange(len(kept)), mask=~kept))
    return rows.set_column(rows.num_columns - 1, PHRASE_COUNT.field("words"), words)


def without_phrases(rows: pa.RecordBatch, gone: np.ndarray) -> pa.RecordBatch:
    """Drops PHRASE_COUNT rows of a mask; the words of one stay with the next who has them."""
    left = rows.filter(pa.array(~gone)).sort_by("value")
    known, value = shown_phrases([rows]), left["value"].to_numpy()
    at = np.where(group_changes(value), place_or_minus_one(known["value"].to_numpy(), value), -1)
    words = known["words"].take(pa.array(at, mask=at < 0))
    return left.set_column(left.num_columns - 1, PHRASE_COUNT.field("words"), words)


def shown_phrases(rows: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Converts PHRASE_COUNT rows that have words to PHRASE rows, each fingerprint once."""
    table = table_of(rows, PHRASE_COUNT).select(PHRASE.names)
    there = table.filter(pc.is_valid(table["words"])).combine_chunks()
    value, first = np.unique(there["value"].to_numpy(), return_index=True)
    words = there["words"].take(pa.array(first)).combine_chunks()
    return pa.RecordBatch.from_arrays([pa.array(value), words], schema=PHRASE)


def collect_phrases(_: object, rows: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Converts all PHRASE_COUNT rows of a window, whose one element comes first, to PHRASE rows."""
    return shown_phrases(rows)


def _times(rows: pa.RecordBatch) -> np.ndarray:
    times: np.ndarray = rows["received_at"].cast(pa.int64()).to_numpy()
    return times


def _once(columns: _Columns) -> _Columns:
    """Reduces to each (value, victim, teller) once, with the last time, sorted by value."""
    order = np.lexsort((mix_hashes(columns[1], columns[2]), columns[0]))
    value, victim, teller, at = (one[order] for one in columns)
    begin = group_starts(value, victim, teller)
    return value[begin], victim[begin], teller[begin], np.maximum.reduceat(at, begin)


def _newest_people(columns: _Columns, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows of the newest victims and tellers of each value, and the values to be shown.

    Of the rows `among` all, `MIN_TELLERS` of each: they decide whether as many people are alive at
    any later time.
    """
    value, victim, teller, at = (one[among] for one in columns)
    rows = (_newest(value, victim, teller, at), _newest(value, teller, victim, at))
    shown = [np.unique(value[one], return_counts=True) for one in rows]
    enough = [values[counts >= call_scripts.MIN_TELLERS] for values, counts in shown]
    return among[np.union1d(*rows)], np.intersect1d(enough[0], enough[1])


def _newest(value: np.ndarray, who: np.ndarray, other: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Returns the row of the last time of each of the `MIN_TELLERS` of `who` that came last."""
    order = np.lexsort((other, -at, who, value))
    once = order[group_starts(value[order], who[order])]
    once = once[np.lexsort((who[once], -at[once], value[once]))]
    rank = np.arange(len(once)) - np.searchsorted(value[once], value[once])
    newest: np.ndarray = once[rank < call_scripts.MIN_TELLERS]
    return newest
