"""`ringtrace simulate DIR`: makes test data, a simulated world with its known answers."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import get_args

from pipelines.options import Number, WholeNumber, option, say, system_errors
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import Profile, World
from pipelines.user_files import free_folder


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the flags of `ringtrace simulate`."""
    world = World()
    option(parser, "out", "DIR", "folder to write, new or empty", type=Path)
    for name, kind, text in (
        ("seed", WholeNumber(0, 2**31 - 1), "number that the world is drawn from"),
        ("complaints", WholeNumber(1, 10**9), "complaints in all, but for copies"),
        ("operations", WholeNumber(1, 10**6), "rings"),
        ("days", WholeNumber(1, 36_500), "length of the world in days"),
    ):
        default = getattr(world, name)
        option(
            parser, f"--{name}", "N", f"{text} (default: %(default)s)", type=kind, default=default
        )
    for name, text in (
        ("noise", "factor of every noise rate"),
        ("calls-per-complaint", "mean number of calls of a complaint"),
    ):
        default = getattr(world, name.replace("-", "_"))
        option(
            parser,
            f"--{name}",
            "X",
            f"{text} (default: %(default)s)",
            type=Number(0, 999),
            default=default,
        )
    option(
        parser,
        "--organisations",
        "ORG",
        "who receives the complaints (default: amazon microsoft)",
        type=_slug,
        nargs="+",
        default=list(world.organisations),
    )
    option(
        parser,
        "--dominant",
        "SHARE",
        "share of the complaints that one ring has (default: none stands out)",
        type=Number(0, 0.999),
        default=world.dominant,
    )
    option(
        parser,
        "--liars",
        "SHARE",
        "complaints of malicious reporters, as a share of the others (default: none)",
        type=Number(0, 10),
        default=world.liars,
    )
    parser.add_argument(
        "--profile",
        choices=get_args(Profile),
        default=world.profile,
        help="identifiers hand over in time, or are a stable pool (default: %(default)s)",
    )


def run(arguments: Namespace) -> int:
    """Writes the world; returns the exit status 0.

    Raises:
        UsageError: if DIR is not empty, or cannot be written.
    """
    fields = dict(vars(arguments))
    out = free_folder(fields.pop("out"))
    world = World(**fields | {"organisations": tuple(dict.fromkeys(arguments.organisations))})
    with system_errors(out, "name a folder that can be made", below=True):
        simulate(world, out)
    say(f"{out}: {world.complaints} complaints of {world.operations} operations")
    return 0


def _slug(text: str) -> str:
    """Parses an organisation, which names files: it must not lead out of the folder."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise ArgumentTypeError(f"{text!r} is not made of a-z, 0-9, _ and - alone")
    return text
