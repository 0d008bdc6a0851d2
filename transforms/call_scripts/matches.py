"""Finds the scripts that narratives hold, and the wording of each that may be shown.

Four passes over the texts, spread over partitions: how many share each fingerprint, which of these
stand in a row, which passages are heard together, and where each text holds a family. What is
brought together are hashes that at least two victims share: the words of one victim never leave the
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import ROW
from transforms.arrow_util import group_starts, sorted_lookup
from transforms.call_scripts.families import (
    SHARED_PAIR,
    PairFinder,
    adjacent_fingerprints,
    assemble_families,
    assemble_passages,
    co_occurring_passages,
    count_pairs,
    own_fingerprints,
    pair_count_table,
    place_or_minus_one,
    shared_pairs,
)
from transforms.call_scripts.fingerprints import (
    SHINGLE,
    fingerprint_rows,
    flatten_fingerprints,
    flatten_list,
    phrases,
)
from transforms.call_scripts.tokens import GAP
from transforms.extract.evidence import evidence_of
from transforms.shuffle import ShuffleOptions, split_by_partition, table_of

Batches = list[pa.RecordBatch]

MIN_WORDS = 12
"""Shared words that a text must hold of a script; fewer are everybody's phrases."""

MIN_TELLERS = 5
"""Tellers who must have the same words for these to be shown; the rest is a gap."""

CONFIDENCE = 0.9
"""Confidence that the passage was read out from the script; docs/evidence.md."""


@dataclass(frozen=True)
class FamilyMatches:
    """The families of which texts hold `MIN_WORDS` words or more.

    Of each: the row of its text, the family, how many words of it are shared, and from where to
    where its fingerprints stand in `order`, the numbers of all known ones in `FlatFingerprints`.
    """

    row: np.ndarray
    family: np.ndarray
    words: np.ndarray
    first: np.ndarray
    last: np.ndarray
    order: np.ndarray


def script_matches(rows: pa.RecordBatch, family: pa.RecordBatch) -> pa.RecordBatch:
    """Turns FINGERPRINT_ROW_WITH_TEXT rows into EVIDENCE rows, one for each family of a narrative.

    `start` and `end` are where its first and its last shared words stand. `raw` are the words
    between them that `MIN_TELLERS` tellers have in common, numbers masked: never one victim's own.
    """
    found = match_families(rows, family)
    wide = _widely_shared(family)
    _, is_wide = sorted_lookup(wide, flatten_list(rows, "values"))
    raws = visible_wording(rows, found, wide, phrases(rows, np.flatnonzero(is_wide)))
    where = [
        pa.array(flatten_list(rows, name)[found.order[at]], pa.int32())
        for name, at in (("starts", found.first), ("ends", found.last))
    ]
    return _evidence(rows, found, where, raws)


def script_matches_without_text(
    rows: pa.RecordBatch, family: pa.RecordBatch, known: pa.RecordBatch
) -> pa.RecordBatch:
    """As `script_matches`, of rows whose narratives are gone: `start` and `end` are null.

    `known` are the PHRASE rows of what is widely shared; what is not in it is a gap.
    """
    found = match_families(rows, family)
    nowhere = [pa.nulls(len(found.row), pa.int32())] * 2
    return _evidence(
        rows, found, nowhere, visible_wording(rows, found, _widely_shared(family), known)
    )


def match_families(rows: pa.RecordBatch, family: pa.RecordBatch) -> FamilyMatches:
    """Finds the families of FINGERPRINT_ROW rows, by row and family, given the FAMILY rows."""
    flat = flatten_fingerprints(rows)
    at, is_known = sorted_lookup(family["value"].to_numpy(), flat.value)
    known = np.flatnonzero(is_known)
    of = family["family"].to_numpy()[at[known]]
    by_family = np.lexsort((of, flat.row[known]))  # stable: by place within
    order, of = known[by_family], of[by_family]
    row, word = flat.row[order], flatten_list(rows, "words")[order]
    first = group_starts(row, of)
    last = np.append(first[1:], len(row))[: len(first)] - 1
    step = np.minimum(np.diff(word, append=0), SHINGLE)
    step[last] = SHINGLE
    words = np.add.reduceat(step, first) if len(first) else np.empty(0, np.int64)
    long = words >= MIN_WORDS
    first, last = first[long], last[long]
    return FamilyMatches(row[first], of[first], words[long], first, last, order)


