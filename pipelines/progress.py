"""Shows what a run is doing: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

SECONDS_A_LINE = 10
"""Least seconds between two plain lines of progress."""

BUNDLE_LOGGER = "apache_beam.runners.portability.fn_api_runner.fn_runner.run_bundle"
"""The logger on which Beam's local runner names each stage that it runs."""

_STDERR = 2
"""The file descriptor, which workers inherit."""


class Progress:
    """Progress of one run on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()

    def say(self, line: str) -> None:
        """Writes one plain line."""
        self._stream.write(f"ringtrace: {line}\n")
        self._stream.flush()

    @contextmanager
    def following(self, steps: Sequence[str]) -> Iterator[None]:
        """Shows which of the pipeline's `steps`, in their order, the run has reached."""
        try:
            # A handle of its own: the run may turn the usual one away.
            descriptor = os.dup(self._stream.fileno())
        except OSError:
            # A stream in memory, as in a notebook, shows only how the run began and ended.
            yield
            return
        with os.fdopen(descriptor, "w") as screen:
            if not screen.isatty():
                with _watched(steps, ProgressLines(screen, time.monotonic).show):
                    yield
                return
            from rich.console import Console

            with Console(file=screen).status("starting") as status, _watched(steps, status.update):
                yield

    def done(self, output: str) -> None:
        """Writes where the run is and how long it took."""
        self.say(f"done in {time.monotonic() - self._started:.1f} s: {output}")


class ProgressLines:
    """Plain lines, so few that a scheduler's log stays readable."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._last = clock()

    def show(self, line: str) -> None:
        """Writes the line, unless one was written in the last ten seconds."""
        now = self._clock()
        if now - self._last >= SECONDS_A_LINE:
            self._last = now
            self._stream.write(f"ringtrace: {line}\n")
            self._stream.flush()


class _Reached(logging.Handler):
    """Receives from Beam's local runner which stage it runs; other runners log nothing here."""

    def __init__(self, steps: Sequence[str], show: Callable[[str], object]) -> None:
        super().__init__(logging.DEBUG)
        self._steps = steps
        self._show = show
        self._begun: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Shows the step that the stage belongs to, the first time that one of its stages runs."""
        step = step_number(self._steps, str(record.args))
        if step and step not in self._begun:
            self._begun.add(step)
            self._show(f"step {len(self._begun)} of {len(self._steps)}: {self._steps[step - 1]}")


def step_number(steps: Sequence[str], stage: str) -> int:
    """Returns the number, from 1, of the first of `steps` in a runner's name of a stage; else 0.

    Stages are named by their transforms, `Write links/Read` or `ref_..._Write-links-Read_12`. One
    that starts from nothing only makes a constant, except the first, which reads.
    """
    found = [
        number
        for number, step in enumerate(steps, 1)
        if f"({step}/" in stage or f"PTransform_{step.replace(' ', '-')}-" in stage
    ]
    first = min(found, default=0)
    return 0 if first > 1 and "-Impulse_" in stage else first


@contextmanager
def _watched(steps: Sequence[str], show: Callable[[str], object]) -> Iterator[None]:
    logger = logging.getLogger(BUNDLE_LOGGER)
    handler, level, propagate = _Reached(steps, show), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def suppress_stderr() -> Iterator[None]:
    """Discards what this process and its workers write to stderr until the block ends.

    Beam's workers write there what a step failed on, whatever the level of the log, and a victim's
    words do not belong on a screen or in a scheduler's log.
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
