"""Run the batch pipeline: options to a plan, the plan to a published run."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.batch.options import BatchOptions, parse
from pipelines.options import UsageError
from pipelines.progress import Progress, silenced
from transforms.gc_tuning import loading, working

if TYPE_CHECKING:
    from apache_beam import Pipeline

    from transforms.manifest import Run


def main(arguments: Sequence[str], prog: str = "ringtrace batch") -> int:
    """Run one batch; returns the exit status: 0 done, 1 failed, 2 wrong usage."""
    try:
        with loading():
            return run(parse(arguments, prog))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(options: BatchOptions) -> int:
    """Plan and run.

    Raises:
        UsageError: for what the user must mend, before anything is written.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, TestOptions

    from pipelines import run_folder, runner
    from pipelines.batch.pipeline import build
    from pipelines.batch.plan import make_plan, sized
    from pipelines.runner import quieten

    # Beam's check of how steps fit together is for who writes them: a tenth of an empty run.
    flags = [*options.beam, "--no_pipeline_type_check"]
    if not options.debug:
        flags += quieten(flags)
    with run_folder.held(options.output):
        run_folder.check(options.output, overwrite=options.overwrite)
        plan = make_plan(options, uuid.uuid4().hex[:12])
        flags += sized(plan.files, options.beam)
        try:
            pipeline = beam.Pipeline(options=PipelineOptions(flags))
        except Exception as error:
            # The runner's check of its own options, which know nothing of the input.
            raise UsageError(f"Beam options: {' '.join(str(error).split())}") from None
        progress = Progress(sys.stderr)
        if runner.listens(pipeline.options):
            progress.say(runner.WARNING)
        progress.say(f"reading {len(plan.files)} file{'' if len(plan.files) == 1 else 's'}")
        build(pipeline, plan)
        status = carry_out(
            pipeline, plan.run, progress, debug=options.debug, wait=not options.no_wait
        )
    if status:
        return status
    if pipeline.options.view_as(TestOptions).dry_run:
        progress.say("the runner would take this job; nothing was run")
    elif options.no_wait:
        progress.say(f"the runner has the job; it will write {options.output}")
    else:
        for line in run_folder.lines(options.output):
            progress.say(line)
        progress.done(options.output)
    return 0


def carry_out(
    pipeline: Pipeline, run: Run, progress: Progress, *, debug: bool, wait: bool = True
) -> int:
    """Run a pipeline that publishes `run`; returns the exit status, 0 or 1."""
    from pipelines import run_folder
    from pipelines.runner import spilling

    steps = [step.full_label for step in pipeline.transforms_stack[0].parts]
    try:
        quiet = nullcontext() if debug else silenced()
        spilled = spilling(pipeline.options, run.output)
        with working(), progress.following(steps), quiet, spilled:
            result = pipeline.run()
            if wait:
                result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        run_folder.discard(run.staging)
        if debug:
            raise
        sys.stderr.write(f"ringtrace: failed: {outline(error)}; --debug shows more\n")
        return 1
    return 0


def outline(error: BaseException) -> str:
    """The kind of an error and where it was raised: never its text, which may hold data."""
    while error.__cause__ is not None:
        error = error.__cause__
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" in {Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
    return f"{type(error).__name__}{place}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m pipelines.batch"))
