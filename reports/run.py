"""A run in a notebook: `from reports.run import open_run`.

run = open_run("runs/demo")
run.graph                      # networkx: members and suppliers, with everything known of them
run.cluster("c-0123456789ab")  # its members alone
run.table("entities")          # Arrow
run.frame("entities")          # pandas, with the extra `notebook`
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa

from reports import tables
from reports.export import whole_graph
from schemas.manifest import NAME
from schemas.tables import ALL


@dataclass(frozen=True)
class OpenRun:
    """The tables and the graph of one finished run; read when they are first asked for."""

    folder: str

    @cached_property
    def graph(self) -> nx.Graph:
        """Members and suppliers as nodes, links as edges, with the attributes of graph/."""
        graph = nx.Graph()
        for part in whole_graph.nodes(self.folder):
            graph.add_nodes_from((one.pop("id"), one) for one in part.to_pylist())
        for part in whole_graph.edges(self.folder):
            rows = part.to_pylist()
            graph.add_edges_from((one.pop("source"), one.pop("target"), one) for one in rows)
        return graph

    def cluster(self, cluster_id: str) -> nx.Graph:
        """The graph of one cluster's members. Raises KeyError where the run has no such cluster."""
        members = [one for one, of in self.graph.nodes(data="cluster") if of == cluster_id]
        if not members:
            raise KeyError(f"no cluster {cluster_id} in {self.folder}")
        return self.graph.subgraph(members).copy()

    def table(self, name: str) -> pa.Table:
        """A table of the output contract. Raises KeyError where there is none of that name."""
        return tables.read(self.folder, {one.name: one for one in ALL}[name])

    def frame(self, name: str) -> Any:
        """As `table`, a pandas DataFrame.

        Raises:
            ModuleNotFoundError: without pandas; the message says how to get it.
        """
        if find_spec("pandas") is None:
            raise ModuleNotFoundError("it needs pandas: pip install 'ringtrace[notebook]'")
        return self.table(name).to_pandas()


def open_run(folder: str | os.PathLike[str]) -> OpenRun:
    """A finished run. Raises FileNotFoundError where the folder has no manifest."""
    whole = Path(folder)
    if not (whole / NAME).is_file():
        raise FileNotFoundError(f"{whole}: is no finished run: it has no {NAME}")
    return OpenRun(str(whole))
