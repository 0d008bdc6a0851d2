"""ringtrace beside what else one could run: `python -m benchmarks.peers [--keep DIR] [N ...]`.

Each size is two worlds of N complaints with 1.25 calls each (default 20,000 and 200,000; 1,000,000
takes long): the simulator's, and the same with odd numbers, nearly all of them distinct
(`benchmarks.worlds.write_oddly`). Whole runs: `ringtrace batch`, the same without its report, the
script that one would write instead, and the floor; beside them what starting takes. Components
alone, from the mentions of the run: networkx, scipy, Splink. CPU is the figure to compare; wall
clock also tells what else the machine did. MiB shuffled are those of the encoded batches that Beam
groups by key.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pyarrow.dataset as ds

from benchmarks import measured
from benchmarks.batch import observe
from benchmarks.measured import python
from benchmarks.peers import edges
from benchmarks.worlds import world

SIZES = (20_000, 200_000)

PEERS = {"networkx": "networkx", "scipy": "scipy", "splink": "splink"}
"""Programs that find components, and the module that each needs."""


WORLDS = ("simulated", "odd")


@dataclass(frozen=True)
class Line:
    """One program on one world; `note` says what else there is to know of it."""

    what: str
    size: int
    wall: float
    cpu: float
    peak: float
    note: str = ""
    world: str = ""
    shuffled: int | None = None


def whole_runs(size: int, kind: str, folder: Path, *, report: bool) -> Iterator[Line]:
    """Runs ringtrace, the script and the floor on one world; leaves a run in `folder`/run."""
    files = world(size, odd=kind == "odd")
    truth = _pairs(files / "truth.csv")
    ways = {"ringtrace": True, "ringtrace, no report": False}
    for name, with_report in ways.items():
        if with_report and not report:
            continue
        found = observe(files, folder / "run", report=with_report)
        used, run = found.used, ds.dataset(folder / "run" / "members")
        members = run.to_table(columns=["entity_id", "cluster_id"])
        ids, labels = (column.to_pylist() for column in members.columns)
        f1 = edges.bcubed(ids, labels, truth)
        note, shuffled = f"B-cubed F1 {f1:.3f}", found.shuffled
        yield Line(name, size, used.wall, used.cpu, used.peak, note, kind, shuffled)
    used = measured.run(python("benchmarks.peers.script", files, folder / "script"))
    clusters = _pairs(folder / "script" / "clusters.csv")
    f1 = edges.bcubed(list(clusters), list(clusters.values()), truth)
    yield Line("script", size, used.wall, used.cpu, used.peak, f"B-cubed F1 {f1:.3f}", kind)
    used = measured.run(python("benchmarks.peers.floor", files, folder / "run", folder / "floor"))
    own = json.loads(used.output)
    yield Line("floor", size, own["wall"], own["cpu"], used.peak, "checks, links nothing", kind)


def empty_run() -> Line:
    """A run over a file of no rows: what starting takes."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "nothing.jsonl"
        nothing.touch()
        words = ["--complaints", nothing, "--output", Path(folder) / "run"]
        found = measured.run(python("pipelines.cli", "batch", *words))
    return Line("ringtrace, no rows", 0, found.wall, found.cpu, found.peak, "starts and ends")


def components(size: int, kind: str, folder: Path) -> Iterator[Line]:
    """Each peer on the graph of the run's mentions."""
    graph = folder / "edges.parquet"
    count = edges.write_edges(folder / "run", graph)
    for peer, module in PEERS.items():
        if find_spec(module) is None:
            print(f"{peer} is not installed: pip install '.[bench]'")
            continue
        out = folder / f"{peer}.parquet"
        try:
            found = measured.run(python("benchmarks.peers.components", peer, graph, out))
        except measured.CommandFailedError as error:
            print(f"{peer} could not run: {str(error).splitlines()[-1][:200]}")
            continue
        own = json.loads(found.output.splitlines()[-1])
        note = f"{count:,} edges"
        if peer != "networkx" and not edges.same_partition(folder / "networkx.parquet", out):
            note += ", NOT the same components as networkx"
        yield Line(f"components: {peer}", size, own["wall"], own["cpu"], found.peak, note, kind)


def _pairs(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as rows:
        return {row[0]: row[1] for row in list(csv.reader(rows))[1:]}


def show(lines: list[Line]) -> Iterator[str]:
    """Yields a Markdown table, with CPU as a multiple of the script's and the growth."""
    yield (
        "| program | world | complaints | wall s | CPU s | CPU, script = 1 | peak MiB "
        "| MiB shuffled | grows as | |"
    )
    yield "|---" * 10 + "|"
    script = {(one.world, one.size): one.cpu for one in lines if one.what == "script"}
    before: dict[tuple[str, str], Line] = {}
    for one in lines:
        last = before.get((one.what, one.world))
        grows = f"n^{_exponent(last, one):.2f}" if last else ""
        before[one.what, one.world] = one
        whole = ":" not in one.what and (one.world, one.size) in script
        ratio = f"{one.cpu / script[one.world, one.size]:.2f}" if whole else ""
        shuffled = "" if one.shuffled is None else f"{one.shuffled / 2**20:,.0f}"
        yield (
            f"| {one.what} | {one.world} | {one.size:,} | {one.wall:.1f} | {one.cpu:.1f} | {ratio} "
            f"| {one.peak:,.0f} | {shuffled} | {grows} | {one.note} |"
        )


def _exponent(small: Line, large: Line) -> float:
    return math.log(large.cpu / small.cpu) / math.log(large.size / small.size)


def main() -> None:
    """Print the machine and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the runs there, by size")
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument(
        "--no-report", action="store_true", help="leave out the run that writes a report"
    )
    parser.add_argument("--no-components", action="store_true", help="leave out the components")
    asked = parser.parse_args()
    lines = [empty_run()]
    for size, kind in product(asked.sizes, asked.worlds):
        scratch = Path(tempfile.mkdtemp())
        folder = asked.keep / f"{size}-{kind}" if asked.keep else scratch
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            for line in whole_runs(size, kind, folder, report=not asked.no_report):
                lines.append(line)
                print(f"{line.what}, {kind}, {size:,}: {line.cpu:.1f} s of CPU", flush=True)
            if not asked.no_components:
                lines.extend(components(size, kind, folder))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    python_version = platform.python_version()
    print(f"\n{os.cpu_count()} cores, {platform.machine()}, Python {python_version}\n")
    print("\n".join(show(lines)))


if __name__ == "__main__":
    main()
