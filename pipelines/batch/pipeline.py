"""The batch pipeline: complaint files and call records in, clusters and a report out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports.pieces import texts_of_data
from reports.run import Run
from reports.workbench import STATIC_FILES, write_workbench
from schemas import tables
from schemas.complaint import NARRATIVE
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from transforms.arrow_util import sorted_unique
from transforms.call_scripts import Scripts
from transforms.campaigns import FindCampaigns
from transforms.counters import count_members, count_read, count_rejects, increment_engine_counter
from transforms.decisions import Decision, DecisionsInForce, ResolveDecisions
from transforms.decisions_file import DecisionRows
from transforms.deduplicate import REPLACED, Deduplicate
from transforms.erasure import Erasures, RegisterKey
from transforms.exit_scan import hold_back_written, withheld_by_run
from transforms.extract import (
    EVIDENCE_ROWS,
    FINGERPRINTS,
    RECORDS,
    STATED,
    Extract,
    KnownLegitimate,
)
from transforms.gc_tuning import gc_paused
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
    summarize_clusters,
)
from transforms.manifest import RunSettings
from transforms.private_files import PrivateStore
from transforms.read import InputFile, ReadOptions, ReadRecords
from transforms.redact import (
    RedactRecords,
    mask_names,
    mask_rejects,
    redact_mentions,
    stated_victim_numbers_in_rejects,
)
from transforms.reporters import SourceRules
from transforms.shuffle import MAIN, batches_of
from transforms.validate import ACCEPTED, COUNTERS, REJECTS, Validate
from transforms.victim_register import (
    KeepRegister,
    ReadRegister,
    RegisterSource,
    own_register,
    paper_changes,
)
from transforms.victims import (
    CLAIMS,
    AssignVictimRoles,
    VictimClaims,
    VictimNumbers,
    stated_victim_numbers,
)
from transforms.write import JobPool, PublishRun, Sign, WriteTables


@dataclass(frozen=True)
class BatchPlan:
    """Everything that one batch run needs to know, with its files recognized."""

    files: tuple[InputFile, ...]
    reading: ReadOptions
    known: KnownLegitimate
    as_of: datetime | None
    previous: str | None
    previous_members: tuple[str, ...]
    previous_components: tuple[FileDigest, ...]
    previous_nodes: str | None
    decisions: tuple[Decision, ...]
    simulated: frozenset[str]
    rules: SourceRules
    weights: PriorityWeights
    shards: int
    run: RunSettings
    register: RegisterSource | None = None
    keep_narratives: bool = False
    mask_names: bool = False
    erasures: Erasures = field(default_factory=Erasures)
    sign: Sign | None = None


def build(pipeline: beam.Pipeline, plan: BatchPlan) -> None:
    """Adds the whole batch run to a pipeline.

    The comment behind a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one Run

    # Read, validate and deduplicate the records.
    read = pipeline | "Read" >> ReadRecords(plan.files, plan.reading)  # *_LOOSE, REJECT, digests
    complaints = read["complaints"] | "Validate complaints" >> Validate(
        RecordKind.COMPLAINT, plan.as_of, plan.run.clock, plan.erasures
    )  # COMPLAINT_ACCEPTED, REJECT, counters
    calls = read["calls"] | "Validate calls" >> Validate(
        RecordKind.CALL, plan.as_of, plan.run.clock, plan.erasures
    )  # CALL_ACCEPTED, REJECT, counters
    unique_complaints = complaints[ACCEPTED] | "One complaint an id" >> Deduplicate(
        RecordKind.COMPLAINT
    )  # COMPLAINT_ACCEPTED, counters
    unique_calls = calls[ACCEPTED] | "One call an id" >> Deduplicate(
        RecordKind.CALL
    )  # CALL_ACCEPTED, counters
    unmasked_rejects = (
        read["rejects"],
        complaints[REJECTS],
        calls[REJECTS],
    ) | "All rejects" >> beam.Flatten()  # REJECT

    # Read each record once: what it shows, and whose numbers it says. Of a replaced version only
    # the latter counts.
    from_complaints = unique_complaints[MAIN] | "Extract from complaints" >> Extract(
        RecordKind.COMPLAINT, plan.rules
    )  # COMPLAINT_READ, EVIDENCE, STATED_NUMBER, FINGERPRINT_ROW_WITH_WORDS
    from_calls = unique_calls[MAIN] | "Extract from calls" >> Extract(
        RecordKind.CALL, plan.rules
    )  # CALL_READ, EVIDENCE, STATED_NUMBER
    stated = (
        from_complaints[STATED],
        from_calls[STATED],
        unique_complaints[REPLACED]
        | "Stated in replaced complaints"
        >> beam.Map(stated_victim_numbers, RecordKind.COMPLAINT, plan.rules),
        unique_calls[REPLACED]
        | "Stated in replaced calls"
        >> beam.Map(stated_victim_numbers, RecordKind.CALL, plan.rules),
    ) | "All stated" >> beam.Flatten()  # STATED_NUMBER
    claims = beam.pvalue.AsSingleton(stated | "Stated numbers" >> VictimClaims(start))
    all_evidence = (
        from_complaints[EVIDENCE_ROWS],
        from_calls[EVIDENCE_ROWS],
        from_complaints[FINGERPRINTS] | "Scripts" >> Scripts(start),
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE
    assigned = all_evidence | "Victims' roles" >> AssignVictimRoles(claims)  # EVIDENCE, CLAIM

    # Cluster it, as analysts decided and as the previous run numbered the clusters.
    clock = start | "Clock" >> beam.Map(attrgetter("clock"))  # one datetime
    in_force = clock | "Decisions" >> ResolveDecisions(
        plan.decisions, plan.as_of
    )  # one DecisionsInForce
    components = start | "Previous components" >> ReadComponentCache(
        plan.previous_components
    )  # COMPONENT, counters
    given = {
        "evidence": assigned[MAIN],
        CLAIMS: assigned[CLAIMS],
        "before": start
        | "Contested before" >> beam.ParDo(ReadContested(plan.previous, plan.run.private.key)),
        "components": components[MAIN],
    }
    if plan.previous_members:
        previous = ReadPreviousMembers(plan.previous_members)
        given["previous"] = start | "Previous members" >> previous  # PREVIOUS
    clustered = find_clusters(
        given, start, in_force, plan.known, register=use_register(start, plan.register)
    )
    bound = bind_decisions(in_force, clustered)  # one DecisionsInForce
    summaries = summarize_clusters(clustered, bound, plan.weights)

    # Withhold victims' identifiers from what is written.
    stated_numbers = beam.pvalue.AsSingleton(
        stated | "Numbers stated" >> VictimNumbers(start)
    )  # Beam's fuser for Flink fails where these are flattened with what is withheld
    victim_numbers = beam.pvalue.AsSingleton(
        clustered.withheld
        | "Victims' numbers" >> VictimNumbers(start)
        | "All victims" >> beam.Map(union_of_numbers, stated_numbers)
    )
    redacted_complaints = {"records": from_complaints[RECORDS], "withheld": clustered.withheld} | (
        "Withhold from complaints" >> RedactRecords(RecordKind.COMPLAINT, victim_numbers)
    )  # COMPLAINT
    if plan.mask_names:
        redacted_complaints |= "Mask names" >> beam.Map(mask_names)  # COMPLAINT
    redacted_calls = {"records": from_calls[RECORDS], "withheld": clustered.withheld} | (
        "Withhold from calls" >> RedactRecords(RecordKind.CALL, victim_numbers)
    )  # CALL
    redacted_mentions = clustered.classified | "Mentions" >> beam.Map(
        redact_mentions, victim_numbers
    )  # MENTION
    # What a rejected row states is masked in rejects, and says nothing of any other record.
    stated_in_rejects = unmasked_rejects | "Stated in rejects" >> beam.Map(
        stated_victim_numbers_in_rejects
    )  # STATED_NUMBER
    reject_numbers = beam.pvalue.AsSingleton(
        stated_in_rejects | "Numbers in rejects" >> VictimNumbers(start)
    )
    masked_rejects = unmasked_rejects | "Mask rejects" >> beam.Map(
        mask_all_in_rejects, victim_numbers, reject_numbers
    )  # REJECT

    # Write the tables, then the report and the manifest. What is known of simulated worlds alone is
    # stated where all records are of one.
    simulated = start | "Simulated" >> beam.Map(
        all_simulated, beam.pvalue.AsIter(read["digests"]), plan.simulated
    )  # one bool
    outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
        **apart_from_narratives(redacted_complaints, keep=plan.keep_narratives),
        tables.CALLS.name: redacted_calls,
        tables.MENTIONS.name: redacted_mentions,
        tables.ENTITIES.name: clustered.entities,
        tables.LINKS.name: clustered.links,
        tables.CLUSTERS.name: summaries.clusters,
        tables.MEMBERS.name: summaries.members,
        tables.SUPPLIERS.name: summaries.suppliers,
        tables.CAMPAIGNS.name: clustered.classified
        | "Find campaigns" >> FindCampaigns(clustered.assigned, beam.pvalue.AsSingleton(simulated)),
        tables.LINEAGE.name: clustered.lineage,
        tables.COMPONENTS.name: clustered.components,
        tables.DECISIONS.name: bound
        | "Decided" >> DecisionRows(clustered.withheld, clustered.contested),
        tables.REJECTS.name: masked_rejects,
        tables.CONTESTED.name: clustered.contested,
        **kept_register(start, clustered, plan.register, from_complaints[RECORDS]),
    }
    written = outputs | "Write tables" >> WriteTables(start, plan.shards)  # OutputFile
    counters = (
        read["complaints"] | "Count complaints" >> beam.FlatMap(count_read, RecordKind.COMPLAINT),
        read["calls"] | "Count calls" >> beam.FlatMap(count_read, RecordKind.CALL),
        masked_rejects | "Count rejects" >> beam.FlatMap(count_rejects),
        complaints[COUNTERS],
        calls[COUNTERS],
        unique_complaints["counters"],
        unique_calls["counters"],
        *clustered.counters,
        clustered.cache_counters,
        components["counters"],
        bound | "Count decisions" >> beam.FlatMap(DecisionsInForce.counters),
        summaries.clusters | "Count members" >> beam.FlatMap(count_members),
        summaries.counters,
    ) | "All counters" >> beam.Flatten()  # ((group, name), count)
    _ = counters | "Show counters" >> beam.FlatMap(increment_engine_counter)
    gathered = {"digests": read["digests"], "counters": counters, "outputs": written}
    report = partial(
        write_report, previous=plan.previous, nodes=plan.previous_nodes, register=plan.register
    )
    _ = gathered | "Finish" >> PublishRun(start, report, plan.sign)  # Manifest


