"""Activity: mentions added up before they travel, by identifier, reporter, organisation and day.

However many calls name a number, its partition gets one row for each reporter and day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import HARD_ROLES, EntityKind, RecordKind, Role
from schemas.field import INTEGER, SMALL_INTEGER, TEXT, TEXTS, TIMESTAMP
from transforms.arrow import (
    Array,
    aggregate,
    concat_ranges,
    group_changes,
    group_starts,
    hash_text,
    is_among,
    one_batch,
    rank_texts,
    stable_order,
    sum_by_group,
    table_of_columns,
    text_codes,
    true_mask,
    with_column,
)
from transforms.custody import record_keys
from transforms.graph.incidence import MICROSECONDS_A_DAY, are_hard
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.values import Crowds
from transforms.victims import MOST_RECORDS
from transforms.victims.stated_numbers import STATED_FIELDS

ROLES = tuple(sorted(Role))
"""Roles; among equally frequent roles, the first wins."""

ROLE_COUNTS = tuple(f"as_{role}" for role in ROLES)
"""Columns of ACTIVITY: mentions in each role."""

RECORD_COUNTS = ("complaints", "calls", "held", "reported", "own", "stated", "carried")
"""Columns of ACTIVITY that count records."""

COUNTS = (*RECORD_COUNTS, *ROLE_COUNTS)
"""Columns of ACTIVITY that add up."""

ACTIVITY = pa.schema(
    {
        "entity_id": TEXT,
        "kind": TEXT,
        "share": SMALL_INTEGER,
        "victim": INTEGER,
        "reporter": INTEGER,
        "source_org": TEXT,
        "day": SMALL_INTEGER,
        "first_seen": TIMESTAMP,
        "last_seen": TIMESTAMP,
        "first_held": TIMESTAMP,
        "last_held": TIMESTAMP,
        "place": TEXT,
        "region": TEXT,
        "line_type": TEXT,
        **dict.fromkeys(COUNTS, SMALL_INTEGER),
        "records": TEXTS,
        "page": TEXT,
        "beside": TEXTS,
    }
)
"""The activity of one identifier as one reporter saw it, by organisation and day (UTC).

`share` is the partition of the counted records. `victim` is a hash, null without a pseudonym.
`reporter` is a hash, null for calls without a pseudonym (`transforms.values.reporters`).
`complaints` to `carried` count records that name the identifier:

- `held`: in a hard role; `reported`: in a hard role and no copied list;
- `own`: as the victim's; `stated`: as the victim's, in a field;
- `carried`: only as a phone in the link of a lure (`settle_carried`).

