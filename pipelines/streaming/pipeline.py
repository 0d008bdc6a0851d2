"""The streaming pipeline: records as they arrive in, alerts and snapshots of the clusters out.

At every tick the evidence that is alive goes through the steps of the batch run, in a window of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import apache_beam as beam
import pyarrow as pa

from pipelines.batch.pipeline import kept_register, use_register
from schemas import tables
from schemas.enums import RecordKind
from transforms.alerts import AlertRules, RaiseAlerts, hold_back_alerts, known_clusters
from transforms.call_scripts import Scripts
from transforms.campaigns import FindCampaigns
from transforms.counters import (
    count_accepted,
    count_members,
    count_read,
    count_rejects,
    increment_engine_counter,
)
from transforms.decisions import DecisionsInForce, DecisionSource, ResolveDecisions
from transforms.decisions_file import DecisionRows
from transforms.erasure import Erasures
from transforms.extract import KnownLegitimate
from transforms.graph import (
    ClusteredWindow,
    PriorityWeights,
    ReadContested,
    bind_decisions,
    find_clusters,
    summarize_clusters,
)
from transforms.manifest import CounterValue, RunSettings
from transforms.private_files import PrivateKey
from transforms.read import CALLS, COMPLAINTS, REJECTS as UNREAD
from transforms.redact import mask_rejects
from transforms.reporters import SourceRules
from transforms.shuffle import MAIN, Place
from transforms.stream import (
    DELTAS,
    FINGERPRINTS,
    PHRASES,
    RECORDS,
    REJECTED,
    STATED,
    TICKS,
    VALIDATED,
    KnownMembers,
    RecordsToDeltas,
    RejectsToDeltas,
    SnapshotOptions,
    Tick,
    WriteRejects,
    collect_phrases,
    count_live_records,
    longest_retention,
    snapshot_run,
    stated_in_records,
    unexpired,
    unexpired_stated,
)
from transforms.validate import ACCEPTED, COUNTERS, REJECTS, Validate
from transforms.victim_register import RegisterSource
from transforms.victims import CLAIMS, AssignVictimRoles, VictimClaims, VictimNumbers
from transforms.write import PublishRun, Sign, WriteTables

if TYPE_CHECKING:
    from pipelines.batch.joint_pipeline import LiveEvidence


@dataclass(frozen=True)
class StreamPlan:
    """Everything that a stream needs to know.

    Attributes:
        rules: of organisations whose rows have no pseudonym (`transforms.reporters`).
        source: gives the PCollections complaints and calls (loose batches), rejects, and ticks.
        keep: `KeepState`, or a replacement where the runner has no state of its own.
        analyze: `AnalyzeTick`, or what runs it on one worker.
        drop_repeated: drops the alerts of earlier ticks, where the sinks do not.
        files: writes a file an alert, and passes the alerts on.
        sinks: the other recipients of alerts, by name, which get them when the files are there.
        erasures: records that are left out; on an engine those of its start.
    """

    rules: SourceRules
    source: beam.PTransform
    keep: beam.PTransform
    analyze: beam.PTransform
    drop_repeated: beam.PTransform | None
    files: beam.PTransform
    sinks: Mapping[str, beam.PTransform]
    erasures: Erasures = field(default_factory=Erasures)


def build(pipeline: beam.Pipeline, plan: StreamPlan) -> None:
    """Adds the whole stream to a pipeline.

    The comment behind a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    # Read and validate the records.
    read = pipeline | "Read" >> plan.source  # *_LOOSE, REJECT, Tick
    complaints = read[COMPLAINTS] | "Validate complaints" >> Validate(
        RecordKind.COMPLAINT, erasures=plan.erasures
    )  # COMPLAINT_ACCEPTED, REJECT
    calls = read[CALLS] | "Validate calls" >> Validate(
        RecordKind.CALL, erasures=plan.erasures
    )  # CALL_ACCEPTED, REJECT
    unmasked_rejects = (
        read[UNREAD],
        complaints[REJECTS],
        calls[REJECTS],
    ) | "All rejects" >> beam.Flatten()  # REJECT

    # Extract the evidence, add it to the state, and take out what is alive at every tick.
    deltas = (
        complaints[ACCEPTED]
        | "Complaint evidence" >> RecordsToDeltas(RecordKind.COMPLAINT, plan.rules),
        calls[ACCEPTED] | "Call evidence" >> RecordsToDeltas(RecordKind.CALL, plan.rules),
        unmasked_rejects | "Stated in rejects" >> RejectsToDeltas(),
    ) | "All evidence" >> beam.Flatten()  # (partition, delta)
    validated = (complaints[COUNTERS], calls[COUNTERS]) | "Of validation" >> beam.Flatten()
    arrived = {DELTAS: deltas, REJECTED: unmasked_rejects, TICKS: read[TICKS], VALIDATED: validated}
    alive = arrived | "Keep" >> plan.keep  # a window a tick, see `AnalyzeTick`

    # Cluster it, and send the alerts that are new.
    alerts = alive | "Analyze" >> plan.analyze  # ALERT
    if plan.drop_repeated is not None:
        alerts = alerts | "Drop repeated" >> plan.drop_repeated
    alerts = alerts | "Write files" >> plan.files
    for name, sink in plan.sinks.items():
        _ = alerts | f"Send to {name}" >> sink

    # Count, for the engine's own dashboard.
    counters = (
        read[COMPLAINTS] | "Count complaints" >> beam.FlatMap(count_read, RecordKind.COMPLAINT),
        read[CALLS] | "Count calls" >> beam.FlatMap(count_read, RecordKind.CALL),
        complaints[ACCEPTED]
        | "Count accepted complaints" >> beam.FlatMap(count_accepted, RecordKind.COMPLAINT),
        calls[ACCEPTED] | "Count accepted calls" >> beam.FlatMap(count_accepted, RecordKind.CALL),
        unmasked_rejects | "Count rejects" >> beam.FlatMap(count_rejects),
        validated,
    ) | "All counters" >> beam.Flatten()  # ((group, name), count)
    _ = counters | "Show counters" >> beam.FlatMap(increment_engine_counter)
    _ = (
        alerts
        | "Count alerts" >> beam.FlatMap(_count_alerts)
        | "Show alerts" >> beam.FlatMap(increment_engine_counter)
    )
    _ = (
        read[TICKS]
        | "Count ticks" >> beam.FlatMap(_count_ticks)
        | "Show ticks" >> beam.FlatMap(increment_engine_counter)
    )


