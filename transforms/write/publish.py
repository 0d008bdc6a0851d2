"""Make a finished run appear whole: files are written aside, then moved, manifest last.

The last step: the accounting, the report and the manifest, and the run appears.
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

from schemas.manifest import NAME, Manifest, OutputFile
from transforms.gc_tuning import give_back
from transforms.manifest import Run, Tally, manifest, with_rows
from transforms.write.job_pool import Desk, OneProcess, Processes, local_desk
from transforms.write.parquet_files import Pieces, is_local
from transforms.write.tables import write_object

REPLACED = ".replaced"
"""What is added to the name of an older run while a newer one takes its place."""


def staging_folder(output: str, token: str) -> str:
    """Where a run is written before it is published: beside the output, hidden."""
    if is_local(output):
        whole = Path(output).resolve()
        return str(whole.with_name(f".{whole.name}.staging-{token}"))
    return FileSystems.join(output.rstrip("/"), f".staging-{token}")


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it is stored: sorted keys, one final newline."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def publish(staging: str, output: str, files: Sequence[str], manifest: Manifest) -> None:
    """Move the staged `files` to `output`, then the manifest.

    On a local disk the whole folder is moved in one rename, so no moment shows half a run; an older
    run in its place is moved aside first and removed after. Object stores have no such rename:
    there a run without its manifest is not yet a run. Repeating a finished publish changes nothing.
    """
    if is_local(output):
        _publish_folder(Path(staging), Path(output).resolve(), manifest)
    else:
        _publish_objects(staging, output, files, manifest)


def recover(output: str) -> None:
    """Clear away what killed runs left beside a local `output`.

    One that was killed between the two renames of a replacement left the older run aside: it is
    put back. Nothing else may be writing there.
    """
    whole = Path(output).resolve()
    for left in sorted(whole.parent.glob(f".{glob.escape(whole.name)}.staging-*")):
        if left.name.endswith(REPLACED) and not whole.exists() and (left / NAME).exists():
            left.rename(whole)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _publish_folder(staging: Path, output: Path, manifest: Manifest) -> None:
    if not staging.exists() and (output / NAME).exists():
        return
    (staging / NAME).write_bytes(manifest_bytes(manifest))
    sync_below(staging)
    replaced = staging.with_name(staging.name + REPLACED)
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


def sync_below(folder: Path) -> None:
    """Make all that is below a folder survive a power cut.

    Linux does so for a whole file system in one call, syncfs(2); elsewhere each file is asked for.

    Raises OSError where the disk refused.
    """
    together = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if together is None:
        for one in sorted(folder.rglob("*")):
            _sync(one)
        _sync(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if together(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish_objects(staging: str, output: str, files: Sequence[str], manifest: Manifest) -> None:
    target = FileSystems.join(output.rstrip("/"), NAME)
    if FileSystems.exists(target):
        FileSystems.delete([target])
    for name in files:
        source = FileSystems.join(staging, *name.split("/"))
        if FileSystems.exists(source):
            FileSystems.rename([source], [FileSystems.join(output.rstrip("/"), *name.split("/"))])
    with FileSystems.create(target) as sink:
        sink.write(manifest_bytes(manifest))


Report = Callable[[str, Manifest, Desk], None]
"""Writes files at a desk, from the folder of the written tables and the manifest."""


class _Finish(beam.DoFn):
    def __init__(self, report: Report) -> None:
        self._report = report

    def process(
        self,
        run: Run,
        digests: Iterable[Mapping[str, Any]],
        tallies: Iterable[Tally],
        outputs: Iterable[OutputFile],
    ) -> Iterable[Manifest]:
        counted = dict(tallies)
        inputs = [with_rows(digest, counted) for digest in digests]
        written = list(outputs)
        draft = manifest(run, inputs, written, counted)
        give_back()
        with _desk(run.staging) as desk:
            self._report(run.staging, draft, desk)
            written += desk.written
        final = manifest(run, inputs, written, counted)
        names = [one["name"] for one in written]
        publish(run.staging, run.output, names, final)
        yield final


@contextmanager
def _desk(staging: str) -> Iterator[OneProcess | Processes]:
    """Several processes for a disk; one, which has Beam, for an object store."""
    if is_local(staging):
        Path(staging).mkdir(parents=True, exist_ok=True)
        with local_desk(staging) as desk:
            yield desk
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield OneProcess(partial(_put_object, staging), scratch)


def _put_object(folder: str, pieces: Pieces, name: str) -> OutputFile:
    return write_object(pieces, folder, name)


@dataclass(eq=False)
class Finish(beam.PTransform):
    """Digests, tallies and OutputFiles (a dict of PCollections) to one published Manifest.

    `runs` has the one Run of a window. What `report` writes is listed beside the tables.
    """

    runs: beam.PCollection
    report: Report

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Wait for everything, then publish once."""
        totals = inputs["tallies"] | beam.CombinePerKey(sum)
        return self.runs | beam.ParDo(
            _Finish(self.report),
            beam.pvalue.AsList(inputs["digests"]),
            beam.pvalue.AsList(totals),
            beam.pvalue.AsList(inputs["outputs"]),
        )
