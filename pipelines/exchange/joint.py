"""The pipeline of a joint run: a finished run's evidence with that of offers, clustered as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.clustering import find_clusters, summarise_clusters
from reports import site
from reports import tables as of_run
from schemas import epoch, tables
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.kinds import Status
from schemas.manifest import Manifest
from transforms.accounting import Run, Tally, rows_of
from transforms.decisions.decision_file import Decision
from transforms.decisions.in_force import CountDecisions, Decisions
from transforms.graph.known_islands import File, KnownIslands
from transforms.graph.lineage import PreviousMembers
from transforms.graph.priority import Weights
from transforms.identify.evidence import brands_of, mentions
from transforms.identify.legitimate import KnownLegitimate
from transforms.joint import contributors
from transforms.joint.offered import Taken, evidence_of_offer
from transforms.joint.restored import call_records, complaint_records, evidence_of
from transforms.output.desk import Desk, Put
from transforms.output.finish import Finish
from transforms.output.tally import CountMembers
from transforms.output.write import WriteTables, parquet_bytes
from transforms.shuffle import MAIN, batches_of


@dataclass(frozen=True)
class JointPlan:
    """Everything that one joint run needs to know; `own` is the folder of the finished run."""

    own: str
    me: str
    manifest: Manifest
    offers: tuple[Taken, ...]
    offer_files: tuple[Mapping[str, Any], ...]
    known: KnownLegitimate
    private: frozenset[str]
    previous_members: tuple[str, ...]
    previous_islands: tuple[File, ...]
    decisions: tuple[Decision, ...]
    weights: Weights
    run: Run


def own_evidence(folder: str) -> Iterator[pa.RecordBatch]:
    """The EVIDENCE batches of a finished run."""
    complaints = of_run.read(folder, tables.COMPLAINTS).combine_chunks()
    brands = brands_of(complaints.to_batches()[0]) if complaints.num_rows else None
    records = [
        complaint_records(complaints, brands),
        call_records(of_run.read(folder, tables.CALLS)),
    ]
    found = evidence_of(
        of_run.read(folder, tables.MENTIONS),
        pa.concat_tables(records),
        of_run.read(folder, tables.ENTITIES, ["entity_id", "region", "line_type"]),
    )
    # Epochs are told apart anew: what the other side saw can fill a gap.
    bare = epoch.bare_ids(found["entity_id"])
    yield from batches_of(found.set_column(0, found.schema.field(0), bare).combine_chunks())


def offered_evidence(taken: Taken, private: frozenset[str]) -> Iterator[pa.RecordBatch]:
    """The EVIDENCE batches of an offer, without what is our own victims'."""
    ours = pa.array(sorted(private), pa.string())
    for batch in evidence_of_offer(taken):
        kept = batch.filter(pc.invert(pc.is_in(batch["entity_id"], ours)))
        if kept.num_rows:
            yield kept


def rows_of_run(folder: str, table: tables.Table) -> Iterator[pa.RecordBatch]:
    """All rows of one table of a finished run."""
    yield from of_run.batches(folder, table, table.schema.names)


def withheld(folder: str) -> Iterator[pa.RecordBatch]:
    """The ENTITY rows of a finished run that are a victim's own: no evidence names them again."""
    where = pc.field("status") == str(Status.VICTIM_SIDE)
    yield from of_run.batches(folder, tables.ENTITIES, tables.ENTITIES.schema.names, where)


def tallies_of(manifest: Manifest) -> Iterator[Tally]:
    """What the finished run counted of the records that it read."""
    for kind, counts in manifest["counts"].items():
        for name, count in counts.items():  # type: ignore[attr-defined]
            yield (kind, name), count
    for one in manifest["inputs"]:
        yield (rows_of(one["kind"]), one["name"]), one["rows"]
    for group, named in manifest["tallies"].items():
        if group.startswith(("complaint_", "call_")):
            for name, count in named.items():
                yield (group, name), count


def digests_of(manifest: Manifest) -> list[Mapping[str, Any]]:
    """The inputs of the finished run, as `Finish` takes them."""
    return [
        {"label": one["name"], **{k: one[k] for k in ("kind", "format", "bytes", "sha256")}}
        for one in manifest["inputs"]
    ]


