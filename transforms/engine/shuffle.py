"""Moves record batches, not rows, to the worker that owns their key.

Beam's Python cost is per element, so a batch is cut into one part a partition, the parts travel
encoded (`batch_codec`), and the owner of a partition works on all of it at once as one table.
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

from schemas.field import Rows
from transforms.arrow import Array, group_starts, hash_columns
from transforms.engine.batch_codec import EncodedBatch, decode_batch, encode_batch

PARTITIONS = 16
"""Partitions of a keyed step unless `--partitions` says otherwise.

A batch run has more of them for a larger input (`pipelines.batch.plan`)."""

MAX_PARTITIONS = 65_536

MAIN = "main"
"""Name of the untagged output of a `PerPartition` that has several."""

_TaggedBatch = tuple[int, EncodedBatch | pa.RecordBatch]
"""The place of an input among those of a `PerPartition`, and a batch of it."""


Place = Callable[[Rows], Array]
"""Returns the partition of each row, the same for all rows of a key."""


class ShuffleOptions(PipelineOptions):
    """Beam options of every shuffle of a pipeline.

    `partitions` are the pieces that a keyed step is cut into: the most workers that can share it.
    No result depends on it. `pipelines.batch.options` checks what a user gives.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--partitions", type=int, default=PARTITIONS)


@dataclass(frozen=True)
class KeyedInput:
    """One input of `PerPartition`: the schema of its batches, and the columns of its key.

    `place`, where it is given, returns the partition of each row in place of the hash.
    """

    schema: pa.Schema
    names: tuple[str, ...]
    place: Place | None = None

    def split(self, batch: pa.RecordBatch, partitions: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields a batch as (partition, rows)."""
        if self.place is not None:
            return split_by_partition(batch, self.place(batch))
        return split_by_key(batch, self.names, partitions)


@dataclass(eq=False)
class PerPartition(beam.PTransform):
    """Groups rows by key and applies `work` to one partition after another.

    The input is a dict of PCollections of RecordBatches, described by `inputs`. `work` gets a Table
    for each of `inputs` in order, then the side inputs, if any: one table, or a tuple of two.
    It returns a Table, which comes out in batches, or yields elements. With `outputs` it yields
    TaggedOutputs for these names; untagged elements come out as `MAIN`. It must not depend on the
    order of rows. Without `partitions` the pipeline's options give their number.
    """

    inputs: Mapping[str, KeyedInput]
    work: Callable[..., pa.Table | Iterable[Any]]
    outputs: tuple[str, ...] = ()
    side: Any = None
    partitions: int | None = None

    def expand(self, batches: Mapping[str, beam.PCollection]) -> Any:
        """Splits each input by partition, and applies `work` to each partition."""
        options = next(iter(batches.values())).pipeline.options.view_as(ShuffleOptions)
        partitions = self.partitions or options.partitions
        parts = [
            batches[name] | f"Split {name}" >> beam.ParDo(_Split(keyed, which, partitions))
            for which, (name, keyed) in enumerate(self.inputs.items())
        ]
        together = parts[0] if len(parts) == 1 else tuple(parts) | "Beside" >> beam.Flatten()
        schemas = [keyed.schema for keyed in self.inputs.values()]
        side = self.side if isinstance(self.side, tuple) else (self.side,)
        side = () if self.side is None else side
        applied = beam.ParDo(_Apply(self.work, schemas), *side)
        return (
            together
            | "Together" >> beam.GroupByKey()
            | "Apply"
            >> (applied.with_outputs(*self.outputs, main=MAIN) if self.outputs else applied)
        )


def split_by_key(
    batch: pa.RecordBatch, names: Sequence[str], partitions: int = PARTITIONS
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cuts a batch by hash of `names` into (partition, rows); every row lands in exactly one."""
    if batch.num_rows == 0:
        return
    if partitions == 1:
        yield 0, batch
        return
    yield from split_by_partition(batch, partition_numbers(batch, names, partitions))


def split_by_partition(
    batch: pa.RecordBatch, partition: Array
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cuts a batch by the partition (below `MAX_PARTITIONS`) of each row into (partition, rows).

    Rows keep their order; a batch of no rows yields nothing.
    """
    if not batch.num_rows:
        return
    if (partition == partition[0]).all():
        yield int(partition[0]), batch
        return
    # Numbers of 16 bits are sorted by their digits, larger ones by comparing.
    order = np.argsort(partition.astype(np.uint16), kind="stable")
    ordered = partition[order]
    starts = group_starts(ordered)
    rows = batch.take(order)
    for start, end in zip(starts, [*starts[1:], len(ordered)], strict=True):
        yield int(ordered[start]), rows.slice(start, end - start)


def partition_numbers(batch: Rows, names: Sequence[str], partitions: int) -> Array:
    """Returns the partition of each row, by hash of `names`."""
    # The high bits: a partition must not see hashes that agree in their low ones.
    return (hash_columns(batch, names) >> 40) % partitions


def table_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Joins batches in any order to a table of single-chunk columns."""
    return pa.Table.from_batches(batches, schema).combine_chunks()


def batches_of(table: pa.Table, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Cuts a table into batches small enough to travel; none for an empty table."""
    return (batch for batch in table.to_batches(max_chunksize=rows) if batch.num_rows)


def tagged(name: str, elements: Iterable[Any]) -> Iterator[Any]:
    """Yields elements for the output of a name."""
    return (beam.pvalue.TaggedOutput(name, element) for element in elements)


def tagged_batches(name: str, table: pa.Table) -> Iterator[Any]:
    """Cuts a table as `batches_of` does, for the output of a name."""
    return tagged(name, batches_of(table))


@dataclass(eq=False)
class Pure(beam.DoFn):
    """Applies a function whose result depends only on its element and side inputs.

    `beam.FlatMap` makes no such promise. So a runner may reuse the results of this step.
    """

    work: Callable[..., Any]

    def process(self, element: Any, side: Any = None) -> Iterable[Any]:
        """Applies the function."""
        made: Iterable[Any] = self.work(element) if side is None else self.work(element, side)
        return made


@dataclass(eq=False)
class _Split(beam.DoFn):
    keyed: KeyedInput
    which: int
    partitions: int

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, _TaggedBatch]]:
        for partition, rows in self.keyed.split(batch, self.partitions):
            # One partition is one process, mostly: what must travel all the same is encoded then.
            alone = self.partitions == 1
            yield partition, (self.which, rows if alone else encode_batch(rows, self.keyed.schema))


@dataclass(eq=False)
class _Apply(Pure):
    schemas: Sequence[pa.Schema]

    def process(
        self, keyed: tuple[int, Iterable[_TaggedBatch]], side: Any = None, second: Any = None
    ) -> Iterable[Any]:
        batches: list[list[pa.RecordBatch]] = [[] for _ in self.schemas]
        for which, rows in keyed[1]:
            whole = rows if isinstance(rows, pa.RecordBatch) else None
            batches[which].append(whole or decode_batch(rows, self.schemas[which]))
        tables = [
            table_of(parts, schema) for parts, schema in zip(batches, self.schemas, strict=True)
        ]
        batches.clear()
        result = self.work(*tables, *(value for value in (side, second) if value is not None))
        return batches_of(result) if isinstance(result, pa.Table) else result
