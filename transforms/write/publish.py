"""Writes the tables of a run, and publishes it: all that is written aside appears at once.

Tables are sorted Parquet, the same bytes for the same rows. Files are written in a staging folder
and moved to the output at once, the manifest last, so that no moment shows half a run.
"""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsList

from schemas.manifest import (
    MANIFEST_NAME,
    PRIVATE_MANIFEST,
    PRIVATE_SIGNATURE,
    SIGNATURE_NAME,
    Manifest,
    OutputFile,
)
from schemas.tables import PRIVATE_FOLDER, PRIVATE_TABLES, WRITTEN_TABLES, Table
from transforms.custody import (
    CounterValue,
    PrivateKey,
    PrivateStore,
    RunSettings,
    build_manifest,
    build_private_manifest,
    input_file_entry,
    manifest_bytes,
    seal,
)
from transforms.engine import EncodedBatch, decode_batch, encode_batch, release_memory, split_by_key
from transforms.write.job_pool import JobPool, local_job_pool
from transforms.write.parquet_files import (
    ROW_GROUP_ROWS,
    ExternalSorter,
    FileChunks,
    copy_with_digest,
    is_local,
    sort_order,
    sorted_row_groups,
    write_local_file,
)

COPY_CHUNK_BYTES = 1 << 20
"""Bytes in memory while a file is copied to its place."""

_ShardKey = tuple[str, int]
"""The name of a table, and which of its files."""


@dataclass(eq=False)
class WriteTables(beam.PTransform):
    """Writes RecordBatches of tables to `shards` sorted files of each, in the staging folder.

    Input: a dict of PCollections by the name of their table. `runs` has the one RunSettings of a
    window; a window without one is not written. A shard without rows is: a reader then finds the
    schema of an empty table. Yields OutputFile.
    """

    runs: beam.PCollection
    shards: int

    def expand(self, batches: Mapping[str, beam.PCollection]) -> Any:
        """Shards rows by hash of the whole key, so that no hot identifier fills one; writes."""
        sharded = [
            rows | f"Place {name}" >> beam.FlatMap(_place, WRITTEN_TABLES[name], self.shards)
            for name, rows in batches.items()
        ]
        every = beam.FlatMap(_every_shard, list(batches), self.shards)
        due = self.runs | "Every shard" >> every
        return (
            (*sharded, due)
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.FlatMap(_write_shard, self.shards)
        )


def sort_rows(rows: pa.Table, table: Table) -> pa.Table:
    """Sorts rows by the table's key, ties by every other column that can be sorted."""
    return rows.take(sort_order(rows, table)).combine_chunks()


def parquet_bytes(rows: pa.Table, table: Table) -> pa.Buffer:
    """Makes one Parquet file of sorted rows, zstd, contract documentation in its schema.

    Memory holds the rows, and one row group of them in order.
    """
    sink = pa.BufferOutputStream()
    write_row_groups(sink, sorted_row_groups(rows, table), table)
    return sink.getvalue()


def write_row_groups(
    sink: IO[bytes] | pa.NativeFile, groups: Iterable[pa.Table], table: Table
) -> None:
    """Writes row groups as one Parquet file."""
    options = {"compression": "zstd", "write_page_index": True}
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        for group in groups:
            writer.write_table(group.cast(table.schema), row_group_size=ROW_GROUP_ROWS)


def write_output_file(content: bytes | pa.Buffer, folder: str, name: str, rows: int) -> OutputFile:
    """Writes one output below `folder`, replacing what a failed try left there."""
    return _write([memoryview(content)], folder, name, rows)


def write_sorted_parquet(
    rows: ExternalSorter, table: Table, folder: str, name: str, key: PrivateKey | None = None
) -> OutputFile:
    """Writes rows as one Parquet file below `folder`, by way of a file without a name.

    With a `key` it is sealed.
    """
    with TemporaryFile(dir=scratch_folder(folder)) as file:
        write_row_groups(file, rows.groups(), table)
        file.seek(0)
        chunks = iter(partial(file.read, COPY_CHUNK_BYTES), b"")
        return _write(seal(chunks, table, key) if key else chunks, folder, name, rows.count)


def scratch_folder(folder: str) -> str | None:
    """Returns where temporary files may lie while `folder` is written: on its disk, if it is local.

    A local folder is made if it is not there.
    """
    if not is_local(folder):
        return None
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_object(folder: str, name: str, chunks: FileChunks, rows: int = 0) -> OutputFile:
    """Writes one output through Beam, below a folder of an object store."""
    with FileSystems.create(f"{folder.rstrip('/')}/{name}") as sink:
        return copy_with_digest(chunks, sink, name, rows)


