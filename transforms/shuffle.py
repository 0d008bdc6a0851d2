"""Move record batches, not rows, to the worker that owns their key.

Beam's Python cost is per element, so a batch is cut into one piece a partition, the pieces travel,
and the owner of a partition works on all of it at once as one table. `packing` says how it travels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.arrow_util import hash_columns
from transforms.batch_codec import Piece, packed, unpacked

PARTITIONS = 16
"""Pieces that a keyed step is cut into unless `--partitions` says otherwise.

A batch run has more of them for a larger input (`pipelines.batch.plan`)."""


MOST_PARTITIONS = 65_536


MAIN = "main"
"""Name of the untagged output of a `PerPartition` that has several."""


_Placed = tuple[int, Piece]
"""Which input of a `PerPartition`, and a piece of it."""


def owners(batch: pa.RecordBatch | pa.Table, names: Sequence[str], partitions: int) -> np.ndarray:
    """The partition of each row, by hash of `names`."""
    # The high bits: a partition must not see hashes that agree in their low ones.
    return (hash_columns(batch, names) >> 40) % partitions


def partition_of(rows: pa.Table, names: Sequence[str], partitions: int) -> int:
    """The one partition that the rows of a table that was brought together by `names` are in."""
    return int(owners(rows.slice(0, 1), names, partitions)[0]) if rows.num_rows else 0


def split(
    batch: pa.RecordBatch, names: Sequence[str], partitions: int = PARTITIONS
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut a batch by hash of `names` into (partition, rows); every row lands in exactly one."""
    if batch.num_rows == 0:
        return
    if partitions == 1:
        yield 0, batch
        return
    yield from cut(batch, owners(batch, names, partitions))


def cut(batch: pa.RecordBatch, owner: np.ndarray) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of each owner (below `MOST_PARTITIONS`), in their order; nothing for no rows."""
    if not batch.num_rows:
        return
    if (owner == owner[0]).all():
        yield int(owner[0]), batch
        return
    # Numbers of 16 bits are sorted by their digits, larger ones by comparing.
    order = np.argsort(owner.astype(np.uint16), kind="stable")
    placed = owner[order]
    starts = np.flatnonzero(np.append(True, placed[1:] != placed[:-1]))
    rows = batch.take(pa.array(order))
    for start, end in zip(starts, [*starts[1:], len(placed)], strict=True):
        yield int(placed[start]), rows.slice(start, end - start)


def table_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """All batches as one table of single-chunk columns, in whatever order they came."""
    return pa.Table.from_batches(batches, schema).combine_chunks()


def batches_of(table: pa.Table, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """A table as batches small enough to travel; nothing for an empty table."""
    return (batch for batch in table.to_batches(max_chunksize=rows) if batch.num_rows)


class ShuffleOptions(PipelineOptions):
    """Beam options of every shuffle of a pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--partitions",
            type=_partition_count,
            default=PARTITIONS,
            help="pieces that a keyed step is cut into: the most workers that can share one, and "
            "what one of them holds; no result depends on it (a batch run has more for a larger "
            "input)",
        )


def _partition_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PARTITIONS:
        problem = f"'{text}' is not a whole number from 1 to {MOST_PARTITIONS}"
        raise argparse.ArgumentTypeError(problem)
    return int(text)


class _Split(beam.DoFn):
    def __init__(self, keyed: Keyed, which: int, partitions: int) -> None:
        self._keyed = keyed
        self._which = which
        self._partitions = partitions

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, _Placed]]:
        for partition, piece in self._keyed.cut(batch, self._partitions):
            yield partition, (self._which, packed(piece, self._keyed.schema))


class _Apply(beam.DoFn):
    def __init__(self, work: Callable[..., Iterable[Any]], schemas: Sequence[pa.Schema]) -> None:
        self._work = work
        self._schemas = schemas

    def process(self, keyed: tuple[int, Iterable[_Placed]], side: Any = None) -> Iterable[Any]:
        batches: list[list[pa.RecordBatch]] = [[] for _ in self._schemas]
        for which, piece in keyed[1]:
            batches[which].append(unpacked(piece, self._schemas[which]))
        tables = [
            table_of(those, schema) for those, schema in zip(batches, self._schemas, strict=True)
        ]
        batches.clear()
        return self._work(*tables) if side is None else self._work(*tables, side)


@dataclass(frozen=True)
class Keyed:
    """One input of `PerPartition`: the schema of its batches, and the columns of its key.

    With `placed` the one column named holds the partition itself.
    """

    schema: pa.Schema
    names: tuple[str, ...]
    placed: bool = False

    def cut(self, batch: pa.RecordBatch, partitions: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """A batch as (partition, rows)."""
        if self.placed:
            return cut(batch, batch[self.names[0]].to_numpy())
        return split(batch, self.names, partitions)


@dataclass(eq=False)
class PerPartition(beam.PTransform):
    """Bring rows with equal keys together and apply `work` to one partition after another.

    Input: a dict of PCollections of RecordBatches, as `inputs` describes them. `work` gets a Table
    for each of `inputs` in their order, then the side input if any, and yields elements, or
    TaggedOutputs for the names in `outputs`; with those, what is not tagged comes out as `MAIN`.
    It must not depend on the order of the rows. Without `partitions` the pipeline's options say how
    many there are.
    """

    inputs: Mapping[str, Keyed]
    work: Callable[..., Iterable[Any]]
    outputs: tuple[str, ...] = ()
    side: Any = None
    partitions: int | None = None

    def expand(self, batches: Mapping[str, beam.PCollection]) -> Any:
        """Split each input, bring partitions together, apply."""
        options = next(iter(batches.values())).pipeline.options.view_as(ShuffleOptions)
        partitions = self.partitions or options.partitions
        pieces = [
            batches[name] | f"Split {name}" >> beam.ParDo(_Split(one, which, partitions))
            for which, (name, one) in enumerate(self.inputs.items())
        ]
        together = pieces[0] if len(pieces) == 1 else tuple(pieces) | "Beside" >> beam.Flatten()
        schemas = [one.schema for one in self.inputs.values()]
        side = () if self.side is None else (self.side,)
        applied = beam.ParDo(_Apply(self.work, schemas), *side)
        return (
            together
            | "Together" >> beam.GroupByKey()
            | "Apply"
            >> (applied.with_outputs(*self.outputs, main=MAIN) if self.outputs else applied)
        )
