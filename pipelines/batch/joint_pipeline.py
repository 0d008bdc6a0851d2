"""The pipeline of a joint run: the evidence of a finished run with that of offers, as one graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.batch.pipeline import kept_register, use_register, write_report as write_run_report
from pipelines.user_files import lone_mailboxes
from reports import tables
from reports.run import Run, has_private, private_batches
from schemas.entity import without_epochs
from schemas.enums import Status
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.tables import (
    CALLS,
    CAMPAIGNS,
    CLUSTERS,
    COMPLAINTS,
    COMPONENTS,
    CONTESTED,
    DECISIONS,
    ENTITIES,
    LINEAGE,
    LINKS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
    REJECTS,
    SUPPLIERS,
    Table,
)
from transforms import joint
from transforms.campaigns import FindCampaigns
from transforms.counters import count_members
from transforms.decisions import Decision, DecisionsInForce, ResolveDecisions
from transforms.decisions_file import DecisionRows
from transforms.extract import KnownLegitimate, complaint_brands, few_words
from transforms.graph import (
    MIN_REPORTERS,
    FileDigest,
    PriorityWeights,
    ReadComponentCache,
    ReadContested,
    ReadPreviousMembers,
    bind_decisions,
    find_clusters,
    summarize_clusters,
)
from transforms.joint import (
    AcceptedOffer,
    by_record,
    call_records,
    complaint_records,
    crowds_of_offers,
    evidence_from_tables,
    evidence_of_offer,
)
from transforms.local import local_pipeline
from transforms.manifest import (
    OFFERED_VICTIMS,
    CounterValue,
    RunSettings,
    rejected_by_file_group,
    rows_by_file_group,
)
from transforms.private_files import PrivateKey, PrivateStore
from transforms.redact import redact_mentions
from transforms.shuffle import MAIN, batches_of
from transforms.victim_register import RegisterSource
from transforms.victims import CLAIMS
from transforms.write import JobPool, PublishRun, PutFile, Record, Sign, WriteTables, parquet_bytes


@dataclass(frozen=True)
class LiveEvidence:
    """The evidence of a stream's snapshot, which is a run without records.

    Attributes:
        evidence: EVIDENCE batches.
        claims: CLAIM batches: who calls what a victim's.
    """

    evidence: list[pa.RecordBatch] = field(default_factory=list)
    claims: list[pa.RecordBatch] = field(default_factory=list)

    def clear(self) -> None:
        """Drops what is there, before the next snapshot."""
        self.evidence.clear()
        self.claims.clear()


@dataclass(frozen=True)
class JointPlan:
    """Everything that one joint run needs to know.

    Attributes:
        own: the finished run.
        me: the organisation whose run it is.
        offers: those in force.
        offer_files: their entries among the inputs in the manifest.
        known: identifiers that are nobody's scam.
        private: identifiers of our own victims, and contested ones, which no offer may name.
        most_people: how many people of a sender, or of a contributor to a feed, bear a tie, at
            most, by the names of `AcceptedOffer.claims`.
        others: organisations whose records are in the run, too.
        victims_named: how many identifiers of our own victims the offers name.
        previous_members: files of the run whose cluster ids are kept.
        previous_components: its files of clustered components.
        decisions: of analysts.
        weights: rank the clusters.
        run: settings of the joint run.
        record: records that the offers were accepted for the time in which the run appears, and
            takes that back if it does not.
        sign: makes the signatures of the run, if there is a key.
        register: victim registers of our own, by which evidence of our own is refused, too.
        live: the own evidence where the run is a snapshot: its records are in no table.
    """

    own: Run
    me: str
    offers: tuple[AcceptedOffer, ...]
    most_people: Mapping[str, int]
    others: frozenset[str]
    offer_files: tuple[Mapping[str, Any], ...]
    known: KnownLegitimate
    private: frozenset[str]
    victims_named: int
    previous_members: tuple[str, ...]
    previous_components: tuple[FileDigest, ...]
    decisions: tuple[Decision, ...]
    weights: PriorityWeights
    run: RunSettings
    record: Record
    sign: Sign | None = None
    register: RegisterSource | None = None
    live: LiveEvidence | None = None


def build_joint_pipeline(pipeline: beam.Pipeline, plan: JointPlan) -> None:
    """Adds the whole joint run to a pipeline.

    The comment behind a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    own = pipeline | "Own run" >> beam.Create([plan.own], reshuffle=False)  # one Run
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one RunSettings

    # The records are those of the own run; the evidence is that of the run and of the offers.
    # Those of a snapshot are in no table.
    live = plan.live
    own_records = {
        table.name: own | f"Own {table.name}" >> beam.FlatMap(rows_of_run, table)
        for table in ((COMPLAINTS, CALLS, REJECTS) if live is None else ())
    }  # COMPLAINT, CALL, REJECT
    if has_private(plan.own, NARRATIVES):
        own_records[NARRATIVES.name] = own | "Own narratives" >> beam.FlatMap(
            narratives_of_run, plan.run.private.key
        )  # NARRATIVE
    evidence = (
        own | "Own evidence" >> beam.FlatMap(own_evidence, live, plan.run.private.key),
        pipeline
        | "Offers" >> beam.Create(list(plan.offers), reshuffle=False)
        | "Offered evidence" >> beam.FlatMap(offered_evidence, plan.private, plan.most_people),
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE

    # Cluster it, as in a batch run.
    clock = start | "Clock" >> beam.Map(attrgetter("clock"))  # one datetime
    in_force = clock | "Decisions" >> ResolveDecisions(plan.decisions, None)  # one DecisionsInForce
    previous = start | "Previous members" >> ReadPreviousMembers(plan.previous_members)  # PREVIOUS
    components = start | "Previous components" >> ReadComponentCache(
        plan.previous_components
    )  # COMPONENT, counters
    stated = {} if live is None else {CLAIMS: own | "Claims" >> beam.FlatMap(_claims, live)}
    contested = beam.ParDo(ReadContested(plan.own.folder, plan.run.private.key))
    clustered = find_clusters(
        {
            "evidence": evidence,
            "before": start | "Contested before" >> contested,
            "previous": previous,
            "components": components[MAIN],
            **stated,  # CLAIM
        },
        start,
        in_force,
        plan.known,
        register=use_register(start, plan.register),
        crowds=crowds_of_offers(plan.offers, plan.most_people, plan.others),
    )
    bound = bind_decisions(in_force, clustered)  # one DecisionsInForce
    summaries = summarize_clusters(clustered, bound, plan.weights)

    # Write the tables, then the report and the manifest.
    entities = clustered.entities
    if live is None:
        no_numbers = np.empty(0, np.int64)
        own_records |= {
            MENTIONS.name: clustered.classified
            | "Mentions" >> beam.Map(redact_mentions, no_numbers),
            CAMPAIGNS.name: clustered.classified
            | "Find campaigns" >> FindCampaigns(clustered.assigned),
        }
        withheld = own | "Withheld" >> beam.FlatMap(victim_side_entities)
        entities = (entities, withheld) | "All entities" >> beam.Flatten()
    outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
        **own_records,
        ENTITIES.name: entities,
        LINKS.name: clustered.links,
        CLUSTERS.name: summaries.clusters,
        MEMBERS.name: summaries.members,
        SUPPLIERS.name: summaries.suppliers,
        LINEAGE.name: clustered.lineage,
        COMPONENTS.name: clustered.components,
        CONTESTED.name: clustered.contested,
        DECISIONS.name: bound | "Decided" >> DecisionRows(clustered.withheld, clustered.contested),
        **kept_register(start, clustered, plan.register),
    }
    written = outputs | "Write tables" >> WriteTables(start, 1)  # OutputFile
    counted_before = [
        *record_counts(plan.own.manifest),
        (OFFERED_VICTIMS, plan.victims_named),
        *(
            ((rows_by_file_group("offer"), str(one["label"])), int(one["rows"]))
            for one in plan.offer_files
        ),
    ]
    counters = (
        pipeline | "Counted before" >> beam.Create(counted_before, reshuffle=False),
        *clustered.counters,
        clustered.cache_counters,
        components["counters"],
        bound | "Count decisions" >> beam.FlatMap(DecisionsInForce.counters),
        summaries.clusters | "Count members" >> beam.FlatMap(count_members),
        summaries.counters,
    ) | "All counters" >> beam.Flatten()  # ((group, name), count)
    digests = pipeline | "Digests" >> beam.Create(
        [*input_digests(plan.own.manifest), *plan.offer_files], reshuffle=False
    )
    gathered = {"digests": digests, "counters": counters, "outputs": written}
    report = partial(write_joint_report, plan=plan)
    _ = gathered | "Finish" >> PublishRun(start, report, plan.sign, plan.record)  # Manifest


