"""Finds call scripts, which many victims heard in nearly the same words, and who heard them.

Fingerprints of complaints come in, EVIDENCE of `script:` entities goes out. Families are assembled
like genomes from reads that start and stop anywhere (de Bruijn graphs: Pevzner, Tang and Waterman,
PNAS 98, 9748, 2001). Two fingerprints belong to one passage if most victims with either have both
in a row. Two passages belong to one script if most victims who heard either heard both. Everybody's
phrases have too many different neighbours to join anything. The work grows with the texts, never
with their pairs.

Five passes over the partitioned texts find: the fingerprints, the fingerprints in a row, the
passages, the passages heard together, and the place of each family. The first four find pairs
(`PairFinder`), which `count_pairs` counts. A pair is counted only if the counts of its two sides
are close enough to join. Only hashes that at least two victims share are brought together: one
victim's words never leave the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import AsList, AsSingleton

from schemas.enums import EntityKind, RecordKind, Role
from schemas.field import INTEGER, SMALL_INTEGER, TEXT
from schemas.mention import ROW
from transforms.arrow import (
    Array,
    component_labels,
    group_starts,
    mix_hashes,
    sorted_lookup,
    sorted_unique,
    stable_order,
)
from transforms.engine import ShuffleOptions, split_by_partition, table_of
from transforms.extract import fingerprints
from transforms.extract.evidence import evidence_of

Batches = list[pa.RecordBatch]

MIN_VICTIMS = 2
"""Fewest victims with a fingerprint for it to count."""

MIN_SHARE = 0.7
"""Least share of the victims with either fingerprint who have both in a row, and of the victims
with either passage who heard both; docs/evidence.md."""

MAX_PASSAGES = 32
"""Most passages of one text that are compared, which bounds its pairs."""

SHARED_PAIR = pa.schema(
    {"a": INTEGER, "b": INTEGER, "victim": INTEGER, "teller": INTEGER, "at": INTEGER}
)
"""A victim record with both a and b."""

PAIR_COUNT = pa.schema(
    {"a": INTEGER, "b": INTEGER, "victims": INTEGER, "tellers": INTEGER, "since": INTEGER}
)
"""The number of victims who have both a and b, or who have a if b = a.

`tellers` counts equal narratives without a pseudonym once. `since` is the time of the second
victim, in microseconds.
"""

PASSAGE = pa.schema({"value": INTEGER, "passage": INTEGER})
"""A fingerprint and the smallest fingerprint of its passage, sorted by value."""

FAMILY = pa.schema({"value": INTEGER, "family": INTEGER, "tellers": INTEGER})
"""A fingerprint and its family, sorted by value."""

Pairs = tuple[Array, Array, Array]
"""(row of a FINGERPRINT_ROW batch, a, b)."""

PairFinder = Callable[..., Pairs]
"""A function that finds pairs in FINGERPRINT_ROW rows, given the batches of earlier passes."""

MIN_TELLERS = 5
"""Fewest tellers with the same words for the words to be shown; others become a gap."""

WHOLE_TEXT_SHARES = (0.6, 0.7)
"""Least shares of a narrative's words for it to be no more than known scripts: words inside
scripts, and words from the first to the last of these; docs/evidence.md."""

WHOLE_TEXT = "whole_text"
"""The `how` of a script's mention in a narrative that is no more than known scripts."""

_GAPS = (fingerprints.GAP, fingerprints.GAP)

CONFIDENCE = 0.9
"""Confidence that the passage was read out from a script; docs/evidence.md."""


@dataclass(frozen=True)
class FamilyMatches:
    """Families with at least `MIN_WORDS` words in a text.

    Each has the row of its text, the family, the number of shared words, and the first and last
    place of its fingerprints in `order`. `order` has the numbers of all known fingerprints in
    `FlatFingerprints`.
    """

    row: Array
    family: Array
    words: Array
    first: Array
    last: Array
    order: Array


@dataclass(eq=False)
class Scripts(beam.PTransform):
    """Converts FINGERPRINT_ROW_WITH_WORDS batches, each complaint once, to EVIDENCE of `script:`.

    The evidence is soft: a script describes clusters and joins none. `start` has one element a
    window. With `known`, one batch of widely shared PHRASE rows, the input needs no words.
    """

    start: beam.PCollection
    known: AsSingleton | None = None

    def expand(self, texts: beam.PCollection) -> Any:
        """Finds families, then matches every text with them."""
        family = texts | "Find" >> _Find(self.start)  # one FAMILY batch
        known = () if self.known is None else (self.known,)
        return texts | "Tell" >> beam.FlatMap(_match, *_lists(family), *known)


