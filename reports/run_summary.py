"""The counts of a whole run: records over time, by origin and place, accounting, shared entities.

It also says what offers brought to a joint run (`gather_joint`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, tables
from reports.disclosure_control import (
    core_ids,
    listed_brands,
    sum_shown_counts,
    suppress_small_counts,
)
from reports.member_mentions import MemberMentions
from reports.run import Run
from reports.tables import BoolArray, RunFolder, among, named, picked
from reports.text import most_first, recognize_region, region_atlas
from schemas.decision import members_digest
from schemas.entity import without_epoch
from schemas.enums import EntityKind, RecordKind, Role, Status
from schemas.field import AMOUNT, INTEGER, TEXT
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Counts
from schemas.tables import CALLS, COMPLAINTS, ENTITIES, MEMBERS, REJECTS, Table
from transforms.arrow import aggregate
from transforms.extract.impersonation import techniques_of
from transforms.values import people_counted

Row = dict[str, Any]

VICTIM_COUNTRY = "victim_country"

BAR_LIMIT = 400
"""Bars of a trend. A longer period shows its last days, and all of it by weeks."""

_FIELDS = (("source_org", "Organisations"), ("channel", "How it arrived"))

_BRAND = "brand"

_OTHER_BRAND = "other brand"

_IMPERSONATION = ((_BRAND, "Brands posed as"), ("lure", "Lures"))
"""Aspects of the impersonation that complaints state; one complaint can state several."""

_ORDER = (
    ("organisations", "descending"),
    ("complaints", "descending"),
    ("calls", "descending"),
    ("entity_id", "ascending"),
)

_LISTED = "entity_id kind status reason region orgs complaints calls first_seen last_seen".split()

LISTED_OFFERS = 200

_OF_PAIR = "contributor_a part_a contributor_b part_b shared_in_all"

_OF_OFFER = "contributor part members victims_known countries losses tlp expires_at"

_OF_OVERLAP = "organisation shared floor by counted_at"

SHARED_COLUMNS = tuple("id cluster tier robustness orgs".split())

_SEEN = "org complaints calls roles first_seen last_seen"


def record_trend(run: RunFolder, step: int = 1) -> Row:
    """Counts accepted records by UTC day of received_at and started_at, `step` days a bar.

    The last bar has the newest record. Records before the last `BAR_LIMIT` bars are only counted:
    a mistyped year must not flatten the rest.

    Returns:
        The first day of the first bar, complaints and calls of each bar, and the records before.
    """
    counted = {
        "complaints": _days(run, COMPLAINTS, "received_at"),
        "calls": _days(run, CALLS, "started_at"),
    }
    days = [day for counts in counted.values() for day in counts]
    trend: Row = {"step": step, "start": None, "complaints": [], "calls": [], "earlier": 0}
    if not days:
        return trend
    last = max(days)
    bars = min((last - min(days)).days // step + 1, BAR_LIMIT)
    start = last - timedelta(days=bars * step - 1)
    for name, counts in counted.items():
        trend[name] = [0] * bars
        for day, rows in counts.items():
            if day < start:
                trend["earlier"] += rows
            else:
                trend[name][(day - start).days // step] += rows
    return trend | {"start": start.isoformat()}


def _days(run: RunFolder, table: Table, column: str) -> Counter[date]:
    counts: Counter[date] = Counter()
    for batch in tables.table_batches(run, table, [column]):
        days = pc.cast(batch[column], pa.date32(), safe=False)
        for day in days.drop_null().value_counts().to_pylist():
            counts[day["values"]] += day["counts"]
    return counts


def _known_most_first(counts: Mapping[str | None, int]) -> list[tuple[str, int]]:
    return most_first({value: count for value, count in counts.items() if value})


BARE_LOSS = pc.field("loss_currency").is_null() & (
    pc.field("loss_amount") > pa.scalar(Decimal(0), AMOUNT)
)
"""Complaints that state a loss and no currency."""

PLACE_LIMIT = 200
"""Rows of a list of regions, carriers, trunks or institutions."""

_WRITTEN_OFTEN = 5
"""Least complaints with a region that the map does not know: a rarer text may be an address."""

_BANK_CODE = {"AT": 5, "BE": 3, "CH": 5, "DE": 8, "FR": 5, "PL": 8, "SE": 3}
"""Length of the bank's code in an IBAN after the check digits, for countries where it is not 4."""


