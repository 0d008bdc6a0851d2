"""What is wrong in worlds, and how little could be: `python -m benchmarks.ceilings [SEED ...]`.

Each world of `benchmarks.clusters` named in `WORLDS` is simulated and run; what its global step
was given is clustered again in this process and held against the truth. Of every identifier that is
apart from most of its operation, or among another's, the kind of mistake is told. Beside it stands
a ceiling: all start in their true clusters, and whatever ties, suppliers and countries speak
against goes where they say. Hubs and lines that are doubted there are left out as in a run.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from benchmarks import clusters
from pipelines import cli
from schemas import epoch
from transforms.arrow_util import hash_text
from transforms.clustering_metrics import compare
from transforms.graph import assign
from transforms.graph.incidence import Incidence, countries_by_node, numbered
from transforms.graph.leiden import smallest_members
from transforms.graph.refinement import resettle
from transforms.graph.supplier_likelihood import Suppliers, suppliers_by_node

WORLDS = ("120 rings, noise 2", "50 rings, noise 2", "120 rings, no calls", "one dominant of 60")


SEEDS = (7001,)


@dataclass(frozen=True)
class Judged:
    """A clustered world by node: its name, what was found, and its operation (-1: nobody's)."""

    names: list[str]
    evidence: Incidence
    suppliers: Suppliers
    label: np.ndarray
    hub: np.ndarray
    doubted: np.ndarray
    operation: np.ndarray


def judged(flags: list[str], seed: int, folder: Path) -> Judged:
    """Simulate, run, and cluster again what the run's global step was given."""
    world, given = folder / "world", []

    def watched(*tables: pa.Table, **more: object) -> pa.RecordBatch:
        given.append(tables)
        return plain(*tables, **more)

    plain = assign.assign
    _done(cli.main(["simulate", str(world), "--seed", str(seed), *flags]))
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    with mock.patch.object(assign, "assign", watched):
        _done(cli.main(["batch", *inputs, "--output", str(folder / "run")]))
    nodes, named, supplies, reached, *decided = given[-1]
    found = assign.assign(nodes, named, supplies, reached, *decided)
    node = found["node"].to_numpy()
    ids = ds.dataset(folder / "run" / "entities").to_table(columns=["entity_id"])["entity_id"]
    called = dict(zip(hash_text(ids).tolist(), ids.to_pylist(), strict=True))
    names = [called[one] for one in node.tolist()]
    with (world / "truth.csv").open(newline="") as source:
        owner = {row["entity_id"]: row["operation"] for row in csv.DictReader(source)}
    number = {one: at for at, one in enumerate(sorted(set(owner.values())))}
    hub, doubted = (found[name].to_numpy(zero_copy_only=False) for name in ("hub", "doubted"))
    apart = np.unique(found["cluster"].to_numpy(), return_inverse=True)[1]
    return Judged(
        names,
        numbered(named, node),
        Suppliers((*suppliers_by_node(supplies, node).kinds, countries_by_node(reached, node))),
        smallest_members(np.where(hub, len(node) + np.arange(len(node)), apart)),
        hub,
        doubted,
        np.array([number[owner[one]] if one in owner else -1 for one in names], np.int64),
    )


def _done(status: int) -> None:
    if status:
        raise SystemExit(status)


def ceiling(world: Judged) -> np.ndarray:
    """The labelling after what evidence speaks against left the true clusters.

    Nobody's identifiers are alone at first; hubs and doubted lines are alone for good.
    """
    alone = len(world.label) + np.arange(len(world.label))
    out = world.hub | world.doubted
    first = np.where((world.operation < 0) | out, alone, world.operation)
    left = world.evidence.without(out)
    true = smallest_members(first)
    return resettle(left, world.suppliers, true, np.arange(len(true)))


def wrong(label: np.ndarray, operation: np.ndarray) -> np.ndarray:
    """Mask of the identifiers that are not where most of their operation is, or are among others.

    Of equally many parts the smallest label counts; nobody's identifiers are never wrong.
    """
    known = np.flatnonzero(operation >= 0)
    main, owner = _most(operation[known], label[known]), _most(label[known], operation[known])
    found = np.zeros(len(label), bool)
    found[known] = [
        main[o] != c or owner[c] != o
        for o, c in zip(operation[known].tolist(), label[known].tolist(), strict=True)
    ]
    return found


def _most(keys: np.ndarray, values: np.ndarray) -> dict[int, int]:
    """The most frequent value of each key; ties go to the smallest."""
    counted = Counter(zip(keys.tolist(), values.tolist(), strict=True))
    most: dict[int, int] = {}
    for (key, value), _ in sorted(counted.items(), key=_most_first):
        most.setdefault(key, value)
    return most


def _most_first(counted: tuple[tuple[int, int], int]) -> tuple[int, tuple[int, int]]:
    return -counted[1], counted[0]


def kinds(world: Judged) -> dict[str, int]:
    """How many identifiers are wrong, by the first that is true of each, in this order."""
    bare = Counter(map(epoch.bare, world.names))
    own = _own_records(world.evidence, world.operation)
    label, operation = world.label, world.operation
    owner = _most(label[operation >= 0], operation[operation >= 0])
    told: Counter[str] = Counter()
    for one in np.flatnonzero(wrong(label, operation)).tolist():
        if world.hub[one]:
            told["hubs"] += 1
        elif world.doubted[one]:
            told["private lines"] += 1
        elif bare[epoch.bare(world.names[one])] > 1:
            told["epochs"] += 1
        elif own[one] < 2:
            told["one record of its own"] += 1
        elif owner[int(label[one])] == operation[one]:
            told["in a part by itself"] += 1
        else:
            told["among another's"] += 1
    return dict(told)


def _own_records(evidence: Incidence, operation: np.ndarray) -> np.ndarray:
    """Per node, the records that name it beside another of its operation."""
    key = evidence.group * (int(operation.max(initial=0)) + 2) + operation[evidence.node] + 1
    _, at, named = np.unique(key, return_inverse=True, return_counts=True)
    return np.bincount(evidence.node[named[at] > 1], minlength=evidence.nodes)


def main() -> None:
    """Print one line a world and seed."""
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    for name in WORLDS:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                world = judged(clusters.WORLDS[name], seed, Path(folder))
            known = world.operation >= 0
            f1, most = (
                compare(world.operation[known], label[known]).bcubed.f1
                for label in (world.label, ceiling(world))
            )
            told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds(world).items()))
            print(
                f"{name}, seed {seed}: F1 {f1:.4f}, ceiling {most:.4f}, "
                f"of {known.sum()} wrong: {told}",
                flush=True,
            )


if __name__ == "__main__":
    main()
