"""Publishes a finished run: reports and the manifest are written aside, then all of it appears.

Files are written in a staging folder and moved to the output at once, the manifest last, so that
no moment shows half a run.
"""

from __future__ import annotations

import ctypes
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from schemas.manifest import MANIFEST_NAME, Manifest, OutputFile
from schemas.tables import PRIVATE_FOLDER
from transforms.gc_tuning import release_memory
from transforms.manifest import CounterValue, RunSettings, build_manifest, input_file_entry
from transforms.private_files import PrivateStore
from transforms.write.job_pool import InlinePool, JobPool, ProcessPool, local_job_pool
from transforms.write.parquet_files import is_local
from transforms.write.tables import write_object

WriteReport = Callable[[str, Manifest, JobPool, PrivateStore], None]
"""Writes a report's files with a pool, from the folder of the written tables and the manifest."""

REPLACED_SUFFIX = ".replaced"
"""Added to the name of an older run while a newer one takes its place."""


@dataclass(eq=False)
class PublishRun(beam.PTransform):
    """Turns digests, counters and OutputFiles (a dict of PCollections) into a published Manifest.

    `runs` has the one RunSettings of a window. What `report` writes is listed beside the tables.
    """

    runs: beam.PCollection
    report: WriteReport

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Waits for everything, then publishes once."""
        totals = inputs["counters"] | beam.CombinePerKey(sum)
        return self.runs | beam.Map(
            _publish,
            self.report,
            beam.pvalue.AsList(inputs["digests"]),
            beam.pvalue.AsList(totals),
            beam.pvalue.AsList(inputs["outputs"]),
        )


def staging_folder(output: str, token: str) -> str:
    """Returns where a run is written before it is published: beside the output, hidden."""
    if is_local(output):
        whole = Path(output).resolve()
        return str(whole.with_name(f".{whole.name}.staging-{token}"))
    return FileSystems.join(output.rstrip("/"), f".staging-{token}")


def manifest_bytes(manifest: Manifest) -> bytes:
    """Returns the manifest as it is stored: sorted keys, one final newline."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def publish_run(staging: str, output: str, files: Sequence[str], manifest: Manifest) -> None:
    """Moves the staged `files` to `output`, then the manifest.

    On a local disk the whole folder is moved in one rename, so no moment shows half a run; an older
    run in its place is moved aside first and removed after. Object stores have no such rename:
    there a run without its manifest is not yet a run. Repeating a finished publish changes nothing.
    """
    if is_local(output):
        _publish_folder(Path(staging), Path(output).resolve(), manifest)
    else:
        _publish_objects(staging, output, files, manifest)


def recover_output(output: str) -> None:
    """Clears away what killed runs left beside a local `output`.

    One that was killed between the two renames of a replacement left the older run aside: it is
    put back, and so are private files that have a folder of their own. Nothing else may be writing
    there.
    """
    whole = Path(output).resolve()
    for left in sorted(whole.parent.glob(f".{glob.escape(whole.name)}.staging-*")):
        whole_before = any((left / one).exists() for one in (MANIFEST_NAME, PRIVATE_FOLDER))
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
        for one in sorted(folder.rglob("*")):
            _sync(one)
        _sync(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if sync_file_system(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    """Makes a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish_private(private: PrivateStore, names: Iterable[str]) -> None:
    """Moves private files to a folder of their own, if they have one, before the run appears."""
    if private.output is None or private.staging is None:
        return
    if not is_local(private.output):
        _move_objects(private.staging, private.output, names)
    elif Path(private.staging).exists():
        _replace_folder(Path(private.staging), Path(private.output))


def _publish_folder(staging: Path, output: Path, manifest: Manifest) -> None:
    if not staging.exists() and (output / MANIFEST_NAME).exists():
        return
    (staging / MANIFEST_NAME).write_bytes(manifest_bytes(manifest))
    _replace_folder(staging, output)


def _replace_folder(staging: Path, output: Path) -> None:
    sync_folder(staging)
    replaced = staging.with_name(staging.name + REPLACED_SUFFIX)
    if output.exists():
        output.rename(replaced)
    try:
        staging.rename(output)
    except OSError:
        if replaced.exists():
            replaced.rename(output)
        raise
    _sync(output.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _publish_objects(staging: str, output: str, files: Sequence[str], manifest: Manifest) -> None:
    target = FileSystems.join(output.rstrip("/"), MANIFEST_NAME)
    if FileSystems.exists(target):
        FileSystems.delete([target])
    _move_objects(staging, output, files)
    with FileSystems.create(target) as sink:
        sink.write(manifest_bytes(manifest))


def _move_objects(staging: str, output: str, files: Iterable[str]) -> None:
    for name in files:
        source = FileSystems.join(staging, *name.split("/"))
        if FileSystems.exists(source):
            FileSystems.rename([source], [FileSystems.join(output.rstrip("/"), *name.split("/"))])


def _publish(
    run: RunSettings,
    report: WriteReport,
    digests: Iterable[Mapping[str, Any]],
    counters: Iterable[CounterValue],
    outputs: Iterable[OutputFile],
) -> Manifest:
    totals = dict(counters)
    inputs = [input_file_entry(digest, totals) for digest in digests]
    written = list(outputs)
    draft = build_manifest(run, inputs, written, totals)
    release_memory()
    with _job_pool(run.staging) as pool:
        report(run.staging, draft, pool, run.private)
        written += pool.written
    final = build_manifest(run, inputs, written, totals)
    names = [one["name"] for one in written]
    apart = [one for one in names if one.startswith(f"{PRIVATE_FOLDER}/")]
    _publish_private(run.private, apart)
    publish_run(run.staging, run.output, names, final)
    return final


@contextmanager
def _job_pool(staging: str) -> Iterator[InlinePool | ProcessPool]:
    """Opens a pool of processes for a disk; one in this process, with Beam, for an object store."""
    if is_local(staging):
        Path(staging).mkdir(mode=0o700, parents=True, exist_ok=True)
        with local_job_pool(staging) as pool:
            yield pool
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield InlinePool(partial(write_object, staging), scratch)
