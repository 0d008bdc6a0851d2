"""ringtrace beside what else one could run: `python -m benchmarks.peers [--keep DIR] [N ...]`.

Each size is a simulated world of N complaints with 1.25 calls each (default 20,000 and 200,000;
1,000,000 takes long). Whole runs: `ringtrace batch`, the script that one would write instead, and
the floor; beside them what starting takes, and what the report's bytes take. Components alone, from
the mentions of the run: networkx, scipy, Splink. CPU is the figure to compare; wall
clock also tells what else the machine did.
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
from pathlib import Path

import pyarrow.dataset as ds

from benchmarks import measured
from benchmarks.measured import python
from benchmarks.peers import edges
from benchmarks.worlds import inputs, world

SIZES = (20_000, 200_000)

PEERS = {"networkx": "networkx", "scipy": "scipy", "splink": "splink"}
"""Programs that find components, and the module that each needs."""


@dataclass(frozen=True)
class Line:
    """One program on one size; `note` says what else there is to know of it."""

    what: str
    size: int
    wall: float
    cpu: float
    peak: float
    note: str = ""


def whole_runs(size: int, folder: Path) -> Iterator[Line]:
    """ringtrace, the script and the floor on one world; leaves the run in `folder`/run."""
    files = world(size)
    truth = _pairs(files / "truth.csv")
    found = measured.run(
        python("pipelines.cli", "batch", *inputs(files), "--output", folder / "run")
    )
    members = ds.dataset(folder / "run" / "members").to_table(columns=["entity_id", "cluster_id"])
    f1 = edges.bcubed(*(column.to_pylist() for column in members.columns), truth)
    yield Line("ringtrace", size, found.wall, found.cpu, found.peak, f"B-cubed F1 {f1:.3f}")
    found = measured.run(python("benchmarks.peers.script", files, folder / "script"))
    clusters = _pairs(folder / "script" / "clusters.csv")
    f1 = edges.bcubed(list(clusters), list(clusters.values()), truth)
    yield Line("script", size, found.wall, found.cpu, found.peak, f"B-cubed F1 {f1:.3f}")
    found = measured.run(python("benchmarks.peers.floor", files, folder / "run", folder / "floor"))
    own = json.loads(found.output)
    yield Line("floor", size, own["wall"], own["cpu"], found.peak, "checks and links nothing")


def empty_run() -> Line:
    """A run over a file of no rows: what starting takes."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "nothing.jsonl"
        nothing.touch()
        words = ["--complaints", nothing, "--output", Path(folder) / "run"]
        found = measured.run(python("pipelines.cli", "batch", *words))
    return Line("ringtrace, no rows", 0, found.wall, found.cpu, found.peak, "starts and ends")


def components(size: int, folder: Path) -> Iterator[Line]:
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
        yield Line(f"components: {peer}", size, own["wall"], own["cpu"], found.peak, note)


def _pairs(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as rows:
        return {row[0]: row[1] for row in list(csv.reader(rows))[1:]}


def show(lines: list[Line]) -> Iterator[str]:
    """A Markdown table, with CPU as a multiple of ringtrace's (whole runs) and the growth."""
    yield "| program | complaints | wall s | CPU s | CPU, script = 1 | peak MiB | grows as | |"
    yield "|---|---|---|---|---|---|---|---|"
    script = {one.size: one.cpu for one in lines if one.what == "script"}
    before: dict[str, Line] = {}
    for one in lines:
        last = before.get(one.what)
        grows = f"n^{_exponent(last, one):.2f}" if last else ""
        before[one.what] = one
        whole = ":" not in one.what
        ratio = f"{one.cpu / script[one.size]:.2f}" if whole and one.size in script else ""
        yield (
            f"| {one.what} | {one.size:,} | {one.wall:.1f} | {one.cpu:.1f} | {ratio} "
            f"| {one.peak:,.0f} | {grows} | {one.note} |"
        )


def _exponent(small: Line, large: Line) -> float:
    return math.log(large.cpu / small.cpu) / math.log(large.size / small.size)


def main() -> None:
    """Print the machine and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the runs there, by size")
    asked = parser.parse_args()
    lines = [empty_run()]
    for size in asked.sizes:
        folder = asked.keep / str(size) if asked.keep else Path(tempfile.mkdtemp())
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            for line in (*whole_runs(size, folder), *components(size, folder)):
                print(f"{line.what}, {size:,}: {line.cpu:.1f} s of CPU", flush=True)
                lines.append(line)
        finally:
            if not asked.keep:
                shutil.rmtree(folder, ignore_errors=True)
    python_version = platform.python_version()
    print(f"\n{os.cpu_count()} cores, {platform.machine()}, Python {python_version}\n")
    print("\n".join(show(lines)))


if __name__ == "__main__":
    main()
