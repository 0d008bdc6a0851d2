"""The records that name a member of each cluster, and the suppliers that they name beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.cluster import SUPPLIER
from schemas.enums import SUPPLIER_KINDS, EntityKind, Status
from schemas.field import AMOUNT, TIMESTAMP
from schemas.mention import MENTIONS
from transforms.arrow_util import explode, hash_text, without_aggregate_suffixes
from transforms.extract.fingerprints import GAP
from transforms.graph.assign import NO_CLUSTER, assigned_rows, cluster_ids, clusters_of
from transforms.graph.cluster_facts import sum_cluster_records
from transforms.reporters import NO_CROWDS, Crowds
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
        ("brand", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
    ]
)
"""One record that names a member of a cluster; its reporter is null where it adds none."""

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

_RECORD_COLUMNS = ["group_id", *CLUSTER_RECORD.names[1:]]

SUPPLIES = "supplies"


def cluster_records(evidence: pa.Table, assignment: pa.RecordBatch) -> tuple[pa.Table, pa.Table]:
    """Converts mentions of CLASSIFIED, of whole groups, to CLUSTER_RECORD and SUPPLY rows."""
    if evidence.num_rows == 0:
        return CLUSTER_RECORD.empty_table(), SUPPLY.empty_table()
    cluster = clusters_of(assigned_rows(assignment, hash_text(evidence["entity_id"])))
    member = cluster != NO_CLUSTER
    distinct, of = np.unique(cluster[member], return_inverse=True)
    rows = evidence.select(_RECORD_COLUMNS).filter(pa.array(member))
    rows = rows.append_column("cluster_id", cluster_ids(distinct).take(pa.array(of)))
    records = rows.select(CLUSTER_RECORD.names)
    key = ["cluster_id", "record_kind", "source_org", "record_id"]
    rest = [name for name in CLUSTER_RECORD.names if name not in key]
    once = records.group_by(key, use_threads=False).aggregate([(name, "min") for name in rest])
    once = without_aggregate_suffixes(once)
    return once.select(CLUSTER_RECORD.names).cast(CLUSTER_RECORD), _supplies(evidence, rows)


def supplier_rows(supplies: pa.Table) -> pa.Table:
    """Converts SUPPLY rows of whole suppliers to SUPPLIER rows."""
    named = ["entity_id", "kind", "status"]
    pairs = supplies.group_by([*named, "cluster_id"], use_threads=False).aggregate(
        [("group_id", "count_distinct")]
    )
    reach = pairs.group_by("entity_id", use_threads=False).aggregate([([], "count_all")])
    at = pc.index_in(pairs["entity_id"], reach["entity_id"].combine_chunks())
    clusters = reach["count_all"].combine_chunks().take(at.combine_chunks())
    pairs = pairs.rename_columns({"group_id_count_distinct": "records"})
    pairs = pairs.append_column("clusters", clusters)
    return (
        pairs.append_column("template", _templates(supplies, pairs["entity_id"]))
        .select(SUPPLIER.names)
        .cast(SUPPLIER)
    )


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
        return {"supplies": supplies} | PerPartition(
            {"supplies": KeyedInput(SUPPLY, ("entity_id",))},
            lambda whole: batches_of(supplier_rows(whole)),
        )


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
    suppliers = suppliers.group_by(columns, use_threads=False).aggregate([("template", "min")])
    suppliers = suppliers.rename_columns([*columns, "template"])
    named = members.select(["group_id", "cluster_id"])
    named = named.group_by(["group_id", "cluster_id"], use_threads=False).aggregate([])
    beside = suppliers.join(named, "group_id", join_type="inner", use_threads=False)
    return beside.select(SUPPLY.names).cast(SUPPLY)


def _templates(supplies: pa.Table, entity_ids: pa.ChunkedArray) -> pa.Array:
    """Returns, by entity, the template of most words (ties: the smallest), or null."""
    rows = supplies.filter(pc.greater(pc.utf8_length(supplies["template"]), 0))
    templates = rows.group_by(["entity_id", "template"], use_threads=False).aggregate([])
    gaps = pc.count_substring(templates["template"], GAP)
    words = pc.subtract(pc.count_substring(templates["template"], " "), pc.multiply(gaps, 2))
    templates = templates.append_column("words", words).sort_by(
        [("entity_id", "ascending"), ("words", "descending"), ("template", "ascending")]
    )
    # index_in finds the first row of an entity, which is its best.
    at = pc.index_in(entity_ids, templates["entity_id"].combine_chunks())
    return templates["template"].combine_chunks().take(at.combine_chunks())
