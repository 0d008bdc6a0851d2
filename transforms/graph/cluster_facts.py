"""The facts of each cluster: its records added up, those that rank it, and its suppliers.

The records of clusters are added up before they travel: however many calls a cluster has, what its
owner brings together is a row for each organisation and partition of the records, with the hash of
each reporter once; a complaint keeps a row of its own. Long, since whom a burst bounds and what
that changes are read together.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.cluster import SUPPLIER
from schemas.enums import SUPPLIER_KINDS, EntityKind, RecordKind, Status
from schemas.field import AMOUNT, TIMESTAMP, moment_of
from schemas.mention import MENTIONS
from transforms.arrow_util import (
    aggregate,
    explode,
    group_offsets,
    group_starts,
    hash_text,
    table_of_columns,
)
from transforms.casts import true_mask
from transforms.erasure import record_keys
from transforms.extract.fingerprints import GAP
from transforms.graph import incidence
from transforms.graph.assign import NO_CLUSTER, assigned_rows, cluster_ids, clusters_of
from transforms.graph.link_weights import reporter_hashes
from transforms.reporters import NO_CHANNEL, NO_CROWDS, NO_SOURCES, Crowds, SourceRecords
from transforms.shuffle import KeyedInput, PerPartition, batches_of, tagged_batches

CLUSTER_RECORD = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("record_id", pa.string()),
        ("observed_at", TIMESTAMP),
        ("reporter_key", pa.string()),
        ("victim_country", pa.string()),
        ("channel", pa.string()),
        ("filed_at", TIMESTAMP),
        ("wordless", pa.bool_()),
        ("brand", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
        ("script", pa.string()),
    ]
)
"""One record that names a member of a cluster; its reporter is null where it adds none.

`script` is the first of its narrative's `script_texts`, or `WORDLESS`; null for any other.
"""

SUPPLY = pa.schema(
    [
        ("entity_id", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("cluster_id", pa.string()),
        ("group_id", pa.string()),
        ("template", pa.string()),
    ]
)
"""One piece of evidence that names a supplier's entity beside a member of a cluster.

`template` is the wording of a script in that record, in the words that many share.
"""

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
        ("channel", pa.string()),
        ("filed_at", TIMESTAMP),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
        ("script", pa.string()),
    ]
)
"""A complaint that names a member of a cluster, or all calls of one share of the records that do.

`reporters` are hashes, each once, odd where a pseudonym names a person. The last six are null for
calls.
"""

BURST_REPORTERS = 5
"""Reporters within `BURST_HOURS` from which a cluster is said to have a burst."""

BRIEF_WORTH = 2
"""Reporters that those who count as one within `BRIEF_HOURS` are worth in a cluster's rank."""

_RECORD_COLUMNS = ["group_id", *CLUSTER_RECORD.names[1:-1]]

SUPPLIES = "supplies"

_CALLS_KEY = ["cluster_id", "record_kind", "source_org", "brand"]

_OF_COMPLAINTS = ("victim_country", "channel", "filed_at", "loss_amount", "loss_currency", "script")

_LOSS_KEY = ["cluster_id", "loss_currency"]

_REPORTERS, _VICTIMS = ("reporter", "count_distinct"), ("victim", "count_distinct")

_CORROBORATED = 2
"""Reporters of an organisation that counts in a cluster's rank."""

_EXACT_SUM = pa.decimal256(76, AMOUNT.scale)
"""A type that holds the sum of any number of losses to the last decimal."""


CountedAs = Mapping[str, Mapping[int, int]]
"""By cluster, reporters who count as one with others, as `ClusterFacts.alike` has them."""


