"""Runs pipelines on their runner, and says what became of them.

What a step fails on is a victim's words, which no log may hold: Beam's logs and those of its
workers are suppressed, and a failure is reported by its kind and its place alone. Long, since the
local runner, which shares a run among forks, is a third of it.
"""

from __future__ import annotations

import copy
import logging
import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

import apache_beam as beam
from apache_beam.metrics import monitoring_infos
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TestOptions,
)
from apache_beam.portability.api.org.apache.beam.model.fn_execution.v1 import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import BundleManager, FnApiRunner
from apache_beam.runners.worker import bundle_processor
from apache_beam.transforms import core, userstate
from apache_beam.utils import thread_pool_executor

from pipelines import run_folder
from pipelines.options import LOCAL_RUNNER, UsageError, describe_system_error, has_job_server
from pipelines.progress import Progress, suppress_stderr
from transforms.batch_codec import SpillFile
from transforms.gc_tuning import gc_tuned, keep_memory
from transforms.manifest import RunSettings
from transforms.shuffle import OptionsParsedOnce
from transforms.write import available_cpus, end_fork, fork, forking, is_local, may_fork

OPEN_PORTS_WARNING = (
    "Beam's workers listen on every network interface, without a password, while this runs, and "
    "victims' data passes there: keep it behind a firewall, or leave --direct_running_mode out"
)

JOB_SERVER_TIMEOUT = "--job_server_timeout=31536000"
"""Seconds, a year, for which a job is followed: Beam's 300 end a stream that goes on."""

CONNECT_SECONDS = 10
"""Seconds within which a job server must take a connection."""

IN_PROCESS_MODES = ("in_memory", "multi_threading")
"""Modes of the local runner in which every step runs in this process."""


def suppress_logs(flags: Iterable[str]) -> list[str]:
    """Suppresses the logs of this process; returns the flags that do so in a pipeline's workers.

    A job server reads the level as Java does, which knows no CRITICAL. At ERROR a worker logs what
    the engine is given in any case when a step fails: the traceback.

    Args:
        flags: Beam's flags of the pipeline.
    """
    logging.getLogger().setLevel(logging.CRITICAL)
    level = "ERROR" if has_job_server(flags) else "CRITICAL"
    return [f"--default_sdk_harness_log_level={level}"]


def make_pipeline(flags: list[str]) -> beam.Pipeline:
    """Returns an empty pipeline with Beam's flags.

    Raises:
        UsageError: where the runner refuses them.
    """
    core.get_function_args_defaults = arguments_and_defaults
    userstate.get_dofn_specs = dofn_specs
    core._check_fn_use_yield_and_return = _take_as_it_is
    try:
        options = OptionsParsedOnce(flags)
        check_job_server(options)
        return beam.Pipeline(options=options, runner=_local_runner(options, flags))
    except UsageError:
        raise
    except Exception as error:
        # The runner's check of its own options, which know nothing of the input.
        raise UsageError(f"Beam options: {' '.join(str(error).split())}") from None


def arguments_and_defaults(function: Callable[..., Any]) -> tuple[list[str], list[Any]]:
    """Returns what Beam reads from a function's signature, inspecting each function once."""
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        names, defaults = _of_method(function.__func__)
    elif isinstance(function, FunctionType):
        names, defaults = _of_function(function)
    else:
        return _inspect(function)
    return [*names], [*defaults]


_inspect = core.get_function_args_defaults

_of_function = lru_cache(maxsize=4096)(_inspect)


@lru_cache(maxsize=4096)
def _of_method(function: FunctionType) -> tuple[list[str], list[Any]]:
    return _inspect(MethodType(function, object()))


def dofn_specs(dofn: beam.DoFn) -> tuple[set[Any], set[Any]]:
    """Returns the states and timers of a DoFn, inspecting each class once.

    Beam asks 1,200 times in an empty run, which was a quarter of its CPU. A method that an instance
    was given is not its class's.
    """
    if any(isinstance(value, MethodType) for value in vars(dofn).values()):
        return _inspect_dofn(dofn)
    kind = type(dofn)
    if kind not in _specs:
        _specs[kind] = _inspect_dofn(dofn)
    states, timers = _specs[kind]
    return {*states}, {*timers}


