"""Run a stream: options to a plan, and the plan until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipelines.options import UsageError, has_job_server
from pipelines.progress import Progress
from pipelines.streaming.options import StreamOptions, parse
from transforms.gc_tuning import loading, working


def main(arguments: Sequence[str], prog: str = "ringtrace stream") -> int:
    """Run one stream; returns the exit status: 0 stopped or done, 1 failed, 2 wrong usage."""
    try:
        with loading():
            return run(parse(arguments, prog))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(options: StreamOptions) -> int:
    """Plan and run.

    Raises:
        UsageError: for what the user must mend, before anything is written.
    """
    if options.local:
        from pipelines.runner import quieten
        from pipelines.streaming.watch import watch

        if not options.debug:
            quieten(())
        return watch(options)
    return submit(options)


def submit(options: StreamOptions) -> int:
    """Hand a stream from a queue to its runner, and follow it until it ends.

    Raises:
        UsageError: if a list, a setting or an option of the runner cannot be used.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, TestOptions

    from pipelines.batch.__main__ import outline
    from pipelines.flink_options import for_a_stream
    from pipelines.runner import PATIENCE, check_job_server, quieten
    from pipelines.streaming.pipeline import build
    from pipelines.streaming.plan import engine_plan, queue, reading

    flags = [PATIENCE, *options.beam, "--streaming"]
    if not options.debug:
        flags += quieten(flags)
    if has_job_server(flags):
        flags += for_a_stream(flags)
    source = queue(options, reading(options))
    plan = engine_plan(options, source)
    try:
        chosen = PipelineOptions(flags)
        check_job_server(chosen)
        pipeline = beam.Pipeline(options=chosen)
    except (ValueError, ImportError) as error:
        raise UsageError(f"Beam options: {' '.join(str(error).split())}") from None
    progress = Progress(sys.stderr)
    try:
        build(pipeline, plan)
        progress.say(f"streaming from {options.source} to {options.output}")
        with working():
            result = pipeline.run()
            if not options.no_wait:
                result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        if options.debug:
            raise
        sys.stderr.write(f"ringtrace: failed: {outline(error)}; --debug shows more\n")
        return 1
    if pipeline.options.view_as(TestOptions).dry_run:
        progress.say("the runner would take this job; nothing was run")
    elif options.no_wait:
        progress.say(f"the runner has the job; it will write {options.output}")
    else:
        progress.done(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], prog="python -m pipelines.streaming"))
