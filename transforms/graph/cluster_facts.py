"""The facts of each cluster: the sums of its records, the facts that rank it, and its suppliers.

Calls are added up before they travel. However many calls a cluster has, its partition gets one row
for each organisation, brand and partition of the records, with the hash of each reporter once. A
complaint keeps a row of its own.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from heapq import nlargest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.cluster import SUPPLIER
from schemas.enums import EntityKind, RecordKind, Status
from schemas.field import AMOUNT, FLAG, INTEGER, TEXT, TIMESTAMP, Row, moment_of
from schemas.mention import MENTIONS
from transforms.arrow import aggregate, column_of_keys, explode, hash_text, one_table, with_column
from transforms.custody import record_keys
from transforms.engine import batches_of, tagged_batches
from transforms.extract.fingerprints import GAP
from transforms.graph import incidence
from transforms.graph.assign import assigned_rows, cluster_ids, clusters_of
from transforms.graph.link_weights import reporter_hashes
from transforms.values import NO_CHANNEL, NO_CROWDS, NO_SOURCES, Crowds, SourceRecords

CLUSTER_RECORD = pa.schema(
    {
        "cluster_id": TEXT,
        "record_kind": TEXT,
        "source_org": TEXT,
        "record_id": TEXT,
        "observed_at": TIMESTAMP,
        "reporter_key": TEXT,
        "victim_country": TEXT,
        "channel": TEXT,
        "filed_at": TIMESTAMP,
        "wordless": FLAG,
        "brand": TEXT,
        "loss_amount": AMOUNT,
        "loss_currency": TEXT,
        "script": TEXT,
    }
)
"""One record that names a member of a cluster; `reporter_key` is null if it adds no reporter.

`script` is the smallest of the narrative's `script_texts`, or `WORDLESS`, or null.
"""

SUPPLY = pa.schema(
    {
        "entity_id": TEXT,
        "kind": TEXT,
        "status": TEXT,
        "cluster_id": TEXT,
        "group_id": TEXT,
        "template": TEXT,
    }
)
"""One piece of evidence that names a supplier's entity and a member of a cluster.

`template` is the wording of a script in that record, reduced to the words that many share.
"""

_CALLS_KEY = ["cluster_id", "record_kind", "source_org", "brand"]

_OF_COMPLAINTS = ("victim_country", "channel", "filed_at", "loss_amount", "loss_currency", "script")

CLUSTER_TOTAL = pa.schema(
    [
        *map(CLUSTER_RECORD.field, _CALLS_KEY),
        ("records", INTEGER),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("reporters", pa.list_(INTEGER)),
        *map(CLUSTER_RECORD.field, _OF_COMPLAINTS),
    ]
)
"""A complaint that names a member of a cluster, or the sum of such calls in one partition.

`reporters` are distinct hashes, odd for a pseudonym. The last six columns matter for complaints
only.
"""

BURST_REPORTERS = 5
"""Fewest reporters within `BURST_HOURS` that make a burst."""

BRIEF_WORTH = 2
"""Reporters that all who came within `BRIEF_HOURS` are worth together in a cluster's rank."""

_RECORD_COLUMNS = ["group_id", *CLUSTER_RECORD.names[1:-1]]

SUPPLIES = "supplies"

CORROBORATED = 2
"""Fewest reporters of an organisation for it to count in a cluster's rank."""

_EXACT_DIGITS = 76
"""Digits that hold the sum of any number of losses to the last decimal."""


