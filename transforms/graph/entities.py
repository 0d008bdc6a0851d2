"""The status of each identifier over all records that name it, and its mentions with that status.

Mentions stay with their records: only their sums (`activity`) travel to the owner of an identifier,
and its status travels back to each partition of the records. So a number that ten million calls
name takes a row for each of its victims and days, not one for each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.entity import ENTITY, id_epochs, with_epoch, without_epochs
from schemas.enums import SUPPLIER_KINDS, Role, Status
from schemas.field import field as column
from schemas.mention import CLASSIFIED, EVIDENCE
from transforms.arrow_util import table_of_columns, without_aggregate_suffixes
from transforms.casts import true_mask
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.reconcile import NARRATIVE
from transforms.graph import epochs
from transforms.graph.activity import ACTIVITY, RECORD_COUNTS, ROLE_COUNTS, main_roles, sum_activity
from transforms.graph.epochs import BEFORE_ANY_DAY, PREVIOUS, intervals_passed
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.shuffle import (
    MAIN,
    KeyedInput,
    PerPartition,
    ShuffleOptions,
    batches_of,
    partition_of,
)

CLASSIFIED_ENTITY = pa.schema(
    [
        *ENTITY,
        column("role", pa.string(), "Role that most give it, hard ones first.", values=tuple(Role)),
        column("reported_by", pa.int64(), "Reporters who show it used in no copied list."),
    ]
)
"""ENTITY with the columns that clustering needs."""

ENTITY_STATUS = pa.schema(
    [
        ("entity_id", pa.string()),
        ("share", pa.int32()),
        ("begins", pa.int32()),
        ("epoch", pa.int64()),
        ("status", pa.string()),
    ]
)
"""The status of one epoch of an identifier, for one partition (`share`) of the records.

`entity_id` is the bare one; `begins` is the day from which it is in that epoch, null for the first
row of it. An epoch has several rows where one of a single reporter interrupts it.
"""

WITHHELD = pa.schema(
    [
        ("source_org", pa.string()),
        ("record_kind", pa.string()),
        ("record_id", pa.string()),
        ("entity_id", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
    ]
)
"""A victim's own identifier and a record that names it, so that it can be taken out there.

`start` and `end` are code points of the narrative, null where another field names it: what is
spelled out or obfuscated there is recognized by its place alone.
"""

NO_LIFETIMES: epochs.Lifetimes = {}
"""Lifetimes for which no identifier ever lapses."""

REPORTER_COUNTS = {
    "reporters": "held",
    "reported_by": "reported",
    "own_by": "own",
    "stated_by": "stated",
}
"""Counts of reporters, and the column of ACTIVITY whose records each is about."""

OVERRULE_RATIO = 3
"""Reporters of a hard role for each who calls it a victim's own, from which they overrule that."""

CLASSIFIED_ENTITIES, WITHHELD_ROWS, ACTIVITIES = "found_entities", "hidden", "activities"

GROUP_KEY = ("group_id",)


