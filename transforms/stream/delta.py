"""Blocks: records that arrived together, and what they show.

A stream does not keep the records, only who they are and what they show: of a narrative its
fingerprints stay, and words only as `said` has it.

The words that a stream may show of a script, kept apart from who said them.

A narrative does not stay, so the words of a fingerprint are there when a record that has it comes,
and later only if enough people have it by then. Until they do, what is kept of them is who they
are: the last of them to come brings the words along.

Victims' numbers that any row of a stream has stated, remembered as long as its records.

A number that one row states as a victim's is withheld in all of them, also where that row was
refused or replaced and shows nothing else; so it is kept apart from the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_KEY
from schemas.complaint import COMPLAINT_KEY
from schemas.enums import RecordKind
from schemas.field import TIMESTAMP
from schemas.mention import EVIDENCE
from transforms.arrow_util import hash_columns, mix_hashes
from transforms.call_scripts import matches
from transforms.call_scripts.families import place_in
from transforms.call_scripts.fingerprints import MARKED, READ, WORDED, marked, marks, worded
from transforms.decisions import InForce
from transforms.deduplicate import CALLS_BY, COMPLAINTS_BY, content_hashes, winners
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.redact.rejects import stated_in_rejects
from transforms.shuffle import table_of
from transforms.victims.stated_numbers import STATED, stated_by_row

RECORD = pa.schema(
    [
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("record_id", pa.string()),
        ("received_at", TIMESTAMP),
        ("duration_seconds", pa.float64()),
        ("content", pa.string()),
        ("source", pa.string()),
        ("position", pa.int64()),
    ]
)
"""A record that was accepted: its id, and all that tells which of two with one id wins."""


KEY = ("record_kind", "source_org", "record_id")


SHOWN = pa.schema([("row", pa.int32()), *EVIDENCE])
"""EVIDENCE with the row of the block's records that it was read from."""


PRINTED = pa.schema([("row", pa.int32()), *MARKED])
"""MARKED with the row of the block's records whose narrative it is of."""


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


STATED_AT = pa.schema([*STATED, pa.field("stated_at", TIMESTAMP, nullable=False)])
"""A victim's number, and when a row last stated it."""


SCHEMAS = (RECORD, SHOWN, STATED_AT, PRINTED, SAID)
"""Those of a block."""


class Block(NamedTuple):
    """RECORD rows, each id once, and what they show: evidence and fingerprints.

    What is stated and what was said stand for themselves: the row that stated it may be refused,
    or replaced, and who said it may be anybody.
    """

    records: pa.RecordBatch
    shown: pa.RecordBatch
    stated: pa.RecordBatch
    printed: pa.RecordBatch
    said: pa.RecordBatch


PIECE = 8_192
"""Records of a block as it is stored and as it travels."""


SAID_A_RECORD = 16
"""Times as many rows of what was said are in a piece."""


SAID_PARTITION = 0
"""Where all that was said is brought together.

By fingerprint it would be in all partitions, and every record that comes would be cut into as many
pieces. One worker holds it at a tick in any case.
"""


