"""A link's weight split into the records behind it, recomputed from a run's mentions.

What would have to be wrong for a link, or a membership, to be wrong.

The strongest chain of evidence between two entities, and where a cluster would fall apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.enums import HARD_ROLES, EntityKind, RecordKind, Role, Status
from schemas.tables import CALLS, COMPLAINTS, ENTITIES, MENTIONS, Table
from transforms.graph.link_weights import MILLION, WIDEST

Row = Mapping[str, Any]


Key = tuple[str, str, str]
"""Kind of record, organisation, id."""


HARD = frozenset(str(role) for role in HARD_ROLES)


KNOWN = "known legitimate"
"""How the reason starts of what is suppressed before anything is linked; hubs come later."""


@dataclass(frozen=True)
class Part:
    """One piece of evidence for a link: a complaint with the calls that name it, or a call.

    `share` is 1/(k-1) for the k identifiers it names; `counted` is false where another record of
    the same victim says as much or more. `mentions` are where both ends were read.
    """

    record: str
    observed_at: datetime
    victim: str
    hard: bool
    k: int
    share: float
    counted: bool
    mentions: tuple[Row, ...]


@dataclass(frozen=True)
class Pieces:
    """Pieces of evidence by their id: mentions, and who suffered them."""

    mentions: Mapping[str, list[Row]]
    victims: Mapping[str, str]
    linking: frozenset[str]
    """Entities that links were made of: all but the known-legitimate."""

    def parts(self, a: str, b: str) -> list[Part]:
        """What the link of a and b is made of, heaviest first; hard ones alone if there are any."""
        found = [part for piece in self.mentions if (part := self._part(piece, a, b))]
        if any(part.hard for part in found):
            found = [part for part in found if part.hard]
        found.sort(key=_heaviest_first)
        heard: set[str] = set()
        parts = []
        for part in found:
            parts.append(_counted(part, part.victim not in heard))
            heard.add(part.victim)
        return parts

    def _part(self, piece: str, a: str, b: str) -> Part | None:
        rows = [row for row in self.mentions[piece] if row["entity_id"] in self.linking]
        named = {row["entity_id"] for row in rows}
        hard = {row["entity_id"] for row in rows if row["role"] in HARD}
        if not {a, b} <= named or len(hard) > WIDEST or len(named) > 3 * WIDEST:
            return None
        both = {a, b} <= hard
        k = len(hard) if both else len(named)
        return Part(
            record=piece,
            observed_at=min(row["observed_at"] for row in rows),
            victim=self.victims.get(piece, piece),
            hard=both,
            k=k,
            share=MILLION // (k - 1) / MILLION,
            counted=True,
            mentions=tuple(row for row in rows if row["entity_id"] in (a, b)),
        )


def _heaviest_first(part: Part) -> tuple[float, datetime, str]:
    return -part.share, part.observed_at, part.record


def _counted(part: Part, counted: bool) -> Part:
    return Part(**{**vars(part), "counted": counted})


def pieces_naming(run: Run, entity_ids: Iterable[str]) -> Pieces:
    """The pieces of evidence that name two or more of `entity_ids`, whole."""
    wanted = pc.field("entity_id").isin(pa.array(sorted(set(entity_ids)), pa.string()))
    rows = tables.read(run, MENTIONS, where=wanted).to_pylist()
    calls = _records(run, CALLS, "call_id", _ids(rows, RecordKind.CALL))
    named: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        named.setdefault(_piece(row, calls), set()).add(row["entity_id"])
    return _whole(run, {piece for piece, those in named.items() if len(those) > 1})


def _whole(run: Run, shared: set[tuple[str, str]]) -> Pieces:
    """All mentions of the records of some pieces of evidence, given as `_piece` does."""
    ids = sorted({record_id for _, record_id in shared})
    complaints = _records(run, COMPLAINTS, "complaint_id", ids)
    calls = _records(run, CALLS, "call_id", ids) | _records(run, CALLS, "complaint_id", ids)
    # An offer's evidence is of no record that is here: its ids are those of the pieces themselves.
    here = {key[2] for key in (*complaints, *calls)}
    record_ids = pa.array(sorted(here.union(ids)), pa.string())
    mentions: dict[str, list[Row]] = {}
    victims: dict[str, str] = {}
    rows = tables.read(run, MENTIONS, where=pc.field("record_id").isin(record_ids)).to_pylist()
    for row in rows:
        piece = _piece(row, calls)
        if piece in shared:
            mentions.setdefault(piece[0], []).append(row)
            record = calls.get(_key(row)) or complaints.get(_key(row))
            if record is not None and record["victim_id"] is not None:
                who = f"{row['source_org']}|{record['victim_id']}"
                victims[piece[0]] = min(who, victims.get(piece[0], who))
    return Pieces(mentions, victims, _linking(run, mentions.values()))


def _key(row: Row) -> Key:
    return row["record_kind"], row["source_org"], row["record_id"]


def _piece(row: Row, calls: Mapping[Key, Row]) -> tuple[str, str]:
    """The piece of evidence that a mention is of (`schemas.mention.SIGHTING`), and its record."""
    if row["record_kind"] == RecordKind.COMPLAINT:
        return f"{row['source_org']}|{row['record_id']}", row["record_id"]
    call = calls.get(_key(row))
    if call is not None and call["complaint_id"]:
        return f"{row['source_org']}|{call['complaint_id']}", call["complaint_id"]
    return f"{row['source_org']}|call|{row['record_id']}", row["record_id"]


def _ids(rows: Iterable[Row], kind: RecordKind) -> list[str]:
    return sorted({row["record_id"] for row in rows if row["record_kind"] == kind})


def _records(run: Run, table: Table, by: str, ids: list[str]) -> dict[Key, Row]:
    """Rows of complaints/ or calls/ whose `by` is one of `ids`."""
    if not ids:
        return {}
    call = table is CALLS
    name = "call_id" if call else "complaint_id"
    columns = ["source_org", name, "victim_id", *(["complaint_id"] if call else [])]
    kind = str(RecordKind.CALL if call else RecordKind.COMPLAINT)
    where = pc.field(by).isin(pa.array(ids, pa.string()))
    rows = tables.read(run, table, columns, where).to_pylist()
    return {(kind, row["source_org"], row[name]): row for row in rows}


def _linking(run: Run, groups: Iterable[list[Row]]) -> frozenset[str]:
    ids = pa.array(sorted({row["entity_id"] for rows in groups for row in rows}), pa.string())
    where = pc.field("entity_id").isin(ids)
    found = tables.read(run, ENTITIES, ["entity_id", "status", "reason"], where).to_pylist()
    return frozenset(row["entity_id"] for row in found if not _left_out(row))


def _left_out(row: Row) -> bool:
    return row["status"] == Status.SUPPRESSED and row["reason"].startswith(KNOWN)


def sum_of(parts: Iterable[Part]) -> float:
    """The weight that the counted parts make."""
    return sum(round(part.share * MILLION) for part in parts if part.counted) / MILLION


def shares(parts: Iterable[Part]) -> Iterator[Row]:
    """Parts as rows for JSON; victims are numbered, since their pseudonyms explain nothing."""
    numbers: dict[str, int] = {}
    for part in parts:
        yield {
            "record": part.record,
            "observed_at": part.observed_at.isoformat(),
            "victim": numbers.setdefault(part.victim, len(numbers) + 1),
            "identifiers": part.k,
            "share": part.share,
            "counted": part.counted,
            "read": [
                {name: row[name] for name in ("entity_id", "role", "record_kind", "record_id")}
                | {name: row[name] for name in ("field", "start", "end", "raw", "also_read_as")}
                | {"confidence": round(row["confidence"], 3)}
                for row in part.mentions
            ],
        }


SURE = 0.9
"""Confidence of a reading below which the reading itself is a doubt."""


REASSIGNED_DAYS = 45
"""Least days before a US number is given to another subscriber (47 CFR 52.15(f)(1)(ii))."""


def link_doubts(link: Row, parts: Sequence[Part]) -> list[str]:
    """The ways in which a link could mislead, the one that needs least first."""
    counted = [part for part in parts if part.counted]
    found: list[str] = []
    if len(counted) == 1:
        found.append(
            f"one victim in record {counted[0].record} would have to be mistaken, malicious, or a "
            "victim of two call centers"
        )
    elif counted:
        found.append(f"{len(counted)} victims would all have to be mistaken, malicious, or misread")
    if len(link["orgs"]) == 1:
        found.append(f"no organisation but {link['orgs'][0]} has seen both")
    if parts and all(part.k > 2 for part in parts):
        fewest = min(part.k for part in parts)
        found.append(
            f"no record names just these two: each names {fewest} identifiers or more, and one of "
            "the others may be what they share"
        )
    if link["strength"] == "soft":
        found.append("one end can be forged or is shared: the link is never accepted by itself")
    found.extend(_readings(counted))
    gap = _longest_gap([part.observed_at for part in parts])
    phones = [link[end] for end in ("entity_a", "entity_b") if link[end].startswith("phone:")]
    if phones and gap >= REASSIGNED_DAYS:
        found.append(
            f"no record for {gap} days: {' or '.join(phones)} may have been reassigned meanwhile"
        )
    return found


def _readings(parts: Sequence[Part]) -> list[str]:
    """Ends that were only ever read with doubt."""
    best: dict[str, Row] = {}
    for part in parts:
        for row in part.mentions:
            known = best.get(row["entity_id"])
            if known is None or row["confidence"] > known["confidence"]:
                best[row["entity_id"]] = row
    found = []
    for entity_id, row in sorted(best.items()):
        other = f", which may also be {row['also_read_as']}" if row["also_read_as"] else ""
        if row["confidence"] < SURE or other:
            found.append(
                f"the reading of {entity_id} (confidence {row['confidence']:.2f}{other}) would "
                "have to be wrong"
            )
    return found


def _longest_gap(moments: Sequence[datetime]) -> int:
    """Whole days of the longest time without a record."""
    order = sorted(one.astimezone(UTC) for one in moments)
    return max((int((b - a).days) for a, b in pairwise(order)), default=0)


def entity_doubts(entity: Row, held: Sequence[Row]) -> list[str]:
    """The ways in which a membership could mislead."""
    found: list[str] = []
    member = entity["member"]
    if member is None:
        return found
    roles = set(entity["roles"])
    if entity["kind"] == EntityKind.PHONE and str(Role.CALLER_ID) in roles:
        found.append("it was a caller id too: some of its records may be of calls that forged it")
    if entity["complaints"] + entity["calls"] == 1:
        found.append("one record names it: one mistyped character would make it a stranger's")
    if len(held) == 1:
        far = {held[0]["entity_a"], held[0]["entity_b"]} - {entity["entity_id"]}
        found.append(f"it hangs on one link alone, to {far.pop()}")
    if member["bridge"]:
        found.append("the cluster falls apart without it: it may serve two call centers (a mule)")
    return found


def strongest_path(links: Iterable[Row], a: str, b: str) -> list[Row]:
    """The LINK rows of the path from a to b that is most likely to hold; empty where none is.

    A link of weight w is taken to hold with 1 - 2^-w (docs/evidence.md), and a path with the
    product of its links. Of equals, the same one is found for any order of the links.
    """
    import networkx as nx

    graph = nx.Graph()
    for link in sorted(links, key=_ends):
        graph.add_edge(
            *_ends(link), doubt=-math.log(1 - 2 ** -max(link["weight"], 1e-6)), link=link
        )
    if a not in graph or b not in graph or not nx.has_path(graph, a, b):
        return []
    path = nx.dijkstra_path(graph, a, b, weight="doubt")
    return [graph[near][far]["link"] for near, far in pairwise(path)]


def likelihood(path: Iterable[Row]) -> float:
    """The product of 1 - 2^-w over the links of a path."""
    return math.prod(1 - 2 ** -link["weight"] for link in path)


def sides(
    members: Sequence[str], links: Sequence[Row], bridge: Row
) -> tuple[list[str], list[str]] | None:
    """The two parts that a cluster falls into when `bridge` is cut; None where it holds.

    `links` are the cluster's accepted links. The part of the bridge's entity_a comes first.
    """
    cut = _ends(bridge)
    near: dict[str, list[str]] = {one: [] for one in members}
    for link in links:
        a, b = _ends(link)
        if (a, b) != cut:
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
    part = _reached(near, cut[0])
    if cut[1] in part:
        return None
    return sorted(part), sorted(_reached(near, cut[1]))


def _reached(near: Mapping[str, Sequence[str]], start: str) -> set[str]:
    """All that hangs together with `start`."""
    found, waiting = {start}, [start]
    while waiting:
        more = [one for one in near[waiting.pop()] if one not in found]
        found.update(more)
        waiting += more
    return found


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]
