"""Shows what a run is doing: a live line on a terminal, plain lines elsewhere.

The local runner tells of each stage that it begins. `data/batch_steps.toml` has the stages' shares
of a batch run's time, measured by `python -m benchmarks.batch --stages`. From these shares and the
time passed, the module estimates the share of work done and the time left. Other runners tell of no
stages, so they have no progress.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from pipelines.data_files import read_data

if TYPE_CHECKING:
    from transforms.local import Begins

SECONDS_A_LINE = 10
"""Shortest time between two plain lines of progress, in seconds."""

LINES_SHARE = 0.05
"""Shortest time between two plain lines, as a share of the time passed."""

SECONDS_A_LOOK = 1.0
"""Seconds between two updates of a terminal's live line."""

SECONDS_UNTIL_ESTIMATE = 10
SHARE_UNTIL_ESTIMATE = 0.2
"""Least seconds passed and share of work done before the time left is estimated: the pace of only
the first stage was measured to be off by a factor of two."""

ON_TIME_SHARE = 0.8
"""Share of a stage up to which its estimate is followed. The rest is approached ever more slowly,
so that a stage that takes longer than expected never passes its end."""

LATE_SHARE = 0.2
"""Least time left of a stage, as a share of the time it has taken: a stage that is far behind may
take much longer."""

_STDERR = 2
"""The file descriptor, which workers inherit."""


class StepCost(NamedTuple):
    """A step's work in words, and the share of a run that each of its stages takes, in order."""

    doing: str
    stages: tuple[int, ...]


def batch_steps() -> dict[str, StepCost]:
    """Reads the cost of each step of a batch run, by the name of the step."""
    steps = read_data("batch_steps").items()
    return {name: StepCost(step["doing"], tuple(step["stages"])) for name, step in steps}


class WorkDone:
    """Estimates the share of a run's work that is done, and the seconds left.

    A finished stage counts in full. A running stage's share grows at the pace of the work before
    it. The share never shrinks and stays below 1.

    Args:
        costs: The measured steps of the pipeline, by name.
    """

    def __init__(self, costs: Mapping[str, StepCost]) -> None:
        self._costs = costs
        self._total = sum(sum(cost.stages) for cost in costs.values())
        self._begun: Counter[str] = Counter()
        self._started: float | None = None
        self._passed, self._current = 0, 0
        self._since = 0.0
        self.doing = "starting"

    def begin(self, step: str, now: float) -> None:
        """Notes that a stage of `step` begins, and that the stage before it is over.

        A stage that was not measured belongs to the stage before it.
        """
        if self._started is None:
            self._started = now
        number = self._begun[step]
        self._begun[step] += 1
        cost = self._costs.get(step)
        if cost is None or number >= len(cost.stages) or not cost.stages[number]:
            return
        self._passed += self._current
        self._current, self._since = cost.stages[number], now
        self.doing = cost.doing

    def share(self, now: float) -> float:
        """Returns the share of the work that is done, from 0 to below 1."""
        expected = self._expected()
        if expected is None:
            return 0.0
        done = _eased((now - self._since) / expected)
        return (self._passed + self._current * done) / self._total

    def seconds_left(self, now: float) -> float | None:
        """Returns the seconds left; None while too little work is done to estimate them."""
        expected = self._expected()
        if expected is None or self._started is None:
            return None
        passed = now - self._started
        if passed < SECONDS_UNTIL_ESTIMATE or self.share(now) < SHARE_UNTIL_ESTIMATE:
            return None
        in_stage = now - self._since
        later = self._total - self._passed - self._current
        of_stage = max(expected - in_stage, LATE_SHARE * in_stage)
        return of_stage + later * expected / self._current

    def _expected(self) -> float | None:
        """Returns the seconds that the current stage takes, at the pace of earlier stages."""
        if self._started is None or not self._passed or self._since <= self._started:
            return None
        return (self._since - self._started) * self._current / self._passed

    def line(self, now: float) -> str:
        """Returns share and time left in words, such as "42 %, about 3 min left: linking".

        While the pace is unknown, it gives the time passed: "reading records, 20 s so far".
        """
        if self._expected() is None:
            return f"{self.doing}, {now - (self._started or now):.0f} s so far"
        left = self.seconds_left(now)
        estimate = "" if left is None else f", {about(left)} left"
        return f"{int(self.share(now) * 100)} %{estimate}: {self.doing}"


def _eased(share: float) -> float:
    """Returns the share of a stage that is done after a share of its expected time."""
    if share <= ON_TIME_SHARE:
        return max(share, 0.0)
    rest = 1 - ON_TIME_SHARE
    return 1 - rest * rest / (share - ON_TIME_SHARE + rest)


