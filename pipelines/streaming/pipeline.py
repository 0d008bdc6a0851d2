"""The streaming pipeline: from arriving records to alerts and snapshots of the clusters.

At every tick, the evidence that is alive goes through the steps of a batch run, in its own window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.pvalue import AsIter, AsList, AsSingleton

from pipelines.wiring import KINDS, Graph, RunPlan, assign_roles, publish, validate
from schemas import tables
from schemas.enums import RecordKind
from transforms.alerts import AlertRules, RaiseAlerts, hold_back_alerts, known_clusters
from transforms.campaigns import FindCampaigns
from transforms.custody import Erasures, RunSettings
from transforms.decisions import DecisionsInForce, ResolveDecisions
from transforms.engine import (
    MAIN,
    Place,
    count_accepted,
    count_read,
    count_rejects,
    increment_engine_counter,
)
from transforms.extract import Scripts
from transforms.read import CALLS, COMPLAINTS
from transforms.redact import mask_rejects
from transforms.stream import (
    DELTAS,
    FINGERPRINTS,
    KEYED_BY_PARTITION,
    PHRASES,
    RECORDS,
    REJECTED,
    STATED,
    TICKS,
    VALIDATED,
    KnownMembers,
    SnapshotOptions,
    Tick,
    WriteRejects,
    count_live_records,
    deltas_of_records,
    deltas_of_rejects,
    gone_of,
    longest_retention,
    shown_phrases,
    snapshot_run,
    stated_in_records,
    unexpired,
    unexpired_stated,
)
from transforms.validate import COUNTERS
from transforms.values import SourceRules
from transforms.victims import CLAIMS, VictimNumbers

if TYPE_CHECKING:
    from pipelines.batch.joint_pipeline import LiveEvidence


@dataclass(frozen=True)
class StreamPlan:
    """The inputs of a stream.

    Attributes:
        rules: rules for organisations whose rows have no pseudonym (`transforms.values.reporters`).
        source: step that returns the PCollections complaints and calls (loose batches), rejects,
            and ticks.
        keep: `KeepState`, or a replacement if the runner has no state.
        analyze: `AnalyzeTick`, or a step that runs it on one worker.
        drop_repeated: step that drops alerts of earlier ticks, if the sinks do not.
        files: step that writes a file for each alert, and passes the alerts on.
        sinks: other recipients of alerts, by name; they get alerts once the files are written.
        erasures: erased records, which are left out; on an engine, as read at its start.
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

    The comment after a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    # Read and validate the records.
    read = pipeline | "Read" >> plan.source  # *_LOOSE, REJECT, Tick
    valid = validate(read, erasures=plan.erasures)  # *_ACCEPTED, REJECT, counters

    # Extract the evidence, add it to the state, and at every tick take the evidence that is alive.
    deltas = (
        *(
            rows
            | f"{KINDS[name].title()} evidence"
            >> beam.FlatMap(deltas_of_records, KINDS[name], plan.rules).with_output_types(
                KEYED_BY_PARTITION
            )
            for name, rows in valid.accepted.items()
        ),
        valid.rejects
        | "Stated in rejects"
        >> beam.FlatMap(deltas_of_rejects).with_output_types(KEYED_BY_PARTITION),
    ) | "All evidence" >> beam.Flatten()  # (partition, delta)
    validated = tuple(valid.counters) | "Of validation" >> beam.Flatten()
    arrived = {DELTAS: deltas, REJECTED: valid.rejects, TICKS: read[TICKS], VALIDATED: validated}
    alive = arrived | "Keep" >> plan.keep  # a window for each tick, see `AnalyzeTick`

    # Cluster the evidence, and send the new alerts.
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
        *(
            rows | f"Count accepted {name}" >> beam.FlatMap(count_accepted, KINDS[name])
            for name, rows in valid.accepted.items()
        ),
        valid.rejects | "Count rejects" >> beam.FlatMap(count_rejects),
        validated,
    ) | "All counters" >> beam.Flatten()  # ((group, name), count)
    # Flink's fuser fails if collections of other windows are among them.
    live = {
        "counters": counters,
        "alerts": alerts
        | "Count alerts" >> beam.Map(lambda rows: (("alerts", "written"), rows.num_rows)),
        "ticks": read[TICKS] | "Count ticks" >> beam.Map(lambda _: (("live", "ticks"), 1)),
    }
    for name, counted in live.items():
        _ = counted | f"Show {name}" >> beam.FlatMap(increment_engine_counter)


