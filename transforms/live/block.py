"""Blocks: records that arrived together, and what they show.

A stream does not keep the records, only who they are and what they show: of a narrative its
fingerprints stay, and words only as `said` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from transforms.live.said import SAID, said
from transforms.live.stated import STATED_AT, stated_at, stated_in_refused
from transforms.scripts.marked import MARKED, READ, marked
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

PRINTED = pa.schema([("row", pa.int32()), *MARKED])
"""MARKED with the row of the block's records whose narrative it is of."""

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