@dataclass
class ClusterFacts:
    """The records of one cluster added up.

    `bearing` counts of people whom offers count those who bear a tie alone; `bounded` counts
    reporters as `_bursts` bounds them; `alike` has, by the hash without its last
    bit of each who counts as one with others, that of the first of these. `burst` is the largest
    number of one-off reporters of one organisation within `BURST_HOURS`. `brief` is what `alike` is
    where most pseudonyms came within `BRIEF_HOURS`, whatever they say, with these as one: it ranks,
    and bounds what nobody reviewed.

    `countries` counts complaints, `brands` reporters; `losses` has by currency the sum and how
    many state it. `complaint_times` are those of each reporter's first complaint, in microseconds
    since 1970, in no order, and `people` those that each reporter stands for. `ranked_by` has the
    losses, orgs and last_seen by which it is ranked: no reporter alone moves them far.
    """

    first_seen: datetime
    last_seen: datetime
    orgs: list[str]
    complaints: int = 0
    calls: int = 0
    victims: int = 0
    reporters: int = 0
    bearing: int = 0
    bounded: int = 0
    alike: dict[int, int] = field(default_factory=dict)
    burst: int = 0
    brief: dict[int, int] = field(default_factory=dict)
    countries: dict[str, int] = field(default_factory=dict)
    brands: dict[str, int] = field(default_factory=dict)
    losses: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    complaint_times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    people: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    ranked_by: dict[str, Any] = field(default_factory=lambda: {"losses": [], "orgs": []})

    @property
    def counted_as(self) -> dict[int, int]:
        """Returns by whom each reporter is ranked who counts as one with others."""
        return self.brief or self.alike


def cluster_records(evidence: pa.Table, assignment: pa.RecordBatch) -> tuple[pa.Table, pa.Table]:
    """Converts mentions of CLASSIFIED, of whole groups, to CLUSTER_RECORD and SUPPLY rows."""
    if evidence.num_rows == 0:
        return CLUSTER_RECORD.empty_table(), SUPPLY.empty_table()
    cluster = clusters_of(assigned_rows(assignment, hash_text(evidence["entity_id"])))
    member = cluster != NO_CLUSTER
    distinct, number = np.unique(cluster[member], return_inverse=True)
    rows = evidence.select(_RECORD_COLUMNS).filter(pa.array(member))
    rows = rows.append_column("cluster_id", cluster_ids(distinct).take(pa.array(number)))
    script = incidence.script_texts(evidence)
    script = pa.table({"of": record_keys(script), "script": script["text"]})
    script = aggregate(script, "of", [("script", "min")])
    place = pc.index_in(record_keys(rows), script["of"].combine_chunks())
    text = script["script"].combine_chunks().take(place)
    few = pc.if_else(pc.fill_null(rows["wordless"], False), incidence.WORDLESS, None)
    rows = rows.append_column("script", pc.coalesce(text, few.cast(pa.string())))
    records = rows.select(CLUSTER_RECORD.names)
    key = ["cluster_id", "record_kind", "source_org", "record_id"]
    rest = [name for name in CLUSTER_RECORD.names if name not in key]
    once = aggregate(records, key, [(name, "min") for name in rest])
    return once.select(CLUSTER_RECORD.names).cast(CLUSTER_RECORD), _supplies(evidence, rows)


def supplier_rows(supplies: pa.Table) -> pa.Table:
    """Converts SUPPLY rows of whole suppliers to SUPPLIER rows."""
    named = ["entity_id", "kind", "status"]
    pairs = aggregate(supplies, [*named, "cluster_id"], [("group_id", "count_distinct")])
    reach = aggregate(pairs, "entity_id", [([], "count_all")])
    place = pc.index_in(pairs["entity_id"], reach["entity_id"].combine_chunks())
    clusters = reach["count_all"].combine_chunks().take(place.combine_chunks())
    pairs = pairs.rename_columns({"group_id": "records"}).append_column("clusters", clusters)
    pairs = pairs.append_column("template", _templates(supplies, pairs["entity_id"]))
    return pairs.select(SUPPLIER.names).cast(SUPPLIER)


