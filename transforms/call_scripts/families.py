"""Assembles script families: passages put together from the texts that share parts of them.

As genomes are assembled from reads that start and stop anywhere (de Bruijn graphs: Pevzner, Tang
and Waterman, PNAS 98, 9748, 2001): two fingerprints belong to one passage where most texts that
have either have them in a row, and two passages belong to one script where most victims that heard
either heard both. A phrase that everybody uses follows and precedes so much else that it joins
nothing. The work grows with the texts, never with their pairs.

Three passes over the texts find pairs (`PairFinder`), which `count_pairs` counts: each fingerprint
with itself, fingerprints in a row, passages of one text.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array

from transforms.arrow_util import group_changes, group_starts, mix_hashes, sorted_lookup
from transforms.call_scripts.fingerprints import FlatFingerprints, flatten_fingerprints

MIN_VICTIMS = 2
"""Victims who must have a fingerprint for it to count."""

MIN_SHARE = 0.7
"""Share of the victims who have either of two fingerprints that must have them in a row, and of
those who heard either of two passages that must have heard both; docs/evidence.md."""

MAX_PASSAGES = 32
"""Passages of one text that are compared with each other: bounds the pairs of a text."""

SHARED_PAIR = pa.schema(
    [("a", pa.int64()), ("b", pa.int64()), ("victim", pa.int64()), ("teller", pa.int64()),
     ("at", pa.int64())]
)  # fmt: skip
"""One victim who has a and b."""

PAIR_COUNT = pa.schema(
    [("a", pa.int64()), ("b", pa.int64()), ("victims", pa.int64()), ("tellers", pa.int64()),
     ("since", pa.int64())]
)  # fmt: skip
"""The number of victims who have both a and b; of b = a, who have a.

`tellers` counts equal narratives without a pseudonym once. `since` is when the second victim came,
in microseconds.
"""

PASSAGE = pa.schema([("value", pa.int64()), ("passage", pa.int64())])
"""A fingerprint, sorted by value, and the smallest one of its passage."""

FAMILY = pa.schema([("value", pa.int64()), ("family", pa.int64()), ("tellers", pa.int64())])
"""A fingerprint, sorted by value, and the family that it belongs to."""

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(row of a FINGERPRINT_ROW batch, a, b)."""

PairFinder = Callable[[pa.RecordBatch, list[pa.RecordBatch]], Pairs]
"""Finds pairs in FINGERPRINT_ROW rows, given what the pass before it found."""


def find_families(rows: pa.RecordBatch, share: float = MIN_SHARE) -> pa.RecordBatch:
    """Runs all passes on FINGERPRINT_ROW rows in one place; FAMILY rows as `Scripts` finds them."""

    def count(find: PairFinder, known: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        return [count_pairs(pa.Table.from_batches([shared_pairs(rows, find(rows, known))]))]

    shared = count(own_fingerprints, [])
    adjacent = count(adjacent_fingerprints, shared)
    passage = assemble_passages(pair_count_table(shared), pair_count_table(adjacent), share)
    together = count(co_occurring_passages, [passage])
    return assemble_families(pair_count_table(shared), passage, pair_count_table(together), share)


def own_fingerprints(rows: pa.RecordBatch, _: list[pa.RecordBatch]) -> Pairs:
    """Pairs each fingerprint of a text with itself."""
    flat = flatten_fingerprints(rows)
    return flat.row, flat.value, flat.value


def adjacent_fingerprints(rows: pa.RecordBatch, shared: list[pa.RecordBatch]) -> Pairs:
    """Pairs those in a row, given the PAIR_COUNT batches of `own_fingerprints`.

    Those that few share are left out of the rows.
    """
    flat = flatten_fingerprints(rows)
    _, kept = sorted_lookup(np.sort(pair_count_table(shared)["a"].to_numpy()), flat.value)
    row, value = flat.row[kept], flat.value[kept]
    same = row[1:] == row[:-1]
    return row[1:][same], value[:-1][same], value[1:][same]


def co_occurring_passages(rows: pa.RecordBatch, passage: list[pa.RecordBatch]) -> Pairs:
    """Pairs the passages of each text, each with itself too, given the one PASSAGE batch.

    Of a text with more than `MAX_PASSAGES` the smallest are taken, which are the same in all texts.
    """
    row, of = _passages_by_text(flatten_fingerprints(rows), passage[0])
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, of = row[rank < MAX_PASSAGES], of[rank < MAX_PASSAGES]
    parts = [(row, of, of)]
    for step in range(1, MAX_PASSAGES):
        same = np.flatnonzero(row[step:] == row[:-step])
        if not len(same):
            break
        parts.append((row[same], of[same], of[same + step]))
    all_rows, a, b = (np.concatenate(column) for column in zip(*parts, strict=True))
    return all_rows, a, b


def shared_pairs(rows: pa.RecordBatch, pairs: Pairs) -> pa.RecordBatch:
    """Turns pairs in FINGERPRINT_ROW rows into SHARED_PAIR rows."""
    row, a, b = pairs
    who = [rows[name].to_numpy()[row] for name in ("victim", "teller")]
    at = rows["observed_at"].cast(pa.int64()).to_numpy()[row]
    columns = [pa.array(one) for one in (a, b, *who, at)]
    return pa.RecordBatch.from_arrays(columns, schema=SHARED_PAIR)


def count_pairs(pairs: pa.Table) -> pa.RecordBatch:
    """Counts the victims of SHARED_PAIR rows, all those of a pair among them.

    Returns:
        PAIR_COUNT rows of the pairs that `MIN_VICTIMS` victims have.
    """
    a, b, victim, teller, at = (pairs[name].to_numpy() for name in SHARED_PAIR.names)
    if not len(a):
        return pa.RecordBatch.from_arrays([pa.array([], pa.int64())] * 5, schema=PAIR_COUNT)
    # One number a pair: to sort by one takes a fifth of what sorting by four does.
    pair = mix_hashes(a, b)
    key = mix_hashes(pair, victim)
    order = np.argsort(key)
    start = group_starts(pair[order], victim[order])
    first = np.minimum.reduceat(at[order], start)  # a victim's first time
    named = np.logical_or.reduceat((victim == teller)[order], start)
    one = order[start]
    known = key[one[named]]
    by_pair = np.argsort(pair[one])
    one, first, named = one[by_pair], first[by_pair], named[by_pair]
    begin = group_starts(pair[one])
    victims = np.diff(np.append(begin, len(one)))
    tellers = np.add.reduceat(named.astype(np.int64), begin)
    tellers += _unnamed_tellers(pair, victim, teller, known, pair[one[begin]])
    kept = victims >= MIN_VICTIMS
    columns = [
        a[one[begin]][kept],
        b[one[begin]][kept],
        victims[kept],
        tellers[kept],
        _second_smallest(first, begin, victims)[kept],
    ]
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=PAIR_COUNT)


