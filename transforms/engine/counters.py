"""Counts rows where they pass: for the manifest's accounting, and for the engine's own counters.

The engine's are Beam counters of the namespace `ringtrace`: Dataflow shows them as a job's custom
counters and Flink as metrics of its operators; docs/operations.md says what to watch. A worker that
is retried may count twice there; the manifest does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics

from schemas.enums import RecordKind, Stage
from schemas.reject import Code
from transforms.custody import ERASED, CounterValue, rejected_by_file_group, rows_by_file_group

KIND_PLURAL = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}

NAMESPACE = "ringtrace"

ENGINE_COUNTERS: Mapping[tuple[str, str], str] = {
    (kind, count): f"{kind}_{count}"
    for kind in ("complaints", "calls")
    for count in ("read", "accepted", "duplicates", "rejected", ERASED)
} | {
    ("links", "records_too_wide"): "records_too_wide",
    ("clusters", "clusters"): "clusters",
    ("clusters", "members"): "members",
    ("live", "ticks"): "ticks",
    ("live", "duplicates"): "duplicates",
    ("live", "expired"): "expired",
    ("live", ERASED): ERASED,
    ("alerts", "written"): "alerts_written",
    ("alerts", "refused"): "alerts_refused",
}
"""The engine's name of a (group, name) counter. Names never come from a record's values."""


def count_read(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[CounterValue]:
    """Counts rows of a loose batch as read, in all and by file."""
    yield (KIND_PLURAL[kind], "read"), batch.num_rows
    yield from count_values(rows_by_file_group(kind), batch["source"])


def count_accepted(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[CounterValue]:
    """Counts rows of an accepted batch, including duplicates."""
    yield (KIND_PLURAL[kind], "accepted"), batch.num_rows


def count_rejects(batch: pa.RecordBatch) -> Iterator[CounterValue]:
    """Counts rows of a REJECT batch; those that reading refused count as read, too."""
    for kind, name in KIND_PLURAL.items():
        of_kind = batch.filter(pc.equal(batch["record_kind"], str(kind)))
        yield (name, "rejected"), of_kind.num_rows
        unread = of_kind.filter(pc.equal(of_kind["stage"], Stage.READ))
        yield (name, "read"), unread.num_rows
        yield from count_values(rows_by_file_group(kind), unread["source"])
        faulty = of_kind.filter(pc.not_equal(of_kind["code"], Code.AFTER_AS_OF))
        yield from count_values(rejected_by_file_group(kind), faulty["source"])
        yield from count_values(f"{kind}_rejects", of_kind["code"])


def count_members(batch: pa.RecordBatch) -> Iterator[CounterValue]:
    """Counts members, clusters, and the members of a batch's largest (ties: smallest id)."""
    yield ("clusters", "members"), pc.sum(batch["size"]).as_py() or 0
    yield ("clusters", "clusters"), batch.num_rows
    largest = pc.max(batch["size"]).as_py()
    if largest:
        name = pc.min(batch["cluster_id"].filter(pc.equal(batch["size"], largest))).as_py()
        yield ("cluster_sizes", name), largest


def increment_engine_counter(counter: CounterValue) -> None:
    """Adds to the engine's counter of that name, if it has one; to be called in a step."""
    key, count = counter
    if name := ENGINE_COUNTERS.get(key):
        Metrics.counter(NAMESPACE, name).inc(count)


def count_values(group: str, column: pa.Array) -> Iterator[CounterValue]:
    """Counts the rows of each value of a column."""
    for value_count in pc.value_counts(column).to_pylist():
        yield (group, value_count["values"]), value_count["counts"]