def sum_records(
    evidence: pa.RecordBatch, assignment: pa.RecordBatch, crowds: Crowds = NO_CROWDS
) -> Iterator[Any]:
    """Yields the CLUSTER_TOTAL batches of one CLASSIFIED batch, and its SUPPLY ones as SUPPLIES."""
    mentions = pa.Table.from_batches([explode(evidence, MENTIONS, _RECORD_COLUMNS)])
    records, supplies = cluster_records(mentions, assignment)
    yield from batches_of(sum_cluster_records(records, crowds))
    yield from tagged_batches(SUPPLIES, supplies)


@dataclass(eq=False)
class SummarizeSuppliers(beam.PTransform):
    """Converts SUPPLY batches to SUPPLIER batches."""

    def expand(self, supplies: beam.PCollection) -> beam.PCollection:
        """Brings each supplier together; see `supplier_rows`."""
        keyed = {"supplies": KeyedInput(SUPPLY, ("entity_id",))}
        return {"supplies": supplies} | PerPartition(keyed, supplier_rows)


def sum_cluster_records(records: pa.Table, crowds: Crowds = NO_CROWDS) -> pa.Table:
    """Converts CLUSTER_RECORD rows, each record once, to CLUSTER_TOTAL rows."""
    keys = records["reporter_key"].combine_chunks()
    hashes = reporter_hashes(pc.fill_null(keys, ""))
    reporter = pa.array(hashes, mask=pc.is_null(keys).to_numpy(False))
    rows = records.append_column("reporter", reporter)
    rows = rows.append_column("records", pa.array(crowds.people_of(hashes)))
    complaint = pc.equal(rows["record_kind"], RecordKind.COMPLAINT)
    calls = rows.filter(pc.invert(complaint)).group_by(_CALLS_KEY, use_threads=False)
    times = [("observed_at", "min"), ("observed_at", "max")]
    reporters = ("reporter", "distinct", pc.CountOptions(mode="only_valid"))
    added = calls.aggregate([("records", "sum"), *times, reporters])
    columns = {name: added[name] for name in _CALLS_KEY}
    columns |= {
        "records": added["records_sum"],
        "first_seen": added["observed_at_min"],
        "last_seen": added["observed_at_max"],
        "reporters": added["reporter_distinct"],
    }
    columns |= dict.fromkeys(_OF_COMPLAINTS, pa.nulls(added.num_rows))
    parts = [_complaint_totals(rows.filter(complaint)), table_of_columns(columns, CLUSTER_TOTAL)]
    return pa.concat_tables(parts)


def cluster_facts(
    totals: pa.Table, crowds: Crowds = NO_CROWDS, sources: SourceRecords = NO_SOURCES
) -> Mapping[str, ClusterFacts]:
    """Converts CLUSTER_TOTAL rows of whole clusters to the facts of each.

    `sources` say how far the reporters of each count in `ranked_by`, and in nothing else.
    """
    by_cluster = ["cluster_id"]
    is_complaint = pc.equal(totals["record_kind"], RecordKind.COMPLAINT)
    complaints, calls = totals.filter(is_complaint), totals.filter(pc.invert(is_complaint))
    reporters, losses = _each_reporter(totals), _stated_losses(complaints)
    spans = [("first_seen", "min"), ("last_seen", "max"), ("source_org", "distinct")]
    facts_of = {
        cluster: ClusterFacts(first, last, sorted(orgs))
        for cluster, first, last, orgs in _grouped(totals, by_cluster, *spans)
    }
    for cluster, count in _grouped(complaints, by_cluster, ("records", "sum")):
        facts_of[cluster].complaints = count
    for cluster, count in _grouped(calls, by_cluster, ("records", "sum")):
        facts_of[cluster].calls = count
    for cluster, country, count in _grouped(
        complaints, [*by_cluster, "victim_country"], ("records", "sum")
    ):
        if country is not None:
            facts_of[cluster].countries[country] = count
    for cluster, brand, count in _grouped(reporters, [*by_cluster, "brand"], _REPORTERS):
        if brand is not None:
            facts_of[cluster].brands[brand] = count
    bearing = _people(reporters, crowds.bearing_alone(), by_cluster) if crowds else []
    bear = {cluster: count for cluster, count, _ in bearing}
    for cluster, count, victims in _people(reporters, crowds, by_cluster):
        facts_of[cluster].reporters, facts_of[cluster].victims = count, victims
        facts_of[cluster].bearing = bear.get(cluster, count)
    for cluster, currency, amount, count in _grouped(
        losses, _LOSS_KEY, ("loss_amount", "sum"), ("loss_amount", "count")
    ):
        facts_of[cluster].losses[currency] = amount, count
    last_calls = dict(_grouped(calls, by_cluster, ("last_seen", "max")))
    _bound_bursts(facts_of, totals, complaints, last_calls, crowds)
    for cluster, doubt in _doubts(facts_of, totals, crowds, sources):
        facts_of[cluster].ranked_by["reporters"] -= doubt
    counted_as = {
        cluster: facts.counted_as for cluster, facts in facts_of.items() if facts.counted_as
    }
    for cluster, currency, amount in _losses_without_the_largest(losses, counted_as):
        facts_of[cluster].ranked_by["losses"].append({"currency": currency, "amount": amount})
    counted = _without_copies(reporters, counted_as)
    for cluster, org, count, _ in _people(counted, crowds, [*by_cluster, "source_org"]):
        if count >= _CORROBORATED:
            facts_of[cluster].ranked_by["orgs"].append(org)
    return facts_of


