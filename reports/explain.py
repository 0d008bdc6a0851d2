"""Explains an entity of a run: why it is in its cluster, and what ties it to another.

`find_entity` finds the entity that a person means however they write it, `explain` gives plain data
fit for JSON, and `explanation_lines` turns that into lines for a terminal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.disclosure_control import is_thin
from reports.link_evidence import (
    Evidence,
    attestation_lines,
    entity_doubts,
    evidence_rows,
    gather_evidence,
    link_doubts,
    path_likelihood,
    precision_of_sources,
    split_at_bridge,
    strongest_path,
)
from reports.member_mentions import sample_readings
from reports.tables import NarrativeReader, RunFolder, among
from reports.text import most_first, plain, quantity, readable_time
from schemas.cluster import ClusterFlag
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.entity import without_epoch
from schemas.enums import HARD_ROLES, EntityKind, Role, Strength
from schemas.facts import CONTESTED, Fact
from schemas.field import EPOCH, TEXT
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, LINKS, MEMBERS, MENTIONS, Table
from transforms.extract.fields import complaint_mentions
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.values import OFFER_FIELD, OFFERED, people_counted

Row = Mapping[str, Any]

LINK_LIMIT = 5
"""Links of each sort that are explained."""

MEMBER_LIMIT = 5
"""Members of a part that are named, those of most complaints first."""

RECORD_LIMIT = 10
"""Records of a link that are shown."""

BEARER_LIMIT = 20
"""Reporters of a join whose records are shown."""

RECORDS_OF_BEARER = 3
"""Records shown of each of these reporters."""

QUERY_LIMIT = 500
"""Characters read of a person's query."""

_SPECIFIC = (
    EntityKind.EMAIL,
    EntityKind.ACCOUNT,
    EntityKind.WALLET,
    EntityKind.REMOTE,
    EntityKind.PHONE,
    EntityKind.URL,
    EntityKind.DOMAIN,
)
"""Kinds by precedence: where a text names entities of several, the first of these is meant."""


class NotNamedError(ValueError):
    """A text that names no entity of the run, or several; the message is for its author."""


def find_entity(run: RunFolder, written: str) -> str:
    """Finds the one entity of a run that `written` names; returns its id.

    `written` can have any form that the pipeline reads in a record: an id, `(888) 555-0123`,
    `hxxps://refund[.]example/pay`, an IBAN with blanks. National numbers are read as numbers of
    the countries of the run's victims.

    Raises:
        NotNamedError: for none, or for several of one kind.
    """
    text = written.strip()[:QUERY_LIMIT]
    candidates = [text, *(f"{kind}:{text}" for kind in EntityKind)]
    candidates += _extracted_ids(text, _countries(run))
    existing = _values(run, ENTITIES, "entity_id", among("entity_id", candidates))
    if not existing:
        # An id without its scheme, such as a remote-access id without its tool.
        bare = ":" + "".join(text.split())
        ending = pc.ends_with(pc.field("entity_id"), bare)
        existing = _values(run, ENTITIES, "entity_id", ending) if len(bare) > 1 else []
    if text in existing:
        return text
    for kind in dict.fromkeys((*_SPECIFIC, *EntityKind)):
        of_kind = [entity_id for entity_id in existing if entity_id.startswith(f"{kind}:")]
        if len(of_kind) == 1:
            return of_kind[0]
        if of_kind:
            raise NotNamedError(f"{written!r} can be {', '.join(of_kind)}: name one of them")
    if inside := _members(run, text):
        best = ", ".join(_side(run, inside)["best_known"])
        raise NotNamedError(f"{text} is a cluster: name an identifier of it, such as {best}")
    raise NotNamedError(
        f"{written!r} is nothing that this run found: give a whole identifier, or "
        "search the page for parts of it and for ids of complaints"
    )


def _values(run: RunFolder, table: Table, column: str, where: pc.Expression) -> list[str]:
    """Reads a column of the rows that match `where`."""
    return list(tables.read_table(run, table, [column], where)[column].to_pylist())


