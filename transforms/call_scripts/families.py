"""Fingerprints to families: passages put together from the texts that hold parts of them.

As genomes are assembled from reads that start and stop anywhere (de Bruijn graphs: Pevzner, Tang
and Waterman, PNAS 98, 9748, 2001): two fingerprints belong to one passage where most texts that
hold either have them in a row, and two passages belong to one script where most victims that heard
either heard both. A phrase that everybody uses follows and precedes so much else that it joins
nothing. The work grows with the texts, never with their pairs.

The passes over the texts: what each yields, and all of them on one table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from transforms.arrow_util import mix_hashes
from transforms.call_scripts.fingerprints import Marks, marks

SHARED = 2
"""Victims who must have a fingerprint for it to count."""


ALIKE = 0.7
"""Share of the victims who have either of two fingerprints that must have them in a row, and of
those who heard either of two passages that must have heard both; docs/evidence.md."""


MOST = 32
"""Passages of one text that are compared with each other: bounds the pairs of a text."""


COUNTED = pa.schema(
    [("a", pa.int64()), ("b", pa.int64()), ("victims", pa.int64()), ("tellers", pa.int64()),
     ("since", pa.int64())]
)  # fmt: skip
"""How many victims have a and b in common; of b = a, how many have a.

`tellers` counts equal narratives without a pseudonym once. `since` is when the second victim came,
in microseconds.
"""


HEARD = pa.schema(
    [("a", pa.int64()), ("b", pa.int64()), ("victim", pa.int64()), ("teller", pa.int64()),
     ("at", pa.int64())]
)  # fmt: skip
"""One victim who has a and b."""


PASSAGE = pa.schema([("value", pa.int64()), ("passage", pa.int64())])
"""A fingerprint, sorted by value, and the smallest one of its passage."""


FAMILY = pa.schema([("value", pa.int64()), ("family", pa.int64()), ("tellers", pa.int64())])
"""A fingerprint, sorted by value, and the family that it belongs to."""


def counted(heard: pa.Table) -> pa.RecordBatch:
    """HEARD rows of whole pairs (a, b) to COUNTED rows of those that `SHARED` victims have."""
    a, b, victim, teller, at = (heard[name].to_numpy() for name in HEARD.names)
    if not len(a):
        return pa.RecordBatch.from_arrays([pa.array([], pa.int64())] * 5, schema=COUNTED)
    # One number a pair: to sort by one takes a fifth of what sorting by four does.
    pair = mix_hashes(a, b)
    key = mix_hashes(pair, victim)
    order = np.argsort(key)
    start = np.flatnonzero(_changes(pair[order], victim[order]))
    first = np.minimum.reduceat(at[order], start)  # a victim's first time
    named = np.logical_or.reduceat((victim == teller)[order], start)
    one = order[start]
    known = key[one[named]]
    by_pair = np.argsort(pair[one])
    one, first, named = one[by_pair], first[by_pair], named[by_pair]
    begin = np.flatnonzero(_changes(pair[one]))
    victims = np.diff(np.append(begin, len(one)))
    tellers = np.add.reduceat(named.astype(np.int64), begin)
    tellers += _others(pair, victim, teller, known, pair[one[begin]])
    kept = victims >= SHARED
    columns = [
        a[one[begin]][kept],
        b[one[begin]][kept],
        victims[kept],
        tellers[kept],
        _second(first, begin, victims)[kept],
    ]
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=COUNTED)


def _others(
    pair: np.ndarray, victim: np.ndarray, teller: np.ndarray, known: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """How many tellers each of the sorted `pairs` has beside its victims of the sorted `known`."""
    rows = np.flatnonzero(victim != teller)
    who, first = np.unique(mix_hashes(pair[rows], teller[rows]), return_index=True)
    new = place_in(known, who) < 0
    return np.bincount(place_in(pairs, pair[rows[first[new]]]), minlength=len(pairs))


def _second(values: np.ndarray, begin: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The second smallest value of each run that has two."""
    smallest = np.minimum.reduceat(values, begin)
    least = values == np.repeat(smallest, sizes)
    twice = np.add.reduceat(least.astype(np.int64), begin) > 1
    larger = np.minimum.reduceat(np.where(least, np.iinfo(np.int64).max, values), begin)
    return np.where(twice, smallest, larger)