def _supplies(evidence: pa.Table, members: pa.Table) -> pa.Table:
    kinds = pa.array([str(kind) for kind in SUPPLIER_KINDS])
    is_supplier = pc.and_(
        pc.is_in(evidence["kind"], kinds), pc.not_equal(evidence["status"], Status.SUPPRESSED)
    )
    columns = ["group_id", "entity_id", "kind", "status"]
    suppliers = evidence.filter(is_supplier)
    script = pc.equal(suppliers["kind"], EntityKind.SCRIPT)
    wording = pc.if_else(script, suppliers["raw"], pa.scalar(None, pa.string()))
    suppliers = suppliers.select(columns).append_column("template", wording)
    suppliers = aggregate(suppliers, columns, [("template", "min")])
    named = aggregate(members, ["group_id", "cluster_id"])
    beside = suppliers.join(named, "group_id", join_type="inner", use_threads=False)
    return beside.select(SUPPLY.names).cast(SUPPLY)


def _templates(supplies: pa.Table, entity_ids: pa.ChunkedArray) -> pa.Array:
    """Returns, by entity, the template of most words (ties: the smallest), or null."""
    rows = supplies.filter(pc.greater(pc.utf8_length(supplies["template"]), 0))
    templates = aggregate(rows, ["entity_id", "template"])
    gaps = pc.count_substring(templates["template"], GAP)
    words = pc.subtract(pc.count_substring(templates["template"], " "), pc.multiply(gaps, 2))
    templates = templates.append_column("words", words).sort_by(
        [("entity_id", "ascending"), ("words", "descending"), ("template", "ascending")]
    )
    # index_in finds the first row of an entity, which is its best.
    place = pc.index_in(entity_ids, templates["entity_id"].combine_chunks())
    return templates["template"].combine_chunks().take(place.combine_chunks())


