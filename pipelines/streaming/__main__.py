"""`ringtrace stream`, also as `python -m pipelines.streaming`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from pipelines.options import has_job_server, run_command
from pipelines.streaming.options import add_arguments, stream_options
from transforms.engine import gc_tuned

__all__ = ["add_arguments", "main", "run"]


def run(arguments: Namespace) -> int:
    """Runs one stream until it is stopped; returns the exit status: 0 stopped or done, 1 failed.

    Raises:
        UsageError: for a mistake of the user, before anything is written.
    """
    options = stream_options(arguments)
    if not options.local:
        return _run_on_engine(options)
    from pipelines.runner import suppress_logs
    from pipelines.streaming.watch import run_watch

    if not options.debug:
        suppress_logs(())
    return run_watch(options)


def _run_on_engine(options: Namespace) -> int:
    """Submits a stream from a queue to its runner, and follows it until it ends."""
    from pipelines import run_folder, runner
    from pipelines.flink_options import stream_flags
    from pipelines.key_store import has_register_key
    from pipelines.progress import Progress
    from pipelines.streaming.pipeline import build
    from pipelines.streaming.plan import engine_plan, queue_source, stream_read_options

    flags = [runner.JOB_SERVER_TIMEOUT, *options.beam, "--streaming"]
    if not options.debug:
        flags += runner.suppress_logs(flags)
    if has_job_server(flags):
        flags += stream_flags(flags)
    plan = engine_plan(options, queue_source(options, stream_read_options(options)))
    pipeline = runner.make_pipeline(flags)
    progress = Progress(sys.stderr)
    if not options.no_register and not has_register_key(options.register_key):
        progress.say("no victim register is kept, as there is no key; see --register-key")
    private = run_folder.private_store(options.output, options.private_output, "")
    progress.say(*run_folder.opening_lines(private))
    try:
        build(pipeline, plan)
        progress.say(f"streaming from {options.source} to {options.output}")
        with gc_tuned():
            result = pipeline.run()
            if not options.no_wait:
                result.wait_until_finish()
    except (Exception, KeyboardInterrupt) as error:
        runner.report_failure(error, debug=options.debug)
    wait = not options.no_wait
    lines = run_folder.stream_summary_lines(options.output)
    runner.report_success(pipeline.options, progress, options.output, wait=wait, lines=lines)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Runs `ringtrace stream` with these arguments; returns the exit status."""
    with gc_tuned():
        module = sys.modules[__name__]
        return run_command("stream", "", module, arguments, takes_beam_options=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
