"""Runs a function in a fork of this process, and takes its result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe, get_context
from typing import Any

from transforms.write import end_with_parent, forking

LEAST_PATIENCE, PATIENCE = 120.0, 10.0
"""Seconds, and a multiple of the seconds of similar work here, to wait for a fork's answer.

A fork that waits for a lock which no thread in it holds would otherwise hold up the run.
"""


class ForkFailedError(Exception):
    """A fork that failed, was killed, or did not answer in time."""


class Fork:
    """A fork that does `work` and answers with what it returns.

    It forks nothing itself, and ends with the thread that made it.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._begun = time.monotonic()
        self._answer, sink = Pipe(duplex=False)
        parent = os.getpid()

        def answer() -> None:
            end_with_parent(parent)
            with suppress(Exception), forking(1):  # unsaid, as it may hold data
                sink.send(work())

        self._process = get_context("fork").Process(target=answer)
        self._process.start()
        sink.close()

    def has_answered(self) -> bool:
        """Returns whether an answer has begun, or the fork has ended without any."""
        return self._answer.closed or self._answer.poll()

    def take(self) -> Any:
        """Waits for the answer; nothing is left of the fork then.

        Raises:
            ForkFailedError: where there is none.
        """
        seconds = time.monotonic() - self._begun
        try:
            if self._answer.poll(max(LEAST_PATIENCE, PATIENCE * seconds)):
                return self._answer.recv()
        except (EOFError, OSError):
            raise ForkFailedError from None
        finally:
            self.end()
        raise ForkFailedError

    def end(self) -> None:
        """Ends the fork, whatever it is doing."""
        if not self._answer.closed:
            self._answer.close()
            self._process.kill()
            self._process.join()
