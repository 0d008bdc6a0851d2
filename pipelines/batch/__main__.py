"""`ringtrace batch`, also as `python -m pipelines.batch`."""

from __future__ import annotations

import sys
import uuid
from argparse import Namespace
from collections.abc import Sequence

from pipelines.batch.options import add_arguments, batch_options
from pipelines.options import run_command
from transforms.engine import gc_tuned

__all__ = ["add_arguments", "main", "run"]


def run(arguments: Namespace) -> int:
    """Plans and runs one batch; returns the exit status: 0 done, 1 failed.

    Raises:
        UsageError: for a mistake of the user, before anything is written.
    """
    options = batch_options(arguments)
    # Beam is loaded only after the options are checked, and not for --help.
    from pipelines import run_folder, runner
    from pipelines.batch.pipeline import build
    from pipelines.batch.plan import flags_for_size, make_plan, with_register
    from pipelines.progress import Progress, batch_steps
    from reports.text import quantity
    from transforms.local import UNCHECKED, quick_building

    flags = [*options.beam, UNCHECKED]
    if not options.debug:
        flags += runner.suppress_logs(flags)
    with run_folder.lock_output(options.output):
        run_folder.check_output(options.output, overwrite=options.overwrite)
        joint = None
        if options.offer:
            from pipelines.batch.join import join_run, plan_join

            joint = plan_join(options)
        plan = make_plan(options, uuid.uuid4().hex[:12])
        run_folder.check_private_output(plan.run.private, overwrite=options.overwrite)
        pipeline = runner.make_pipeline(flags + flags_for_size(plan.files, options.beam))
        plan = with_register(plan, options)
        progress = Progress(sys.stderr, batch_steps())
        if runner.opens_ports(pipeline.options):
            progress.say(runner.OPEN_PORTS_WARNING)
        progress.say(*run_folder.opening_lines(plan.run.private))
        if plan.register is None and not options.no_register:
            progress.say("no victim register is kept, as there is no key; see --register-key")
        progress.say(f"reading {quantity(len(plan.files), 'file')}")
        with quick_building():
            build(pipeline, plan)
        wait = not options.no_wait
        runner.run_pipeline(pipeline, plan.run, progress, debug=options.debug, wait=wait)
    summary = run_folder.lines_for_log(
        options.output,
        run_folder.summary_lines(options.output),
        plan.register,
        plan.run.private.key,
    )
    ended = runner.report_success(
        pipeline.options, progress, options.output, wait=wait, lines=summary
    )
    # The run is complete and its rejects can be read; the exit status tells a scheduler of them.
    status = int(ended and run_folder.has_faults(options.output))
    return max(status, join_run(joint)) if joint is not None and ended else status


def main(arguments: Sequence[str]) -> int:
    """Runs `ringtrace batch` with these arguments; returns the exit status."""
    with gc_tuned():
        module = sys.modules[__name__]
        return run_command("batch", "", module, arguments, takes_beam_options=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
