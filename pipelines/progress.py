"""Say what a run is doing: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


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

        with Console(file=self._stream).status("working"):
            yield

    def done(self, output: str) -> None:
        """Say where the run is and how long it took."""
        self.say(f"done in {time.monotonic() - self._started:.1f} s: {output}")
