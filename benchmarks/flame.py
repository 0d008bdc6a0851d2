"""CPU of a batch run by module: `python -m benchmarks.flame [N] [--svg FILE | --within PATTERN]`.

Samples a run on a world of N complaints (default 20,000) with py-spy, and prints the share of CPU
by the module of ringtrace, or the part of Beam, that was at work; with --svg it draws a flame graph
instead; with --within PATTERN it prints the share of CPU within functions and modules that match,
and all that they call. Needs `pip install '.[bench]'`, and the right to trace one's own children.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import measured
from benchmarks.worlds import inputs, world

SAMPLES_A_SECOND = 50

SHOWN = 25

_FRAME = re.compile(r"\(([\w./<>-]+\.py):\d+\)")

_OURS = re.compile(r"^(?:pipelines|reports|schemas|transforms)/")

_OUTER = ("pipelines/cli.py", "pipelines/batch/__main__.py", "pipelines/batch/pipeline.py")
"""Modules of ringtrace that only call the rest, through Beam."""


def record(command: list[str], out: Path, form: str) -> None:
    """Run a command under py-spy."""
    flags = ["--rate", str(SAMPLES_A_SECOND), "--format", form, "--output", str(out)]
    py_spy = Path(sys.executable).with_name("py-spy")
    if not py_spy.exists():
        sys.exit("py-spy is not installed: pip install '.[bench]'")
    measured.run([str(py_spy), "record", *flags, "--subprocesses", "--", *command])


def shares(stacks: Iterable[str]) -> Counter[str]:
    """Samples by who was at work, of py-spy's raw stacks: `frame;frame;... count`."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        found[_at_work(stack.split(";"))] += int(count)
    return found


def share_within(stacks: Iterable[str], pattern: str) -> float:
    """The share of samples with a frame, such as `name (path:line)`, that matches."""
    matching, found = re.compile(pattern), Counter[bool]()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        found[any(map(matching.search, stack.split(";")))] += int(count)
    return found[True] / found.total()


def _pattern(given: str) -> str:
    try:
        re.compile(given)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{given!r} is no pattern: {error}") from None
    return given


def _at_work(frames: list[str]) -> str:
    if any("importlib" in frame for frame in frames):
        return "start-up: imports"
    paths = [match[1] for frame in frames if (match := _FRAME.search(frame))]
    ours = [path for path in paths if _OURS.match(path) and path not in _OUTER]
    if ours:
        return ours[-1]
    if any(path.startswith("apache_beam/runners/") for path in paths):
        return "Beam: running"
    return "Beam: building the pipeline" if "pipelines/batch/pipeline.py" in paths else "other"


def table(found: Counter[str]) -> Iterator[str]:
    """Markdown: the largest shares, and those of each layer."""
    total = found.total()
    layers: Counter[str] = Counter()
    for who, count in found.items():
        layers[_layer(who)] += count
    for title, counted in (("layer", layers), ("module", found)):
        yield f"| {title} | share of CPU |"
        yield "|---|---|"
        for who, count in counted.most_common(SHOWN):
            yield f"| {who} | {count / total:.1%} |"
        yield ""


def _layer(who: str) -> str:
    room, *rest = who.split("/")
    return f"{room}/{rest[0]}" if room == "transforms" and len(rest) > 1 else room


def main() -> None:
    """Record and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("size", metavar="N", type=int, nargs="?", default=20_000)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--svg", metavar="FILE", type=Path)
    instead.add_argument(
        "--within", metavar="PATTERN", type=_pattern, help="the share of matching functions"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flags = [*inputs(world(asked.size)), "--output", f"{folder}/run"]
        command = measured.python("pipelines.cli", "batch", *flags)
        if asked.svg:
            record(command, asked.svg, "flamegraph")
            return
        raw = Path(folder) / "stacks"
        record(command, raw, "raw")
        stacks = raw.read_text().splitlines()
        if asked.within:
            print(f"{share_within(stacks, asked.within):.1%} of CPU")
            return
        print("\n".join(table(shares(stacks))))


if __name__ == "__main__":
    main()