@dataclass(eq=False)
class AnalyzeTick(beam.PTransform):
    """Converts the state of each tick to ALERT batches; writes rejects and due snapshots.

    It applies the steps of a batch run to the evidence that is alive; `joined` takes this evidence.
    Without `snapshots`, no snapshot is written, and tables only for snapshots are not computed.
    """

    plan: RunPlan
    output: str
    days: Mapping[str, int]
    shards: int
    snapshots: SnapshotOptions | None
    rules: AlertRules
    place: Place | None = None
    joined: LiveEvidence | None = None

    def expand(self, alive: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Clusters the evidence that is alive, raises alerts, writes rejects and a due snapshot.

        Args:
            alive: the outputs of `KeepState`, a window for each tick.
        """
        start, plan = alive[TICKS], self.plan  # one Tick
        clock = start | "Clock" >> beam.Map(Tick.moment)  # one datetime
        in_force = clock | "Decisions" >> ResolveDecisions(
            plan.decisions, None, alive[RECORDS]
        )  # one DecisionsInForce
        decided = AsSingleton(in_force)

        # Drop expired evidence, and find the identifiers that reporters call a victim's.
        fingerprints = alive[FINGERPRINTS] | "Expire prints" >> beam.Map(
            unexpired, decided, self.days
        )
        phrases = AsSingleton(
            start | "Words" >> beam.Map(lambda _, rows: shown_phrases(rows), AsList(alive[PHRASES]))
        )  # one batch
        all_evidence = (
            alive[MAIN] | "Expire" >> beam.Map(unexpired, decided, self.days),
            fingerprints | "Scripts" >> Scripts(start, phrases),
        ) | "All evidence" >> beam.Flatten()  # EVIDENCE
        stated = alive[STATED] | "Still stated" >> beam.Map(
            unexpired_stated, decided, longest_retention(self.days)
        )  # STATED_AT
        accepted = stated | "In records" >> beam.Map(stated_in_records)  # STATED_NUMBER
        assigned = assign_roles(all_evidence, accepted, start)  # EVIDENCE, CLAIM
        if self.joined is not None:
            for name, kept in ((MAIN, self.joined.evidence), (CLAIMS, self.joined.claims)):
                _ = assigned[name] | f"Keep {name} to join" >> beam.Map(kept.append)

        # Cluster the evidence. A tick knows the components that the tick before met.
        folder = plan.previous.folder
        previous = start | "Known clusters" >> beam.ParDo(KnownMembers(folder))  # PREVIOUS
        gone = alive[RECORDS] | "Gone" >> beam.Map(gone_of)  # GONE
        evidence = {"evidence": assigned[MAIN], CLAIMS: assigned[CLAIMS], "gone": gone}
        if folder is not None:
            evidence["previous"] = previous
        graph = Graph.of(evidence, start, in_force, plan, folder, place=self.place)
        clustered = graph.clustered

        # Raise alerts.
        known = start | "Seen against" >> beam.Map(
            known_clusters, AsIter(previous), AsSingleton(graph.bound)
        )  # one KnownClusters
        changes = {
            "members": clustered.memberships,
            "evidence": clustered.classified,
            "links": clustered.cluster_links,
            "events": clustered.lineage,
        }
        alerts = changes | "Alerts" >> RaiseAlerts(self.rules, AsSingleton(known))  # ALERT
        if plan.register is not None:
            alerts = alerts | "Search alerts" >> beam.FlatMap(
                hold_back_alerts, AsIter(clustered.registered), plan.register, self.output
            )  # ALERT

        # Write the rejects, without victims' numbers, and a snapshot if it is due.
        withheld = (clustered.withheld, stated) | "All victims" >> beam.Flatten()
        victim_numbers = AsSingleton(withheld | "Victims' numbers" >> VictimNumbers(start))
        _ = graph.bound | "Keep decisions" >> beam.FlatMap(plan.decisions.keep)
        _ = (
            alive[REJECTED]
            | "Mask rejects" >> beam.Map(mask_rejects, victim_numbers)
            | "Write rejects" >> WriteRejects(self.output)
        )
        if self.snapshots is not None:
            due = start | "Snapshot" >> beam.FlatMap(
                snapshot_run, self.snapshots
            )  # one RunSettings, if a snapshot is due
            runs = due | "With decisions" >> beam.Map(_with_decisions_file, decided)
            outputs = graph.tables(runs)
            outputs[tables.CAMPAIGNS.name] = clustered.classified | (
                "Find campaigns" >> FindCampaigns(clustered.assigned)
            )
            counters = (
                alive[COUNTERS],
                alive[RECORDS] | "Count records" >> beam.FlatMap(count_live_records),
                *graph.counters(),
            )
            digests = start | "No files" >> beam.FlatMap(lambda _: ())
            publish(runs, outputs, counters, digests, None, plan.sign, shards=self.shards)
        return alerts


def _with_decisions_file(run: RunSettings, decided: DecisionsInForce) -> RunSettings:
    """Returns the settings of a snapshot, with the decisions file that its tick read."""
    return replace(run, options={**run.options, "decisions": decided.file})
