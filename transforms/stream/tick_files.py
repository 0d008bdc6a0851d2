"""Reads and writes the files of a stream's ticks: the known run, snapshots, and rejects.

The known clusters come from the latest batch run, whose manifest is read at every tick. A snapshot
is written as a run folder. Files of rejects can be written again without losing or repeating a row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from apache_beam.io.filesystems import FileSystems

from schemas.reject import REJECT
from schemas.tables import MEMBERS, REJECTS
from transforms.arrow import distinct_rows, row_tuples
from transforms.custody import (
    PrivateStore,
    RunSettings,
    check_table,
    files_of,
    read_manifest,
    read_or_keep,
)
from transforms.engine import table_of
from transforms.gates import open_bytes
from transforms.graph.lineage import read_previous_members
from transforms.stream.state import Tick
from transforms.write.parquet_files import is_local
from transforms.write.publish import parquet_bytes, sort_rows, staging_folder, write_output_file

SNAPSHOTS_FOLDER = "snapshots"
"""Folder in the stream's output with a folder for each snapshot, named after its instant."""

POSITIONS_PER_FILE = 10_000
"""Positions of a source whose rejects share a file. So little is written again for a new reject."""

KnownRun = tuple[str, list[pa.RecordBatch]]
"""A run's id, and its members as PREVIOUS batches."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class SnapshotOptions:
    """The output of a stream's snapshots, and the common part of their manifests."""

    output: str
    versions: Mapping[str, str]
    options: Mapping[str, object] = field(default_factory=dict)
    private: PrivateStore = field(default_factory=PrivateStore)

    def private_of(self, name: str) -> PrivateStore:
        """Returns the store for a snapshot's private files."""
        if self.private.output is None:
            return self.private
        output = f"{self.private.output.rstrip('/')}/{name}"
        return replace(self.private, output=output, staging=staging_folder(output, "stream"))


@dataclass(eq=False)
class WriteRejects(beam.PTransform):
    """Writes REJECT batches, masked, to files below `output`/rejects, window by window."""

    output: str

    def expand(self, rejects: beam.PCollection) -> Any:
        """Groups rows by file, and adds to each file the rows that it lacks."""
        return (
            rejects
            | "By file" >> beam.FlatMap(split_rejects_by_file)
            | beam.GroupByKey()
            | "Write" >> beam.Map(_write_rejects, self.output)
        )


def snapshot_run(tick: Tick, snapshots: SnapshotOptions) -> Iterator[RunSettings]:
    """Yields the settings of a snapshot's run, if a snapshot is due at this tick.

    The staging folder is named after the instant too, so a retry writes the same files again.
    """
    if tick.snapshot:
        output = f"{snapshots.output.rstrip('/')}/{SNAPSHOTS_FOLDER}/{tick.name()}"
        yield RunSettings(
            staging=staging_folder(output, "stream"),
            output=output,
            versions=snapshots.versions,
            options={**snapshots.options, "snapshot": tick.name()},
            clock=tick.moment(),
            entries=tick.entries,
            private=snapshots.private_of(tick.name()),
        )


def read_known_members(folder: str, known: KnownRun | None) -> KnownRun:
    """Returns a run's id and its members as PREVIOUS batches.

    If `known` is this run, it is returned without reading the members again.

    Raises:
        OSError: The folder is no finished run, or its run was replaced while it was read.
        AlteredRunError: The members are not as the run wrote them.
    """
    manifest = read_manifest(folder)
    if known is not None and manifest["run_id"] == known[0]:
        return known
    check_table(folder, manifest, MEMBERS)
    names = sorted(file["name"] for file in files_of(manifest, MEMBERS))
    paths = [f"{folder.rstrip('/')}/{name}" for name in names]
    return manifest["run_id"], [batch for path in paths for batch in read_previous_members(path)]


def split_rejects_by_file(rejects: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Groups REJECT rows by the name of their file."""
    by_file: dict[str, list[int]] = {}
    pairs = row_tuples(rejects, "source", "position")
    for row, (source, position) in enumerate(pairs):
        by_file.setdefault(rejects_file_name(source, position), []).append(row)
    for name, rows in sorted(by_file.items()):
        yield name, rejects.take(rows)


def rejects_file_name(source: str, position: int) -> str:
    """Returns the name of the file of a source's rejects around a position, without path signs.

    Names do not begin with a dot or an underscore, which readers of Parquet folders skip.
    """
    plain = _UNSAFE.sub("_", source)[-60:].strip("._")
    digest = xxhash.xxh3_64_hexdigest(source.encode())[:8]
    return f"{REJECTS.name}/{plain}-{digest}-{position // POSITIONS_PER_FILE:08d}.parquet"


def merge_rejects(old: pa.Table, new: pa.Table) -> pa.Table:
    """Merges REJECT rows; of rows with the same (source, position, code) the first stays."""
    rows = pa.concat_tables([old, new]).combine_chunks()
    first, _ = distinct_rows([rows[name].combine_chunks() for name in REJECTS.key])
    return rows.take(first)


class KnownMembers(beam.DoFn):
    """Yields the members of the run in `folder` as PREVIOUS batches, for an element a window."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._known: KnownRun | None = None

    def process(self, _: object) -> Iterator[pa.RecordBatch]:
        """Reads the manifest, and the members if the run has changed."""
        if self._folder is not None:
            read = partial(read_known_members, self._folder, self._known)
            self._known = read_or_keep(read, self._known)
            yield from self._known[1]


def _write_rejects(keyed: tuple[str, Iterable[pa.RecordBatch]], output: str) -> None:
    name, batches = keyed
    path = f"{output.rstrip('/')}/{name}"
    old = REJECT.empty_table()
    if FileSystems.exists(path):
        with open_bytes(path) as file:
            old = pq.read_table(pa.BufferReader(file.read())).cast(REJECT)
    rows = merge_rejects(old, sort_rows(table_of(batches, REJECT), REJECTS))
    if rows.num_rows == old.num_rows:
        return
    content = parquet_bytes(rows, REJECTS)
    if not is_local(output):
        write_output_file(content, output, name, rows.num_rows)
        return
    # Replaced at once: the file is the only copy of earlier rejects, and a tick may run again.
    folder, _, last = name.rpartition("/")
    aside = Path(output, folder, f".{last}.next")
    write_output_file(content, output, f"{folder}/{aside.name}", rows.num_rows)
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    aside.rename(Path(output, name))
