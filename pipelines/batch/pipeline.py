"""The batch pipeline: complaint files and call records in, clusters and a report out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import AsIter, AsSingleton

from pipelines.wiring import (
    FOLLOWS_NONE,
    KINDS,
    Graph,
    PreviousRun,
    RunPlan,
    assign_roles,
    extract,
    publish,
    read_previous,
    validate,
)
from reports.pieces import texts_of_data
from reports.run import Run
from reports.workbench import STATIC_FILES, write_workbench
from schemas import tables
from schemas.complaint import NARRATIVE
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from transforms.arrow import sorted_unique, with_column
from transforms.campaigns import FindCampaigns
from transforms.custody import Erasures, PrivateStore, RunSettings
from transforms.decisions import ResolveDecisions
from transforms.engine import MAIN, count_read, count_rejects, gc_paused, increment_engine_counter
from transforms.extract import canonical_brands
from transforms.read import CALLS, COMPLAINTS, InputFile, ReadOptions, ReadRecords
from transforms.redact import (
    RedactRecords,
    mask_names,
    mask_rejects,
    redact_mentions,
    stated_victim_numbers_in_rejects,
)
from transforms.values import SourceRules
from transforms.victims import CLAIMS, RegisterSource, VictimNumbers, own_register
from transforms.write import JobPool, hold_back_written, withheld_by_run


@dataclass(frozen=True, kw_only=True)
class BatchPlan(RunPlan):
    """The inputs of a batch run, with its files recognized."""

    files: tuple[InputFile, ...]
    reading: ReadOptions
    as_of: datetime | None
    simulated: frozenset[str]
    rules: SourceRules
    shards: int
    run: RunSettings
    keep_narratives: bool = False
    mask_names: bool = False
    erasures: Erasures = field(default_factory=Erasures)


def build(pipeline: beam.Pipeline, plan: BatchPlan) -> None:
    """Adds the whole batch run to a pipeline.

    The comment after a step names its elements: Arrow RecordBatches with the schema of that name
    (`schemas`), unless it says otherwise.
    """
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one RunSettings

    # Read, validate and deduplicate the records, then extract once from each: its evidence and its
    # stated numbers.
    read = pipeline | "Read" >> ReadRecords(plan.files, plan.reading)  # *_LOOSE, REJECT, digests
    valid = validate(
        read, as_of=plan.as_of, clock=plan.run.clock, erasures=plan.erasures
    )  # *_ACCEPTED, REJECT, counters
    records = extract(valid.accepted, plan.rules, start)  # *_READ, EVIDENCE, STATED_NUMBER
    assigned = assign_roles(records.evidence, records.stated, start)  # EVIDENCE, CLAIM

    # Cluster the evidence, with the analysts' decisions and the previous run's cluster ids.
    clock = start | "Clock" >> beam.Map(attrgetter("clock"))  # one datetime
    in_force = clock | "Decisions" >> ResolveDecisions(
        plan.decisions, plan.as_of
    )  # one DecisionsInForce
    previous, of_cache = read_previous(start, plan.previous)  # PREVIOUS, COMPONENT, counters
    evidence = {"evidence": assigned[MAIN], CLAIMS: assigned[CLAIMS], "gone": records.gone}
    evidence |= previous
    graph = Graph.of(evidence, start, in_force, plan, plan.previous.folder)
    clustered = graph.clustered
    of_clusters = graph.tables(start, records.read[COMPLAINTS])  # tables by name

    # Withhold victims' identifiers from the tables.
    stated_numbers = AsSingleton(
        records.stated | "Numbers stated" >> VictimNumbers(start)
    )  # Beam's fuser for Flink fails if these are flattened with the withheld ones
    victim_numbers = AsSingleton(
        clustered.withheld
        | "Victims' numbers" >> VictimNumbers(start)
        | "All victims" >> beam.Map(union_of_numbers, stated_numbers)
    )  # one sorted array
    redacted = {
        name: {"records": records.read[name], "withheld": clustered.withheld}
        | f"Withhold from {name}" >> RedactRecords(kind, victim_numbers)
        for name, kind in KINDS.items()
    }  # COMPLAINT, CALL
    if plan.mask_names:
        redacted[COMPLAINTS] |= "Mask names" >> beam.Map(mask_names)  # COMPLAINT
    mentions = clustered.classified | "Mentions" >> beam.Map(
        redact_mentions, victim_numbers
    )  # MENTION
    # Numbers that a rejected row states are masked in rejects, and do not affect other records.
    stated_in_rejects = valid.rejects | "Stated in rejects" >> beam.Map(
        stated_victim_numbers_in_rejects
    )  # STATED_NUMBER
    reject_numbers = AsSingleton(stated_in_rejects | "Numbers in rejects" >> VictimNumbers(start))
    rejects = valid.rejects | "Mask rejects" >> beam.Map(
        mask_all_in_rejects, victim_numbers, reject_numbers
    )  # REJECT

    # Write the tables, then the report and the manifest. Facts that hold only for simulated worlds
    # are stated if all records come from one.
    simulated = start | "Simulated" >> beam.Map(
        lambda _, digests, simulated: all(file["sha256"] in simulated for file in digests),
        AsIter(read["digests"]),
        plan.simulated,
    )  # one bool
    outputs = {
        **apart_from_narratives(redacted[COMPLAINTS], keep=plan.keep_narratives),
        tables.CALLS.name: redacted[CALLS],
        tables.MENTIONS.name: mentions,
        tables.CAMPAIGNS.name: clustered.classified
        | "Find campaigns" >> FindCampaigns(clustered.assigned, AsSingleton(simulated)),
        tables.COMPONENTS.name: clustered.components,
        tables.REJECTS.name: rejects,
        tables.WHOLE_REJECTS.name: valid.rejects,
        **of_clusters,
    }
    counters = (
        read[COMPLAINTS] | "Count complaints" >> beam.FlatMap(count_read, RecordKind.COMPLAINT),
        read[CALLS] | "Count calls" >> beam.FlatMap(count_read, RecordKind.CALL),
        rejects | "Count rejects" >> beam.FlatMap(count_rejects),
        *valid.counters,
        *records.counters,
        *graph.counters(),
        clustered.cache_counters,
        of_cache,
    )  # ((group, name), count)
    report = partial(write_report, previous=plan.previous, register=plan.register)
    counted = publish(
        start, outputs, counters, read["digests"], report, plan.sign, shards=plan.shards
    )
    _ = counted | "Show counters" >> beam.FlatMap(increment_engine_counter)


def apart_from_narratives(
    complaints: beam.PCollection, *, keep: bool
) -> dict[str, beam.PCollection]:
    """Returns complaints and, separately, their narratives, by the names of their tables.

    With `keep`, narratives stay in complaints/.
    """
    if keep:
        return {tables.COMPLAINTS.name: complaints}
    return {
        tables.COMPLAINTS.name: complaints | "Without narratives" >> beam.Map(without_narratives),
        tables.NARRATIVES.name: complaints | "Narratives" >> beam.Map(narratives_of),
    }


def without_narratives(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Returns COMPLAINT rows without people's words; claims become `canonical_brands`."""
    claims = canonical_brands(complaints["claimed_brand"])
    complaints = with_column(complaints, "claimed_brand", claims)
    return with_column(complaints, "narrative", pa.nulls(complaints.num_rows, pa.string()))