def _take_as_it_is(_function: object) -> bool:
    """Answers Beam's search of each step's source for a `yield` beside a `return`."""
    return False


_inspect_dofn = userstate.get_dofn_specs

_specs: MutableMapping[type, tuple[set[Any], set[Any]]] = WeakKeyDictionary()


def _local_runner(options: PipelineOptions, flags: Iterable[str]) -> FnApiRunner | None:
    """Returns Beam's local runner in all processors, or None for any other runner or mode.

    `--direct_num_workers` says how many processes there are; 0, the default, one a processor.
    """
    if opens_ports(options) or options.view_as(StandardOptions).runner != LOCAL_RUNNER:
        return None
    direct = options.view_as(DirectOptions)
    named = any(flag.partition("=")[0] == "--direct_num_workers" for flag in flags)
    wanted = direct.direct_num_workers if named else 0
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
"""Beginnings of the names of steps that take long in one process and wait for no step that is
ready when they are: they run in a fork while the others run here, in one process less."""

_LEADING = tuple(f"{one.partition('/')[0]}/" for one in BESIDE_OTHERS)

BESIDE_SECONDS = 2.5
"""CPU seconds of a run from which on that pays: a shorter one has little in each step."""


class LocalRunner(FnApiRunner):
    """Beam's local runner, which shares the elements of a stage among forks of this process.

    Beam's threads wait for each other's Python, and its worker processes open ports, share no
    memory and load everything again. A fork has all that a stage needs; what comes out of it is
    encoded in any case, and most of it in the file of `SpillFile`, which both have open.

    Args:
        processes: how many work at a time; 1 forks none.
    """

    def __init__(self, processes: int) -> None:
        super().__init__()
        self._processes = processes
        self._beside: _Beside | None = None
        self._ready: list[tuple[str, Any]] = []

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> Any:
        """Runs a pipeline; its steps may fork, too.

        Nothing forks where a gRPC server of Beam has run: a fork could wait for a lock that one of
        its threads holds.
        """
        bundle_processor.BundleProcessor = _UnmeasuredBundle
        threads = threading.enumerate()
        grpc = any(isinstance(one, thread_pool_executor._Worker) for one in threads)
        with forking(1 if grpc else self._processes):
            try:
                return super().run_pipeline(pipeline, options)
            finally:
                if self._beside is not None:
                    self._beside.end()
                self._beside, self._ready = None, []

    def _schedule_ready_bundles(self, context: Any) -> None:
        """Schedules one of the stages that are ready; where several are, some begin in a fork.

        What a step in a fork makes is taken when nothing else is ready.
        """
        super()._schedule_ready_bundles(context)
        queue = context.queues.ready_inputs
        self._ready += [queue.deque() for _ in range(len(queue))]
        self._ready.sort(key=lambda one: _order(context.stages[one[0]]))
        apart = {
            name: given
            for name, given in reversed(self._ready)
            if _is_beside_others(context.stages[name])
        }
        wanted = self._beside is None and time.process_time() >= BESIDE_SECONDS
        if wanted and 0 < len(apart) < len(self._ready) and may_fork() > 1:
            self._beside = _Beside(partial(self._run_beside, context), apart)
        if self._ready:
            queue.enque(self._ready.pop(0))

    def _run_beside(self, context: Any, name: str, given: Any) -> tuple[bytes, _Outputs]:
        manager = copy.copy(context.bundle_manager_for(context.stages[name]))
        workers = context.worker_handler_manager
        workers.register_process_bundle_descriptor(manager.process_bundle_descriptor)
        output: _Outputs = []
        manager.get_buffer = lambda _, name: _Output(output, name)
        whole = super()._get_bundle_manager(manager)
        result, _ = whole.process_bundle(given.data, manager.stage_data_outputs, {}, {})
        return result.SerializeToString(), output

    def _get_bundle_manager(self, bundle_context_manager: Any) -> BundleManager:
        manager = super()._get_bundle_manager(bundle_context_manager)
        name = bundle_context_manager.stage.name
        if self._beside is not None and name in self._beside.names:
            beside = self._beside
            self._beside = beside if beside.names - {name} else None
            return _BesideBundle(manager, beside)
        if may_fork() > 1 and not bundle_context_manager.stage.is_stateful():
            return _SharedBundle(manager, self._processes, self._free)
        return manager

    def _free(self) -> int:
        """Returns how many processes may share a stage now, this one among them."""
        busy = self._beside is not None and self._beside.is_busy()
        return self._processes - busy