def listed_entities(run: RunFolder, *, facts: bool = False) -> pa.Table:
    """Reads the columns of entities/ for lists, without entities of few reports or of victims.

    A copy that leaves needs their `facts`, which say what to leave out.
    """
    where = pc.field("status").isin([Status.INFRASTRUCTURE, Status.CONTESTED, Status.SUPPRESSED])
    return tables.read_table(run, ENTITIES, [*_LISTED, "facts"] if facts else _LISTED, where)


def places_and_flows(
    run: RunFolder, entities: pa.Table, suppress_below: int = 0, *, redact: bool = False
) -> dict[str, Any]:
    """Counts where victims are, and where numbers, calls and money lead, of `listed_entities`.

    Counts of complaints below `suppress_below`, and counts that would reveal them, are None.
    `redact` leaves out members that are not core, and regions, carriers and trunks, which are an
    organisation's own text.
    """
    by_country = _counts(run, COMPLAINTS, VICTIM_COUNTRY)
    countries = _known_most_first(by_country)
    shown = suppress_small_counts([count for _, count in countries], suppress_below)
    known = dict(zip((name for name, _ in countries), shown, strict=True))
    of_calls = ("carrier", "trunk")
    carriers, trunks = (
        [] if redact else _known_most_first(_counts(run, CALLS, call)) for call in of_calls
    )
    used = _infrastructure(entities, core_ids(run) if redact else None)
    regions = [] if redact else _regions(run, known, suppress_below)
    return {
        "countries": list(known.items()),
        "unknown": by_country.get(None, 0),
        "regions": [region for region in regions if _is_region(*region)][:PLACE_LIMIT],
        **map_regions(regions),
        "callbacks": _callback_countries(run, used),
        "carriers": carriers[:PLACE_LIMIT],
        "trunks": trunks[:PLACE_LIMIT],
        "losses": _losses_by_currency(run, suppress_below),
        "institutions": _institutions(used),
    }


def _regions(
    run: RunFolder, countries: Mapping[str, int | None], floor: int
) -> list[tuple[str, str, int | None]]:
    """Counts complaints by country and region as written, most first; no country is an empty text.

    Regions of a country whose own count is hidden are hidden too.
    """
    rows = tables.count_by(run, COMPLAINTS, [VICTIM_COUNTRY, "victim_region"]).to_pylist()
    by_country: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        by_country[row[VICTIM_COUNTRY] or ""].append((row["victim_region"] or "", row["rows"]))
    regions: list[tuple[str, str, int | None]] = []
    for country, counts in by_country.items():
        shown = suppress_small_counts([count for _, count in counts], floor)
        hidden = bool(country) and countries.get(country) is None
        named = zip(counts, shown, strict=True)
        regions += [
            (country, region, None if hidden else count) for (region, _), count in named if region
        ]
    return sorted(regions, key=lambda region: (-(region[2] or 0), region[0], region[1]))


def _is_region(country: str, region: str, count: int | None) -> bool:
    return bool(country and (recognize_region(country, region) or (count or 0) >= _WRITTEN_OFTEN))


