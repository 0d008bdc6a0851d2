"""The places that members had in the pictures of an earlier run, from its graph/nodes.parquet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow.compute as pc
import pyarrow.dataset as ds

from reports.layout import Point

_COLUMNS = ("id", "cluster", "x", "y")


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


def read(path: str) -> Places:
    """The places in a graph/nodes.parquet; none where it is older than they are."""
    nodes = ds.dataset(path, format="parquet")
    if not set(_COLUMNS) <= set(nodes.schema.names):
        return Places()
    rows = nodes.to_table(columns=list(_COLUMNS), filter=pc.field("x").is_valid())
    ids, clusters, xs, ys = (rows[name].to_pylist() for name in _COLUMNS)
    points = zip(xs, ys, strict=True)
    return Places(dict(zip(ids, zip(clusters, points, strict=True), strict=True)))
