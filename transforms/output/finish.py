"""The last step: the accounting, the report and the manifest, and the run appears."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from schemas.manifest import Manifest, OutputFile
from transforms.accounting import Run, Tally, manifest, with_rows
from transforms.output.desk import Desk, OneProcess, Processes, local_desk
from transforms.output.files import Pieces, is_local
from transforms.output.memory import give_back
from transforms.output.publish import publish
from transforms.output.write import write_object

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
