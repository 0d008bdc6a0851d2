"""What the one global step costs: `python -m benchmarks.global_step [RECORDS ...]`.

Clustering works on all evidence in one place, as integers. Each size is a made-up graph of that
many records (default 50,000 and 200,000), each naming two or three of the 30 identifiers of one of
its rings; one mention in twenty is of another ring. Printed: CPU, and the peak by which the process
grew, in bytes a row of evidence (one identifier in one record).
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
import pyarrow as pa

from benchmarks import measured
from transforms.arrow_util import hash_numbers
from transforms.graph.assign import NODE, assign
from transforms.graph.incidence import INCIDENCE, REACH
from transforms.graph.supplier_likelihood import SUPPLIED

SIZES = (50_000, 200_000)


RECORDS_A_RING = 165


HELD = 30


DAY = 86_400_000_000


MISLEADS = 0.05


def world(records: int) -> tuple[pa.Table, pa.Table]:
    """NODE and INCIDENCE rows."""
    rng = np.random.default_rng(1)
    rings = max(records // RECORDS_A_RING, 2)
    ring = rng.integers(0, rings, records)
    when = rng.integers(0, 180 * DAY, records)
    group = np.repeat(np.arange(records), rng.integers(2, 4, records))
    of = np.where(
        rng.random(len(group)) < MISLEADS, rng.integers(0, rings, len(group)), ring[group]
    )
    pairs = np.unique(np.stack([group, of * HELD + rng.integers(0, HELD, len(group))]), axis=1)
    group, identifier = pairs
    named = pa.table(
        [_hash(group), _hash(identifier), _hash(group), pa.array(when[group])],
        names=INCIDENCE.names,
    ).cast(INCIDENCE)
    every = np.unique(identifier)
    none = pa.array(np.zeros(len(every), bool))
    first_seen = pa.array(rng.integers(0, 180 * DAY, len(every)))
    held = pa.array(every % 5 + 1)
    nodes = pa.table(
        [_hash(every), _hash(every), first_seen, held, none, none, held],
        names=NODE.names,
    ).cast(NODE)
    return nodes, named


def _hash(numbers: np.ndarray) -> pa.Array:
    return pa.array(hash_numbers(pa.array(numbers)))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one(records: int) -> None:
    """Measure one size in this process."""
    nodes, named = world(records)
    before, started = _peak(), time.process_time()
    found = assign(nodes, named, SUPPLIED.empty_table(), REACH.empty_table())
    told = {
        "rows": named.num_rows,
        "nodes": nodes.num_rows,
        "clusters": len(np.unique(found["cluster"].to_numpy())),
        "cpu": time.process_time() - started,
        "grew": _peak() - before,
    }
    print(json.dumps(told))


def main() -> None:
    """Print one line a size."""
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]))
        return
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print(f"{'records':>10} {'rows':>11} {'nodes':>9} {'clusters':>9} {'CPU s':>7} {'B a row':>12}")
    for size in sizes:
        told = json.loads(
            measured.run(measured.python("benchmarks.global_step", "--one", size)).output
        )
        print(
            f"{size:>10,} {told['rows']:>11,} {told['nodes']:>9,} {told['clusters']:>9,} "
            f"{told['cpu']:>7.1f} {told['grew'] / told['rows']:>12,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