class _UnmeasuredBundle(bundle_processor.BundleProcessor):
    """Processes a stage without measuring what goes from step to step.

    Beam encodes ten elements of each output and more to tell their mean size, which nobody reads.
    Here these are nearly all, each a batch, and half of what is encoded between steps.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for step in self.ops.values():
            for receiver in step.receivers:
                receiver.opcounter.coder_impl = None  # as for an output without a coder


_Outputs = list[tuple[str, bytes]]
"""Encoded elements that came out of a stage, by the input of what takes them."""


class _Beside:
    """A fork that runs some stages while others run here.

    Args:
        run: Runs the stage of a name with its input; returns its encoded result, and its output.
        stages: The inputs by name of the stages.
    """

    def __init__(self, run: Callable[[str, Any], Any], stages: Mapping[str, Any]) -> None:
        self.names = set(stages)
        self._begun = time.monotonic()
        self._found: Mapping[str, tuple[bytes, _Outputs]] | None = None
        source, sink = os.pipe()

        def work() -> None:
            found = {name: run(name, given) for name, given in stages.items()}
            with os.fdopen(sink, "wb") as file:
                pickle.dump(found, file)

        with forking(1):
            self._pid = fork(work)
        os.close(sink)
        self._answer = os.fdopen(source, "rb")

    def is_busy(self) -> bool:
        """Returns whether the fork still runs a stage."""
        return self._found is None and not _has_answered(self._answer.fileno())

    def take(self, name: str) -> tuple[bytes, _Outputs] | None:
        """Waits for a stage, and returns its result and output; None where the fork has failed."""
        self.names.discard(name)
        if self._found is None:
            seconds = time.monotonic() - self._begun
            content = _read_within(self._answer.fileno(), max(LEAST_PATIENCE, PATIENCE * seconds))
            self._found = {}
            if content is None:
                self.end()
            else:
                self._answer.close()
                _, failed = os.waitpid(self._pid, 0)  # one that is killed ends its answer, too
                if not failed:
                    self._found = pickle.loads(content)  # noqa: S301 - our own fork
        return self._found.get(name)

    def end(self) -> None:
        """Ends the fork, whatever it is doing."""
        if not self._answer.closed:
            self._answer.close()
            end_fork(self._pid)


_Part = dict[str, list[bytes]]
"""Encoded elements of a stage, by the input that they belong to."""

PARTS_A_PROCESS = 8
"""Parts that a stage's elements are cut into for each process: the first is timed."""

LEAST_SECONDS = 1.0
"""CPU seconds of a stage, as its first part makes expect, from which on it is shared: a fork takes
20 to 40 ms, what a stage prepares is prepared in each again, and the pages that either writes to
are copied, 35,000 to 40,000 of them: 0.1 to 0.2 s of CPU in all."""


LEAST_PATIENCE, PATIENCE = 120.0, 10.0
"""Seconds, and times the seconds of the share that is done here, after which a fork that has not
answered is given up: one that waits for a lock which nobody holds there would hold up the run."""


class _BesideBundle(BundleManager):
    """Takes what a fork made of the elements of a stage; where it failed, runs them here."""

    def __init__(self, plain: BundleManager, beside: _Beside) -> None:
        self.__dict__.update(vars(plain))
        self._beside_others = beside

    def process_bundle(
        self,
        inputs: Mapping[str, Any],
        expected_outputs: Mapping[str, bytes],
        fired_timers: Mapping[Any, Any],
        expected_output_timers: Mapping[Any, Any],
        dry_run: bool = False,
    ) -> tuple[Any, list[Any]]:
        """Takes the result; what came out is put into the buffers of the context."""
        found = self._beside_others.take(self.bundle_context_manager.stage.name)
        if found is None:
            return super().process_bundle(
                inputs, expected_outputs, fired_timers, expected_output_timers, dry_run
            )
        result, output = found
        for name, elements in output:
            self.bundle_context_manager.get_buffer(expected_outputs[name], name).append(elements)
        return beam_fn_api_pb2.InstructionResponse.FromString(result), []


