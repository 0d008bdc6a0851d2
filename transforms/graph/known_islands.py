"""The islands of an earlier run: read, refused where they are not what it wrote, and told again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.island import ISLAND
from transforms.accounting import FILES_REFUSED, ISLANDS_REFUSED, Tally
from transforms.graph.islands import Island, Memo
from transforms.shuffle import MAIN, batches_of

TALLIES = "tallies"

File = tuple[str, str]
"""The path of a file and the SHA-256 that the manifest of its run has of it, in hex."""


def told(met: Mapping[str, Island]) -> pa.Table:
    """ISLAND rows of what a run met."""
    parts = [one.part for one in met.values()]
    ends = np.cumsum([0, *(len(one) for one in parts)])
    joined = np.concatenate([np.empty(0, np.int64), *parts])
    columns = [
        pa.array(list(met), pa.string()),
        pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(joined, pa.int32())),
        pa.array([one.quality for one in met.values()], pa.float64()),
    ]
    return pa.table(columns, schema=ISLAND)


def known(rows: pa.Table) -> dict[str, Island]:
    """What ISLAND rows tell; without those whose `parts` are no places of first members."""
    found = {}
    columns = (rows["fingerprint"].to_pylist(), rows["parts"], rows["quality"].to_pylist())
    for key, parts, quality in zip(*columns, strict=True):
        part = parts.values.to_numpy(zero_copy_only=False).astype(np.int64)
        place = np.arange(len(part))
        if (part >= 0).all() and (part <= place).all() and (part[part] == part).all():
            found[key] = Island(part, quality)
    return found


def worked(memo: Memo) -> Iterator[Tally]:
    """How many islands were searched, and how many were known."""
    yield ("islands", "clustered"), memo.clustered
    yield ("islands", "taken_over"), memo.taken_over
    yield ISLANDS_REFUSED, memo.refused


@dataclass(eq=False)
class KnownIslands(beam.PTransform):
    """One element a window to MAIN, the ISLAND batches of `files`, and TALLIES of those refused."""

    files: tuple[File, ...]

    def expand(self, start: beam.PCollection) -> Any:
        """Read every file."""
        step = beam.FlatMap(_all_islands, self.files)
        return start | step.with_outputs(TALLIES, main=MAIN)


def _all_islands(_: object, files: tuple[File, ...]) -> Iterator[Any]:
    for path, digest in files:
        rows = read_islands(path, digest)
        if rows is None:
            yield beam.pvalue.TaggedOutput(TALLIES, (FILES_REFUSED, 1))
        else:
            yield from batches_of(rows)


def read_islands(path: str, digest: str) -> pa.Table | None:
    """The ISLAND rows of a file; None if it is gone or not the one with this digest."""
    try:
        with FileSystems.open(path) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        rows = pq.read_table(pa.BufferReader(content), schema=ISLAND).combine_chunks()
    except (OSError, pa.ArrowException):
        return None
    whole = all(not one.null_count for one in (*rows.columns, pc.list_flatten(rows["parts"])))
    return rows if whole else None