def visible_wording(
    rows: pa.RecordBatch, found: FamilyMatches, wide: np.ndarray, known: pa.RecordBatch
) -> pa.Array:
    """Returns the words of each passage that was found, with a `GAP` for those not in `wide`.

    `known` are PHRASE rows, those of `wide` among them.
    """
    value, word = (
        flatten_list(rows, "values")[found.order],
        flatten_list(rows, "words")[found.order],
    )
    size = word[found.last] + SHINGLE - word[found.first]
    starts = np.concatenate([[0], np.cumsum(size)])
    counts = found.last - found.first + 1
    of = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(of)) + np.repeat(found.first - np.cumsum(counts) + counts, counts)
    place = starts[of] + word[at] - word[found.first][of]
    _, is_wide = sorted_lookup(wide, value[at])
    which = np.where(is_wide, place_or_minus_one(known["value"].to_numpy(), value[at]), -1)
    split = pc.list_flatten(pc.split_pattern(known["words"], " ")).dictionary_encode()
    numbers = split.indices.to_numpy().reshape(-1, SHINGLE)
    number = np.full(starts[-1], -1)
    for step in range(SHINGLE):
        number[place[which >= 0] + step] = numbers[which[which >= 0], step]
    covered = number >= 0
    # Of the words in a row that are not shown, the first stands for all as the gap.
    alone = covered | np.append(True, covered[:-1])[: len(covered)]
    alone[starts[:-1]] = True
    number = np.where(covered, number, len(split.dictionary))[alone]
    spellings = pa.concat_arrays([split.dictionary, pa.array([GAP])])
    bounds = np.concatenate([[0], np.cumsum(alone)])[starts].astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(bounds), spellings.take(pa.array(number)))
    return pc.binary_join(lists, " ")


def _widely_shared(family: pa.RecordBatch) -> np.ndarray:
    """Returns the fingerprints that `MIN_TELLERS` tellers have, sorted."""
    wide: np.ndarray = family["value"].to_numpy()[family["tellers"].to_numpy() >= MIN_TELLERS]
    return wide


def _evidence(
    rows: pa.RecordBatch, found: FamilyMatches, where: list[pa.Array], raws: pa.Array
) -> pa.RecordBatch:
    org, ids, count = rows["source_org"], rows["complaint_id"], len(found.row)
    columns = {
        "record_kind": pa.repeat(str(RecordKind.COMPLAINT), rows.num_rows),
        "record_id": ids,
        "observed_at": rows["observed_at"],
        "group_id": pc.binary_join_element_wise(org, ids, "|"),
    }
    families = [f"{EntityKind.SCRIPT}:{one:016x}" for one in found.family.tolist()]
    mentions = {
        ROW: pa.array(found.row),
        "entity_id": pa.array(families, pa.string()),
        "kind": pa.repeat(str(EntityKind.SCRIPT), count),
        "role": pa.repeat(str(Role.SIGNALLING), count),
        "field": pa.repeat("narrative", count),
        "start": where[0],
        "end": where[1],
        "raw": raws,
        "confidence": pa.repeat(pa.scalar(CONFIDENCE, pa.float32()), count),
    }
    return evidence_of(rows, columns, pa.RecordBatch.from_pydict(mentions))