def _bound_bursts(
    facts_of: Mapping[str, ClusterFacts],
    totals: pa.Table,
    complaints: pa.Table,
    last_calls: Mapping[str, datetime],
    crowds: Crowds,
) -> None:
    """Adds what is counted without those of a burst who add nothing."""
    once, bursts = _bursts(totals, complaints, crowds)
    for cluster, burst in bursts.items():
        facts_of[cluster].alike, facts_of[cluster].burst = burst
    for facts in facts_of.values():
        facts.bounded = facts.reporters - len(facts.alike) + len(set(facts.alike.values()))
        facts.ranked_by["reporters"] = facts.bounded
    for facts, together in _brief_by_cluster(facts_of, complaints, crowds):
        facts.ranked_by["reporters"] += BRIEF_WORTH - together
    who = _complainants(complaints)
    brief = {cluster: facts.brief for cluster, facts in facts_of.items() if facts.brief}
    counted = complaints.filter(pa.array(once & (_counted(complaints, who, brief) == who >> 1)))
    times = dict(_complaint_times(counted, crowds, latest=False))
    latest = dict(_complaint_times(counted, crowds, latest=True))
    for cluster, facts in facts_of.items():
        facts.complaint_times, facts.people = times.get(
            cluster, (facts.complaint_times, facts.people)
        )
        facts.ranked_by["last_seen"] = _last_seen(
            facts, latest.get(cluster), last_calls.get(cluster)
        )


def _doubts(
    facts_of: Mapping[str, ClusterFacts], totals: pa.Table, crowds: Crowds, sources: SourceRecords
) -> Iterator[tuple[str, float]]:
    """Yields each cluster that sources with a bad record report, and by how many people it is less.

    Who reports it through several sources counts as through the best of them, in full with a call,
    and those of a burst who count as one as the best of these: no record lowers a count.
    """
    weights = {source: tally.weight for source, tally in sources.items() if tally.weight < 1}
    if not weights:
        return
    best: defaultdict[str, dict[int, tuple[float, int]]] = defaultdict(dict)
    names = ("cluster_id", "record_kind", "source_org", "channel", "reporters")
    for cluster, kind, org, channel, who in zip(
        *(totals[name].to_pylist() for name in names), strict=True
    ):
        call = kind == RecordKind.CALL
        weight = 1.0 if call else weights.get((org, channel or NO_CHANNEL), 1.0)
        alike = facts_of[cluster].counted_as
        for reporter in who:
            counted = alike.get(reporter >> 1, reporter >> 1)
            best[cluster][counted] = max(
                best[cluster].get(counted, (0.0, reporter)), (weight, reporter)
            )
    for cluster, counts in best.items():
        hashes = np.array([reporter for _, reporter in counts.values()], np.int64)
        people = crowds.people_of(hashes).tolist()
        doubts = ((1 - weight) * n for (weight, _), n in zip(counts.values(), people, strict=True))
        yield cluster, math.fsum(doubts)


def _without_copies(reporters: pa.Table, counted_as: CountedAs) -> pa.Table:
    """Leaves out the reporters of a burst who count as another one of it."""
    who = pc.fill_null(reporters["reporter"], 0).to_numpy()
    return reporters.filter(pa.array(_counted(reporters, who, counted_as) == who >> 1))


def _counted(rows: pa.Table, who: NDArray[np.int64], counted_as: CountedAs) -> NDArray[np.int64]:
    """Returns the hash, without its last bit, by which the reporter of each row counts."""
    counted = who >> 1
    if not counted_as:
        return counted
    ids = pa.array(list(counted_as), pa.string())
    rows_of_some = np.flatnonzero(pc.is_in(rows["cluster_id"], ids).to_numpy(zero_copy_only=False))
    clusters = rows["cluster_id"].take(pa.array(rows_of_some)).to_pylist()
    for row, cluster, reporter in zip(
        rows_of_some.tolist(), clusters, counted[rows_of_some].tolist(), strict=True
    ):
        counted[row] = counted_as[cluster].get(reporter, reporter)
    return counted


def _complainants(complaints: pa.Table) -> NDArray[np.int64]:
    """Returns the reporter of each complaint, 0 where it adds none."""
    lists = complaints["reporters"].combine_chunks()
    reporter = np.zeros(complaints.num_rows, np.int64)
    reporter[lists.value_parent_indices().to_numpy()] = lists.flatten().to_numpy()
    return reporter


