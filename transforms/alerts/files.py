"""Alerts as files, one a line of JSON: `cat alerts/*.jsonl` is JSON Lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from transforms.alerts.lines import lines
from transforms.output.files import is_local

FOLDER = "alerts"


def write_alert(folder: str, alert_id: str, line: bytes) -> bool:
    """Write an alert's file unless it is there; whether it was new.

    A file is named after its alert's id, so a retry, a restart or another worker cannot double it,
    and it appears whole.
    """
    path = FileSystems.join(folder, f"{alert_id}.jsonl")
    if not is_local(folder):
        if FileSystems.exists(path):
            return False
        with FileSystems.create(path) as sink:
            sink.write(line)
        return True
    whole = Path(path)
    if whole.exists():
        return False
    aside = whole.with_name(f".{alert_id}.{os.getpid()}")
    whole.parent.mkdir(parents=True, exist_ok=True)
    with aside.open("wb") as sink:
        sink.write(line)
        sink.flush()
        os.fsync(sink.fileno())
    aside.rename(whole)
    return True


def _write(alerts: pa.RecordBatch, folder: str) -> Iterator[str]:
    for alert_id, line in lines(alerts):
        if write_alert(folder, alert_id, line):
            yield alert_id


@dataclass(eq=False)
class WriteAlerts(beam.PTransform):
    """ALERT batches to files below `output`/alerts; yields the ids of those that were new."""

    output: str

    def expand(self, alerts: beam.PCollection) -> Any:
        """One file an alert."""
        return alerts | beam.FlatMap(_write, FileSystems.join(self.output, FOLDER))