def map_regions(rows: Iterable[tuple[str, str, int | None]]) -> dict[str, Any]:
    """Sums counts of regions as written, None where they are hidden, by the regions of the map.

    Returns:
        circles: country, code, name, place on the map, count, and False where more is hidden.
        unmapped: country, count, and the same flag, of regions that the map does not know.
        views: the drawn part of each country with circles: west, north, east, south on the map.
    """
    counts: defaultdict[tuple[str, str], list[int | None]] = defaultdict(list)
    for country, region, count in rows:
        counts[country, recognize_region(country, region) or ""].append(count)
    sums = [(*key, *sum_shown_counts(every)) for key, every in counts.items()]
    sums.sort(key=lambda row: (-(row[2] or 0), row[0], row[1]))
    known = {(region[0], region[1]): region for region in region_atlas()["regions"]}
    circles = [[*known[row[:2]], *row[2:]] for row in sums if row[1]]
    return {
        "circles": circles,
        "unmapped": [[row[0], *row[2:]] for row in sums if not row[1]],
        "views": {circle[0]: region_atlas()["views"][circle[0]] for circle in circles},
    }


def _infrastructure(entities: pa.Table, kept: pa.Array | None) -> pa.Table:
    """Returns the numbers, accounts and wallets that suspects use."""
    where = pc.field("kind").isin([EntityKind.PHONE, EntityKind.ACCOUNT, EntityKind.WALLET])
    where &= pc.field("status") == Status.INFRASTRUCTURE
    if kept is not None:
        where &= pc.field("entity_id").isin(kept)
    return entities.filter(where)


def _callback_countries(run: RunFolder, used: pa.Table) -> list[tuple[str, int, int]]:
    """Counts callback numbers, and complaints that name them, by the country of the number."""
    where = pc.field("role") == Role.CALLBACK
    callbacks = tables.read_table(run, MEMBERS, ["entity_id"], where)["entity_id"]
    phones = pc.and_(
        pc.equal(used["kind"], EntityKind.PHONE), pc.is_in(used["entity_id"], callbacks)
    )
    rows = used.filter(phones).select(["region", "complaints"])
    sums = rows.group_by("region", use_threads=False).aggregate(
        [("complaints", "sum"), ([], "count_all")]
    )
    countries = [
        (row["region"] or "", row["count_all"], row["complaints_sum"]) for row in sums.to_pylist()
    ]
    return sorted(countries, key=lambda row: -row[1])


def _institutions(used: pa.Table) -> list[tuple[str, str, int, int]]:
    """Counts accounts, and complaints that name them, by institution and its country."""
    accounts: Counter[tuple[str, str]] = Counter()
    complaints: Counter[tuple[str, str]] = Counter()
    for kind in (EntityKind.ACCOUNT, EntityKind.WALLET):
        rows = used.filter(pc.equal(used["kind"], kind))
        both = (rows[name].to_pylist() for name in ("entity_id", "complaints"))
        for entity_id, count in zip(*both, strict=True):
            held_at = institution_of(without_epoch(entity_id))
            accounts[held_at] += 1
            complaints[held_at] += count
    order = sorted(
        accounts.items(), key=lambda institution: (-complaints[institution[0]], institution[0])
    )
    return [(*name, count, complaints[name]) for name, count in order[:PLACE_LIMIT]]


def institution_of(entity_id: str) -> tuple[str, str]:
    """Returns the institution of an account by the code in it, and its country where that is known.

    The institution is a code, not a name: registers disagree, and a wrong name accuses a bank.
    """
    kind, scheme, value = [*entity_id.split(":", 2), ""][:3]
    if kind == EntityKind.WALLET:
        return f"{scheme.upper()} wallet", ""
    match scheme:
        case "iban":
            country = value[:2]
            start = 5 if country == "IT" else 4
            size = 5 if country == "IT" else _BANK_CODE.get(country, 4)
            return f"Bank code {value[start : start + size]}", country
        case "us":
            return f"ABA routing number {value.partition(':')[0]}", "US"
        case "uk":
            return f"Sort code {value.partition(':')[0]}", "GB"
        case "ifsc":
            return f"IFSC {value[:4]}", "IN"
        case "upi":
            return f"UPI @{value.rpartition('@')[2]}", "IN"
    return f"Payment service {scheme}", ""


