"""Snapshots: the clusters of one tick, written and published as a run of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from transforms.accounting import Run
from transforms.live.ticks import Tick
from transforms.output.publish import staging_folder

FOLDER = "snapshots"
"""Below the stream's output: a folder a snapshot, named after its instant."""


@dataclass(frozen=True)
class Snapshots:
    """What the manifests of a stream's snapshots have in common."""

    output: str
    versions: Mapping[str, str]
    options: Mapping[str, object] = field(default_factory=dict)


def runs_of(tick: Tick, snapshots: Snapshots) -> Iterator[Run]:
    """The run that a snapshot is, if one is due at this tick.

    The staging folder is named after the instant too: a retry writes the same files again.
    """
    if tick.snapshot:
        output = FileSystems.join(snapshots.output.rstrip("/"), FOLDER, tick.name())
        yield Run(
            staging=staging_folder(output, "stream"),
            output=output,
            versions=snapshots.versions,
            options={**snapshots.options, "snapshot": tick.name()},
        )


@dataclass(eq=False)
class SnapshotRuns(beam.PTransform):
    """Ticks to Runs."""

    snapshots: Snapshots

    def expand(self, ticks: beam.PCollection) -> Any:
        """At most one a tick."""
        return ticks | beam.FlatMap(runs_of, self.snapshots)