@dataclass(eq=False)
class _Find(beam.PTransform):
    """Turns FINGERPRINT_ROW batches into one FAMILY batch."""

    start: beam.PCollection

    def expand(self, texts: beam.PCollection) -> Any:
        """Runs four passes; each needs the results of earlier passes."""
        shared = texts | "Share" >> _Count(own_fingerprints)
        followed = texts | "Follow" >> _Count(adjacent_fingerprints, (shared,))
        passage = self.start | "Passages" >> beam.Map(_passages, *_lists(shared, followed))
        heard = texts | "Hear" >> _Count(passages_of_texts, (passage,))
        both = texts | "Hear both" >> _Count(co_occurring_passages, (passage, heard))
        return self.start | "Families" >> beam.Map(_families, *_lists(shared, passage, heard, both))


@dataclass(eq=False)
class _Count(beam.PTransform):
    """Turns FINGERPRINT_ROW batches into PAIR_COUNT batches of the pairs that a pass finds."""

    step: PairFinder
    known: tuple[beam.PCollection, ...] = ()

    def expand(self, texts: beam.PCollection) -> beam.PCollection:
        """Brings each pair together and counts its victims."""
        partitions = texts.pipeline.options.view_as(ShuffleOptions).partitions
        return (
            texts
            | "Pairs" >> beam.ParDo(_FindPairs(self.step, partitions), *_lists(*self.known))
            | "Together" >> beam.GroupByKey()
            | "Count" >> beam.FlatMap(_count)
        )


