"""`ringtrace report RUN`: finds a run's report, or writes another one, also for outsiders."""

from __future__ import annotations

import shutil
import webbrowser
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.ledger import hold_back, values_withheld
from pipelines.options import (
    REGISTER_FLAGS,
    UsageError,
    WholeNumber,
    all_of,
    flag,
    say,
    switch,
    system_errors,
    usage_errors,
)
from pipelines.run_folder import REPORT_PAGE
from pipelines.user_files import check_signers, free_folder, open_run, previous_run
from reports import disclosure_control
from reports.export import NODES_FILE
from reports.run import Run
from reports.workbench import STATIC_FILES, write_workbench
from transforms.custody import check_files
from transforms.write import JobError, available_cpus, forking, local_job_pool

if TYPE_CHECKING:
    from transforms.write import WithheldValues


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    switch("--open", "open it in the web browser"),
    switch(
        "--redact",
        "for a reader outside: core members alone, no narratives, no record ids, nothing that "
        "analysts wrote, small counts hidden",
    ),
    flag("--output", "DIR", "write it here instead (RUN-redacted with --redact)"),
    flag(
        "--previous",
        "RUN",
        "the run before, for what changed (default: the one beside RUN that it followed)",
    ),
    flag(
        "--suppress-below",
        "N",
        "hide counts of victims by country below N "
        f"(default: 0; {disclosure_control.SUPPRESS_BELOW} with --redact)",
        type=WholeNumber(0, 1_000_000),
    ),
    REGISTER_FLAGS,
)
"""The flags of `ringtrace report`."""


def run(arguments: Namespace) -> int:
    """Prints where the report is; first writes a new one if a flag asks for it.

    The report inside a run is never rewritten, since the manifest has its digest.

    Raises:
        RunError: if RUN is no finished run.
        AlteredRunError: if its report, or a table that a new report needs, was changed.
        UsageError: if DIR is not empty.
    """
    if "://" in arguments.run:
        raise UsageError(
            f"{arguments.run}: a report can be written of a local run only; copy it here first"
        )
    finished = open_run(arguments.run)
    source = Path(finished)
    changed = (arguments.output, arguments.previous, arguments.suppress_below)
    if not arguments.redact and changed == (None,) * 3:
        index = source / REPORT_PAGE
        if not index.is_file():
            raise UsageError(f"{source}: has no {REPORT_PAGE}; write one with --output DIR")
        files = finished.manifest["outputs"]
        check_files(str(source), [file for file in files if file["name"].startswith("report/")])
    else:
        if not (arguments.output or arguments.redact):
            raise UsageError("--previous and --suppress-below need --output DIR: give it")
        check_signers(finished)
        finished.check_all()
        redacted = source.resolve().with_name(f"{source.resolve().name}-redacted")
        index = _write(arguments, finished, Path(arguments.output or redacted)) / REPORT_PAGE
    say(f"{index}")
    if arguments.open:
        webbrowser.open(index.resolve().as_uri())
    return 0


def _write(arguments: Namespace, finished: Run, out: Path) -> Path:
    free_folder(out)
    smallest = arguments.suppress_below
    if smallest is None:
        smallest = disclosure_control.SUPPRESS_BELOW if arguments.redact else 0
    nodes, made = Path(finished, NODES_FILE), not out.exists()
    values = values_withheld(finished, arguments.register_key, no_register=arguments.no_register)
    # Members keep their places in the run's own figures.
    before = str(nodes) if nodes.is_file() else None
    previous = previous_run(arguments.previous, finished)
    try:
        with (
            usage_errors(JobError, before=f"{out}: "),
            system_errors(out, "name a folder that can be made", below=True),
        ):
            out.mkdir(parents=True, exist_ok=True)
            with forking(available_cpus()), local_job_pool(str(out)) as pool:
                write_workbench(
                    finished,
                    pool,
                    previous=previous,
                    redact=arguments.redact,
                    suppress_below=smallest,
                    before=before,
                )
    except BaseException:
        if made:
            shutil.rmtree(out, ignore_errors=True)  # a partial report would look complete
        raise
    names = [file["name"] for file in pool.written if file["name"] not in STATIC_FILES]
    _hold_back(finished, out, names, values)
    return out


def _hold_back(finished: Run, out: Path, names: list[str], values: WithheldValues) -> None:
    """Removes from a report the files that name a value that the run withheld.

    Raises:
        UsageError: if there is such a file; the other files stay.
    """
    from reports.pieces import texts_of_data
    from transforms.write import count_withheld

    files = ((name, (out / name).read_bytes()) for name in names)
    counts = count_withheld(files, values, texts_of_data)
    taken = {name: (out / name).read_bytes() for name in counts}
    for name in counts:
        (out / name).unlink()
    hold_back(finished, f"report/{out.name}", taken, values)