def in_a_row(found: Marks, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, a, b) of the fingerprints in a row, those that few share left out of the rows.

    `shared` holds the values that count, sorted.
    """
    kept = place_in(shared, found.value) >= 0
    row, value = found.row[kept], found.value[kept]
    same = row[1:] == row[:-1]
    return row[1:][same], value[:-1][same], value[1:][same]


def passages(shared: pa.Table, followed: pa.Table, share: float = ALIKE) -> pa.RecordBatch:
    """COUNTED rows of fingerprints and of pairs in a row to PASSAGE rows."""
    value, victims = _sorted(shared)
    a, b = (place_in(value, followed[name].to_numpy()) for name in ("a", "b"))
    strong = followed["victims"].to_numpy() >= share * np.maximum(victims[a], victims[b])
    label = _groups(len(value), a[strong], b[strong])
    smallest = np.full(len(value), np.iinfo(np.int64).max)
    np.minimum.at(smallest, label, value)
    columns = [pa.array(value), pa.array(smallest[label])]
    return pa.RecordBatch.from_arrays(columns, schema=PASSAGE)


def heard_in(found: Marks, passage: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, a, b) of all pairs of passages of one text, and each passage with itself.

    Of a text with more than `MOST` passages the smallest are taken, which are the same in all
    texts.
    """
    at = place_in(passage["value"].to_numpy(), found.value)
    row, of = found.row[at >= 0], passage["passage"].to_numpy()[at[at >= 0]]
    order = np.lexsort((of, row))
    row, of = row[order], of[order]
    once = _changes(row, of)
    row, of = row[once], of[once]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, of = row[rank < MOST], of[rank < MOST]
    parts = [(row, of, of)]
    for step in range(1, MOST):
        same = np.flatnonzero(row[step:] == row[:-step])
        if not len(same):
            break
        parts.append((row[same], of[same], of[same + step]))
    rows, ones, others = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, ones, others


def families(
    shared: pa.Table, passage: pa.RecordBatch, together: pa.Table, share: float = ALIKE
) -> pa.RecordBatch:
    """COUNTED rows of fingerprints, PASSAGE rows and COUNTED rows of passages to FAMILY rows.

    A family is named after the fingerprint that was the first to be shared (ties: the smallest), so
    that what comes later does not rename it.
    """
    value, of = passage["value"].to_numpy(), passage["passage"].to_numpy()
    names = np.unique(of)
    a, b = (place_in(names, together[name].to_numpy()) for name in ("a", "b"))
    victims = together["victims"].to_numpy()
    size = np.zeros(len(names), np.int64)
    size[a[a == b]] = victims[a == b]
    strong = (a != b) & (victims >= share * np.maximum(size[a], size[b]))
    label = _groups(len(names), a[strong], b[strong])[place_in(names, of)]
    order = np.argsort(shared["a"].to_numpy())
    since = shared["since"].to_numpy()[order]
    tellers = shared["tellers"].to_numpy()[order]
    eldest = np.lexsort((value, since, label))
    first = eldest[_changes(label[eldest])]
    named = np.zeros(len(names), np.int64)
    named[label[first]] = value[first]
    columns = [value, named[label], tellers]
    return pa.RecordBatch.from_arrays([pa.array(one) for one in columns], schema=FAMILY)


def place_in(ordered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of each value in a sorted array without repeats, -1 where it is not there."""
    if not len(ordered):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[at] == wanted, at, -1)


def _sorted(shared: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(shared["a"].to_numpy())
    return shared["a"].to_numpy()[order], shared["victims"].to_numpy()[order]


def _groups(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A number for each of `count` things, the same for what the pairs (a, b) join."""
    pairs = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    return connected_components(pairs, directed=False)[1]


def _changes(*columns: np.ndarray) -> np.ndarray:
    """Where a row differs from the one before; the first row does."""
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(row of a MARKED batch, a, b)."""


Pass = Callable[[pa.RecordBatch, list[pa.RecordBatch]], Pairs]


def each(rows: pa.RecordBatch, _: list[pa.RecordBatch]) -> Pairs:
    """The fingerprints of each text."""
    found = marks(rows)
    return found.row, found.value, found.value


def followers(rows: pa.RecordBatch, shared: list[pa.RecordBatch]) -> Pairs:
    """Those in a row, given the COUNTED batches of `each`."""
    return in_a_row(marks(rows), np.sort(table(shared)["a"].to_numpy()))


def together(rows: pa.RecordBatch, passage: list[pa.RecordBatch]) -> Pairs:
    """The passages heard by one, given the one PASSAGE batch."""
    return heard_in(marks(rows), passage[0])


def table(batches: list[pa.RecordBatch]) -> pa.Table:
    """COUNTED batches as one table."""
    return pa.Table.from_batches(batches, COUNTED).combine_chunks()


def heard(rows: pa.RecordBatch, pairs: Pairs) -> pa.RecordBatch:
    """What a pass found in MARKED rows, as HEARD rows."""
    row, a, b = pairs
    who = [rows[name].to_numpy()[row] for name in ("victim", "teller")]
    at = rows["observed_at"].cast(pa.int64()).to_numpy()[row]
    return pa.RecordBatch.from_arrays([pa.array(one) for one in (a, b, *who, at)], schema=HEARD)


def families_of(rows: pa.RecordBatch, share: float = ALIKE) -> pa.RecordBatch:
    """All passes on MARKED rows in one place: the FAMILY rows that `Scripts` finds."""

    def count(one: Pass, known: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        return [counted(pa.Table.from_batches([heard(rows, one(rows, known))]))]

    shared = count(each, [])
    passage = passages(table(shared), table(count(followers, shared)), share)
    return families(table(shared), passage, table(count(together, [passage])), share)