def _losses_by_currency(run: RunFolder, floor: int) -> list[tuple[str, str | None, int | None]]:
    """Sums stated losses by currency, most complaints first; those without one come last."""
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    counts: Counter[str] = Counter()
    stated = BARE_LOSS | (pc.field("loss_amount").is_valid() & pc.field("loss_currency").is_valid())
    for batch in tables.table_batches(run, COMPLAINTS, ["loss_currency", "loss_amount"], stated):
        grouped = pa.Table.from_batches([batch]).group_by("loss_currency")
        summed = grouped.aggregate([("loss_amount", "sum"), ([], "count_all")])
        for total in summed.to_pylist():
            amounts[total["loss_currency"] or ""] += total["loss_amount_sum"]
            counts[total["loss_currency"] or ""] += total["count_all"]
    order = sorted(counts.most_common(), key=lambda counted: not counted[0])
    shown = suppress_small_counts([count for _, count in order], floor)
    return [
        (name, None if count is None else f"{amounts[name]:.2f}" if name else "", count)
        for (name, _), count in zip(order, shown, strict=True)
    ]


def complaint_breakdowns(run: RunFolder, limit: int, *, redact: bool = False) -> list[Row]:
    """Counts complaints by organisation, channel, brand and lure, `limit` values of each.

    The other values are summed up; `notes` has other names of values. `redact` joins brands that
    are not on the shipped list: such a name is text of a complaint.
    """
    stated = _impersonation_counts(run)
    if redact:
        stated[_BRAND] = _other_brands_as_one(stated[_BRAND])
    by_field = [
        _breakdown(title, _counts(run, COMPLAINTS, column), limit) for column, title in _FIELDS
    ]
    brands, lures = (_breakdown(title, stated[kind], limit) for kind, title in _IMPERSONATION)
    lures["notes"] = {
        name: ", ".join(f"{technique.id} {technique.name}" for technique in techniques)
        for name, _ in lures["rows"]
        if (techniques := techniques_of("lure", name))
    }
    return [*by_field, brands, lures]


def _counts(run: RunFolder, table: Table, column: str) -> dict[str | None, int]:
    rows = tables.count_by(run, table, [column]).to_pylist()
    return {row[column]: row["rows"] for row in rows}


def _breakdown(title: str, counts: Mapping[str | None, int], limit: int) -> Row:
    known = _known_most_first(counts)
    return {
        "title": title,
        "rows": known[:limit],
        "others": sum(count for _, count in known[limit:]),
        "unknown": sum(count for value, count in counts.items() if not value),
        "notes": {},
    }


def _other_brands_as_one(counts: Mapping[str | None, int]) -> Counter[str | None]:
    merged: Counter[str | None] = Counter()
    for name, count in counts.items():
        merged[name if name is None or listed_brands([name]) else _OTHER_BRAND] += count
    return merged


def _impersonation_counts(run: RunFolder) -> dict[str, Counter[str | None]]:
    """Counts complaints by what they state of the impersonation, each name once a complaint."""
    counts: dict[str, Counter[str | None]] = {kind: Counter() for kind, _ in _IMPERSONATION}
    for batch in tables.table_batches(run, COMPLAINTS, ["impersonation"]):
        stated = batch["impersonation"]
        kind, name = (pc.struct_field(pc.list_flatten(stated), part) for part in ("what", "name"))
        columns = {"row": pc.list_parent_indices(stated), "kind": kind, "name": name}
        once = aggregate(pa.table(columns), list(columns))
        named = once.filter(pc.is_in(once["kind"], pa.array(list(counts))))
        for row in named.group_by(["kind", "name"]).aggregate([([], "count_all")]).to_pylist():
            counts[row["kind"]][row["name"]] += row["count_all"]
    return counts


def check_accounting(run: Run) -> list[Row]:
    """Checks the manifest's counts against each other and against the tables.

    Returns:
        For each kind of records its counts, and the problems: sums that do not add up.
    """
    counts = run.manifest["counts"]
    return [
        _account(run, RecordKind.COMPLAINT, COMPLAINTS, counts["complaints"]),
        _account(run, RecordKind.CALL, CALLS, counts["calls"]),
    ]


