"""`python -m pipelines.simulate OUT`.

`ringtrace simulate OUT`: the flags, and what they ask for.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import get_args

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import Profile, World


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return number


def _slug(text: str) -> str:
    """An organisation; it names files, so it may hold nothing that leads elsewhere."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of a-z, 0-9, _ and - alone")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace simulate` on `parser`."""
    world = World()
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to write, new or empty")
    parser.add_argument("--seed", type=int, default=world.seed, help="(default: %(default)s)")
    for name, text in (
        ("complaints", "complaints in all, but for copies"),
        ("operations", "rings"),
        ("days", "length of the world in days"),
    ):
        default = getattr(world, name)
        parser.add_argument(
            f"--{name}", type=_count, default=default, help=f"{text} (default: %(default)s)"
        )
    parser.add_argument(
        "--noise", type=_rate, default=world.noise, help="multiplies every noise rate (default: 1)"
    )
    parser.add_argument(
        "--calls-per-complaint",
        type=_rate,
        default=world.calls_per_complaint,
        help="mean (default: %(default)s)",
    )
    parser.add_argument(
        "--organisations",
        metavar="ORG",
        type=_slug,
        nargs="+",
        default=list(world.organisations),
        help="who receives the complaints (default: amazon microsoft)",
    )
    parser.add_argument(
        "--dominant",
        type=_share,
        default=world.dominant,
        help="share of the complaints that one ring has (default: none stands out)",
    )
    parser.add_argument(
        "--profile",
        choices=get_args(Profile),
        default=world.profile,
        help="identifiers hand over in time, or are a stable pool (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the world; 0 when done, 1 when it cannot be written, 2 when OUT is not empty."""
    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        return _fail(f"{out}: exists and is not an empty folder; name a new one", 2)
    world = World(
        seed=arguments.seed,
        complaints=arguments.complaints,
        operations=arguments.operations,
        days=arguments.days,
        noise=arguments.noise,
        calls_per_complaint=arguments.calls_per_complaint,
        organisations=tuple(dict.fromkeys(arguments.organisations)),
        profile=arguments.profile,
        dominant=arguments.dominant,
    )
    try:
        simulate(world, out)
    except OSError as error:
        return _fail(f"{error.filename or out}: {error.strerror}", 1)
    sys.stdout.write(f"{out}: {world.complaints} complaints of {world.operations} operations\n")
    return 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"ringtrace simulate: {message}\n")
    return status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pipelines.simulate", description=__doc__)
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
