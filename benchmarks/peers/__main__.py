"""ringtrace compared with alternatives: `python -m benchmarks.peers [N ...]`.

Each N gives two worlds of N complaints with 1.25 calls each (default 20,000 and 200,000; 1,000,000
takes long): the simulator's world, and the same with odd numbers, nearly all of them distinct
(`benchmarks.worlds.write_oddly`).

Whole runs: `ringtrace batch` on all processors, the same without a report, and again on a single
processor; a short script on a single processor; the floor; and the time to start. Components only,
from the run's mentions: networkx, scipy, Splink.

Compare the CPU on a single processor. Two processors slow each other, and wall clock depends on the
machine's other work. MiB shuffled are the encoded batches that Beam groups by key.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks import measured
from benchmarks.batch import observe
from benchmarks.measured import python
from benchmarks.peers.programs import COMPONENTS
from benchmarks.worlds import world
from schemas.enums import HARD_ROLES
from transforms.arrow import hash_text
from transforms.custody import record_keys

SIZES = (20_000, 200_000)

WORLDS = ("simulated", "odd")

WAYS = (
    ("ringtrace", True, False),
    ("ringtrace, no report", False, False),
    ("ringtrace, no report, one processor", False, True),
)
"""Runs of ringtrace: whether with a report, and whether on one processor."""


HEADS = (
    "program", "world", "complaints", "wall s", "wall, script = 1", "CPU s", "CPU, script = 1",
    "peak MiB", "MiB shuffled", "grows as", "",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One program on one world; `note` says what else there is to know of it."""

    program: str
    size: int
    used: measured.Measured
    note: str = ""
    world: str = ""
    shuffled: int | None = None


def whole_runs(size: int, kind: str, folder: Path, *, report: bool) -> Iterator[Line]:
    """Runs ringtrace, the script and the floor on one world; leaves a run in `folder`/run."""
    files = world(size, odd=kind == "odd")
    truth = measured.read_pairs(files / "truth.csv")
    for name, with_report, one_processor in WAYS:
        if with_report and not report:
            continue
        observed = observe(files, folder / "run", report=with_report, one_processor=one_processor)
        f1 = measured.bcubed_f1(measured.cluster_by_entity(folder / "run"), truth)
        yield Line(name, size, observed.used, f"B-cubed F1 {f1:.3f}", kind, observed.shuffled)
    script = python("benchmarks.peers.script", files, folder / "script")
    used = measured.run(script, one_processor=True)
    f1 = measured.bcubed_f1(measured.read_pairs(folder / "script" / "clusters.csv"), truth)
    yield Line("script", size, used, f"B-cubed F1 {f1:.3f}", kind)
    floor = python("benchmarks.peers.programs", "floor", files, folder / "run", folder / "floor")
    yield Line("floor", size, _of_work(measured.run(floor)), "checks, links nothing", kind)


def _of_work(used: measured.Measured) -> measured.Measured:
    """Returns what a program took that prints the time of its work alone."""
    return replace(used, **json.loads(used.output.splitlines()[-1]))


def empty_run() -> Line:
    """A run over a file of no rows: what starting takes."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "nothing.jsonl"
        nothing.touch()
        batch = "batch --complaints {nothing} --output {folder}/run"
        run = measured.ringtrace(batch, nothing=nothing, folder=folder)
    return Line("ringtrace, no rows", 0, run, "starts and ends")


def components(size: int, kind: str, folder: Path) -> Iterator[Line]:
    """Each peer on the graph of the run's mentions."""
    graph = folder / "edges.parquet"
    count = write_edges(folder / "run", graph)
    for peer in COMPONENTS:
        if find_spec(peer) is None:
            print(f"{peer} is not installed: uv sync --inexact --group bench")
            continue
        out = folder / f"{peer}.parquet"
        try:
            run = measured.run(python("benchmarks.peers.programs", peer, graph, out))
        except measured.CommandFailedError as error:
            print(f"{peer} could not run: {str(error).splitlines()[-1][:200]}")
            continue
        note = f"{count:,} edges"
        if peer != "networkx" and not same_partition(folder / "networkx.parquet", out):
            note += ", NOT the same components as networkx"
        yield Line(f"components: {peer}", size, _of_work(run), note, kind)


def write_edges(run: Path, target: Path) -> int:
    """Writes mentions in a hard role of the scammer's, as `a` (record) and `b` (identifier).

    Returns how many there are, each pair once.
    """
    hard = pc.is_in(pc.field("role"), pa.array([str(role) for role in HARD_ROLES]))
    columns = ["entity_id", "record_kind", "source_org", "record_id"]
    mentions = ds.dataset(run / "mentions").to_table(columns=columns, filter=hard)
    named = pa.table({"a": hash_text(record_keys(mentions)), "b": hash_text(mentions["entity_id"])})
    pairs = named.group_by(["a", "b"], use_threads=False).aggregate([])
    pq.write_table(pairs.sort_by([("a", "ascending"), ("b", "ascending")]), target)
    return pairs.num_rows


def same_partition(left: Path, right: Path) -> bool:
    """Returns whether two files of `node` and `label` part the same nodes in the same way."""
    first, second = (_labels(path) for path in (left, right))
    if not np.array_equal(first[0], second[0]):
        return False
    pairs = np.unique(np.stack([first[1], second[1]]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs)


def _labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(path).sort_by("node")
    return table["node"].to_numpy(), table["label"].to_numpy()


def table_rows(lines: list[Line]) -> Iterator[list[str]]:
    """Yields a row for each line: wall clock and CPU as multiples of the script's, and growth."""
    script = {(line.world, line.size): line for line in lines if line.program == "script"}
    before: dict[tuple[str, str], Line] = {}
    for line in lines:
        last = before.get((line.program, line.world))
        before[line.program, line.world] = line
        growth = ""
        if last:
            exponent = log(line.used.cpu / last.used.cpu) / log(line.size / last.size)
            growth = f"n^{exponent:.2f}"
        beside = None if ":" in line.program else script.get((line.world, line.size))
        yield [
            line.program,
            line.world,
            f"{line.size:,}",
            f"{line.used.wall:.1f}",
            f"{line.used.wall / beside.used.wall:.2f}" if beside else "",
            f"{line.used.cpu:.1f}",
            f"{line.used.cpu / beside.used.cpu:.2f}" if beside else "",
            f"{line.used.peak:,.0f}",
            "" if line.shuffled is None else f"{line.shuffled / 2**20:,.0f}",
            growth,
            line.note,
        ]


def main(words: list[str] | None = None) -> None:
    """Print the machine and the table."""
    parser = measured.Parser("benchmarks.peers", __doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*", default=list(SIZES))
    parser.add_argument(
        "--no-report", action="store_true", help="leave out the run that writes a report"
    )
    asked = parser.parse_args(words)
    lines = [empty_run()]
    for size, kind in product(asked.sizes, WORLDS):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for line in whole_runs(size, kind, folder, report=not asked.no_report):
                lines.append(line)
                print(f"{line.program}, {kind}, {size:,}: {line.used.cpu:.1f} s of CPU", flush=True)
            lines.extend(components(size, kind, folder))
    python_version = platform.python_version()
    print(f"\n{os.cpu_count()} cores, {platform.machine()}, Python {python_version}\n")
    measured.print_table(HEADS, table_rows(lines))


if __name__ == "__main__":
    main()
