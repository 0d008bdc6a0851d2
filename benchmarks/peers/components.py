"""Connected components by other programs: `python -m benchmarks.peers.components PEER EDGES OUT`.

EDGES is a Parquet file of the columns `a` and `b`, 64-bit numbers: a record and an identifier that
it names. OUT becomes a Parquet file of `node` and `label`. The peers are networkx, scipy, splink
(on DuckDB) and graphframes (on Spark: `pip install pyspark graphframes-py`, Java 17, and the jar
from Maven Central). Printed are the seconds from the file to the labels as JSON, without the start
of Python, but with that of DuckDB or Spark.
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

GRAPHFRAMES = "io.graphframes:graphframes-spark4_2.13:0.11.0"

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


def by_graphframes(edges: Path, out: Path) -> None:
    """GraphFrames' connectedComponents on a local Spark with all cores."""
    from graphframes import GraphFrame
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.jars.packages", GRAPHFRAMES)
        .config("spark.driver.memory", "8g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    session.sparkContext.setCheckpointDir(str(out.with_suffix(".checkpoints")))
    ends = session.read.parquet(str(edges)).withColumnsRenamed({"a": "src", "b": "dst"})
    nodes = ends.select(ends.src.alias("id")).union(ends.select(ends.dst.alias("id"))).distinct()
    found = GraphFrame(nodes, ends).connectedComponents()
    found.withColumnsRenamed({"id": "node", "component": "label"}).write.parquet(str(out))
    session.stop()


PEERS: dict[str, Peer] = {
    "networkx": by_networkx,
    "scipy": by_scipy,
    "splink": by_splink,
    "graphframes": by_graphframes,
}


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
