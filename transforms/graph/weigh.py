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
from transforms.graph.weighing import MILLION

SAMPLE = 10
"""Record ids kept on a link, smallest first."""

PAIR = pa.schema(
    [
        ("entity_a", pa.string()),
        ("entity_b", pa.string()),
        ("hard", pa.bool_()),
        ("micros", pa.int64()),
        ("group_id", pa.string()),
        ("complaint", pa.bool_()),
        ("calls", pa.int64()),
        ("victim_key", pa.string()),
        ("source_org", pa.string()),
        ("observed_at", TIMESTAMP),
    ]
)
"""One pair of entities in one piece of evidence; entity_a is the smaller id."""


def weigh(found: pa.Table) -> pa.Table:
    """PAIR rows of whole pairs to LINK rows, not yet decided (accepted false, reason empty)."""
    if found.num_rows == 0:
        return LINK.empty_table()
    a, ids_a = _ranked(found["entity_a"])
    b, ids_b = _ranked(found["entity_b"])
    keys, pair = np.unique(a * len(ids_b) + b, return_inverse=True)
    count = len(keys)
    group, groups = _ranked(found["group_id"])
    victim, victims = _ranked(found["victim_key"])
    org, orgs = _ranked(found["source_org"])
    # Without a pseudonym each piece of evidence is taken as a victim of its own.
    who = np.where(victim >= 0, victim, len(victims) + group)
    hard = found["hard"].to_numpy()
    is_hard = np.bincount(pair, hard, minlength=count) > 0
    # Soft evidence must not add to the weight of a hard pair.
    strong = hard | ~is_hard[pair]
    micros = found["micros"].to_numpy()[strong]
    weight = _once(pair[strong], who[strong], len(victims) + len(groups), micros, count)
    order = np.argsort(pair, kind="stable")
    starts = np.searchsorted(pair[order], np.arange(count))
    seen = found["observed_at"].cast(pa.int64()).to_numpy()[order]
    named = victim >= 0
    record_of, record = _distinct(pair, group, len(groups))
    records = np.bincount(record_of, minlength=count)
    rank = np.arange(len(record)) - np.repeat(np.cumsum(records) - records, records)
    columns = {
        "entity_a": ids_a.take(pa.array(keys // len(ids_b))),
        "entity_b": ids_b.take(pa.array(keys % len(ids_b))),
        "weight": weight / MILLION,
        "complaints": _sum(pair, found["complaint"].to_numpy(), count),
        "calls": _sum(pair, found["calls"].to_numpy(), count),
        "victims": np.bincount(
            _distinct(pair[named], victim[named], len(victims))[0], minlength=count
        ),
        "orgs": _lists(*_distinct(pair, org, len(orgs)), orgs, count),
        "first_seen": pa.array(np.minimum.reduceat(seen, starts)).cast(TIMESTAMP),
        "last_seen": pa.array(np.maximum.reduceat(seen, starts)).cast(TIMESTAMP),
        "strength": pa.array([str(Strength.SOFT), str(Strength.HARD)]).take(
            pa.array(is_hard.astype(np.int8))
        ),
        "record_ids": _lists(record_of[rank < SAMPLE], record[rank < SAMPLE], groups, count),
        "records": records,
        "accepted": pa.repeat(pa.scalar(value=False), count),
        "reason": pa.repeat("", count),
    }
    return pa.table(columns, schema=LINK)


def _ranked(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """The place of each text among the sorted distinct ones, -1 for null; and these."""
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order) + 1, np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    rank[-1] = -1
    indices = encoded.indices.fill_null(len(order)).to_numpy()
    return rank[indices], encoded.dictionary.take(order)


def _once(
    pair: np.ndarray, who: np.ndarray, most: int, micros: np.ndarray, count: int
) -> np.ndarray:
    """Each pair's sum of what its victims say, of each the piece of evidence that says most."""
    key = pair * most + who
    order = np.argsort(key)
    starts = np.flatnonzero(_changed(key[order]))
    said = np.maximum.reduceat(micros[order], starts)
    return _sum(pair[order][starts], said, count)


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
