"""The pipeline of a joint run: the evidence of a finished run and of offers, as one graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, structs

from pipelines.batch.pipeline import write_report
from pipelines.options import Row
from pipelines.user_files import lone_mailboxes
from pipelines.wiring import Graph, RunPlan, publish, read_previous
from reports.run import Run, has_private, private_batches
from reports.tables import read_table, table_batches
from schemas import tables
from schemas.entity import without_epochs
from schemas.enums import Status
from schemas.field import TEXT
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, MENTIONS, NARRATIVES, Table
from transforms.arrow import row_tuples, with_column
from transforms.campaigns import FindCampaigns
from transforms.custody import (
    OFFERED_VICTIMS,
    CounterValue,
    PrivateKey,
    PrivateStore,
    RunSettings,
    rejected_by_file_group,
    rows_by_file_group,
)
from transforms.decisions import ResolveDecisions
from transforms.engine import batches_of
from transforms.extract import few_words, infer_brands
from transforms.graph import (
    MIN_REPORTERS,
    AcceptedOffer,
    by_record,
    call_records,
    complaint_records,
    contributor_rows,
    crowds_of_offers,
    evidence_from_tables,
    evidence_of_offer,
    offered_cluster_rows,
    offered_view,
    own_view,
    union_link_rows,
    view_in_joint_ids,
)
from transforms.redact import redact_mentions
from transforms.victims import CLAIMS
from transforms.write import JobPool, PutFile, Record, parquet_bytes


@dataclass(frozen=True)
class LiveEvidence:
    """The evidence of a stream's snapshot, which is a run without records.

    Attributes:
        evidence: EVIDENCE batches.
        claims: CLAIM batches: identifiers, and who calls them a victim's.
    """

    evidence: list[pa.RecordBatch] = field(default_factory=list)
    claims: list[pa.RecordBatch] = field(default_factory=list)

    def clear(self) -> None:
        """Drops the evidence, before the next snapshot."""
        self.evidence.clear()
        self.claims.clear()


@dataclass(frozen=True, kw_only=True)
class JointPlan(RunPlan):
    """The inputs of a joint run.

    Attributes:
        own: the finished run.
        me: the organisation of the run.
        offers: the offers in force.
        offer_files: their entries among the manifest's inputs.
        private: our own victims' identifiers, and contested ones; no offer may name them.
        most_people: by name of `AcceptedOffer.claims`, the most people of a sender, or of a
            contributor to a feed, that count for a link.
        others: other organisations whose records are in the run.
        victims_named: number of our own victims' identifiers that the offers name.
        run: settings of the joint run.
        record: context in which the run is published; records that the offers were accepted, and
            removes the record on failure.
        live: the own evidence if the run is a snapshot, whose tables have no records.
    """

    own: Run
    me: str
    offers: tuple[AcceptedOffer, ...]
    most_people: Mapping[str, int]
    others: frozenset[str]
    offer_files: tuple[Row, ...]
    private: frozenset[str]
    victims_named: int
    run: RunSettings
    record: Record
    live: LiveEvidence | None = None


def build_joint_pipeline(pipeline: beam.Pipeline, plan: JointPlan) -> None:
    """Adds the whole joint run to a pipeline.

    The comment after a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    own = pipeline | "Own run" >> beam.Create([plan.own], reshuffle=False)  # one Run
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one RunSettings

    # The records come from the own run, the evidence from the run and the offers. A snapshot has no
    # tables of records.
    live, key = plan.live, plan.private_key
    records = {
        table.name: own
        | f"Own {table.name}" >> beam.FlatMap(table_batches, table, table.schema.names)
        for table in ((tables.COMPLAINTS, tables.CALLS, tables.REJECTS) if live is None else ())
    }  # COMPLAINT, CALL, REJECT
    if has_private(plan.own, tables.NARRATIVES):
        narratives = beam.FlatMap(narratives_of_run, key)
        records[tables.NARRATIVES.name] = own | "Own narratives" >> narratives  # NARRATIVE
    offered = beam.FlatMap(offered_evidence, plan.private, plan.most_people)
    evidence = (
        own | "Own evidence" >> beam.FlatMap(own_evidence, live, key),
        pipeline
        | "Offers" >> beam.Create(list(plan.offers), reshuffle=False)
        | "Offered evidence" >> offered,
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE

    # Cluster it, as in a batch run.
    clock = start | "Clock" >> beam.Map(attrgetter("clock"))  # one datetime
    in_force = clock | "Decisions" >> ResolveDecisions(plan.decisions, None)  # one DecisionsInForce
    known, of_cache = read_previous(start, plan.previous)  # PREVIOUS, COMPONENT, counters
    known["evidence"] = evidence
    if live is not None:
        known[CLAIMS] = own | "Claims" >> beam.FlatMap(lambda _: live.claims)  # CLAIM
    crowds = crowds_of_offers(plan.offers, plan.most_people, plan.others)
    graph = Graph.of(known, start, in_force, plan, plan.own.folder, crowds=crowds)
    clustered = graph.clustered

    # Write the tables, then the report and the manifest.
    outputs = graph.tables(start) | {tables.COMPONENTS.name: clustered.components} | records
    if live is None:
        # The evidence does not name them again.
        where = pc.field("status") == str(Status.VICTIM_SIDE)
        read = beam.FlatMap(table_batches, ENTITIES, ENTITIES.schema.names, where)
        withheld = own | "Withheld" >> read
        mentions = beam.Map(redact_mentions, np.empty(0, np.int64))
        outputs |= {
            tables.MENTIONS.name: clustered.classified | "Mentions" >> mentions,
            tables.CAMPAIGNS.name: clustered.classified
            | "Find campaigns" >> FindCampaigns(clustered.assigned),
            tables.ENTITIES.name: (clustered.entities, withheld) | "All entities" >> beam.Flatten(),
        }
    counted_before = [
        *record_counts(plan.own.manifest),
        (OFFERED_VICTIMS, plan.victims_named),
        *(
            ((rows_by_file_group("offer"), str(file["label"])), int(file["rows"]))
            for file in plan.offer_files
        ),
    ]
    counters = (
        pipeline | "Counted before" >> beam.Create(counted_before, reshuffle=False),
        *graph.counters(),
        clustered.cache_counters,
        of_cache,
    )  # ((group, name), count)
    digests = pipeline | "Digests" >> beam.Create(
        [*input_digests(plan.own.manifest), *plan.offer_files], reshuffle=False
    )
    report = partial(write_joint_report, plan=plan)
    publish(start, outputs, counters, digests, report, plan.sign, record=plan.record)


def own_evidence(
    run: Run, live: LiveEvidence | None = None, key: PrivateKey | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the EVIDENCE batches of a finished run; for a snapshot, those of `live`.

    `key` opens the narratives of a run.
    """
    if live is not None:
        yield from live.evidence
        return
    complaints = read_table(run, COMPLAINTS).combine_chunks()
    claims = complaints["impersonation"].combine_chunks()
    brands = infer_brands(claims) if complaints.num_rows else None
    records = [
        complaint_records(complaints, run.source_rules, brands, _wordless(run, complaints, key)),
        call_records(read_table(run, tables.CALLS)),
    ]
    evidence = evidence_from_tables(
        read_table(run, MENTIONS),
        pa.concat_tables(records),
        read_table(run, ENTITIES, ["entity_id", "region", "line_type"]),
    )
    # Mailboxes with only one reporter get their ids back: reporters of the other side may name
    # them, too.
    mailboxes = lone_mailboxes(run)
    shown = evidence["entity_id"].to_pylist()
    ids = pa.array([mailboxes.get(entity_id, entity_id) for entity_id in shown], TEXT)
    # Epochs are split again, since the other side's evidence can fill a gap.
    yield from batches_of(by_record(with_column(evidence, "entity_id", without_epochs(ids))))


def _wordless(run: Run, complaints: pa.Table, key: PrivateKey | None) -> pa.Array | None:
    """Returns a mask of complaints with few words; None if the run kept no narratives."""
    if not has_private(run, NARRATIVES):
        return None
    narratives = pa.Table.from_batches(narratives_of_run(run, key), NARRATIVES.schema)
    short = narratives.filter(few_words(narratives["narrative"]))
    ids, known = (
        pc.binary_join_element_wise(rows["source_org"], rows["complaint_id"], "|")
        for rows in (complaints, short)
    )
    return pc.is_in(ids, known.combine_chunks()).combine_chunks()


def offered_evidence(
    offer: AcceptedOffer, private: frozenset[str], most_people: Mapping[str, int]
) -> Iterator[pa.RecordBatch]:
    """Yields the EVIDENCE batches of an offer, without our own victims' identifiers.

    A private line otherwise needs `MIN_REPORTERS` to be linked; a call replaces them. So calls do
    not count from a sender for whom fewer people count (`most_people`).
    """
    if most_people.get(offer.offer.sender, MIN_REPORTERS) < MIN_REPORTERS:
        offer = replace(offer, offer=structs.replace(offer.offer, called=UNSET))
    ours = pa.array(sorted(private), TEXT)
    for batch in evidence_of_offer(offer):
        kept = batch.filter(pc.invert(pc.is_in(batch["entity_id"], ours)))
        if kept.num_rows:
            yield from batches_of(by_record(pa.Table.from_batches([kept])))


def narratives_of_run(run: Run, key: PrivateKey | None) -> Iterator[pa.RecordBatch]:
    """Yields the private narratives of a finished run."""
    yield from private_batches(run, NARRATIVES, NARRATIVES.schema.names, key)


def record_counts(manifest: Manifest) -> Iterator[CounterValue]:
    """Yields the counts of a finished run that concern its records."""
    for kind, counts in manifest["counts"].items():
        for name, count in counts.items():  # type: ignore[attr-defined]
            yield (kind, name), count
    for file in manifest["inputs"]:
        yield (rows_by_file_group(file["kind"]), file["name"]), file["rows"]
        yield (rejected_by_file_group(file["kind"]), file["name"]), file.get("rejected", 0)
    for group, named in manifest["tallies"].items():
        if group.startswith(("complaint_", "call_")):
            for name, count in named.items():
                yield (group, name), count


def input_digests(manifest: Manifest) -> list[Row]:
    """Returns the inputs of the finished run, for `PublishRun`."""
    return [
        {"label": file["name"], "dialect": file.get("dialect", "")}
        | {name: file[name] for name in ("kind", "format", "bytes", "sha256")}
        for file in manifest["inputs"]
    ]


def write_joint_report(
    folder: str, manifest: Manifest, pool: JobPool, private: PrivateStore, plan: JointPlan
) -> None:
    """Writes the tables of contributions and the report of a run whose tables are in `folder`.

    A snapshot's report has no pages.
    """
    members = read_table(folder, MEMBERS)
    links = read_table(folder, tables.LINKS, ["entity_a", "entity_b"], pc.field("accepted"))
    seen = read_table(folder, ENTITIES, ["entity_id", "orgs"])
    orgs = dict(row_tuples(seen))
    views = {plan.me: own_view(read_table(plan.own, MEMBERS))}
    views |= {taken.offer.sender: offered_view(taken.offer) for taken in plan.offers}
    views = {org: view_in_joint_ids(view, org, orgs) for org, view in views.items()}
    made = (
        (CONTRIBUTORS, contributor_rows(members, orgs, views)),
        (UNION_LINKS, union_link_rows(members, links, views)),
        (OFFERED_CLUSTERS, offered_cluster_rows(members, plan.offers, views)),
    )
    for _ in pool.run([partial(_tables, made)], 0):
        continue
    if plan.live is None:
        write_report(folder, manifest, pool, private, plan.register)


def _tables(made: Iterable[tuple[Table, pa.Table]], put: PutFile) -> None:
    for table, rows in made:
        name = f"{table.name}/part-00000-of-00001.parquet"
        put(name, [memoryview(parquet_bytes(rows.combine_chunks(), table))])