def _countries(run: RunFolder) -> list[str | None]:
    """Returns the victims' countries; the last is None, for numbers that need none."""
    try:
        countries = tables.count_by(run, COMPLAINTS, ("victim_country",))["victim_country"]
    except FileNotFoundError:  # a stream's snapshot keeps no records
        return [None]
    return [*countries.drop_null().to_pylist(), None]


def _extracted_ids(text: str, countries: list[str | None]) -> list[str]:
    """Returns what the pipeline reads in a complaint that has `text` in every field."""
    complaints = [
        {
            "complaint_id": str(row),
            "source_org": "asked",
            "received_at": EPOCH,
            "source": "",
            "position": 0,
            "format": "",
            "victim_country": country,
            "phone_numbers": [{"raw": text, "role": str(Role.CALLBACK)}],
            "urls": [text],
            "emails": [text],
            "payments": [{"payee": text}],
            "remote_access": [{"id": text}],
            "narrative": text,
        }
        for row, country in enumerate(countries)
    ]
    mentions = complaint_mentions(pa.RecordBatch.from_pylist(complaints, COMPLAINT_ACCEPTED))
    return mentions["entity_id"].to_pylist()


def explain(
    run: RunFolder, a: str, b: str | None = None, narratives: NarrativeReader | None = None
) -> dict[str, Any]:
    """Explains entity `a`, and its tie to `b`; both are ids of the run's entities/.

    With `narratives` the newest words around `a` are quoted.
    """
    explanation: dict[str, Any] = {"entity": describe_entity(run, a)}
    own = _links_of(run, [a])
    cluster_id = (explanation["entity"]["member"] or {}).get("cluster_id")
    accepted = sorted((link for link in own if link["accepted"]), key=_heaviest)[:LINK_LIMIT]
    rejected = sorted((link for link in own if not link["accepted"]), key=_hard_and_heaviest)
    path = _path(run, a, b) if b is not None else []
    evidence = gather_evidence(run, {a, *_all_ends([*accepted, *path])})
    explanation["held_by"] = [_link(link, evidence) for link in accepted]
    explanation["rejected"] = [_rejected(run, link, a) for link in rejected[:LINK_LIMIT]]
    explanation["rejected_in_all"] = len(rejected)
    explanation["cluster"] = _cluster(run, cluster_id) if cluster_id else None
    explanation |= _doubted(entity_doubts(explanation["entity"], accepted))
    explanation["excerpts"] = _excerpts(run, a, narratives) if narratives else None
    if b is not None:
        explanation["other"] = describe_entity(run, b)
        explanation["path"] = {
            "likelihood": path_likelihood(path) if path else 0.0,
            "accepted": bool(path) and all(link["accepted"] for link in path),
            "links": [_link(link, evidence) for link in path],
        }
    return explanation


def _excerpts(run: RunFolder, entity_id: str, narratives: NarrativeReader) -> list[Row]:
    """Returns the words around an identifier in the newest narratives of each organisation."""
    read = sample_readings(run, pa.array([entity_id], TEXT), narratives)
    return [
        {name: getattr(reading, name) for name in ("source_org", "record_id")}
        | {"observed_at": reading.observed_at.isoformat()}
        | {name: getattr(reading, name) for name in ("before", "raw", "after")}
        for reading in read
        if reading.before is not None
    ]


def describe_entity(run: RunFolder, entity_id: str) -> dict[str, Any]:
    """Returns a row of entities/, with its roles counted over mentions/ and its row of members/."""
    named = pc.field("entity_id") == entity_id
    row: dict[str, Any] = tables.read_table(run, ENTITIES, where=named).to_pylist()[0]
    member = tables.read_table(run, MEMBERS, where=named).to_pylist()
    mentions = tables.read_table(run, MENTIONS, ["role", "field", "record_id"], named)
    roles: Counter[str] = Counter()
    for role, people in zip(
        mentions["role"].to_pylist(), people_counted(mentions).to_pylist(), strict=True
    ):
        roles[role] += people
    return _with_iso_times(row) | {
        "epochs": _epochs(run, entity_id),
        "roles": dict(most_first(roles)),
        "member": member[0] if member else None,
    }


