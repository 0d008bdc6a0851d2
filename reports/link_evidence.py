"""The evidence for links and memberships, recomputed from a run's mentions.

Splits a link's weight into the records behind it, says what would have to be wrong for a link or a
membership to be wrong, and finds the strongest path between two entities and the two sides of a
bridge.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import PHONE_PREFIX
from reports.tables import IntArray, RunFolder, among
from schemas.enums import HARD_ROLES, EntityKind, RecordKind, Role, Status, Strength
from schemas.facts import EARLIER_VERSION, KNOWN_LEGITIMATE, Fact, fact, have_facts
from schemas.tables import CALLS, COMPLAINTS, ENTITIES, MENTIONS, Table
from transforms.arrow import component_labels
from transforms.graph.link_weights import MAX_HARD_ENTITIES, MILLION, link_probability, pair_micros
from transforms.values import counted_sources, people_counted, precision_interval

Row = Mapping[str, Any]

RecordKey = tuple[str, str, str]
"""Kind of record, organisation, id."""

SURE_CONFIDENCE = 0.9
"""Least confidence of a reading that is not named as a doubt."""

TIER_WORDS = {
    "core": "Core: two or more people independently tie it to its cluster",
    "verify": "Verify before use",
}
"""Words for tiers on pages and terminals."""

REVIEW_WORDS = {
    "reviewed": "reviewed by an analyst",
    "unreviewed": "not yet reviewed by an analyst",
}

FIRST_PARTS = 5

REASSIGNED_DAYS = 45
"""Least days before a US number is given to another subscriber (47 CFR 52.15(f)(1)(ii))."""


def precision_of_sources(run: RunFolder, orgs: Sequence[str]) -> list[dict[str, Any]]:
    """Returns how often the reporters of each organisation and channel were right, by decisions.

    `right` of them name suspects' identifiers, `wrong` name identifiers of others. `low` and `high`
    are Wilson's interval of the share that is right. In ranks each counts as `weight` of a
    reporter. The sources with the surest precision are first.
    """
    rows = []
    manifest = getattr(run, "manifest", None) or {}
    for (org, channel), tally in counted_sources(manifest.get("tallies", {})).items():
        if org in orgs:
            low, high = precision_interval(tally.right, tally.wrong)
            counts = {"right": tally.right, "wrong": tally.wrong}
            row = {"source_org": org, "channel": channel, **counts, "low": low, "high": high}
            rows.append(row | {"weight": tally.weight})
    return sorted(rows, key=lambda row: (-row["low"], row["source_org"], row["channel"]))


def parts_by_org(inside: pa.Table, starts: IntArray) -> dict[int, dict[str, list[int]]]:
    """Returns the parts of clusters that no single organisation's links hold together.

    The result has, by place of the cluster and by organisation, the sizes of the `FIRST_PARTS`
    largest parts that this organisation's accepted links make. A part has two members or more.

    Args:
        inside: links between members of one cluster (`cluster_data.LinkTables`).
        starts: the first member of each cluster, and the end.
    """
    rows = inside.filter(inside["accepted"])
    bearers = rows["orgs"].combine_chunks()
    orgs = pc.list_flatten(bearers).dictionary_encode()
    # A member has a node in layer 0, for all organisations, and in the layer of each that links it.
    layer = np.append(np.zeros(len(rows), np.int64), orgs.indices.to_numpy() + 1)
    link = np.append(np.arange(len(rows)), pc.list_parent_indices(bearers))
    ends = [layer * starts[-1] + rows[name].to_numpy()[link] for name in ("row_a", "row_b")]
    nodes, numbered = np.unique(np.concatenate(ends), return_inverse=True)
    labels = component_labels(len(nodes), *np.split(numbered, 2))
    firsts, sizes = np.unique(labels, return_counts=True)
    members = max(starts[-1], 1)
    layer = nodes[firsts] // members
    places = np.searchsorted(starts, nodes[firsts] % members, "right") - 1
    whole = sizes == np.diff(starts)[places]
    union_only = np.setdiff1d(places[whole & (layer == 0)], places[whole & (layer > 0)])
    shown = np.flatnonzero(np.isin(places, union_only) & (layer > 0))
    shown = shown[np.lexsort((-sizes[shown], layer[shown], places[shown]))]
    names = orgs.dictionary.to_pylist()
    parts: defaultdict[int, dict[str, list[int]]] = defaultdict(dict)
    columns = (column[shown].tolist() for column in (places, layer, sizes))
    for place, bearer, size in zip(*columns, strict=True):
        org_sizes = parts[place].setdefault(names[bearer - 1], [])
        if len(org_sizes) < FIRST_PARTS:
            org_sizes.append(size)
    return parts


@dataclass(frozen=True)
class EvidenceRecord:
    """A record of evidence for a link: a complaint with the calls that name it, or a call.

    Attributes:
        record: its id, with the organisation.
        victim: who reported it; the record itself if the reporter is not known.
        hard: whether both ends have a hard role in it.
        k: how many identifiers it names.
        share: its part of the weight, 1/(k-1) for each of its people.
        counted: whether it counts: only the record with a victim's largest share does.
        people: how many people report the same: more than 1 only in evidence of an offer.
        mentions: the mentions of both ends.
    """

    record: str
    observed_at: datetime
    victim: str
    hard: bool
    k: int
    share: float
    counted: bool
    people: int
    mentions: tuple[Row, ...]


@dataclass(frozen=True)
class Evidence:
    """Records of evidence by id: their mentions, their victims.

    `linking` are the entities that can have links: all except the known-legitimate.
    """

    mentions: Mapping[str, list[Row]]
    victims: Mapping[str, str]
    linking: frozenset[str]

    def parts(self, a: str, b: str) -> list[EvidenceRecord]:
        """Returns the records of a link, heaviest first; hard ones alone if there are any."""
        records = [part for record in self.mentions if (part := self._record(record, a, b))]
        if any(part.hard for part in records):
            records = [part for part in records if part.hard]
        records.sort(key=_heaviest_first)
        victims: set[str] = set()
        parts = []
        for part in records:
            parts.append(replace(part, counted=part.victim not in victims))
            victims.add(part.victim)
        return parts

    def _record(self, record: str, a: str, b: str) -> EvidenceRecord | None:
        rows = [row for row in self.mentions[record] if row["entity_id"] in self.linking]
        named = {row["entity_id"] for row in rows}
        hard = {row["entity_id"] for row in rows if row["role"] in HARD_ROLES}
        if (
            not {a, b} <= named
            or len(hard) > MAX_HARD_ENTITIES
            or len(named) > 3 * MAX_HARD_ENTITIES
        ):
            return None
        both = {a, b} <= hard
        k = len(hard) if both else len(named)
        people = max(row["people"] for row in rows)
        return EvidenceRecord(
            record=record,
            observed_at=min(row["observed_at"] for row in rows),
            victim=self.victims.get(record, record),
            hard=both,
            k=k,
            share=people * int(pair_micros(k)) / MILLION,
            counted=True,
            people=people,
            mentions=tuple(row for row in rows if row["entity_id"] in (a, b)),
        )


def _heaviest_first(part: EvidenceRecord) -> tuple[float, datetime, str]:
    return -part.share, part.observed_at, part.record


def attestation_lines(member: Row) -> list[str]:
    """Says how well a member is attested, given its row of members/: tier, people, near miss."""
    people = member["reporters"]
    reported = "1 person reports" if people == 1 else f"{people or 'uncounted'} people report"
    held = member["robustness"]
    least = "1 person" if held == 1 else f"{held or 'uncounted'} people"
    lines = [
        f"{TIER_WORDS[member['tier']]}; {REVIEW_WORDS[member['review']]}",
        f"{reported} that a scammer used it; its place in the cluster rests on {least}",
    ]
    if member["near_miss_of"]:
        lines.append(
            f"One digit off {member['near_miss_of']}, which three times as many people report: "
            "it may be a slip of the pen"
        )
    return lines


def gather_evidence(run: RunFolder, entity_ids: Iterable[str]) -> Evidence:
    """Reads the records that name two or more of `entity_ids`, with all their mentions."""
    rows = tables.read_table(run, MENTIONS, where=among("entity_id", entity_ids)).to_pylist()
    of_calls = {row["record_id"] for row in rows if row["record_kind"] == RecordKind.CALL}
    calls = _records(run, CALLS, "call_id", of_calls)
    named: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        named[_evidence_key(row, calls)].add(row["entity_id"])
    return _whole(run, {record for record, ids in named.items() if len(ids) > 1})


def _whole(run: RunFolder, shared: set[tuple[str, str]]) -> Evidence:
    """Reads all mentions of some records of evidence, given as by `_evidence_key`."""
    ids = {record_id for _, record_id in shared}
    complaints = _records(run, COMPLAINTS, "complaint_id", ids)
    calls = _records(run, CALLS, "call_id", ids) | _records(run, CALLS, "complaint_id", ids)
    # The records of an offer are not in the run's tables: its mentions have the ids of evidence.
    record_ids = ids.union(key[2] for key in (*complaints, *calls))
    mentions: defaultdict[str, list[Row]] = defaultdict(list)
    victims: dict[str, str] = {}
    table = tables.read_table(run, MENTIONS, where=among("record_id", record_ids))
    rows = table.append_column("people", people_counted(table)).to_pylist()
    for row in rows:
        evidence_id, record_id = _evidence_key(row, calls)
        if (evidence_id, record_id) in shared:
            mentions[evidence_id].append(row)
            record = calls.get(record_key(row)) or complaints.get(record_key(row))
            if record is not None and record["victim_id"] is not None:
                who = f"{row['source_org']}|{record['victim_id']}"
                victims[evidence_id] = min(who, victims.get(evidence_id, who))
    return Evidence(mentions, victims, _linking(run, mentions.values()))


def record_key(row: Row) -> RecordKey:
    """Returns the key of the record that a row of mentions/ was read in."""
    return row["record_kind"], row["source_org"], row["record_id"]


def _evidence_key(row: Row, calls: Mapping[RecordKey, Row]) -> tuple[str, str]:
    """Returns the id of a mention's piece of evidence, and of its complaint, or else its call."""
    if row["record_kind"] == RecordKind.COMPLAINT:
        return f"{row['source_org']}|{row['record_id']}", row["record_id"]
    call = calls.get(record_key(row))
    if call is not None and call["complaint_id"]:
        return f"{row['source_org']}|{call['complaint_id']}", call["complaint_id"]
    return f"{row['source_org']}|call|{row['record_id']}", row["record_id"]


