"""Connected components by other programs: `python -m benchmarks.peers.components PEER EDGES OUT`.

EDGES is a Parquet file of the columns `a` and `b`, 64-bit numbers: a record and an identifier that
it names. OUT becomes a Parquet file of `node` and `label`. The peers are networkx, scipy and splink
(on DuckDB). Printed are the seconds from the file to the labels as JSON, without the start of
Python, but with that of DuckDB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Peer = Callable[[Path, Path], None]


def by_networkx(edges: Path, out: Path) -> None:
    """networkx.connected_components."""
    import networkx as nx

    table = pq.read_table(edges)
    graph = nx.Graph()
    graph.add_edges_from(zip(table["a"].to_pylist(), table["b"].to_pylist(), strict=True))
    labels = {n: i for i, part in enumerate(nx.connected_components(graph)) for n in part}
    rows = {"node": list(labels), "label": list(labels.values())}
    pq.write_table(pa.table(rows), out)


def by_scipy(edges: Path, out: Path) -> None:
    """scipy.sparse.csgraph.connected_components."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    table = pq.read_table(edges)
    ends = np.concatenate([table["a"].to_numpy(), table["b"].to_numpy()])
    node, at = np.unique(ends, return_inverse=True)
    a, b = at[: table.num_rows], at[table.num_rows :]
    matrix = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(node), len(node)))
    _, label = connected_components(matrix, directed=False)
    pq.write_table(pa.table({"node": node, "label": label}), out)


def by_splink(edges: Path, out: Path) -> None:
    """Splink's clustering on DuckDB."""
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    table = pq.read_table(edges)
    node = np.unique(np.concatenate([table["a"].to_numpy(), table["b"].to_numpy()]))
    found = cluster_pairwise_predictions_at_threshold(
        pa.table({"node": node}),
        table,
        db_api=DuckDBAPI(connection=duckdb.connect()),
        node_id_column_name="node",
        edge_id_column_name_left="a",
        edge_id_column_name_right="b",
    )
    found.to_parquet(str(out), overwrite=True)


PEERS: dict[str, Peer] = {"networkx": by_networkx, "scipy": by_scipy, "splink": by_splink}


def _cpu() -> float:
    mine, others = (
        resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return mine.ru_utime + mine.ru_stime + others.ru_utime + others.ru_stime


def main() -> None:
    """Time one peer on one file."""
    peer, edges, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    wall, cpu = time.perf_counter(), _cpu()
    PEERS[peer](edges, out)
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}))


if __name__ == "__main__":
    main()
