"""Which records name a member of which cluster, and which suppliers they name beside it."""

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
from transforms.arrow_util import hash_text
from transforms.call_scripts.tokens import GAP
from transforms.graph.assign import ABSENT, cluster_ids, look_up
from transforms.graph.cluster_summary import add_up
from transforms.shuffle import MAIN, Keyed, PerPartition, batches_of

CLUSTER_RECORD = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("record_id", pa.string()),
        ("observed_at", TIMESTAMP),
        ("victim_key", pa.string()),
        ("victim_country", pa.string()),
        ("brand", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
    ]
)
"""One record that names a member of a cluster."""


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
"""One piece of evidence in which a supplier's entity stands beside a member of a cluster.

`template` is the wording of a script as it was read there, in the words that many share.
"""


def cluster_records(evidence: pa.Table, assignment: pa.RecordBatch) -> tuple[pa.Table, pa.Table]:
    """CLASSIFIED rows of whole groups to CLUSTER_RECORD rows and SUPPLY rows, each once."""
    if evidence.num_rows == 0:
        return CLUSTER_RECORD.empty_table(), SUPPLY.empty_table()
    cluster, _ = look_up(assignment, hash_text(evidence["entity_id"]))
    member = cluster != ABSENT
    distinct, of = np.unique(cluster[member], return_inverse=True)
    rows = evidence.select(_READ).filter(pa.array(member))
    rows = rows.append_column("cluster_id", cluster_ids(distinct).take(pa.array(of)))
    records = rows.select(CLUSTER_RECORD.names)
    key = ["cluster_id", "record_kind", "source_org", "record_id"]
    rest = [name for name in CLUSTER_RECORD.names if name not in key]
    once = records.group_by(key, use_threads=False).aggregate([(name, "min") for name in rest])
    once = once.rename_columns([name.removesuffix("_min") for name in once.column_names])
    return once.select(CLUSTER_RECORD.names).cast(CLUSTER_RECORD), _supplies(evidence, rows)


_READ = ["group_id", *CLUSTER_RECORD.names[1:]]


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


def suppliers(supplies: pa.Table) -> pa.Table:
    """SUPPLY rows of whole suppliers to SUPPLIER rows."""
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


def _templates(supplies: pa.Table, entity_ids: pa.ChunkedArray) -> pa.Array:
    """For each entity the wording of most words (ties: the smallest), null where there is none."""
    worded = supplies.filter(pc.greater(pc.utf8_length(supplies["template"]), 0))
    wordings = worded.group_by(["entity_id", "template"], use_threads=False).aggregate([])
    gaps = pc.count_substring(wordings["template"], GAP)
    words = pc.subtract(pc.count_substring(wordings["template"], " "), pc.multiply(gaps, 2))
    wordings = wordings.append_column("words", words).sort_by(
        [("entity_id", "ascending"), ("words", "descending"), ("template", "ascending")]
    )
    # index_in finds the first row of an entity, which is its best.
    at = pc.index_in(entity_ids, wordings["entity_id"].combine_chunks())
    return wordings["template"].combine_chunks().take(at.combine_chunks())


SUPPLIES = "supplies"


def _records(evidence: pa.RecordBatch, assignment: pa.RecordBatch) -> Iterator[Any]:
    records, supplies = cluster_records(pa.Table.from_batches([evidence]), assignment)
    yield from batches_of(add_up(records))
    for batch in batches_of(supplies):
        yield beam.pvalue.TaggedOutput(SUPPLIES, batch)


def _suppliers(supplies: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(suppliers(supplies))


@dataclass(eq=False)
class ClusterRecords(beam.PTransform):
    """CLASSIFIED batches of whole groups to outputs MAIN (CLUSTER_TOTAL) and SUPPLIES (SUPPLY)."""

    assignment: beam.pvalue.AsSingleton

    def expand(self, evidence: beam.PCollection) -> Any:
        """Batch by batch; see `cluster_records` and `add_up`."""
        step = beam.FlatMap(_records, self.assignment)
        return evidence | step.with_outputs(SUPPLIES, main=MAIN)


@dataclass(eq=False)
class Suppliers(beam.PTransform):
    """SUPPLY batches to SUPPLIER batches."""

    def expand(self, supplies: beam.PCollection) -> beam.PCollection:
        """Bring each supplier together; see `suppliers`."""
        return {"supplies": supplies} | PerPartition(
            {"supplies": Keyed(SUPPLY, ("entity_id",))}, _suppliers
        )
