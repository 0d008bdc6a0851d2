"""The clusters that are known already: those of the latest batch run, read again at every tick."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from schemas.manifest import NAME
from schemas.tables import MEMBERS
from transforms.graph.lineage import previous_members

TRIES, PAUSE = 5, 0.2
"""A run that is being replaced is not there for a moment: how often, and after how many seconds."""


def read_known(folder: str, but: str | None) -> tuple[str, list[pa.RecordBatch]] | None:
    """A run's id and the PREVIOUS batches of its members; nothing if it is still the run `but`.

    Raises:
        OSError: if the folder is no finished run, or one that ended while it was read.
    """
    base = folder.rstrip("/")
    with FileSystems.open(FileSystems.join(base, NAME)) as file:
        manifest = json.loads(file.read())
    if manifest["run_id"] == but:
        return None
    names = sorted(one["name"] for one in manifest["outputs"])
    files = [name for name in names if name.startswith(f"{MEMBERS.name}/")]
    paths = [FileSystems.join(base, *name.split("/")) for name in files]
    return manifest["run_id"], [batch for path in paths for batch in previous_members(path)]


class _Known(beam.DoFn):
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._run_id: str | None = None
        self._members: list[pa.RecordBatch] = []

    def process(self, _: object) -> Iterator[pa.RecordBatch]:
        self._refresh()
        yield from self._members

    def _refresh(self) -> None:
        for left in reversed(range(TRIES)):
            try:
                found = read_known(self._folder, self._run_id)
            except OSError:
                if not left:
                    if self._run_id is None:
                        raise
                    return  # what was known stays known
                time.sleep(PAUSE)
            else:
                if found is not None:
                    self._run_id, self._members = found
                return


@dataclass(eq=False)
class KnownMembers(beam.PTransform):
    """One element a window to the PREVIOUS batches of the run in `folder`; nothing without one."""

    folder: str | None

    def expand(self, start: beam.PCollection) -> Any:
        """Look at the manifest once a window; read the members when the run is another one."""
        if self.folder is None:
            return start | beam.Filter(_never)
        return start | beam.ParDo(_Known(self.folder))


def _never(_: object) -> bool:
    return False