class _FindPairs(beam.DoFn):
    """Turns FINGERPRINT_ROW batches into (partition of a, SHARED_PAIR batch)."""

    def __init__(self, step: PairFinder, partitions: int) -> None:
        self._step = step
        self._partitions = partitions

    def process(
        self, rows: pa.RecordBatch, known: Any = None, more: Any = None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        batches = (batch for batch in (known, more) if batch is not None)
        pairs = shared_pairs(rows, self._step(rows, *batches))
        yield from split_by_partition(pairs, (pairs["a"].to_numpy() >> 40) % self._partitions)


def own_fingerprints(rows: pa.RecordBatch) -> Pairs:
    """Pairs each fingerprint of a text with itself."""
    flat = fingerprints.flatten_fingerprints(rows)
    return flat.row, flat.value, flat.value


def adjacent_fingerprints(rows: pa.RecordBatch, shared: Batches, share: float = MIN_SHARE) -> Pairs:
    """Pairs fingerprints in a row, given the PAIR_COUNT batches of `own_fingerprints`.

    Fingerprints that too few victims share are skipped.
    """
    flat = fingerprints.flatten_fingerprints(rows)
    values, victims = _victims_of(pair_count_table(shared))
    place, kept = sorted_lookup(values, flat.value)
    row, value, size = flat.row[kept], flat.value[kept], victims[place[kept]]
    joined = np.flatnonzero((row[1:] == row[:-1]) & _may_join(size[1:], size[:-1], share))
    return row[joined], value[joined], value[joined + 1]


def passages_of_texts(rows: pa.RecordBatch, passage: Batches) -> Pairs:
    """Pairs each passage of a text with itself, given the one PASSAGE batch.

    A text with more than `MAX_PASSAGES` keeps the smallest, the same choice in all texts.
    """
    row, passages = _passages_by_text(fingerprints.flatten_fingerprints(rows), passage[0])
    compared = np.arange(len(row)) - np.searchsorted(row, row) < MAX_PASSAGES
    return row[compared], passages[compared], passages[compared]


def co_occurring_passages(
    rows: pa.RecordBatch, passage: Batches, heard: Batches, share: float = MIN_SHARE
) -> Pairs:
    """Pairs the passages of each text; `heard` has the counts of `passages_of_texts`."""
    row, passages, _ = passages_of_texts(rows, passage)
    names, victims = _victims_of(pair_count_table(heard))
    place, kept = sorted_lookup(names, passages)
    row, passages, size = row[kept], passages[kept], victims[place[kept]]
    parts = [(row[:0], passages[:0], passages[:0])]
    for step in range(1, MAX_PASSAGES):
        same = row[step:] == row[:-step]
        if not same.any():
            break
        joined = np.flatnonzero(same & _may_join(size[step:], size[:-step], share))
        parts.append((row[joined], passages[joined], passages[joined + step]))
    all_rows, a, b = (np.concatenate(column) for column in zip(*parts, strict=True))
    return all_rows, a, b


def shared_pairs(rows: pa.RecordBatch, pairs: Pairs) -> pa.RecordBatch:
    """Turns pairs in FINGERPRINT_ROW rows into SHARED_PAIR rows."""
    row, a, b = pairs
    who = [rows[name].to_numpy()[row] for name in ("victim", "teller")]
    moment = rows["observed_at"].cast(INTEGER).to_numpy()[row]
    columns = [pa.array(column) for column in (a, b, *who, moment)]
    return pa.record_batch(columns, SHARED_PAIR)


def count_pairs(pairs: pa.Table) -> pa.RecordBatch:
    """Counts the victims of each pair in SHARED_PAIR rows, which have all rows of a pair.

    Returns:
        PAIR_COUNT rows of the pairs with at least `MIN_VICTIMS` victims.
    """
    a, b, victim, teller, moment = (pairs[name].to_numpy() for name in SHARED_PAIR.names)
    if not len(a):
        return pa.record_batch([pa.array([], INTEGER)] * 5, PAIR_COUNT)
    # Sorting by one number a pair takes a fifth of the time of sorting by four columns.
    pair = mix_hashes(a, b)
    key = mix_hashes(pair, victim)
    order = np.argsort(key)
    start = group_starts(pair[order], victim[order])
    first = np.minimum.reduceat(moment[order], start)  # a victim's first time
    named = np.logical_or.reduceat((victim == teller)[order], start)
    firsts = order[start]
    known = key[firsts[named]]
    by_pair = np.argsort(pair[firsts])
    firsts, first, named = firsts[by_pair], first[by_pair], named[by_pair]
    begin = group_starts(pair[firsts])
    victims = np.diff(begin, append=len(firsts))
    tellers = np.add.reduceat(named.astype(np.int64), begin)
    tellers += _unnamed_tellers(pair, victim, teller, known, pair[firsts[begin]])
    kept = victims >= MIN_VICTIMS
    columns = [
        a[firsts[begin]][kept],
        b[firsts[begin]][kept],
        victims[kept],
        tellers[kept],
        _second_smallest(first, begin, victims)[kept],
    ]
    return pa.record_batch(columns, PAIR_COUNT)


def assemble_passages(
    shared: pa.Table, adjacent: pa.Table, share: float = MIN_SHARE
) -> pa.RecordBatch:
    """Joins fingerprints that are mostly in a row, by PAIR_COUNT rows of both, to PASSAGE rows."""
    value, victims = _victims_of(shared)
    a, b = (np.searchsorted(value, adjacent[name].to_numpy()) for name in ("a", "b"))
    strong = adjacent["victims"].to_numpy() >= share * np.maximum(victims[a], victims[b])
    smallest = component_labels(len(value), a[strong], b[strong])
    columns = [pa.array(value), pa.array(value[smallest])]
    return pa.record_batch(columns, PASSAGE)


def assemble_families(
    passage: pa.RecordBatch,
    shared: pa.Table,
    heard: pa.Table,
    both: pa.Table,
    share: float = MIN_SHARE,
) -> pa.RecordBatch:
    """Joins passages that are mostly heard together.

    A family is named after its fingerprint that was shared first (of equals, the smallest), so
    that later complaints do not rename it.

    Args:
        passage: PASSAGE rows.
        shared: PAIR_COUNT rows of fingerprints.
        heard: PAIR_COUNT rows of passages.
        both: PAIR_COUNT rows of two passages each.
        share: Least share of the victims of either passage that must have heard both.

    Returns:
        FAMILY rows.
    """
    value, passages = passage["value"].to_numpy(), passage["passage"].to_numpy()
    names = np.unique(passages)
    a, b = (np.searchsorted(names, both[name].to_numpy()) for name in ("a", "b"))
    size = np.zeros(len(names), np.int64)
    size[np.searchsorted(names, heard["a"].to_numpy())] = heard["victims"].to_numpy()
    strong = both["victims"].to_numpy() >= share * np.maximum(size[a], size[b])
    label = component_labels(len(names), a[strong], b[strong])[np.searchsorted(names, passages)]
    order = np.argsort(shared["a"].to_numpy())
    since, tellers = (shared[name].to_numpy()[order] for name in ("since", "tellers"))
    eldest = stable_order(label, since, value)
    first = eldest[group_starts(label[eldest])]
    named = np.zeros(len(names), np.int64)
    named[label[first]] = value[first]
    columns = [value, named[label], tellers]
    return pa.record_batch(columns, FAMILY)


def pair_count_table(batches: list[pa.RecordBatch]) -> pa.Table:
    """Returns PAIR_COUNT batches as one table."""
    return pa.Table.from_batches(batches, PAIR_COUNT).combine_chunks()


def place_or_minus_one(keys: Array, wanted: Array) -> Array:
    """Returns the place of each value in sorted distinct keys, -1 if it is missing."""
    places, is_there = sorted_lookup(keys, wanted)
    return np.where(is_there, places, -1)


def script_matches(
    rows: pa.RecordBatch, family: pa.RecordBatch, known: pa.RecordBatch | None = None
) -> pa.RecordBatch:
    """Converts fingerprints to EVIDENCE rows, one for each family in a narrative.

    `raw` has the words of the passage that `MIN_TELLERS` tellers share, with numbers masked: never
    one victim's own words.

    Args:
        rows: FINGERPRINT_ROW_WITH_WORDS; for rows without words, `start` and `end` are null.
        family: FAMILY rows.
        known: Widely shared PHRASE rows, for rows without words; all other words become gaps.
    """
    matches = match_families(rows, family)
    wide = family["value"].to_numpy()[family["tellers"].to_numpy() >= MIN_TELLERS]
    if known is None:
        _, is_wide = sorted_lookup(wide, fingerprints.flatten_list(rows, "values"))
        known = fingerprints.phrases(rows, np.flatnonzero(is_wide))
        where = [
            pa.array(fingerprints.flatten_list(rows, name)[matches.order[numbers]], SMALL_INTEGER)
            for name, numbers in (("starts", matches.first), ("ends", matches.last))
        ]
    else:
        where = [pa.nulls(len(matches.row), SMALL_INTEGER)] * 2
    shown = known.filter(np.isin(known["value"].to_numpy(), wide))
    return _evidence(rows, matches, where, visible_wording(rows, matches, shown))


def match_families(rows: pa.RecordBatch, family: pa.RecordBatch) -> FamilyMatches:
    """Finds the families of FINGERPRINT_ROW rows, by row and family, given the FAMILY rows."""
    flat = fingerprints.flatten_fingerprints(rows)
    place, is_known = sorted_lookup(family["value"].to_numpy(), flat.value)
    known = np.flatnonzero(is_known)
    families = family["family"].to_numpy()[place[known]]
    by_family = stable_order(flat.row[known], families)  # stable: by place within
    order, families = known[by_family], families[by_family]
    row, word = flat.row[order], fingerprints.flatten_list(rows, "words")[order]
    first = group_starts(row, families)
    last = np.append(first[1:], len(row))[: len(first)] - 1
    step = np.minimum(np.diff(word, append=0), fingerprints.SHINGLE)
    step[last] = fingerprints.SHINGLE
    words = np.add.reduceat(step, first) if len(first) else np.empty(0, np.int64)
    long = words >= fingerprints.MIN_WORDS
    first, last = first[long], last[long]
    return FamilyMatches(row[first], families[first], words[long], first, last, order)


def script_places(rows: pa.RecordBatch, matches: FamilyMatches) -> pa.Array:
    """Returns the `how` of each match: `WHOLE_TEXT` by `WHOLE_TEXT_SHARES`, else its place.

    The place counts words of the narrative, as `words:3-21`; a stream knows no other places.
    """
    word = fingerprints.flatten_list(rows, "words")
    words = np.zeros(rows.num_rows, np.int64)
    np.maximum.at(words, fingerprints.flatten_fingerprints(rows).row, word + fingerprints.SHINGLE)
    covered = np.bincount(matches.row, matches.words, rows.num_rows)
    first, last = (
        word[matches.order[matches.first]],
        word[matches.order[matches.last]] + fingerprints.SHINGLE,
    )
    begin, end = words.copy(), np.zeros_like(words)
    np.minimum.at(begin, matches.row, first)
    np.maximum.at(end, matches.row, last)
    least, widest = WHOLE_TEXT_SHARES
    whole = (covered >= least * words) & (end - begin >= widest * words)
    place = pc.binary_join_element_wise(
        *(pa.array(words_at).cast(TEXT) for words_at in (first, last)), "-"
    )
    place = pc.binary_join_element_wise("words:", place, "")
    return pc.if_else(whole[matches.row], WHOLE_TEXT, place)


def visible_wording(
    rows: pa.RecordBatch, matches: FamilyMatches, shown: pa.RecordBatch
) -> pa.Array:
    """Returns the words of each matched passage, with a `GAP` for words outside `shown`.

    `shown` are PHRASE rows.
    """
    values, places = (
        fingerprints.flatten_list(rows, name)[matches.order].tolist()
        for name in ("values", "words")
    )
    split = [words.split(" ") for words in shown["words"].to_pylist()]
    phrases = dict(zip(shown["value"].to_pylist(), split, strict=True))
    wordings = []
    for first, last in zip(matches.first.tolist(), matches.last.tolist(), strict=True):
        begin = places[first]
        words = [fingerprints.GAP] * (places[last] + fingerprints.SHINGLE - begin)
        for number in range(first, last + 1):
            if phrase := phrases.get(values[number]):
                start = places[number] - begin
                words[start : start + fingerprints.SHINGLE] = phrase
        # One gap stands for all hidden words in a row.
        pairs = zip(words, ["", *words[:-1]], strict=True)
        wordings.append(" ".join(word for word, before in pairs if (word, before) != _GAPS))
    return pa.array(wordings, TEXT)


def _victims_of(counted: pa.Table) -> tuple[Array, Array]:
    """Returns the sorted values `a` of PAIR_COUNT rows, and the number of victims of each."""
    order = np.argsort(counted["a"].to_numpy())
    return counted["a"].to_numpy()[order], counted["victims"].to_numpy()[order]


def _may_join(first: Array, second: Array, share: float) -> Array:
    """Checks whether the smaller count of victims is at least `share` of the larger."""
    return np.minimum(first, second) >= share * np.maximum(first, second)


def _passages_by_text(
    flat: fingerprints.FlatFingerprints, passage: pa.RecordBatch
) -> tuple[Array, Array]:
    """Returns (row, passage), sorted and each once."""
    place, known = sorted_lookup(passage["value"].to_numpy(), flat.value)
    names, number = np.unique(passage["passage"].to_numpy(), return_inverse=True)
    count = max(len(names), 1)
    key = sorted_unique(flat.row[known] * count + number[place[known]])
    return key // count, names[key % count]


def _unnamed_tellers(
    pair: Array, victim: Array, teller: Array, known: Array, pairs: Array
) -> Array:
    """Counts the tellers without a pseudonym of each of the sorted `pairs`, except in `known`."""
    rows = np.flatnonzero(victim != teller)
    who, first = np.unique(mix_hashes(pair[rows], teller[rows]), return_index=True)
    _, is_known = sorted_lookup(known, who)
    place = np.searchsorted(pairs, pair[rows[first[~is_known]]])
    return np.bincount(place, minlength=len(pairs))


def _second_smallest(values: Array, begin: Array, sizes: Array) -> Array:
    """Returns the second smallest value of each run with at least two."""
    smallest = np.minimum.reduceat(values, begin)
    least = values == np.repeat(smallest, sizes)
    twice = np.add.reduceat(least.astype(np.int64), begin) > 1
    larger = np.minimum.reduceat(np.where(least, np.iinfo(np.int64).max, values), begin)
    return np.where(twice, smallest, larger)


def _evidence(
    rows: pa.RecordBatch, matches: FamilyMatches, where: list[pa.Array], raws: pa.Array
) -> pa.RecordBatch:
    org, ids, count = rows["source_org"], rows["complaint_id"], len(matches.row)
    columns = {
        "record_kind": pa.repeat(RecordKind.COMPLAINT, rows.num_rows),
        "record_id": ids,
        "observed_at": rows["observed_at"],
        "group_id": pc.binary_join_element_wise(org, ids, "|"),
    }
    families = [f"{EntityKind.SCRIPT}:{family:016x}" for family in matches.family.tolist()]
    mentions = {
        ROW: pa.array(matches.row),
        "how": script_places(rows, matches),
        "entity_id": pa.array(families, TEXT),
        "kind": pa.repeat(EntityKind.SCRIPT, count),
        "role": pa.repeat(Role.SIGNALLING, count),
        "field": pa.repeat("narrative", count),
        "start": where[0],
        "end": where[1],
        "raw": raws,
        "confidence": pa.repeat(pa.scalar(CONFIDENCE, pa.float32()), count),
    }
    return evidence_of(rows, columns, pa.record_batch(mentions))


def _count(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    yield count_pairs(table_of(keyed[1], SHARED_PAIR))


def _passages(_: object, shared: Batches, followed: Batches) -> pa.RecordBatch:
    return assemble_passages(pair_count_table(shared), pair_count_table(followed))


def _families(
    _: object, shared: Batches, passage: Batches, heard: Batches, both: Batches
) -> pa.RecordBatch:
    return assemble_families(passage[0], *map(pair_count_table, (shared, heard, both)))


def _match(
    rows: pa.RecordBatch, family: Batches, known: pa.RecordBatch | None = None
) -> Iterator[pa.RecordBatch]:
    evidence = script_matches(rows, family[0], known)
    if evidence.num_rows:
        yield evidence


def _lists(*known: beam.PCollection) -> list[AsList]:
    return [AsList(collection) for collection in known]
