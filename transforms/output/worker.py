"""A process that does jobs for another one: pickled calls come in, answers go out.

It ends with its input, so that it outlives no run, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import BinaryIO

from transforms.garbage import working
from transforms.output.desk import Failed


def main() -> None:
    """Answer calls until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the run's, which then ends our input
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with working():
        _answer(answers)


def _answer(answers: BinaryIO) -> None:
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
        except EOFError:
            return
        try:
            answer = call()
        except Exception as error:
            answer = Failed(type(error).__name__, _where(error.__traceback__))
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            return


def _where(trace: TracebackType | None) -> str:
    last = extract_tb(trace)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
