"""Say what a run is doing: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_STDERR = 2
"""The file descriptor, which workers inherit."""


class Progress:
    """Progress of one run on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()

    def say(self, line: str) -> None:
        """One plain line."""
        self._stream.write(f"ringtrace: {line}\n")
        self._stream.flush()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Show that the run is alive until the block ends."""
        if not self._stream.isatty():
            yield
            return
        from rich.console import Console  # noqa: PLC0415 - a terminal alone needs it

        # A handle of its own: the run may turn the usual one away.
        screen = os.fdopen(os.dup(self._stream.fileno()), "w")
        with screen, Console(file=screen).status("working"):
            yield

    def done(self, output: str) -> None:
        """Say where the run is and how long it took."""
        self.say(f"done in {time.monotonic() - self._started:.1f} s: {output}")


@contextmanager
def silenced() -> Iterator[None]:
    """Nothing that this process or its workers write to stderr is seen until the block ends.

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
