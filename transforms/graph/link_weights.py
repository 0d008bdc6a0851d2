"""Weights of links: the weight that each pair of entities in a piece of evidence adds, no Beam.

Pairs are added up before they travel, by pair, strength and organisation, in each partition of the
records. However many calls name a number and its carrier, that pair takes one row a partition,
with the hash of each reporter once. Then the sums become links. A reporter counts once for a pair,
however often they report it. Weights are whole millionths, because sums of integers do not depend
on their order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.cluster import LINK
from schemas.enums import Strength
from schemas.facts import FACT_LIST
from schemas.field import FLAG, INTEGER, SMALL_INTEGER, TEXT, TEXTS, TIMESTAMP
from transforms.arrow import (
    Array,
    group_offsets,
    group_starts,
    hash_text,
    rank_texts,
    row_numbers,
    sorted_unique,
    stable_order,
    sum_by_group,
    table_of_columns,
    text_codes,
)
from transforms.values import NO_CROWDS, Crowds, is_pseudonym

SAMPLE_RECORDS = 10
"""Record ids kept on a link, smallest first."""

MILLION = 1_000_000
"""Weights are whole millionths: sums of integers do not depend on their order."""

MAX_HARD_ENTITIES = 20
"""A record that names more hard entities is a copied list: it is counted, but links nothing."""

PARTS_PER_RECORD = math.lcm(*range(1, MAX_HARD_ENTITIES))
"""Parts of a record, so many that each 1/(k-1) of it is whole and sums are exact."""

_CODES = pa.dictionary(SMALL_INTEGER, TEXT)

PAIR = pa.schema(
    {
        "entity_a": _CODES,
        "entity_b": _CODES,
        "hard": FLAG,
        "micros": SMALL_INTEGER,
        "group_id": _CODES,
        "complaint": FLAG,
        "calls": INTEGER,
        "reporter_key": _CODES,
        "source_org": _CODES,
        "observed_at": TIMESTAMP,
    }
)
"""One pair of entities in one piece of evidence; entity_a is the smaller id. It never travels."""

PAIR_SUM = pa.schema(
    {
        "entity_a": TEXT,
        "entity_b": TEXT,
        "hard": FLAG,
        "source_org": TEXT,
        "records": INTEGER,
        "complaints": INTEGER,
        "calls": INTEGER,
        "first_seen": TIMESTAMP,
        "last_seen": TIMESTAMP,
        "group_ids": TEXTS,
        "reporters": pa.list_(INTEGER),
        "most": pa.list_(SMALL_INTEGER),
    }
)
"""The sums of one pair over one organisation's evidence in one partition.

`records` counts the pieces of evidence, and `group_ids` has the smallest of their ids. `reporters`
are distinct hashes, odd for a pseudonym. `most` has, for each reporter, the most millionths that
one piece of evidence gives.
"""


def pair_weight(named: Any, whole: Any = 1) -> Any:
    """Returns the weight that one record gives each pair of the identifiers it names.

    A record is one piece of evidence however many identifiers it names: 1/(k-1) for each pair of k
    gives every identifier one record's worth of links (Newman, Phys. Rev. E 64, 016132, 2001).
    Clusters, links and explanations all use this.

    Args:
        named: How many identifiers it names, k; a number or an array.
        whole: The worth of the record.
    """
    return whole / np.maximum(named - 1, 1)


def pair_micros(named: Any) -> Any:
    """Returns `pair_weight` in whole millionths, rounded down."""
    return np.asarray(pair_weight(named, MILLION)).astype(np.int64)


def link_probability(weight: Any) -> Any:
    """Returns 1 - 2^-weight: 0 without evidence; each record's worth halves the doubt."""
    return 1 - 2.0**-weight


def sum_pairs(pairs: pa.Table, crowds: Crowds = NO_CROWDS) -> pa.Table:
    """Adds up PAIR rows, each piece of evidence once a pair, to PAIR_SUM rows."""
    if not pairs.num_rows:
        return PAIR_SUM.empty_table()
    code = row_numbers(pairs[name] for name in ("entity_a", "entity_b", "source_org"))
    hard, seen = pairs["hard"].to_numpy(), pairs["observed_at"].cast(INTEGER).to_numpy()
    _, first, number = np.unique(code * 2 + hard, return_index=True, return_inverse=True)
    count = len(first)
    reporter = pairs["reporter_key"].combine_chunks()
    hashes = reporter_hashes(reporter.dictionary)
    hashed, people = hashes[text_codes(reporter)], crowds.people_of(hashes)[text_codes(reporter)]
    pair, who, most = _most_by_reporter(number, hashed, pairs["micros"].to_numpy())
    offsets = group_offsets(pair, count)
    columns = {name: pairs[name].take(first) for name in PAIR_SUM.names[:4]}
    columns |= {
        "records": sum_by_group(number, people, count),
        "complaints": sum_by_group(number, people * pairs["complaint"].to_numpy(), count),
        "calls": sum_by_group(number, people * pairs["calls"].to_numpy(), count),
        "group_ids": _smallest(number, pairs["group_id"].combine_chunks(), count),
        "reporters": pa.ListArray.from_arrays(offsets, who),
        "most": pa.ListArray.from_arrays(offsets, most),
    }
    columns["first_seen"], columns["last_seen"] = _extremes(number, seen, seen)
    return table_of_columns(columns, PAIR_SUM)