def _records(run: RunFolder, table: Table, by: str, ids: set[str]) -> dict[RecordKey, Row]:
    """Reads rows of complaints/ or calls/ whose column `by` is one of `ids`."""
    if not ids:
        return {}
    call = table is CALLS
    name = "call_id" if call else "complaint_id"
    columns = ["source_org", name, "victim_id", *(["complaint_id"] if call else [])]
    kind = str(RecordKind.CALL if call else RecordKind.COMPLAINT)
    rows = tables.read_table(run, table, columns, among(by, ids)).to_pylist()
    return {(kind, row["source_org"], row[name]): row for row in rows}


def _linking(run: RunFolder, groups: Iterable[list[Row]]) -> frozenset[str]:
    where = among("entity_id", (row["entity_id"] for rows in groups for row in rows))
    entities = tables.read_table(run, ENTITIES, ["entity_id", "status", "facts"], where)
    known = have_facts(entities["facts"], (*KNOWN_LEGITIMATE, EARLIER_VERSION))
    left_out = pc.and_(known, pc.equal(entities["status"], Status.SUPPRESSED))
    return frozenset(entities["entity_id"].filter(pc.invert(left_out)).to_pylist())


def evidence_rows(parts: Iterable[EvidenceRecord]) -> Iterator[Row]:
    """Yields parts as rows for JSON, victims numbered: their pseudonyms explain nothing."""
    numbers: dict[str, int] = {}
    for part in parts:
        yield {
            "record": part.record,
            "observed_at": part.observed_at.isoformat(),
            "victim": numbers.setdefault(part.victim, len(numbers) + 1),
            "identifiers": part.k,
            "share": part.share,
            "counted": part.counted,
            **({"people": part.people} if part.people > 1 else {}),
            "read": [
                {name: row[name] for name in ("entity_id", "role", "record_kind", "record_id")}
                | {name: row[name] for name in ("field", "start", "end", "raw", "also_read_as")}
                | {"confidence": round(row["confidence"], 3)}
                for row in part.mentions
            ],
        }


