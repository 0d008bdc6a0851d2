"""Run a stream: options to a plan, and the plan until it is stopped."""

# ruff: noqa: PLC0415 - Beam takes a second to load: wrong usage and --help must not wait for it

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from pipelines.options import UsageError
from pipelines.stream_options import StreamOptions, parse


def main(arguments: Sequence[str], prog: str = "ringtrace stream") -> int:
    """Run one stream; returns the exit status: 0 stopped or done, 1 failed, 2 wrong usage."""
    try:
        return run(parse(arguments, prog))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(options: StreamOptions) -> int:
    """Plan and run.

    Raises:
        UsageError: for what the user must mend, before anything is written.
    """
    if not options.debug:
        # Beam logs the data that a step failed on; a victim's words do not belong in a log.
        logging.getLogger().setLevel(logging.CRITICAL)
    from pipelines.watch.loop import watch

    return watch(options)
