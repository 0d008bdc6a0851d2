"""Turns narratives into script mentions, spread over partitions.

Four passes over the texts: how many share each fingerprint, which of these stand in a row, which
passages are heard together, and where each text holds a family. What is brought together are hashes
that at least two victims share: the words of one victim never leave the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

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
    shared_pairs,
)
from transforms.call_scripts.fingerprints import fingerprint_rows
from transforms.call_scripts.matches import script_matches, script_matches_without_text
from transforms.shuffle import ShuffleOptions, split_by_partition, table_of

Batches = list[pa.RecordBatch]


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
