"""Nodes and edges as tables: the columns that every graph format gives of them.

`GraphExport` has those of a whole run, a batch at a time, `ClusterExport` those of some clusters.
Identifiers that only a caller id or a mention names are in neither, nor a victim's. Files that
leave hold core members alone, and the number of those that were left out; each row says its tier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, tables
from reports.cluster_data import ClusterBatch
from reports.disclosure_control import CORE
from reports.figures import Point
from reports.tables import IdIndex, RunFolder, flatten_column, flatten_column_to_seconds
from schemas.tables import ENTITIES, LINKS, MEMBERS, SUPPLIERS

Attributes = tuple[tuple[str, str], ...]
"""Names and types: string, long, double or boolean, which GraphML and GEXF both know."""

NODE_ATTRIBUTES: Attributes = (
    ("kind", "string"),
    ("status", "string"),
    ("cluster", "string"),
    ("role", "string"),
    ("confidence", "double"),
    ("tier", "string"),
    ("review", "string"),
    ("reporters", "long"),
    ("robustness", "long"),
    ("complaints", "long"),
    ("calls", "long"),
    ("victims", "long"),
    ("orgs", "string"),
    ("region", "string"),
    ("line_type", "string"),
    ("first_seen", "string"),
    ("last_seen", "string"),
)

EDGE_ATTRIBUTES: Attributes = (
    ("weight", "double"),
    ("strength", "string"),
    ("accepted", "boolean"),
    ("reporters", "long"),
    ("complaints", "long"),
    ("calls", "long"),
    ("victims", "long"),
    ("orgs", "string"),
    ("first_seen", "string"),
    ("last_seen", "string"),
)

_TYPES = {"string": pa.string(), "long": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}

NODE_SCHEMA = pa.schema(
    [("id", pa.string()), *((name, _TYPES[kind]) for name, kind in NODE_ATTRIBUTES)]
)
"""A node in every format."""

POSITIONED_SCHEMA = pa.schema([*NODE_SCHEMA, ("x", pa.float64()), ("y", pa.float64())])
"""Nodes with their positions in a figure, null where they have none."""

EDGE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        *((name, _TYPES[kind]) for name, kind in EDGE_ATTRIBUTES),
    ]
)
"""An edge in every format."""

REASONED_SCHEMA = pa.schema([*EDGE_SCHEMA, ("reason", pa.string())])
"""Edges of the whole graph: with why each was accepted or not."""


GRAPH_ATTRIBUTES: Attributes = (("members_left_out", "long"), ("note", "string"))
"""Attributes of a graph itself, where members were left out."""

_OF_MEMBERS = ("cluster_id", "role", "confidence", "tier", "review", "robustness")


def left_out_note(count: int) -> str:
    """Says how many members a file leaves out, and why; an empty text for none."""
    if not count:
        return ""
    what = "1 identifier is" if count == 1 else f"{count} identifiers are"
    return f"{what} left out: verify before use, fewer than two people reported it independently"


@dataclass(frozen=True)
class GraphExport:
    """The graph of a whole run.

    `redact` leaves out of reasons what analysts wrote, `core_only` members that must not leave.
    """

    run: RunFolder
    redact: bool = False
    core_only: bool = False

    def nodes(self) -> Iterator[pa.Table]:
        """Yields members and the suppliers they share, by id, in pieces, as `NODE_SCHEMA`."""
        members = self._members(["entity_id", *_OF_MEMBERS]).combine_chunks()
        member_index = IdIndex(members["entity_id"])
        wanted = pc.field("entity_id").isin(self._ids())
        supplier = pa.scalar("supplier", pa.string())
        shared = [name for name in NODE_SCHEMA.names if name in ENTITIES.schema.names]
        for entities in tables.read_in_key_order(
            self.run, ENTITIES, ["entity_id", *shared], wanted
        ):
            at = member_index.indices(entities["entity_id"])
            columns = {name: members[name].take(at) for name in _OF_MEMBERS} | {
                "id": entities["entity_id"],
                "cluster": members["cluster_id"].take(at),
                "role": pc.fill_null(members["role"].take(at), supplier),
            }
            yield _with_flat_columns(NODE_SCHEMA, columns, entities)

    def edges(self) -> Iterator[pa.Table]:
        """Yields the links between nodes, by their ends, in pieces, as `REASONED_SCHEMA`."""
        ids = self._ids()
        where = pc.field("entity_a").isin(ids) & pc.field("entity_b").isin(ids)
        names = ["entity_a", "entity_b", *REASONED_SCHEMA.names[2:]]
        for links in tables.read_in_key_order(self.run, LINKS, names, where):
            columns = {"source": links["entity_a"], "target": links["entity_b"]}
            if self.redact:
                columns["reason"] = disclosure_control.redact_reasons(links["reason"])
            yield _with_flat_columns(REASONED_SCHEMA, columns, links)

    @cached_property
    def left_out(self) -> int:
        """Number of members that are not in it."""
        return tables.count_rows(self.run, MEMBERS, ~CORE) if self.core_only else 0

    def _members(self, columns: list[str]) -> pa.Table:
        return tables.read_table(self.run, MEMBERS, columns, CORE if self.core_only else None)

    def _ids(self) -> pa.Array:
        """Ids of members and of suppliers, those of suppliers once."""
        members = self._members(["entity_id"])["entity_id"]
        suppliers = tables.read_table(self.run, SUPPLIERS, ["entity_id"])["entity_id"].unique()
        return pa.concat_arrays([*members.chunks, suppliers])


def _with_flat_columns(
    schema: pa.Schema, columns: dict[str, pa.ChunkedArray], rows: pa.Table
) -> pa.Table:
    """Returns `columns`, and those of `rows` for the rest of `schema`, flattened."""
    found = {
        name: columns[name] if name in columns else flatten_column(rows[name])
        for name in schema.names
    }
    return pa.table(found, schema=schema)


_MEMBER_COLUMNS = {"id": "entity_id", "cluster": "cluster_id"}
"""Attributes of a node that have another name in a member's row."""

