"""`ringtrace report RUN`: finds the report of a run, or writes it again, also for outsiders."""

from __future__ import annotations

import argparse
import shutil
import sys
import webbrowser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.ledger import hold_back, values_withheld
from pipelines.options import UsageError, WholeNumber, add_register_options
from pipelines.user_files import check_signers, open_run
from reports import disclosure_control
from reports.export import NODES_FILE
from reports.html import PAGE_LIMIT, write_report_pages
from reports.run import Run
from reports.tables import TableError
from reports.workbench import write_workbench
from schemas.manifest import OutputFile
from transforms.manifest import check_files
from transforms.write import JobError, available_cpus, forking, local_job_pool

if TYPE_CHECKING:
    from transforms.exit_scan import WithheldValues

INDEX = "report/index.html"


@dataclass(frozen=True)
class Limit:
    """A limit, None for all."""

    most: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace report`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--open", action="store_true", help="open it in the web browser")
    parser.add_argument(
        "--redact",
        action="store_true",
        help="for a reader outside: core members alone, no narratives, no record ids, nothing that "
        "analysts wrote, small counts hidden",
    )
    parser.add_argument(
        "--include-verify",
        action="store_true",
        help="for your own use: the files of clusters and of the graph name verify members too, "
        "each row marked",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="write it here instead (RUN-redacted with --redact)"
    )
    parser.add_argument(
        "--workbench",
        action="store_true",
        help="write the workbench of `ringtrace serve`, to be opened from a disk: decisions stay "
        "in the browser until `ringtrace decide --from`",
    )
    parser.add_argument(
        "--previous", metavar="RUN", help="the run before, for what changed; of --workbench"
    )
    parser.add_argument(
        "--pages",
        type=_limit,
        metavar="N|all",
        help="clusters with a page of their own, by priority, and of one that are described on "
        f"shared pages (default: {PAGE_LIMIT})",
    )
    parser.add_argument(
        "--suppress-below",
        type=WholeNumber(0, 1_000_000),
        metavar="N",
        help="hide counts of victims by country below N "
        f"(default: 0; {disclosure_control.SUPPRESS_BELOW} with --redact)",
    )
    add_register_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints where the report is; writes it first, where anything about it was asked for.

    The report inside a run is never rewritten: the manifest vouches for its bytes.

    Raises:
        RunError: if RUN is no finished run.
        AlteredRunError: if its report, or a table of which another is written, was changed.
        UsageError: if DIR holds something.
    """
    if "://" in arguments.run:
        raise UsageError(f"{arguments.run}: reports are written of local runs; copy it here first")
    finished = open_run(arguments.run)
    source = Path(finished)
    changed = (arguments.output, arguments.pages, arguments.suppress_below)
    if arguments.redact and arguments.include_verify:
        raise UsageError(
            "--redact is for a reader outside and --include-verify for your own use: give one"
        )
    if arguments.previous and not arguments.workbench:
        raise UsageError("--previous is of --workbench: give both")
    if arguments.workbench and (arguments.pages or arguments.include_verify):
        raise UsageError(
            "--workbench has every cluster and no files: leave --pages and --include-verify out"
        )
    other = arguments.redact or arguments.include_verify or arguments.workbench
    if not other and changed == (None,) * 3:
        index = source / INDEX
        if not index.is_file():
            raise UsageError(f"{source}: has no {INDEX}; write one with --output DIR")
        check_files(str(source), [one for one in finished.manifest["outputs"] if _is_page(one)])
    else:
        if not (arguments.output or arguments.redact):
            raise UsageError(
                "--pages, --suppress-below, --include-verify and --workbench need --output DIR: "
                "give it"
            )
        check_signers(finished)
        finished.check_all()
        redacted = source.resolve().with_name(f"{source.resolve().name}-redacted")
        index = _write(arguments, finished, Path(arguments.output or redacted)) / INDEX
    sys.stdout.write(f"{index}\n")
    if arguments.open:
        webbrowser.open(index.resolve().as_uri())
    return 0


def _write(arguments: argparse.Namespace, finished: Run, out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; name a new one")
    smallest = arguments.suppress_below
    if smallest is None:
        smallest = disclosure_control.SUPPRESS_BELOW if arguments.redact else 0
    nodes, made = Path(finished, NODES_FILE), not out.exists()
    values = values_withheld(finished, arguments.register_key, no_register=arguments.no_register)
    # Another report of a run keeps the places of its pictures.
    before = str(nodes) if nodes.is_file() else None
    if arguments.workbench:
        previous = Run.open(arguments.previous) if arguments.previous else None
        write = partial(write_workbench, previous=previous)
    else:
        pages = PAGE_LIMIT if arguments.pages is None else arguments.pages.most
        write = partial(write_report_pages, pages=pages, include_verify=arguments.include_verify)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with forking(available_cpus()), local_job_pool(str(out)) as pool:
            write(finished, pool, redact=arguments.redact, suppress_below=smallest, before=before)
        _hold_back(finished, out, [one["name"] for one in pool.written], values)
    except (OSError, JobError, TableError) as error:
        if made:
            shutil.rmtree(out, ignore_errors=True)
        if isinstance(error, TableError):
            raise
        if isinstance(error, JobError):
            raise UsageError(f"{out}: {error}") from None
        where = error.filename or out
        raise UsageError(f"{where}: {error.strerror}; name a folder that can be made") from None
    return out


def _hold_back(finished: Run, out: Path, names: list[str], values: WithheldValues) -> None:
    """Takes the files out of a report that name what the run withheld.

    Raises:
        UsageError: if there is one; the others are whole.
    """
    from transforms.exit_scan import count_withheld

    found = count_withheld(((name, (out / name).read_bytes()) for name in names), values)
    taken = {name: (out / name).read_bytes() for name in found}
    for name in found:
        (out / name).unlink()
    hold_back(finished, f"report/{out.name}", taken, values)


def _is_page(one: OutputFile) -> bool:
    return one["name"].startswith("report/")


def _limit(text: str) -> Limit:
    if text == "all":
        return Limit(None)
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'all'")
    return Limit(int(text))
