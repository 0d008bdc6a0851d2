"""Composite steps of a batch run, for a Beam pipeline of one's own.

    found = (
        pipeline
        | ReadRecords(complaints="examples/*.csv")
        | ValidateRecords()
        | ExtractMentions()
        | FindClusters()
    )

Each step takes a dict of PCollections and returns a dict for the next step. The elements are Arrow
RecordBatches, all in the global window of a bounded pipeline. The first three steps pass on
victims' numbers and words; the tables of `FindClusters` have none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from pipelines.options import UsageError, usage_errors
from pipelines.people import read_people
from pipelines.user_files import (
    read_decisions,
    read_known_legitimate,
    read_maps,
    read_source_rules,
    read_weights,
)
from pipelines.wiring import Collections, Graph, RunPlan, assign_roles, extract, validate
from transforms.custody import current_time
from transforms.decisions import ResolveDecisions
from transforms.engine import MAIN
from transforms.read import (
    CALLS,
    COMPLAINTS,
    REJECTS,
    InputError,
    ReadOptions,
    ReadRecords as ReadFiles,
    plan_input_files,
)
from transforms.victims import CLAIMS

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A file, folder or glob, or several."""

MENTIONS = "mentions"


@dataclass(eq=False)
class ReadRecords(beam.PTransform):
    """Reads files of any known format.

    Element in: none; apply it to the pipeline. Element out: a RecordBatch, by name: `complaints`
    (COMPLAINT_LOOSE), `calls` (CALL_LOOSE) and `rejects` (REJECT).

    Args:
        complaints: Complaint files, folders or globs; one or several.
        calls: Call record files, folders or globs; one or several.
        complaints_format: The format of `complaints`; recognized if not given.
        calls_format: The format of `calls`; recognized if not given.
        source_org: The organisation of files that name none.
        calls_direction: `inbound` or `outbound`, for call records that do not say who called.
        maps: One or two files that `ringtrace map` wrote, for records of an unknown format.
        timezone: The zone of times without one, in records read by a map.
        victim_country: ISO 3166-1 alpha-2 code of the country of the victims who got mail.

    Raises:
        UsageError: when applied, for a file that is missing or of an unknown format.
    """

    complaints: Paths = ()
    calls: Paths = ()
    complaints_format: str | None = None
    calls_format: str | None = None
    source_org: str | None = None
    calls_direction: str | None = None
    maps: Paths = ()
    timezone: str | None = None
    victim_country: str | None = None

    def expand(self, begin: PBegin) -> dict[str, PCollection]:
        """Recognizes the files now, and reads them when the pipeline runs."""
        complaints = path_list(COMPLAINTS, self.complaints)
        calls = path_list(CALLS, self.calls)
        if not complaints and not calls:
            raise UsageError("ReadRecords: give complaints or calls")
        options = ReadOptions(
            complaints_format=self.complaints_format,
            calls_format=self.calls_format,
            source_org=self.source_org,
            calls_direction=self.calls_direction,
            maps=read_maps(path_list("maps", self.maps)),
            timezone=self.timezone,
            victim_country=self.victim_country,
        )
        with usage_errors(InputError):
            files = plan_input_files(complaints, calls, options)
        read = begin | "Files" >> ReadFiles(tuple(files), options)
        return {name: read[name] for name in (COMPLAINTS, CALLS, REJECTS)}


@dataclass(eq=False)
class ValidateRecords(beam.PTransform):
    """Rejects the rows that break the input contract, each with a reason.

    Element in: a RecordBatch, by name: some or all of `complaints` (COMPLAINT_LOOSE), `calls`
    (CALL_LOOSE) and `rejects` (REJECT) of reading. Element out: a RecordBatch, by the same names:
    `complaints` (COMPLAINT_ACCEPTED), `calls` (CALL_ACCEPTED) and `rejects` (REJECT) of both steps.

    Args:
        as_of: Records of a later time are rejected. Records of the future always are.
    """

    as_of: datetime | None = None

    def expand(self, records: Any) -> dict[str, PCollection]:
        """Validates each batch by itself."""
        inputs = _checked(self, records, {COMPLAINTS, CALLS, REJECTS}, {COMPLAINTS, CALLS})
        valid = validate(inputs, as_of=self.as_of)
        return valid.accepted | {REJECTS: valid.rejects}


