"""What each identifier is, over all records that name it, and what may be said of it.

Every sighting with what its identifier is, over all records that name it.

Sightings stay with their records: what travels to the owner of an identifier is what they add up to
(`activity`), and back to each share of the records comes what it is (`verdicts`). A number that ten
million calls name so takes a row for each of its victims and days, not one for each call.

What was found of identifiers, told back to the records that name them.
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

from schemas import epoch
from schemas.entity import ENTITY
from schemas.enums import SUPPLIER_KINDS, Role, Status
from schemas.field import field as column
from schemas.mention import CLASSIFIED, EVIDENCE
from transforms.casts import mask
from transforms.decisions import NO_DECISIONS, InForce
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.reconcile import NARRATIVE
from transforms.graph import epochs
from transforms.graph.activity import ACTIVITY, COUNTS, activity, main_roles
from transforms.graph.epochs import turns
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.shuffle import MAIN, Keyed, PerPartition, ShuffleOptions, batches_of, partition_of

FOUND = pa.schema(
    [
        *ENTITY,
        column("role", pa.string(), "Most frequent role, hard ones first.", values=tuple(Role)),
        column("held", pa.int64(), "Records that show it in a hard role."),
        column("told_by", pa.int64(), "Victims, by pseudonym, who show that in no copied list."),
    ]
)
"""ENTITY with what clustering needs to know of it."""


NOTHING_LAPSES: epochs.Lives = {}
"""No identifier is ever passed on."""


OUTWEIGHED = 3
"""Records that show a suspect's hold, for each that reads as a victim's, to overrule a reading."""


def judge(
    activity: pa.Table, known: KnownLegitimate, lives: epochs.Lives = NOTHING_LAPSES
) -> tuple[pa.Table, pa.Table]:
    """ACTIVITY rows of whole entities, to FOUND rows and VERDICT rows.

    Known-legitimate comes first: a published line is nobody's secret, even where a record calls it
    the victim's. Then the victim: one record that states a number as the victim's own outweighs any
    number of others, because naming a victim is worse than missing a number. Where only the words
    around an identifier in a narrative say so, that reading can be wrong: it holds unless
    `OUTWEIGHED` times as many records show the suspect holding the identifier. What is either is so
    in all its epochs; the epochs of the rest are told apart by `lives`.
    """
    if activity.num_rows == 0:
        return FOUND.empty_table(), VERDICT.empty_table()
    counted = _count(activity)
    status, reason = _status(counted, known)
    held = counted["entity_id"].filter(pc.equal(status, Status.INFRASTRUCTURE)).combine_chunks()
    begun = epochs.begun(activity, held, lives)
    begins = pa.nulls(counted.num_rows, pa.int32())
    if len(begun.ids):
        lasts = pc.invert(pc.is_in(counted["entity_id"], begun.ids)).combine_chunks()
        again = _count(_by_epoch(activity, begun))
        more, why = _status(again, known)
        counted = pa.concat_tables([counted.filter(lasts), again]).combine_chunks()
        status = pa.concat_arrays([status.filter(lasts), more])
        told = _with_gaps(why, again["entity_id"], begun.gaps)
        reason = pa.concat_arrays([reason.filter(lasts), told])
        begins = pa.concat_arrays([begins.filter(lasts), _begins(again["entity_id"], begun)])
    entities = _entities(counted, status, reason, main_roles(counted))
    return entities, _verdicts(activity, counted["entity_id"], begins, status)


def _count(activity: pa.Table) -> pa.Table:
    """Sums and extremes of each entity, in columns of the names of ACTIVITY."""
    smallest = ("kind", "first_seen", "place", "region", "line_type")
    nobody = pa.scalar(None, activity["victim"].type)
    told_by = pc.if_else(pc.greater(activity["told"], 0), activity["victim"], nobody)
    added = (
        activity.append_column("told_by", told_by)
        .group_by("entity_id", use_threads=False)
        .aggregate(
            [(name, "min") for name in smallest]
            + [("last_seen", "max"), ("source_org", "distinct")]
            + [(name, "count_distinct") for name in ("victim", "told_by")]
            + [(name, "sum") for name in COUNTS]
        )
    )
    return added.rename_columns([_named(name) for name in added.column_names])


def _named(name: str) -> str:
    for end in ("_min", "_max", "_sum", "_count_distinct", "_distinct"):
        name = name.removesuffix(end)
    return name


def _by_epoch(activity: pa.Table, begun: epochs.Begun) -> pa.Table:
    """The activity of identifiers that have several epochs, with the ids of those."""
    rows = activity.filter(pc.is_in(activity["entity_id"], begun.ids))
    ids = rows["entity_id"].combine_chunks()
    turn = begun.turns(ids, rows["day"].to_numpy())
    named = [epoch.named(one, int(n)) for one, n in zip(ids.to_pylist(), turn, strict=True)]
    return rows.set_column(0, ACTIVITY.field("entity_id"), pa.array(named, pa.string()))


def _begins(entity_ids: pa.ChunkedArray, begun: epochs.Begun) -> pa.Array:
    """The day that each epoch begins with, null for the first ones."""
    bare = begun.ids.to_pylist()
    turn = epochs.turns(begun.entity, begun.day, begun.entity, begun.day)
    day = {
        epoch.named(bare[one], int(which)): int(start)
        for one, which, start in zip(begun.entity, turn, begun.day, strict=True)
    }
    return pa.array([day.get(one) for one in entity_ids.to_pylist()], pa.int32())


def _verdicts(
    activity: pa.Table, entity_ids: pa.ChunkedArray, begins: pa.Array, status: pa.Array
) -> pa.Table:
    """VERDICT rows for all shares of the records that name an entity."""
    later = mask(pc.is_valid(begins))
    bare = entity_ids.combine_chunks()
    bare = pc.if_else(pa.array(later), epoch.bare_ids(bare), bare)
    asked = activity.group_by(["entity_id", "share"], use_threads=False).aggregate([])
    # Nearly all have one epoch; the rows of the others are told from theirs.
    first = pa.array(~later)
    at = pc.index_in(asked["entity_id"], bare.filter(first)).combine_chunks()
    once = pa.table(
        [asked["entity_id"], asked["share"], begins.filter(first).take(at),
         status.filter(first).take(at)], schema=VERDICT,
    )  # fmt: skip
    if not later.any():
        return once
    more = pa.table({"entity_id": bare, "begins": begins, "status": status}).filter(pa.array(later))
    several = asked.filter(pc.is_in(asked["entity_id"], more["entity_id"].combine_chunks()))
    told = several.join(more, "entity_id", join_type="inner", use_threads=False)
    return pa.concat_tables([once, told.select(VERDICT.names).cast(VERDICT)])


def _status(counted: pa.Table, known: KnownLegitimate) -> tuple[pa.Array, pa.Array]:
    legitimate = known.reasons(counted["entity_id"].combine_chunks())
    supplier = mask(pc.is_in(counted["kind"], pa.array([str(k) for k in SUPPLIER_KINDS])))
    hard = counted["held"].to_numpy()
    own = counted["own"].to_numpy()
    outweighed = (counted["stated"].to_numpy() == 0) & (hard >= OUTWEIGHED * own)
    status: list[str] = []
    reason: list[str] = []
    for row, why in enumerate(legitimate.to_pylist()):
        if why is not None:
            decided, because = Status.SUPPRESSED, f"known legitimate: {why}"
        elif own[row] and not outweighed[row]:
            decided, because = Status.VICTIM_SIDE, f"a victim's own in {_records(own[row])}"
            if hard[row]:
                because += f", though held by a suspect in {_records(hard[row])}"
        elif supplier[row]:
            decided = Status.UNCORROBORATED
            because = "shared by a supplier's customers: describes clusters, joins none"
        elif hard[row]:
            decided = Status.INFRASTRUCTURE
            because = f"held by the suspect in {_records(hard[row])}"
        else:
            decided = Status.UNCORROBORATED
            because = "only a caller id, which can be forged, or a mention"
        status.append(decided)
        reason.append(because)
    return pa.array(status, pa.string()), pa.array(reason, pa.string())


def _with_gaps(reasons: pa.Array, entity_ids: pa.ChunkedArray, gaps: Mapping[str, int]) -> pa.Array:
    """Reasons that say of an epoch how long it was not seen before."""
    return pa.array(
        [
            f"{why}; seen again after {gaps[one]} days, maybe by another holder"
            if one in gaps
            else why
            for one, why in zip(entity_ids.to_pylist(), reasons.to_pylist(), strict=True)
        ],
        pa.string(),
    )


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _entities(counted: pa.Table, status: pa.Array, reason: pa.Array, roles: pa.Array) -> pa.Table:
    own = mask(pc.equal(status, Status.VICTIM_SIDE))
    ids = counted["entity_id"].combine_chunks()
    kinds = counted["kind"].combine_chunks()
    # Named after the first place that holds it: a hash of the number could be reversed.
    withheld = [
        f"{kind}:withheld-{xxhash.xxh3_64_hexdigest(f'{kind}|{place}'.encode())}"
        for kind, place in zip(
            kinds.filter(pa.array(own)).to_pylist(),
            counted["place"].filter(pa.array(own)).to_pylist(),
            strict=True,
        )
    ]
    values = pc.replace_substring_regex(epoch.bare_ids(ids), r"^[^:]*:", "")
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
        "orgs": _in_order(counted["source_org"].combine_chunks()),
        "region": pc.if_else(pa.array(own), nothing, counted["region"].combine_chunks()),
        "line_type": pc.if_else(pa.array(own), nothing, counted["line_type"].combine_chunks()),
        "status": status,
        "reason": reason,
        "epoch": epoch.numbers(ids),
        "role": roles,
        "held": counted["held"],
        "told_by": counted["told_by"],
    }
    return pa.table(columns, schema=FOUND)


def _in_order(lists: pa.ListArray) -> pa.ListArray:
    """Each list of texts sorted."""
    parts = pa.table({"row": pc.list_parent_indices(lists), "one": pc.list_flatten(lists)})
    ordered = parts.sort_by([("row", "ascending"), ("one", "ascending")])["one"].combine_chunks()
    lengths = np.append(0, pc.list_value_length(lists).to_numpy())
    return pa.ListArray.from_arrays(np.cumsum(lengths).astype(np.int32), ordered)


FOUND_ENTITIES, HIDDEN, ACTIVITIES = "found_entities", "hidden", "activities"


GROUP = ("group_id",)


@dataclass(frozen=True)
class Classified:
    """FOUND, CLASSIFIED and WITHHELD rows."""

    entities: pa.Table
    sightings: pa.Table
    withheld: pa.Table


def classify(
    sightings: pa.Table, known: KnownLegitimate, lives: epochs.Lives = NOTHING_LAPSES
) -> Classified:
    """All EVIDENCE rows of some entities at once; see `judge`."""
    entities, verdicts = judge(activity(sightings), known, lives)
    return Classified(entities, *tell(sightings, verdicts))


def _added(evidence: pa.Table, *, partitions: int) -> Iterator[Any]:
    yield from evidence.to_batches()
    share = partition_of(evidence, GROUP, partitions)
    for batch in batches_of(activity(evidence, share)):
        yield beam.pvalue.TaggedOutput(ACTIVITIES, batch)


def _judged(
    added: pa.Table,
    decided: InForce = NO_DECISIONS,
    *,
    known: KnownLegitimate,
    lives: epochs.Lives,
) -> Iterator[Any]:
    entities, verdicts = judge(added, decided.known(known), lives)
    yield from batches_of(verdicts)
    for batch in batches_of(entities):
        yield beam.pvalue.TaggedOutput(FOUND_ENTITIES, batch)


def _told(evidence: pa.Table, verdicts: pa.Table) -> Iterator[Any]:
    classified, withheld = tell(evidence, verdicts)
    yield from classified.combine_chunks().to_batches()
    for batch in batches_of(withheld):
        yield beam.pvalue.TaggedOutput(HIDDEN, batch)


@dataclass(eq=False)
class Classify(beam.PTransform):
    """EVIDENCE batches to a dict: MAIN (CLASSIFIED), FOUND_ENTITIES (FOUND), HIDDEN (WITHHELD).

    Every batch of MAIN holds whole groups: all evidence of the records that are one piece of it.
    `decided` is the one InForce, whose legitimate entities are suppressed too.
    """

    known: KnownLegitimate
    decided: beam.pvalue.AsSingleton
    lives: epochs.Lives = field(default_factory=epochs.shipped)

    def expand(self, evidence: beam.PCollection) -> dict[str, Any]:
        """Add up by record, judge by identifier, tell the records."""
        partitions = evidence.pipeline.options.view_as(ShuffleOptions).partitions
        grouped = Keyed(EVIDENCE, GROUP)
        added = {"evidence": evidence} | "Add up" >> PerPartition(
            {"evidence": grouped},
            partial(_added, partitions=partitions),
            (ACTIVITIES,),
            partitions=partitions,
        )
        judged = {"added": added[ACTIVITIES]} | "Judge" >> PerPartition(
            {"added": Keyed(ACTIVITY, ("entity_id",))},
            partial(_judged, known=self.known, lives=self.lives),
            (FOUND_ENTITIES,),
            self.decided,
        )
        parts = {"evidence": added[MAIN], "verdicts": judged[MAIN]}
        told = parts | "Tell" >> PerPartition(
            {"evidence": grouped, "verdicts": Keyed(VERDICT, ("share",), placed=True)},
            _told,
            (HIDDEN,),
            partitions=partitions,
        )
        return {
            MAIN: told[MAIN],
            HIDDEN: told[HIDDEN],
            FOUND_ENTITIES: judged[FOUND_ENTITIES],
        }


VERDICT = pa.schema(
    [
        ("entity_id", pa.string()),
        ("share", pa.int32()),
        ("begins", pa.int32()),
        ("status", pa.string()),
    ]
)
"""The status of one epoch of an identifier, for one share of the records.

