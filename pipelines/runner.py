"""Keep Beam's logs quiet: what a step failed on is a victim's words, which no log may hold.

Whether what a local run holds can be reached over the network while it runs.

What a stream that is handed to a job server needs beyond Beam's defaults.

Whether what travels between steps may wait on disk instead of in memory.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from pipelines.options import LOCAL_RUNNER, UsageError, has_job_server
from transforms.batch_codec import Spill
from transforms.write.parquet_files import is_local


def quieten(flags: Iterable[str]) -> list[str]:
    """Silence this process; the flags that silence the workers of a pipeline with these flags.

    A job server reads the level as Java does, which knows no CRITICAL. At ERROR a worker says what
    the engine is told in any case when a step fails: the traceback.
    """
    logging.getLogger().setLevel(logging.CRITICAL)
    level = "ERROR" if has_job_server(flags) else "CRITICAL"
    return [f"--default_sdk_harness_log_level={level}"]


WARNING = (
    "Beam's workers listen on every network interface, without a password, while this runs, and "
    "victims' data passes there: keep it behind a firewall, or leave --direct_running_mode out"
)


def listens(options: PipelineOptions) -> bool:
    """Whether Beam's local runner opens ports, as it does but where its worker is this process.

    apache_beam/runners/portability/fn_api_runner/worker_handlers.py, Beam 2.77: `[::]:0`.
    """
    mode = options.view_as(DirectOptions).direct_running_mode
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER and mode != "in_memory"


PATIENCE = "--job_server_timeout=31536000"
"""Seconds, a year, for which a job is followed: Beam's 300 end a stream that goes on."""


ANSWER = 10
"""Seconds within which a job server must take a connection."""


def check_job_server(options: PipelineOptions) -> None:
    """Whether a job server that is named takes connections; Beam would wait as long as for a job.

    Raises:
        UsageError: if it does not.
    """
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed":
        return
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, ValueError, OverflowError):
        raise UsageError(
            f"--job_endpoint {endpoint}: nobody answers there; start the job server, or mend it"
        ) from None


IN_PROCESS = ("in_memory", "multi_threading")
"""Modes of the local runner in which every step runs in this process."""


def spilling(options: PipelineOptions, output: str) -> AbstractContextManager[None]:
    """The time in which a local run keeps its shuffles on the disk of `output`.

    Other runners keep them themselves, and a worker process of its own could not read the file.
    """
    runner = options.view_as(StandardOptions).runner
    mode = options.view_as(DirectOptions).direct_running_mode
    if runner != LOCAL_RUNNER or mode not in IN_PROCESS or not is_local(output):
        return nullcontext()
    return Spill(str(Path(output).resolve().parent)).holding()