def _complaint_totals(rows: pa.Table) -> pa.Table:
    reporter = rows["reporter"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(reporter.is_valid().to_numpy(zero_copy_only=False))])
    columns = {name: rows[name] for name in CLUSTER_TOTAL.names if name in rows.column_names}
    columns |= {
        "first_seen": rows["observed_at"],
        "last_seen": rows["observed_at"],
        "reporters": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reporter.drop_null()),
    }
    return table_of_columns(columns, CLUSTER_TOTAL)


def _bursts(
    totals: pa.Table, complaints: pa.Table, crowds: Crowds
) -> tuple[NDArray[np.bool_], dict[str, tuple[dict[int, int], int]]]:
    """Finds one-off reporters who came together, and of these the ones with one text.

    A reporter is one-off whose records on the cluster are complaints without a loss, filed within
    `BURST_HOURS`. Pseudonyms whose complaints there are copies without a loss, whenever filed,
    count as `first_of_each` has them by all spans of an organisation and a text; rows without a
    pseudonym count by their source's rule. People whom an offer counts have a week and no hour:
    they are in no burst.

    Args:
        totals: CLUSTER_TOTAL rows of whole clusters.
        complaints: Those of complaints.
        crowds: Reporters that stand for several people.

    Returns:
        A mask of the complaints without those of reporters who add nothing, and `alike` and `burst`
        of each cluster that has one-off reporters.
    """
    every = _reporter_rows(totals)
    keys, times = np.unique(every, axis=0, return_counts=True) if len(every) else (every, every)
    records = dict(zip(map(tuple, keys.tolist()), times.tolist(), strict=True))
    rows = np.flatnonzero(~true_mask(incidence.has_loss(complaints["loss_amount"])))
    several = set((crowds.hashes >> 1).tolist())
    ids = totals["cluster_id"].combine_chunks().unique()
    names = ["cluster_id", "source_org", "script", "filed_at", "first_seen", "reporters"]
    columns = complaints.select(names).take(pa.array(rows))
    listed = zip(
        rows.tolist(),
        pc.index_in(columns["cluster_id"], ids).to_pylist(),
        columns["source_org"].to_pylist(),
        columns["script"].to_pylist(),
        pc.coalesce(columns["filed_at"], columns["first_seen"]).cast(pa.int64()).to_pylist(),
        columns["reporters"].to_pylist(),
        strict=True,
    )
    stated: defaultdict[tuple[int, int], list[_Copy]] = defaultdict(list)
    for row, cluster, org, script, time, who in listed:
        if who and who[0] >> 1 not in several:
            stated[cluster, who[0]].append(_Copy(time, org, (who[0] & 1 and script) or "", row))
    once = np.ones(complaints.num_rows, bool)
    bursts: dict[str, tuple[dict[int, int], int]] = {}
    by_cluster = groupby(sorted(stated.items()), lambda pair: pair[0][0])
    for cluster, stated_by in by_cluster:
        alone = {
            who: sorted(copies)
            for key, copies in stated_by
            for who in [key[1]]
            if len(copies) == records[key]
        }
        if alone:
            bursts[ids[cluster].as_py()] = _bounded(alone, once)
    return once, bursts


class _Copy(NamedTuple):
    """A complaint of a one-off reporter: its time, organisation, script (or none: "") and row."""

    moment: int
    org: str
    script: str
    row: int


def _within_hours(copies: Sequence[_Copy]) -> bool:
    return (
        max(copy.moment for copy in copies) - min(copy.moment for copy in copies)
        <= incidence.BURST_SPAN
    )


def _bounded(
    alone: Mapping[int, Sequence[_Copy]], once: NDArray[np.bool_]
) -> tuple[dict[int, int], int]:
    """Returns `alike` and `burst` of one-off reporters; masks the rows of those who add nothing."""
    copied = {who: copies for who, copies in alone.items() if all(copy.script for copy in copies)}
    every = ((copy[1:3], copy.moment, who) for who, copies in copied.items() for copy in copies)
    spans = [span for by_text in incidence.spans_of_copies(every).values() for span in by_text]
    alike: dict[int, int] = {}
    for who, first in incidence.first_of_each(spans).items():
        if first != who:
            alike[who >> 1] = alike[first >> 1] = first >> 1
            once[[copy.row for copy in alone[who]]] = False
    one_off = (copies[0] for copies in alone.values() if _within_hours(copies))
    return alike, most_within((copy.org, copy.moment) for copy in one_off)