`entity_id` is the bare one; `begins` is the day that the epoch begins with, null for the first.
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

`start` and `end` are code points of the narrative, null where another field names it: what is said,
spelled or disguised there can be told by its place alone.
"""


_EVER = -(1 << 31)
"""Before any day that an epoch begins with."""


def tell(evidence: pa.Table, verdicts: pa.Table) -> tuple[pa.Table, pa.Table]:
    """EVIDENCE rows and the VERDICT rows on all that they name, to CLASSIFIED and WITHHELD rows.

    Raises:
        ValueError: if nothing was found of an identifier.
    """
    if not evidence.num_rows:
        return CLASSIFIED.empty_table(), WITHHELD.empty_table()
    since = pc.fill_null(verdicts["begins"], _EVER)
    keys = verdicts.select(["entity_id"]).append_column("since", since)
    order = [("entity_id", "ascending"), ("since", "ascending")]
    verdicts = verdicts.take(pc.sort_indices(keys, sort_keys=order))
    ids, begins = verdicts["entity_id"].combine_chunks(), verdicts["begins"].combine_chunks()
    named = evidence["entity_id"].combine_chunks()
    at = pc.index_in(named, ids)  # the first epoch of each
    if at.null_count:
        raise ValueError("evidence of an identifier that was not judged")
    row = at.to_numpy().astype(np.int64)
    later = np.flatnonzero(mask(pc.is_valid(begins)))
    if len(later):
        of = pc.index_in(ids.take(pa.array(later)), ids).to_numpy()
        day = evidence["observed_at"].cast(pa.int64()).to_numpy() // MICROSECONDS_A_DAY
        passed = turns(row, day, of, begins.take(pa.array(later)).to_numpy()) - 1
        row = row + passed
        evidence = _renamed(evidence, named, passed)
    status = verdicts["status"].combine_chunks().take(pa.array(row))
    classified = evidence.append_column(CLASSIFIED.field("status"), status)
    victims = mask(pc.equal(status, Status.VICTIM_SIDE))
    return classified.filter(pa.array(~victims)), _withheld(evidence.filter(pa.array(victims)))


def _withheld(own: pa.Table) -> pa.Table:
    """Evidence of victims' own identifiers to WITHHELD rows, each once."""
    told = pc.fill_null(pc.equal(own["field"], NARRATIVE), False)
    for name in ("start", "end"):
        place = pc.if_else(told, own[name], pa.scalar(None, pa.int32()))
        own = own.set_column(own.schema.get_field_index(name), WITHHELD.field(name), place)
    places = own.select(WITHHELD.names).group_by(WITHHELD.names, use_threads=False).aggregate([])
    return places.select(WITHHELD.names).cast(WITHHELD)


def _renamed(evidence: pa.Table, named: pa.Array, passed: np.ndarray) -> pa.Table:
    """Evidence with the ids of its epochs; `passed` counts those that were over."""
    rows = np.flatnonzero(passed)
    ids = named.take(pa.array(rows)).to_pylist()
    epochs = [epoch.named(one, 1 + int(n)) for one, n in zip(ids, passed[rows], strict=True)]
    marked = pc.replace_with_mask(named, pa.array(passed > 0), pa.array(epochs, pa.string()))
    place = evidence.schema.get_field_index("entity_id")
    return evidence.set_column(place, evidence.schema.field(place), marked)
