"""What scripts cost a tick of a stream, and what they are for.

    python -m benchmarks.ticks 2000 10000     a tick over that many complaints and their calls
    python -m benchmarks.ticks --worlds 30    small worlds whose clusters differ without scripts

Without scripts means that no narrative has a fingerprint. A tick is measured over all that is alive
and ten complaints more, in a process of its own; CPU is the median of five ticks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa

from benchmarks import measured, worlds
from pipelines.progress import Progress
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from pipelines.streaming.options import parse
from pipelines.streaming.watch import Watch
from pipelines.streaming.watch_sources import Folder
from pipelines.streaming.watch_state import FOLDER, State
from schemas.enums import EntityKind
from schemas.tables import MEMBERS
from transforms.call_scripts.fingerprints import READ
from transforms.read.options import ReadOptions
from transforms.stream.state import DAYS

KEEP = ["--keep", *(f"{kind}=36500" for kind in EntityKind)]


TICKS = 5


COMING = 10
"""Complaints that come before each tick that is measured."""


def unmarked(_: pa.RecordBatch) -> pa.RecordBatch:
    """In place of `marked`: no narrative has a fingerprint."""
    return pa.RecordBatch.from_pylist([], READ)


def scripts(*, there: bool) -> AbstractContextManager[object]:
    """A stream with scripts, or without."""
    return nullcontext() if there else patch("transforms.stream.delta.marked", unmarked)


def stream(watched: Path, output: Path) -> Callable[..., None]:
    """A stream over a folder, which looks at it when called."""
    options = parse(["--watch", str(watched), "--output", str(output), *KEEP])
    watch, folder = Watch(options, Progress(StringIO())), Folder(str(watched), ReadOptions())

    def tick(*, snapshot: bool) -> None:
        picked = State(str(output), DAYS).picked if (output / FOLDER).exists() else {}
        watch.tick(folder.look(picked, final=True), snapshot=snapshot)

    return tick


def measure(complaints: int, *, there: bool) -> dict[str, float]:
    """CPU ms of a tick, records that are alive, and MiB of the state on disk."""
    with tempfile.TemporaryDirectory() as work, scripts(there=there):
        watched, output = Path(work, "in"), Path(work, "out")
        for kind in ("complaints", "calls"):
            (watched / kind).mkdir(parents=True)
            for path in (worlds.world(complaints) / kind).iterdir():
                (watched / kind / path.name).symlink_to(path.absolute())
        lines = [
            line
            for path in sorted((watched / "complaints").iterdir())
            for line in itertools.islice(path.open(encoding="utf-8"), TICKS * COMING)
        ]
        tick = stream(watched, output)
        tick(snapshot=False)
        times = []
        for number in range(TICKS):
            rows = [json.loads(line) for line in lines[number * COMING :][:COMING]]
            new = [row | {"complaint_id": f"{row['complaint_id']}-again"} for row in rows]
            path = watched / "complaints" / f"new-{number}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in new), encoding="utf-8")
            begun = time.process_time()
            tick(snapshot=False)
            times.append(time.process_time() - begun)
        files = sum(path.stat().st_size for path in (output / FOLDER).iterdir())
        alive = State(str(output), dict.fromkeys(EntityKind, 36_500)).alive.block.records.num_rows
    return {"ms": 1000 * statistics.median(times), "alive": alive, "disk": files / 2**20}


def members(world: Path, output: Path, *, there: bool) -> list[bytes]:
    """The members of the clusters that a stream finds in a world."""
    with scripts(there=there):
        stream(world, output)(snapshot=True)
    (snapshot,) = (output / "snapshots").iterdir()
    return [path.read_bytes() for path in sorted((snapshot / MEMBERS.name).iterdir())]


def differing(count: int) -> list[int]:
    """Seeds of small worlds in which scripts tip a tie."""
    found = []
    for seed in range(count):
        with tempfile.TemporaryDirectory() as work:
            world = Path(work, "world")
            simulate(World(seed=seed, complaints=110, operations=4), world)
            one, other = (
                members(world, Path(work, str(there)), there=there) for there in (True, False)
            )
            if one != other:
                found.append(seed)
    return found


def main(arguments: list[str]) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ticks")
    parser.add_argument("complaints", type=int, nargs="*")
    parser.add_argument("--worlds", type=int)
    parser.add_argument("--scripts", choices=("yes", "no"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.scripts:
        print(json.dumps(measure(options.complaints[0], there=options.scripts == "yes")))
        return
    for complaints in options.complaints:
        worlds.world(complaints)
        for there in ("no", "yes"):
            done = measured.run(measured.python("benchmarks.ticks", complaints, "--scripts", there))
            found = json.loads(done.output)
            print(
                f"{found['alive']} records, scripts: {there}: a tick {found['ms']:.0f} ms, "
                f"peak {done.peak:.0f} MiB, state {found['disk']:.1f} MiB",
                flush=True,
            )
    if options.worlds:
        seeds = differing(options.worlds)
        print(f"{len(seeds)} of {options.worlds} worlds differ without scripts: {seeds}")


if __name__ == "__main__":
    main(sys.argv[1:])