@dataclass
class ClusterFacts:
    """The records of one cluster added up.

    `bearing` counts reporters; an offer's people count only if they bear a tie. `bounded` counts
    reporters after `_bound_bursts`. `alike` maps reporters who count as one to the first of them,
    by their hashes without the last bit. `burst` is the largest number of one-off reporters of one
    organisation within `BURST_HOURS`. `brief` is set if most pseudonyms first came within
    `BRIEF_HOURS`: it is `alike` with all of them as one. It ranks the cluster, and bounds
    unreviewed members.

    `countries` counts complaints, `brands` reporters. `losses` has the sum and the number of
    complaints by currency. `complaint_times` counts people by the time of their first complaint,
    in microseconds since 1970. `ranked_by` has the reporters, losses, orgs and last_seen that rank
    the cluster; no single reporter moves them far.
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
    countries: Counter[str] = field(default_factory=Counter)
    brands: dict[str, int] = field(default_factory=dict)
    losses: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    complaint_times: Counter[int] = field(default_factory=Counter)
    ranked_by: dict[str, Any] = field(default_factory=lambda: {"losses": [], "orgs": []})

    @property
    def counted_as(self) -> dict[int, int]:
        """Maps each reporter who shares a count to the reporter who counts in the rank."""
        return self.brief or self.alike

    def counts_as(self, reporter: int) -> int:
        """Returns the hash, without its last bit, of the reporter who counts for `reporter`."""
        return self.counted_as.get(reporter >> 1, reporter >> 1)


def cluster_records(evidence: pa.Table, assignment: pa.RecordBatch) -> tuple[pa.Table, pa.Table]:
    """Converts mentions of CLASSIFIED, of whole groups, to CLUSTER_RECORD and SUPPLY rows."""
    if evidence.num_rows == 0:
        return CLUSTER_RECORD.empty_table(), SUPPLY.empty_table()
    ids = cluster_ids(clusters_of(assigned_rows(assignment, hash_text(evidence["entity_id"]))))
    rows = evidence.select(_RECORD_COLUMNS).append_column("cluster_id", ids)
    rows = rows.filter(pc.is_valid(ids))
    script = incidence.script_texts(evidence)
    script = pa.table({"of": record_keys(script), "script": script["text"]})
    script = aggregate(script, "of", [("script", "min")])
    text = column_of_keys(record_keys(rows), script, "of", "script")
    few = pc.if_else(rows["wordless"], incidence.WORDLESS, None)
    rows = rows.append_column("script", pc.coalesce(text, few.cast(TEXT)))
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
    clusters = column_of_keys(pairs["entity_id"], reach, "entity_id", "count_all")
    pairs = pairs.rename_columns({"group_id": "records"}).append_column("clusters", clusters)
    pairs = pairs.append_column("template", _templates(supplies, pairs["entity_id"]))
    return pairs.select(SUPPLIER.names).cast(SUPPLIER)


def sum_records(
    evidence: pa.RecordBatch, assignment: pa.RecordBatch, crowds: Crowds = NO_CROWDS
) -> Iterator[Any]:
    """Converts a CLASSIFIED batch to CLUSTER_TOTAL batches, and SUPPLY batches tagged SUPPLIES."""
    mentions = one_table(explode(evidence, MENTIONS, _RECORD_COLUMNS))
    records, supplies = cluster_records(mentions, assignment)
    yield from batches_of(sum_cluster_records(records, crowds))
    yield from tagged_batches(SUPPLIES, supplies)


def sum_cluster_records(records: pa.Table, crowds: Crowds = NO_CROWDS) -> pa.Table:
    """Converts CLUSTER_RECORD rows, each record once, to CLUSTER_TOTAL rows."""
    keys = records["reporter_key"]
    hashes = reporter_hashes(pc.fill_null(keys.combine_chunks(), ""))
    complaint = pc.equal(records["record_kind"], RecordKind.COMPLAINT)
    number = np.arange(records.num_rows)
    rows = records.append_column("reporter", pc.if_else(pc.is_valid(keys), hashes, None))
    rows = rows.append_column("complaint", pc.if_else(complaint, number, None))
    rows = rows.append_column("records", pa.array(crowds.people_of(hashes)))
    added = rows.group_by([*_CALLS_KEY, "complaint"], use_threads=False).aggregate(
        [
            ("records", "sum"),
            ("observed_at", "min"),
            ("observed_at", "max"),
            ("reporter", "distinct", pc.CountOptions(mode="only_valid")),
            *((name, "min") for name in _OF_COMPLAINTS),
        ]
    )
    columns = added.drop_columns("complaint").columns
    return pa.table(dict(zip([*_CALLS_KEY, *CLUSTER_TOTAL.names[4:]], columns, strict=True))).cast(
        CLUSTER_TOTAL
    )


def cluster_facts(
    totals: pa.Table, crowds: Crowds = NO_CROWDS, sources: SourceRecords = NO_SOURCES
) -> dict[str, ClusterFacts]:
    """Converts CLUSTER_TOTAL rows of whole clusters to the facts of each.

    `sources` say how much the reporters of each source count in `ranked_by`, and nowhere else.
    """
    filed = pc.coalesce(totals["filed_at"], totals["first_seen"])
    rows = with_column(totals, "filed_at", filed)
    people, bearing = (
        dict(zip((crowds.hashes >> 1).tolist(), counts.tolist(), strict=True))
        for counts in (crowds.people, crowds.bearing)
    )
    weights = {source: tally.weight for source, tally in sources.items() if tally.weight < 1}
    facts_of = {}
    for cluster, mine in rows_by_cluster(rows).items():
        complaints = [row for row in mine if row["record_kind"] == RecordKind.COMPLAINT]
        facts = _added_up(mine, complaints, people, bearing)
        _bound_bursts(facts, mine, complaints, people)
        _rank(facts, mine, complaints, people)
        facts.ranked_by["reporters"] -= _doubt(facts, mine, people, weights) if weights else 0
        facts_of[cluster] = facts
    return facts_of


def rows_by_cluster(table: pa.Table) -> dict[str, list[Row]]:
    """Returns the rows of each cluster, with times in microseconds, which Arrow converts fast."""
    for place, column in enumerate(table.schema):
        if column.type == TIMESTAMP:
            table = table.set_column(place, column.name, table[place].cast(INTEGER))
    rows: dict[str, list[Row]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["cluster_id"], []).append(row)
    return rows


def most_within(moments: Iterable[tuple[str, int]]) -> int:
    """Returns the largest number of times that one organisation has within `BURST_HOURS`.

    `moments` are pairs of an organisation and a time in microseconds.
    """
    most, recent = 0, deque[tuple[str, int]]()
    for org, time in sorted(moments):
        recent.append((org, time))
        while recent[0][0] != org or time - recent[0][1] > incidence.BURST_SPAN:
            recent.popleft()
        most = max(most, len(recent))
    return most


def _supplies(evidence: pa.Table, members: pa.Table) -> pa.Table:
    used = pc.not_equal(evidence["status"], Status.SUPPRESSED)
    is_supplier = pc.and_(incidence.are_suppliers(evidence["kind"]), used)
    columns = ["group_id", "entity_id", "kind", "status"]
    suppliers = evidence.filter(is_supplier)
    script = pc.equal(suppliers["kind"], EntityKind.SCRIPT)
    wording = pc.if_else(script, suppliers["raw"], None)
    suppliers = suppliers.select(columns).append_column("template", wording)
    suppliers = aggregate(suppliers, columns, [("template", "min")])
    named = aggregate(members, ["group_id", "cluster_id"])
    beside = suppliers.join(named, "group_id", join_type="inner", use_threads=False)
    return beside.select(SUPPLY.names).cast(SUPPLY)


def _templates(supplies: pa.Table, entity_ids: pa.ChunkedArray) -> pa.Array:
    """Returns each entity's template with most words (of equals, the smallest), or null."""
    rows = supplies.filter(pc.greater(pc.utf8_length(supplies["template"]), 0))
    templates = aggregate(rows, ["entity_id", "template"])
    gaps = pc.count_substring(templates["template"], GAP)
    words = pc.subtract(pc.count_substring(templates["template"], " "), pc.multiply(gaps, 2))
    templates = templates.append_column("words", words).sort_by(
        [("entity_id", "ascending"), ("words", "descending"), ("template", "ascending")]
    )
    return column_of_keys(entity_ids, templates, "entity_id", "template")  # the first is the best


