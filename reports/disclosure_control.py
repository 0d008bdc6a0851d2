"""Disclosure control: leaves out of a copy for a reader outside what could point at a person.

It leaves out members that too few people reported (`is_core`), analysts' words, quotations of
records, free text of complaints, and small counts of victims. It counts what it leaves out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import ClusterFacts
from reports.tables import BoolArray, RunFolder
from schemas.cluster import ClusterFlag
from schemas.enums import Review, Status, Tier
from schemas.facts import (
    EARLIER_VERSION,
    KNOWN_LEGITIMATE,
    LEFT_OUT,
    OF_ANALYSTS,
    Facts,
    facts_of,
    have_facts,
    reason_of,
    reasons_and_facts,
    without_analysts,
)
from schemas.manifest import Alarm
from schemas.tables import CLUSTERS, ENTITIES, MEMBERS, SUPPLIERS
from transforms.custody import OTHER_FIELDS, UNKNOWN_FIELDS
from transforms.extract.impersonation import OTHER, canonical_brand
from transforms.extract.kinds.registry import BY_KIND

Row = dict[str, Any]

NOT_LEAVING = (*OF_ANALYSTS, EARLIER_VERSION)
"""Facts whose words do not leave: an author is a person, and a reason may quote a record."""

_OF_DECISIONS = "decisions_contradict"

SUPPRESS_BELOW = 5
"""Smallest count of victims, apart from 0, that a reader outside sees.

Eurostat and UK ONS use thresholds from 3 to 10.
"""


SUPPLIER_PEOPLE = 2
"""Least people whose records name a supplier that leaves: a single call may be anybody's."""

CORE = pc.field("tier") == Tier.CORE
"""Chooses the rows of members/ that may leave by value."""

REVIEWED_CORE = CORE & (pc.field("review") == Review.REVIEWED)
"""Chooses the core members that an analyst's decision covers."""


def is_core(member: Mapping[str, Any]) -> bool:
    """Returns True for a member that may leave by value, given its row of members/."""
    return member["tier"] == Tier.CORE and member.get("status") in (None, Status.INFRASTRUCTURE)


def may_leave(members: pa.Table) -> BoolArray:
    """Tells which rows of members/ may leave by value, as `is_core` does."""
    core = pc.equal(members["tier"], Tier.CORE)
    used = pc.fill_null(pc.equal(members["status"], Status.INFRASTRUCTURE), fill_value=True)
    return np.asarray(pc.and_(core, used), np.bool_)


def is_reviewed_core(member: Mapping[str, Any]) -> bool:
    """Returns True for a core member that an analyst's decision covers."""
    return is_core(member) and member["review"] == Review.REVIEWED


def is_thin(cluster: Mapping[str, Any]) -> bool:
    """Returns True for a row of clusters/ with a join that few report and no analyst confirmed.

    Files of reviewed members alone leave such a cluster out.
    """
    return ClusterFlag.THIN in (cluster.get("flags") or ())


def thin_clusters(run: RunFolder) -> pa.Array:
    """Returns the ids of the clusters of a run that are thin."""
    return pa.array(list(thin_sides(run)), pa.string())


def thin_sides(run: RunFolder) -> dict[str, list[str]]:
    """Returns the members on one side of the thin join of each thin cluster, by cluster id."""
    rows = tables.read_table(run, CLUSTERS, ["cluster_id", "flags", "thin_side"]).to_pylist()
    return {row["cluster_id"]: row["thin_side"] for row in rows if is_thin(row)}