_LINK_COLUMNS = {"source": "entity_a", "target": "entity_b"}


@dataclass(frozen=True)
class ClusterExport:
    """Some clusters with what their files need beside: one file a cluster, in their order.

    Attributes:
        batch: the clusters.
        positions: for members in a figure its cluster and where they stand, from 0 to 1.
        moment: when the run was made, for formats that state it.
        run_id: the run.
    """

    batch: ClusterBatch
    positions: Mapping[str, tuple[str, Point]]
    moment: datetime
    run_id: str

    @cached_property
    def nodes(self) -> pa.Table:
        """The members of all, those of one cluster after those of another."""
        members = self.batch.members
        nowhere = ("", (None, None))
        points = [self.positions.get(one, nowhere)[1] for one in members["entity_id"].to_pylist()]
        columns = {
            name: flatten_column_to_seconds(members[_MEMBER_COLUMNS.get(name, name)])
            for name in NODE_SCHEMA.names
        }
        # GEXF has y upwards, a page downwards.
        columns["x"] = _axis(None if x is None else round(1600 * x, 1) for x, _ in points)
        columns["y"] = _axis(None if y is None else -round(1000 * y, 1) for _, y in points)
        return pa.table(columns, schema=POSITIONED_SCHEMA)

    @cached_property
    def edges(self) -> pa.Table:
        """The links between members of one cluster, in the order of `nodes`."""
        links = self.batch.inside
        columns = {
            name: flatten_column_to_seconds(links[_LINK_COLUMNS.get(name, name)])
            for name in EDGE_SCHEMA.names
        }
        return pa.table(columns, schema=EDGE_SCHEMA)

    @property
    def left_out(self) -> list[int]:
        """Members that are not in `nodes`, by cluster."""
        return [one.left_out for one in self.batch.facts]

    @property
    def node_counts(self) -> list[int]:
        """Rows of `nodes` by cluster."""
        return [len(one.members) for one in self.batch.facts]

    @property
    def edge_counts(self) -> list[int]:
        """Rows of `edges` by cluster."""
        return [len(one.inside) for one in self.batch.facts]


def _axis(values: Iterable[float | None]) -> pa.Array:
    return pa.array(values, pa.float64())