class _SharedBundle(BundleManager):
    """Runs the elements of one stage, in forks too where that pays.

    A share that a fork fails on, or leaves when it is killed or hangs, is done again here: the
    error is that of a run without forks.

    Args:
        plain: The manager that Beam made.
        processes: how many work at a time.
        free: Returns how many may work at this one now.
    """

    def __init__(self, plain: BundleManager, processes: int, free: Callable[[], int]) -> None:
        # Takes over all that Beam gave to the plain manager.
        self.__dict__.update(vars(plain))
        self._processes = processes
        self._free = free

    def process_bundle(
        self,
        inputs: Mapping[str, Any],
        expected_outputs: Mapping[str, bytes],
        fired_timers: Mapping[Any, Any],
        expected_output_timers: Mapping[Any, Any],
        dry_run: bool = False,
    ) -> tuple[Any, list[Any]]:
        """Runs the elements; what comes out of them is in the buffers of the context."""
        whole = super().process_bundle
        parts = [] if fired_timers or expected_output_timers or dry_run else self._cut(inputs)
        if len(parts) < 2:
            return whole(inputs, expected_outputs, fired_timers, expected_output_timers, dry_run)

        def run(part: _Part) -> Any:
            result, _ = whole(part, expected_outputs, {}, {})
            return result

        begun = time.thread_time()
        results = [run(parts.pop(0))]
        seconds = time.thread_time() - begun
        while parts and seconds * len(parts) >= LEAST_SECONDS and self._free() < 2:
            results.append(run(parts.pop(0)))
        free = self._free() if seconds * len(parts) >= LEAST_SECONDS else 1
        shares = [_joined(parts[place::free]) for place in range(min(free, len(parts)))]
        results += self._share(shares, run, expected_outputs) if shares else []
        infos = [info for one in results for info in one.process_bundle.monitoring_infos]
        merged = beam_fn_api_pb2.ProcessBundleResponse(
            monitoring_infos=monitoring_infos.consolidate(infos)
        )
        return beam_fn_api_pb2.InstructionResponse(process_bundle=merged), []

    def _cut(self, inputs: Mapping[str, Any]) -> list[_Part]:
        """Cuts the elements into parts, of which none is empty."""
        count = PARTS_A_PROCESS * self._processes
        parts: list[_Part] = [{} for _ in range(count)]
        for name, elements in inputs.items():
            for part, some in zip(parts, elements.partition(count), strict=True):
                part[name] = some
        return [part for part in parts if any(map(any, part.values()))]

    def _share(
        self,
        shares: Sequence[_Part],
        run: Callable[[_Part], Any],
        expected_outputs: Mapping[str, bytes],
    ) -> list[Any]:
        """Runs the first share here and each other one in a fork; returns their results."""
        forks: dict[int, BinaryIO] = {}
        try:
            for share in shares[1:]:
                source, sink = os.pipe()
                pid = fork(partial(self._run_in_fork, share, run, sink))
                forks[pid] = os.fdopen(source, "rb")
                os.close(sink)
            begun = time.monotonic()
            results = [run(shares[0])]
            patience = max(LEAST_PATIENCE, PATIENCE * (time.monotonic() - begun))
            for share, (pid, answer) in zip(shares[1:], [*forks.items()], strict=True):
                content = _read_within(answer.fileno(), patience)
                if content is None:
                    os.kill(pid, signal.SIGKILL)
                _, failed = os.waitpid(pid, 0)
                forks.pop(pid).close()
                if content is None or failed:
                    results.append(run(share))
                    continue
                result, output = pickle.loads(content)  # noqa: S301 - from our own fork
                results.append(beam_fn_api_pb2.InstructionResponse.FromString(result))
                for name, elements in output:
                    buffer_id = expected_outputs[name]
                    self.bundle_context_manager.get_buffer(buffer_id, name).append(elements)
        finally:
            for pid, answer in forks.items():
                end_fork(pid)
                answer.close()
        return results

    def _run_in_fork(self, share: _Part, run: Callable[[_Part], Any], sink: int) -> None:
        """Runs a share; writes the pickled result and output, each with its name, to a pipe."""
        output: _Outputs = []
        self.bundle_context_manager: Any = copy.copy(self.bundle_context_manager)
        self.bundle_context_manager.get_buffer = lambda _, name: _Output(output, name)
        result = run(share).SerializeToString()
        with os.fdopen(sink, "wb") as file:
            pickle.dump((result, output), file)


