"""What an entity is, why it is in its cluster, and what ties it to another: from a run's tables.

Everything here is plain data, fit for JSON; `reports.explain` writes it for people.

An explanation as lines for a terminal; hostile text can neither colour nor reorder them.

Which entity of a run a person means, however they write it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.link_evidence import (
    Pieces,
    entity_doubts,
    likelihood,
    link_doubts,
    pieces_naming,
    shares,
    sides,
    strongest_path,
)
from reports.tables import Run
from schemas import epoch
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import EntityKind, Role, Strength
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, LINKS, MEMBERS, MENTIONS
from transforms.extract.fields import complaint_sightings

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


RAW = 80
"""Characters of a record's own text that are shown."""


RECORDS = 10
"""Records of a link that are shown."""


def lines(told: Row) -> Iterator[str]:
    """The explanation, one line after the other."""
    yield from _entity(told["entity"])
    if told["held_by"]:
        yield ""
        yield "Why it is there: its strongest links in the cluster"
        for link in told["held_by"]:
            yield from _link_lines(link, told["entity"]["entity_id"])
    yield from _doubts(told["doubts"], "")
    if "path" in told:
        yield from _path_lines(told)
    if told["rejected"]:
        yield ""
        shown = len(told["rejected"])
        yield f"Not accepted: {shown} of {told['rejected_in_all']} links nearby"
        for link in told["rejected"]:
            where = f"in {link['other_cluster']}" if link["other_cluster"] else "in no cluster"
            yield (
                f"  {_safe(link['other'])} ({where}): {link['strength']}, weight "
                f"{link['weight']:.2f}, {link['records']} records: {_safe(link['reason'], 300)}"
            )
    if told["cluster"]:
        yield from _cluster_lines(told["cluster"])


def _entity(entity: Row) -> Iterator[str]:
    yield _safe(entity["entity_id"], 300)
    yield f"  {entity['status']}: {_safe(entity['reason'], 500)}"
    place = ", ".join(one for one in (entity["region"], entity["line_type"]) if one)
    yield (
        f"  {entity['complaints']} complaints, {entity['calls']} calls, {entity['victims']} known "
        f"victims, seen by {', '.join(entity['orgs'])}" + (f"; {place}" if place else "")
    )
    yield f"  from {entity['first_seen']} to {entity['last_seen']}"
    if entity["epochs"]:
        others = ", ".join(_safe(one, 300) for one in entity["epochs"])
        yield f"  held apart from {others}: the same identifier, maybe of another holder"
    if entity["roles"]:
        roles = ", ".join(f"{role} {count}" for role, count in entity["roles"].items())
        yield f"  read as {roles}"
    member = entity["member"]
    if member:
        yield (
            f"  in cluster {member['cluster_id']} as {member['role']}, confidence "
            f"{member['confidence']:.3f}" + (", a bridge" if member["bridge"] else "")
        )
    else:
        yield "  in no cluster"


def _path_lines(told: Row) -> Iterator[str]:
    yield ""
    yield "The other end"
    yield from _entity(told["other"])
    yield ""
    path = told["path"]
    if not path["links"]:
        yield "No evidence path between the two"
        return
    sort = "accepted" if path["accepted"] else "holds no cluster together: not all accepted"
    yield (
        f"Strongest evidence path: {len(path['links'])} links, likelihood "
        f"{path['likelihood']:.3f} ({sort})"
    )
    at = told["entity"]["entity_id"]
    for link in path["links"]:
        yield from _link_lines(link, at)
        at = link["entity_b"] if link["entity_a"] == at else link["entity_a"]


def _link_lines(link: Row, near: str) -> Iterator[str]:
    far = link["entity_b"] if link["entity_a"] == near else link["entity_a"]
    counted = [part for part in link["parts"] if part["counted"]]
    sum_of = " + ".join(f"1/{part['identifiers'] - 1}" for part in counted[:RECORDS])
    more = " + ..." if len(counted) > RECORDS else ""
    yield f"  {_safe(near)} - {_safe(far)}"
    yield (
        f"    {link['strength']}, weight {link['weight']:.3f}"
        + (f" = {sum_of}{more}" if sum_of else "")
        + f"; {link['victims']} known victims, {', '.join(link['orgs'])}; "
        + f"{link['first_seen']} to {link['last_seen']}; {_safe(link['reason'], 300)}"
    )
    for part in link["parts"][:RECORDS]:
        yield (
            f"    record {_safe(part['record'])} ({part['observed_at']}), victim {part['victim']}: "
            f"names {part['identifiers']}"
            + ("" if part["counted"] else "; not counted, the same victim says as much elsewhere")
        )
        for row in part["read"]:
            yield f"      {_reading(row)}"
    if len(link["parts"]) > RECORDS:
        yield f"    and {len(link['parts']) - RECORDS} more records; --json has all"
    yield from _doubts(link["doubts"], "    ")


def _reading(row: Row) -> str:
    record = (
        "" if row["record_kind"] == "complaint" else f"{row['record_kind']} {row['record_id']} "
    )
    offsets = "" if row["start"] is None else f" {row['start']}-{row['end']}"
    place = f"{record}{row['field'] or 'record'}{offsets}"
    also = f", or {row['also_read_as']}" if row["also_read_as"] else ""
    return (
        f"{_safe(row['entity_id'])} as {row['role']} in {_safe(place)}: "
        f'"{_safe(row["raw"] or "")}" ({row["confidence"]:.2f}{also})'
    )


