"""The tables of one run, one for each folder of the output contract."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas import call, cluster, complaint, link, mention, reject
from schemas.entity import ENTITY, ENTITY_KEY


@dataclass(frozen=True)
class Table:
    """A folder of Parquet files: its schema and the columns its rows are sorted by."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


COMPLAINTS = Table("complaints", complaint.COMPLAINT, complaint.COMPLAINT_KEY)

CALLS = Table("calls", call.CALL, call.CALL_KEY)

MENTIONS = Table("mentions", mention.MENTION, mention.MENTION_KEY)

ENTITIES = Table("entities", ENTITY, ENTITY_KEY)

LINKS = Table("links", link.LINK, link.LINK_KEY)

CLUSTERS = Table("clusters", cluster.CLUSTER, cluster.CLUSTER_KEY)

MEMBERS = Table("members", cluster.MEMBER, cluster.MEMBER_KEY)

SUPPLIERS = Table("suppliers", cluster.SUPPLIER, cluster.SUPPLIER_KEY)

LINEAGE = Table("lineage", cluster.LINEAGE, cluster.LINEAGE_KEY)

COMPONENTS = Table("islands", cluster.COMPONENT, cluster.COMPONENT_KEY)

REJECTS = Table("rejects", reject.REJECT, reject.REJECT_KEY)

ALL_TABLES = (
    COMPLAINTS,
    CALLS,
    MENTIONS,
    ENTITIES,
    LINKS,
    CLUSTERS,
    MEMBERS,
    SUPPLIERS,
    LINEAGE,
    COMPONENTS,
    REJECTS,
)
"""Every table of a run, in the order a reader meets them."""

TABLES_BY_NAME = {table.name: table for table in ALL_TABLES}
