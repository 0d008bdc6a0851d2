"""Components of a large graph: `python -m benchmarks.components [NODES] [--beam]`.

Twice as many edges as nodes (default 10 million nodes, 20 million edges) in blocks of 65,536:
random pairs, scam-like (complaints that name a few of a ring's identifiers) and chains (each number
met with the next alone). Three ways, each in a process of its own: the CombineFn of
`transforms.graph.connected_components` over 16 parts that are then merged, scipy on the whole at
once, and rounds of contraction before the CombineFn. With --beam the same through Beam's local
runner.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks import measured
from transforms.arrow_util import hash_numbers
from transforms.graph.connected_components import (
    EDGE,
    Components,
    SpanningForest,
    both_ways,
    components,
    name,
    relabel,
    tell,
)
from transforms.shuffle import batches_of, split

NODES = 10_000_000


PARTS = 16


ROUNDS = 2


def random_pairs(rng: np.random.Generator, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of any two nodes."""
    a, b = rng.integers(0, nodes, (2, 2 * nodes))
    return a, b


def scam_like(rng: np.random.Generator, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Four in five nodes are complaints; each names two or three identifiers of one ring of 100."""
    complaints = nodes * 4 // 5
    identifiers = nodes - complaints
    record = np.repeat(np.arange(complaints), 5)[: 2 * nodes]
    ring = rng.integers(0, max(identifiers // 100, 1), complaints)[record]
    named = ring * 100 + rng.integers(0, 100, len(record))
    return record, complaints + named % identifiers


def chains(rng: np.random.Generator, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Chains of 1,000 numbers, each edge twice."""
    a = rng.permutation(nodes)
    a, b = a[:-1], a[1:]
    inside = np.arange(len(a)) % 1000 != 999
    return np.tile(a[inside], 2), np.tile(b[inside], 2)


GRAPHS = {"random": random_pairs, "scam-like": scam_like, "chains": chains}


def edges(kind: str, nodes: int) -> pa.Table:
    """The graph's EDGE rows; nodes are hashes, as entities' are."""
    a, b = GRAPHS[kind](np.random.default_rng(1), nodes)
    return pa.table([hash_numbers(pa.array(one)) for one in (a, b)], schema=EDGE)


def by_forest(table: pa.Table, rounds: int) -> dict[str, object]:
    """The CombineFn over `PARTS` parts, merged in one call, after `rounds` rounds."""
    left = [table.num_rows]
    for _ in range(rounds):
        table = _contracted(table)
        left.append(table.num_rows)
    combine = SpanningForest()
    blocks = list(batches_of(table))
    parts = []
    for part in range(PARTS):
        forest = combine.create_accumulator()
        for block in blocks[part::PARTS]:
            forest = combine.add_input(forest, block)
        parts.append(combine.compact(forest))
    forest = combine.extract_output(combine.merge_accumulators(parts))
    return {"nodes": len(forest.node), "components": len(np.unique(forest.root)), "edges": left}


def _contracted(table: pa.Table) -> pa.Table:
    """One round, a partition after the other as the shuffle would bring them."""
    ways = pa.Table.from_batches([one for b in batches_of(table) for one in both_ways(b)], EDGE)
    named = [name(tell(part)) for part in _parts(ways, "a")]
    labels = pa.concat_tables(labels for labels, _ in named)
    halves = pa.concat_tables(halves for _, halves in named)
    return pa.concat_tables(
        relabel(half, label)
        for half, label in zip(_parts(halves, "a"), _parts(labels, "node"), strict=True)
    )


def _parts(table: pa.Table, key: str) -> list[pa.Table]:
    parts: list[list[pa.RecordBatch]] = [[] for _ in range(PARTS)]
    for batch in batches_of(table):
        for number, piece in split(batch, (key,), PARTS):
            parts[number].append(piece)
    return [pa.Table.from_batches(part, table.schema).combine_chunks() for part in parts]


def by_scipy(table: pa.Table, _: int) -> dict[str, object]:
    """Everything at once."""
    ends = [table[name].to_numpy() for name in ("a", "b")]
    node, at = np.unique(np.concatenate(ends), return_inverse=True)
    label = components(len(node), at[: table.num_rows], at[table.num_rows :])
    return {"nodes": len(node), "components": len(np.unique(label)), "edges": [table.num_rows]}


def by_beam(table: pa.Table, rounds: int) -> dict[str, object]:
    """The transform on the local runner, edges read in a step of the pipeline."""
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        blocks = pipeline | beam.Create([None], reshuffle=False) | beam.FlatMap(_Blocks(table))
        _ = blocks | Components(rounds)
    return {"edges": [table.num_rows]}


class _Blocks:
    """The blocks of a table that stays in this process."""

    tables: list[pa.Table] = []  # noqa: RUF012 - not pickled with the pipeline on purpose

    def __init__(self, table: pa.Table) -> None:
        self.tables.append(table)

    def __call__(self, _: None) -> Iterator[pa.RecordBatch]:
        yield from batches_of(self.tables[-1])


WAYS: dict[str, Callable[[pa.Table, int], dict[str, object]]] = {
    "forest": by_forest,
    "scipy": by_scipy,
    "beam": by_beam,
}


def main() -> None:
    """Print one line a graph and way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.components", description=__doc__)
    parser.add_argument("nodes", metavar="NODES", type=int, nargs="?", default=NODES)
    parser.add_argument("--beam", action="store_true")
    parser.add_argument(
        "--one", nargs=3, metavar=("GRAPH", "WAY", "ROUNDS"), help="in this process"
    )
    asked = parser.parse_args()
    if asked.one:
        kind, way, rounds = asked.one
        table = edges(kind, asked.nodes)
        started = time.process_time()
        found = WAYS[way](table, int(rounds))
        print(json.dumps(found | {"cpu": time.process_time() - started}))
        return
    ways = [("forest", 0), ("scipy", 0), ("forest", ROUNDS)]
    ways += [("beam", 0), ("beam", ROUNDS)] if asked.beam else []
    print(
        f"{'graph':<10} {'way':<8} {'rounds':>6} {'CPU s':>7} {'peak MiB':>9}  edges left by round"
    )
    for kind in GRAPHS:
        counted = set()
        for way, rounds in ways:
            one = measured.run(
                measured.python(
                    "benchmarks.components", asked.nodes, "--one", kind, way, str(rounds)
                )
            )
            found = json.loads(one.output)
            left = ", ".join(f"{count:,}" for count in found["edges"])
            print(
                f"{kind:<10} {way:<8} {rounds:>6} {found['cpu']:>7.1f} {one.peak:>9,.0f}  {left}",
                flush=True,
            )
            if way != "beam" and rounds == 0:
                counted.add((found["nodes"], found["components"]))
        if len(counted) > 1:
            print(f"{kind}: the ways do NOT agree: {counted}")


if __name__ == "__main__":
    main()
