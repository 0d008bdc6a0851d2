"""Ticks: the instants at which a stream's live evidence is looked at as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import apache_beam as beam
from apache_beam.transforms.periodicsequence import PeriodicImpulse, RebaseMode
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import Timestamp

WINDOW = 1
"""Seconds of the window of a tick. Ticks are whole seconds apart: no two share a window."""


@dataclass(frozen=True)
class Tick:
    """One instant, in whole seconds since the epoch, and whether a snapshot is written then."""

    second: int
    snapshot: bool

    def name(self) -> str:
        """The instant as the name of a folder."""
        return datetime.fromtimestamp(self.second, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def ticks_of(pulse: float, every: int, snapshot_every: int) -> Iterator[Tick]:
    """The tick of a pulse, in seconds since the epoch, if there is one: every `every` seconds.

    After a pause all the pulses of that time come at once. The ticks among them are left out, but
    for those of snapshots, since the newest one shows all that they would.
    """
    second = int(pulse)
    if second % every == 0:
        snapshot = second % snapshot_every < every
        if snapshot or time.time() - second <= every:
            yield Tick(second, snapshot)


def windows() -> beam.WindowInto:
    """Each tick, and what comes of it, in a window of its own."""
    return beam.WindowInto(FixedWindows(WINDOW))


@dataclass(eq=False)
class Clock(beam.PTransform):
    """Ticks by the clock, for engines with splittable DoFns; a pulse a second moves the watermark.

    Without the pulses a tick's window would stay open until the next tick.
    """

    every: int
    snapshot_every: int

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Pulses in the middle of each second, of which some are ticks."""
        start = Timestamp(int(time.time()) + 0.5)
        return (
            begin
            | "Pulse" >> PeriodicImpulse(start, fire_interval=1, rebase=RebaseMode.REBASE_NONE)
            | "Tick" >> beam.FlatMap(ticks_of, self.every, self.snapshot_every)
        )
