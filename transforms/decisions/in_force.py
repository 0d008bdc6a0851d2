"""Which decisions bind a run, known once its newest record is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from transforms.decisions.decision_file import Decision
from transforms.decisions.rulings import InForce, in_force

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING = -1
"""The newest record of a run without any."""


def newest(records: pa.RecordBatch) -> int:
    """Microseconds since the epoch of the newest complaint or call of a batch."""
    when = "received_at" if "received_at" in records.schema.names else "started_at"
    latest = pc.max(records[when].cast(pa.int64())).as_py()
    return NOTHING if latest is None else latest


def _nothing(_: object) -> int:
    return NOTHING


def binding_at(micros: int, decisions: tuple[Decision, ...], as_of: datetime | None) -> InForce:
    """`decisions.in_force` at `as_of`, or at the newest record."""
    when = None if micros == NOTHING else EPOCH + timedelta(microseconds=micros)
    return in_force(decisions, as_of, when)


@dataclass(eq=False)
class Decisions(beam.PTransform):
    """Batches of unique complaints and calls (a tuple of PCollections) to one InForce.

    `start` has one element a window: a run without records has decisions too.
    """

    decisions: tuple[Decision, ...]
    as_of: datetime | None
    start: beam.PCollection

    def expand(self, records: tuple[beam.PCollection, ...]) -> Any:
        """The newest record of all, then what is in force then."""
        start = self.start | "No record yet" >> beam.Map(_nothing)
        moments = [
            batches | f"Newest of {number}" >> beam.Map(newest)
            for number, batches in enumerate(records)
        ]
        return (
            (*moments, start)
            | beam.Flatten()
            | beam.CombineGlobally(max).without_defaults()
            | beam.Map(binding_at, self.decisions, self.as_of)
        )


@dataclass(eq=False)
class CountDecisions(beam.PTransform):
    """One InForce to tallies."""

    def expand(self, decided: beam.PCollection) -> Any:
        """See `InForce.tallies`."""
        return decided | beam.FlatMap(InForce.tallies)
