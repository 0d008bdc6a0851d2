"""The records of clusters added up before they travel, and what they add up to for each cluster.

However many calls a cluster has, what its owner brings together is a row for each organisation and
share of the records, with the hash of each victim once; a complaint keeps a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.field import AMOUNT, TIMESTAMP
from schemas.kinds import RecordKind
from transforms.shuffle import hash_text

CLUSTER_TOTAL = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("brand", pa.string()),
        ("records", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("victims", pa.list_(pa.int64())),
        ("victim_country", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
    ]
)
"""A complaint that names a member of a cluster, or all calls of one share of the records that do.

`victims` are hashes, each once. Calls say nothing of the last three.
"""

_CALLS_KEY = ["cluster_id", "record_kind", "source_org", "brand"]
_EXACT = pa.decimal256(76, AMOUNT.scale)
"""Holds the sum of any number of losses to the last decimal."""


def add_up(records: pa.Table) -> pa.Table:
    """CLUSTER_RECORD rows, each record once, to CLUSTER_TOTAL rows."""
    victim = pa.array(hash_text(records["victim_key"]), mask=~_valid(records["victim_key"]))
    rows = records.append_column("victim", victim)
    complaint = pc.equal(rows["record_kind"], RecordKind.COMPLAINT)
    calls = rows.filter(pc.invert(complaint)).group_by(_CALLS_KEY, use_threads=False)
    added = calls.aggregate(
        [
            ([], "count_all"),
            ("observed_at", "min"),
            ("observed_at", "max"),
            ("victim", "distinct", pc.CountOptions(mode="only_valid")),
        ]
    )
    parts = [_complaints(rows.filter(complaint))]
    if added.num_rows:
        named = {name: added[name] for name in _CALLS_KEY}
        named |= {
            "records": added["count_all"],
            "first_seen": added["observed_at_min"],
            "last_seen": added["observed_at_max"],
            "victims": added["victim_distinct"],
        }
        for name in ("victim_country", "loss_amount", "loss_currency"):
            named[name] = pa.nulls(added.num_rows, CLUSTER_TOTAL.field(name).type)
        parts.append(pa.table(named).select(CLUSTER_TOTAL.names).cast(CLUSTER_TOTAL))
    return pa.concat_tables(parts)


def _valid(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return pc.is_valid(column).to_numpy()


def _complaints(rows: pa.Table) -> pa.Table:
    victim = rows["victim"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(victim.is_valid().to_numpy(zero_copy_only=False))])
    columns = {name: rows[name] for name in CLUSTER_TOTAL.names if name in rows.column_names}
    columns |= {
        "records": np.ones(rows.num_rows, np.int64),
        "first_seen": rows["observed_at"],
        "last_seen": rows["observed_at"],
        "victims": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), victim.drop_null()),
    }
    return pa.table(columns, schema=CLUSTER_TOTAL)


@dataclass
class Facts:
    """What the records of one cluster add up to.

    `countries` counts complaints, `brands` all records; `losses` has by currency the sum and how
    many state it. `complained` are the moments of complaints, microseconds since 1970, in no order.
    """

    first_seen: datetime
    last_seen: datetime
    orgs: list[str]
    complaints: int = 0
    calls: int = 0
    victims: int = 0
    countries: dict[str, int] = field(default_factory=dict)
    brands: dict[str, int] = field(default_factory=dict)
    losses: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    complained: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def facts(totals: pa.Table) -> Mapping[str, Facts]:
    """CLUSTER_TOTAL rows of whole clusters to the facts of each."""
    if not totals.num_rows:
        return {}
    by_cluster = totals.group_by("cluster_id", use_threads=False)
    spans = by_cluster.aggregate(
        [("first_seen", "min"), ("last_seen", "max"), ("source_org", "distinct")]
    )
    found = {
        one["cluster_id"]: Facts(
            one["first_seen_min"], one["last_seen_max"], sorted(one["source_org_distinct"])
        )
        for one in spans.to_pylist()
    }
    complaints = totals.filter(pc.equal(totals["record_kind"], RecordKind.COMPLAINT))
    calls = totals.filter(pc.not_equal(totals["record_kind"], RecordKind.COMPLAINT))
    for cluster, _, count in _counted(complaints, "record_kind"):
        found[cluster].complaints = count
    for cluster, _, count in _counted(calls, "record_kind"):
        found[cluster].calls += count
    for cluster, country, count in _counted(complaints, "victim_country"):
        found[cluster].countries[country] = count
    for cluster, brand, count in _counted(totals, "brand"):
        found[cluster].brands[brand] = count
    for cluster, count in _victims(totals):
        found[cluster].victims = count
    for cluster, currency, amount, count in _losses(complaints):
        found[cluster].losses[currency] = amount, count
    for cluster, moments in _moments(complaints):
        found[cluster].complained = moments
    return found


def _counted(totals: pa.Table, name: str) -> list[tuple[str, str, int]]:
    """(cluster, value, records) of each value of a column that is not null."""
    rows = totals.select(["cluster_id", name, "records"]).filter(pc.is_valid(totals[name]))
    added = rows.group_by(["cluster_id", name], use_threads=False).aggregate([("records", "sum")])
    return _rows(added, "cluster_id", name, "records_sum")


def _rows(table: pa.Table, *names: str) -> list[Any]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _victims(totals: pa.Table) -> list[tuple[str, int]]:
    lists = totals["victims"].combine_chunks()
    cluster = totals["cluster_id"].combine_chunks().dictionary_encode()
    of = cluster.indices.take(lists.value_parent_indices())
    each = pa.table({"cluster": of, "victim": lists.flatten()})
    counted = each.group_by("cluster", use_threads=False).aggregate([("victim", "count_distinct")])
    names = cluster.dictionary.take(counted["cluster"].combine_chunks()).to_pylist()
    return list(zip(names, counted["victim_count_distinct"].to_pylist(), strict=True))


def _losses(complaints: pa.Table) -> list[tuple[str, str, Decimal, int]]:
    currency = complaints["loss_currency"]
    stated = pc.and_(
        pc.is_valid(complaints["loss_amount"]), pc.fill_null(pc.not_equal(currency, ""), False)
    )
    rows = complaints.select(["cluster_id", "loss_currency", "loss_amount"]).filter(stated)
    rows = rows.set_column(2, "loss_amount", rows["loss_amount"].cast(_EXACT))
    added = rows.group_by(["cluster_id", "loss_currency"], use_threads=False).aggregate(
        [("loss_amount", "sum"), ("loss_amount", "count")]
    )
    names = ("cluster_id", "loss_currency", "loss_amount_sum", "loss_amount_count")
    return _rows(added, *names)


def _moments(complaints: pa.Table) -> list[tuple[str, NDArray[np.int64]]]:
    cluster = complaints["cluster_id"].combine_chunks().dictionary_encode()
    of = cluster.indices.to_numpy()
    order = np.argsort(of, kind="stable")
    moments = complaints["first_seen"].cast(pa.int64()).to_numpy()[order]
    starts = np.searchsorted(of[order], np.arange(len(cluster.dictionary) + 1))
    pieces = [moments[start:end] for start, end in pairwise(starts)]
    return list(zip(cluster.dictionary.to_pylist(), pieces, strict=True))