@dataclass(eq=False)
class ExtractMentions(beam.PTransform):
    """Extracts every identifier of the records, with its place, its role and the kind of scam.

    If records share an id, the latest counts. An identifier that a reporter states as a victim's
    own has the role `victim` in all records of that reporter, and is claimed in other records.

    Element in: a RecordBatch, by name: some or all of `complaints` (COMPLAINT_ACCEPTED), `calls`
    (CALL_ACCEPTED) and `rejects` (REJECT, not used). Element out: a RecordBatch, by name:
    `mentions` (EVIDENCE: a record with its mentions), `claims` (CLAIM: an identifier and who calls
    it a victim's), and `complaints` and `calls` as they came in, with one row for each id.

    Args:
        sources: A CSV file that says how rows without a pseudonym count as reporters, added to the
            shipped rules.

    Raises:
        UsageError: when applied, for a file that cannot be used.
    """

    sources: str | None = None

    def expand(self, records: Any) -> dict[str, PCollection]:
        """Deduplicates, extracts record by record, and finds call scripts over all complaints."""
        inputs = _checked(self, records, {COMPLAINTS, CALLS, REJECTS}, {COMPLAINTS, CALLS})
        start = _start(inputs)
        shown = extract(inputs, read_source_rules(self.sources), start)
        assigned = assign_roles(shown.evidence, shown.stated, start)
        return shown.accepted | {MENTIONS: assigned[MAIN], CLAIMS: assigned[CLAIMS]}


@dataclass(eq=False)
class FindClusters(beam.PTransform):
    """Links the identifiers, and finds the clusters that one scammer must hold together.

    Victims' and contested identifiers are withheld in all tables.

    Element in: a RecordBatch, by name: `mentions` (EVIDENCE) and `claims` (CLAIM). Without claims,
    a victim's identifier is recognized only in the reporter's own records. The `complaints` and
    `calls` of `ExtractMentions` are not used. Element out: a RecordBatch of a table of the data
    contract, by its name: `entities`, `links`, `clusters`, `members` and `suppliers`. Rows are in
    no order.

    Args:
        known_legitimate: CSV files of identifiers never to name, added to the shipped list.
        decisions: A file of analysts' decisions, which bind.
        priority_weights: A TOML file of weights that rank clusters, in place of the shipped file.
        as_of: The time of the view on the clusters; default now.
        people: A TOML file of the people who decide, with their roles and keys.
        two_person: Whether a confirm or a review counts only once two people made it.

    Raises:
        UsageError: when applied, for a file that cannot be used.
    """

    known_legitimate: Paths = ()
    decisions: str | None = None
    priority_weights: str | None = None
    as_of: datetime | None = None
    people: str | None = None
    two_person: bool = False

    def expand(self, records: Any) -> dict[str, PCollection]:
        """Clusters all mentions, as a run without a previous run."""
        inputs = _checked(self, records, {MENTIONS, CLAIMS, COMPLAINTS, CALLS}, {MENTIONS})
        start = _start(inputs)
        plan = RunPlan(
            known=read_known_legitimate(path_list("known_legitimate", self.known_legitimate)),
            decisions=read_decisions(
                self.decisions,
                read_people(self.people),
                two_person=self.two_person,
                as_of=self.as_of,
            ),
            weights=read_weights(self.priority_weights),
        )
        clock = start | "Clock" >> beam.Map(_same, self.as_of or current_time())
        in_force = clock | "Decisions" >> ResolveDecisions(plan.decisions, self.as_of)
        evidence = {"evidence": inputs[MENTIONS]}
        evidence |= {CLAIMS: inputs[CLAIMS]} if CLAIMS in inputs else {}
        graph = Graph.of(evidence, start, in_force, plan)
        return {
            "entities": graph.clustered.entities,
            "links": graph.clustered.links,
            "clusters": graph.summaries.clusters,
            "members": graph.summaries.members,
            "suppliers": graph.summaries.suppliers,
        }


def path_list(name: str, paths: object) -> list[str]:
    """Returns one path or several as a list of texts.

    Raises:
        TypeError: for any other value; it names the argument.
        UsageError: for an empty path.
    """
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    if isinstance(several, bytes) or not isinstance(several, Iterable):
        raise TypeError(f"{name}: give a path or a list of paths, not {type(paths).__name__}")
    texts = []
    for path in several:
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
        if not isinstance(text, str):
            raise TypeError(f"{name}: give paths as text or Path, not {type(path).__name__}")
        texts.append(text)
    if not all(texts):
        raise UsageError(f"{name}: the path is empty; name a file or a folder")
    return texts


def _checked(
    step: beam.PTransform, records: Any, known: set[str], some_of: set[str]
) -> Collections:
    """Returns a step's input PCollections, after checking that the step knows their names."""
    name = type(step).__name__
    if not isinstance(records, Mapping):
        raise TypeError(
            f"{name} takes a dict of PCollections named {', '.join(sorted(known))}, "
            f"not a {type(records).__name__}"
        )
    if unknown := sorted(records.keys() - known):
        raise KeyError(f"{name} takes {', '.join(sorted(known))}, not {', '.join(unknown)}")
    if not records.keys() & some_of:
        raise KeyError(f"{name} needs {' or '.join(sorted(some_of))}")
    return records


def _start(records: Collections) -> PCollection:
    """Returns a single element; it starts the work that is done once in a pipeline."""
    pipeline = next(iter(records.values())).pipeline
    return pipeline | "Start" >> beam.Create([None], reshuffle=False)


def _same(_: object, clock: datetime) -> datetime:
    return clock
