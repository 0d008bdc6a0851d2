"""Count rows where they pass, for the accounting of the run.

The counters that an engine shows while a job runs; docs/operations.md says what to watch.

They are Beam counters of the namespace `ringtrace`: Dataflow shows them as a job's custom counters
and Flink as metrics of its operators. A worker that is retried may count twice; the manifest does
not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics

from schemas.enums import RecordKind, Stage
from transforms.manifest import Tally, rows_of

PLURAL = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}


def count_read(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[Tally]:
    """Rows of a loose batch: read, in all and of each file."""
    yield (PLURAL[kind], "read"), batch.num_rows
    yield from _by_value(rows_of(kind), batch["source"])


def count_accepted(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[Tally]:
    """Rows of an accepted batch, duplicates among them."""
    yield (PLURAL[kind], "accepted"), batch.num_rows


def count_rejects(batch: pa.RecordBatch) -> Iterator[Tally]:
    """Rows of a REJECT batch; those that reading refused were read, too."""
    for kind, name in PLURAL.items():
        of_kind = batch.filter(pc.equal(batch["record_kind"], str(kind)))
        yield (name, "rejected"), of_kind.num_rows
        unread = of_kind.filter(pc.equal(of_kind["stage"], str(Stage.READ)))
        yield (name, "read"), unread.num_rows
        yield from _by_value(rows_of(kind), unread["source"])
        yield from _by_value(f"{kind}_rejects", of_kind["code"])


def count_members(batch: pa.RecordBatch) -> Iterator[Tally]:
    """Members in all, clusters, and the members of the largest (ties: smallest id) of a batch."""
    yield ("clusters", "members"), pc.sum(batch["size"]).as_py() or 0
    yield ("clusters", "clusters"), batch.num_rows
    largest = pc.max(batch["size"]).as_py()
    if largest:
        name = pc.min(batch["cluster_id"].filter(pc.equal(batch["size"], largest))).as_py()
        yield ("cluster_sizes", name), largest


def _by_value(group: str, column: pa.Array) -> Iterator[Tally]:
    for one in pc.value_counts(column).to_pylist():
        yield (group, one["values"]), one["counts"]


@dataclass(eq=False)
class CountRead(beam.PTransform):
    """Loose batches to tallies."""

    kind: RecordKind

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """One tally a batch and file."""
        return batches | beam.FlatMap(count_read, self.kind)


@dataclass(eq=False)
class CountAccepted(beam.PTransform):
    """Accepted batches of a stream, whose duplicates are known later, to tallies."""

    kind: RecordKind

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """One tally a batch."""
        return batches | beam.FlatMap(count_accepted, self.kind)


@dataclass(eq=False)
class CountRejects(beam.PTransform):
    """REJECT batches to tallies."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """A few tallies a batch."""
        return batches | beam.FlatMap(count_rejects)


@dataclass(eq=False)
class CountMembers(beam.PTransform):
    """CLUSTER batches to tallies."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Three tallies a batch."""
        return batches | beam.FlatMap(count_members)


NAMESPACE = "ringtrace"


COUNTERS: Mapping[tuple[str, str], str] = {
    (kind, what): f"{kind}_{what}"
    for kind in ("complaints", "calls")
    for what in ("read", "accepted", "duplicates", "rejected")
} | {
    ("links", "records_too_wide"): "records_too_wide",
    ("clusters", "clusters"): "clusters",
    ("clusters", "members"): "members",
    ("live", "ticks"): "ticks",
    ("live", "duplicates"): "duplicates",
    ("live", "expired"): "expired",
    ("alerts", "told"): "alerts_told",
}
"""A counter's name by the tally that it shows; none is named after what a record holds."""


def show(tally: Tally) -> None:
    """Add a tally to its counter, if it has one; to be called in a step."""
    key, count = tally
    if name := COUNTERS.get(key):
        Metrics.counter(NAMESPACE, name).inc(count)


class _Show(beam.DoFn):
    def process(self, tally: Tally) -> None:
        show(tally)


@dataclass(eq=False)
class ShowCounters(beam.PTransform):
    """Tallies to the engine's counters; yields nothing."""

    def expand(self, tallies: beam.PCollection) -> beam.PCollection:
        """Count where the tallies pass."""
        return tallies | beam.ParDo(_Show())
