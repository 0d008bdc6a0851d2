"""The options of `ringtrace batch`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.options import (
    LOCAL_RUNNER,
    StrictParser,
    add_inputs,
    add_run_options,
    moment,
    parse_with_beam,
    with_default_runner,
)


@dataclass(frozen=True)
class BatchOptions:
    """The checked options of one batch run."""

    complaints: tuple[str, ...]
    calls: tuple[str, ...]
    output: str
    known_legitimate: tuple[str, ...]
    previous: str | None
    decisions: str | None
    priority_weights: str | None
    as_of: datetime | None
    complaints_format: str | None
    calls_format: str | None
    calls_direction: str | None
    source_org: str | None
    passport_keys: tuple[str, ...]
    shards: int
    overwrite: bool
    debug: bool
    no_wait: bool
    beam: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace batch`."""
    add_inputs(parser)
    parser.add_argument("--output", metavar="DIR", help="folder of the run; must not exist yet")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier run in the output folder"
    )
    parser.add_argument(
        "--as-of", type=moment, metavar="TIME", help="leave out what was received later than this"
    )
    add_run_options(parser)


def batch_options(arguments: argparse.Namespace) -> BatchOptions:
    """Checks parsed flags.

    Args:
        arguments: as `parse_with_beam` returns them.

    Raises:
        UsageError: without --complaints and --calls, or without --output.
    """
    fields = dict(vars(arguments))
    usage_error = fields.pop("usage_error")
    if not fields["complaints"] and not fields["calls"]:
        usage_error("give --complaints or --calls")
    if not fields["output"]:
        usage_error("give --output")
    return BatchOptions(**fields | {"beam": with_default_runner(fields["beam"], LOCAL_RUNNER)})


def parse(arguments: Sequence[str]) -> BatchOptions:
    """Parses the arguments of `ringtrace batch`.

    Raises:
        UsageError: for an unknown flag, a bad value, or a missing --complaints or --output.
    """
    parser = StrictParser(prog="ringtrace batch")
    add_arguments(parser)
    return batch_options(parse_with_beam(parser, arguments))
