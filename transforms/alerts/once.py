"""Each alert once: what was told at an earlier tick is not told again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import PickleCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindows

from schemas.alert import ALERT
from transforms.alerts.raise_alerts import batch_of
from transforms.shuffle import split, table_of

REMEMBERED = 90 * 86_400
"""Seconds after which an alert that was not raised any more is forgotten; evidence of most kinds
has expired by then."""


class _Once(beam.DoFn):
    """State of a partition: the ids of alerts that were told, and when each was last raised."""

    TOLD = ReadModifyWriteStateSpec("told", PickleCoder())

    def process(
        self,
        keyed: tuple[int, list[pa.RecordBatch]],
        at: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(TOLD),  # noqa: B008 - how Beam declares state
    ) -> Iterator[pa.RecordBatch]:
        now = int(at.micros // 1_000_000)
        told: dict[str, int] = state.read() or {}
        rows = batch_of(table_of(keyed[1], ALERT).to_pylist())
        ids = rows["alert_id"].to_pylist()
        new = [row for row, one in enumerate(ids) if one not in told]
        told = {one: then for one, then in told.items() if now - then <= REMEMBERED}
        state.write(told | dict.fromkeys(ids, now))
        if new:
            yield rows.take(pa.array(new))


def _listed(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> tuple[int, list[pa.RecordBatch]]:
    return keyed[0], list(keyed[1])


@dataclass(eq=False)
class Once(beam.PTransform):
    """ALERT batches of a tick's window to those that no earlier tick had, in the global window."""

    def expand(self, alerts: beam.PCollection) -> Any:
        """Bring a tick's alerts together by id, then hold them against state."""
        return (
            alerts
            | "By id" >> beam.FlatMap(split, ("alert_id",))
            | "Of a tick" >> beam.GroupByKey()
            | "As a list" >> beam.Map(_listed).with_output_types(tuple[int, Any])
            | "For ever" >> beam.WindowInto(GlobalWindows())
            | "Once" >> beam.ParDo(_Once())
        )
