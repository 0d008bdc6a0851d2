"""How well worlds are clustered: `python -m benchmarks.clusters [SEED ...]`.

Each world is simulated, run by the batch pipeline, and held against its truth, beside plain
connected components over the same accepted evidence.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.kinds import Status, Strength
from transforms.graph.components import components
from transforms.scoring.metrics import compare

WORLDS = {
    "120 rings": ["--operations", "120"],
    "50 rings": ["--operations", "50"],
    "120 rings, pooled": ["--operations", "120", "--profile", "pooled"],
    "one dominant of 60": ["--operations", "60", "--dominant", "0.35"],
    "5 rings": ["--operations", "5"],
    "120 rings, noise 2": ["--operations", "120", "--noise", "2"],
}
SEEDS = (1001, 1002)


def scores(flags: list[str], seed: int, folder: Path) -> dict[str, float]:
    """Scores of one world: ours, plain components', and the harm counts."""
    world, run = folder / "world", folder / "run"
    ring = [sys.executable, "-m", "pipelines.cli"]
    _run([*ring, "simulate", str(world), "--seed", str(seed), *flags])
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    _run([*ring, "batch", *inputs, "--output", str(run)])
    harm = ["--victims", f"{world}/victims.csv", "--known-legitimate", f"{world}/legitimate.csv"]
    judged = json.loads(_run([*ring, "evaluate", str(run), f"{world}/truth.csv", *harm, "--json"]))
    agreement = judged["agreement"]
    return {
        "bcubed": agreement["bcubed"]["f1"],
        "pairwise": agreement["pairwise"]["f1"],
        "plain": plain(run, world / "truth.csv"),
        "harm": judged["known_legitimate"] + judged["victim_side"],
    }


def plain(run: Path, truth: Path) -> float:
    """B-cubed F1 of connected components over every hard link between infrastructure."""
    entities = ds.dataset(run / "entities").to_table(
        columns=["entity_id"], filter=pc.field("status") == str(Status.INFRASTRUCTURE)
    )
    ids = entities["entity_id"].combine_chunks()
    links = ds.dataset(run / "links").to_table(
        columns=["entity_a", "entity_b"], filter=pc.field("strength") == str(Strength.HARD)
    )
    ends = [pc.index_in(links[name], ids) for name in ("entity_a", "entity_b")]
    both = pc.and_(pc.is_valid(ends[0]), pc.is_valid(ends[1]))
    a, b = (pc.filter(one, both).combine_chunks().to_numpy() for one in ends)
    label = dict(zip(ids.to_pylist(), components(len(ids), a, b).tolist(), strict=True))
    with truth.open(newline="") as source:
        rows = [(row["entity_id"], row["operation"]) for row in csv.DictReader(source)]
    found = [label.get(one, -n - 1) for n, (one, _) in enumerate(rows)]
    return compare(np.array([ring for _, ring in rows]), np.array(found)).bcubed.f1


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Print one line a world and seed."""
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    print("20,000 complaints and 25,000 calls each; F1 by B-cubed")
    print(f"{'world':<20} {'seed':>6} {'ringtrace':>10} {'components':>11} {'harm':>5}")
    for name, flags in WORLDS.items():
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                found = scores(flags, seed, Path(folder))
            print(
                f"{name:<20} {seed:>6} {found['bcubed']:>10.3f} "
                f"{found['plain']:>11.3f} {found['harm']:>5}",
                flush=True,
            )


if __name__ == "__main__":
    main()
