"""Weights of links: what each pair of entities in a piece of evidence adds, without Beam.

Pairs are added up before they travel, by pair, strength and organisation, in each partition of the
records: however many calls name a number and its carrier, the owner of that pair gets one row a
partition, with the hash of each reporter once. There the sums become links. Whoever reports twice
counts once for a pair. Weights are whole millionths, because sums of integers do not depend
on their order.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Strength
from schemas.field import TIMESTAMP
from schemas.link import LINK
from transforms.arrow_util import (
    group_offsets,
    group_starts,
    hash_text,
    sum_by_group,
    table_of_columns,
)
from transforms.reporters import is_pseudonym

SAMPLE_RECORDS = 10
"""Record ids kept on a link, smallest first."""

MILLION = 1_000_000
"""Weights are whole millionths: sums of integers do not depend on their order."""

MAX_HARD_ENTITIES = 20
"""A record that names more hard entities is a copied list: it is counted, but links nothing."""

PARTS_PER_RECORD = math.lcm(*range(1, MAX_HARD_ENTITIES))
"""Each 1/(k-1) of a record is a whole number of its parts, so that sums of these are exact."""

_CODES = pa.dictionary(pa.int32(), pa.string())

PAIR = pa.schema(
    [
        ("entity_a", _CODES),
        ("entity_b", _CODES),
        ("hard", pa.bool_()),
        ("micros", pa.int32()),
        ("group_id", _CODES),
        ("complaint", pa.bool_()),
        ("calls", pa.int64()),
        ("reporter_key", _CODES),
        ("source_org", _CODES),
        ("observed_at", TIMESTAMP),
    ]
)
"""One pair of entities in one piece of evidence; entity_a is the smaller id. It never travels."""

PAIR_SUM = pa.schema(
    [
        ("entity_a", pa.string()),
        ("entity_b", pa.string()),
        ("hard", pa.bool_()),
        ("source_org", pa.string()),
        ("records", pa.int64()),
        ("complaints", pa.int64()),
        ("calls", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("group_ids", pa.list_(pa.string())),
        ("reporters", pa.list_(pa.int64())),
        ("most", pa.list_(pa.int32())),
    ]
)
"""The sums of one pair over the evidence of one partition, as one organisation reported it.

