"""Watch a folder: look, run one tick of the pipeline on what is new, make its state the one."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import run_folder
from pipelines.batch.__main__ import outline
from pipelines.options import UsageError
from pipelines.progress import Progress, silenced
from pipelines.streaming.options import StreamOptions
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import days, make_plan, reading
from pipelines.streaming.watch_sources import (
    FOLDERS,
    Due,
    Folder,
    News,
    OneTick,
    Picked,
    TopicFeed,
    topics_of,
)
from pipelines.streaming.watch_state import FOLDER as STATE
from pipelines.streaming.watch_state import State
from transforms.alerts.sinks import ALERTS_FOLDER as ALERTS
from transforms.alerts.sinks import DELIVERED_FOLDER as DELIVERED
from transforms.gc_tuning import working
from transforms.stream.in_process import ALONE, Rerun
from transforms.stream.snapshots import FOLDER as SNAPSHOTS
from transforms.stream.state import KeepHere, Tick
from transforms.write.publish import recover

SHOWN = 10
"""Alerts of a tick that are said; the files hold all."""


AGAIN = 60
"""Seconds after which a webhook that did not take an alert is asked again, if nothing comes."""


LOOK = 0.5
"""Seconds between two looks at the folder."""


class Feed(Protocol):
    """Where records come from."""

    def look(self, picked: Mapping[str, Picked], *, final: bool = False) -> News:
        """What has come since `picked`."""


class Watch:
    """One stream over a watched folder, or over topics."""

    def __init__(self, options: StreamOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._reading = reading(options)
        self._state = State(options.output, days(options))
        self._feed: Feed = (
            Folder(options.watch, self._reading)
            if options.watch
            else TopicFeed(topics_of(options), str(Path(options.output, STATE)))
        )
        self._steps = {snapshot: self._built(snapshot=snapshot) for snapshot in (False, True)}
        self._last = Tick(0, snapshot=False)
        self._snapshot_at = 0
        self._changed = self._state.tick > 0
        self._alerts = files_in(options.output, ALERTS)
        recover_snapshots(options.output)

    def _built(self, *, snapshot: bool) -> Rerun:
        keep = KeepHere(days(self._options), self._state.alive)
        plan = make_plan(self._options, OneTick(self._reading), keep, snapshot=snapshot)
        pipeline = beam.Pipeline(options=PipelineOptions([*ALONE, *self._options.beam]))
        build(pipeline, plan)
        return Rerun(pipeline)

    def run(self, stopping: threading.Event) -> int:
        """Until told to stop, or idle for long enough; then a last snapshot.

        Returns how many alerts the webhook has not taken.
        """
        quiet_since = time.monotonic()
        while not stopping.is_set():
            idle = self._options.stop_after_idle
            ending = idle is not None and time.monotonic() - quiet_since >= idle
            news = self._feed.look(self._state.picked, final=ending)
            if news:
                if self._wait(stopping):
                    news = self._feed.look(self._state.picked, final=ending)
                self.tick(news, snapshot=time.time() >= self._snapshot_at)
                quiet_since = time.monotonic()
            elif self._owed() and time.time() >= self._last.second + AGAIN:
                self.tick(News((), (), self._state.picked), snapshot=False)
            elif ending:
                break
            else:
                stopping.wait(LOOK)
        if self._changed:
            self.tick(News((), (), self._state.picked), snapshot=True)
        for steps in self._steps.values():
            steps.close()
        return self._owed()

    def _wait(self, stopping: threading.Event) -> bool:
        """Until the next tick is due; whether that took a while."""
        left = self._last.second + self._options.every - time.time()
        if left > 0:
            stopping.wait(left)
        return left > 0

    def tick(self, news: News, *, snapshot: bool) -> None:
        """Look at what is alive with what is new, and make that the state that counts."""
        # Never two ticks in one second, also where a clock is set back.
        second = max(int(time.time()), self._last.second + 1)
        tick = Tick(second, snapshot)
        started = time.monotonic()
        with nullcontext() if self._options.debug else silenced():
            self._steps[snapshot].run(Due(news, tick))
        self._state.commit(news.picked)
        self._say_alerts()
        self._last = tick
        self._changed = not snapshot
        if snapshot:
            self._snapshot_at = second + self._options.snapshot_every
        parts = len({shard.file.label for shard in news.shards}) + len(news.rejects)
        what = f"{parts} file{'' if parts == 1 else 's'} read"
        what += f", snapshot {tick.name()}" if snapshot else ""
        self._progress.say(f"{what} ({time.monotonic() - started:.1f} s)")

    def _owed(self) -> int:
        """Alerts that the webhook, if there is one, has not taken."""
        if not self._options.webhook:
            return 0
        return len(self._alerts - files_in(self._options.output, DELIVERED))

    def _say_alerts(self) -> None:
        names = files_in(self._options.output, ALERTS)
        new = sorted(names - self._alerts)
        self._alerts = names
        for name in new[:SHOWN]:
            line = json.loads(Path(self._options.output, ALERTS, name).read_bytes())
            about = line["entity_id"] or line["cluster_id"]
            told = f"alert: {line['kind']}: {about}: {line['reason']}"
            self._progress.say("".join(one if one.isprintable() else "?" for one in told))
        if len(new) > SHOWN:
            self._progress.say(f"{len(new) - SHOWN} more alerts are in {ALERTS}/")


def watch(options: StreamOptions) -> int:
    """Run a stream over a watched folder; returns the exit status.

    Raises:
        UsageError: if a folder or a list cannot be used.
    """
    source = options.kafka_servers
    if options.watch:
        source = options.watch
        if not any(Path(source, one).is_dir() for one in FOLDERS.values()):
            raise UsageError(f"{source}: has no folder {' or '.join(FOLDERS.values())}; make one")
    progress = Progress(sys.stderr)
    with run_folder.held(options.output), stopped_by_signals() as stopping:
        stream = Watch(options, progress)
        progress.say(f"watching {source}; stop with Ctrl-C")
        try:
            with working():
                owed = stream.run(stopping)
        except Exception as error:
            if options.debug:
                raise
            sys.stderr.write(f"ringtrace: failed: {outline(error)}; --debug shows more\n")
            return 1
    if owed:
        sys.stderr.write(
            f"ringtrace: the webhook has not taken {owed} alerts; they are in {ALERTS}/, and are "
            "sent again at the next start\n"
        )
        return 1
    progress.done(options.output)
    return 0


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or a scheduler's SIGTERM sets, in place of ending the process."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def files_in(output: str, folder: str) -> set[str]:
    """The names of the alerts that are written, or delivered."""
    return {path.name for path in Path(output, folder).glob("a-*.jsonl")}


def recover_snapshots(output: str) -> None:
    """Clear away what a killed stream left of a snapshot that it was writing."""
    for left in sorted(Path(output, SNAPSHOTS).glob(".*.staging-*")):
        recover(str(left.with_name(left.name.removeprefix(".").partition(".staging-")[0])))