def block_of(accepted: pa.RecordBatch, kind: RecordKind) -> Block:
    """COMPLAINT_ACCEPTED or CALL_ACCEPTED rows to a block; of rows with one id the winner's."""
    key, order = (CALL_KEY, CALLS_BY) if kind is RecordKind.CALL else (COMPLAINT_KEY, COMPLAINTS_BY)
    table = pa.Table.from_batches([accepted])
    kept = accepted.take(pa.array(winners(table, key, order)))
    when = kept["started_at" if kind is RecordKind.CALL else "received_at"]
    nothing = pa.nulls(kept.num_rows, pa.float64())
    columns = {
        "record_kind": pa.repeat(str(kind), kept.num_rows),
        "source_org": kept["source_org"],
        "record_id": kept[key[1]],
        "received_at": when,
        "duration_seconds": kept["duration_seconds"] if kind is RecordKind.CALL else nothing,
        "content": content_hashes(pa.Table.from_batches([kept]), np.arange(kept.num_rows)),
        "source": kept["source"],
        "position": kept["position"],
    }
    records = pa.RecordBatch.from_pydict(columns, schema=RECORD)
    evidence = call_evidence(kept) if kind is RecordKind.CALL else complaint_evidence(kept)
    row = pc.index_in(_names(evidence), _names(records))
    shown = pa.RecordBatch.from_arrays([row, *evidence.columns], schema=SHOWN)
    read = _empty(READ) if kind is RecordKind.CALL else marked(kept)
    row = pc.index_in(_names(read, "complaint_id"), _names(records))
    printed = pa.RecordBatch.from_arrays([row, *read.select(MARKED.names).columns], schema=PRINTED)
    # An older version may have come before this block as well: what was said does not depend on it.
    whole = kind is RecordKind.CALL or kept.num_rows == accepted.num_rows
    told = said(read if whole else marked(accepted))
    return Block(records, shown, stated_at(accepted, kind), printed, told)


def refused_block(rejects: pa.RecordBatch, now: datetime) -> Block:
    """REJECT rows, not masked yet, to a block: they are no records, but may state a number."""
    return nothing()._replace(stated=stated_in_refused(rejects, now))


def _names(rows: pa.RecordBatch, record_id: str = "record_id") -> pa.Array:
    return pc.binary_join_element_wise(rows["source_org"], rows[record_id], "|")


def nothing() -> Block:
    """A block that holds nothing."""
    return Block(*(_empty(schema) for schema in SCHEMAS))


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)


def partitions_of(block: Block, partitions: int) -> Iterator[tuple[int, Block]]:
    """Cut a block by hash of the record's id, or of the stated number, into (partition, block).

    What was said is in `SAID_PARTITION`.
    """
    owner = (hash_columns(block.records, KEY) >> 40) % partitions
    of_stated = (hash_columns(block.stated, ("entity_id",)) >> 40) % partitions
    of_said = np.full(block.said.num_rows, SAID_PARTITION)
    for partition in np.unique(np.concatenate([owner, of_stated, of_said])).tolist():
        yield (
            partition,
            _taken(
                block, *(np.flatnonzero(one == partition) for one in (owner, of_stated, of_said))
            ),
        )