def _epochs(run: RunFolder, entity_id: str) -> list[str]:
    """Returns the ids of other epochs of the same identifier, which other people may have held."""
    identifier = without_epoch(entity_id)
    same = (pc.field("entity_id") == identifier) | pc.starts_with(
        pc.field("entity_id"), f"{identifier}#"
    )
    ids = _values(run, ENTITIES, "entity_id", same)
    return sorted(
        epoch for epoch in ids if epoch != entity_id and without_epoch(epoch) == identifier
    )


def _heaviest(link: Row) -> tuple[float, str, str]:
    return -link["weight"], link["entity_a"], link["entity_b"]


def _hard_and_heaviest(link: Row) -> tuple[bool, float, str, str]:
    return link["strength"] != Strength.HARD, *_heaviest(link)


def _links_of(run: RunFolder, ids: Collection[str]) -> list[Row]:
    """Reads links with an end among `ids`."""
    where = among("entity_a", ids) | among("entity_b", ids)
    return tables.read_table(run, LINKS, where=where).to_pylist()


def _all_ends(links: Iterable[Row]) -> set[str]:
    return {link[end] for link in links for end in ("entity_a", "entity_b")}


def _members(run: RunFolder, cluster_id: str) -> list[str]:
    return _values(run, MEMBERS, "entity_id", pc.field("cluster_id") == cluster_id)


def _cluster_of(run: RunFolder, entity_id: str) -> str | None:
    clusters = _values(run, MEMBERS, "cluster_id", pc.field("entity_id") == entity_id)
    return clusters[0] if clusters else None


def _path(run: RunFolder, a: str, b: str) -> list[Row]:
    """Returns the strongest path: over accepted links if there is one, else hard ones, else any.

    It searches the links of a, b and the members of their clusters, and the links one step away.
    """
    clusters = {
        cluster_id for cluster_id in (_cluster_of(run, a), _cluster_of(run, b)) if cluster_id
    }
    near = {a, b}.union(*(_members(run, cluster) for cluster in clusters))
    links = _links_of(run, near)
    wider = _links_of(run, near | _all_ends(links)) if len(clusters) != 1 else links
    accepted = [link for link in links if link["accepted"]]
    hard = [link for link in wider if link["strength"] == Strength.HARD]
    for choice in (accepted, hard, wider):
        if path := strongest_path(choice, a, b):
            return path
    return []


def _link(link: Row, evidence: Evidence) -> dict[str, Any]:
    """Returns a link with its weight split into records, and what would have to be wrong."""
    parts = evidence.parts(link["entity_a"], link["entity_b"])
    whole = {"parts": list(evidence_rows(parts))} | _doubted(link_doubts(link, parts))
    return _with_iso_times(link) | whole


def _doubted(doubts: Sequence[Fact]) -> dict[str, Any]:
    """Returns doubts in words, and as codes with arguments."""
    return {
        "doubts": [doubt.sentence() for doubt in doubts],
        "doubt_facts": [doubt._asdict() for doubt in doubts],
    }


def _far(link: Row, near: str) -> str:
    """Returns the other end of a link."""
    return str(link["entity_b"] if link["entity_a"] == near else link["entity_a"])


def _rejected(run: RunFolder, link: Row, near: str) -> dict[str, Any]:
    far = _far(link, near)
    return _with_iso_times(link) | {"other": far, "other_cluster": _cluster_of(run, far)}


def _cluster(run: RunFolder, cluster_id: str) -> dict[str, Any]:
    """Returns a cluster, and the parts that it falls into at its weakest bridges."""
    here = pc.field("cluster_id") == cluster_id
    (row,) = tables.read_table(run, CLUSTERS, where=here).to_pylist()
    members = _members(run, cluster_id)
    bridges = row["weakest_bridges"] or []
    links = [link for link in _links_of(run, members) if link["accepted"]] if bridges else []
    return {
        **{name: row[name] for name in ("cluster_id", "name", "size", "complaints", "calls")},
        **{name: row[name] for name in ("victims", "orgs", "status", "priority", "confidence")},
        "priority_parts": row["priority_parts"] or [],
        "weakest_bridges": [
            bridge
            | {
                "falls_into": [
                    _side(run, part) for part in split_at_bridge(members, links, bridge) or ()
                ]
            }
            for bridge in bridges
        ],
        "flags": row["flags"] or [],
        "cuts": describe_cuts(run, row),
        "sources": precision_of_sources(run, row["orgs"]),
    }


