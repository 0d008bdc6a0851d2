"""The facts of each cluster: its records added up, and those that rank it.

The records of clusters are added up before they travel: however many calls a cluster has, what its
owner brings together is a row for each organisation and partition of the records, with the hash of
each reporter once; a complaint keeps a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.enums import RecordKind
from schemas.field import AMOUNT, TIMESTAMP
from transforms.arrow_util import group_offsets, group_starts, table_of_columns
from transforms.graph.link_weights import reporter_hashes

Row = Mapping[str, Any]

CLUSTER_TOTAL = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("brand", pa.string()),
        ("records", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("reporters", pa.list_(pa.int64())),
        ("victim_country", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
    ]
)
"""A complaint that names a member of a cluster, or all calls of one share of the records that do.

`reporters` are hashes, each once, odd where a pseudonym names a person. The last three are null for
calls.
"""

_CALLS_KEY = ["cluster_id", "record_kind", "source_org", "brand"]

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_LOSS_KEY = ["cluster_id", "loss_currency"]

_CORROBORATED = 2
"""Reporters of an organisation that counts in a cluster's rank."""

_EXACT_SUM = pa.decimal256(76, AMOUNT.scale)
"""A type that holds the sum of any number of losses to the last decimal."""


@dataclass
class ClusterFacts:
    """The records of one cluster added up.

    `countries` counts complaints, `brands` reporters; `losses` has by currency the sum and how
    many state it. `complaint_times` are those of each reporter's first complaint, in microseconds
    since 1970, in no order. `ranked_by` has the losses, orgs and last_seen by which it is ranked:
    no reporter alone moves them far.
    """

    first_seen: datetime
    last_seen: datetime
    orgs: list[str]
    complaints: int = 0
    calls: int = 0
    victims: int = 0
    reporters: int = 0
    countries: dict[str, int] = field(default_factory=dict)
    brands: dict[str, int] = field(default_factory=dict)
    losses: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    complaint_times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    ranked_by: dict[str, Any] = field(default_factory=dict)


def sum_cluster_records(records: pa.Table) -> pa.Table:
    """Converts CLUSTER_RECORD rows, each record once, to CLUSTER_TOTAL rows."""
    keys = records["reporter_key"].combine_chunks()
    reporter = pa.array(
        reporter_hashes(pc.fill_null(keys, "")), mask=pc.is_null(keys).to_numpy(False)
    )
    rows = records.append_column("reporter", reporter)
    complaint = pc.equal(rows["record_kind"], RecordKind.COMPLAINT)
    calls = rows.filter(pc.invert(complaint)).group_by(_CALLS_KEY, use_threads=False)
    added = calls.aggregate(
        [
            ([], "count_all"),
            ("observed_at", "min"),
            ("observed_at", "max"),
            ("reporter", "distinct", pc.CountOptions(mode="only_valid")),
        ]
    )
    parts = [_complaint_totals(rows.filter(complaint))]
    if added.num_rows:
        named = {name: added[name] for name in _CALLS_KEY}
        named |= {
            "records": added["count_all"],
            "first_seen": added["observed_at_min"],
            "last_seen": added["observed_at_max"],
            "reporters": added["reporter_distinct"],
        }
        for name in ("victim_country", "loss_amount", "loss_currency"):
            named[name] = pa.nulls(added.num_rows, CLUSTER_TOTAL.field(name).type)
        parts.append(pa.table(named).select(CLUSTER_TOTAL.names).cast(CLUSTER_TOTAL))
    return pa.concat_tables(parts)