@dataclass(eq=False)
class Scripts(beam.PTransform):
    """Turns COMPLAINT_ACCEPTED batches, each complaint once, into EVIDENCE of `script:` entities.

    Soft evidence: a script describes clusters and joins none. `start` has one element a window.
    """

    start: beam.PCollection

    def expand(self, complaints: beam.PCollection) -> Any:
        """Finds families, then matches every text with them."""
        texts = complaints | "Mark" >> beam.Map(fingerprint_rows)  # FINGERPRINT_ROW_WITH_TEXT
        family = texts | "Find" >> _Find(self.start)  # one FAMILY batch
        return texts | "Tell" >> beam.FlatMap(_match, *_lists(family))


@dataclass(eq=False)
class ScriptsFromFingerprints(beam.PTransform):
    """As `Scripts`, of FINGERPRINT_ROW batches, whose narratives are gone.

    `known` is one batch of PHRASE rows: what is widely shared, and so may be shown.
    """

    start: beam.PCollection
    known: beam.pvalue.AsSingleton

    def expand(self, texts: beam.PCollection) -> Any:
        """Finds families, then matches every text with them."""
        family = texts | "Find" >> _Find(self.start)
        return texts | "Tell" >> beam.FlatMap(_match_without_text, *_lists(family), self.known)


@dataclass(eq=False)
class _Find(beam.PTransform):
    """Turns FINGERPRINT_ROW batches into one FAMILY batch."""

    start: beam.PCollection

    def expand(self, texts: beam.PCollection) -> Any:
        """Runs three passes, each of which needs what the one before it found."""
        shared = texts | "Share" >> _Count(own_fingerprints)
        followed = texts | "Follow" >> _Count(adjacent_fingerprints, shared)
        passage = self.start | "Passages" >> beam.Map(_passages, *_lists(shared, followed))
        together = texts | "Hear both" >> _Count(co_occurring_passages, passage)
        return self.start | "Families" >> beam.Map(_families, *_lists(shared, passage, together))


@dataclass(eq=False)
class _Count(beam.PTransform):
    """Turns FINGERPRINT_ROW batches into PAIR_COUNT batches of the pairs that a pass finds."""

    step: PairFinder
    known: beam.PCollection | None = None

    def expand(self, texts: beam.PCollection) -> beam.PCollection:
        """Brings each pair together and counts who has it."""
        side = _lists(self.known) if self.known is not None else []
        partitions = texts.pipeline.options.view_as(ShuffleOptions).partitions
        return (
            texts
            | "Pairs" >> beam.ParDo(_FindPairs(self.step, partitions), *side)
            | "Together" >> beam.GroupByKey()
            | "Count" >> beam.FlatMap(_count)
        )


class _FindPairs(beam.DoFn):
    """Turns FINGERPRINT_ROW batches into (partition of a, SHARED_PAIR batch)."""

    def __init__(self, step: PairFinder, partitions: int) -> None:
        self._step = step
        self._partitions = partitions

    def process(
        self, rows: pa.RecordBatch, known: Any = ()
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        found = shared_pairs(rows, self._step(rows, known))
        yield from split_by_partition(found, (found["a"].to_numpy() >> 40) % self._partitions)


def _count(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    yield count_pairs(table_of(keyed[1], SHARED_PAIR))


def _passages(_: object, shared: Batches, followed: Batches) -> pa.RecordBatch:
    return assemble_passages(pair_count_table(shared), pair_count_table(followed))


def _families(_: object, shared: Batches, passage: Batches, together: Batches) -> pa.RecordBatch:
    return assemble_families(pair_count_table(shared), passage[0], pair_count_table(together))


def _match(rows: pa.RecordBatch, family: Batches) -> Iterator[pa.RecordBatch]:
    found = script_matches(rows, family[0])
    if found.num_rows:
        yield found


def _match_without_text(
    rows: pa.RecordBatch, family: Batches, known: pa.RecordBatch
) -> Iterator[pa.RecordBatch]:
    found = script_matches_without_text(rows, family[0], known)
    if found.num_rows:
        yield found


def _lists(*known: beam.PCollection) -> list[beam.pvalue.AsList]:
    return [beam.pvalue.AsList(one) for one in known]