def about(seconds: float) -> str:
    """Returns an estimated time in words, rounded: "about 40 s", "about 1 h 20 min"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"about {max(round(seconds, -1), 10):.0f} s"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"about {minutes} min"
    hours, tens = divmod(round(minutes, -1), 60)
    return f"about {hours} h{f' {tens} min' if tens else ''}"


def exactly(seconds: float) -> str:
    """Returns a time in words: "8.3 s", "9 min 4 s", "1 h 18 min"."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def printable(text: str) -> str:
    """Returns text without characters that move a terminal's cursor or reorder its text."""
    return "".join(letter if letter.isprintable() else f"<U+{ord(letter):04X}>" for letter in text)


class Progress:
    """The progress of a run, written to a stream.

    Args:
        stream: The stream.
        costs: The measured steps of the pipeline; without them only the step is shown.
    """

    def __init__(self, stream: TextIO, costs: Mapping[str, StepCost] | None = None) -> None:
        self._stream = stream
        self._costs = costs or {}
        self._started = time.monotonic()

    def say(self, *lines: str) -> None:
        """Writes plain lines."""
        for line in lines:
            write_line(self._stream, printable(line))

    @contextmanager
    def following(self, steps: Sequence[str]) -> Iterator[Begins | None]:
        """Shows which of the pipeline's `steps`, in their order, the run has reached.

        Yields what is to be told of each stage that begins, if it can be shown.
        """
        try:
            # A duplicate of the stream, since the run may redirect the original.
            descriptor = os.dup(self._stream.fileno())
        except OSError:
            # A stream in memory, as in a notebook, shows only the run's beginning and end.
            yield None
            return
        with os.fdopen(descriptor, "w") as screen, self._shown(screen) as show:
            reached, over = _Reached(steps, self._costs, show), threading.Event()
            looking = threading.Thread(target=reached.look, args=(over,), daemon=True)
            looking.start()
            try:
                yield reached.begin
            finally:
                over.set()
                looking.join()

    @contextmanager
    def _shown(self, screen: TextIO) -> Iterator[Callable[[str], object]]:
        """Yields a function that shows a line: live on a terminal, else as plain lines."""
        if screen.isatty():
            from rich.console import Console

            console = Console(file=screen)
            if not console.is_dumb_terminal:
                with console.status("starting") as status:
                    yield status.update
                return
        yield ProgressLines(screen, time.monotonic).show

    def done(self, output: str) -> None:
        """Writes where the run is and how long it took."""
        self.say(f"done in {exactly(time.monotonic() - self._started)}: {output}")


class ProgressLines:
    """Plain lines, few enough that a scheduler's log stays readable."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._started = self._last = clock()

    def show(self, line: str) -> None:
        """Writes the line, unless a line was written less than ten seconds ago.

        In a run of more than some minutes, the interval is longer.
        """
        now = self._clock()
        if now - self._last >= max(SECONDS_A_LINE, LINES_SHARE * (now - self._started)):
            self._last = now
            write_line(self._stream, line)


def write_line(stream: TextIO, line: str) -> None:
    """Writes one of the program's own lines at once."""
    stream.write(f"ringtrace: {line}\n")
    stream.flush()


class _Reached:
    """Shows the step that a run has reached, by the stages that begin."""

    def __init__(
        self, steps: Sequence[str], costs: Mapping[str, StepCost], show: Callable[[str], object]
    ) -> None:
        self._steps = steps
        self._show = show
        self._begun: set[int] = set()
        self._work = WorkDone(costs) if costs else None
        self._lock = threading.Lock()

    def begin(self, labels: Sequence[str]) -> None:
        """Shows the step that a stage belongs to."""
        step = step_number(self._steps, labels)
        if not step:
            return
        with self._lock:
            if self._work is not None:
                self._work.begin(self._steps[step - 1], time.monotonic())
                self._show(self._work.line(time.monotonic()))
            elif step not in self._begun:
                self._begun.add(step)
                reached = f"step {len(self._begun)} of {len(self._steps)}"
                self._show(f"{reached}: {self._steps[step - 1]}")

    def look(self, over: threading.Event) -> None:
        """Shows every second how far the run is, until it is over."""
        while self._work is not None and not over.wait(SECONDS_A_LOOK):
            with self._lock:
                if self._work.doing != "starting":
                    self._show(self._work.line(time.monotonic()))


def step_number(steps: Sequence[str], labels: Sequence[str]) -> int:
    """Returns the number, from 1, of the first of `steps` among a stage's transforms; else 0.

    A stage without input only makes a constant, except for the first stage, which reads.
    """
    begun = {label.partition("/")[0] for label in labels if "/" in label}
    first = next((number for number, step in enumerate(steps, 1) if step in begun), 0)
    makes_constant = any(label.endswith("/Impulse") for label in labels)
    return 0 if first > 1 and makes_constant else first


@contextmanager
def suppress_stderr() -> Iterator[None]:
    """Discards stderr of this process and its workers until the block ends.

    Beam's workers write the data that a step failed on to stderr, at any log level. A victim's
    words must not be on a screen or in a scheduler's log.
    """
    sys.stderr.flush()
    seen = os.dup(_STDERR)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STDERR)
    try:
        yield
    finally:
        os.dup2(seen, _STDERR)
        os.close(seen)
