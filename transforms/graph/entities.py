"""What each identifier is, over all records that name it, and what may be said of it."""

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
from schemas.field import field as column
from schemas.kinds import HARD_ROLES, SUPPLIER_KINDS, RecordKind, Role, Status
from schemas.mention import CLASSIFIED, EVIDENCE
from transforms.columns import mask
from transforms.decisions.rulings import NO_DECISIONS, InForce
from transforms.graph import epochs
from transforms.identify.legitimate import KnownLegitimate
from transforms.identify.stated import STATED_FIELDS
from transforms.shuffle import Keyed, PerPartition, batches_of

WITHHELD = pa.schema(
    [
        ("source_org", pa.string()),
        ("record_kind", pa.string()),
        ("record_id", pa.string()),
        ("entity_id", pa.string()),
    ]
)
"""A victim's own identifier and a record that names it, so that it can be taken out there."""


FOUND = pa.schema(
    [
        *ENTITY,
        column("role", pa.string(), "Most frequent role, hard ones first.", values=tuple(Role)),
        column("held", pa.int64(), "Records that show it in a hard role."),
    ]
)
"""ENTITY with what clustering needs to know of it."""


NOTHING_LAPSES: epochs.Lives = {}
"""No identifier is ever passed on."""

OUTWEIGHED = 3
"""Records that show a suspect's hold, for each that reads as a victim's, to overrule a reading."""


@dataclass(frozen=True)
class Classified:
    """The three things known once all sightings of an entity are in one place."""

    entities: pa.Table
    sightings: pa.Table
    withheld: pa.Table


def record_keys(sightings: pa.Table) -> pa.Array:
    """One text a record: kind, organisation and id."""
    return pc.binary_join_element_wise(
        sightings["record_kind"], sightings["source_org"], sightings["record_id"], "|"
    ).combine_chunks()


def classify(
    sightings: pa.Table, known: KnownLegitimate, lives: epochs.Lives = NOTHING_LAPSES
) -> Classified:
    """EVIDENCE rows of whole entities, to FOUND rows, CLASSIFIED rows and WITHHELD rows.

    Known-legitimate comes first: a published line is nobody's secret, even where a record calls it
    the victim's. Then the victim: one record that states a number as the victim's own outweighs any
    number of others, because naming a victim is worse than missing a number. Where only the words
    around an identifier in a narrative say so, that reading can be wrong: it holds unless
    `OUTWEIGHED` times as many records show the suspect holding the identifier. What is either is so
    in all its epochs; the epochs of the rest are told apart by `lives`.
    """
    if sightings.num_rows == 0:
        return Classified(FOUND.empty_table(), CLASSIFIED.empty_table(), WITHHELD.empty_table())
    counted = _count(sightings)
    status, reason = _status(counted, known)
    held = counted["entity_id"].filter(pc.equal(status, Status.INFRASTRUCTURE)).combine_chunks()
    split = epochs.apart(sightings, held, lives)
    if len(split.bare):
        sightings = split.sightings
        several = pc.is_in(epoch.bare_ids(sightings["entity_id"]), split.bare)
        again = _count(sightings.filter(several))
        lasts = pc.invert(pc.is_in(counted["entity_id"], split.bare))
        counted = pa.concat_tables([counted.filter(lasts), again]).combine_chunks()
        more, why = _status(again, known)
        lasts = lasts.combine_chunks()
        status = pa.concat_arrays([status.filter(lasts), more])
        told = _with_gaps(why, again["entity_id"], split.gaps)
        reason = pa.concat_arrays([reason.filter(lasts), told])
    entities = _entities(counted, status, reason, _main_roles(sightings, counted))
    at = pc.index_in(sightings["entity_id"], counted["entity_id"].combine_chunks())
    of_row = status.take(at.combine_chunks())
    classified = sightings.append_column(CLASSIFIED.field("status"), of_row)
    victims = mask(pc.equal(of_row, Status.VICTIM_SIDE))
    own = sightings.filter(pa.array(victims))
    places = own.select(WITHHELD.names).group_by(WITHHELD.names, use_threads=False).aggregate([])
    withheld = places.select(WITHHELD.names).cast(WITHHELD)
    return Classified(entities, classified.filter(pa.array(~victims)), withheld)


def _count(sightings: pa.Table) -> pa.Table:
    records = record_keys(sightings)
    is_complaint = pc.equal(sightings["record_kind"], RecordKind.COMPLAINT).combine_chunks()
    nothing = pa.scalar(None, pa.string())
    hard = pc.is_in(sightings["role"], pa.array([str(role) for role in HARD_ROLES]))
    own = pc.equal(sightings["role"], Role.VICTIM)
    stated = pc.and_(own, pc.match_substring_regex(sightings["field"], STATED_FIELDS))
    place = pc.binary_join_element_wise(
        records,
        pc.fill_null(sightings["field"], ""),
        pc.cast(sightings["start"], pa.string()),
        "|",
        null_handling="replace",
        null_replacement="",
    )
    table = (
        sightings.select(
            ["entity_id", "kind", "observed_at", "source_org", "victim_key", "region", "line_type"]
        )
        .append_column("complaint", pc.if_else(is_complaint, records, nothing))
        .append_column("call", pc.if_else(is_complaint, nothing, records))
        .append_column("place", place)
        .append_column("hard", pc.if_else(hard.combine_chunks(), records, nothing))
        .append_column("own", pc.if_else(own.combine_chunks(), records, nothing))
        .append_column("stated", pc.if_else(stated.combine_chunks(), records, nothing))
    )
    return table.group_by("entity_id", use_threads=False).aggregate(
        [
            ("kind", "min"),
            ("observed_at", "min"),
            ("observed_at", "max"),
            ("source_org", "distinct"),
            ("complaint", "count_distinct"),
            ("call", "count_distinct"),
            ("victim_key", "count_distinct"),
            ("hard", "count_distinct"),
            ("own", "count_distinct"),
            ("stated", "count_distinct"),
            ("place", "min"),
            ("region", "min"),
            ("line_type", "min"),
        ]
    )