`place` is the earliest place of a mention. `records` are the keys of the records if they are few
and a record of the partition calls it the victim's, else null. A row with a `page` counts only
links to that page, which the rows of its domain count too; `beside` has the other identifiers in
these records that a ring does not share.
"""

_TIME_DIGITS = 20
"""Width of a time in microseconds as text, so that texts sort like times."""

_LATEST = np.iinfo(np.int64).max

_KEY = ("entity_id", "victim_key", "reporter_key", "source_org", "page")

_SUMMED = ("record_kind", "field", "start", "carried", "kind", "region", "line_type")
"""Columns that are added up by key."""

_OWN_KINDS = (
    *(EntityKind.PHONE, EntityKind.REMOTE, EntityKind.HANDLE),
    *(EntityKind.ACCOUNT, EntityKind.WALLET),
)
"""Kinds that a ring does not share, apart from sites."""

_IS_HARD = np.isin(ROLES, [*HARD_ROLES])


def sum_activity(mentions: pa.Table, share: int = 0) -> pa.Table:
    """Converts EVIDENCE_MENTION rows of whole groups to ACTIVITY rows, each key once.

    Links to pages of a domain are also added up by page, in extra rows.
    """
    if not mentions.num_rows:
        return ACTIVITY.empty_table()
    whole = _sum_by_key(with_column(mentions, "page", pa.nulls(len(mentions), TEXT)), share)
    linked = mentions["group_id"].filter(pc.is_valid(mentions["page"]))
    if not len(linked):
        return whole
    by_page = _sum_by_key(mentions.filter(pc.is_in(mentions["group_id"], linked)), share)
    return pa.concat_tables([whole, by_page.filter(pc.is_valid(by_page["page"]))])


def _sum_by_key(mentions: pa.Table, share: int) -> pa.Table:
    texts = [mentions[name].combine_chunks().dictionary_encode() for name in _KEY]
    texts.append(record_keys(mentions).dictionary_encode())
    codes = [text_codes(column) for column in texts]
    role = pc.index_in(mentions["role"].combine_chunks(), pa.array(ROLES)).to_numpy()
    narrow = _in_narrow_groups(mentions, codes[0], _IS_HARD[role])
    seen = mentions["observed_at"].cast(INTEGER).to_numpy()

    # Sort so that the rows of a key are together, and within a key the rows of a record.
    group = mentions["group_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = stable_order(*codes[:-1], seen // MICROSECONDS_A_DAY, codes[-1])
    rows = one_batch(mentions.select(_SUMMED).take(order))
    *codes, record = (column[order] for column in codes)
    role, narrow, seen, group = role[order], narrow[order], seen[order], group[order]
    day = seen // MICROSECONDS_A_DAY
    key = np.cumsum(group_changes(*codes, day)) - 1
    starts, once = group_starts(key), group_starts(key, record)
    of_key = np.searchsorted(once, starts)

    hard, own = _IS_HARD[role], role == ROLES.index(Role.VICTIM)
    complaint = true_mask(pc.equal(rows["record_kind"], RecordKind.COMPLAINT))
    stated = own & true_mask(pc.match_substring_regex(rows["field"], STATED_FIELDS))
    carried = true_mask(pc.is_valid(rows["carried"]))
    masks = (complaint, ~complaint, hard, hard & narrow, own, stated, carried)
    columns: dict[str, Any] = {
        name: np.add.reduceat(np.maximum.reduceat(mask.astype(np.int32), once), of_key)
        for name, mask in zip(RECORD_COUNTS, masks, strict=True)
    }
    role_counts = np.bincount(key * len(ROLES) + role, minlength=len(starts) * len(ROLES))
    role_counts = role_counts.astype(np.int32)
    columns |= {name: role_counts[place :: len(ROLES)] for place, name in enumerate(ROLE_COUNTS)}
    columns |= _times(seen, hard, starts)
    entity, victim, reporter, org, page = (
        pa.array(column[starts], mask=column[starts] < 0) for column in codes
    )
    own_kind = true_mask(is_among(rows["kind"], _OWN_KINDS))
    records, owned = texts[-1].dictionary, np.bincount(codes[0], own) > 0
    listed = records.take(record[once])
    columns |= {
        "entity_id": texts[0].dictionary.take(entity),
        "share": np.full(len(starts), share, np.int32),
        "victim": pa.array(hash_text(texts[1].dictionary)).take(victim),
        "reporter": pa.array(hash_text(texts[2].dictionary)).take(reporter),
        "source_org": texts[3].dictionary.take(org),
        "day": day[starts].astype(np.int32),
        "place": _first_places(rows, records.take(record), seen, key),
        "records": _record_lists(owned[codes[0][starts]], of_key, listed),
        "page": texts[4].dictionary.take(page),
        "beside": _identifiers_beside(
            key, group, codes[4] >= 0, own_kind & hard & narrow, codes[0], texts[0].dictionary
        ),
    }
    for name in ("kind", "region", "line_type"):
        columns[name] = rows[name].take(_smallest(rows[name], key))
    return table_of_columns(columns, ACTIVITY)


def with_people(activity: pa.Table, crowds: Crowds) -> pa.Table:
    """Adds `people`, how many each row stands for, to ACTIVITY rows; multiplies their counts."""
    hashes = pc.fill_null(activity["reporter"], 0).to_numpy()
    people = pa.array(crowds.people_of(hashes), SMALL_INTEGER)
    if crowds:
        for name in COUNTS:
            activity = with_column(activity, name, pc.multiply(activity[name], people))
    return activity.append_column("people", people)


def two_of_each_crowd(activity: pa.Table) -> pa.Table:
    """Adds a second reporter to the rows of `with_people` that stand for several people.

    More than two reporters change no epoch.
    """
    several = activity.filter(pc.greater(activity["people"], 1))
    others = pc.bit_wise_not(several["reporter"])
    return pa.concat_tables([activity, with_column(several, "reporter", others)])


def count_people(
    activity: pa.Table, by: str, names: Sequence[str], entities: int
) -> dict[str, Array]:
    """Counts, for each entity and column, the people with a row above 0 in that column.

    Args:
        activity: Rows of `with_people`, with these columns and the number of each `entity`.
        by: The column that identifies people; all rows without a value count as one person.
        names: The columns.
        entities: Number of entities.
    """
    most = aggregate(activity, ["entity", by], [(name, "max") for name in (*names, "people")])
    entity, people = (most[name].to_numpy() for name in ("entity", "people"))
    shown = {name: most[name].to_numpy() > 0 for name in names}
    return {name: sum_by_group(entity, people * rows, entities) for name, rows in shown.items()}


def _times(seen: Array, hard: Array, starts: Array) -> dict[str, pa.Array]:
    """Returns the first and last time of each key, in any role and in a hard one."""
    times = {}
    for name, rows in (("seen", np.ones_like(hard)), ("held", hard)):
        never = ~np.logical_or.reduceat(rows, starts)
        for end, extreme, last in (("first", np.minimum, _LATEST), ("last", np.maximum, -_LATEST)):
            moments = extreme.reduceat(np.where(rows, seen, last), starts)
            times[f"{end}_{name}"] = pa.array(moments, mask=never).cast(TIMESTAMP)
    return times


def _first_places(mentions: pa.RecordBatch, records: pa.Array, seen: Array, key: Array) -> pa.Array:
    """Returns the smallest place of each key, among the rows that were seen first."""
    earliest = np.minimum.reduceat(seen, group_starts(key))[key]
    rows = np.flatnonzero(seen == earliest)
    times = pc.utf8_lpad(pa.array(seen[rows]).cast(TEXT), _TIME_DIGITS, "0")
    field, start = (mentions[name].take(rows).cast(TEXT) for name in ("field", "start"))
    where = (pc.fill_null(field, ""), pc.fill_null(start, ""))
    places = pc.binary_join_element_wise(times, records.take(rows), *where, "|")
    return places.take(_smallest(places, key[rows]))


def settle_carried(mentions: pa.Table) -> pa.Table:
    """Keeps `carried` in EVIDENCE_MENTION rows only where another record may decide the role.

    These are mentions in no other role and in no copied list. Rows are of whole groups.
    """
    carried = pc.and_(pc.is_valid(mentions["carried"]), pc.equal(mentions["role"], Role.MENTIONED))
    shown = true_mask(pc.or_(carried, are_hard(mentions["role"])))
    entity = text_codes(mentions["entity_id"].combine_chunks().dictionary_encode())
    kept = pc.and_(carried, _in_narrow_groups(mentions, entity, shown))
    kept = pc.if_else(kept, mentions["carried"], None)
    return with_column(mentions, "carried", kept)


def _record_lists(owned: Array, starts: Array, records: pa.Array) -> pa.Array:
    """Lists the records of each owned key, which begin at `starts`; null if they are many."""
    sizes = np.diff(starts, append=len(records))
    few = owned & (sizes <= MOST_RECORDS)
    ends = np.append(0, np.cumsum(np.where(few, sizes, 0)))
    named = records.filter(np.repeat(few, sizes))
    return pa.ListArray.from_arrays(ends, named, mask=pa.array(~few))


def _identifiers_beside(
    key: Array, group: Array, of_page: Array, beside: Array, entity: Array, ids: pa.Array
) -> pa.ListArray:
    """Lists, by key, the identifiers of the mask `beside` in groups that name a page of the key."""
    pages, others = np.flatnonzero(of_page), np.flatnonzero(beside)
    count = key[-1] + 1
    if not len(pages):
        return pa.nulls(count, TEXTS)
    others = others[np.argsort(group[others], kind="stable")]
    first, last = (np.searchsorted(group[others], group[pages], end) for end in ("left", "right"))
    named = entity[others[concat_ranges(first, last - first)]]
    pair = np.unique(np.stack([np.repeat(key[pages], last - first), named]), axis=1)
    ends = np.append(0, np.cumsum(np.bincount(pair[0], minlength=count)))
    without = np.bincount(key[pages], minlength=count) == 0
    return pa.ListArray.from_arrays(ends, ids.take(pair[1]), mask=pa.array(without))


def _smallest(texts: pa.Array, group: Array) -> Array:
    """Returns a row with the smallest text of each group, null only if all texts are null.

    Rows are sorted by group.
    """
    starts = group_starts(group)
    sizes = np.diff(starts, append=len(group))
    # Most groups have one row: compare only the others.
    rows = np.flatnonzero(np.repeat(sizes > 1, sizes))
    rank, _ = rank_texts(texts.take(rows))
    rows = rows[stable_order(group[rows], rank)]
    starts[sizes > 1] = rows[group_starts(group[rows])]
    return starts


def main_roles(counted: pa.Table) -> pa.Array:
    """Returns the role that most reporters give each row, by `ROLE_COUNTS`; hard roles first."""
    counts = np.stack([counted[name].to_numpy() for name in ROLE_COUNTS], axis=1)
    ranked = counts * _IS_HARD
    soft = ~(ranked > 0).any(axis=1)
    ranked[soft] = counts[soft]
    return pa.array(ROLES, TEXT).take(ranked.argmax(axis=1))


def _in_narrow_groups(mentions: pa.Table, entity: Array, hard: Array) -> Array:
    """Masks mentions whose piece of evidence shows at most `MAX_HARD_ENTITIES` in a hard role."""
    group = mentions["group_id"].combine_chunks().dictionary_encode()
    group_number, groups = group.indices.to_numpy(), len(group.dictionary)
    wide = np.bincount(group_number[hard], minlength=groups) > MAX_HARD_ENTITIES
    rows = np.flatnonzero(hard & wide[group_number])
    # Wide groups are few: only for them, count distinct entities.
    pair = np.unique(np.stack([group_number[rows], entity[rows]]), axis=1)
    return (np.bincount(pair[0], minlength=groups) <= MAX_HARD_ENTITIES)[group_number]