def _write(chunks: FileChunks, folder: str, name: str, rows: int) -> OutputFile:
    write = write_object if scratch_folder(folder) is None else write_local_file
    return write(folder, name, chunks, rows)


def _place(
    batch: pa.RecordBatch, table: Table, shards: int
) -> Iterator[tuple[_ShardKey, EncodedBatch]]:
    for shard, rows in split_by_key(batch, table.key, shards):
        yield (table.name, shard), encode_batch(rows, table.schema)


def _write_shard(
    keyed: tuple[_ShardKey, Iterable[EncodedBatch | RunSettings]], shards: int
) -> Iterator[OutputFile]:
    (name, shard), values = keyed
    table = WRITTEN_TABLES[name]
    batches: list[EncodedBatch] = []
    run: RunSettings | None = None
    for value in values:
        if isinstance(value, RunSettings):
            run = value
        else:
            batches.append(value)
    if run is None:  # nobody asked for the tables of this window
        return
    folder, key = run.staging, None
    if table in PRIVATE_TABLES:
        if not run.private.kept:
            return
        folder, key = run.private.staging or folder, run.private.key
    path = f"{name}/part-{shard:05d}-of-{shards:05d}.parquet"
    with TemporaryFile(dir=scratch_folder(folder)) as file:
        rows = ExternalSorter(table, file)
        while batches:
            rows.add(decode_batch(batches.pop(), table.schema))
        yield write_sorted_parquet(rows, table, folder, path, key)


def _every_shard(
    run: RunSettings, names: Iterable[str], shards: int
) -> Iterator[tuple[_ShardKey, RunSettings]]:
    for name in names:
        for shard in range(shards):
            yield (name, shard), run


WriteReport = Callable[[str, Manifest, JobPool, PrivateStore], None]
"""Writes a report's files with a pool, from the folder of the written tables and the manifest."""

Sign = Callable[[bytes], bytes | None]
"""Returns the signature file of a manifest; None where it cannot be signed, which it has said."""

Record = Callable[[str], AbstractContextManager[object]]
"""Records a run, by its id, elsewhere while it appears, and takes that back if it does not."""

REPLACED_SUFFIX = ".replaced"
"""Added to the name of an older run while a newer one takes its place."""