def cluster_facts(totals: pa.Table) -> Mapping[str, ClusterFacts]:
    """Converts CLUSTER_TOTAL rows of whole clusters to the facts of each."""
    if not totals.num_rows:
        return {}
    by_cluster = totals.group_by("cluster_id", use_threads=False)
    spans = by_cluster.aggregate(
        [("first_seen", "min"), ("last_seen", "max"), ("source_org", "distinct")]
    )
    found = {
        one["cluster_id"]: ClusterFacts(
            one["first_seen_min"], one["last_seen_max"], sorted(one["source_org_distinct"])
        )
        for one in spans.to_pylist()
    }
    complaints = totals.filter(pc.equal(totals["record_kind"], RecordKind.COMPLAINT))
    calls = totals.filter(pc.not_equal(totals["record_kind"], RecordKind.COMPLAINT))
    for cluster, _, count in _records_by_value(complaints, "record_kind"):
        found[cluster].complaints = count
    for cluster, _, count in _records_by_value(calls, "record_kind"):
        found[cluster].calls += count
    for cluster, country, count in _records_by_value(complaints, "victim_country"):
        found[cluster].countries[country] = count
    for cluster, brand, count in _reporters_by_value(totals, "brand"):
        found[cluster].brands[brand] = count
    for cluster, count, victims in _reporters_by_cluster(totals):
        found[cluster].reporters, found[cluster].victims = count, victims
    for cluster, currency, amount, count in _losses_by_cluster(complaints):
        found[cluster].losses[currency] = amount, count
    for cluster, moments in _complaint_times(complaints):
        found[cluster].complaint_times = moments
    for cluster, row in _ranked_by(found, totals, complaints, calls).items():
        found[cluster].ranked_by = row
    return found


def _ranked_by(
    clusters: Iterable[str], totals: pa.Table, complaints: pa.Table, calls: pa.Table
) -> dict[str, dict[str, Any]]:
    """Returns the losses, orgs and last_seen of clusters that no reporter alone moves far."""
    rows: dict[str, dict[str, Any]] = {cluster: {"losses": [], "orgs": []} for cluster in clusters}
    for cluster, currency, amount in _losses_without_the_largest(complaints):
        rows[cluster]["losses"].append({"currency": currency, "amount": amount})
    for cluster, org, count in _reporters_by_value(totals, "source_org"):
        if count >= _CORROBORATED:
            rows[cluster]["orgs"].append(org)
    for cluster, latest in _last_seen_by_two(complaints, calls, totals):
        rows[cluster]["last_seen"] = latest
    return rows


def _complaint_totals(rows: pa.Table) -> pa.Table:
    reporter = rows["reporter"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(reporter.is_valid().to_numpy(zero_copy_only=False))])
    columns = {name: rows[name] for name in CLUSTER_TOTAL.names if name in rows.column_names}
    columns |= {
        "records": np.ones(rows.num_rows, np.int64),
        "first_seen": rows["observed_at"],
        "last_seen": rows["observed_at"],
        "reporters": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reporter.drop_null()),
    }
    return table_of_columns(columns, CLUSTER_TOTAL)


def _records_by_value(totals: pa.Table, name: str) -> list[tuple[str, str, int]]:
    """Returns (cluster, value, records) of each value of a column that is not null."""
    rows = totals.select(["cluster_id", name, "records"]).filter(pc.is_valid(totals[name]))
    added = rows.group_by(["cluster_id", name], use_threads=False).aggregate([("records", "sum")])
    return _rows(added, "cluster_id", name, "records_sum")


def _reporters_by_value(totals: pa.Table, name: str) -> list[tuple[str, str, int]]:
    """Returns (cluster, value, reporters) of each value of a column that is not null."""
    rows = totals.filter(pc.is_valid(totals[name]))
    lists = rows["reporters"].combine_chunks()
    each = rows.select(["cluster_id", name]).take(lists.value_parent_indices())
    each = each.append_column("reporter", lists.flatten())
    # A value that only records without a reporter have is there, too.
    none = pa.nulls(rows.num_rows, pa.int64())
    each = pa.concat_tables(
        [each, rows.select(["cluster_id", name]).append_column("reporter", none)]
    )
    counted = each.group_by(["cluster_id", name], use_threads=False).aggregate(
        [("reporter", "count_distinct", pc.CountOptions(mode="only_valid"))]
    )
    return _rows(counted, "cluster_id", name, "reporter_count_distinct")


def _rows(table: pa.Table, *names: str) -> list[Any]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _reporters_by_cluster(totals: pa.Table) -> list[tuple[str, int, int]]:
    """Returns each cluster with its reporters, and those of them who have a pseudonym."""
    lists = totals["reporters"].combine_chunks()
    cluster = totals["cluster_id"].combine_chunks().dictionary_encode()
    of = cluster.indices.take(lists.value_parent_indices())
    each = pa.table({"cluster": of, "reporter": lists.flatten()})
    once = each.group_by(["cluster", "reporter"], use_threads=False).aggregate([])
    named = pc.bit_wise_and(once["reporter"], 1)
    counted = (
        once.append_column("named", named)
        .group_by("cluster", use_threads=False)
        .aggregate([([], "count_all"), ("named", "sum")])
    )
    names = cluster.dictionary.take(counted["cluster"].combine_chunks()).to_pylist()
    counts = (counted[name].to_pylist() for name in ("count_all", "named_sum"))
    return list(zip(names, *counts, strict=True))


