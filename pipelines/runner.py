"""Runs pipelines on their runner, and reports success or failure.

A step may fail on a victim's words, which no log may have. So the logs of Beam and its workers are
suppressed, and a failure is reported only by its kind and place.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TestOptions,
)
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.utils import thread_pool_executor

from pipelines import run_folder
from pipelines.options import (
    LOCAL_RUNNER,
    FailedError,
    UsageError,
    describe_system_error,
    gives,
    has_job_server,
)
from pipelines.progress import Progress, suppress_stderr
from transforms.custody import RunSettings
from transforms.engine import SpillFile, gc_tuned, keep_memory
from transforms.local import Begins, LocalExecutor, OptionsParsedOnce
from transforms.write import available_cpus, forking, is_local

OPEN_PORTS_WARNING = (
    "Beam's workers listen on every network interface, without a password, while this runs, and "
    "victims' data passes there: keep it behind a firewall, or leave --direct_running_mode out"
)

JOB_SERVER_TIMEOUT = "--job_server_timeout=31536000"
"""Seconds to follow a job: a year. Beam's default of 300 would end a running stream."""

CONNECT_SECONDS = 10
"""Seconds within which a job server must accept a connection."""

IN_PROCESS_MODES = ("in_memory", "multi_threading")
"""Modes of the local runner that run all steps in this process."""


def suppress_logs(flags: Iterable[str]) -> list[str]:
    """Suppresses the logs of this process; returns flags that suppress them in workers.

    A job server reads the level as Java does, which has no CRITICAL. At ERROR, a worker logs only
    the traceback of a failed step, which the engine gets in any case.

    Args:
        flags: Beam's flags of the pipeline.
    """
    logging.getLogger().setLevel(logging.CRITICAL)
    level = "ERROR" if has_job_server(flags) else "CRITICAL"
    return [f"--default_sdk_harness_log_level={level}"]


def make_pipeline(flags: list[str]) -> beam.Pipeline:
    """Returns an empty pipeline with Beam's flags.

    Raises:
        UsageError: if the runner refuses them.
    """
    try:
        options = OptionsParsedOnce(flags)
        check_job_server(options)
        return beam.Pipeline(options=options, runner=_local_runner(options, flags))
    except UsageError:
        raise
    except Exception as error:
        # The runner's error is on its own options, so it has no data of the input.
        raise UsageError(f"Beam options: {' '.join(str(error).split())}") from None


def _local_runner(options: PipelineOptions, flags: Iterable[str]) -> LocalRunner | None:
    """Returns the runner of this machine, or None for any other runner or mode.

    `--direct_num_workers` is the number of processes; 0, the default, is one for each processor.
    """
    if opens_ports(options) or options.view_as(StandardOptions).runner != LOCAL_RUNNER:
        return None
    direct = options.view_as(DirectOptions)
    wanted = direct.direct_num_workers if gives(flags, "--direct_num_workers") else 0
    if wanted < 0:
        raise UsageError(f"--direct_num_workers {wanted}: give 1 or more, or 0 for every processor")
    direct.direct_num_workers = 1  # more would be Beam's own threads
    return LocalRunner(wanted or available_cpus())


BESIDE_OTHERS = (
    "Extract from calls/",
    "Assign/Cluster",
    "Find campaigns/Uses",
    "Find campaigns/Group/Apply",
    "Finalize links/",
)
"""Prefixes of the names of long steps that use one process and do not depend on other ready steps.
They run in a fork, while the other steps run here with one process less."""