`records` counts these pieces of evidence, and `group_ids` are the smallest of them. `reporters` are
hashes, each once, odd where a pseudonym names a person, and `most` the most millionths that a piece
of evidence of each gives.
"""


def sum_pairs(found: pa.Table) -> pa.Table:
    """Adds up PAIR rows, each piece of evidence once a pair, to PAIR_SUM rows."""
    if not found.num_rows:
        return PAIR_SUM.empty_table()
    a, b, org = (found[name].combine_chunks() for name in ("entity_a", "entity_b", "source_org"))
    hard = found["hard"].to_numpy()
    code = (_codes(a) * len(b.dictionary) + _codes(b)) * len(org.dictionary) + _codes(org)
    _, first, of = np.unique(code * 2 + hard, return_index=True, return_inverse=True)
    count = len(first)
    order = np.argsort(of, kind="stable")
    starts = group_starts(of[order])
    seen = found["observed_at"].cast(pa.int64()).to_numpy()[order]
    micros = found["micros"].to_numpy()
    reporter = found["reporter_key"].combine_chunks()
    columns = {name: found[name].take(pa.array(first)) for name in PAIR_SUM.names[:4]}
    columns |= {
        "records": np.bincount(of, minlength=count),
        "complaints": sum_by_group(of, found["complaint"].to_numpy(), count),
        "calls": sum_by_group(of, found["calls"].to_numpy(), count),
        "first_seen": pa.array(np.minimum.reduceat(seen, starts)).cast(TIMESTAMP),
        "last_seen": pa.array(np.maximum.reduceat(seen, starts)).cast(TIMESTAMP),
        "group_ids": _samples(of, found["group_id"].combine_chunks(), count),
    }
    hashed = reporter_hashes(reporter.dictionary)[reporter.indices.to_numpy()]
    columns["reporters"], columns["most"] = _reporters(of, hashed, micros, count)
    plain = {name: _plain(columns[name]) for name in PAIR_SUM.names}
    return pa.table(plain, schema=PAIR_SUM)


def build_links(found: pa.Table) -> pa.Table:
    """Converts PAIR_SUM rows of whole pairs to LINK rows, not accepted yet and without a reason."""
    if found.num_rows == 0:
        return LINK.empty_table()
    a, ids_a = _ranked(found["entity_a"])
    b, ids_b = _ranked(found["entity_b"])
    keys, pair = np.unique(a * len(ids_b) + b, return_inverse=True)
    count = len(keys)
    org, orgs = _ranked(found["source_org"])
    hard = found["hard"].to_numpy()
    is_hard = np.bincount(pair, hard, minlength=count) > 0
    # Soft evidence must not add to the weight of a hard pair.
    strong = hard | ~is_hard[pair]
    reporters, victims, weight = _reporter_totals(found, pair, strong, count)
    order = np.argsort(pair, kind="stable")
    starts = group_starts(pair[order])
    first, last = (
        found[name].cast(pa.int64()).to_numpy()[order] for name in ("first_seen", "last_seen")
    )
    columns = {
        "entity_a": ids_a.take(pa.array(keys // len(ids_b))),
        "entity_b": ids_b.take(pa.array(keys % len(ids_b))),
        "weight": weight / MILLION,
        "complaints": sum_by_group(pair, found["complaints"].to_numpy(), count),
        "calls": sum_by_group(pair, found["calls"].to_numpy(), count),
        "victims": victims,
        "reporters": reporters,
        "orgs": _lists(*_distinct(pair, org, len(orgs)), orgs, count),
        "first_seen": pa.array(np.minimum.reduceat(first, starts)).cast(TIMESTAMP),
        "last_seen": pa.array(np.maximum.reduceat(last, starts)).cast(TIMESTAMP),
        "strength": pa.array([str(Strength.SOFT), str(Strength.HARD)]).take(
            pa.array(is_hard.astype(np.int8))
        ),
        "record_ids": _smallest_evidence(found, pair, count),
        "records": sum_by_group(pair, found["records"].to_numpy(), count),
        "accepted": pa.repeat(pa.scalar(value=False), count),
        "reason": pa.repeat("", count),
    }
    return table_of_columns(columns, LINK)


def _plain(column: pa.ChunkedArray | pa.Array | np.ndarray) -> pa.ChunkedArray | pa.Array:
    if isinstance(column, np.ndarray) or not pa.types.is_dictionary(column.type):
        return column
    return column.cast(column.type.value_type)


def _codes(column: pa.DictionaryArray) -> np.ndarray:
    return column.indices.to_numpy().astype(np.int64)


def _samples(of: np.ndarray, group: pa.DictionaryArray, count: int) -> pa.Array:
    """Returns the `SAMPLE_RECORDS` smallest groups of each pair."""
    sorted_ids = pc.sort_indices(group.dictionary).to_numpy()
    rank = np.empty(len(sorted_ids), np.int64)
    rank[sorted_ids] = np.arange(len(sorted_ids))
    ranks = rank[group.indices.to_numpy()]
    order = np.lexsort((ranks, of))
    pair = of[order]
    offsets = group_offsets(pair, count)
    kept = order[np.arange(len(pair)) - offsets[pair] < SAMPLE_RECORDS]
    texts = group.dictionary.take(pa.array(sorted_ids[ranks[kept]]))
    return pa.ListArray.from_arrays(_list_offsets(of[kept], count), texts)


def reporter_hashes(keys: pa.Array) -> np.ndarray:
    """Hashes the keys of reporters; the last bit tells whether one is a pseudonym."""
    named = is_pseudonym(keys).to_numpy(zero_copy_only=False)
    return (hash_text(keys) & ~np.int64(1)) | named.astype(np.int64)


def _reporters(
    of: np.ndarray, reporter: np.ndarray, micros: np.ndarray, count: int
) -> tuple[pa.Array, pa.Array]:
    """Returns the reporters of each pair, and the most millionths of each."""
    order = np.lexsort((-micros, reporter, of))
    pair, who = of[order], reporter[order]
    once = group_starts(pair, who)
    offsets = _list_offsets(pair[once], count)
    return (
        pa.ListArray.from_arrays(offsets, pa.array(who[once])),
        pa.ListArray.from_arrays(offsets, pa.array(micros[order][once], pa.int32())),
    )


def _reporter_totals(
    found: pa.Table, pair: np.ndarray, strong: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, by pair, its reporters, those by a pseudonym, and the sum of the most millionths."""
    lists = found["reporters"].combine_chunks()
    row = lists.value_parent_indices().to_numpy()
    reporter, of = lists.flatten().to_numpy(), pair[row]
    most = np.where(strong[row], found["most"].combine_chunks().flatten().to_numpy(), 0)
    order = np.lexsort((reporter, of))
    reporter, of, most = reporter[order], of[order], most[order]
    starts = group_starts(reporter, of)
    most = np.maximum.reduceat(most, starts)
    return (
        np.bincount(of[starts], minlength=count),
        np.bincount(of[starts], reporter[starts] & 1, count).astype(np.int64),
        sum_by_group(of[starts], most, count),
    )


def _smallest_evidence(found: pa.Table, pair: np.ndarray, count: int) -> pa.Array:
    """Returns the `SAMPLE_RECORDS` smallest pieces of evidence of each pair."""
    lists = found["group_ids"].combine_chunks()
    group, groups = _ranked(pa.chunked_array([lists.flatten()]))
    of, group = _distinct(pair[lists.value_parent_indices().to_numpy()], group, len(groups))
    rank = np.arange(len(of)) - group_offsets(of, count)[of]
    return _lists(of[rank < SAMPLE_RECORDS], group[rank < SAMPLE_RECORDS], groups, count)


def _ranked(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Returns the rank of each text among the sorted distinct ones, and these."""
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], encoded.dictionary.take(order)


def _distinct(pair: np.ndarray, code: np.ndarray, codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns each (pair, code) once, sorted."""
    key = np.sort(pair * max(codes, 1) + code)
    key = key[group_starts(key)]
    return key // max(codes, 1), key % max(codes, 1)


def _list_offsets(pair: np.ndarray, count: int) -> pa.Array:
    """Returns the offsets of a list array with one list for each of `count` sorted pairs."""
    return pa.array(group_offsets(pair, count), pa.int32())


def _lists(pair: np.ndarray, code: np.ndarray, texts: pa.Array, count: int) -> pa.Array:
    """Returns the texts of each pair as a list, from sorted pairs and codes."""
    return pa.ListArray.from_arrays(_list_offsets(pair, count), texts.take(pa.array(code)))
