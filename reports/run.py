"""A run on disk: its manifest, its tables and its graph.

    run = Run.open("runs/demo")
    run.run_id
    run.table("entities")          # Arrow
    run.frame("entities")          # pandas, with the extra `notebook`
    run.graph                      # networkx: members and suppliers
    run.cluster("c-0123456789ab")  # the members of one cluster

Every function of `reports` that reads the tables of a run takes a `Run`, or the path of its folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from reports import tables
from schemas import CONTRACT_VERSION
from schemas.manifest import MANIFEST_NAME, Manifest
from schemas.tables import TABLES_BY_NAME, Table

if TYPE_CHECKING:
    import networkx as nx


class RunError(ValueError):
    """A folder that holds no finished run of this version; the message is one line for its user."""


@dataclass(frozen=True)
class Run(os.PathLike[str]):
    """The folder of a run, or its object-store URL, and its manifest; tables are read when asked.

    `Run.open` reads a finished run. The constructor is for one that is still being written.
    """

    folder: str
    manifest: Manifest

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """Opens a finished run.

        Raises:
            RunError: if it is no folder, has no manifest, or one that is not JSON, not a run's or
                of another version of the contract.
        """
        path = os.fspath(folder)
        file = f"{path.rstrip('/')}/{MANIFEST_NAME}"
        try:
            content = _read_bytes(file)
        except (OSError, pa.ArrowException):
            raise RunError(f"{path}: is no finished run: it has no {MANIFEST_NAME}") from None
        try:
            manifest = json.loads(content)
        except ValueError:
            raise RunError(f"{file}: is not JSON; was it edited?") from None
        if not isinstance(manifest, dict) or not {"run_id", "contract_version"} <= manifest.keys():
            raise RunError(f"{path}: is no finished run: its {MANIFEST_NAME} is of something else")
        if (version := manifest["contract_version"]) != CONTRACT_VERSION:
            shown = ascii(version)[:40]
            raise RunError(f"{path}: is of contract version {shown}, this is {CONTRACT_VERSION}")
        return cls(path, manifest)  # type: ignore[arg-type]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.manifest["run_id"]

    def __fspath__(self) -> str:
        return self.folder

    def table(
        self,
        table: str | Table,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Reads a table of the output contract, as `tables.read_table`.

        Raises:
            KeyError: if the contract has none of that name.
        """
        return tables.read_table(self, _contract(table), columns, where)

    def batches(
        self, table: str | Table, columns: Sequence[str], where: pc.Expression | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Reads a table in batches, as `tables.table_batches`; raises as `table`."""
        return tables.table_batches(self, _contract(table), columns, where)

    def frame(self, table: str | Table) -> Any:
        """Reads a table as a pandas DataFrame.

        Raises:
            ModuleNotFoundError: without pandas; the message says how to get it.
        """
        if find_spec("pandas") is None:
            raise ModuleNotFoundError("it needs pandas: pip install 'ringtrace[notebook]'")
        return self.table(table).to_pandas()

    @cached_property
    def graph(self) -> nx.Graph:
        """Members and suppliers as nodes, links as edges, with the attributes of graph/."""
        import networkx as nx

        from reports.export.graph_tables import GraphExport

        graph, export = nx.Graph(), GraphExport(self)
        for part in export.nodes():
            graph.add_nodes_from((row.pop("id"), row) for row in part.to_pylist())
        for part in export.edges():
            rows = part.to_pylist()
            graph.add_edges_from((row.pop("source"), row.pop("target"), row) for row in rows)
        return graph

    def cluster(self, cluster_id: str) -> nx.Graph:
        """Returns the graph of one cluster's members; raises KeyError if the run has none such."""
        members = [one for one, of in self.graph.nodes(data="cluster") if of == cluster_id]
        if not members:
            raise KeyError(f"no cluster {cluster_id} in {self.folder}")
        return self.graph.subgraph(members).copy()


def _read_bytes(file: str) -> bytes:
    if "://" not in file:
        return Path(file).read_bytes()
    store, path = fs.FileSystem.from_uri(file)
    with store.open_input_stream(path) as stream:
        return bytes(stream.read())


def _contract(table: str | Table) -> Table:
    return TABLES_BY_NAME[table] if isinstance(table, str) else table
