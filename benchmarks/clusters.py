"""How well worlds are clustered: `python -m benchmarks.clusters [SEED ...]`.

Each world is simulated, run by the batch pipeline, and held against its truth, beside simpler
methods over the same links, and beside what is left when only links with two records are trusted by
somebody who knows which of them are true. That is the ceiling of any method that believes no single
record. (Whoever knows which of all ties are true scores 1, since the truth leaves out what no
evidence ties.)
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.enums import Strength
from transforms.clustering_metrics import compare_clusterings
from transforms.graph.connected_components import component_labels

COMPLAINTS = ["--complaints", "15000"]

WORLDS = {
    "120 rings": [*COMPLAINTS, "--operations", "120"],
    "50 rings": [*COMPLAINTS, "--operations", "50"],
    "120 rings, noise 2": [*COMPLAINTS, "--operations", "120", "--noise", "2"],
    "50 rings, noise 2": [*COMPLAINTS, "--operations", "50", "--noise", "2"],
    "120 rings, no calls": [*COMPLAINTS, "--operations", "120", "--calls-per-complaint", "0"],
    "120 rings, pooled": [*COMPLAINTS, "--operations", "120", "--profile", "pooled"],
    "one dominant of 60": [*COMPLAINTS, "--operations", "60", "--dominant", "0.35"],
    "5 rings": [*COMPLAINTS, "--operations", "5"],
    "25 rings, 3,000": ["--complaints", "3000", "--operations", "25"],
    "5 rings, 300": ["--complaints", "300", "--operations", "5"],
    "5 rings, 300, clean": ["--complaints", "300", "--operations", "5", "--noise", "0"],
}

SEEDS = (1001,)

BASELINES = ("components", "components, at most 20 links", "Leiden, unweighted")

HEADS = (
    "ringtrace",
    "precision",
    "recall",
    "components",
    "capped",
    "Leiden",
    "2 records",
    "hub prec",
    "hub rec",
    "harm",
    "innocents",
)


def scores(flags: list[str], seed: int, folder: Path) -> list[float]:
    """Returns a line of the table, in the order of `HEADS`."""
    world, run = folder / "world", folder / "run"
    ring = [sys.executable, "-m", "pipelines.cli"]
    _run([*ring, "simulate", str(world), "--seed", str(seed), *flags])
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    _run([*ring, "batch", *inputs, "--output", str(run)])
    lists = {name: f"{world}/{name}.csv" for name in ("truth", "victims", "innocents")}
    harm = ["--victims", lists["victims"], "--innocents", lists["innocents"]]
    harm += ["--known-legitimate", f"{world}/legitimate.csv", "--hubs", f"{world}/hubs.csv"]
    harm += ["--baselines", "--json"]
    judged = json.loads(_run([*ring, "evaluate", str(run), lists["truth"], *harm]))
    ours = judged["agreement"]["bcubed"]
    return [
        ours["f1"],
        ours["precision"],
        ours["recall"],
        *(judged["baselines"][name]["bcubed"]["f1"] for name in BASELINES),
        trusted(run, world / "truth.csv"),
        judged["hubs"]["precision"],
        judged["hubs"]["recall"],
        judged["known_legitimate"] + judged["victim_side"],
        judged["innocent"],
    ]


def trusted(run: Path, truth: Path) -> float:
    """B-cubed F1 of the components of the true links that two records or more show."""
    with truth.open(newline="") as source:
        rows = [(row["entity_id"], row["operation"]) for row in csv.DictReader(source)]
    ids, operations = (np.array(column) for column in zip(*rows, strict=True))
    links = ds.dataset(run / "links").to_table(
        columns=["entity_a", "entity_b"],
        filter=(pc.field("strength") == str(Strength.HARD)) & (pc.field("records") >= 2),
    )
    a, b = (
        pc.fill_null(pc.index_in(links[name], pa.array(ids.tolist())), -1).to_numpy()
        for name in ("entity_a", "entity_b")
    )
    true = (a >= 0) & (b >= 0) & (operations[a] == operations[b])
    return compare_clusterings(operations, component_labels(len(ids), a[true], b[true])).bcubed.f1


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Print one line a world and seed."""
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    print(
        "F1 by B-cubed; harm: known-legitimate and victims' own identifiers in clusters; "
        "innocents: in shared ones"
    )
    print(f"{'world':<20}{'seed':>6}" + "".join(f"{head:>11}" for head in HEADS))
    for name, flags in WORLDS.items():
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                *found, harm, innocent = scores(flags, seed, Path(folder))
            told = "".join(f"{one:>11.3f}" for one in found)
            print(f"{name:<20}{seed:>6}{told}{harm:>11}{innocent:>11}", flush=True)


if __name__ == "__main__":
    main()