def pieces(block: Block) -> Iterator[Block]:
    """A block cut into ones of `PIECE` records at most; nothing for an empty one."""
    counts = (block.records.num_rows, block.stated.num_rows, block.said.num_rows)
    sizes = (PIECE, PIECE, PIECE * SAID_A_RECORD)
    for number in range(max(-(-count // size) for count, size in zip(counts, sizes, strict=True))):
        yield _taken(
            block,
            *(
                np.arange(min(number * size, count), min((number + 1) * size, count))
                for count, size in zip(counts, sizes, strict=True)
            ),
        )


def _taken(block: Block, rows: np.ndarray, stated: np.ndarray, told: np.ndarray) -> Block:
    records = block.records.take(pa.array(rows))
    shown, printed = (
        of_rows(one, rows, block.records.num_rows) for one in (block.shown, block.printed)
    )
    kept = block.stated.take(pa.array(stated)), block.said.take(pa.array(told))
    return Block(records, shown, kept[0], printed, kept[1])


def of_rows(shown: pa.RecordBatch, rows: np.ndarray, count: int) -> pa.RecordBatch:
    """Of SHOWN or PRINTED rows of `count` records those of some, by ascending number."""
    place = np.full(count, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    now = place[shown["row"].to_numpy()]
    kept = shown.filter(pa.array(now >= 0))
    return kept.set_column(0, shown.schema.field("row"), pa.array(now[now >= 0]))


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks one after the other; an id may then stand in it several times."""
    if not blocks:
        return nothing()
    sizes = [one.records.num_rows for one in blocks]
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return Block(
        _one([one.records for one in blocks], RECORD),
        _one([_moved(one.shown, start) for start, one in zip(starts, blocks, strict=True)], SHOWN),
        _one([one.stated for one in blocks], STATED_AT),
        _one(
            [_moved(one.printed, start) for start, one in zip(starts, blocks, strict=True)],
            PRINTED,
        ),
        _one([one.said for one in blocks], SAID),
    )


def _moved(shown: pa.RecordBatch, start: int) -> pa.RecordBatch:
    row = pc.add(shown["row"], pa.scalar(start, pa.int32()))
    return shown.set_column(0, shown.schema.field("row"), row)


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches, schema).combine_chunks()
    arrays = [
        column.chunk(0) if column.num_chunks else pa.array([], column.type)
        for column in table.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


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
    order = np.lexsort((mix_hashes(columns[1], columns[2]), columns[0]))
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
    enough = [values[counts >= matches.SHOWN] for values, counts in shown]
    return among[np.union1d(*rows)], np.intersect1d(enough[0], enough[1])


def _newest(value: np.ndarray, who: np.ndarray, other: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The row numbers of the last time of each of the `SHOWN` of `who` that came last."""
    order = np.lexsort((other, -at, who, value))
    place, one = value[order], who[order]
    changes = (place[1:] != place[:-1]) | (one[1:] != one[:-1])
    once = order[np.append(True, changes)[: len(order)]]
    once = once[np.lexsort((who[once], -at[once], value[once]))]
    rank = np.arange(len(once)) - np.searchsorted(value[once], value[once])
    newest: np.ndarray = once[rank < matches.SHOWN]
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


def stated_at(accepted: pa.RecordBatch, kind: RecordKind) -> pa.RecordBatch:
    """What COMPLAINT_ACCEPTED or CALL_ACCEPTED rows state, by the time of each row."""
    when = accepted["started_at" if kind is RecordKind.CALL else "received_at"]
    pairs = [(row, one) for row, one in stated_by_row(accepted, kind) if one.startswith("+")]
    ids = pa.array([f"phone:{number}" for _, number in pairs], pa.string())
    times = when.take(pa.array([row for row, _ in pairs], pa.int64()))
    return latest([pa.RecordBatch.from_arrays([ids, times.cast(TIMESTAMP)], schema=STATED_AT)])


def stated_in_refused(rejects: pa.RecordBatch, now: datetime) -> pa.RecordBatch:
    """What REJECT rows, not masked yet, state: `now`, since a refused row may tell no time."""
    ids = stated_in_rejects(rejects)["entity_id"]
    times = pa.repeat(pa.scalar(now, TIMESTAMP), len(ids))
    return pa.RecordBatch.from_arrays([ids, times], schema=STATED_AT)


def latest(stated: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """STATED_AT rows, each number once, by the last time that it was stated."""
    once = table_of(stated, STATED_AT).group_by(["entity_id"], use_threads=False)
    rows = once.aggregate([("stated_at", "max")]).sort_by("entity_id").combine_chunks()
    columns = [rows[name].combine_chunks() for name in ("entity_id", "stated_at_max")]
    return pa.RecordBatch.from_arrays(columns, schema=STATED_AT)


def since(stated: pa.RecordBatch, newest: datetime | None, days: int) -> pa.RecordBatch:
    """STATED_AT rows that are at most `days` older than the newest record, if there is one."""
    if newest is None:
        return stated
    oldest = pa.scalar(newest - timedelta(days=days), TIMESTAMP)
    return stated.filter(pc.greater_equal(stated["stated_at"], oldest))


def still_stated(stated: pa.RecordBatch, decided: InForce, days: int) -> pa.RecordBatch:
    """STATED_AT rows to STATED rows, those that have not expired by `decided.when`."""
    return since(stated, decided.when, days).select(STATED.names)
