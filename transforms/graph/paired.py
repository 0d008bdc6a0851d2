"""Pairs added up before they travel: by pair, strength and organisation, in a share of the records.

However many calls name a number and its carrier, what the owner of that pair brings together is a
row for each share of the records, with the hash of each victim once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from transforms.shuffle import hash_text

SAMPLE = 10
"""Record ids kept on a link, smallest first."""

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
        ("victim_key", _CODES),
        ("source_org", _CODES),
        ("observed_at", TIMESTAMP),
    ]
)
"""One pair of entities in one piece of evidence; entity_a is the smaller id. It never travels."""

PAIRED = pa.schema(
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
        ("unnamed", pa.int64()),
        ("victims", pa.list_(pa.int64())),
        ("said", pa.list_(pa.int32())),
    ]
)
"""What the pieces of evidence of one share add up to for one pair, as one organisation saw it.

`records` counts these, and `group_ids` are the smallest of them. `victims` are hashes, each once,
and `said` the most millionths that a piece of evidence of each gives; `unnamed` is the sum of those
without a pseudonym, each of which is taken as a victim of its own.
"""


def add_up(found: pa.Table) -> pa.Table:
    """PAIR rows, each piece of evidence once a pair, to PAIRED rows."""
    if not found.num_rows:
        return PAIRED.empty_table()
    a, b, org = (found[name].combine_chunks() for name in ("entity_a", "entity_b", "source_org"))
    hard = found["hard"].to_numpy()
    code = (_codes(a) * len(b.dictionary) + _codes(b)) * len(org.dictionary) + _codes(org)
    _, first, of = np.unique(code * 2 + hard, return_index=True, return_inverse=True)
    count = len(first)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(count))
    seen = found["observed_at"].cast(pa.int64()).to_numpy()[order]
    micros = found["micros"].to_numpy()
    victim = found["victim_key"].combine_chunks()
    named = victim.indices.is_valid().to_numpy(zero_copy_only=False)
    columns = {name: found[name].take(pa.array(first)) for name in PAIRED.names[:4]}
    columns |= {
        "records": np.bincount(of, minlength=count),
        "complaints": _sum(of, found["complaint"].to_numpy(), count),
        "calls": _sum(of, found["calls"].to_numpy(), count),
        "first_seen": pa.array(np.minimum.reduceat(seen, starts)).cast(TIMESTAMP),
        "last_seen": pa.array(np.maximum.reduceat(seen, starts)).cast(TIMESTAMP),
        "group_ids": _samples(of, found["group_id"].combine_chunks(), count),
        "unnamed": _sum(of[~named], micros[~named], count),
    }
    hashed = hash_text(victim.dictionary)[victim.indices.drop_null().to_numpy()]
    columns["victims"], columns["said"] = _victims(of[named], hashed, micros[named], count)
    told = {name: _plain(columns[name]) for name in PAIRED.names}
    return pa.table(told, schema=PAIRED)


def _plain(column: pa.ChunkedArray | pa.Array | np.ndarray) -> pa.ChunkedArray | pa.Array:
    if isinstance(column, np.ndarray) or not pa.types.is_dictionary(column.type):
        return column
    return column.cast(column.type.value_type)


def _codes(column: pa.DictionaryArray) -> np.ndarray:
    return column.indices.to_numpy().astype(np.int64)


def _sum(of: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers added up by pair; doubles hold these exactly below 2^53."""
    return np.bincount(of, values, minlength=count).astype(np.int64)


def _samples(of: np.ndarray, group: pa.DictionaryArray, count: int) -> pa.Array:
    """The `SAMPLE` smallest groups of each pair."""
    sorted_ids = pc.sort_indices(group.dictionary).to_numpy()
    rank = np.empty(len(sorted_ids), np.int64)
    rank[sorted_ids] = np.arange(len(sorted_ids))
    ranks = rank[group.indices.to_numpy()]
    order = np.lexsort((ranks, of))
    pair = of[order]
    starts = np.searchsorted(pair, np.arange(count))
    kept = order[np.arange(len(pair)) - starts[pair] < SAMPLE]
    texts = group.dictionary.take(pa.array(sorted_ids[ranks[kept]]))
    return pa.ListArray.from_arrays(_offsets(of[kept], count), texts)


def _victims(
    of: np.ndarray, victim: np.ndarray, micros: np.ndarray, count: int
) -> tuple[pa.Array, pa.Array]:
    """The victims of each pair, and the most that is said of each."""
    order = np.lexsort((-micros, victim, of))
    pair, who = of[order], victim[order]
    once = np.ones(len(pair), bool)
    once[1:] = (pair[1:] != pair[:-1]) | (who[1:] != who[:-1])
    offsets = _offsets(pair[once], count)
    return (
        pa.ListArray.from_arrays(offsets, pa.array(who[once])),
        pa.ListArray.from_arrays(offsets, pa.array(micros[order][once], pa.int32())),
    )


def _offsets(pair: np.ndarray, count: int) -> pa.Array:
    return pa.array(np.searchsorted(pair, np.arange(count + 1)), pa.int32())