def live_pipeline(plan: JointPlan) -> beam.Pipeline:
    """Returns the joint run of a snapshot, for `LocalExecutor`."""
    pipeline = local_pipeline()
    build_joint_pipeline(pipeline, plan)
    return pipeline


def _claims(_: Run, live: LiveEvidence) -> Iterator[pa.RecordBatch]:
    yield from live.claims


def own_evidence(
    run: Run, live: LiveEvidence | None = None, key: PrivateKey | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the EVIDENCE batches of a finished run, or of the snapshot that it is.

    `key` opens the narratives of a run.
    """
    if live is not None:
        yield from live.evidence
        return
    complaints = tables.read_table(run, COMPLAINTS).combine_chunks()
    claims = [complaints[name].combine_chunks() for name in ("claimed_brand", "impersonation")]
    brands = complaint_brands(*claims) if complaints.num_rows else None
    records = [
        complaint_records(complaints, run.source_rules, brands, _wordless(run, complaints, key)),
        call_records(tables.read_table(run, CALLS)),
    ]
    found = evidence_from_tables(
        tables.read_table(run, MENTIONS),
        pa.concat_tables(records),
        tables.read_table(run, ENTITIES, ["entity_id", "region", "line_type"]),
    )
    # Mailboxes that one reporter alone named get their ids back: the other side's reporters may
    # name them, too.
    own = lone_mailboxes(run)
    ids = pa.array([own.get(one, one) for one in found["entity_id"].to_pylist()], pa.string())
    # Epochs are split anew: what the other side saw can fill a gap.
    bare = without_epochs(ids)
    yield from batches_of(by_record(found.set_column(0, found.schema.field(0), bare)))


def _wordless(run: Run, complaints: pa.Table, key: PrivateKey | None) -> pa.Array | None:
    """Returns whether each complaint has few words; None where its run left no narratives."""
    if not has_private(run, NARRATIVES):
        return None
    found = pa.Table.from_batches(narratives_of_run(run, key), NARRATIVES.schema)
    short = found.filter(few_words(found["narrative"]))
    ids, known = (
        pc.binary_join_element_wise(one["source_org"], one["complaint_id"], "|")
        for one in (complaints, short)
    )
    return pc.is_in(ids, known.combine_chunks()).combine_chunks()


def offered_evidence(
    offer: AcceptedOffer, private: frozenset[str], most_people: Mapping[str, int]
) -> Iterator[pa.RecordBatch]:
    """Yields the EVIDENCE batches of an offer, without what is our own victims'.

    A call spares a private line the `MIN_REPORTERS` who must else tie it. So a sender of whom fewer
    people bear a tie (`most_people`) says nothing of calls.
    """
    if most_people.get(offer.offer.sender, MIN_REPORTERS) < MIN_REPORTERS:
        offer = replace(offer, offer=replace(offer.offer, called=None))
    ours = pa.array(sorted(private), pa.string())
    for batch in evidence_of_offer(offer):
        kept = batch.filter(pc.invert(pc.is_in(batch["entity_id"], ours)))
        if kept.num_rows:
            yield from batches_of(by_record(pa.Table.from_batches([kept])))


def rows_of_run(run: Run, table: Table) -> Iterator[pa.RecordBatch]:
    """Yields all rows of one table of a finished run."""
    yield from tables.table_batches(run, table, table.schema.names)


def narratives_of_run(run: Run, key: PrivateKey | None) -> Iterator[pa.RecordBatch]:
    """Yields the private narratives of a finished run."""
    yield from private_batches(run, NARRATIVES, NARRATIVES.schema.names, key)


def victim_side_entities(run: Run) -> Iterator[pa.RecordBatch]:
    """Yields the victim-side ENTITY rows of a finished run: no evidence names them again."""
    where = pc.field("status") == str(Status.VICTIM_SIDE)
    yield from tables.table_batches(run, ENTITIES, ENTITIES.schema.names, where)


def record_counts(manifest: Manifest) -> Iterator[CounterValue]:
    """Yields the counts of a finished run that are of the records it read."""
    for kind, counts in manifest["counts"].items():
        for name, count in counts.items():  # type: ignore[attr-defined]
            yield (kind, name), count
    for one in manifest["inputs"]:
        yield (rows_by_file_group(one["kind"]), one["name"]), one["rows"]
        yield (rejected_by_file_group(one["kind"]), one["name"]), one.get("rejected", 0)
    for group, named in manifest["tallies"].items():
        if group.startswith(("complaint_", "call_")):
            for name, count in named.items():
                yield (group, name), count


def input_digests(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Returns the inputs of the finished run, as `PublishRun` takes them."""
    return [
        {"label": one["name"], "dialect": one.get("dialect", "")}
        | {name: one[name] for name in ("kind", "format", "bytes", "sha256")}
        for one in manifest["inputs"]
    ]


def write_joint_report(
    folder: str, manifest: Manifest, pool: JobPool, private: PrivateStore, plan: JointPlan
) -> None:
    """Writes the tables of contributions and the report of a run whose tables are in `folder`.

    That of a snapshot is without pages.
    """
    members = tables.read_table(folder, MEMBERS)
    links = tables.read_table(folder, LINKS, ["entity_a", "entity_b"], pc.field("accepted"))
    seen = tables.read_table(folder, ENTITIES, ["entity_id", "orgs"])
    orgs = dict(zip(seen["entity_id"].to_pylist(), seen["orgs"].to_pylist(), strict=True))
    views = [
        joint.own_view(plan.me, tables.read_table(plan.own, MEMBERS)),
        *(joint.offered_view(one) for one in plan.offers),
    ]
    views = [view.in_joint_ids(orgs) for view in views]
    by_name = {view.contributor: view for view in views}
    made = (
        (CONTRIBUTORS, joint.contributor_rows(members, orgs, views)),
        (UNION_LINKS, joint.union_link_rows(members, links, views)),
        (OFFERED_CLUSTERS, joint.offered_cluster_rows(members, plan.offers, by_name)),
    )
    for _ in pool.run([partial(_tables, made)], 0):
        continue
    if plan.live is None:
        write_run_report(folder, manifest, pool, private, register=plan.register)


def _tables(made: Iterable[tuple[Table, pa.Table]], put: PutFile) -> None:
    for table, rows in made:
        name = f"{table.name}/part-00000-of-00001.parquet"
        put(name, [memoryview(parquet_bytes(rows.combine_chunks(), table))])
