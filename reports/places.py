"""The places that members had in the pictures of an earlier run, from its graph/nodes.parquet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from reports import tables
from reports.layout import Point
from schemas.tables import Table

PLACES = Table(
    "places",
    pa.schema(
        [("id", pa.string()), ("cluster", pa.string()), ("x", pa.float64()), ("y", pa.float64())]
    ),
    ("id",),
)
"""Where each entity stood, and in the picture of which cluster; from 0 to 1."""


@dataclass(frozen=True)
class Places:
    """Where each entity stood, and in the picture of which cluster."""

    of_entity: Mapping[str, tuple[str, Point]] = field(default_factory=dict)

    def of(self, entity_ids: Iterable[str]) -> dict[str, Point]:
        """Places of those that were in one picture: where several merge, in that of the most."""
        pictures: dict[str, dict[str, Point]] = defaultdict(dict)
        for one in entity_ids:
            if one in self.of_entity:
                cluster_id, place = self.of_entity[one]
                pictures[cluster_id][one] = place
        return min(pictures.items(), key=lambda one: (-len(one[1]), one[0]), default=("", {}))[1]


def dataset(path: str) -> ds.Dataset | None:
    """The nodes of a graph/nodes.parquet; None where it is older than their places."""
    nodes = ds.dataset(path, format="parquet")
    return nodes if set(PLACES.schema.names) <= set(nodes.schema.names) else None


def of(source: str, before: str | None, entity_ids: Sequence[str]) -> Places:
    """The places of some entities in a graph/nodes.parquet, or else in a spooled `source`."""
    if source.endswith(tables.SPOOLED):
        nodes = tables.dataset(source, PLACES)
    elif before is None or (nodes := dataset(before)) is None:
        return Places()
    wanted = pc.field("id").isin(pa.array(entity_ids, pa.string()))
    where = pc.field("x").is_valid() & wanted
    rows = nodes.to_table(columns=PLACES.schema.names, filter=where)
    ids, clusters, xs, ys = (rows[name].to_pylist() for name in PLACES.schema.names)
    points = zip(xs, ys, strict=True)
    return Places(dict(zip(ids, zip(clusters, points, strict=True), strict=True)))


def table(places: Mapping[str, tuple[str, Point]]) -> pa.Table:
    """Places as `PLACES`."""
    points = [point for _, point in places.values()]
    columns = [
        list(places),
        [cluster_id for cluster_id, _ in places.values()],
        [x for x, _ in points],
        [y for _, y in points],
    ]
    schema = PLACES.schema
    arrays = [pa.array(one, kind.type) for one, kind in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