def _brief_by_cluster(
    facts_of: Mapping[str, ClusterFacts], complaints: pa.Table, crowds: Crowds
) -> Iterator[tuple[ClusterFacts, int]]:
    """Sets `brief` where it applies, and yields these facts with how many reporters came so."""
    who = _complainants(complaints)
    cluster = complaints["cluster_id"].combine_chunks().dictionary_encode()
    number, names = cluster.indices.to_numpy(), cluster.dictionary.to_pylist()
    named = (who & 1).astype(bool) & ~np.isin(who >> 1, crowds.hashes >> 1)
    named &= (np.bincount(number[named], minlength=len(names)) >= BURST_REPORTERS)[number]
    filed = pc.coalesce(complaints["filed_at"], complaints["first_seen"]).cast(pa.int64())
    number, who, time = number[named], who[named] >> 1, filed.to_numpy()[named]
    order = np.lexsort((time, number))
    bounds = group_offsets(number[order], len(names))
    for name, (start, end) in zip(names, pairwise(bounds), strict=True):
        facts, some = facts_of[name], order[start:end]
        if 2 * len(some) <= facts.reporters - len(facts.alike):
            continue
        came = zip(time[some].tolist(), who[some].tolist(), strict=True)
        together = incidence.most_at_first(came, facts.alike, incidence.BRIEF_SPAN)
        if len(together) >= BURST_REPORTERS and 2 * len(together) > facts.bounded:
            facts.brief = dict.fromkeys(together, min(together))
            facts.brief |= {
                who: facts.brief.get(first, first) for who, first in facts.alike.items()
            }
            yield facts, len(together)


def most_within(moments: Iterable[tuple[str, int]]) -> int:
    """Returns the most of these times of organisations that one has within `BURST_HOURS`."""
    most, recent = 0, deque[tuple[str, int]]()
    for org, time in sorted(moments):
        recent.append((org, time))
        while recent[0][0] != org or time - recent[0][1] > incidence.BURST_SPAN:
            recent.popleft()
        most = max(most, len(recent))
    return most


def _reporter_rows(totals: pa.Table) -> NDArray[np.int64]:
    """Returns the cluster, as a number, and the reporter of each record, a call once a share."""
    lists = totals["reporters"].combine_chunks()
    ids = totals["cluster_id"].combine_chunks()
    number = pc.index_in(ids, ids.unique()).to_numpy()[lists.value_parent_indices().to_numpy()]
    return np.stack([number.astype(np.int64), lists.flatten().to_numpy()], axis=1)


