"""The cluster for machines: GraphML, and MISP (draft-dulaunoy-misp-core-format)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pyarrow as pa

from reports.export.graph_files import graphml_document
from reports.export.graph_tables import EDGE_ATTRIBUTES, EDGE_SCHEMA, NODE_ATTRIBUTES, NODE_SCHEMA
from reports.export.stix import stix_id
from reports.referral.blocks import format_count
from reports.referral.case import Case
from reports.referral.exhibits import format_utc
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import EntityKind
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]


def cluster_graphml(case: Case) -> bytes:
    """Writes members and their links as GraphML; `accepted` is false for a link not accepted.

    Links to identifiers outside are in Exhibit 7 alone: a graph is loaded and looked at without the
    words beside it, and a stranger in it would look like a member.
    """
    facts = case.facts
    nodes = [
        {name: _flat(one[name]) for name, _ in NODE_ATTRIBUTES if name in one}
        | {"id": one["entity_id"], "cluster": one["cluster_id"]}
        for one in facts.members
    ]
    edges = [
        {name: _flat(one[name]) for name, _ in EDGE_ATTRIBUTES}
        | {"source": one["entity_a"], "target": one["entity_b"]}
        for one in facts.inside
    ]
    tables = (pa.Table.from_pylist(nodes, NODE_SCHEMA), pa.Table.from_pylist(edges, EDGE_SCHEMA))
    return b"".join(graphml_document([tables[0]], [tables[1]], facts.left_out))


def _flat(value: object) -> Any:
    if isinstance(value, list):
        return "; ".join(value)
    return format_utc(value) if isinstance(value, datetime) else value


_WITHOUT_SCHEME = (EntityKind.ACCOUNT, EntityKind.WALLET)
"""Kinds whose scheme is no part of the value where MISP has a type for them."""


def cluster_misp_event(case: Case) -> bytes:
    """Writes a MISP event as JSON; no attribute asks to be blocked or detected (`to_ids` is false).

    `distribution` is 0 (this organisation only): the TLP tag says who else may have it.
    """
    row, moment = case.row, case.moment
    stamp = str(int(moment.timestamp()))
    key = (case.manifest["run_id"], row["cluster_id"])
    org = ", ".join(plain(one, 60) for one in row["orgs"])
    made = {
        "uuid": _uuid("misp-event", *key),
        "info": f"Impersonation scam infrastructure: {plain(row['name'])}{_left_out(case)}",
        "date": f"{moment:%Y-%m-%d}",
        "timestamp": stamp,
        "published": False,
        "analysis": "1",
        "threat_level_id": "4",
        "distribution": "0",
        "Orgc": {"name": org, "uuid": _uuid("misp-org", org)},
        "Tag": [{"name": f"tlp:{case.tlp}"}],
        "Attribute": [_attribute(case, one, key, stamp) for one in case.facts.members],
    }
    text = json.dumps({"Event": made}, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def _left_out(case: Case) -> str:
    count = case.facts.left_out
    return f"; {format_count(count, 'identifier')} left out" if count else ""


def _attribute(case: Case, member: Row, key: tuple[str, str], stamp: str) -> Row:
    entity_id = member["entity_id"]
    kind, category, value = _typed(entity_id)
    return {
        "uuid": _uuid("misp-attribute", *key, entity_id),
        "type": kind,
        "category": category,
        "value": value,
        "comment": (
            f"No. {case.number[entity_id]}, {member['role']}; {member['complaints']} complaints, "
            f"{member['calls']} calls of {member['reporters']} people; {member['tier']}, "
            f"{member['review']}. A lead, not proof."
        ),
        "to_ids": False,
        "disable_correlation": False,
        "distribution": "5",
        "timestamp": stamp,
        "first_seen": member["first_seen"].isoformat(),
        "last_seen": member["last_seen"].isoformat(),
    }


def _typed(entity_id: str) -> tuple[str, str, str]:
    """Returns the MISP type, category and value of an entity id."""
    kind, _, value = without_epoch(entity_id).partition(":")
    row = lookup_kind(kind, value)
    name, category = row.misp if row else ("other", "Other")
    if name != "other" and kind in _WITHOUT_SCHEME:
        value = value.partition(":")[2]
    return name, category, value


def _uuid(*parts: str) -> str:
    return stix_id(*parts).rpartition("--")[2]
