"""Activity: mentions added up before they travel, by identifier, reporter, organisation and day.

However many calls name one number, what its owner brings together is a row for each reporter and
day.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import HARD_ROLES, RecordKind, Role
from schemas.field import TIMESTAMP
from transforms.arrow_util import (
    hash_text,
    table_of_columns,
    with_column,
    without_aggregate_suffixes,
)
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.graph.links import record_keys
from transforms.victim_register import MOST_RECORDS
from transforms.victims.stated_numbers import STATED_FIELDS

ROLES = tuple(sorted(str(role) for role in Role))
"""Roles in the order that decides between equally frequent ones."""

ROLE_COUNTS = tuple(f"as_{role}" for role in ROLES)
"""Columns of ACTIVITY: mentions in each role."""

RECORD_COUNTS = ("complaints", "calls", "held", "reported", "own", "stated", "carried")
"""Columns of ACTIVITY that count records."""

COUNTS = (*RECORD_COUNTS, *ROLE_COUNTS)
"""Columns of ACTIVITY that add up."""

ACTIVITY = pa.schema(
    [
        ("entity_id", pa.string()),
        ("kind", pa.string()),
        ("share", pa.int32()),
        ("victim", pa.int64()),
        ("reporter", pa.int64()),
        ("source_org", pa.string()),
        ("day", pa.int32()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("first_held", TIMESTAMP),
        ("last_held", TIMESTAMP),
        ("place", pa.string()),
        ("region", pa.string()),
        ("line_type", pa.string()),
        *((name, pa.int32()) for name in COUNTS),
        ("records", pa.list_(pa.string())),
    ]
)
"""The activity of one identifier as one reporter saw it, by organisation and day (UTC).