def _added_up(
    rows: Sequence[Row],
    complaints: Sequence[Row],
    people: Mapping[int, int],
    bearing: Mapping[int, int],
) -> ClusterFacts:
    """Adds up the rows of one cluster; `people` and `bearing` count the people of crowds."""
    reporters = {who for row in rows for who in row["reporters"]}
    counted = {who: people.get(who >> 1, 1) for who in reporters}
    records = Counter[str]()
    for row in rows:
        records[row["record_kind"]] += row["records"]
    facts = ClusterFacts(
        moment_of(min(row["first_seen"] for row in rows)),
        moment_of(max(row["last_seen"] for row in rows)),
        sorted({row["source_org"] for row in rows}),
        complaints=records[RecordKind.COMPLAINT],
        calls=records[RecordKind.CALL],
        victims=sum(count for who, count in counted.items() if who & 1),
        reporters=sum(counted.values()),
        bearing=sum(bearing.get(who >> 1, 1) for who in reporters),
    )
    named_by = defaultdict[str, set[int]](set)
    for row in rows:
        if row["brand"] is not None:
            named_by[row["brand"]].update(row["reporters"])
    facts.brands = {brand: len(named) for brand, named in named_by.items()}
    for row in complaints:
        if row["victim_country"] is not None:
            facts.countries[row["victim_country"]] += row["records"]
    for currency, lost in _losses(complaints).items():
        facts.losses[currency] = _exact_sum(row["loss_amount"] for row in lost), len(lost)
    return facts