def assemble_passages(
    shared: pa.Table, adjacent: pa.Table, share: float = MIN_SHARE
) -> pa.RecordBatch:
    """Joins fingerprints that are mostly in a row, by PAIR_COUNT rows of both, to PASSAGE rows."""
    order = np.argsort(shared["a"].to_numpy())
    value, victims = (shared[name].to_numpy()[order] for name in ("a", "victims"))
    a, b = (np.searchsorted(value, adjacent[name].to_numpy()) for name in ("a", "b"))
    strong = adjacent["victims"].to_numpy() >= share * np.maximum(victims[a], victims[b])
    label = _component_labels(len(value), a[strong], b[strong])
    smallest = np.full(len(value), np.iinfo(np.int64).max)
    np.minimum.at(smallest, label, value)
    columns = [pa.array(value), pa.array(smallest[label])]
    return pa.RecordBatch.from_arrays(columns, schema=PASSAGE)


def assemble_families(
    shared: pa.Table, passage: pa.RecordBatch, together: pa.Table, share: float = MIN_SHARE
) -> pa.RecordBatch:
    """Joins passages that are mostly heard together.

    A family is named after the fingerprint that was the first to be shared (ties: the smallest), so
    that what comes later does not rename it.

    Args:
        shared: PAIR_COUNT rows of fingerprints.
        passage: PASSAGE rows.
        together: PAIR_COUNT rows of passages.
        share: Least share of the victims of either passage that must have heard both.

    Returns:
        FAMILY rows.
    """
    value, of = passage["value"].to_numpy(), passage["passage"].to_numpy()
    names = np.unique(of)
    a, b = (np.searchsorted(names, together[name].to_numpy()) for name in ("a", "b"))
    victims = together["victims"].to_numpy()
    size = np.zeros(len(names), np.int64)
    size[a[a == b]] = victims[a == b]
    strong = (a != b) & (victims >= share * np.maximum(size[a], size[b]))
    label = _component_labels(len(names), a[strong], b[strong])[np.searchsorted(names, of)]
    order = np.argsort(shared["a"].to_numpy())
    since, tellers = (shared[name].to_numpy()[order] for name in ("since", "tellers"))
    eldest = np.lexsort((value, since, label))
    first = eldest[group_starts(label[eldest])]
    named = np.zeros(len(names), np.int64)
    named[label[first]] = value[first]
    columns = [value, named[label], tellers]
    return pa.RecordBatch.from_arrays([pa.array(one) for one in columns], schema=FAMILY)


def pair_count_table(batches: list[pa.RecordBatch]) -> pa.Table:
    """Returns PAIR_COUNT batches as one table."""
    return pa.Table.from_batches(batches, PAIR_COUNT).combine_chunks()


def place_or_minus_one(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the place of each value in sorted distinct keys, -1 where it is not there."""
    places, is_there = sorted_lookup(keys, wanted)
    return np.where(is_there, places, -1)


def _passages_by_text(
    flat: FlatFingerprints, passage: pa.RecordBatch
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (row, passage), sorted and each once."""
    at, known = sorted_lookup(passage["value"].to_numpy(), flat.value)
    row, of = flat.row[known], passage["passage"].to_numpy()[at[known]]
    order = np.lexsort((of, row))
    row, of = row[order], of[order]
    once = group_changes(row, of)
    return row[once], of[once]


def _unnamed_tellers(
    pair: np.ndarray, victim: np.ndarray, teller: np.ndarray, known: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """Counts the tellers of each of the sorted `pairs` beside its victims of the sorted `known`."""
    rows = np.flatnonzero(victim != teller)
    who, first = np.unique(mix_hashes(pair[rows], teller[rows]), return_index=True)
    _, is_known = sorted_lookup(known, who)
    at = np.searchsorted(pairs, pair[rows[first[~is_known]]])
    return np.bincount(at, minlength=len(pairs))


def _second_smallest(values: np.ndarray, begin: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the second smallest value of each run that has two."""
    smallest = np.minimum.reduceat(values, begin)
    least = values == np.repeat(smallest, sizes)
    twice = np.add.reduceat(least.astype(np.int64), begin) > 1
    larger = np.minimum.reduceat(np.where(least, np.iinfo(np.int64).max, values), begin)
    return np.where(twice, smallest, larger)


def _component_labels(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Numbers `count` things, the same for those that the pairs (a, b) join."""
    if not len(a):
        return np.arange(count, dtype=np.int32)
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    return connected_components(pairs, directed=False)[1]