def _losses_by_cluster(complaints: pa.Table) -> list[tuple[str, str, Decimal, int]]:
    added = _stated_losses(complaints).group_by(_LOSS_KEY, use_threads=False)
    rows = added.aggregate([("loss_amount", "sum"), ("loss_amount", "count")])
    return _rows(rows, *_LOSS_KEY, "loss_amount_sum", "loss_amount_count")


def _losses_without_the_largest(complaints: pa.Table) -> list[tuple[str, str, Decimal]]:
    """Returns, by cluster and currency, the losses of all but the reporter who states the most."""
    rows = _stated_losses(complaints)
    rows = rows.filter(pc.greater(pc.list_value_length(rows["reporters"]), 0))
    by_reporter = (
        rows.append_column("reporter", pc.list_element(rows["reporters"], 0))
        .group_by([*_LOSS_KEY, "reporter"], use_threads=False)
        .aggregate([("loss_amount", "sum")])
    )
    totals = by_reporter.group_by(_LOSS_KEY, use_threads=False).aggregate(
        [("loss_amount_sum", "sum"), ("loss_amount_sum", "max")]
    )
    names = ("loss_amount_sum_sum", "loss_amount_sum_max")
    return [
        (cluster, currency, total - largest)
        for cluster, currency, total, largest in _rows(totals, *_LOSS_KEY, *names)
    ]


def _stated_losses(complaints: pa.Table) -> pa.Table:
    """Returns the complaints that state an amount and a currency, with amounts that add up."""
    currency = complaints["loss_currency"]
    stated = pc.and_(
        pc.is_valid(complaints["loss_amount"]), pc.fill_null(pc.not_equal(currency, ""), False)
    )
    rows = complaints.select([*_LOSS_KEY, "loss_amount", "reporters"]).filter(stated)
    return rows.set_column(2, "loss_amount", rows["loss_amount"].cast(_EXACT_SUM))


def _last_seen_by_two(
    complaints: pa.Table, calls: pa.Table, totals: pa.Table
) -> Iterator[tuple[str, datetime]]:
    """Yields when each cluster was last seen, were it not for one reporter's complaints.

    Of one reporter alone it is his last complaint, and without any the last record. A call is a
    record of the organisation's own.
    """
    last = dict(_last_seen(totals))
    called = dict(_last_seen(calls))
    told = {
        cluster: np.sort(moments)[-2:][0]
        for cluster, moments in _complaint_times(complaints, latest=True)
    }
    for cluster, moment in last.items():
        known = [one[cluster] for one in (called, told) if cluster in one]
        yield cluster, _EPOCH + int(max(known, default=moment)) * _MICROSECOND


def _last_seen(rows: pa.Table) -> Iterator[tuple[str, int]]:
    last = rows.group_by("cluster_id", use_threads=False).aggregate([("last_seen", "max")])
    moments = last["last_seen_max"].cast(pa.int64()).to_pylist()
    return zip(last["cluster_id"].to_pylist(), moments, strict=True)


def _complaint_times(
    complaints: pa.Table, *, latest: bool = False
) -> list[tuple[str, NDArray[np.int64]]]:
    """Returns, by cluster, the time of the first or the latest complaint of each reporter."""
    lists = complaints["reporters"].combine_chunks()
    rows = complaints.take(lists.value_parent_indices())
    cluster = rows["cluster_id"].combine_chunks().dictionary_encode()
    of, reporter = cluster.indices.to_numpy(), lists.flatten().to_numpy()
    moments = rows["first_seen"].cast(pa.int64()).to_numpy()
    order = np.lexsort((-moments if latest else moments, reporter, of))
    order = order[group_starts(of[order], reporter[order])]
    moments = moments[order]
    starts = group_offsets(of[order], len(cluster.dictionary))
    pieces = [moments[start:end] for start, end in pairwise(starts)]
    return list(zip(cluster.dictionary.to_pylist(), pieces, strict=True))
