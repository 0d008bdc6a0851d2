"""The tables of one run, one for each folder of the output contract, and those of its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from schemas import call, cluster, complaint, decision, mention, reject
from schemas.entity import (
    CONTESTED as CONTESTED_ENTITY,
    CONTESTED_KEY,
    ENTITY,
    ENTITY_KEY,
    VICTIM_ENTRY,
    VICTIM_ENTRY_KEY,
)
from schemas.enums import Review, Tier
from schemas.facts import EARLIER_VERSION


@dataclass(frozen=True)
class Table:
    """A folder of Parquet files: its schema and the columns its rows are sorted by."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


COMPLAINTS = Table("complaints", complaint.COMPLAINT, complaint.COMPLAINT_KEY)

CALLS = Table("calls", call.CALL, call.CALL_KEY)

MENTIONS = Table(
    "mentions",
    mention.MENTION,
    ("entity_id", "source_org", "record_kind", "record_id", "field", "start"),
)

ENTITIES = Table("entities", ENTITY, ENTITY_KEY)

LINKS = Table("links", cluster.LINK, ("entity_a", "entity_b"))

CLUSTERS = Table("clusters", cluster.CLUSTER, ("cluster_id",))

MEMBERS = Table("members", cluster.MEMBER, ("entity_id",))

SUPPLIERS = Table("suppliers", cluster.SUPPLIER, ("entity_id", "cluster_id"))

CAMPAIGNS = Table("campaigns", cluster.CAMPAIGN, ("campaign_id",))

LINEAGE = Table("lineage", cluster.LINEAGE, ("cluster_id", "event"))

COMPONENTS = Table("islands", cluster.COMPONENT, ("fingerprint",))

DECISIONS = Table("decisions", decision.BOUND_DECISION, ("decision_id",))

REJECTS = Table("rejects", reject.REJECT, ("source", "position", "code"))

ALL_TABLES = (
    COMPLAINTS,
    CALLS,
    MENTIONS,
    ENTITIES,
    LINKS,
    CLUSTERS,
    MEMBERS,
    SUPPLIERS,
    CAMPAIGNS,
    LINEAGE,
    COMPONENTS,
    DECISIONS,
    REJECTS,
)
"""Every table of a run, in the order a reader meets them."""

PRIVATE_FOLDER = "private"
"""Folder of files only for the run's owner: no report, export or download reads it."""

HELD_FOLDER = f"{PRIVATE_FOLDER}/held"
"""Folder in a run's folder for held-back files, under their former names."""

NARRATIVES = Table(f"{PRIVATE_FOLDER}/narratives", complaint.NARRATIVE, complaint.COMPLAINT_KEY)

CONTESTED = Table(f"{PRIVATE_FOLDER}/contested", CONTESTED_ENTITY, CONTESTED_KEY)

VICTIMS = Table(f"{PRIVATE_FOLDER}/victims", VICTIM_ENTRY, VICTIM_ENTRY_KEY)

WHOLE_REJECTS = Table(f"{PRIVATE_FOLDER}/rejects", reject.REJECT, REJECTS.key)
"""The rejected rows as they were read; rejects/ has no number of theirs."""

PRIVATE_TABLES = (NARRATIVES, CONTESTED, VICTIMS, WHOLE_REJECTS)
"""Tables that `Run` does not open; their bytes may depend on more than the input."""

ADDED_LATER: Mapping[str, Any] = {
    "reporters": 0,
    "robustness": 0,
    "tier": str(Tier.VERIFY),
    "review": str(Review.UNREVIEWED),
    "on_one_reporter": False,
    "rests_on": [],
    "facts": [{"code": EARLIER_VERSION, "arguments": []}],
}
"""Required columns that a run of an earlier version lacks, with the least that they can say."""

TABLES_BY_NAME = {table.name: table for table in ALL_TABLES}

WRITTEN_TABLES = TABLES_BY_NAME | {table.name: table for table in PRIVATE_TABLES}
"""Every table that a run may write, by name."""