def determine_status(
    activity: pa.Table,
    known: KnownLegitimate,
    lives: epochs.Lifetimes = NO_LIFETIMES,
    previous: pa.Table | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Converts ACTIVITY rows of whole entities to CLASSIFIED_ENTITY and ENTITY_STATUS rows.

    Known-legitimate comes first: a published line is no secret, even where a record calls it the
    victim's. Then the victim: one record that states a number as the victim's own outweighs any
    number of others, because naming a victim is worse than missing a number. Where only the words
    around an identifier in a narrative say so, that reading can be wrong: it holds unless
    `OVERRULE_RATIO` times as many reporters show the identifier in a hard role. Either status holds
    for all epochs of an identifier; the epochs of the rest are separated by `lives`, and numbered
    as in the PREVIOUS rows.
    """
    if activity.num_rows == 0:
        return CLASSIFIED_ENTITY.empty_table(), ENTITY_STATUS.empty_table()
    counted = _sum_by_entity(activity)
    status, reason = _status(counted, known)
    used = counted["entity_id"].filter(pc.equal(status, Status.INFRASTRUCTURE)).combine_chunks()
    starts = epochs.find_epoch_starts(activity, used, lives, previous)
    if len(starts.ids):
        lasts = pc.invert(pc.is_in(counted["entity_id"], starts.ids)).combine_chunks()
        by_epoch = _sum_by_entity(_by_epoch(activity, starts))
        ids = by_epoch["entity_id"]
        epoch_status, epoch_reason = _status(by_epoch, known)
        epoch_reason = _with_reasons(epoch_reason, ids, starts.reasons)
        counted = pa.concat_tables([counted.filter(lasts), by_epoch]).combine_chunks()
        status = pa.concat_arrays([status.filter(lasts), epoch_status])
        reason = pa.concat_arrays([reason.filter(lasts), epoch_reason])
    entities = _entities(counted, status, reason, main_roles(counted))
    return entities, _status_by_share(activity, counted["entity_id"], status, starts)


def annotate_mentions(evidence: pa.Table, statuses: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Adds ENTITY_STATUS rows to the EVIDENCE rows they are on, as CLASSIFIED and WITHHELD rows.

    Raises:
        ValueError: if an identifier has no status.
    """
    if not evidence.num_rows:
        return CLASSIFIED.empty_table(), WITHHELD.empty_table()
    since = pc.fill_null(statuses["begins"], BEFORE_ANY_DAY)
    keys = statuses.select(["entity_id"]).append_column("since", since)
    order = [("entity_id", "ascending"), ("since", "ascending")]
    statuses = statuses.take(pc.sort_indices(keys, sort_keys=order))
    ids, begins = statuses["entity_id"].combine_chunks(), statuses["begins"].combine_chunks()
    named = evidence["entity_id"].combine_chunks()
    at = pc.index_in(named, ids)  # the first row of each
    if at.null_count:
        raise ValueError("evidence of an identifier that has no status")
    row = at.to_numpy().astype(np.int64)
    later = np.flatnonzero(true_mask(pc.is_valid(begins)))
    if len(later):
        of = pc.index_in(ids.take(pa.array(later)), ids).to_numpy()
        day = evidence["observed_at"].cast(pa.int64()).to_numpy() // MICROSECONDS_A_DAY
        row = row + intervals_passed(row, day, of, begins.take(pa.array(later)).to_numpy())
    number = statuses["epoch"].combine_chunks().to_numpy()[row]
    if (number > 1).any():
        evidence = _with_epoch_ids(evidence, named, number)
    status = statuses["status"].combine_chunks().take(pa.array(row))
    classified = evidence.append_column(CLASSIFIED.field("status"), status)
    victims = true_mask(pc.equal(status, Status.VICTIM_SIDE))
    return classified.filter(pa.array(~victims)), _withheld(evidence.filter(pa.array(victims)))


@dataclass(eq=False)
class ClassifyEvidence(beam.PTransform):
    """Classifies EVIDENCE batches.

    Output: a dict of MAIN (CLASSIFIED), CLASSIFIED_ENTITIES and WITHHELD_ROWS (WITHHELD). Every
    batch of MAIN is of whole groups: all evidence of the records that are one piece of it.
    `decided` is the one DecisionsInForce, whose legitimate entities are suppressed too; `previous`
    is PREVIOUS batches, whose epochs keep their numbers.
    """

    known: KnownLegitimate
    decided: beam.pvalue.AsSingleton
    previous: beam.PCollection
    lives: epochs.Lifetimes = field(default_factory=epochs.shipped_lifetimes)

    def expand(self, evidence: beam.PCollection) -> dict[str, Any]:
        """Adds up by record, determines the status by identifier, annotates the mentions."""
        partitions = evidence.pipeline.options.view_as(ShuffleOptions).partitions
        grouped = KeyedInput(EVIDENCE, GROUP_KEY)
        added = {"evidence": evidence} | "Add up" >> PerPartition(
            {"evidence": grouped},
            partial(_sum_activity, partitions=partitions),
            (ACTIVITIES,),
            partitions=partitions,
        )
        statuses = {"added": added[ACTIVITIES], "before": self.previous} | "Status" >> PerPartition(
            {
                "added": KeyedInput(ACTIVITY, ("entity_id",)),
                "before": KeyedInput(PREVIOUS, ("entity_id",)),
            },
            partial(_determine_status, known=self.known, lives=self.lives),
            (CLASSIFIED_ENTITIES,),
            self.decided,
        )
        parts = {"evidence": added[MAIN], "statuses": statuses[MAIN]}
        annotated = parts | "Annotate" >> PerPartition(
            {
                "evidence": grouped,
                "statuses": KeyedInput(ENTITY_STATUS, ("share",), by_number=True),
            },
            _annotate_mentions,
            (WITHHELD_ROWS,),
            partitions=partitions,
        )
        return {
            MAIN: annotated[MAIN],
            WITHHELD_ROWS: annotated[WITHHELD_ROWS],
            CLASSIFIED_ENTITIES: statuses[CLASSIFIED_ENTITIES],
        }


def _sum_activity(evidence: pa.Table, *, partitions: int) -> Iterator[Any]:
    yield from evidence.to_batches()
    share = partition_of(evidence, GROUP_KEY, partitions)
    for batch in batches_of(sum_activity(evidence, share)):
        yield beam.pvalue.TaggedOutput(ACTIVITIES, batch)


def _determine_status(
    added: pa.Table,
    before: pa.Table,
    decided: DecisionsInForce = NO_DECISIONS,
    *,
    known: KnownLegitimate,
    lives: epochs.Lifetimes,
) -> Iterator[Any]:
    entities, statuses = determine_status(added, decided.add_to(known), lives, before)
    yield from batches_of(statuses)
    for batch in batches_of(entities):
        yield beam.pvalue.TaggedOutput(CLASSIFIED_ENTITIES, batch)


def _annotate_mentions(evidence: pa.Table, statuses: pa.Table) -> Iterator[Any]:
    classified, withheld = annotate_mentions(evidence, statuses)
    yield from classified.combine_chunks().to_batches()
    for batch in batches_of(withheld):
        yield beam.pvalue.TaggedOutput(WITHHELD_ROWS, batch)


def _sum_by_entity(activity: pa.Table) -> pa.Table:
    """Returns sums and extremes of each entity, in columns of the names of ACTIVITY.

    `reporters`, `reported_by`, `own_by` and `stated_by` count the reporters who show it in a hard
    role, who do so in no copied list, who call it a victim's own, and who do so in a field. A role
    counts the reporters who give it: no number of records of one of them decides.
    """
    smallest = ("kind", "first_seen", "first_held", "place", "region", "line_type")
    nobody = pa.scalar(None, activity["reporter"].type)
    for name, count in REPORTER_COUNTS.items():
        who = pc.if_else(pc.greater(activity[count], 0), activity["reporter"], nobody)
        activity = activity.append_column(name, who)
    added = activity.group_by("entity_id", use_threads=False).aggregate(
        [(name, "min") for name in smallest]
        + [("last_seen", "max"), ("last_held", "max"), ("source_org", "distinct")]
        + [(name, "count_distinct") for name in ("victim", *REPORTER_COUNTS)]
        + [(name, "sum") for name in RECORD_COUNTS]
    )
    added = without_aggregate_suffixes(added)
    roles = _roles_by_reporter(activity)
    at = pc.index_in(added["entity_id"], roles["entity_id"].combine_chunks()).combine_chunks()
    for name in ROLE_COUNTS:
        added = added.append_column(name, roles[name].combine_chunks().take(at))
    return added


def _roles_by_reporter(activity: pa.Table) -> pa.Table:
    """Counts, by entity and role, the reporters who give it; all without one count as one."""
    by_reporter = activity.group_by(["entity_id", "reporter"], use_threads=False)
    given = without_aggregate_suffixes(
        by_reporter.aggregate([(name, "max") for name in ROLE_COUNTS])
    )
    for name in ROLE_COUNTS:
        once = pc.min_element_wise(given[name], 1)
        given = given.set_column(given.schema.get_field_index(name), name, once)
    by_entity = given.group_by("entity_id", use_threads=False)
    return without_aggregate_suffixes(by_entity.aggregate([(name, "sum") for name in ROLE_COUNTS]))


def _by_epoch(activity: pa.Table, starts: epochs.EpochStarts) -> pa.Table:
    """Selects the activity of identifiers that have several epochs, under the ids of these."""
    rows = activity.filter(pc.is_in(activity["entity_id"], starts.ids))
    ids = rows["entity_id"].combine_chunks()
    number = starts.epoch_numbers(ids, rows["day"].to_numpy())
    named = [with_epoch(one, int(n)) for one, n in zip(ids.to_pylist(), number, strict=True)]
    return rows.set_column(0, ACTIVITY.field("entity_id"), pa.array(named, pa.string()))


def _status_by_share(
    activity: pa.Table, entity_ids: pa.ChunkedArray, status: pa.Array, starts: epochs.EpochStarts
) -> pa.Table:
    """Returns ENTITY_STATUS rows for all partitions of the records that name an entity."""
    wanted = activity.group_by(["entity_id", "share"], use_threads=False).aggregate([])
    several = pc.is_in(wanted["entity_id"], starts.ids)
    # Nearly all have one epoch, and are looked up without a join.
    once = wanted.filter(pc.invert(several))
    at = pc.index_in(once["entity_id"], entity_ids.combine_chunks()).combine_chunks()
    rows = pa.table(
        {
            "entity_id": once["entity_id"],
            "share": once["share"],
            "begins": pa.nulls(once.num_rows, pa.int32()),
            "epoch": pa.repeat(pa.scalar(1, pa.int64()), once.num_rows),
            "status": status.take(at),
        },
        schema=ENTITY_STATUS,
    )
    if not len(starts.ids):
        return rows
    bare = starts.ids.take(pa.array(starts.entity))
    pairs = zip(bare.to_pylist(), starts.number.tolist(), strict=True)
    marked = pa.array([with_epoch(one, number) for one, number in pairs], pa.string())
    first = pa.array(starts.day == BEFORE_ANY_DAY)
    intervals = pa.table(
        {
            "entity_id": bare,
            "begins": pc.if_else(first, pa.scalar(None, pa.int64()), pa.array(starts.day)),
            "epoch": pa.array(starts.number),
            "status": status.take(pc.index_in(marked, entity_ids.combine_chunks())),
        }
    )
    joined = wanted.filter(several).join(
        intervals, "entity_id", join_type="inner", use_threads=False
    )
    return pa.concat_tables([rows, joined.select(ENTITY_STATUS.names).cast(ENTITY_STATUS)])


def _status(counted: pa.Table, known: KnownLegitimate) -> tuple[pa.Array, pa.Array]:
    legitimate = known.reasons(counted["entity_id"].combine_chunks())
    supplier = true_mask(pc.is_in(counted["kind"], pa.array([str(k) for k in SUPPLIER_KINDS])))
    hard, own = counted["held"].to_numpy(), counted["own"].to_numpy()
    users, owners = counted["reporters"].to_numpy(), counted["own_by"].to_numpy()
    stated = (counted["stated"].to_numpy() > 0) | (counted["stated_by"].to_numpy() > 0)
    overruled = ~stated & (users >= OVERRULE_RATIO * np.maximum(owners, 1))
    status: list[str] = []
    reason: list[str] = []
    for row, why in enumerate(legitimate.to_pylist()):
        if why is not None:
            decided, because = Status.SUPPRESSED, f"known legitimate: {why}"
        elif own[row] and not overruled[row]:
            decided, because = Status.VICTIM_SIDE, f"a victim's own in {_count_records(own[row])}"
            if hard[row]:
                because += f", though held by a suspect in {_count_records(hard[row])}"
        elif supplier[row]:
            decided = Status.UNCORROBORATED
            because = "shared by a supplier's customers: describes clusters, joins none"
        elif hard[row]:
            decided = Status.INFRASTRUCTURE
            because = f"held by the suspect in {_count_records(hard[row])}"
        else:
            decided = Status.UNCORROBORATED
            because = "only a caller id, which can be forged, or a mention"
        status.append(decided)
        reason.append(because)
    return pa.array(status, pa.string()), pa.array(reason, pa.string())


def _with_reasons(
    reasons: pa.Array, entity_ids: pa.ChunkedArray, why: Mapping[str, str]
) -> pa.Array:
    """Adds to the reasons of an epoch why it is one of its own."""
    return pa.array(
        [
            f"{reason}; {why[one]}" if one in why else reason
            for one, reason in zip(entity_ids.to_pylist(), reasons.to_pylist(), strict=True)
        ],
        pa.string(),
    )


def _count_records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _entities(counted: pa.Table, status: pa.Array, reason: pa.Array, roles: pa.Array) -> pa.Table:
    own = true_mask(pc.equal(status, Status.VICTIM_SIDE))
    ids = counted["entity_id"].combine_chunks()
    kinds = counted["kind"].combine_chunks()
    # Named after the first place that states it: a hash of the number could be reversed.
    withheld = [
        f"{kind}:withheld-{xxhash.xxh3_64_hexdigest(f'{kind}|{place}'.encode())}"
        for kind, place in zip(
            kinds.filter(pa.array(own)).to_pylist(),
            counted["place"].filter(pa.array(own)).to_pylist(),
            strict=True,
        )
    ]
    values = pc.replace_substring_regex(without_epochs(ids), r"^[^:]*:", "")
    nothing = pa.scalar(None, pa.string())
    columns = {
        "entity_id": pc.replace_with_mask(ids, pa.array(own), pa.array(withheld, pa.string())),
        "kind": kinds,
        "value": pc.if_else(pa.array(own), nothing, values),
        "first_seen": counted["first_seen"],
        "last_seen": counted["last_seen"],
        "complaints": counted["complaints"],
        "calls": counted["calls"],
        "victims": counted["victim"],
        "orgs": _sort_lists(counted["source_org"].combine_chunks()),
        "region": pc.if_else(pa.array(own), nothing, counted["region"].combine_chunks()),
        "line_type": pc.if_else(pa.array(own), nothing, counted["line_type"].combine_chunks()),
        "status": status,
        "reason": reason,
        "epoch": id_epochs(ids),
        "first_used": counted["first_held"],
        "last_used": counted["last_held"],
        "role": roles,
        "reporters": counted["reporters"],
        "reported_by": counted["reported_by"],
    }
    return table_of_columns(columns, CLASSIFIED_ENTITY)


def _sort_lists(lists: pa.ListArray) -> pa.ListArray:
    """Returns each list of texts sorted."""
    parts = pa.table({"row": pc.list_parent_indices(lists), "one": pc.list_flatten(lists)})
    ordered = parts.sort_by([("row", "ascending"), ("one", "ascending")])["one"].combine_chunks()
    lengths = np.append(0, pc.list_value_length(lists).to_numpy())
    return pa.ListArray.from_arrays(np.cumsum(lengths).astype(np.int32), ordered)


def _withheld(own: pa.Table) -> pa.Table:
    """Converts evidence of victims' own identifiers to WITHHELD rows, each once."""
    narrative = pc.fill_null(pc.equal(own["field"], NARRATIVE), False)
    for name in ("start", "end"):
        place = pc.if_else(narrative, own[name], pa.scalar(None, pa.int32()))
        own = own.set_column(own.schema.get_field_index(name), WITHHELD.field(name), place)
    places = own.select(WITHHELD.names).group_by(WITHHELD.names, use_threads=False).aggregate([])
    return places.select(WITHHELD.names).cast(WITHHELD)


def _with_epoch_ids(evidence: pa.Table, named: pa.Array, number: np.ndarray) -> pa.Table:
    """Returns the evidence with the ids of its epochs."""
    rows = np.flatnonzero(number > 1)
    ids = named.take(pa.array(rows)).to_pylist()
    epochs = [with_epoch(one, int(n)) for one, n in zip(ids, number[rows], strict=True)]
    marked = pc.replace_with_mask(named, pa.array(number > 1), pa.array(epochs, pa.string()))
    place = evidence.schema.get_field_index("entity_id")
    return evidence.set_column(place, evidence.schema.field(place), marked)
