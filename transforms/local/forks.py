"""Asks a fork of this process to work something out."""

from __future__ import annotations

import os
import pickle
import select
import time
from collections.abc import Callable
from typing import Any

from transforms.write import end_fork, fork, forking

LEAST_PATIENCE, PATIENCE = 120.0, 10.0
"""Seconds, and times the seconds that something as long took here, after which a fork that has not
answered is given up: one that waits for a lock which nobody holds there would hold up the run."""


class ForkFailedError(Exception):
    """A fork that failed, was killed, or did not answer in time."""


class Fork:
    """A fork that does `work` and answers with what it returns, pickled.

    It forks nothing itself, and ends with the thread that made it.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._begun = time.monotonic()
        source, sink = os.pipe()

        def answer() -> None:
            with forking(1):
                result = work()
            with os.fdopen(sink, "wb") as file:
                pickle.dump(result, file)

        self._pid = fork(answer)
        os.close(sink)
        self._answer = os.fdopen(source, "rb")

    def has_answered(self) -> bool:
        """Returns whether an answer has begun, or the fork has ended without any."""
        if self._answer.closed:
            return True
        waiting = select.poll()
        waiting.register(self._answer.fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def take(self) -> Any:
        """Waits for the answer.

        Raises:
            ForkFailedError: where there is none; nothing is left of the fork.
        """
        seconds = time.monotonic() - self._begun
        content = _read_within(self._answer.fileno(), max(LEAST_PATIENCE, PATIENCE * seconds))
        if content is None:
            self.end()
            raise ForkFailedError
        self._answer.close()
        _, status = os.waitpid(self._pid, 0)  # one that is killed ends its answer, too
        if status:
            raise ForkFailedError
        return pickle.loads(content)  # noqa: S301 - from our own fork

    def end(self) -> None:
        """Ends the fork, whatever it is doing."""
        if not self._answer.closed:
            self._answer.close()
            end_fork(self._pid)


def _read_within(pipe: int, seconds: float) -> bytes | None:
    """Reads a pipe to its end; None if that takes longer."""
    parts: list[bytes] = []
    end = time.monotonic() + seconds
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while waiting.poll(max(end - time.monotonic(), 0) * 1000):
        part = os.read(pipe, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return None
