"""Rejects of a stream: files that can be written again without a row lost or doubled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from apache_beam.io.filesystems import FileSystems

from schemas.reject import REJECT
from schemas.tables import REJECTS
from transforms.output.write import in_order, parquet_bytes, write_file
from transforms.shuffle import table_of

SEGMENT = 10_000
"""Positions of a source whose rejects share a file: what is written again stays small."""

_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def segments(rejects: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """REJECT rows by the name of the file that they belong to."""
    by_file: dict[str, list[int]] = {}
    pairs = zip(rejects["source"].to_pylist(), rejects["position"].to_pylist(), strict=True)
    for row, (source, position) in enumerate(pairs):
        by_file.setdefault(file_name(source, position), []).append(row)
    for name, rows in sorted(by_file.items()):
        yield name, rejects.take(pa.array(rows))


def file_name(source: str, position: int) -> str:
    """The file of a source's rejects around a position, named so that it leads nowhere else.

    What reads a folder of Parquet passes over names that begin with a dot or an underscore.
    """
    plain = _SAFE.sub("_", source)[-60:].strip("._")
    digest = xxhash.xxh3_64_hexdigest(source.encode())[:8]
    return f"{REJECTS.name}/{plain}-{digest}-{position // SEGMENT:08d}.parquet"


def merged(old: pa.Table, new: pa.Table) -> pa.Table:
    """REJECT rows of both, each (source, position, code) once; the first to be there stays."""
    rows = pa.concat_tables([old, new]).combine_chunks()
    seen: set[tuple[object, ...]] = set()
    keep: list[int] = []
    keys = zip(*(rows[name].to_pylist() for name in REJECTS.key), strict=True)
    for row, key in enumerate(keys):
        if key not in seen:
            seen.add(key)
            keep.append(row)
    return rows.take(pa.array(keep, pa.int64()))


def _write(keyed: tuple[str, Iterable[pa.RecordBatch]], output: str) -> None:
    name, batches = keyed
    path = FileSystems.join(output, *name.split("/"))
    old = REJECT.empty_table()
    if FileSystems.exists(path):
        with FileSystems.open(path) as file:
            old = pq.read_table(pa.BufferReader(file.read())).cast(REJECT)
    rows = merged(old, in_order(table_of(batches, REJECT), REJECTS))
    if rows.num_rows > old.num_rows:
        write_file(parquet_bytes(rows, REJECTS), output, name, rows.num_rows)


@dataclass(eq=False)
class WriteRejects(beam.PTransform):
    """REJECT batches, masked, to files below `output`/rejects, window by window."""

    output: str

    def expand(self, rejects: beam.PCollection) -> Any:
        """Bring what belongs in one file together, and add to it what is not in it yet."""
        return (
            rejects
            | "By file" >> beam.FlatMap(segments)
            | beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.output)
        )