def describe_cuts(run: RunFolder, row: Row) -> list[dict[str, Any]]:
    """Returns the weakest cut of a row of clusters/, and its thin join if it is another cut.

    Each has its two sides, and the records of the reporters who name members on both. A reporter
    without a record that names both sides has a record for each side. Reporters are numbered:
    their pseudonyms explain nothing.
    """
    sides = {name: row[name] for name in ("weakest_side", "thin_side") if row.get(name) is not None}
    if sides.get("weakest_side") == sides.get("thin_side"):
        sides.pop("weakest_side", None)
    if not sides:
        return []
    members = frozenset(_members(run, row["cluster_id"]))
    evidence = gather_evidence(run, members)
    cuts = []
    for name, side in sides.items():
        weakest = name == "weakest_side" or side == row["weakest_side"]
        bearers = _bearers(evidence, members, frozenset(side))
        cuts.append(
            {
                "reporters": row["weakest_cut"] if weakest else len(bearers),
                "at_least": weakest and ClusterFlag.CUT_AT_LEAST in (row["flags"] or ()),
                "thin": name == "thin_side" and is_thin(row),
                "falls_into": [_side(run, sorted(part)) for part in (side, members - set(side))],
                "side": sorted(side),
                "others": sorted(members - set(side)),
                "borne_by": bearers,
            }
        )
    return cuts


def _bearers(evidence: Evidence, members: frozenset[str], side: frozenset[str]) -> list[list[str]]:
    """Returns the records of each reporter who names members on both sides of a join."""
    shown: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for record, rows in evidence.mentions.items():
        hard = {row["entity_id"] for row in rows if row["role"] in HARD_ROLES} & evidence.linking
        named = hard & members
        if len(named) > 1 and len(hard) <= MAX_HARD_ENTITIES:
            shown[evidence.victims.get(record, record)][record] = frozenset(named)
    bearers = []
    for records in shown.values():
        every = frozenset().union(*records.values())
        if every & side and every - side:
            both = [record for record, named in records.items() if named & side and named - side]
            bearers.append(sorted(both or records)[:RECORDS_OF_BEARER])
    return sorted(bearers)


def _side(run: RunFolder, part: list[str]) -> dict[str, Any]:
    order = [("complaints", "descending"), ("calls", "descending"), ("entity_id", "ascending")]
    names = [name for name, _ in order]
    known = tables.read_table(run, ENTITIES, names, among("entity_id", part)).sort_by(order)
    return {"size": len(part), "best_known": known["entity_id"][:MEMBER_LIMIT].to_pylist()}


def _with_iso_times(row: Row) -> dict[str, Any]:
    """Returns a row with its times as ISO 8601."""
    return {
        name: value.isoformat() if name in ("first_seen", "last_seen") else value
        for name, value in row.items()
    }


def explanation_lines(explanation: Row) -> Iterator[str]:
    """Yields the lines of what `explain` found, safe for a terminal."""
    yield from _entity(explanation["entity"])
    if explanation["held_by"]:
        yield ""
        yield "Why it is there: its strongest links in the cluster"
        for link in explanation["held_by"]:
            yield from _link_lines(link, explanation["entity"]["entity_id"])
    if explanation["excerpts"]:
        yield ""
        yield "Words around it in narratives, as masked: for the owner of the run alone"
    if "no_excerpts" in explanation:
        yield ""
        yield f"No words around it: {explanation['no_excerpts']}"
    for excerpt in explanation["excerpts"] or ():
        words = f"{excerpt['before']}[{excerpt['raw']}]{excerpt['after']}"
        yield f"  {plain(excerpt['source_org'])} {plain(excerpt['record_id'])}: {plain(words, 300)}"
    yield from _doubts(explanation["doubts"], "")
    if "path" in explanation:
        yield from _path_lines(explanation)
    if explanation["rejected"]:
        yield ""
        shown = len(explanation["rejected"])
        yield f"Links that were not accepted: {shown} of {explanation['rejected_in_all']}"
        for link in explanation["rejected"]:
            where = f"in {link['other_cluster']}" if link["other_cluster"] else "in no cluster"
            yield (
                f"  {plain(link['other'])} ({where}): {link['strength']}, weight "
                f"{link['weight']:.2f}, {quantity(link['records'], 'record')}: "
                f"{plain(link['reason'], 300)}"
            )
    if explanation["cluster"]:
        yield from _cluster_lines(explanation["cluster"])