def keep_members(whole: ClusterFacts, kept: Collection[str]) -> ClusterFacts:
    """Returns a cluster with the members in `kept` by value, the others as a count (`left_out`).

    Links to other clusters lose their other end. The name is that of a kept member. Only brands of
    the shipped list stay, since any other brand is text of a complaint.
    """
    members = [member for member in whole.members if member["entity_id"] in kept]
    ids = {member["entity_id"] for member in members}
    left_out = whole.left_out + len(whole.members) - len(members)
    brands = listed_brands(whole.row["brands"])
    row = whole.row | {
        "brands": brands,
        "name": _name(whole.row, members, brands),
        "size": len(members),
        "weakest_bridges": [
            bridge for bridge in whole.row["weakest_bridges"] or [] if _has_both_ends(bridge, ids)
        ],
        **{
            name: [entity_id for entity_id in whole.row.get(name) or [] if entity_id in ids]
            for name in ("weakest_side", "thin_side")
        },
    }
    return replace(
        whole,
        row=row,
        members=members,
        inside=[link for link in whole.inside if _has_both_ends(link, ids)],
        near=[_without_other_end(link) for link in whole.near if link["here"] in ids],
        soft=[link for link in whole.soft if link["here"] in ids],
        left_out=left_out,
    )


def core_ids(run: RunFolder) -> pa.Array:
    """Returns the ids of all core members of a run."""
    return tables.read_table(run, MEMBERS, ["entity_id"], CORE)["entity_id"].combine_chunks()


def core_names(run: RunFolder) -> dict[str, str]:
    """Returns the name of each cluster as `keep_members` gives it to its core members."""
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], CORE)
    cluster_of = dict(zip(*(column.to_pylist() for column in members.columns), strict=True))
    wanted = pc.field("entity_id").isin(members["entity_id"].combine_chunks())
    columns = ["entity_id", "value", "complaints", "first_seen"]
    kept: dict[str, list[Row]] = defaultdict(list)
    for row in tables.read_table(run, ENTITIES, columns, wanted).to_pylist():
        kept[cluster_of[row["entity_id"]]].append(row)
    clusters = tables.read_table(run, CLUSTERS, ["cluster_id", "brands"]).to_pylist()
    return {
        row["cluster_id"]: _name(row, kept[row["cluster_id"]], listed_brands(row["brands"]))
        for row in clusters
    }


def _has_both_ends(link: Row, ids: Collection[str]) -> bool:
    return link["entity_a"] in ids and link["entity_b"] in ids


def _without_other_end(link: Row) -> Row:
    """Returns a link to another cluster with its other end replaced by its kind of identifier."""
    if "there_kind" in link:
        return link  # left out already
    there, kind = hide_other_end(link["there"]), link["there"].partition(":")[0]
    return link | {"there": there, "there_kind": kind, "entity_a": link["here"], "entity_b": there}


def hide_other_end(entity_id: str) -> str:
    """Returns the kind of an identifier of another cluster, for a copy that must not name it."""
    row = BY_KIND.get(entity_id.partition(":")[0])
    return entity_id if row is None else f"{row.noun} of another cluster, left out"


def listed_brands(brands: Sequence[str] | None) -> list[str]:
    """Returns the brands that the shipped lists know; older runs have others, too."""
    names = {brand: brand.lower().replace(" ", "_") for brand in brands or []}
    return [brand for brand, name in names.items() if canonical_brand(name) == name != OTHER]


def _seniority(member: Row) -> tuple[int, datetime, str]:
    return -member["complaints"], member["first_seen"], member["entity_id"]


def _name(cluster: Row, members: Sequence[Row], brands: Sequence[str]) -> str:
    """Names a cluster as clusters/ does; a cluster without members is named by its id."""
    if not members:
        return f"cluster {cluster['cluster_id']}"
    best = min(members, key=_seniority)["value"]
    return f"{best} ({brands[0]})" if brands else str(best)


def redact_reasons(rows: pa.Table) -> pa.ChunkedArray:
    """Returns the reasons of rows of entities/ or links/ without what analysts wrote."""
    hidden = have_facts(rows["facts"], NOT_LEAVING)
    left = [redact_facts(value) for value in rows["facts"].filter(hidden).to_pylist()]
    reasons = rows["reason"].combine_chunks()
    return pc.replace_with_mask(reasons, hidden, reasons_and_facts(left)[0])


def redact_fact_reasons(whole: ClusterFacts) -> ClusterFacts:
    """Returns a cluster without what analysts wrote, which may name a victim."""
    return replace(
        whole,
        members=_redact_rows(whole.members),
        inside=_redact_rows(whole.inside),
        near=_redact_rows(whole.near),
        soft=_redact_rows(whole.soft),
    )


