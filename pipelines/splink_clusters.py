"""Splink's own clustering over a run's links, where the extra `splink` is installed."""

# ruff: noqa: PLC0415 - Splink and DuckDB are loaded only where they are asked for

from __future__ import annotations

import numpy as np
import pyarrow as pa

NAME = "Splink itself"

INSTALL = "--splink needs the packages of the extra: pip install 'ringtrace[splink]'"


class NoSplinkError(Exception):
    """Splink is not installed; the message says what to do."""


def splink_clusters(
    a: np.ndarray, b: np.ndarray, probability: np.ndarray, nodes: int, threshold: float
) -> np.ndarray:
    """Label of each node by Splink's cluster_pairwise_predictions_at_threshold, on DuckDB.

    Links a, b are matches with these probabilities.

    Raises:
        NoSplinkError: where the packages are missing.
    """
    try:
        import duckdb
        from splink import DuckDBAPI
        from splink.clustering import cluster_pairwise_predictions_at_threshold
    except ImportError:
        raise NoSplinkError(INSTALL) from None
    with duckdb.connect() as connection:
        found = cluster_pairwise_predictions_at_threshold(
            pa.table({"node": np.arange(nodes)}),
            pa.table({"a": a, "b": b, "match_probability": probability}),
            db_api=DuckDBAPI(connection=connection),
            node_id_column_name="node",
            edge_id_column_name_left="a",
            edge_id_column_name_right="b",
            threshold_match_probability=threshold,
        )
        table = found.as_pyarrow_table()
    label = np.arange(nodes)
    label[table["node"].to_numpy()] = table["cluster_id"].to_numpy()
    return label
