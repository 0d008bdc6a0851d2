"""The streaming pipeline: records as they arrive in, alerts and snapshots of the clusters out.

At every tick the evidence that is alive is handed to the steps of the batch run, in a window of its
own. `python -m pipelines.streaming` and `ringtrace stream` are the same program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import apache_beam as beam
import pyarrow as pa

from schemas import tables
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from transforms.alerts.raise_alerts import RaiseAlerts
from transforms.alerts.rules import Rules, SeenAgainst
from transforms.call_scripts.transform import ScriptsUnread
from transforms.counters import CountAccepted, CountMembers, CountRead, CountRejects, ShowCounters
from transforms.decisions import CountDecisions, Decision, Decisions
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph.leiden import KnownIslands
from transforms.graph.priority import Weights
from transforms.graph.transform import Clustered, find_clusters, summarise_clusters
from transforms.manifest import Tally
from transforms.read.read_records import CALLS, COMPLAINTS
from transforms.read.read_records import REJECTS as UNREAD
from transforms.redact.rejects import mask_rejects
from transforms.shuffle import MAIN
from transforms.stream.delta import Words, still_stated
from transforms.stream.snapshots import KnownMembers, SnapshotRuns, Snapshots, WriteRejects
from transforms.stream.state import (
    BLOCKS,
    PRINTED,
    RECORDS,
    REJECTED,
    SAID,
    STATED,
    TICKS,
    Show,
    ShowRefused,
    count_live,
    longest,
    young,
    young_printed,
)
from transforms.validate import ACCEPTED, REJECTS, TALLIES, Validate
from transforms.victims.number_index import VictimNumbers
from transforms.victims.stated_numbers import without_victims
from transforms.write.job_pool import Desk
from transforms.write.publish import Finish
from transforms.write.tables import WriteTables

AHEAD = timedelta(days=1)
"""How far before the clock a record may be: clocks differ, and a far future would age the rest."""


@dataclass(frozen=True)
class StreamPlan:
    """Everything that a stream needs to know.

    `source` gives the PCollections complaints and calls (loose batches), rejects, and ticks; `keep`
    is `Keep`, or what stands in for it where the runner has no state of its own, and `look` is
    `Look`, or what runs it at one place. `tell` names who is told of alerts; `once` holds back
    those of earlier ticks, where the sinks do not.
    """

    source: beam.PTransform
    keep: beam.PTransform
    look: beam.PTransform
    once: beam.PTransform | None
    tell: Mapping[str, beam.PTransform]


def build(pipeline: beam.Pipeline, plan: StreamPlan) -> None:
    """Add the whole stream to a pipeline. Elements are Arrow RecordBatches unless said."""
    read = pipeline | "Read" >> plan.source  # *_LOOSE, REJECT, Tick
    complaints = read[COMPLAINTS] | "Validate complaints" >> Validate(
        RecordKind.COMPLAINT, ahead=AHEAD
    )  # COMPLAINT_ACCEPTED, REJECT
    calls = read[CALLS] | "Validate calls" >> Validate(RecordKind.CALL, ahead=AHEAD)
    refused = (
        read[UNREAD],
        complaints[REJECTS],
        calls[REJECTS],
    ) | "All rejects" >> beam.Flatten()  # REJECT, not yet masked
    blocks = (
        complaints[ACCEPTED] | "Complaint evidence" >> Show(RecordKind.COMPLAINT),
        calls[ACCEPTED] | "Call evidence" >> Show(RecordKind.CALL),
        refused | "Stated in rejects" >> ShowRefused(),
    ) | "All evidence" >> beam.Flatten()  # (partition, Block)
    arrived = {BLOCKS: blocks, REJECTED: refused, TICKS: read[TICKS]}
    kept = (
        arrived | "Keep" >> plan.keep
    )  # LIVE, RECORD, STATED_AT, LIVE_PRINTED, SAID, REJECT, tallies: a window a tick

    alerts = kept | "Look" >> plan.look  # ALERT
    if plan.once is not None:
        alerts = alerts | "Once" >> plan.once
    for name, sink in plan.tell.items():
        _ = alerts | f"Tell {name}" >> sink

    tallies = (
        read[COMPLAINTS] | "Count complaints" >> CountRead(RecordKind.COMPLAINT),
        read[CALLS] | "Count calls" >> CountRead(RecordKind.CALL),
        complaints[ACCEPTED] | "Count accepted complaints" >> CountAccepted(RecordKind.COMPLAINT),
        calls[ACCEPTED] | "Count accepted calls" >> CountAccepted(RecordKind.CALL),
        refused | "Count rejects" >> CountRejects(),
    ) | "All tallies" >> beam.Flatten()  # ((group, name), count)
    _ = tallies | "Show counters" >> ShowCounters()
    _ = alerts | "Count alerts" >> beam.FlatMap(_told) | "Show alerts" >> ShowCounters()
    _ = read[TICKS] | "Count ticks" >> beam.FlatMap(_ticked) | "Show ticks" >> ShowCounters()


@dataclass(eq=False)
class Look(beam.PTransform):
    """What `Keep` hands out to ALERT batches, window by window; rejects and snapshots are written.

    These are the steps of the batch run on what is alive. Without `snapshots` none is written, and
    what only they hold is not worked out.
    """

    output: str
    known: KnownLegitimate
    previous: str | None
    decisions: tuple[Decision, ...]
    weights: Weights
    days: Mapping[str, int]
    shards: int
    snapshots: Snapshots | None
    rules: Rules

    def expand(self, kept: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Cluster, raise alerts, write what is due."""
        start = kept[TICKS]  # one Tick
        in_force = (kept[RECORDS],) | "Decisions" >> Decisions(self.decisions, None, start)
        decided = beam.pvalue.AsSingleton(in_force)
        texts = kept[PRINTED] | "Expire prints" >> beam.Map(young_printed, decided, self.days)
        words = beam.pvalue.AsSingleton(kept[SAID] | "Words" >> Words(start))  # one WORDED batch
        evidence = (
            kept[MAIN] | "Expire" >> beam.Map(young, decided, self.days),
            texts | "Scripts" >> ScriptsUnread(start, words),
        ) | "All evidence" >> beam.Flatten()  # EVIDENCE
        stated = kept[STATED] | "Still stated" >> beam.Map(
            still_stated, decided, longest(self.days)
        )  # STATED
        victims = beam.pvalue.AsSingleton(stated | "Stated numbers" >> VictimNumbers(start))
        evidence = evidence | "Without victims" >> beam.Map(without_victims, victims)
        previous = start | "Known clusters" >> KnownMembers(self.previous)  # PREVIOUS
        # What a tick knows of islands is what the one before it met.
        nothing = start | "No islands" >> KnownIslands(())
        found = find_clusters(
            evidence,
            start,
            in_force,
            previous,
            nothing[MAIN],
            self.known,
            follows=self.previous is not None,
        )

        known = start | "Seen against" >> SeenAgainst(previous, decided)  # one Known
        told = {
            "members": found.memberships,
            "evidence": found.classified,
            "links": found.cluster_links,
            "events": found.lineage,
        }
        alerts = told | "Alerts" >> RaiseAlerts(self.rules, beam.pvalue.AsSingleton(known))  # ALERT

        hidden = (found.hidden, stated) | "All victims" >> beam.Flatten()
        numbers = beam.pvalue.AsSingleton(hidden | "Victims' numbers" >> VictimNumbers(start))
        _ = (
            kept[REJECTED]
            | "Mask rejects" >> beam.Map(mask_rejects, numbers)
            | "Write rejects" >> WriteRejects(self.output)
        )

        if self.snapshots is not None:
            runs = start | "Snapshot" >> SnapshotRuns(self.snapshots)  # one Run, where one is due
            self._write(kept, found, in_force, runs)
        return alerts

    def _write(
        self,
        kept: Mapping[str, beam.PCollection],
        found: Clustered,
        in_force: beam.PCollection,
        runs: beam.PCollection,
    ) -> None:
        """A snapshot, as a run of its own."""
        told = summarise_clusters(found, in_force, self.weights)
        outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
            tables.ENTITIES.name: found.entities,
            tables.LINKS.name: found.links,
            tables.CLUSTERS.name: told.clusters,
            tables.MEMBERS.name: told.members,
            tables.SUPPLIERS.name: told.suppliers,
            tables.LINEAGE.name: found.lineage,
        }
        written = outputs | "Write tables" >> WriteTables(runs, self.shards)  # OutputFile
        tallies = (
            kept[TALLIES],
            kept[RECORDS] | "Count records" >> beam.FlatMap(count_live),
            *found.tallies,
            in_force | "Count decisions" >> CountDecisions(),
            told.clusters | "Count members" >> CountMembers(),
        ) | "All tallies" >> beam.Flatten()  # ((group, name), count)
        digests = kept[TICKS] | "No files" >> beam.FlatMap(_nothing)
        gathered = {"digests": digests, "tallies": tallies, "outputs": written}
        _ = gathered | "Finish" >> Finish(runs, _no_report)  # Manifest


def _told(alerts: pa.RecordBatch) -> Iterator[Tally]:
    yield ("alerts", "told"), alerts.num_rows


def _ticked(_: object) -> Iterator[Tally]:
    yield ("live", "ticks"), 1


def _nothing(_: object) -> Iterator[Mapping[str, object]]:
    yield from ()


def _no_report(_: str, __: Manifest, ___: Desk) -> None:
    """A snapshot is tables alone."""
