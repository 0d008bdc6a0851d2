"""The steps from records to a run that a batch, a join, a stream and the public transforms share.

The comment after a step names its elements: Arrow RecordBatches with the schema of that name
(`schemas`), unless it says otherwise. `start` and `runs` have one element for each window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from pipelines.options import Json
from schemas import tables
from schemas.enums import RecordKind
from transforms.custody import PrivateKey
from transforms.decisions import DecisionRows, DecisionsInForce
from transforms.engine import MAIN, batches_of, count_members
from transforms.extract import (
    EVIDENCE_ROWS,
    FINGERPRINTS,
    RECORDS,
    STATED,
    Extract,
    KnownLegitimate,
    Scripts,
)
from transforms.graph import (
    ClusteredWindow,
    FileDigest,
    PriorityWeights,
    ReadComponentCache,
    ReadContested,
    ReadPreviousMembers,
    RegisterUse,
    bind_decisions,
    find_clusters,
    gone_from_versions,
    summarize_clusters,
)
from transforms.read import CALLS, COMPLAINTS, REJECTS
from transforms.validate import (
    ACCEPTED,
    COUNTERS,
    REJECTS as REFUSED,
    REPLACED,
    Deduplicate,
    Validate,
)
from transforms.values import SourceRules
from transforms.victims import (
    AssignVictimRoles,
    KeepRegister,
    ReadRegister,
    RegisterSource,
    VictimClaims,
    paper_changes,
    stated_victim_numbers,
)
from transforms.write import PublishRun, Record, Sign, WriteReport, WriteTables

Collections = Mapping[str, Any]
"""PCollections by name."""

KINDS = {COMPLAINTS: RecordKind.COMPLAINT, CALLS: RecordKind.CALL}


@dataclass(frozen=True)
class PreviousRun:
    """The previous run; all fields are empty if there is none.

    `members` are paths. `components` are paths of its islands/, with their SHA-256. `nodes` is its
    graph/nodes.parquet, with the places in its figures, if it exists.
    """

    folder: str | None = None
    run_id: str | None = None
    members: tuple[str, ...] = ()
    components: tuple[FileDigest, ...] = ()
    nodes: str | None = None


FOLLOWS_NONE = PreviousRun()


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The inputs of a run, except its records.

    Attributes:
        known: known-legitimate identifiers.
        decisions: a tuple of the analysts' decisions; in a stream, their `DecisionSource`.
        weights: weights that rank the clusters.
        previous: the previous run.
        private_key: the key of the private files of earlier runs.
        register: the victim registers of earlier runs; None without a key for them.
        sign: the function that signs the run, if there is a key.
    """

    known: KnownLegitimate
    decisions: Any
    weights: PriorityWeights
    previous: PreviousRun = FOLLOWS_NONE
    private_key: PrivateKey | None = None
    register: RegisterSource | None = None
    sign: Sign | None = None


class Validated(NamedTuple):
    """The accepted rows by name, the rejects of reading and validating, and counters."""

    accepted: Json
    rejects: Any
    counters: list[Any]


def validate(read: Collections, **settings: Any) -> Validated:
    """Validates the complaints and calls that were read; `settings` go to `Validate`."""
    checked: Json = {
        name: read[name] | f"Validate {name}" >> Validate(kind, **settings)
        for name, kind in KINDS.items()
        if name in read
    }  # *_ACCEPTED, REJECT, counters
    rejects = [read[REJECTS]] if REJECTS in read else []
    rejects += [rows[REFUSED] for rows in checked.values()]
    return Validated(
        {name: rows[ACCEPTED] for name, rows in checked.items()},
        rejects | "All rejects" >> beam.Flatten(),  # REJECT
        [rows[COUNTERS] for rows in checked.values()],
    )


class Extracted(NamedTuple):
    """The results of extraction. `accepted` (a row for each id) and `read` are by name.

    `evidence` has EVIDENCE batches, `stated` STATED_NUMBER batches, `counters` count duplicates.
    `gone` has the identifiers of replaced versions (GONE).
    """

    accepted: Json
    read: Json
    evidence: Any
    stated: Any
    gone: Any
    counters: list[Any]


def extract(accepted: Collections, rules: SourceRules, start: beam.PCollection) -> Extracted:
    """Extracts from each record once. Of a replaced version, only its stated numbers count."""
    kinds = {name: kind for name, kind in KINDS.items() if name in accepted}
    unique: Json = {
        name: accepted[name] | f"One {kind} an id" >> Deduplicate(kind)
        for name, kind in kinds.items()
    }  # *_ACCEPTED, counters
    read: Json = {
        name: unique[name][MAIN] | f"Extract from {name}" >> Extract(kind, rules)
        for name, kind in kinds.items()
    }  # *_READ, EVIDENCE, STATED_NUMBER, FINGERPRINT_ROW_WITH_WORDS
    stated = [rows[STATED] for rows in read.values()] + [
        unique[name][REPLACED]
        | f"Stated in replaced {name}" >> beam.Map(stated_victim_numbers, kind, rules)
        for name, kind in kinds.items()
    ]
    gone = tuple(
        unique[name][REPLACED] | f"Gone from {name}" >> beam.Map(gone_from_versions, kind, rules)
        for name, kind in kinds.items()
    )
    evidence = [rows[EVIDENCE_ROWS] for rows in read.values()]
    if COMPLAINTS in read:
        evidence.append(read[COMPLAINTS][FINGERPRINTS] | "Scripts" >> Scripts(start))
    return Extracted(
        {name: rows[MAIN] for name, rows in unique.items()},
        {name: rows[RECORDS] for name, rows in read.items()},
        evidence | "All evidence" >> beam.Flatten(),  # EVIDENCE
        stated | "All stated" >> beam.Flatten(),  # STATED_NUMBER
        gone | "All gone" >> beam.Flatten(),  # GONE
        [rows[COUNTERS] for rows in unique.values()],
    )


