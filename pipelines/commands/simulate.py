"""`ringtrace simulate DIR`: makes test data: a simulated world with known answers."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import get_args

from pipelines.options import Number, WholeNumber, all_of, flag, say, system_errors
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import Profile, World
from pipelines.user_files import free_folder

WORLD = World()


def _slug(text: str) -> str:
    """Parses an organisation's slug. It names files, so it must not lead out of the folder."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise ArgumentTypeError(f"{text!r} is not made of a-z, 0-9, _ and - alone")
    return text


add_arguments = all_of(
    flag("out", "DIR", "folder to write, new or empty", type=Path),
    flag(
        "--seed",
        "N",
        "number that the world is drawn from (default: %(default)s)",
        type=WholeNumber(0, 2**31 - 1),
        default=WORLD.seed,
    ),
    flag(
        "--complaints",
        "N",
        "complaints in all, but for copies (default: %(default)s)",
        type=WholeNumber(1, 10**9),
        default=WORLD.complaints,
    ),
    flag(
        "--operations",
        "N",
        "rings (default: %(default)s)",
        type=WholeNumber(1, 10**6),
        default=WORLD.operations,
    ),
    flag(
        "--days",
        "N",
        "length of the world in days (default: %(default)s)",
        type=WholeNumber(1, 36_500),
        default=WORLD.days,
    ),
    flag(
        "--noise",
        "X",
        "factor of every noise rate (default: %(default)s)",
        type=Number(0, 999),
        default=WORLD.noise,
    ),
    flag(
        "--calls-per-complaint",
        "X",
        "mean number of calls of a complaint (default: %(default)s)",
        type=Number(0, 999),
        default=WORLD.calls_per_complaint,
    ),
    flag(
        "--organisations",
        "ORG",
        "who receives the complaints (default: amazon microsoft)",
        type=_slug,
        nargs="+",
        default=list(WORLD.organisations),
    ),
    flag(
        "--dominant",
        "SHARE",
        "share of the complaints that one ring has (default: none stands out)",
        type=Number(0, 0.999),
        default=WORLD.dominant,
    ),
    flag(
        "--liars",
        "SHARE",
        "complaints of malicious reporters, as a share of the others (default: none)",
        type=Number(0, 10),
        default=WORLD.liars,
    ),
    flag(
        "--profile",
        None,
        "identifiers hand over in time, or are a stable pool (default: %(default)s)",
        choices=get_args(Profile),
        default=WORLD.profile,
    ),
)
"""The flags of `ringtrace simulate`."""


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
