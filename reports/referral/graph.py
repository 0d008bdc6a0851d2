"""The cluster as GraphML: members and the links that hold them together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from reports.graph_files import EDGE, EDGES, NODE, NODES, graphml
from reports.referral.case import Case
from reports.referral.exhibit import utc

Row = dict[str, Any]


def document(case: Case) -> bytes:
    """The document. A link between members that was not accepted is in it, `accepted` false.

    Links to identifiers outside are in Exhibit 7 alone: a graph is loaded and looked at without the
    words beside it, and a stranger in it would look like a member.
    """
    facts = case.material.facts
    nodes = [
        {name: _flat(one[name]) for name, _ in NODE if name in one}
        | {"id": one["entity_id"], "cluster": one["cluster_id"]}
        for one in facts.members
    ]
    edges = [
        {name: _flat(one[name]) for name, _ in EDGE}
        | {"source": one["entity_a"], "target": one["entity_b"]}
        for one in facts.inside
    ]
    tables = (pa.Table.from_pylist(nodes, NODES), pa.Table.from_pylist(edges, EDGES))
    return b"".join(graphml(*([one] for one in tables)))


def _flat(value: object) -> Any:
    if isinstance(value, list):
        return "; ".join(value)
    return utc(value) if isinstance(value, datetime) else value
