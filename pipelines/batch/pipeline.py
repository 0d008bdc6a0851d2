"""The batch pipeline: complaint files and call records in, clusters and a report out.

`python -m pipelines.batch` and `ringtrace batch` are the same program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import apache_beam as beam
import pyarrow as pa

from reports.html import site
from schemas import tables
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from transforms.call_scripts.transform import Scripts
from transforms.counters import CountMembers, CountRead, CountRejects, ShowCounters
from transforms.decisions import CountDecisions, Decision, Decisions
from transforms.deduplicate import Deduplicate
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.evidence import Evidence
from transforms.graph.leiden import File, KnownIslands
from transforms.graph.lineage import PreviousMembers
from transforms.graph.priority import Weights
from transforms.graph.transform import find_clusters, summarise_clusters
from transforms.manifest import Run
from transforms.read.files import InputFile
from transforms.read.options import ReadOptions
from transforms.read.read_records import ReadRecords
from transforms.redact.records import Withhold, mentions
from transforms.redact.rejects import mask_rejects, stated_in_rejects
from transforms.shuffle import MAIN
from transforms.validate import ACCEPTED, REJECTS, TALLIES, Validate
from transforms.victims.number_index import VictimNumbers
from transforms.victims.stated_numbers import Stated, without_victims
from transforms.write.job_pool import Desk
from transforms.write.publish import Finish
from transforms.write.tables import WriteTables


@dataclass(frozen=True)
class Plan:
    """Everything that one batch run needs to know, files already recognised."""

    files: tuple[InputFile, ...]
    reading: ReadOptions
    known: KnownLegitimate
    as_of: datetime | None
    previous_members: tuple[str, ...]
    previous_islands: tuple[File, ...]
    previous_nodes: str | None
    decisions: tuple[Decision, ...]
    weights: Weights
    shards: int
    run: Run


def build(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Add the whole batch run to a pipeline. Elements are Arrow RecordBatches unless said."""
    read = pipeline | "Read" >> ReadRecords(plan.files, plan.reading)  # *_LOOSE, REJECT, digests
    complaints = read["complaints"] | "Validate complaints" >> Validate(
        RecordKind.COMPLAINT, plan.as_of
    )  # COMPLAINT_ACCEPTED, REJECT, tallies
    calls = read["calls"] | "Validate calls" >> Validate(RecordKind.CALL, plan.as_of)
    one_complaint = complaints[ACCEPTED] | "One complaint an id" >> Deduplicate(
        RecordKind.COMPLAINT
    )  # COMPLAINT_ACCEPTED, tallies
    one_call = calls[ACCEPTED] | "One call an id" >> Deduplicate(RecordKind.CALL)

    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one Run
    refused = (
        read["rejects"],
        complaints[REJECTS],
        calls[REJECTS],
    ) | "All rejects" >> beam.Flatten()  # REJECT, not yet masked
    stated = (
        complaints[ACCEPTED] | "Stated in complaints" >> Stated(RecordKind.COMPLAINT),
        calls[ACCEPTED] | "Stated in calls" >> Stated(RecordKind.CALL),
        refused | "Stated in rejects" >> beam.Map(stated_in_rejects),
    ) | "All stated" >> beam.Flatten()  # STATED
    victims = beam.pvalue.AsSingleton(stated | "Stated numbers" >> VictimNumbers(start))
    evidence = (
        one_complaint[MAIN] | "Complaint evidence" >> Evidence(RecordKind.COMPLAINT),
        one_call[MAIN] | "Call evidence" >> Evidence(RecordKind.CALL),
        one_complaint[MAIN] | "Scripts" >> Scripts(start),
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE
    evidence = evidence | "Without victims" >> beam.Map(without_victims, victims)
    in_force = (one_complaint[MAIN], one_call[MAIN]) | "Decisions" >> Decisions(
        plan.decisions, plan.as_of, start
    )  # one InForce
    previous = start | "Previous members" >> PreviousMembers(plan.previous_members)  # PREVIOUS
    islands = start | "Previous islands" >> KnownIslands(plan.previous_islands)  # ISLAND, tallies
    found = find_clusters(
        evidence,
        start,
        in_force,
        previous,
        islands[MAIN],
        plan.known,
        follows=bool(plan.previous_members),
    )
    told = summarise_clusters(found, in_force, plan.weights)

    hidden = (found.hidden, stated) | "All victims" >> beam.Flatten()
    numbers = beam.pvalue.AsSingleton(hidden | "Victims' numbers" >> VictimNumbers(start))
    kept_complaints = {"records": one_complaint[MAIN], "withheld": found.hidden} | (
        "Withhold from complaints" >> Withhold(RecordKind.COMPLAINT, numbers)
    )  # COMPLAINT
    kept_calls = {"records": one_call[MAIN], "withheld": found.hidden} | (
        "Withhold from calls" >> Withhold(RecordKind.CALL, numbers)
    )  # CALL
    shown_mentions = found.classified | "Mentions" >> beam.Map(mentions, numbers)  # MENTION
    rejects = refused | "Mask rejects" >> beam.Map(mask_rejects, numbers)  # REJECT

    outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
        tables.COMPLAINTS.name: kept_complaints,
        tables.CALLS.name: kept_calls,
        tables.MENTIONS.name: shown_mentions,
        tables.ENTITIES.name: found.entities,
        tables.LINKS.name: found.links,
        tables.CLUSTERS.name: told.clusters,
        tables.MEMBERS.name: told.members,
        tables.SUPPLIERS.name: told.suppliers,
        tables.LINEAGE.name: found.lineage,
        tables.ISLANDS.name: found.islands,
        tables.REJECTS.name: rejects,
    }
    written = outputs | "Write tables" >> WriteTables(start, plan.shards)  # OutputFile
    tallies = (
        read["complaints"] | "Count complaints" >> CountRead(RecordKind.COMPLAINT),
        read["calls"] | "Count calls" >> CountRead(RecordKind.CALL),
        rejects | "Count rejects" >> CountRejects(),
        complaints[TALLIES],
        calls[TALLIES],
        one_complaint["tallies"],
        one_call["tallies"],
        *found.tallies,
        found.searched,
        islands["tallies"],
        in_force | "Count decisions" >> CountDecisions(),
        told.clusters | "Count members" >> CountMembers(),
    ) | "All tallies" >> beam.Flatten()  # ((group, name), count)
    _ = tallies | "Show counters" >> ShowCounters()
    gathered = {"digests": read["digests"], "tallies": tallies, "outputs": written}
    _ = gathered | "Finish" >> Finish(
        start, partial(report, previous=plan.previous_nodes)
    )  # Manifest


def report(folder: str, manifest: Manifest, desk: Desk, previous: str | None = None) -> None:
    """Write what people read of a run whose tables are in `folder`.

    Pictures keep the places of `previous`, the graph/nodes.parquet of an earlier run.
    """
    site.write(folder, manifest, desk, before=previous)
