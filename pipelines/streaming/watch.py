"""Runs a stream on this machine: polls, runs a tick of the pipeline on new records, commits."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines import key_store, run_folder
from pipelines.options import FailedError, UsageError
from pipelines.progress import Progress, suppress_stderr
from pipelines.runner import report_failure
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import (
    LiveDecisions,
    current_erasures,
    retention_days,
    stream_read_options,
    tick_analysis,
    watch_plan,
)
from pipelines.streaming.state_folder import STATE_FOLDER, VERSION, StreamState
from pipelines.streaming.watch_sources import (
    FOLDERS,
    DueTick,
    NewRecords,
    OneTick,
    TopicFeed,
    WatchedFolder,
)
from pipelines.user_files import read_source_rules
from reports.text import quantity
from schemas.manifest import MANIFEST_NAME, InputEntries
from schemas.tables import HELD_FOLDER
from transforms.alerts import ALERTS_FOLDER as ALERTS, DELIVERED_FOLDER as DELIVERED
from transforms.engine import gc_tuned
from transforms.local import LocalExecutor, local_executor
from transforms.stream import SNAPSHOTS_FOLDER as SNAPSHOTS, KeepStateInMemory, Tick
from transforms.write import is_local, recover_output

if TYPE_CHECKING:
    from pipelines.batch.joint_pipeline import LiveEvidence

MOST_ALERTS_SHOWN = 10
"""Largest number of a tick's alerts that are shown; the files have all."""

JOINT = "joint"
"""The folder, below the output, of snapshots joined with offers, each under its name."""

RETRY_SECONDS = 60
"""Seconds before an alert that a webhook did not accept is sent again, if no records arrive."""

POLL_SECONDS, POLL_SHARE = 0.5, 4.0
"""Shortest time between two polls: in seconds, and as a multiple of a poll's CPU time."""


