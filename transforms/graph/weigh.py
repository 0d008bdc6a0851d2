"""Pairs to links: how much evidence ties two entities, and what it is.

A victim who reports twice counts once for a pair. Weights are whole millionths, because sums of
integers do not depend on their order.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from schemas.kinds import Strength
from schemas.link import LINK
from transforms.graph.paired import SAMPLE
from transforms.graph.weighing import MILLION


def weigh(found: pa.Table) -> pa.Table:
    """PAIRED rows of whole pairs to LINK rows, not yet decided (accepted false, reason empty)."""
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
    victims, weight = _victims(found, pair, strong, count)
    weight += _sum(pair[strong], found["unnamed"].to_numpy()[strong], count)
    order = np.argsort(pair, kind="stable")
    starts = np.searchsorted(pair[order], np.arange(count))
    first, last = (
        found[name].cast(pa.int64()).to_numpy()[order] for name in ("first_seen", "last_seen")
    )
    columns = {
        "entity_a": ids_a.take(pa.array(keys // len(ids_b))),
        "entity_b": ids_b.take(pa.array(keys % len(ids_b))),
        "weight": weight / MILLION,
        "complaints": _sum(pair, found["complaints"].to_numpy(), count),
        "calls": _sum(pair, found["calls"].to_numpy(), count),
        "victims": victims,
        "orgs": _lists(*_distinct(pair, org, len(orgs)), orgs, count),
        "first_seen": pa.array(np.minimum.reduceat(first, starts)).cast(TIMESTAMP),
        "last_seen": pa.array(np.maximum.reduceat(last, starts)).cast(TIMESTAMP),
        "strength": pa.array([str(Strength.SOFT), str(Strength.HARD)]).take(
            pa.array(is_hard.astype(np.int8))
        ),
        "record_ids": _samples(found, pair, count),
        "records": _sum(pair, found["records"].to_numpy(), count),
        "accepted": pa.repeat(pa.scalar(value=False), count),
        "reason": pa.repeat("", count),
    }
    return pa.table(columns, schema=LINK)


def _victims(
    found: pa.Table, pair: np.ndarray, strong: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many victims each pair has, and the sum of the most that is said of each of them."""
    lists = found["victims"].combine_chunks()
    row = lists.value_parent_indices().to_numpy()
    victim, of = lists.flatten().to_numpy(), pair[row]
    said = np.where(strong[row], found["said"].combine_chunks().flatten().to_numpy(), 0)
    order = np.lexsort((victim, of))
    victim, of, said = victim[order], of[order], said[order]
    starts = np.flatnonzero(_changed(victim) | _changed(of))
    if not len(starts):
        return np.zeros(count, np.int64), np.zeros(count, np.int64)
    most = np.maximum.reduceat(said, starts)
    return np.bincount(of[starts], minlength=count), _sum(of[starts], most, count)


def _samples(found: pa.Table, pair: np.ndarray, count: int) -> pa.Array:
    """The `SAMPLE` smallest pieces of evidence of each pair."""
    lists = found["group_ids"].combine_chunks()
    group, groups = _ranked(pa.chunked_array([lists.flatten()]))
    of, group = _distinct(pair[lists.value_parent_indices().to_numpy()], group, len(groups))
    rank = np.arange(len(of)) - np.searchsorted(of, np.arange(count))[of]
    return _lists(of[rank < SAMPLE], group[rank < SAMPLE], groups, count)


def _ranked(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """The place of each text among the sorted distinct ones; and these."""
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], encoded.dictionary.take(order)


def _sum(pair: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers added up by pair; doubles hold these exactly below 2^53."""
    return np.bincount(pair, values, minlength=count).astype(np.int64)


def _distinct(pair: np.ndarray, code: np.ndarray, codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Each (pair, code) once, sorted."""
    key = np.sort(pair * max(codes, 1) + code)
    key = key[_changed(key)]
    return key // max(codes, 1), key % max(codes, 1)


def _changed(ordered: np.ndarray) -> np.ndarray:
    return np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]


def _lists(pair: np.ndarray, code: np.ndarray, texts: pa.Array, count: int) -> pa.Array:
    """The texts of each pair as a list, of sorted pairs and codes."""
    offsets = np.searchsorted(pair, np.arange(count + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), texts.take(pa.array(code)))
