"""Blocks: records that arrived together and what they show, and how blocks become one.

A stream does not keep the records, only who they are and what they show: no narrative stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_KEY
from schemas.complaint import COMPLAINT_KEY
from schemas.field import TIMESTAMP
from schemas.kinds import RecordKind
from schemas.mention import EVIDENCE
from transforms.deduplicate import CALLS_BY, COMPLAINTS_BY, content_hashes, winners
from transforms.identify.evidence import call_evidence, complaint_evidence
from transforms.live.expiry import MICROSECONDS_A_DAY, longest
from transforms.live.stated import STATED_AT, latest, since, stated_at, stated_in_refused
from transforms.shuffle import hash_columns

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


class Block(NamedTuple):
    """RECORD rows, each id once, the SHOWN rows of their evidence, and STATED_AT rows.

    What is stated stands for itself: the row that stated it may be refused, or replaced.
    """

    records: pa.RecordBatch
    shown: pa.RecordBatch
    stated: pa.RecordBatch


PIECE = 8_192
"""Records of a block as it is stored and as it travels."""

_WINS = [("received_at", "descending"), ("duration_seconds", "descending")]


class Settled(NamedTuple):
    """Blocks as one, and how many records were left out: older versions, and expired ones."""

    block: Block
    duplicates: int
    expired: int


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
    return Block(records, shown, stated_at(accepted, kind))


def refused_block(rejects: pa.RecordBatch, now: datetime) -> Block:
    """REJECT rows, not masked yet, to a block: they are no records, but may state a number."""
    return nothing()._replace(stated=stated_in_refused(rejects, now))


def _names(rows: pa.RecordBatch) -> pa.Array:
    return pc.binary_join_element_wise(rows["source_org"], rows["record_id"], "|")


def nothing() -> Block:
    """A block that holds nothing."""
    return Block(*(_empty(schema) for schema in (RECORD, SHOWN, STATED_AT)))


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)


def partitions_of(block: Block, partitions: int) -> Iterator[tuple[int, Block]]:
    """Cut a block by hash of the record's id, or of the stated number, into (partition, block)."""
    owner = (hash_columns(block.records, KEY) >> 40) % partitions
    of_stated = (hash_columns(block.stated, ("entity_id",)) >> 40) % partitions
    for partition in np.union1d(owner, of_stated).tolist():
        rows, stated = np.flatnonzero(owner == partition), np.flatnonzero(of_stated == partition)
        yield partition, _taken(block, rows, stated)


def pieces(block: Block) -> Iterator[Block]:
    """A block cut into ones of at most `PIECE` rows; nothing for an empty one."""
    records, stated = block.records.num_rows, block.stated.num_rows
    for start in range(0, max(records, stated), PIECE):
        end = start + PIECE
        rows = np.arange(min(start, records), min(end, records))
        yield _taken(block, rows, np.arange(min(start, stated), min(end, stated)))


def _taken(block: Block, rows: np.ndarray, stated: np.ndarray) -> Block:
    kept = block.stated.take(pa.array(stated))
    return Block(*taken(block.records, block.shown, rows), kept)


def taken(
    records: pa.RecordBatch, shown: pa.RecordBatch, rows: np.ndarray
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Some records, by ascending row, and their evidence."""
    place = np.full(records.num_rows, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    now = place[shown["row"].to_numpy()]
    kept = shown.filter(pa.array(now >= 0))
    kept = kept.set_column(0, SHOWN.field("row"), pa.array(now[now >= 0]))
    return records.take(pa.array(rows)), kept


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks one after the other; an id may then stand in it several times."""
    if not blocks:
        return nothing()
    sizes = [one.records.num_rows for one in blocks]
    starts = np.cumsum([0, *sizes[:-1]])
    moved = [
        one.shown.set_column(
            0, SHOWN.field("row"), pc.add(one.shown["row"], pa.scalar(start, pa.int32()))
        )
        for start, one in zip(starts.tolist(), blocks, strict=True)
    ]
    return Block(
        _one([one.records for one in blocks], RECORD),
        _one(moved, SHOWN),
        _one([one.stated for one in blocks], STATED_AT),
    )


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches, schema).combine_chunks()
    arrays = [
        column.chunk(0) if column.num_chunks else pa.array([], column.type)
        for column in table.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def settle(blocks: Sequence[Block], days: Mapping[str, int]) -> Settled:
    """Blocks as one: each id once, and nothing that has expired (`expiry`).

    Age is counted back from the newest record of these blocks. The result depends on the set of
    records alone, not on their order or on how they lie in blocks.
    """
    whole = joined(blocks)
    arrived = whole.records.num_rows
    stated = latest([whole.stated])
    if not arrived:
        return Settled(whole._replace(stated=stated), 0, 0)
    first = winners(pa.Table.from_batches([whole.records]), KEY, _WINS)
    unique = taken(whole.records, whole.shown, first)
    newest = pc.max(unique[0]["received_at"]).as_py()
    when = unique[0]["received_at"].cast(pa.int64()).to_numpy()
    alive = np.flatnonzero(when >= when.max() - longest(days) * MICROSECONDS_A_DAY)
    records, shown = taken(*unique, alive)
    return Settled(
        Block(records, _alive(records, shown, days), since(stated, newest, longest(days))),
        duplicates=arrived - len(first),
        expired=len(first) - len(alive),
    )


def _alive(
    records: pa.RecordBatch, shown: pa.RecordBatch, days: Mapping[str, int]
) -> pa.RecordBatch:
    """The evidence that is younger than its kind's life, by the day of its record."""
    if not shown.num_rows:
        return shown
    when = records["received_at"].cast(pa.int64()).to_numpy()
    age = when.max() - when[shown["row"].to_numpy()]
    kinds = shown["kind"].dictionary_encode()
    lives = np.array([days[kind] for kind in kinds.dictionary.to_pylist()], np.int64)
    life = lives[kinds.indices.to_numpy()] * MICROSECONDS_A_DAY
    return shown if (age <= life).all() else shown.filter(pa.array(age <= life))
