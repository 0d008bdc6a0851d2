"""What each identifier is, over all records that name it, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas import epoch
from schemas.entity import ENTITY
from schemas.field import field as column
from schemas.kinds import SUPPLIER_KINDS, Role, Status
from transforms.columns import mask
from transforms.graph import epochs
from transforms.graph.activity import ACTIVITY, COUNTS, main_roles
from transforms.graph.verdicts import VERDICT
from transforms.identify.legitimate import KnownLegitimate

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