def apart_from_narratives(
    complaints: beam.PCollection, *, keep: bool
) -> dict[str, beam.PCollection]:
    """Returns complaints, and their narratives apart, by the names of their tables.

    With `keep` narratives stay in complaints/.
    """
    if keep:
        return {tables.COMPLAINTS.name: complaints}
    return {
        tables.COMPLAINTS.name: complaints | "Without narratives" >> beam.Map(without_narratives),
        tables.NARRATIVES.name: complaints | "Narratives" >> beam.Map(narratives_of),
    }


def all_simulated(
    _: object, digests: Iterable[Mapping[str, Any]], simulated: frozenset[str]
) -> bool:
    """Returns whether every input is a file of a simulated world, by its digest."""
    return all(one["sha256"] in simulated for one in digests)


def without_narratives(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Returns COMPLAINT rows with no narrative."""
    at = complaints.schema.get_field_index("narrative")
    none = pa.nulls(complaints.num_rows, pa.string())
    return complaints.set_column(at, complaints.schema.field(at), none)


def narratives_of(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the NARRATIVE rows of COMPLAINT rows that have one."""
    narrated = complaints.filter(pc.is_valid(complaints["narrative"]))
    columns = [narrated[name] for name in NARRATIVE.names]
    return pa.RecordBatch.from_arrays(columns, schema=NARRATIVE)


def use_register(start: beam.PCollection, register: RegisterSource | None) -> RegisterUse | None:
    """Reads the victim register of earlier runs, where this run has a key for one."""
    if register is None:
        return None
    known = start | "Victim register" >> beam.ParDo(ReadRegister(register))  # one VictimRegister
    return RegisterUse(register.key, beam.pvalue.AsSingleton(known))


def kept_register(
    start: beam.PCollection,
    clustered: ClusteredWindow,
    register: RegisterSource | None,
    complaints: beam.PCollection | None = None,
) -> dict[str, beam.PCollection]:
    """Returns the register to write, by the name of its table; nothing without a key.

    `complaints` (COMPLAINT_READ) are there where the numbers of papers in them are kept, too.
    """
    if register is None:
        return {}
    changes = clustered.registered
    if complaints is not None:
        papers = complaints | "Papers" >> beam.FlatMap(_papers_of, register.key)  # REGISTER_CHANGE
        changes = (changes, papers) | "With papers" >> beam.Flatten()
    kept = changes | "Keep register" >> KeepRegister(register, start)  # VICTIM_ENTRY
    return {tables.VICTIMS.name: kept}


def _papers_of(complaints: pa.RecordBatch, key: RegisterKey) -> Iterator[pa.RecordBatch]:
    yield from batches_of(paper_changes(complaints, key))


def mask_all_in_rejects(
    rejects: pa.RecordBatch, victims: np.ndarray, stated: np.ndarray
) -> pa.RecordBatch:
    """Masks the numbers of `victims`, and those that rejects themselves have `stated`."""
    if not rejects.num_rows:
        return rejects
    return mask_rejects(rejects, union_of_numbers(victims, stated))


def union_of_numbers(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the numbers of both, as `VictimNumbers` gives them."""
    return sorted_unique(np.concatenate([one, other]))


def write_report(
    folder: str,
    manifest: Manifest,
    pool: JobPool,
    private: PrivateStore,
    previous: str | None = None,
    nodes: str | None = None,
    register: RegisterSource | None = None,
) -> None:
    """Writes the report of a run whose tables are in `folder`, before it is published.

    It says what changed since `previous`, and keeps the positions of `nodes`, the
    graph/nodes.parquet of that run. A file that names a value that the run withheld is held back;
    `register` has the key of its own register.
    """
    earlier = None if previous is None else Run.open(previous)
    write_workbench(Run(folder, manifest), pool, previous=earlier, before=nodes)
    root = private.staging or folder
    own = None if register is None else own_register(register, root, manifest)
    with gc_paused():  # a search for cycles would look through all that Beam holds
        values = withheld_by_run(folder, manifest, own, private=private)
        hold_back_written(folder, pool.written, values, private, STATIC_FILES, texts_of_data)
