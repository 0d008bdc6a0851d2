"""The last step: the accounting, the report and the manifest, and the run appears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from schemas.manifest import Manifest, OutputFile
from transforms.accounting import Run, Tally, manifest, with_rows
from transforms.output.publish import publish
from transforms.output.write import write_file

Report = Callable[[str, Manifest], Iterator[tuple[str, bytes]]]
"""Makes files, by name within the run, from the folder of the written tables and the manifest."""


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
        for name, content in self._report(run.staging, draft):
            written.append(write_file(content, run.staging, name, 0))
        final = manifest(run, inputs, written, counted)
        names = [one["name"] for one in written]
        publish(run.staging, run.output, names, final)
        yield final


@dataclass(eq=False)
class Finish(beam.PTransform):
    """Digests, tallies and OutputFiles (a dict of PCollections) to one published Manifest.

    `runs` has the one Run of a window. What `report` makes is written and listed beside the tables.
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