class _Output:
    """Takes what comes out of a stage in a fork, as a buffer of Beam does."""

    cleared = False

    def __init__(self, output: _Outputs, name: str) -> None:
        self._output = output
        self._name = name

    def append(self, elements: bytes) -> None:
        """Takes encoded elements."""
        self._output.append((self._name, elements))


def _is_beside_others(stage: Any) -> bool:
    return any(one.unique_name.startswith(BESIDE_OTHERS) for one in stage.transforms)


def _order(stage: Any) -> int:
    """Returns 2 of a step that runs in a fork, 0 of what it may wait for, and 1 of all others."""
    if _is_beside_others(stage):
        return 2
    return 0 if any(one.unique_name.startswith(_LEADING) for one in stage.transforms) else 1


def _has_answered(pipe: int) -> bool:
    """Returns whether a pipe has something to read, or has ended."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    return bool(waiting.poll(0))


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


def _joined(parts: Sequence[_Part]) -> _Part:
    """Returns the elements of parts with the same inputs as one; nothing of no part."""
    return {name: [some for one in parts for some in one[name]] for name in next(iter(parts), {})}


def check_job_server(options: PipelineOptions) -> None:
    """Connects to the job server that is named, if any; Beam would wait as long as for a job.

    Raises:
        UsageError: if it takes no connection.
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
    """Returns whether Beam's local runner opens ports: always, unless its worker is this process.

    apache_beam/runners/portability/fn_api_runner/worker_handlers.py, Beam 2.77: `[::]:0`.
    """
    mode = options.view_as(DirectOptions).direct_running_mode
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER and mode != "in_memory"


def run_pipeline(
    pipeline: beam.Pipeline, run: RunSettings, progress: Progress, *, debug: bool, wait: bool = True
) -> int:
    """Runs a pipeline that publishes `run`; returns the exit status, 0 or 1.

    Raises:
        BaseException: the error that the pipeline failed on, with `debug`.
    """
    steps = [step.full_label for step in pipeline.transforms_stack[0].parts]
    keep_memory()
    try:
        silence = nullcontext() if debug else suppress_stderr()
        shuffle = shuffle_on_disk(pipeline.options, run.output)
        with gc_tuned(), progress.following(steps), silence, shuffle:
            result = pipeline.run()
            if wait:
                result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        run_folder.discard_staging(run)
        return report_failure(error, debug=debug)
    return 0


def shuffle_on_disk(options: PipelineOptions, output: str) -> AbstractContextManager[None]:
    """Returns the context in which a local run keeps its shuffles on the disk of `output`.

    Other runners keep them themselves, and a worker process of its own could not read the file.
    """
    runner = options.view_as(StandardOptions).runner
    mode = options.view_as(DirectOptions).direct_running_mode
    if runner != LOCAL_RUNNER or mode not in IN_PROCESS_MODES or not is_local(output):
        return nullcontext()
    return SpillFile(str(Path(output).resolve().parent)).spilling()


def report_failure(error: BaseException, *, debug: bool) -> int:
    """Writes what failed to stderr; returns the exit status 1.

    Raises:
        BaseException: the error itself, with `debug`.
    """
    if debug:
        raise error
    stopped = isinstance(_first_error(error), KeyboardInterrupt)
    what = "stopped" if stopped else f"failed: {describe_error(error)}; --debug shows more"
    sys.stderr.write(f"ringtrace: {what}\n")
    return 1


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
    """Returns the error that Beam made another one of, to name the step, if it did.

    That is of the same type, or of one that Beam could not make again.
    """
    before = error.__context__ if getattr(error, "_tagged_with_step", False) else None
    return before if type(error) in (type(before), RuntimeError) else None


def report_success(
    options: PipelineOptions, progress: Progress, output: str, *, wait: bool, lines: Iterable[str]
) -> bool:
    """Writes what became of a job that did not fail; returns whether it has ended.

    `wait` is whether it was waited for; `lines` are read only where it has ended.
    """
    if options.view_as(TestOptions).dry_run:
        progress.say("the runner would take this job; nothing was run")
        return False
    if not wait:
        progress.say(f"the runner has the job; it will write {output}")
        return False
    for line in lines:
        progress.say(line)
    progress.done(output)
    return True