def link_doubts(link: Row, parts: Sequence[EvidenceRecord]) -> list[Fact]:
    """Lists what would have to be wrong for a link to be wrong, the least first."""
    counted = [part for part in parts if part.counted]
    people = sum(part.people for part in counted)
    doubts: list[Fact] = []
    if people == 1:
        doubts.append(fact("one_reporter", counted[0].record))
    elif counted:
        doubts.append(fact("all_reporters", people))
    if len(link["orgs"]) == 1:
        doubts.append(fact("one_organisation", link["orgs"][0]))
    if parts and all(part.k > 2 for part in parts):
        doubts.append(fact("never_alone", min(part.k for part in parts)))
    if link["strength"] == Strength.SOFT:
        doubts.append(fact("soft_end"))
    doubts += _unsure_readings(counted)
    gap = _longest_gap([part.observed_at for part in parts])
    phones = [end for end in _ends(link) if end.startswith(PHONE_PREFIX)]
    if phones and gap >= REASSIGNED_DAYS:
        doubts.append(fact("long_silence", gap, " or ".join(phones)))
    return doubts


def _unsure_readings(parts: Sequence[EvidenceRecord]) -> Iterator[Fact]:
    """Yields the ends that every record read with doubt."""
    best: dict[str, Row] = {}
    for part in parts:
        for row in part.mentions:
            known = best.get(row["entity_id"])
            if known is None or row["confidence"] > known["confidence"]:
                best[row["entity_id"]] = row
    for entity_id, row in sorted(best.items()):
        confidence = f"{row['confidence']:.2f}"
        if row["also_read_as"]:
            yield fact("two_readings", entity_id, confidence, row["also_read_as"])
        elif row["confidence"] < SURE_CONFIDENCE:
            yield fact("unsure_reading", entity_id, confidence)