def _grouped(rows: pa.Table, keys: list[str], *sums: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Returns each combination of keys with what Arrow's aggregations of its rows are."""
    added = rows.group_by(keys, use_threads=False).aggregate(list(sums))
    return list(zip(*(column.to_pylist() for column in added.columns), strict=True))


def _each_reporter(totals: pa.Table) -> pa.Table:
    """Returns a row of each reporter of each row, and one of none.

    Without the last a value would be missing that only records without a reporter have. `victim`
    is the reporter where that is a pseudonym.
    """
    lists = totals["reporters"].combine_chunks()
    rows = totals.select(["cluster_id", "brand", "source_org"])
    each = rows.take(lists.value_parent_indices()).append_column("reporter", lists.flatten())
    none = rows.append_column("reporter", pa.nulls(rows.num_rows, pa.int64()))
    every = pa.concat_tables([each, none])
    named = pc.equal(pc.bit_wise_and(every["reporter"], 1), 1)
    nobody = pa.scalar(None, pa.int64())
    return every.append_column("victim", pc.if_else(named, every["reporter"], nobody))


def _people(reporters: pa.Table, crowds: Crowds, keys: list[str]) -> list[tuple[Any, ...]]:
    """Returns each combination of keys with its reporters and victims, all people of a crowd."""
    counts = _grouped(reporters, keys, _REPORTERS, _VICTIMS)
    hashes = pc.fill_null(reporters["reporter"], 0).to_numpy()
    several = reporters.filter(pa.array(crowds.people_of(hashes) != 1))
    if not several.num_rows:
        return counts
    once = aggregate(several, [*keys, "reporter", "victim"])
    more = pa.array(crowds.people_of(once["reporter"].to_numpy()) - 1)
    once = once.append_column("more", more)
    once = once.append_column("named", pc.if_else(pc.is_valid(once["victim"]), more, 0))
    added = {
        tuple(key): (people, named)
        for *key, people, named in _grouped(once, keys, ("more", "sum"), ("named", "sum"))
    }
    return [
        (*key, count + people, victims + named)
        for *key, count, victims in counts
        for people, named in [added.get(tuple(key), (0, 0))]
    ]


def _losses_without_the_largest(
    losses: pa.Table, counted_as: CountedAs
) -> list[tuple[str, str, Decimal]]:
    """Returns, by cluster and currency, the losses of all but the reporter who states the most."""
    rows = losses.filter(pc.greater(pc.list_value_length(losses["reporters"]), 0))
    reporter = _counted(rows, _complainants(rows), counted_as)
    rows = rows.append_column("reporter", pa.array(reporter))
    by_reporter = aggregate(rows, [*_LOSS_KEY, "reporter"], [("loss_amount", "sum")])
    totals = _grouped(by_reporter, _LOSS_KEY, ("loss_amount", "sum"), ("loss_amount", "max"))
    return [(cluster, currency, total - largest) for cluster, currency, total, largest in totals]


def _stated_losses(complaints: pa.Table) -> pa.Table:
    """Returns the complaints that state an amount and a currency, with amounts that add up."""
    currency = complaints["loss_currency"]
    stated = pc.and_(
        pc.is_valid(complaints["loss_amount"]), pc.fill_null(pc.not_equal(currency, ""), False)
    )
    rows = complaints.select([*_LOSS_KEY, "loss_amount", "reporters"]).filter(stated)
    return rows.set_column(2, "loss_amount", rows["loss_amount"].cast(_EXACT_SUM))


def _last_seen(
    facts: ClusterFacts,
    latest: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    last_call: datetime | None,
) -> datetime:
    """Returns when a cluster was last seen, were it not for one reporter's complaints.

    Of one reporter alone it is his last complaint, and without any the last record. A call is a
    record of the organisation's own.
    """
    known = [] if last_call is None else [last_call]
    if latest is not None:
        moments = np.sort(np.repeat(latest[0], np.minimum(latest[1], _CORROBORATED)))
        known.append(moment_of(moments[-_CORROBORATED:][0]))
    return max(known, default=facts.last_seen)


def _complaint_times(
    complaints: pa.Table, crowds: Crowds, *, latest: bool
) -> list[tuple[str, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Returns, by cluster, when each reporter's first or latest complaint was, and his people."""
    lists = complaints["reporters"].combine_chunks()
    rows = complaints.take(lists.value_parent_indices())
    cluster = rows["cluster_id"].combine_chunks().dictionary_encode()
    number, reporter = cluster.indices.to_numpy(), lists.flatten().to_numpy()
    moments = rows["first_seen"].cast(pa.int64()).to_numpy()
    order = np.lexsort((-moments if latest else moments, reporter, number))
    order = order[group_starts(number[order], reporter[order])]
    moments, people = moments[order], crowds.people_of(reporter[order])
    starts = group_offsets(number[order], len(cluster.dictionary))
    pieces = [(moments[start:end], people[start:end]) for start, end in pairwise(starts)]
    return list(zip(cluster.dictionary.to_pylist(), pieces, strict=True))