def assign_roles(evidence: Any, stated: Any, start: beam.PCollection) -> Any:
    """Sets the role of identifiers that reporters state as a victim's: EVIDENCE (MAIN), CLAIM."""
    claims = AsSingleton(stated | "Stated numbers" >> VictimClaims(start))
    return evidence | "Victims' roles" >> AssignVictimRoles(claims)


def read_previous(start: beam.PCollection, previous: PreviousRun) -> tuple[Json, Any]:
    """Reads the previous run's clusters and components for `Graph.of`; also returns counters."""
    components = start | "Previous components" >> ReadComponentCache(previous.components)
    known = {"components": components[MAIN]}  # COMPONENT
    if previous.members:
        members = ReadPreviousMembers(previous.members)
        known["previous"] = start | "Previous members" >> members  # PREVIOUS
    return known, components["counters"]


@dataclass(frozen=True)
class Graph:
    """The clusters of each window.

    Attributes:
        plan: the run's plan.
        clustered: the clusters.
        bound: a single DecisionsInForce, bound to the clusters.
    """

    plan: RunPlan
    clustered: ClusteredWindow
    bound: Any

    @classmethod
    def of(
        cls,
        evidence: Collections,
        start: beam.PCollection,
        in_force: beam.PCollection,
        plan: RunPlan,
        contested_in: str | None = None,
        **more: Any,
    ) -> Graph:
        """Clusters evidence.

        Args:
            evidence: the collections that `find_clusters` takes, except `before`.
            start: one element for each window.
            in_force: a single DecisionsInForce.
            plan: the run's plan.
            contested_in: folder of the run that has the contested identifiers, if any.
            more: further arguments of `find_clusters`.
        """
        read = beam.ParDo(ReadContested(contested_in, plan.private_key))
        before = start | "Contested before" >> read  # CONTESTED_BEFORE
        register = None
        if plan.register is not None:
            known = start | "Victim register" >> beam.ParDo(ReadRegister(plan.register))
            register = RegisterUse(plan.register.key, AsSingleton(known))  # one VictimRegister
        clustered = find_clusters(
            {**evidence, "before": before}, start, in_force, plan.known, register=register, **more
        )
        return cls(plan, clustered, bind_decisions(in_force, clustered))

    @cached_property
    def summaries(self) -> Any:
        """The summaries of the clusters."""
        return summarize_clusters(self.clustered, self.bound, self.plan.weights)

    def tables(
        self, runs: beam.PCollection, complaints: beam.PCollection | None = None
    ) -> dict[str, beam.PCollection]:
        """Returns the tables of clusters that every run has, by name.

        With `complaints` (COMPLAINT_READ), the register also gets their document numbers.
        """
        clustered, summaries, register = self.clustered, self.summaries, self.plan.register
        outputs = {
            tables.ENTITIES.name: clustered.entities,
            tables.LINKS.name: clustered.links,
            tables.CLUSTERS.name: summaries.clusters,
            tables.MEMBERS.name: summaries.members,
            tables.SUPPLIERS.name: summaries.suppliers,
            tables.LINEAGE.name: clustered.lineage,
            tables.DECISIONS.name: self.bound
            | "Decided" >> DecisionRows(clustered.withheld, clustered.contested),
            tables.CONTESTED.name: clustered.contested,
        }
        if register is None:
            return outputs
        changes = clustered.registered  # REGISTER_CHANGE
        if complaints is not None:
            papers = complaints | "Papers" >> beam.FlatMap(
                lambda batch, key: batches_of(paper_changes(batch, key)), register.key
            )
            changes = (changes, papers) | "With papers" >> beam.Flatten()
        kept = changes | "Keep register" >> KeepRegister(register, runs)  # VICTIM_ENTRY
        return outputs | {tables.VICTIMS.name: kept}

    def counters(self) -> list[beam.PCollection]:
        """Returns the counters of clustering: ((group, name), count)."""
        return [
            *self.clustered.counters,
            self.bound | "Count decisions" >> beam.FlatMap(DecisionsInForce.counters),
            self.summaries.clusters | "Count members" >> beam.FlatMap(count_members),
            self.summaries.counters,
        ]


def publish(
    runs: beam.PCollection,
    outputs: Collections,
    counters: Iterable[beam.PCollection],
    digests: beam.PCollection,
    report: WriteReport | None,
    sign: Sign | None,
    *,
    shards: int = 1,
    record: Record = nullcontext,
) -> Any:
    """Writes tables, the report if any, and the manifest; returns all counters together."""
    written = outputs | "Write tables" >> WriteTables(runs, shards)  # OutputFile
    counted = tuple(counters) | "All counters" >> beam.Flatten()  # ((group, name), count)
    gathered = {"digests": digests, "counters": counted, "outputs": written}
    _ = gathered | "Finish" >> PublishRun(runs, report, sign, record)  # Manifest
    return counted