def _longest_gap(moments: Sequence[datetime]) -> int:
    """Returns the whole days of the longest time without a record."""
    order = sorted(moment.astimezone(UTC) for moment in moments)
    return max((int((b - a).days) for a, b in pairwise(order)), default=0)


def entity_doubts(entity: Row, accepted: Sequence[Row]) -> list[Fact]:
    """Lists what would have to be wrong for a membership to be wrong.

    Args:
        entity: a row of entities/ with its `roles` and its row of members/ as `member`.
        accepted: its accepted links.
    """
    doubts: list[Fact] = []
    member = entity["member"]
    if member is None:
        return doubts
    if entity["kind"] == EntityKind.PHONE and Role.CALLER_ID in entity["roles"]:
        doubts.append(fact("caller_id_too"))
    if Role.MENTIONED in entity["roles"]:
        doubts.append(fact("mentioned_too"))
    if entity["complaints"] + entity["calls"] == 1:
        doubts.append(fact("one_record"))
    if len(accepted) == 1:
        (neighbour,) = set(_ends(accepted[0])) - {entity["entity_id"]}
        doubts.append(fact("one_link", neighbour))
    if member["bridge"]:
        doubts.append(fact("bridge"))
    return doubts


def strongest_path(links: Iterable[Row], a: str, b: str) -> list[Row]:
    """Returns the links of the most likely path from a to b; none if there is no path.

    A link of weight w is right with probability 1 - 2^-w (docs/evidence.md), a path with the
    product over its links. Among equal paths, the choice does not depend on the order of `links`.
    """
    import networkx as nx

    graph = nx.Graph()
    for link in sorted(links, key=_ends):
        doubt = -math.log(link_probability(max(link["weight"], 1e-6)))
        graph.add_edge(*_ends(link), doubt=doubt, link=link)
    if a not in graph or b not in graph or not nx.has_path(graph, a, b):
        return []
    path = nx.dijkstra_path(graph, a, b, weight="doubt")
    return [graph[near][far]["link"] for near, far in pairwise(path)]


def path_likelihood(path: Iterable[Row]) -> float:
    """Returns the product of 1 - 2^-w over the links of a path."""
    return math.prod(link_probability(link["weight"]) for link in path)


def split_at_bridge(
    members: Sequence[str], links: Sequence[Row], bridge: Row
) -> tuple[list[str], list[str]] | None:
    """Returns the two parts of a cluster without `bridge`; None if it stays in one.

    `links` are the cluster's accepted links. The part of the bridge's entity_a comes first.
    """
    import networkx as nx

    a, b = _ends(bridge)
    graph = nx.Graph([_ends(link) for link in links if _ends(link) != (a, b)])
    graph.add_nodes_from((*members, a, b))
    part = nx.node_connected_component(graph, a)
    return None if b in part else (sorted(part), sorted(nx.node_connected_component(graph, b)))


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]
