"""Keep Beam's logs quiet: what a step failed on is a victim's words, which no log may hold."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pipelines.options import has_job_server


def quieten(flags: Iterable[str]) -> list[str]:
    """Silence this process; the flags that silence the workers of a pipeline with these flags.

    A job server reads the level as Java does, which knows no CRITICAL. At ERROR a worker says what
    the engine is told in any case when a step fails: the traceback.
    """
    logging.getLogger().setLevel(logging.CRITICAL)
    level = "ERROR" if has_job_server(flags) else "CRITICAL"
    return [f"--default_sdk_harness_log_level={level}"]