@dataclass(eq=False)
class PublishRun(beam.PTransform):
    """Turns digests, counters and OutputFiles (a dict of PCollections) into a published Manifest.

    `runs` has the one RunSettings of a window. What `report` writes, if there is one, is listed
    beside the tables.
    The manifests are signed where there is a `sign`; what `record` records appears with the run.
    """

    runs: beam.PCollection
    report: WriteReport | None
    sign: Sign | None = None
    record: Record = nullcontext

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Waits for everything, then publishes once."""
        totals = inputs["counters"] | beam.CombinePerKey(sum)
        return self.runs | beam.Map(
            _publish,
            self.report,
            self.sign,
            self.record,
            AsList(inputs["digests"]),
            AsList(totals),
            AsList(inputs["outputs"]),
        )


def staging_folder(output: str, token: str) -> str:
    """Returns where a run is written before it is published: beside the output, hidden."""
    if is_local(output):
        whole = Path(output).resolve()
        return str(whole.with_name(f".{whole.name}.staging-{token}"))
    return f"{output.rstrip('/')}/.staging-{token}"


def publish_run(
    staging: str, output: str, files: Sequence[str], manifest: Manifest, sign: Sign | None = None
) -> None:
    """Moves the staged `files` to `output`, then the manifest, with its signature if there is one.

    On a local disk the whole folder is moved in one rename, so no moment shows half a run; an older
    run in its place is moved aside first and removed after. Object stores have no such rename:
    there a run without its manifest is not yet a run. Repeating a finished publish changes nothing.
    """
    content = manifest_bytes(manifest)
    signature = sign(content) if sign is not None else None
    if not is_local(output):
        _publish_objects(staging, output, files, content, signature)
    elif Path(staging).exists() or not Path(output, MANIFEST_NAME).exists():
        for name, part in ((MANIFEST_NAME, content), (SIGNATURE_NAME, signature)):
            if part is not None:
                Path(staging, name).write_bytes(part)
        with folder_replaced(Path(staging), Path(output).resolve()):
            pass


def recover_output(output: str) -> None:
    """Removes folders that killed runs left next to a local `output`.

    If a run was killed between the two renames of a replacement, the older run is put back. So are
    private files with a folder of their own. No other run may be writing there.
    """
    whole = Path(output).resolve()
    for left in sorted(whole.parent.glob(f".{glob.escape(whole.name)}.staging-*")):
        whole_before = any((left / name).exists() for name in (MANIFEST_NAME, PRIVATE_FOLDER))
        if left.name.endswith(REPLACED_SUFFIX) and whole_before and not whole.exists():
            left.rename(whole)
        else:
            shutil.rmtree(left, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Makes all that is below a folder survive a power cut.

    Linux does so for a whole file system in one call, syncfs(2); elsewhere each file is synced.

    Raises:
        OSError: where the disk refused.
    """
    sync_file_system = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if sync_file_system is None:
        for path in sorted(folder.rglob("*")):
            sync_path(path)
        sync_path(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if sync_file_system(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def sync_path(path: Path) -> None:
    """Makes a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _private_published(private: PrivateStore, names: Iterable[str]) -> Iterator[None]:
    """Moves private files to a folder of their own, if they have one, for the run that appears."""
    replaced: AbstractContextManager[Any] = nullcontext()
    if private.output is not None and private.staging is not None:
        if not is_local(private.output):
            _move_objects(private.staging, private.output, names)
        elif Path(private.staging).exists():
            replaced = folder_replaced(Path(private.staging), Path(private.output))
    with replaced:
        yield


@contextmanager
def folder_replaced(staging: Path, output: Path) -> Iterator[None]:
    """Puts a folder in the place of another; where the block fails, the other one is back.

    Nothing is written from the first rename on, so that a full disk stops it before.
    """
    sync_folder(staging)
    replaced = staging.with_name(staging.name + REPLACED_SUFFIX)
    if output.exists():
        output.rename(replaced)
    try:
        staging.rename(output)
        sync_path(output.parent)
        yield
    except BaseException:
        if not staging.exists():
            output.rename(staging)
        if replaced.exists():
            replaced.rename(output)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _publish_objects(
    staging: str, output: str, files: Sequence[str], manifest: bytes, signature: bytes | None
) -> None:
    target, beside = (f"{output.rstrip('/')}/{name}" for name in (MANIFEST_NAME, SIGNATURE_NAME))
    if old := [path for path in (target, beside) if FileSystems.exists(path)]:
        FileSystems.delete(old)
    _move_objects(staging, output, files)
    for path, content in ((beside, signature), (target, manifest)):
        if content is not None:
            with FileSystems.create(path) as sink:
                sink.write(content)


def _move_objects(staging: str, output: str, files: Iterable[str]) -> None:
    for name in files:
        source = f"{staging.rstrip('/')}/{name}"
        if FileSystems.exists(source):
            FileSystems.rename([source], [f"{output.rstrip('/')}/{name}"])


def _publish(
    run: RunSettings,
    report: WriteReport | None,
    sign: Sign | None,
    record: Record,
    digests: Iterable[Mapping[str, Any]],
    counters: Iterable[CounterValue],
    outputs: Iterable[OutputFile],
) -> Manifest:
    totals = dict(counters)
    inputs = [input_file_entry(digest, totals) for digest in digests]
    written = list(outputs)
    draft = build_manifest(run, inputs, written, totals)
    if report is not None:
        with _job_pool(run.staging) as pool:
            if pool.count > 1:  # the memory is for others
                release_memory()
            report(run.staging, draft, pool, run.private)
            written += pool.written
    final = build_manifest(run, inputs, written, totals)
    names = [file["name"] for file in written]
    apart = [file for file in written if file["name"].startswith(f"{PRIVATE_FOLDER}/")]
    listing = write_private_manifest(
        run.private.staging or run.staging, final["run_id"], manifest_bytes(final), apart, sign
    )
    moved = [*(file["name"] for file in apart), *listing]
    # What can fail for want of room comes first: from then on there are only renames.
    with record(final["run_id"]), _private_published(run.private, moved):
        publish_run(run.staging, run.output, [*names, *listing], final, sign)
    return final


def write_private_manifest(
    folder: str, run_id: str, manifest: bytes, files: Sequence[OutputFile], sign: Sign | None
) -> list[str]:
    """Writes the manifest of private files, signed if there is a `sign`; returns its files.

    Args:
        folder: that has private/.
        run_id: of their run.
        manifest: its own, as it is stored.
        files: those in private/; without any nothing is written.
        sign: makes the signature.
    """
    if not files:
        return []
    content = manifest_bytes(build_private_manifest(run_id, manifest, files))
    parts = {PRIVATE_MANIFEST: content}
    if sign is not None and (signature := sign(content)) is not None:
        parts[PRIVATE_SIGNATURE] = signature
    for name, part in parts.items():
        write_output_file(part, folder, name, 0)
    return list(parts)


@contextmanager
def _job_pool(staging: str) -> Iterator[JobPool]:
    """Opens a pool of processes for a disk; one in this process, with Beam, for an object store."""
    if is_local(staging):
        Path(staging).mkdir(mode=0o700, parents=True, exist_ok=True)
        with local_job_pool(staging) as pool:
            yield pool
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield JobPool(partial(write_object, staging), scratch)