def _entity(entity: Row) -> Iterator[str]:
    yield plain(entity["entity_id"], 300)
    status = "" if entity["facts"][0]["code"] in CONTESTED else f"{entity['status']}: "
    yield f"  {status}{plain(entity['reason'], 500)}"
    place = ", ".join(part for part in (entity["region"], entity["line_type"]) if part)
    yield (
        f"  {quantity(entity['complaints'], 'complaint')}, {quantity(entity['calls'], 'call')}, "
        f"{quantity(entity['victims'], 'known victim')}, "
        f"{quantity(entity['reporters'], 'reporter')}, seen by {', '.join(entity['orgs'])}"
        + (f"; {place}" if place else "")
    )
    yield f"  {_span(entity)}"
    if entity["epochs"]:
        others = ", ".join(plain(epoch, 300) for epoch in entity["epochs"])
        yield f"  apart from {others}: the same identifier, maybe of another holder"
    if entity["roles"]:
        roles = ", ".join(f"{role} {count}" for role, count in entity["roles"].items())
        yield f"  read as {roles}"
    member = entity["member"]
    if member:
        yield (
            f"  in cluster {member['cluster_id']} as {member['role']}, confidence "
            f"{member['confidence']:.3f}"
            + (", without which the cluster falls apart" if member["bridge"] else "")
        )
        yield from (f"  {plain(line, 300)}" for line in attestation_lines(member))
    else:
        yield "  in no cluster"


def _path_lines(row: Row) -> Iterator[str]:
    yield ""
    yield "The other end"
    yield from _entity(row["other"])
    yield ""
    path = row["path"]
    if not path["links"]:
        yield "No evidence path between the two"
        return
    sort = "accepted" if path["accepted"] else "joins no cluster: not all links accepted"
    yield (
        f"Strongest evidence path: {quantity(len(path['links']), 'link')}, likelihood "
        f"{path['likelihood']:.3f} ({sort})"
    )
    entity_id = row["entity"]["entity_id"]
    for link in path["links"]:
        yield from _link_lines(link, entity_id)
        entity_id = _far(link, entity_id)


def _link_lines(link: Row, near: str) -> Iterator[str]:
    bearing = [part for part in link["parts"] if part["counted"]]
    sum_of = " + ".join(f"1/{part['identifiers'] - 1}" for part in bearing[:RECORD_LIMIT])
    more = " + ..." if len(bearing) > RECORD_LIMIT else ""
    yield f"  {plain(near)} - {plain(_far(link, near))}"
    yield (
        f"    {link['strength']}, weight {link['weight']:.3f}"
        + (f" = {sum_of}{more}" if sum_of else "")
        + f"; {quantity(link['victims'], 'known victim')}, "
        + f"{quantity(link['reporters'], 'reporter')}, {', '.join(link['orgs'])}; "
        + f"{_span(link)}; {plain(link['reason'], 300)}"
    )
    for part in link["parts"][:RECORD_LIMIT]:
        yield (
            f"    record {plain(part['record'])} ({_when(part)}), "
            f"victim {part['victim']}: "
            f"names {part['identifiers']}"
            + ("" if part["counted"] else "; not counted, the same victim says as much elsewhere")
        )
        for row in part["read"]:
            yield f"      {_reading(row)}"
    if len(link["parts"]) > RECORD_LIMIT:
        yield f"    and {len(link['parts']) - RECORD_LIMIT} more records; --json has all"
    yield from _doubts(link["doubts"], "    ")


def _when(part: Row) -> str:
    when = datetime.fromisoformat(part["observed_at"]).astimezone(UTC)
    if any(row["field"] in OFFERED for row in part["read"]):  # an offer gives weeks alone
        return f"in the week of {readable_time(when - timedelta(3)).partition(',')[0]}"
    return readable_time(when)


