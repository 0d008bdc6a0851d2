"""The cluster as GraphML: members and the links that hold them together.

The cluster as a MISP event (MISP core format, draft-dulaunoy-misp-core-format).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pyarrow as pa

from reports.export.graph_files import EDGE, EDGES, NODE, NODES, graphml
from reports.export.stix import own_id
from reports.referral.case import Case
from reports.referral.exhibits import utc
from reports.text import plain
from schemas import epoch

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


_TYPES = {
    "phone": ("phone-number", "Other"),
    "domain": ("domain", "Network activity"),
    "url": ("url", "Network activity"),
    "email": ("email", "Network activity"),
}


_COINS = ("btc", "xmr", "dash")


def event(case: Case) -> bytes:
    """The event as JSON. No attribute asks to be blocked or detected: `to_ids` is false.

    `distribution` is 0 (this organisation only): the TLP tag says who else may have it.
    """
    row, moment = case.row, case.material.moment
    stamp = str(int(moment.timestamp()))
    key = (case.material.manifest["run_id"], row["cluster_id"])
    org = ", ".join(plain(one, 60) for one in row["orgs"])
    made = {
        "uuid": _uuid("misp-event", *key),
        "info": f"Impersonation scam infrastructure: {plain(row['name'])}",
        "date": f"{moment:%Y-%m-%d}",
        "timestamp": stamp,
        "published": False,
        "analysis": "1",
        "threat_level_id": "4",
        "distribution": "0",
        "Orgc": {"name": org, "uuid": _uuid("misp-org", org)},
        "Tag": [{"name": f"tlp:{case.tlp}"}],
        "Attribute": [_attribute(case, one, key, stamp) for one in case.material.facts.members],
    }
    text = json.dumps({"Event": made}, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


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
            f"{member['calls']} calls. A lead, not proof."
        ),
        "to_ids": False,
        "disable_correlation": False,
        "distribution": "5",
        "timestamp": stamp,
        "first_seen": member["first_seen"].isoformat(),
        "last_seen": member["last_seen"].isoformat(),
    }


def _typed(entity_id: str) -> tuple[str, str, str]:
    """MISP type, category and value of an entity id."""
    kind, _, value = epoch.bare(entity_id).partition(":")
    if kind in _TYPES:
        return *_TYPES[kind], value
    scheme, _, rest = value.partition(":")
    if kind == "wallet":
        return (scheme, "Financial fraud", rest) if scheme in _COINS else _other(value, kind)
    if kind == "account":
        name = "iban" if scheme == "iban" else "bank-account-nr"
        return name, "Financial fraud", rest
    return _other(value, kind)


def _other(value: str, kind: str) -> tuple[str, str, str]:
    return "other", "Financial fraud" if kind == "wallet" else "Other", value


def _uuid(*parts: str) -> str:
    return own_id(*parts).rpartition("--")[2]