def _losses(complaints: Iterable[Row]) -> dict[str, list[Row]]:
    """Groups the rows that state a loss by currency."""
    losses = defaultdict[str, list[Row]](list)
    for row in complaints:
        if row["loss_amount"] is not None and row["loss_currency"]:
            losses[row["loss_currency"]].append(row)
    return losses


def _exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=_EXACT_DIGITS):
        return sum(amounts, Decimal(0))


def _bound_bursts(
    facts: ClusterFacts, rows: Iterable[Row], complaints: Iterable[Row], people: Mapping[int, int]
) -> None:
    """Finds reporters who came together, and bounds how many of them count.

    A one-off reporter filed only complaints without a loss on the cluster, all within
    `BURST_HOURS`. Pseudonyms who only sent copies without a loss, at any time, count by
    `first_of_each` over the spans of each organisation and text. Rows without a pseudonym count by
    the rule of their source. People in offers have a week but no hour, so they are in no burst.
    """
    alone = _without_losses(rows, people)
    copies = (
        ((org, script), time, who)
        for who, sent in alone.items()
        if all(script for *_, script in sent)
        for time, org, script in sent
    )
    spans = [span for by_text in incidence.spans_of_copies(copies).values() for span in by_text]
    for who, first in incidence.first_of_each(spans).items():
        if first != who:
            facts.alike[who >> 1] = facts.alike[first >> 1] = first >> 1
    one_off = (
        min(sent) for sent in alone.values() if max(sent)[0] - min(sent)[0] <= incidence.BURST_SPAN
    )
    facts.burst = most_within((org, time) for time, org, _ in one_off)
    facts.bounded = facts.reporters - len(facts.alike) + len(set(facts.alike.values()))
    facts.ranked_by["reporters"] = facts.bounded
    came = sorted(
        (row["filed_at"], who >> 1)
        for row in complaints
        for who in row["reporters"]
        if who & 1 and who >> 1 not in people
    )
    together = incidence.most_at_first(came, facts.alike, incidence.BRIEF_SPAN)
    if len(together) >= BURST_REPORTERS and 2 * len(together) > facts.bounded:
        brief = dict.fromkeys(together, min(together))
        copied = {who: brief.get(first, first) for who, first in facts.alike.items()}
        facts.brief = brief | copied
        facts.ranked_by["reporters"] += BRIEF_WORTH - len(together)


