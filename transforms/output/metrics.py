"""The counters that an engine shows while a job runs; docs/operations.md says what to watch.

They are Beam counters of the namespace `ringtrace`: Dataflow shows them as a job's custom counters
and Flink as metrics of its operators. A worker that is retried may count twice; the manifest does
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.metrics import Metrics

from transforms.accounting import Tally

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