def build(pipeline: beam.Pipeline, plan: JointPlan) -> None:
    """Add the whole joint run to a pipeline. Elements are Arrow RecordBatches unless said."""
    own = pipeline | "Own run" >> beam.Create([plan.own], reshuffle=False)
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one Run
    kept = {
        table.name: own | f"Own {table.name}" >> beam.FlatMap(rows_of_run, table)
        for table in (tables.COMPLAINTS, tables.CALLS, tables.REJECTS)
    }
    evidence = (
        own | "Own evidence" >> beam.FlatMap(own_evidence),
        pipeline
        | "Offers" >> beam.Create(list(plan.offers), reshuffle=False)
        | "Offered evidence" >> beam.FlatMap(offered_evidence, plan.private),
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE
    in_force = (kept[tables.COMPLAINTS.name], kept[tables.CALLS.name]) | "Decisions" >> Decisions(
        plan.decisions, None, start
    )  # one InForce
    previous = start | "Previous members" >> PreviousMembers(plan.previous_members)  # PREVIOUS
    islands = start | "Previous islands" >> KnownIslands(plan.previous_islands)  # ISLAND, tallies
    found = find_clusters(
        evidence, start, in_force, previous, islands[MAIN], plan.known, follows=True
    )
    told = summarise_clusters(found, in_force, plan.weights)
    nobody = np.empty(0, np.int64)
    outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
        **kept,
        tables.MENTIONS.name: found.classified | "Mentions" >> beam.Map(mentions, nobody),
        tables.ENTITIES.name: (found.entities, own | "Withheld" >> beam.FlatMap(withheld))
        | "All entities" >> beam.Flatten(),
        tables.LINKS.name: found.links,
        tables.CLUSTERS.name: told.clusters,
        tables.MEMBERS.name: told.members,
        tables.SUPPLIERS.name: told.suppliers,
        tables.LINEAGE.name: found.lineage,
        tables.ISLANDS.name: found.islands,
    }
    written = outputs | "Write tables" >> WriteTables(start, 1)  # OutputFile
    counted = [
        *tallies_of(plan.manifest),
        *(((rows_of("offer"), str(one["label"])), int(one["rows"])) for one in plan.offer_files),
    ]
    tallies = (
        pipeline | "Counted before" >> beam.Create(counted, reshuffle=False),
        *found.tallies,
        found.searched,
        islands["tallies"],
        in_force | "Count decisions" >> CountDecisions(),
        told.clusters | "Count members" >> CountMembers(),
    ) | "All tallies" >> beam.Flatten()  # ((group, name), count)
    digests = pipeline | "Digests" >> beam.Create(
        [*digests_of(plan.manifest), *plan.offer_files], reshuffle=False
    )
    gathered = {"digests": digests, "tallies": tallies, "outputs": written}
    report = partial(report_of, own=plan.own, me=plan.me, offers=plan.offers)
    _ = gathered | "Finish" >> Finish(start, report)  # Manifest


def report_of(
    folder: str, manifest: Manifest, desk: Desk, *, own: str, me: str, offers: tuple[Taken, ...]
) -> None:
    """Write who contributed what, and what people read of a run whose tables are in `folder`."""
    members = of_run.read(folder, tables.MEMBERS)
    links = of_run.read(folder, tables.LINKS, ["entity_a", "entity_b"], pc.field("accepted"))
    seen = of_run.read(folder, tables.ENTITIES, ["entity_id", "orgs"])
    orgs = dict(zip(seen["entity_id"].to_pylist(), seen["orgs"].to_pylist(), strict=True))
    views = [
        contributors.own_view(me, of_run.read(own, tables.MEMBERS)),
        *(contributors.offered_view(one) for one in offers),
    ]
    views = [view.placed(orgs) for view in views]
    by_name = {view.contributor: view for view in views}
    made = (
        (CONTRIBUTORS, contributors.contributors(members, orgs, views)),
        (UNION_LINKS, contributors.union_links(members, links, views)),
        (OFFERED_CLUSTERS, contributors.offered_clusters(members, offers, by_name)),
    )
    for _ in desk.each([partial(_tables, made)], 0):
        continue
    site.write(folder, manifest, desk)


def _tables(made: Iterable[tuple[tables.Table, pa.Table]], put: Put) -> None:
    for table, rows in made:
        name = f"{table.name}/part-00000-of-00001.parquet"
        put(name, [memoryview(parquet_bytes(rows.combine_chunks(), table))])
