"""`ringtrace simulate OUT`, also as `python -m pipelines.simulate`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pipelines.options import UsageError, run_command
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import Profile, World
from transforms.gc_tuning import gc_tuned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace simulate`."""
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
    """Writes the world; returns the exit status: 0 done, 1 cannot be written.

    Raises:
        UsageError: if OUT is not empty.
    """
    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; name a new one")
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
        sys.stderr.write(f"ringtrace simulate: {error.filename or out}: {error.strerror}\n")
        return 1
    sys.stdout.write(f"{out}: {world.complaints} complaints of {world.operations} operations\n")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Runs `ringtrace simulate` with these arguments; returns the exit status."""
    with gc_tuned():
        module = sys.modules[__name__]
        return run_command("simulate", "", module, arguments, takes_beam_options=False)


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
    """Parses an organisation, which names files: it must not lead out of the folder."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of a-z, 0-9, _ and - alone")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
