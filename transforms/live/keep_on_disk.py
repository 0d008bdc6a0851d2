"""`Keep` for a runner without lasting state: what is alive lies in files from tick to tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from transforms.live.block import RECORD, SHOWN, Block, pieces, settle
from transforms.live.keep import (
    BLOCKS,
    RECORDS,
    REJECTED,
    STATED,
    TALLIES,
    TICKS,
    handed_out,
    show_settled,
)
from transforms.live.stated import STATED_AT
from transforms.shuffle import MAIN

COUNTED = (b"duplicates", b"expired")
"""Keys of the counts in a file's schema."""


def write_state(folder: str, partition: int, block: Block, counted: tuple[int, int]) -> None:
    """Write what is alive in a partition: a file a table, the counts in the first's schema."""
    told = {name: str(count).encode() for name, count in zip(COUNTED, counted, strict=True)}
    counting = block._replace(records=block.records.replace_schema_metadata(told))
    for name, batch in counting._asdict().items():
        path = Path(folder, f"{partition:02d}.{name}.arrow")
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)


def read_state(folder: str) -> Iterator[tuple[int, tuple[Block, tuple[int, int]]]]:
    """What `write_state` wrote, by partition; nothing of a folder that is not there."""
    for path in sorted(Path(folder).glob("*.records.arrow")):
        partition = path.name.partition(".")[0]
        tables = [_read(path.with_name(f"{partition}.{name}.arrow")) for name in Block._fields]
        told = tables[0].schema.metadata or {}
        duplicates, expired = (int(told.get(name, b"0")) for name in COUNTED)
        bare = zip(tables, (RECORD, SHOWN, STATED_AT), strict=True)
        batches = [pa.RecordBatch.from_arrays(one.columns, schema=schema) for one, schema in bare]
        yield int(partition), (Block(*batches), (duplicates, expired))


def _read(path: Path) -> pa.RecordBatch:
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_file(source) as reader:
        return reader.get_batch(0)


def _restored(_: object, folder: str) -> Iterator[tuple[int, tuple[Block, tuple[int, int]]]]:
    yield from read_state(folder)


def _settled(
    keyed: tuple[int, Mapping[str, Iterable[Any]]], folder: str, days: Mapping[str, int]
) -> Iterator[Any]:
    partition, parts = keyed
    blocks = list(parts[BLOCKS])
    duplicates, expired = 0, 0
    for block, counted in parts["settled"]:
        blocks.append(block)
        duplicates, expired = counted
    done = settle(blocks, days)
    counts = duplicates + done.duplicates, expired + done.expired
    show_settled(done)
    write_state(folder, partition, done.block, counts)
    yield from handed_out(pieces(done.block), *counts)


@dataclass(eq=False)
class KeepOnDisk(beam.PTransform):
    """As `Keep`, for one tick of a bounded pipeline: state of `before` in, of `after` out.

    Both are folders. `after` must exist; it is the state when the whole pipeline has succeeded.
    """

    days: Mapping[str, int]
    before: str
    after: str

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Bring what was and what came together, settle it, write it down and hand it out."""
        settled = inputs[TICKS] | "Restore" >> beam.FlatMap(_restored, self.before)
        step = beam.FlatMap(_settled, self.after, self.days).with_outputs(
            RECORDS, STATED, TALLIES, main=MAIN
        )
        kept = (
            {BLOCKS: inputs[BLOCKS], "settled": settled}
            | "Together" >> beam.CoGroupByKey()
            | "Settle" >> step
        )
        outputs = {name: kept[name] for name in (MAIN, RECORDS, STATED, TALLIES)}
        return outputs | {REJECTED: inputs[REJECTED], TICKS: inputs[TICKS]}