def narratives_of(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the NARRATIVE rows of COMPLAINT rows that have one."""
    narrated = complaints.filter(pc.is_valid(complaints["narrative"]))
    columns = [narrated[name] for name in NARRATIVE.names]
    return pa.RecordBatch.from_arrays(columns, schema=NARRATIVE)


def mask_all_in_rejects(
    rejects: pa.RecordBatch, victims: np.ndarray, stated: np.ndarray
) -> pa.RecordBatch:
    """Masks the numbers of `victims`, and the numbers that rejects themselves `stated`."""
    if not rejects.num_rows:
        return rejects
    return mask_rejects(rejects, union_of_numbers(victims, stated))


def union_of_numbers(numbers: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Returns the numbers of both, in the form of `VictimNumbers`."""
    return sorted_unique(np.concatenate([numbers, more]))


def write_report(
    folder: str,
    manifest: Manifest,
    pool: JobPool,
    private: PrivateStore,
    register: RegisterSource | None,
    previous: PreviousRun = FOLLOWS_NONE,
) -> None:
    """Writes the report of a run whose tables are in `folder`, before it is published.

    The report shows changes since `previous`, and keeps the positions of its nodes. A file with a
    value that the run withheld is held back; `register` has the key of the run's register.
    """
    earlier = None if previous.folder is None else Run.open(previous.folder)
    write_workbench(Run(folder, manifest), pool, previous=earlier, before=previous.nodes)
    root = private.staging or folder
    own = None if register is None else own_register(register, root, manifest)
    with gc_paused():  # garbage collection would search all objects of Beam
        values = withheld_by_run(folder, manifest, own, private=private)
        hold_back_written(folder, pool.written, values, private, STATIC_FILES, texts_of_data)
