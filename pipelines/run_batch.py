"""Run the batch pipeline: options to a plan, the plan to a published run."""

from __future__ import annotations

import fcntl
import logging
import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.options import BatchOptions, UsageError, parse
from pipelines.progress import Progress
from schemas.manifest import NAME


def main(arguments: Sequence[str], prog: str = "ringtrace batch") -> int:
    """Run one batch; returns the exit status: 0 done, 1 failed, 2 wrong usage."""
    try:
        options = parse(arguments, prog)
        return run(options)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(options: BatchOptions) -> int:
    """Plan and run.

    Raises:
        UsageError: for what the user must mend, before anything is written.
    """
    # Imported late: the command line must answer before Beam and Arrow are loaded.
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipelines.batch import build
    from pipelines.plan import make_plan

    if not options.debug:
        # Beam logs the data that a step failed on; a victim's words do not belong in a log.
        logging.getLogger().setLevel(logging.CRITICAL)
    with _only_run(options.output):
        _check_output(options)
        plan = make_plan(options, uuid.uuid4().hex[:12])
        progress = Progress(sys.stderr)
        progress.say(_what(plan.files))
        pipeline = beam.Pipeline(options=PipelineOptions(list(options.beam)))
        build(pipeline, plan)
        try:
            with progress.following():
                pipeline.run().wait_until_finish()
        except Exception as error:
            _discard(plan.run.staging)
            if options.debug:
                raise
            sys.stderr.write(f"ringtrace: failed: {_outline(error)}; --debug shows more\n")
            return 1
    progress.done(options.output)
    return 0


def _what(files: Sequence[object]) -> str:
    return f"reading {len(files)} file{'' if len(files) == 1 else 's'}"


def _check_output(options: BatchOptions) -> None:
    from apache_beam.io.filesystems import FileSystems

    from transforms.publish import is_local

    where = options.output
    whole = FileSystems.exists(FileSystems.join(where.rstrip("/"), NAME))
    if whole and not options.overwrite:
        raise UsageError(f"{where}: holds a run already; give --overwrite, or another --output")
    if is_local(where):
        folder = Path(where)
        if folder.exists() and not whole and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{where}: exists and is not a run; give another --output")


@contextmanager
def _only_run(output: str) -> Iterator[None]:
    """Hold the output for this run alone, and clear away what killed runs left beside it."""
    from transforms.publish import is_local

    if not is_local(output):
        yield
        return
    whole = Path(output).absolute()
    whole.parent.mkdir(parents=True, exist_ok=True)
    lock = whole.with_name(f".{whole.name}.lock")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{output}: another run is writing there; wait for it") from None
        for left in whole.parent.glob(f".{_literal(whole.name)}.staging-*"):
            _recover(left, whole)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _literal(name: str) -> str:
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)


def _recover(left: Path, whole: Path) -> None:
    """A run killed while it replaced another left the older one aside: put it back."""
    if left.name.endswith(".replaced") and not whole.exists() and (left / NAME).exists():
        left.rename(whole)
    else:
        shutil.rmtree(left, ignore_errors=True)


def _discard(staging: str) -> None:
    from transforms.publish import is_local

    if is_local(staging):
        shutil.rmtree(staging, ignore_errors=True)


def _outline(error: BaseException) -> str:
    """The kind of an error and where it was raised: never its text, which may hold data."""
    while error.__cause__ is not None:
        error = error.__cause__
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" in {Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
    return f"{type(error).__name__}{place}"
