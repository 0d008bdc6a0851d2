"""The floor, and programs that find components: `python -m benchmarks.peers.programs NAME ...`.

    python -m benchmarks.peers.programs floor WORLD RUN OUT
    python -m benchmarks.peers.programs networkx|scipy|splink EDGES OUT

The floor is the least that any program must do. It reads the world's files with pyarrow, normalizes
each distinct number once with phonenumbers, finds the components of records and numbers with scipy,
and writes the tables of RUN (a finished run of ringtrace on WORLD) once more as Parquet, with the
same settings. It checks nothing, rejects nothing, links nothing and reads no narrative.

EDGES is a Parquet file of the columns `a` and `b`, 64-bit numbers: a record and an identifier that
it names. OUT becomes a Parquet file of `node` and `label`.

The seconds of the work are printed as JSON. The start of Python does not count, nor does reading
RUN's tables for the floor. The start of DuckDB counts.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def by_networkx(a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
    """Labels components with networkx.connected_components."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(zip(a.tolist(), b.tolist(), strict=True))
    labels = {n: i for i, part in enumerate(nx.connected_components(graph)) for n in part}
    return list(labels), list(labels.values())


def by_scipy(a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
    """Labels components with scipy.sparse.csgraph.connected_components."""
    node, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    return node, scipy_labels(place[: len(a)], place[len(a) :], len(node))


def by_splink(a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
    """Labels components with Splink's clustering on DuckDB."""
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    clusters = cluster_pairwise_predictions_at_threshold(
        pa.table({"node": np.unique(np.concatenate([a, b]))}),
        pa.table({"a": a, "b": b}),
        db_api=DuckDBAPI(connection=duckdb.connect()),
        node_id_column_name="node",
        edge_id_column_name_left="a",
        edge_id_column_name_right="b",
    ).as_pyarrow_table()
    return clusters["node"], clusters["cluster_id"]


COMPONENTS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]] = {
    "networkx": by_networkx,
    "scipy": by_scipy,
    "splink": by_splink,
}
"""Programs that find components, by the module that each needs: nodes and labels from edges."""


def label_components(name: str, edges: Path, out: Path) -> None:
    """Reads edges, and writes the nodes with their labels."""
    table = pq.read_table(edges)
    node, label = COMPONENTS[name](table["a"].to_numpy(), table["b"].to_numpy())
    pq.write_table(pa.table({"node": node, "label": label}), out)


def scipy_labels(a: np.ndarray, b: np.ndarray, size: int) -> np.ndarray:
    """Returns the component of each of `size` nodes, of which `a` and `b` are the ends of edges."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    matrix = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(size, size))
    return connected_components(matrix, directed=False)[1]


def read_json(folder: Path) -> pa.Table:
    """Reads all JSON Lines of a folder."""
    import pyarrow.json as pj

    tables = [pj.read_json(path) for path in sorted(folder.glob("*.jsonl"))]
    return pa.concat_tables(tables, promote_options="permissive")


def normalize(raw: pa.ChunkedArray, region: pa.ChunkedArray) -> pa.Array:
    """Returns the E.164 of each number, every distinct one of a region parsed once."""
    both = pc.binary_join_element_wise(pc.fill_null(region, ""), raw, "|").combine_chunks()
    encoded = both.dictionary_encode()
    return pa.array(map(_e164, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


def _e164(text: str | None) -> str | None:
    region, _, raw = (text or "").partition("|")
    try:
        number = phonenumbers.parse(raw, region or None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_and_group(world: Path) -> np.ndarray:
    """Reads a world and normalizes its numbers; labels the components of records and numbers."""
    complaints, calls = read_json(world / "complaints"), read_json(world / "calls")
    row = pc.list_parent_indices(complaints["phone_numbers"]).combine_chunks()
    numbers = pc.list_flatten(complaints["phone_numbers"])
    record = [complaints["complaint_id"].take(row), calls["call_id"], calls["call_id"]]
    raw = [pc.struct_field(numbers, "raw"), calls["calling_number"], calls["called_number"]]
    region = [complaints["victim_country"].take(row), *(calls["victim_country"],) * 2]
    columns = [pa.chunked_array([c for column in kind for c in column.chunks]) for kind in
               (record, raw, region)]  # fmt: skip
    e164 = normalize(columns[1], columns[2])
    named = pc.is_valid(e164)
    ends = [pc.filter(column, named) for column in (columns[0].combine_chunks(), e164)]
    records, phones = (column.dictionary_encode() for column in ends)
    a, b = records.indices.to_numpy(), phones.indices.to_numpy() + len(records.dictionary)
    size = len(records.dictionary) + len(phones.dictionary)
    return scipy_labels(a, b, size)


def floor(world: Path, run: Path, out: Path) -> Callable[[], None]:
    """Reads the tables of a run; returns the work that is measured."""
    import pyarrow.dataset as ds

    from schemas.tables import ALL_TABLES
    from transforms.write.parquet_files import ROW_GROUP_ROWS

    out.mkdir(parents=True, exist_ok=True)
    tables = {
        table.name: ds.dataset(run / table.name).to_table().combine_chunks() for table in ALL_TABLES
    }
    scipy_labels(np.zeros(1, int), np.zeros(1, int), 1)  # loads scipy, which does not count

    def work() -> None:
        read_and_group(world)
        for name, table in tables.items():
            pq.write_table(
                table,
                out / f"{name}.parquet",
                compression="zstd",
                row_group_size=ROW_GROUP_ROWS,
                write_page_index=True,
            )

    return work


def main() -> None:
    """Prints the time of one program's work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.programs")
    parser.add_argument("name", choices=("floor", *COMPONENTS))
    parser.add_argument("places", nargs="+", type=Path)
    options = parser.parse_args()
    name, places = options.name, options.places
    work = floor(*places) if name == "floor" else partial(label_components, name, *places)
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    work()
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": sum(os.times()[:4]) - cpu}))


if __name__ == "__main__":
    main()