def keep_core(whole: ClusterFacts) -> ClusterFacts:
    """Returns a cluster with its core members by value, without what analysts wrote."""
    core = {member["entity_id"] for member in whole.members if is_core(member)}
    return redact_fact_reasons(keep_members(whole, core))


def keep_leaving(whole: ClusterFacts) -> ClusterFacts:
    """Returns a cluster with its reviewed core members by value; a thin cluster keeps none."""
    reviewed = {member["entity_id"] for member in whole.members if is_reviewed_core(member)}
    return keep_members(whole, set() if is_thin(whole.row) else reviewed)


def redact_facts(value: Sequence[Mapping[str, Any]]) -> Facts:
    """Returns facts from a value of their column, without the words of analysts."""
    return without_analysts(facts_of(value))


def _redact_rows(rows: Iterable[Row]) -> list[Row]:
    return [
        row | {"reason": reason_of(redact_facts(row["facts"]))}
        if any(fact["code"] in NOT_LEAVING for fact in row["facts"])
        else row
        for row in rows
    ]


def redact_alarms(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Returns alarms without the names of decisions."""
    left_out = Alarm(code=_OF_DECISIONS, message=LEFT_OUT)
    return [left_out if alarm["code"] == _OF_DECISIONS else alarm for alarm in alarms]


def redact_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's options with the digests of its files, without their names."""
    return {name: _without_names(value) for name, value in options.items()}


def _without_names(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_names(part) for part in value]
    if isinstance(value, dict) and "sha256" in value:
        return {key: part for key, part in value.items() if key != "name"}
    return value


def redact_counters(counters: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Returns counts by name, with all fields outside the contract as one count.

    Their names come from the input: a file with people as its keys would show a person's name.
    """
    return {
        group: {OTHER_FIELDS: sum(counts.values())} if group.endswith(UNKNOWN_FIELDS) else counts
        for group, counts in counters.items()
    }


def suppliers_shown(run: RunFolder, *, redact: bool) -> pc.Expression:
    """Chooses the rows of suppliers/; a redacted copy has only suppliers that two people name."""
    if not redact:
        return pc.scalar(True)
    suppliers = tables.read_table(run, SUPPLIERS, ["entity_id"])["entity_id"].unique()
    where = pc.field("entity_id").isin(suppliers) & (pc.field("victims") >= SUPPLIER_PEOPLE)
    known = tables.read_table(run, ENTITIES, ["entity_id"], where)["entity_id"]
    return pc.field("entity_id").isin(known.combine_chunks())


def suppress_small_counts(counts: Sequence[int], floor: int) -> list[int | None]:
    """Returns counts of exclusive groups, None for those that stay hidden.

    Counts from 1 to below `floor` are hidden. A single hidden count could be computed from the sum
    of all, so the next larger count is then hidden too (secondary suppression: Willenborg and
    de Waal, Elements of Statistical Disclosure Control, 2001).
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < floor}
    if len(hidden) == 1:
        others = [place for place, count in enumerate(counts) if place not in hidden and count]
        hidden |= {min(others, key=lambda place: (counts[place], place))} if others else set()
    return [None if place in hidden else count for place, count in enumerate(counts)]


def sum_shown_counts(counts: Iterable[int | None]) -> tuple[int | None, bool]:
    """Returns the sum of the shown counts, None without any, and whether all counts are shown.

    Hidden counts are not in the sum, so it says nothing about them.
    """
    every = list(counts)
    shown = [count for count in every if count is not None]
    return (sum(shown) if shown else None), len(shown) == len(every)


def suppressed_shown(entities: pa.Table, *, redact: bool) -> pa.Table:
    """Returns suppressed entities; a redacted copy has those of lists, and none of decisions."""
    rows = entities.filter(pc.field("status") == Status.SUPPRESSED)
    if not redact:
        return rows
    hidden = have_facts(rows["facts"], NOT_LEAVING)
    return rows.filter(pc.and_not(have_facts(rows["facts"], KNOWN_LEGITIMATE), hidden))