def _status(counted: pa.Table, known: KnownLegitimate) -> tuple[pa.Array, pa.Array]:
    legitimate = known.reasons(counted["entity_id"].combine_chunks())
    supplier = mask(pc.is_in(counted["kind_min"], pa.array([str(k) for k in SUPPLIER_KINDS])))
    hard = counted["hard_count_distinct"].to_numpy()
    own = counted["own_count_distinct"].to_numpy()
    outweighed = (counted["stated_count_distinct"].to_numpy() == 0) & (hard >= OUTWEIGHED * own)
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


def _main_roles(sightings: pa.Table, counted: pa.Table) -> pa.Array:
    """The most frequent role of each entity of `counted`; any hard role before any soft one."""
    seen = sightings.group_by(["entity_id", "role"], use_threads=False).aggregate(
        [([], "count_all")]
    )
    soft = pc.invert(pc.is_in(seen["role"], pa.array([str(role) for role in HARD_ROLES])))
    ranked = seen.append_column("soft", soft).sort_by(
        [
            ("entity_id", "ascending"),
            ("soft", "ascending"),
            ("count_all", "descending"),
            ("role", "ascending"),
        ]
    )
    ids = ranked["entity_id"].combine_chunks()
    first = np.concatenate([[True], mask(pc.not_equal(ids[1:], ids[:-1]))])
    best = ranked.filter(pa.array(first))
    at = pc.index_in(counted["entity_id"], best["entity_id"].combine_chunks())
    return best["role"].combine_chunks().take(at.combine_chunks())


def _entities(counted: pa.Table, status: pa.Array, reason: pa.Array, roles: pa.Array) -> pa.Table:
    own = mask(pc.equal(status, Status.VICTIM_SIDE))
    ids = counted["entity_id"].to_pylist()
    kinds = counted["kind_min"].to_pylist()
    values: list[str | None] = [epoch.bare(one).partition(":")[2] for one in ids]
    turns = [epoch.number(one) for one in ids]
    first = counted["place_min"].to_pylist()
    for row in np.flatnonzero(own):
        # Named after the first place that holds it: a hash of the number could be reversed.
        place = f"{kinds[row]}|{first[row]}".encode()
        ids[row] = f"{kinds[row]}:withheld-{xxhash.xxh3_64_hexdigest(place)}"
        values[row] = None
    orgs = [sorted(one) for one in counted["source_org_distinct"].to_pylist()]
    nothing = pa.scalar(None, pa.string())
    columns = {
        "entity_id": ids,
        "kind": kinds,
        "value": values,
        "first_seen": counted["observed_at_min"],
        "last_seen": counted["observed_at_max"],
        "complaints": counted["complaint_count_distinct"],
        "calls": counted["call_count_distinct"],
        "victims": counted["victim_key_count_distinct"],
        "orgs": orgs,
        "region": pc.if_else(pa.array(own), nothing, counted["region_min"].combine_chunks()),
        "line_type": pc.if_else(pa.array(own), nothing, counted["line_type_min"].combine_chunks()),
        "status": status,
        "reason": reason,
        "epoch": turns,
        "role": roles,
        "held": counted["hard_count_distinct"],
    }
    return pa.table(columns, schema=FOUND)


FOUND_ENTITIES, HIDDEN = "found_entities", "hidden"


def _classified(
    sightings: pa.Table,
    decided: InForce = NO_DECISIONS,
    *,
    known: KnownLegitimate,
    lives: epochs.Lives,
) -> Iterator[Any]:
    result = classify(sightings, decided.known(known), lives)
    yield from batches_of(result.sightings)
    for batch in batches_of(result.entities):
        yield beam.pvalue.TaggedOutput(FOUND_ENTITIES, batch)
    for batch in batches_of(result.withheld):
        yield beam.pvalue.TaggedOutput(HIDDEN, batch)


@dataclass(eq=False)
class Classify(beam.PTransform):
    """EVIDENCE batches to outputs MAIN (CLASSIFIED), FOUND_ENTITIES (FOUND), HIDDEN (WITHHELD).

    `decided` is the one InForce, whose legitimate entities are suppressed too.
    """

    known: KnownLegitimate
    decided: beam.pvalue.AsSingleton
    lives: epochs.Lives = field(default_factory=epochs.shipped)

    def expand(self, evidence: beam.PCollection) -> Any:
        """Bring all sightings of an entity together; see `classify`."""
        work = partial(_classified, known=self.known, lives=self.lives)
        step = PerPartition(
            {"evidence": Keyed(EVIDENCE, ("entity_id",))},
            work,
            (FOUND_ENTITIES, HIDDEN),
            self.decided,
        )
        return {"evidence": evidence} | step
