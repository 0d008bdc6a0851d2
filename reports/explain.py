"""What an entity is, why it is in its cluster, and what ties it to another: from a run's tables.

Everything here is plain data, fit for JSON; `reports.explain_text` writes it for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.doubts import entity_doubts, link_doubts
from reports.paths import likelihood, sides, strongest_path
from reports.tables import Run
from reports.weight_parts import Pieces, pieces_naming, shares
from schemas import epoch
from schemas.kinds import Strength
from schemas.tables import CLUSTERS, ENTITIES, LINKS, MEMBERS, MENTIONS

Row = Mapping[str, Any]

STRONGEST = 5
"""Links of each sort that are shown."""

SHOWN_MEMBERS = 5
"""Members of a part that are named, those of most complaints first."""


def explain(run: Run, a: str, b: str | None = None) -> dict[str, Any]:
    """The explanation of entity `a`, and of its tie to `b`, both ids of the run's entities/."""
    told: dict[str, Any] = {"entity": entity(run, a)}
    own = _links_of(run, [a])
    cluster_id = (told["entity"]["member"] or {}).get("cluster_id")
    held = sorted((link for link in own if link["accepted"]), key=_heaviest)[:STRONGEST]
    turned_down = sorted((link for link in own if not link["accepted"]), key=_hard_and_heaviest)
    path = _path(run, a, b) if b is not None else []
    pieces = pieces_naming(run, {a, *_all_ends([*held, *path])}) if held or path else None
    told["held_by"] = [_link(link, pieces) for link in held] if pieces else []
    told["rejected"] = [_rejected(run, link, a) for link in turned_down[:STRONGEST]]
    told["rejected_in_all"] = len(turned_down)
    told["cluster"] = _cluster(run, cluster_id) if cluster_id else None
    told["doubts"] = entity_doubts(told["entity"], held)
    if b is not None:
        told["other"] = entity(run, b)
        told["path"] = {
            "likelihood": likelihood(path) if path else 0.0,
            "accepted": bool(path) and all(link["accepted"] for link in path),
            "links": [_link(link, pieces) for link in path] if pieces else [],
        }
    return told


def entity(run: Run, entity_id: str) -> dict[str, Any]:
    """An ENTITY row, with its roles counted over mentions/ and its MEMBER row."""
    named = pc.field("entity_id") == entity_id
    row: dict[str, Any] = tables.read(run, ENTITIES, where=named).to_pylist()[0]
    member = tables.read(run, MEMBERS, where=named).to_pylist()
    roles = Counter(tables.read(run, MENTIONS, ["role"], named)["role"].to_pylist())
    return _plain(row) | {
        "epochs": _epochs(run, entity_id),
        "roles": dict(sorted(roles.items(), key=_most_first)),
        "member": member[0] if member else None,
    }


def _epochs(run: Run, entity_id: str) -> list[str]:
    """The other holders that the same identifier had, as far as the run tells them apart."""
    one = epoch.bare(entity_id)
    same = (pc.field("entity_id") == one) | pc.starts_with(pc.field("entity_id"), f"{one}#")
    ids = tables.read(run, ENTITIES, ["entity_id"], same)["entity_id"].to_pylist()
    return sorted(other for other in ids if other != entity_id and epoch.bare(other) == one)


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _heaviest(link: Row) -> tuple[float, str, str]:
    return -link["weight"], link["entity_a"], link["entity_b"]


def _hard_and_heaviest(link: Row) -> tuple[bool, float, str, str]:
    return link["strength"] != Strength.HARD, *_heaviest(link)


def _links_of(run: Run, ids: Iterable[str]) -> list[Row]:
    """LINK rows with an end among `ids`."""
    wanted = pa.array(sorted(set(ids)), pa.string())
    where = pc.field("entity_a").isin(wanted) | pc.field("entity_b").isin(wanted)
    return tables.read(run, LINKS, where=where).to_pylist()


def _all_ends(links: Iterable[Row]) -> set[str]:
    return {link[end] for link in links for end in ("entity_a", "entity_b")}


def _members(run: Run, cluster_id: str) -> list[str]:
    where = pc.field("cluster_id") == cluster_id
    return tables.read(run, MEMBERS, ["entity_id"], where)["entity_id"].to_pylist()


def _cluster_of(run: Run, entity_id: str) -> str | None:
    where = pc.field("entity_id") == entity_id
    found = tables.read(run, MEMBERS, ["cluster_id"], where)["cluster_id"].to_pylist()
    return found[0] if found else None


def _path(run: Run, a: str, b: str) -> list[Row]:
    """The strongest path: over accepted links if there is one, else hard ones, else any.

    Links are those at a, b and the members of their clusters, and those one step away.
    """
    clusters = {one for one in (_cluster_of(run, a), _cluster_of(run, b)) if one}
    near = {a, b}.union(*(_members(run, one) for one in clusters))
    links = _links_of(run, near)
    wider = _links_of(run, near | _all_ends(links)) if len(clusters) != 1 else links
    accepted = [link for link in links if link["accepted"]]
    hard = [link for link in wider if link["strength"] == Strength.HARD]
    for choice in (accepted, hard, wider):
        if path := strongest_path(choice, a, b):
            return path
    return []


def _link(link: Row, pieces: Pieces | None) -> dict[str, Any]:
    """A LINK row with its weight split into its parts and what would have to be wrong."""
    parts = pieces.parts(link["entity_a"], link["entity_b"]) if pieces else []
    return _plain(link) | {"parts": list(shares(parts)), "doubts": link_doubts(link, parts)}


def _rejected(run: Run, link: Row, near: str) -> dict[str, Any]:
    far = link["entity_b"] if link["entity_a"] == near else link["entity_a"]
    return _plain(link) | {"other": far, "other_cluster": _cluster_of(run, far)}


def _cluster(run: Run, cluster_id: str) -> dict[str, Any]:
    """What a cluster is, and how it falls apart at its weakest bridges."""
    row = tables.read(run, CLUSTERS, where=pc.field("cluster_id") == cluster_id).to_pylist()[0]
    members = _members(run, cluster_id)
    links = _inside(run, members) if row["weakest_bridges"] else []
    return {
        **{name: row[name] for name in ("cluster_id", "name", "size", "complaints", "calls")},
        **{name: row[name] for name in ("victims", "orgs", "status", "priority", "confidence")},
        "priority_parts": row["priority_parts"] or [],
        "weakest_bridges": [
            bridge | _cut(run, sides(members, links, bridge))
            for bridge in row["weakest_bridges"] or []
        ],
    }


def _inside(run: Run, members: list[str]) -> list[Row]:
    wanted = pa.array(members, pa.string())
    where = pc.field("accepted") & pc.field("entity_a").isin(wanted)
    return tables.read(run, LINKS, ["entity_a", "entity_b"], where).to_pylist()


def _cut(run: Run, parts: tuple[list[str], list[str]] | None) -> dict[str, Any]:
    if parts is None:
        return {"falls_into": []}
    return {"falls_into": [_side(run, part) for part in parts]}


def _side(run: Run, part: list[str]) -> dict[str, Any]:
    where = pc.field("entity_id").isin(pa.array(part, pa.string()))
    order = [("complaints", "descending"), ("calls", "descending"), ("entity_id", "ascending")]
    best = tables.top(run, ENTITIES, order, SHOWN_MEMBERS, where=where)
    return {"size": len(part), "best_known": best["entity_id"].to_pylist()}


def _plain(row: Row) -> dict[str, Any]:
    """A row with its times as ISO 8601."""
    return {
        name: value.isoformat() if name in ("first_seen", "last_seen") else value
        for name, value in row.items()
    }