class Watch:
    """A stream over a watched folder, or over topics.

    `clock` returns the time of a tick, in seconds since 1970.
    """

    def __init__(
        self, options: Namespace, progress: Progress, clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._say = progress.say
        self._clock = clock
        self._reading = stream_read_options(options)
        self._feed: WatchedFolder | TopicFeed = (
            WatchedFolder(options.watch, self._reading)
            if options.watch
            else TopicFeed(options, str(Path(options.output, STATE_FOLDER)))
        )
        rules = read_source_rules(options.sources)
        self._state = StreamState(
            options.output, retention_days(options), rules, migrate=options.migrate_state
        )
        if (version := self._state.migrated_from) is not None:
            progress.say(f"{STATE_FOLDER}/ was of version {version} and is of {VERSION} now")
        self.decisions = LiveDecisions(options)
        self._erasures = current_erasures(options)
        self._erasures_seen = key_store.erasures_stamp()
        self._problem: str | None = None
        self._gone = False
        self._evidence: LiveEvidence | None = None
        if options.offer:
            from pipelines.batch.joint_pipeline import LiveEvidence  # loaded only with offers

            self._evidence = LiveEvidence()
        self._raised: list[pa.RecordBatch] = []
        self._steps = {snapshot: self._built(snapshot=snapshot) for snapshot in (False, True)}
        self._last = Tick(0, snapshot=False)
        # Monotonic times of the last tick and the next snapshot: setting a clock moves neither.
        self._ticked = self._snapshot_due = -math.inf
        self._changed = self._state.tick > 0
        self._alerts = alert_files(options.output, ALERTS)
        self._owed = self._not_delivered()
        self.entries: InputEntries | None = None
        remove_begun_alerts(Path(options.output))
        recover_snapshots(Path(options.output, SNAPSHOTS))
        recover_snapshots(Path(options.output, JOINT))
        if options.private_output and is_local(options.private_output):
            recover_snapshots(Path(options.private_output))

    def _built(self, *, snapshot: bool) -> LocalExecutor:
        keep = KeepStateInMemory(retention_days(self._options), self._state.alive)
        source = OneTick(self._reading)
        options, erasures = self._options, self._erasures
        analyze = tick_analysis(options, self.decisions, erasures)
        analyze = replace(analyze, place=self._state.alive.place, joined=self._evidence)
        if not snapshot:
            analyze = replace(analyze, snapshots=None, joined=None)
        plan = watch_plan(options, source, keep, analyze, erasures, self._raised)
        return local_executor(partial(build, plan=plan), options.beam, remembers=not snapshot)

    def run(self, stopping: threading.Event) -> int:
        """Runs ticks until stopped, or idle for long enough; then writes a last snapshot.

        Returns the number of alerts that the webhook has not accepted.
        """
        idle_since = time.monotonic()
        while not stopping.is_set():
            idle = self._options.stop_after_idle
            ending = idle is not None and time.monotonic() - idle_since >= idle
            begun = time.thread_time()
            news = self._feed.poll(self._state.positions, final=ending)
            # Checking many thousand files takes seconds, so it is not done all the time.
            pause = max(POLL_SECONDS, POLL_SHARE * (time.thread_time() - begun))
            self.entries = news.entries
            self._show_gone()
            if not news:
                # Positions can change without records: a file was touched, a partition is empty.
                self._state.positions = dict(news.positions)
            if news:
                if self._wait(stopping):
                    news = self._feed.poll(self._state.positions, final=ending)
                self.tick(news, snapshot=time.monotonic() >= self._snapshot_due)
                idle_since = time.monotonic()
            elif (self._owed and time.monotonic() >= self._ticked + RETRY_SECONDS) or (
                not ending
                and self._state.tick
                and (self.decisions.changed() or self._owes_erasure())
            ):
                self._tick_again(snapshot=False)
            elif ending:
                break
            else:
                stopping.wait(pause)
        if self._changed:
            self._tick_again(snapshot=True)
        for steps in self._steps.values():
            steps.close()
        return len(self._owed)

    def _wait(self, stopping: threading.Event) -> bool:
        """Waits until the next tick is due; returns whether it waited."""
        left = self._ticked + self._options.tick_interval - time.monotonic()
        if left > 0:
            stopping.wait(left)
        return left > 0

    def _tick_again(self, *, snapshot: bool) -> None:
        self.tick(NewRecords((), (), self._state.positions), snapshot=snapshot)

    def tick(self, news: NewRecords, *, snapshot: bool) -> None:
        """Analyzes the living evidence with the new records, and commits it as the state."""
        # Never two ticks in one second, even if a clock is set back.
        second = max(int(self._clock()), self._last.second + 1)
        self.entries = news.entries or self.entries
        tick = Tick(second, snapshot, self.entries)
        started = self._ticked = time.monotonic()
        self._raised.clear()
        if self._owes_erasure():
            self._state.erase(self._erasures.known)
        with nullcontext() if self._options.debug else suppress_stderr():
            self._steps[snapshot].run(DueTick(news, tick))
        self._state.commit(news.positions)
        self._show_alerts()
        self._show_owed()
        if self.decisions.problem not in (None, self._problem):
            self._say(f"warning: {self.decisions.problem}")
        self._problem = self.decisions.problem
        self._last = tick
        self._changed = not snapshot
        if snapshot:
            self._snapshot_due = started + self._options.snapshot_interval
            self._join(tick)
        parts = len({shard.file.label for shard in news.shards}) + len(news.rejects)
        done = f"{quantity(parts, 'file')} read"
        done += f", snapshot {tick.name()}" if snapshot else ""
        self._say(f"{done} ({time.monotonic() - started:.1f} s)")

    def _join(self, tick: Tick) -> None:
        """Joins the snapshot of a tick with offers, if there are any; or says why it could not.

        The offers are read again, and expired ones are left out. The result follows the previous
        joint snapshot.
        """
        if self._evidence is None:
            return
        from pipelines.batch.join import join_arguments, join_run
        from pipelines.letters.accepted_offers import recipient_of_offers

        options, name = self._options, tick.name()
        folder, private = Path(options.output, JOINT), options.private_output
        before = (str(path.parent) for path in folder.glob(f"[0-9]*/{MANIFEST_NAME}"))
        try:
            made = join_arguments(
                options,
                str(Path(options.output, SNAPSHOTS, name)),
                output=str(folder / name),
                private_output=str(Path(private, f"{name}-joint")) if private else None,
                previous=max(before, default=None),
                now=tick.moment(),
                me=recipient_of_offers(options.offer, tick.moment()),
            )
            join_run(made, self._evidence)
            self._say(f"the snapshot joined with offers is {made.output}")
        except (UsageError, FailedError, OSError) as error:
            self._say(f"warning: {error}; snapshot {name} is not joined")
        finally:
            self._evidence.clear()

    def _owes_erasure(self) -> bool:
        """Reads the list of erased records, if it changed; tells if the state must be erased."""
        if (seen := key_store.erasures_stamp()) != self._erasures_seen:
            self._erasures.known = current_erasures(self._options).known
            self._erasures_seen = seen
        known = self._erasures.known
        return (known.digest if known else None) != self._state.erasures

    def _not_delivered(self) -> set[str]:
        """Lists the alerts that the webhook, if there is one, has not accepted."""
        if not self._options.webhook:
            return set()
        return self._alerts - alert_files(self._options.output, DELIVERED)

    def _show_gone(self) -> None:
        """Reports that the watched folder is gone, such as an unmounted disk, or is back."""
        watched, before = self._options.watch, self._gone
        self._gone = watched is not None and not has_folders(watched)
        if self._gone and not before:
            self._say(f"warning: {watched}: is gone; nothing is read until it is back")
        elif before and not self._gone:
            self._say(f"{watched}: is there again")

    def _show_owed(self) -> None:
        """Reports which alerts are owed to the webhook, if that has changed.

        An alert that is no longer raised, because it is old or was wrong, is never sent.
        """
        before, left = self._owed, self._not_delivered()
        raised = {
            f"{alert_id}.jsonl"
            for rows in self._raised
            for alert_id in rows["alert_id"].to_pylist()
        }
        self._owed = left & raised
        if self._owed and not before & self._owed:
            number = quantity(len(self._owed), "alert")
            self._say(f"warning: the webhook has not accepted {number}: sent again later")
        if gone := (before & left) - raised:
            number = quantity(len(gone), "alert")
            self._say(
                f"warning: {number} that the webhook has not accepted, raised no more and not sent "
                f"again, in {ALERTS}/"
            )
        if before and not left:
            self._say("the webhook has accepted every alert")

    def _show_alerts(self) -> None:
        names = alert_files(self._options.output, ALERTS)
        new = sorted(names - self._alerts)
        self._alerts = names
        # Alerts are not read from the files, since somebody may have moved these away.
        rows = [row for batch in self._raised for row in batch.to_pylist()]
        raised = {f"{row['alert_id']}.jsonl": row for row in rows}
        for line in [raised[name] for name in new if name in raised][:MOST_ALERTS_SHOWN]:
            about = line["entity_id"] or line["cluster_id"]
            self._say(f"alert: {line['kind']}: {about}: {line['reason']}")
        if len(new) > MOST_ALERTS_SHOWN:
            self._say(f"{len(new) - MOST_ALERTS_SHOWN} more alerts are in {ALERTS}/")


def run_watch(options: Namespace) -> int:
    """Runs a stream over a watched folder or Kafka topics; returns the exit status.

    Raises:
        UsageError: if a folder or a list cannot be used.
    """
    source = options.kafka_servers
    if options.watch:
        source = options.watch
        if not Path(source).is_dir():
            raise UsageError(
                f"--watch {source}: is not a folder; give the one that records arrive in"
            )
        if not has_folders(source):
            raise UsageError(f"{source}: has no folder {' or '.join(FOLDERS.values())}; make one")
    check_output(options.output)
    # These checks come before anything is written.
    tick_analysis(options)
    if options.offer:
        from pipelines.letters.accepted_offers import recipient_of_offers

        recipient_of_offers(options.offer, datetime.now(UTC))
    progress = Progress(sys.stderr)
    with run_folder.lock_output(options.output), stop_on_signals() as stopping:
        stream = Watch(options, progress)
        private = run_folder.private_store(options.output, options.private_output, "")
        progress.say(*run_folder.opening_lines(private))
        progress.say(f"watching {source}; stop with Ctrl-C")
        try:
            with gc_tuned():
                owed = stream.run(stopping)
        except Exception as error:
            report_failure(error, debug=options.debug)
    if owed:
        sys.stderr.write(
            f"ringtrace: the webhook has not accepted {owed} alerts; they are in {ALERTS}/ and "
            "will be sent at the next start\n"
        )
        return 1
    progress.say(*run_folder.stream_summary_lines(options.output))
    progress.say(*run_folder.entry_lines(stream.entries))
    progress.done(options.output)
    # The stream did its work; the exit status tells a scheduler of files that it could not read and
    # of alerts that it held back.
    unread = stream.entries is not None and stream.entries["unreadable"] > 0
    withheld = len(alert_files(options.output, f"{HELD_FOLDER}/{ALERTS}"))
    if withheld:
        progress.say(
            f"warning: {quantity(withheld, 'alert')} held back in "
            f"{options.output}/{HELD_FOLDER}, as they name what must not leave"
        )
    return int(bool(withheld) or (unread and not options.skip_unreadable))


def has_folders(watched: str) -> bool:
    """Tests if a watched folder has a folder for complaints or for calls."""
    return any(Path(watched, name).is_dir() for name in FOLDERS.values())


def check_output(output: str) -> None:
    """Raises UsageError for an object store, or an output with files that no stream wrote."""
    if not is_local(output):
        raise UsageError(f"--output {output}: a stream on this machine writes to a disk; give one")
    folder = Path(output)
    taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if taken and not any(Path(output, name).is_dir() for name in (STATE_FOLDER, ALERTS, SNAPSHOTS)):
        raise UsageError(f"{output}: exists and is not a stream's; give another --output")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yields an event that Ctrl-C or a scheduler's SIGTERM sets, instead of ending the process."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    before = {sig: signal.signal(sig, stop) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def alert_files(output: str, folder: str) -> set[str]:
    """Returns the names of the alerts in a folder of the output: written, or delivered."""
    path = Path(output, folder)
    # Path.glob takes ten times as long.
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else ()
    return {name for name in names if name.startswith("a-") and name.endswith(".jsonl")}


def remove_begun_alerts(output: Path) -> None:
    """Removes unfinished alert files that a killed stream left."""
    for folder in (ALERTS, DELIVERED, f"{HELD_FOLDER}/{ALERTS}"):
        for path in (output / folder).glob(".a-*"):
            path.unlink()


def recover_snapshots(folder: Path) -> None:
    """Removes an unfinished snapshot that a killed stream left."""
    for left in sorted(folder.glob(".*.staging-*")):
        recover_output(str(left.with_name(left.name.removeprefix(".").partition(".staging-")[0])))