@dataclass(eq=False)
class AnalyzeTick(beam.PTransform):
    """Converts the state of each tick to ALERT batches; writes rejects and due snapshots.

    These are the steps of the batch run on what is alive; `joined` takes the evidence. Without
    `snapshots` none is written, and what only they contain is not computed.
    """

    output: str
    known: KnownLegitimate
    previous: str | None
    decisions: DecisionSource
    weights: PriorityWeights
    days: Mapping[str, int]
    shards: int
    snapshots: SnapshotOptions | None
    rules: AlertRules
    register: RegisterSource | None = None
    private_key: PrivateKey | None = None
    sign: Sign | None = None
    place: Place | None = None
    joined: LiveEvidence | None = None

    def expand(self, alive: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Clusters what is alive, raises alerts, writes what is due.

        Args:
            alive: the outputs of `KeepState`, a window for each tick.
        """
        start = alive[TICKS]  # one Tick
        clock = start | "Clock" >> beam.Map(Tick.moment)  # one datetime
        in_force = clock | "Decisions" >> ResolveDecisions(
            self.decisions, None, alive[RECORDS]
        )  # one DecisionsInForce
        decided = beam.pvalue.AsSingleton(in_force)

        # Drop what has expired, and find who calls what a victim's.
        fingerprints = alive[FINGERPRINTS] | "Expire prints" >> beam.Map(
            unexpired, decided, self.days
        )
        phrases = beam.pvalue.AsSingleton(
            start | "Words" >> beam.Map(collect_phrases, beam.pvalue.AsList(alive[PHRASES]))
        )  # one batch
        all_evidence = (
            alive[MAIN] | "Expire" >> beam.Map(unexpired, decided, self.days),
            fingerprints | "Scripts" >> Scripts(start, phrases),
        ) | "All evidence" >> beam.Flatten()  # EVIDENCE
        stated = alive[STATED] | "Still stated" >> beam.Map(
            unexpired_stated, decided, longest_retention(self.days)
        )  # STATED_AT
        accepted = stated | "In records" >> beam.Map(stated_in_records)  # STATED_NUMBER
        claims = beam.pvalue.AsSingleton(accepted | "Stated numbers" >> VictimClaims(start))
        assigned = all_evidence | "Victims' roles" >> AssignVictimRoles(claims)  # EVIDENCE, CLAIM
        if self.joined is not None:
            for what, kept in ((MAIN, self.joined.evidence), (CLAIMS, self.joined.claims)):
                _ = assigned[what] | f"Keep {what} to join" >> beam.Map(kept.append)

        # Cluster it. What a tick knows of components is what the one before it met.
        previous = start | "Known clusters" >> beam.ParDo(KnownMembers(self.previous))  # PREVIOUS
        given = {
            "evidence": assigned[MAIN],
            CLAIMS: assigned[CLAIMS],
            "before": start
            | "Contested before" >> beam.ParDo(ReadContested(self.previous, self.private_key)),
        }
        if self.previous is not None:
            given["previous"] = previous
        clustered = find_clusters(
            given,
            start,
            in_force,
            self.known,
            register=use_register(start, self.register),
            place=self.place,
        )

        # Raise alerts.
        bound = bind_decisions(in_force, clustered)  # one DecisionsInForce
        known = start | "Seen against" >> beam.Map(
            known_clusters, beam.pvalue.AsIter(previous), beam.pvalue.AsSingleton(bound)
        )  # one KnownClusters
        changes = {
            "members": clustered.memberships,
            "evidence": clustered.classified,
            "links": clustered.cluster_links,
            "events": clustered.lineage,
        }
        alerts = changes | "Alerts" >> RaiseAlerts(
            self.rules, beam.pvalue.AsSingleton(known)
        )  # ALERT
        if self.register is not None:
            alerts = alerts | "Search alerts" >> beam.FlatMap(
                hold_back_alerts,
                beam.pvalue.AsIter(clustered.registered),
                self.register,
                self.output,
            )  # ALERT

        # Write the rejects, without victims' numbers, and a snapshot where one is due.
        withheld = (clustered.withheld, stated) | "All victims" >> beam.Flatten()
        victim_numbers = beam.pvalue.AsSingleton(
            withheld | "Victims' numbers" >> VictimNumbers(start)
        )
        _ = bound | "Keep decisions" >> beam.FlatMap(self.decisions.keep)
        _ = (
            alive[REJECTED]
            | "Mask rejects" >> beam.Map(mask_rejects, victim_numbers)
            | "Write rejects" >> WriteRejects(self.output)
        )
        if self.snapshots is not None:
            due = start | "Snapshot" >> beam.FlatMap(
                snapshot_run, self.snapshots
            )  # one RunSettings, where one is due
            runs = due | "With decisions" >> beam.Map(_with_decisions_file, decided)
            self._write_snapshots(alive, clustered, bound, runs)
        return alerts

    def _write_snapshots(
        self,
        alive: Mapping[str, beam.PCollection],
        clustered: ClusteredWindow,
        bound: beam.PCollection,
        runs: beam.PCollection,
    ) -> None:
        """Writes each snapshot as a run of its own."""
        summaries = summarize_clusters(clustered, bound, self.weights)
        outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
            tables.ENTITIES.name: clustered.entities,
            tables.LINKS.name: clustered.links,
            tables.CLUSTERS.name: summaries.clusters,
            tables.MEMBERS.name: summaries.members,
            tables.SUPPLIERS.name: summaries.suppliers,
            tables.CAMPAIGNS.name: clustered.classified
            | "Find campaigns" >> FindCampaigns(clustered.assigned),
            tables.LINEAGE.name: clustered.lineage,
            tables.DECISIONS.name: bound
            | "Decided" >> DecisionRows(clustered.withheld, clustered.contested),
            tables.CONTESTED.name: clustered.contested,
            **kept_register(runs, clustered, self.register),
        }
        written = outputs | "Write tables" >> WriteTables(runs, self.shards)  # OutputFile
        counters = (
            alive[COUNTERS],
            alive[RECORDS] | "Count records" >> beam.FlatMap(count_live_records),
            *clustered.counters,
            bound | "Count decisions" >> beam.FlatMap(DecisionsInForce.counters),
            summaries.clusters | "Count members" >> beam.FlatMap(count_members),
            summaries.counters,
        ) | "All counters" >> beam.Flatten()  # ((group, name), count)
        digests = alive[TICKS] | "No files" >> beam.FlatMap(_no_digests)
        gathered = {"digests": digests, "counters": counters, "outputs": written}
        _ = gathered | "Finish" >> PublishRun(runs, _no_report, self.sign)  # Manifest


def _with_decisions_file(run: RunSettings, decided: DecisionsInForce) -> RunSettings:
    """Returns the settings of a snapshot with the decisions file as its tick read it."""
    return replace(run, options={**run.options, "decisions": decided.file})


def _count_alerts(alerts: pa.RecordBatch) -> Iterator[CounterValue]:
    yield ("alerts", "written"), alerts.num_rows


def _count_ticks(_: object) -> Iterator[CounterValue]:
    yield ("live", "ticks"), 1


def _no_digests(_: object) -> Iterator[Mapping[str, object]]:
    yield from ()


def _no_report(*_: object) -> None:
    """Writes nothing: a snapshot is tables alone."""
