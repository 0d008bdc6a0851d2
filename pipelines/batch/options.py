"""The options of `ringtrace batch`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.options import (
    EPILOG,
    LOCAL_RUNNER,
    StrictParser,
    add_inputs,
    add_reading,
    moment,
    with_config,
    with_runner,
)


@dataclass(frozen=True)
class BatchOptions:
    """What one batch run was asked to do."""

    complaints: tuple[str, ...]
    calls: tuple[str, ...]
    output: str
    known_legitimate: tuple[str, ...]
    previous: str | None
    decisions: str | None
    weights: str | None
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
    """The flags of `ringtrace batch`."""
    add_inputs(parser)
    parser.add_argument("--output", metavar="DIR", help="folder of the run; must not exist yet")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier run in the output folder"
    )
    parser.add_argument(
        "--as-of", type=moment, metavar="TIME", help="leave out what was received later than this"
    )
    add_reading(parser)


def parse(arguments: Sequence[str], prog: str = "ringtrace batch") -> BatchOptions:
    """Command line to options.

    Raises:
        UsageError: for an unknown flag, a bad value, or a missing --complaints or --output.
    """
    parser = StrictParser(prog=prog, description=__doc__.partition("\n")[0], epilog=EPILOG)
    add_arguments(parser)
    # The flags first, or a misspelt --complaints would be called a missing one.
    fields, flags = with_config(parser, arguments)
    if not fields["complaints"] and not fields["calls"]:
        parser.error("give --complaints or --calls")
    if not fields["output"]:
        parser.error("give --output")
    return BatchOptions(**fields, beam=with_runner(flags, LOCAL_RUNNER))