def _account(run: RunFolder, kind: RecordKind, table: Table, counts: Counts) -> Row:
    problems = []
    accounted = counts["accepted"] + counts["duplicates"] + counts["rejected"]
    if counts["read"] != accounted + counts.get("erased", 0):
        problems.append("read is not accepted + duplicates + rejected + erased")
    if (rows := tables.count_rows(run, table)) != counts["accepted"]:
        problems.append(f"{table.name}/ contains {rows} rows")
    if (rows := tables.count_rows(run, REJECTS, pc.field("record_kind") == kind)) != counts[
        "rejected"
    ]:
        problems.append(f"rejects/ contains {rows} rows")
    return {"kind": table.name, "counts": dict(counts), "problems": problems}


def rejects_by_code(run: RunFolder, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Counts rejects by kind, stage, code and field, most first; and the groups past `limit`."""
    by = ("record_kind", "stage", "code", "field")
    counted = tables.count_by(run, REJECTS, by)
    order = [("rows", "descending"), *((name, "ascending") for name in by)]
    groups = counted.sort_by(order).to_pylist()
    return groups[:limit], max(len(groups) - limit, 0)


def entities_by_kind(run: RunFolder) -> list[Row]:
    """Counts entities by kind, and in the order of `Status`, for the kinds that occur."""
    counted = tables.count_by(run, ENTITIES, ("kind", "status")).to_pylist()
    rows = {(row["kind"], row["status"]): row["rows"] for row in counted}
    counts = {kind: [rows.get((kind, status), 0) for status in Status] for kind in EntityKind}
    return [
        {"kind": kind, "by_status": by_status}
        for kind, by_status in counts.items()
        if any(by_status)
    ]


def shared_ids(
    run: RunFolder, entities: pa.Table, limit: int, *, core_only: bool = False
) -> tuple[list[str], int]:
    """Returns infrastructure that several organisations saw, most organisations first, and a total.

    No organisation can find these alone: each sees only its own victims. `core_only` names core
    members alone; the total still counts all. `entities` are as of `listed_entities`.
    """
    counts = pc.list_value_length(entities["orgs"]).cast(INTEGER)
    used = pc.equal(entities["status"], Status.INFRASTRUCTURE)
    shared = entities.append_column("organisations", counts)
    shared = shared.filter(pc.and_(used, pc.greater(counts, 1)))
    shown = shared.filter(pc.is_in(shared["entity_id"], core_ids(run))) if core_only else shared
    return shown.sort_by(list(_ORDER))["entity_id"][:limit].to_pylist(), shared.num_rows


def shared_entities(
    run: RunFolder, ids: Sequence[str], by_org: Mapping[str, list[Row]]
) -> list[list[Any]]:
    """Returns rows of `SHARED_COLUMNS` on entities that several organisations saw.

    Args:
        run: the run.
        ids: of `shared_ids`.
        by_org: the records of each, as of `records_by_org`.
    """
    columns = ["entity_id", "cluster_id", "tier", "robustness"]
    members = tables.read_table(run, MEMBERS, columns, among("entity_id", ids))
    known = {
        entity_id: place for entity_id, *place in zip(*members.to_pydict().values(), strict=True)
    }
    nowhere = [None] * 3
    return [
        [
            entity_id,
            *known.get(entity_id, nowhere),
            [picked(records, _SEEN) for records in by_org.get(entity_id, [])],
        ]
        for entity_id in ids
    ]


def records_by_org(mentions: MemberMentions, wanted: BoolArray) -> dict[int, list[Row]]:
    """Returns how many records name each of the wanted members, by organisation.

    A record that names a member at several places counts once. Offers count people instead.
    """
    rows, order = mentions.rows, [("member", "ascending"), ("org", "ascending")]
    people = np.where(mentions.begins_record, people_counted(rows), 0)
    filed = np.asarray(pc.equal(rows["record_kind"], RecordKind.COMPLAINT), np.bool_)
    every = pa.table(
        {
            "member": mentions.member,
            "org": rows["source_org"].cast(TEXT),
            "complaints": np.where(filed, people, 0),
            "calls": np.where(filed, 0, people),
            "roles": mentions.roles,
            "first_seen": rows["observed_at"],
            "last_seen": rows["observed_at"],
        }
    )
    sums = [("complaints", "sum"), ("calls", "sum"), ("roles", "distinct")]
    sums += [("first_seen", "min"), ("last_seen", "max")]
    chosen = every.filter(pa.array(wanted[mentions.member]))
    by_org: dict[int, list[Row]] = defaultdict(list)
    for row in aggregate(chosen, ["member", "org"], sums).sort_by(order).to_pylist():
        by_org[row.pop("member")].append(row | {"roles": sorted(row["roles"])})
    return by_org


@dataclass(frozen=True)
class Joint:
    """The offers in a run, those that were left out, and what they brought to each cluster.

    The part of a cluster has members with their contributors (`saw`), links that only the union
    reveals, pairs of clusters that are the same (`shared`), offered clusters, and counts of shared
    victims about exactly its members (`overlaps`). `both` counts victims known to be counted twice,
    `several` members with more than one contributor.
    """

    offers: list[Row]
    left_out: list[Row]
    parts: dict[str, Row]


def gather_joint(run: Run, *, core_only: bool = False) -> Joint | None:
    """Reads what offers brought to a run; None if it was never joined with any.

    `core_only` leaves out rows that name other than core members, for a reader outside.
    """
    options: Any = run.manifest["options"]
    if "offers" not in options:
        return None
    offers, left_out = list(options["offers"]), list(options.get("offers_left_out") or [])
    kept = set(disclosure_control.core_ids(run).to_pylist()) if core_only else None
    return Joint(offers, left_out, _joint_parts(run, options, kept) if offers else {})


def _joint_parts(run: Run, options: Any, kept: set[str] | None) -> dict[str, Row]:
    links = [
        row
        for row in tables.read_table(run, UNION_LINKS).to_pylist()
        if kept is None or row["kind"] != "link" or {row["entity_a"], row["entity_b"]} <= kept
    ]
    union = _by(links, "cluster_id")
    offered: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables.read_table(run, OFFERED_CLUSTERS).to_pylist():
        for cluster_id in row["cluster_ids"]:
            offered[cluster_id].append(row)
    parts = {}
    for cluster_id, rows in _by(
        tables.read_table(run, CONTRIBUTORS).to_pylist(), "cluster_id"
    ).items():
        saw = sorted(_by(rows, "entity_id").items())
        saw = [(entity_id, seen) for entity_id, seen in saw if kept is None or entity_id in kept]
        of_kind = _by(union[cluster_id], "kind")
        overlaps = _overlaps(options.get("overlaps") or [], cluster_id, rows)
        parts[cluster_id] = {
            "saw": [
                [entity_id, [picked(row, "contributor part confidence") for row in seen]]
                for entity_id, seen in saw
            ],
            "links": [picked(link, "entity_a entity_b") for link in of_kind["link"]],
            "shared": [named(pair, _OF_PAIR) for pair in of_kind["shared"]],
            "offered": [named(offer, _OF_OFFER) for offer in offered[cluster_id][:LISTED_OFFERS]],
            "overlaps": [named(overlap, _OF_OVERLAP) for overlap in overlaps],
            "both": sum(overlap["shared"] or 0 for overlap in overlaps),
            "several": sum(len(seen) > 1 for _, seen in saw),
        }
    return parts


def _overlaps(counts: list[Row], cluster_id: str, members: list[Row]) -> list[Row]:
    here = members_digest({row["entity_id"] for row in members})
    return [
        count for count in counts if (count["cluster_id"], count["members"]) == (cluster_id, here)
    ]


def _by(rows: Iterable[Row], name: str) -> defaultdict[str, list[Row]]:
    """Groups rows by a column."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    return groups