def _doubts(doubts: list[str], indent: str) -> Iterator[str]:
    if doubts:
        yield f"{indent}To be wrong:"
        yield from (f"{indent}  - {_safe(one, 300)}" for one in doubts)


def _cluster_lines(cluster: Row) -> Iterator[str]:
    yield ""
    yield (
        f"Cluster {cluster['cluster_id']}, {_safe(cluster['name'])}: {cluster['size']} members, "
        f"{cluster['complaints']} complaints, {cluster['victims']} known victims, "
        f"{', '.join(cluster['orgs'])}; {cluster['status']}, priority {cluster['priority']:.0f}, "
        f"confidence {cluster['confidence']:.2f}"
    )
    if cluster["priority_parts"]:
        points = (f"{one['part']} {one['points']:.1f}" for one in cluster["priority_parts"])
        yield f"  priority is {' + '.join(points)}"
    if cluster["weakest_bridges"]:
        yield "Weakest bridges"
    for bridge in cluster["weakest_bridges"]:
        ends = f"{_safe(bridge['entity_a'])} - {_safe(bridge['entity_b'])}"
        yield f"  {ends}, weight {bridge['weight']:.2f}"
        parts = [
            f"{one['size']} ({', '.join(_safe(name) for name in one['best_known'])}"
            + (", ...)" if one["size"] > len(one["best_known"]) else ")")
            for one in bridge["falls_into"]
        ]
        if parts:
            yield f"    cut here and it falls into {' and '.join(parts)}"


def _safe(text: str, limit: int = RAW) -> str:
    """The text cut, with what a terminal would obey or hide spelled out (UTS 39)."""
    shown = "".join(one if one.isprintable() else f"<U+{ord(one):04X}>" for one in text[:limit])
    return shown if len(text) <= limit else f"{shown}..."


LONGEST = 500
"""Characters of a name that are looked at."""


_SPECIFIC = (
    EntityKind.EMAIL,
    EntityKind.ACCOUNT,
    EntityKind.WALLET,
    EntityKind.REMOTE,
    EntityKind.PHONE,
    EntityKind.URL,
    EntityKind.DOMAIN,
)
"""Where a text reads as several things that are in the run, the first of these is meant."""


class NotNamedError(ValueError):
    """A text that names no entity of the run, or several; the message is for its author."""


def find(run: Run, written: str) -> str:
    """The id of the one entity of a run that `written` names.

    Any form will do that the pipeline itself would read in a record: an id, `(888) 555-0123`,
    `hxxps://refund[.]example/pay`, an IBAN with blanks. National numbers are read as in the
    countries of the run's victims.

    Raises:
        NotNamedError: for none, or for several of one kind.
    """
    text = written.strip()[:LONGEST]
    candidates = pa.array(sorted({text, *_typed(text), *_read(text, _countries(run))}), pa.string())
    found = _there(run, pc.field("entity_id").isin(candidates))
    if not found:
        # An id without its scheme, such as a remote-access id whose tool is not told.
        bare = ":" + "".join(text.split())
        found = _there(run, pc.ends_with(pc.field("entity_id"), bare)) if len(bare) > 1 else []
    if text in found:
        return text
    for kind in (*_SPECIFIC, *(other for other in EntityKind if other not in _SPECIFIC)):
        of_kind = [one for one in found if one.startswith(f"{kind}:")]
        if len(of_kind) == 1:
            return of_kind[0]
        if of_kind:
            raise NotNamedError(f"{written!r} can be {', '.join(of_kind)}: name one of them")
    raise NotNamedError(f"{written!r} is nothing that this run found; see its entities/")


def _there(run: Run, wanted: pc.Expression) -> list[str]:
    return tables.read(run, ENTITIES, ["entity_id"], wanted)["entity_id"].to_pylist()


def _typed(text: str) -> list[str]:
    return [f"{kind}:{text}" for kind in EntityKind]


def _countries(run: Run) -> list[str | None]:
    """The victims' countries; the last is unknown, for what needs none."""
    found = tables.tally(run, COMPLAINTS, ("victim_country",))["victim_country"].to_pylist()
    return [*(one for one in found if one is not None), None]


def _read(text: str, countries: list[str | None]) -> list[str]:
    """What the pipeline would read in a complaint that has `text` in every field."""
    moment = pa.scalar(0, COMPLAINT_ACCEPTED.field("received_at").type).as_py()
    complaints = [
        {
            "complaint_id": str(row),
            "source_org": "asked",
            "received_at": moment,
            "source": "",
            "position": 0,
            "format": "",
            "victim_country": country,
            "phone_numbers": [{"raw": text, "role": str(Role.CALLBACK)}],
            "urls": [text],
            "emails": [text],
            "payments": [{"method": None, "payee": text, "amount": None, "currency": None}],
            "remote_access": [{"tool": None, "id": text}],
            "narrative": text,
        }
        for row, country in enumerate(countries)
    ]
    sighted = complaint_sightings(pa.RecordBatch.from_pylist(complaints, COMPLAINT_ACCEPTED))
    return sighted["entity_id"].to_pylist()