def build_links(sums: pa.Table, crowds: Crowds = NO_CROWDS) -> pa.Table:
    """Converts PAIR_SUM rows of whole pairs to LINK rows, not accepted yet and without a reason."""
    if sums.num_rows == 0:
        return LINK.empty_table()
    a, ids_a = rank_texts(sums["entity_a"].combine_chunks())
    b, ids_b = rank_texts(sums["entity_b"].combine_chunks())
    keys, pair = np.unique(a * len(ids_b) + b, return_inverse=True)
    count = len(keys)
    hard = sums["hard"].to_numpy()
    is_hard = np.bincount(pair, hard, minlength=count) > 0
    reporters, most, groups = (
        sums[name].combine_chunks() for name in ("reporters", "most", "group_ids")
    )
    row = reporters.value_parent_indices().to_numpy()
    # Soft evidence must not add to the weight of a hard pair.
    strong = (hard | ~is_hard[pair])[row]
    pair_of, who, weight = _most_by_reporter(
        pair[row], reporters.flatten().to_numpy(), np.where(strong, most.flatten().to_numpy(), 0)
    )
    people = crowds.people_of(who)
    pair_of_group = pair[groups.value_parent_indices().to_numpy()]
    seen = (sums[name].cast(INTEGER).to_numpy() for name in ("first_seen", "last_seen"))
    columns = {
        "entity_a": ids_a.take(keys // len(ids_b)),
        "entity_b": ids_b.take(keys % len(ids_b)),
        "weight": np.bincount(pair_of, people * weight, count) / MILLION,
        **{
            name: sum_by_group(pair, sums[name].to_numpy(), count)
            for name in ("complaints", "calls", "records")
        },
        "victims": sum_by_group(pair_of, people * (who & 1), count),
        "reporters": sum_by_group(pair_of, people, count),
        "orgs": _smallest(pair, sums["source_org"].combine_chunks(), count, most=sums.num_rows),
        "strength": np.where(is_hard, Strength.HARD, Strength.SOFT),
        "record_ids": _smallest(pair_of_group, groups.flatten(), count),
        "accepted": np.zeros(count, bool),
        "reason": pa.repeat("", count),
        "facts": pa.repeat(pa.scalar([], FACT_LIST), count),
    }
    columns["first_seen"], columns["last_seen"] = _extremes(pair, *seen)
    return table_of_columns(columns, LINK)


def reporter_hashes(keys: pa.Array) -> Array:
    """Hashes the keys of reporters; the last bit is 1 for a pseudonym."""
    named = is_pseudonym(keys).to_numpy(zero_copy_only=False)
    return (hash_text(keys) & ~np.int64(1)) | named.astype(np.int64)


def _extremes(pair: Array, first: Array, last: Array) -> list[Array]:
    """Returns the earliest first and the latest last time of each pair."""
    order = stable_order(pair)
    starts = group_starts(pair[order])
    return [np.minimum.reduceat(first[order], starts), np.maximum.reduceat(last[order], starts)]


def _most_by_reporter(pair: Array, reporter: Array, micros: Array) -> tuple[Array, Array, Array]:
    """Returns each (pair, reporter) once, sorted, with the most millionths."""
    order = stable_order(pair, reporter)
    pair, reporter, micros = pair[order], reporter[order], micros[order]
    starts = group_starts(reporter, pair)
    return pair[starts], reporter[starts], np.maximum.reduceat(micros, starts)


def _smallest(pair: Array, texts: pa.Array, count: int, most: int = SAMPLE_RECORDS) -> pa.Array:
    """Returns a list of the smallest `most` distinct texts of each of `count` pairs, sorted."""
    code, names = rank_texts(texts)
    key = sorted_unique(pair * len(names) + code)
    number, code = np.divmod(key, max(len(names), 1))
    kept = np.arange(len(number)) - group_offsets(number, count)[number] < most
    offsets = group_offsets(number[kept], count)
    return pa.ListArray.from_arrays(offsets, names.take(code[kept]))