def _reading(row: Row) -> str:
    reading = f"{plain(row['entity_id'])} as {row['role']}"
    if row["field"] in OFFERED:
        called = "" if row["field"] == OFFER_FIELD else ", whose sender has a call record of it"
        return f"{reading}, counted by the offer{called} ({row['confidence']:.2f})"
    call = row["record_kind"] != "complaint"
    record = f"{row['record_kind']} {row['record_id']} " if call else ""
    offsets = "" if row["start"] is None else f" {row['start']}-{row['end']}"
    place = f"{record}{row['field'] or 'record'}{offsets}"
    also = f", or {row['also_read_as']}" if row["also_read_as"] else ""
    return (
        f'{reading} in {plain(place)}: "{plain(row["raw"] or "")}" ({row["confidence"]:.2f}{also})'
    )


def _doubts(doubts: list[str], indent: str) -> Iterator[str]:
    if doubts:
        yield f"{indent}Ways this could be wrong:"
        yield from (f"{indent}  - {plain(doubt, 300)}" for doubt in doubts)


def _cluster_lines(cluster: Row) -> Iterator[str]:
    yield ""
    yield (
        f"Cluster {cluster['cluster_id']}, {plain(cluster['name'])}: "
        f"{quantity(cluster['size'], 'member')}, {quantity(cluster['complaints'], 'complaint')}, "
        f"{quantity(cluster['victims'], 'known victim')}, {', '.join(cluster['orgs'])}; "
        f"{cluster['status']}, priority {cluster['priority']:.0f}, "
        f"confidence {cluster['confidence']:.2f}"
    )
    if cluster["priority_parts"]:
        points = (f"{part['part']} {part['points']:.1f}" for part in cluster["priority_parts"])
        yield f"  priority is {' + '.join(points)}"
    if cluster["flags"]:
        yield f"  flags: {', '.join(cluster['flags'])}"
    for cut in cluster["cuts"]:
        yield from cut_lines(cut)
    for tally in cluster["sources"]:
        source = f"{plain(tally['source_org'])} by {plain(tally['channel'])}"
        decided = quantity(tally["right"] + tally["wrong"], "reporter")
        yield (
            f"  decisions judge {decided} of {source}: "
            f"{tally['right']} were right (precision {tally['low']:.2f} to {tally['high']:.2f}); "
            f"each counts as {tally['weight']:.2f} in ranks"
        )
    if cluster["weakest_bridges"]:
        yield "Weakest links"
    for bridge in cluster["weakest_bridges"]:
        ends = f"{plain(bridge['entity_a'])} - {plain(bridge['entity_b'])}"
        yield f"  {ends}, weight {bridge['weight']:.2f}"
        if parts := _sides(bridge):
            yield f"    without this link the cluster falls into {parts}"


def _sides(cut: Row) -> str:
    """Returns the parts that a cluster falls into, each with its best known members."""
    return " and ".join(
        f"{side['size']} ({', '.join(plain(name) for name in side['best_known'])}"
        + (", ...)" if side["size"] > len(side["best_known"]) else ")")
        for side in cut["falls_into"]
    )


def cut_lines(cut: Row) -> Iterator[str]:
    """Yields the lines of a cut from `describe_cuts`, safe for a terminal."""
    least = "at least " if cut["at_least"] else ""
    people = f"{quantity(cut['reporters'], 'reporter')} {'is' if cut['reporters'] == 1 else 'are'}"
    yield f"Falls into two if {least}{people} wrong: {_sides(cut)}"
    for number, records in enumerate(cut["borne_by"][:BEARER_LIMIT], 1):
        yield f"  reporter {number}: {', '.join(plain(record) for record in records)}"
    if len(cut["borne_by"]) > BEARER_LIMIT:
        yield f"  and {len(cut['borne_by']) - BEARER_LIMIT} more; --json has all"
    if cut["thin"]:
        yield (
            "  a thin join: one person with several pseudonyms could have made it up. Referrals, "
            "STIX and MISP leave this cluster out until a confirm or a must_link made on this run "
            "vouches for the join"
        )


def _span(row: Row) -> str:
    return f"from {_moment(row['first_seen'])} to {_moment(row['last_seen'])}"


def _moment(written: str) -> str:
    return readable_time(datetime.fromisoformat(written).astimezone(UTC))
