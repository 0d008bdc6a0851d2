"""Blocks: records that arrived together and the evidence in them, and how blocks become one.

A stream does not keep the records, only who they are and what they show: no narrative stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

Block = tuple[pa.RecordBatch, pa.RecordBatch]
"""RECORD rows, each id once, and the SHOWN rows of their evidence."""

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
    return records, pa.RecordBatch.from_arrays([row, *evidence.columns], schema=SHOWN)


def _names(rows: pa.RecordBatch) -> pa.Array:
    return pc.binary_join_element_wise(rows["source_org"], rows["record_id"], "|")


def nothing() -> Block:
    """A block without records."""
    return RECORD.empty_table().to_batches()[0], SHOWN.empty_table().to_batches()[0]


def partitions_of(block: Block, partitions: int) -> Iterator[tuple[int, Block]]:
    """Cut a block by hash of the record's id into (partition, block)."""
    owner = (hash_columns(block[0], KEY) >> 40) % partitions
    for partition in np.unique(owner).tolist():
        yield partition, taken(block, np.flatnonzero(owner == partition))


def pieces(block: Block) -> Iterator[Block]:
    """A block cut into ones of at most `PIECE` records; nothing for an empty one."""
    for start in range(0, block[0].num_rows, PIECE):
        yield taken(block, np.arange(start, min(start + PIECE, block[0].num_rows)))


def taken(block: Block, rows: np.ndarray) -> Block:
    """Some of a block's records, by ascending row, and their evidence."""
    records, shown = block
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
    sizes = [records.num_rows for records, _ in blocks]
    starts = np.cumsum([0, *sizes[:-1]])
    moved = [
        shown.set_column(0, SHOWN.field("row"), pc.add(shown["row"], pa.scalar(start, pa.int32())))
        for start, (_, shown) in zip(starts.tolist(), blocks, strict=True)
    ]
    return _one([records for records, _ in blocks], RECORD), _one(moved, SHOWN)


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
    arrived = whole[0].num_rows
    if not arrived:
        return Settled(whole, 0, 0)
    unique = taken(whole, winners(pa.Table.from_batches([whole[0]]), KEY, _WINS))
    when = unique[0]["received_at"].cast(pa.int64()).to_numpy()
    alive = np.flatnonzero(when >= when.max() - longest(days) * MICROSECONDS_A_DAY)
    records, shown = taken(unique, alive)
    duplicates = arrived - unique[0].num_rows
    expired = unique[0].num_rows - len(alive)
    return Settled((records, _alive(records, shown, days)), duplicates, expired)


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