class LocalRunner(PipelineRunner):
    """Runs a pipeline in this process, and in forks of it if that is faster.

    Args:
        processes: number of processes at a time; 1 means no fork.

    `begins` is told of each stage that begins, by the labels of its transforms.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self.begins: Begins | None = None

    def run_pipeline(self, pipeline: beam.Pipeline, _options: PipelineOptions) -> PipelineResult:
        """Runs a pipeline to its end; its steps may also fork.

        Nothing forks after a gRPC server of Beam has run: a fork could wait for a lock that a
        thread of the server holds.
        """
        executor = LocalExecutor(pipeline, beside=BESIDE_OTHERS, packs=True, begins=self.begins)
        threads = map(type, threading.enumerate())
        grpc = any(thread.__module__ == thread_pool_executor.__name__ for thread in threads)
        with forking(1 if grpc else self._processes):
            try:
                executor.run(b"")
            finally:
                executor.close()
        return _Done(PipelineState.DONE)


class _Done(PipelineResult):
    """The result of a finished run of `LocalRunner`."""

    def wait_until_finish(self, duration: int | None = None) -> str:  # noqa: ARG002
        """Returns the state."""
        return str(self.state)


def check_job_server(options: PipelineOptions) -> None:
    """Connects to the given job server, if any; Beam itself would wait as long as for a job.

    Raises:
        UsageError: if the job server accepts no connection.
    """
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed":
        return
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError):
        raise UsageError(
            f"--job_endpoint {endpoint}: no job server answers there; start it, or give another "
            "address"
        ) from None


def opens_ports(options: PipelineOptions) -> bool:
    """Tells whether Beam's local runner opens ports; it does unless its worker is this process.

    Source: apache_beam/runners/portability/fn_api_runner/worker_handlers.py, Beam 2.77: `[::]:0`.
    """
    mode = options.view_as(DirectOptions).direct_running_mode
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER and mode != "in_memory"


def run_pipeline(
    pipeline: beam.Pipeline, run: RunSettings, progress: Progress, *, debug: bool, wait: bool = True
) -> None:
    """Runs a pipeline that publishes `run`.

    Raises:
        RunFailedError: if it fails; with `debug` the original error.
        KeyboardInterrupt: if it is stopped.
    """
    steps = [step.full_label for step in pipeline.transforms_stack[0].parts]
    keep_memory()
    try:
        silence = nullcontext() if debug else suppress_stderr()
        shuffle = shuffle_on_disk(pipeline.options, run.output)
        with gc_tuned(), progress.following(steps) as begins, silence, shuffle:
            if isinstance(pipeline.runner, LocalRunner):
                pipeline.runner.begins = begins
            result = pipeline.run()
            if wait:
                result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        run_folder.discard_staging(run)
        report_failure(error, debug=debug)


def shuffle_on_disk(options: PipelineOptions, output: str) -> AbstractContextManager[None]:
    """Returns a context that keeps the shuffles of a local run on the disk of `output`.

    Other runners keep shuffles themselves, and a separate worker process could not read the file.
    """
    runner = options.view_as(StandardOptions).runner
    mode = options.view_as(DirectOptions).direct_running_mode
    if runner != LOCAL_RUNNER or mode not in IN_PROCESS_MODES or not is_local(output):
        return nullcontext()
    return SpillFile(str(Path(output).resolve().parent)).spilling()


class RunFailedError(FailedError):
    """The failure of a run; `problem` is the kind and the place of its error, without its text."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"ringtrace: failed: {problem}; --debug shows more")
        self.problem = problem


def report_failure(error: BaseException, *, debug: bool) -> NoReturn:
    """Raises the final error of a failed run, as `run_pipeline` documents."""
    if debug:
        raise error
    if isinstance(_first_error(error), KeyboardInterrupt):
        raise KeyboardInterrupt from None
    raise RunFailedError(describe_error(error)) from None


def describe_error(error: BaseException) -> str:
    """Returns the kind and the place of an error, without its text, which may hold data."""
    error = _first_error(error)
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" in {Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
    if isinstance(error, OSError) and error.errno:
        return f"{describe_system_error(error.errno)}{place}"
    if isinstance(error, MemoryError):
        return f"not enough memory{place}; give more, or a smaller input"
    return f"{type(error).__name__}{place}"


def _first_error(error: BaseException) -> BaseException:
    while (before := error.__cause__ or _before_beam(error)) is not None:
        error = before
    return error


def _before_beam(error: BaseException) -> BaseException | None:
    """Returns the original error, if Beam wrapped it in another one to name the step.

    The wrapper has the same type, or RuntimeError if Beam could not make that type.
    """
    before = error.__context__ if getattr(error, "_tagged_with_step", False) else None
    return before if type(error) in (type(before), RuntimeError) else None


def report_success(
    options: PipelineOptions, progress: Progress, output: str, *, wait: bool, lines: Iterable[str]
) -> bool:
    """Reports a job that did not fail; returns whether it has ended.

    `wait` says whether the program waited for the job; `lines` are read only if it has ended.
    """
    if options.view_as(TestOptions).dry_run:
        progress.say("the runner would take this job; nothing was run")
        return False
    if not wait:
        progress.say(f"the runner has the job; it will write {output}")
        return False
    progress.say(*lines)
    progress.done(output)
    return True