def _without_losses(
    rows: Iterable[Row], people: Mapping[int, int]
) -> dict[int, list[tuple[int, str, str]]]:
    """Returns the complaints of each reporter who has no call and no loss, without crowds.

    A complaint has its time, its organisation, and the script of a pseudonym (or "").
    """
    sent = defaultdict[int, list[tuple[int, str, str]]](list)
    others = set()
    for row in rows:
        lost = row["loss_amount"] is not None and row["loss_amount"] > 0
        for who in row["reporters"]:
            if lost or row["record_kind"] != RecordKind.COMPLAINT or who >> 1 in people:
                others.add(who)
            script = (who & 1 and row["script"]) or ""
            sent[who].append((row["filed_at"], row["source_org"], script))
    return {who: copies for who, copies in sent.items() if who not in others}


def _rank(
    facts: ClusterFacts, rows: Sequence[Row], complaints: Iterable[Row], people: Mapping[int, int]
) -> None:
    """Adds the times of complaints, and the orgs, losses and last_seen that rank a cluster.

    `last_seen` is the last call, or the second-latest last complaint of a reporter, whichever is
    later. A single reporter's last complaint counts, and without complaints the last record. An
    organisation counts with `CORROBORATED` reporters. Losses leave out the reporter who states the
    most.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    members_of = defaultdict[str, set[int]](set)
    for row in rows:
        counted = [who for who in row["reporters"] if facts.counts_as(who) == who >> 1]
        members_of[row["source_org"]].update(counted)
        for who in counted if row["record_kind"] == RecordKind.COMPLAINT else ():
            first[who] = min(row["first_seen"], first.get(who, row["first_seen"]))
            last[who] = max(row["last_seen"], last.get(who, row["last_seen"]))
    for who, time in first.items():
        facts.complaint_times[time] += people.get(who >> 1, 1)
    latest = (
        time
        for who, time in last.items()
        for _ in range(min(people.get(who >> 1, 1), CORROBORATED))
    )
    called = (row["last_seen"] for row in rows if row["record_kind"] != RecordKind.COMPLAINT)
    seen = [*called, *nlargest(CORROBORATED, latest)[-1:]]
    facts.ranked_by["last_seen"] = moment_of(max(seen)) if seen else facts.last_seen
    facts.ranked_by["orgs"] = [
        org
        for org, named in members_of.items()
        if sum(people.get(who >> 1, 1) for who in named) >= CORROBORATED
    ]
    for currency, stated in _losses(complaints).items():
        lost = defaultdict[int, list[Decimal]](list)
        for row in stated:
            for who in row["reporters"]:
                lost[facts.counts_as(who)].append(row["loss_amount"])
        sums = sorted(map(_exact_sum, lost.values()))
        if sums:
            loss = {"currency": currency, "amount": _exact_sum(sums[:-1])}
            facts.ranked_by["losses"].append(loss)


def _doubt(
    facts: ClusterFacts,
    rows: Iterable[Row],
    people: Mapping[int, int],
    weights: Mapping[tuple[str, str], float],
) -> float:
    """Returns how many people fewer a cluster counts because its sources have a bad record.

    A reporter with several sources counts by the best of them, and in full with a call. Reporters
    who count as one count by the best of all. So no added record lowers a count.
    """
    best: dict[int, tuple[float, int]] = {}
    for row in rows:
        source = row["source_org"], row["channel"] or NO_CHANNEL
        call = row["record_kind"] != RecordKind.COMPLAINT
        weight = 1.0 if call else weights.get(source, 1.0)
        for who in row["reporters"]:
            counted = facts.counts_as(who)
            best[counted] = max(best.get(counted, (0.0, who)), (weight, who))
    return math.fsum((1 - weight) * people.get(who >> 1, 1) for weight, who in best.values())