`share` is the partition of records that this was counted in; `victim` is a hash, null where there
is no pseudonym. `reporter` is a hash, null where the records add none: calls without a pseudonym
(`transforms.reporters`). `complaints` to `carried` count records: `held` those
that show it in a hard role, `reported` those of them that are no copied list, `own` those that call
it the victim's, `stated` those that do so in a field, `carried` those that only mention it, in the
link of a lure, as a phone (`settle_carried`). `place` is the earliest place that it was
read at. `records` are the keys of the records, where a record of the partition calls it the
victim's and they are few; null elsewhere.
"""

_TIME_DIGITS = 20
"""Width of a time in microseconds, so that its text sorts as it does."""

_ACTIVITY_KEY = ["entity", "victim", "reporter", "org", "day"]


def sum_activity(mentions: pa.Table, share: int = 0) -> pa.Table:
    """Converts EVIDENCE_MENTION rows of whole groups to ACTIVITY rows, each key once."""
    if not mentions.num_rows:
        return ACTIVITY.empty_table()
    entity, org, victim, reporter = (
        mentions[name].combine_chunks().dictionary_encode()
        for name in ("entity_id", "source_org", "victim_key", "reporter_key")
    )
    seen = mentions["observed_at"].combine_chunks()
    records = record_keys(mentions)
    names = records.dictionary_encode()
    record = names.indices
    role = mentions["role"].combine_chunks()
    complaint = pc.equal(mentions["record_kind"], RecordKind.COMPLAINT).combine_chunks()
    hard = pc.is_in(role, pa.array([str(one) for one in HARD_ROLES]))
    own = pc.equal(role, Role.VICTIM)
    carried = pc.is_valid(mentions["carried"].combine_chunks())
    field = mentions["field"].combine_chunks()
    stated = pc.and_(own, pc.fill_null(pc.match_substring_regex(field, STATED_FIELDS), False))
    reported = pc.and_(hard, pa.array(_in_narrow_groups(mentions, entity, hard)))
    none = pa.scalar(None, record.type)
    owned = pc.is_in(entity.indices, pc.unique(entity.indices.filter(own)))
    held = pc.if_else(hard, seen, pa.scalar(None, seen.type))
    columns = {
        "entity": entity.indices,
        "victim": victim.indices,
        "reporter": reporter.indices,
        "org": org.indices,
        "day": pa.array(seen.cast(pa.int64()).to_numpy() // MICROSECONDS_A_DAY, pa.int32()),
        "kind": mentions["kind"],
        "first_seen": seen,
        "last_seen": seen,
        "first_held": held,
        "last_held": held,
        "place": pc.binary_join_element_wise(
            pc.utf8_lpad(seen.cast(pa.int64()).cast(pa.string()), _TIME_DIGITS, "0"),
            records,
            pc.fill_null(field, ""),
            pc.cast(mentions["start"].combine_chunks(), pa.string()),
            "|",
            null_handling="replace",
            null_replacement="",
        ),
        "region": mentions["region"],
        "line_type": mentions["line_type"],
        "complaints": pc.if_else(complaint, record, none),
        "calls": pc.if_else(complaint, none, record),
        "held": pc.if_else(hard, record, none),
        "reported": pc.if_else(reported, record, none),
        "own": pc.if_else(own, record, none),
        "stated": pc.if_else(stated, record, none),
        "carried": pc.if_else(carried, record, none),
        "records": pc.if_else(owned, record, none),
    }
    for name, one in zip(ROLE_COUNTS, ROLES, strict=True):
        columns[name] = pc.equal(role, one).cast(pa.int8())
    smallest = ("kind", "first_seen", "first_held", "place", "region", "line_type")
    added = without_aggregate_suffixes(
        pa.table(columns)
        .group_by(_ACTIVITY_KEY, use_threads=False)
        .aggregate(
            [(name, "min") for name in smallest]
            + [(name, "max") for name in ("last_seen", "last_held")]
            + [(name, "count_distinct") for name in RECORD_COUNTS]
            + [(name, "sum") for name in ROLE_COUNTS]
            + [("records", "distinct", pc.CountOptions(mode="only_valid"))]
        )
    )
    hashes = {
        name: pa.array(hash_text(one.dictionary), pa.int64()).take(added[name].combine_chunks())
        for name, one in (("victim", victim), ("reporter", reporter))
    }
    found = {name: added[name] for name in added.column_names if name in ACTIVITY.names} | hashes
    found |= {
        "entity_id": entity.dictionary.take(added["entity"].combine_chunks()),
        "share": pa.repeat(share, added.num_rows),
        "source_org": org.dictionary.take(added["org"].combine_chunks()),
        "records": _record_lists(added["records"].combine_chunks(), names.dictionary),
    }
    return table_of_columns(found, ACTIVITY)


def settle_carried(mentions: pa.Table) -> pa.Table:
    """Returns EVIDENCE_MENTION rows of whole groups, `carried` where another record may decide.

    That is what is only mentioned, in no copied list.
    """
    carried = pc.and_(pc.is_valid(mentions["carried"]), pc.equal(mentions["role"], Role.MENTIONED))
    if not pc.any(carried).as_py():
        nothing = pa.nulls(mentions.num_rows, pa.string())
        return with_column(mentions, "carried", nothing)
    hard = pc.is_in(mentions["role"], pa.array([str(one) for one in HARD_ROLES]))
    shown = pc.or_(carried, hard).combine_chunks()
    entity = mentions["entity_id"].combine_chunks().dictionary_encode()
    kept = pc.and_(carried, pa.array(_in_narrow_groups(mentions, entity, shown)))
    kept = pc.if_else(kept, mentions["carried"], pa.scalar(None, pa.string()))
    return with_column(mentions, "carried", kept)


def _record_lists(places: pa.ListArray, records: pa.Array) -> pa.Array:
    """Converts lists of places among record keys to lists of the keys; null for none or many."""
    keys = records.take(places.flatten())
    lists = pa.ListArray.from_arrays(places.offsets, keys)
    none = pa.scalar(None, lists.type)
    sizes = pc.list_value_length(lists)
    few = pc.and_(pc.greater(sizes, 0), pc.less_equal(sizes, MOST_RECORDS))
    return pc.if_else(few, lists, none)


def main_roles(counted: pa.Table) -> pa.Array:
    """Returns the role that most reporters give each row, by `ROLE_COUNTS`; hard roles first."""
    counts = np.stack([counted[name].to_numpy() for name in ROLE_COUNTS], axis=1)
    hard = np.isin(ROLES, [str(role) for role in HARD_ROLES])
    ranked = counts * np.where(hard, 1, 0)
    soft = ~(ranked > 0).any(axis=1)
    ranked[soft] = counts[soft]
    return pa.array(ROLES, pa.string()).take(pa.array(ranked.argmax(axis=1)))


def _in_narrow_groups(mentions: pa.Table, entity: pa.DictionaryArray, hard: pa.Array) -> np.ndarray:
    """Masks mentions whose piece of evidence shows at most `MAX_HARD_ENTITIES` in a hard role."""
    group = mentions["group_id"].combine_chunks().dictionary_encode()
    of, groups = group.indices.to_numpy(), len(group.dictionary)
    is_hard = hard.to_numpy(zero_copy_only=False)
    wide = np.bincount(of[is_hard], minlength=groups) > MAX_HARD_ENTITIES
    rows = np.flatnonzero(is_hard & wide[of])
    # Few are, if any: these alone are counted without what they name twice.
    pair = np.unique(np.stack([of[rows], entity.indices.to_numpy()[rows]]), axis=1)
    return (np.bincount(pair[0], minlength=groups) <= MAX_HARD_ENTITIES)[of]
