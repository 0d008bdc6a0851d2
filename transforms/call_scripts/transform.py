"""Narratives to script families, spread over partitions.

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
    HEARD,
    Pass,
    counted,
    each,
    families,
    followers,
    heard,
    passages,
    table,
    together,
)
from transforms.call_scripts.fingerprints import marked
from transforms.call_scripts.matches import told, told_unread
from transforms.shuffle import ShuffleOptions, cut, table_of

Batches = list[pa.RecordBatch]


def _passages(_: object, shared: Batches, followed: Batches) -> pa.RecordBatch:
    return passages(table(shared), table(followed))


def _families(_: object, shared: Batches, passage: Batches, together: Batches) -> pa.RecordBatch:
    return families(table(shared), passage[0], table(together))


class _Heard(beam.DoFn):
    """MARKED batches to (partition of a, HEARD batch)."""

    def __init__(self, step: Pass, partitions: int) -> None:
        self._step = step
        self._partitions = partitions

    def process(
        self, rows: pa.RecordBatch, known: Any = ()
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        found = heard(rows, self._step(rows, known))
        yield from cut(found, (found["a"].to_numpy() >> 40) % self._partitions)


def _counted(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    yield counted(table_of(keyed[1], HEARD))


def _told(rows: pa.RecordBatch, family: Batches) -> Iterator[pa.RecordBatch]:
    found = told(rows, family[0])
    if found.num_rows:
        yield found


def _told_unread(
    rows: pa.RecordBatch, family: Batches, known: pa.RecordBatch
) -> Iterator[pa.RecordBatch]:
    found = told_unread(rows, family[0], known)
    if found.num_rows:
        yield found


@dataclass(eq=False)
class Scripts(beam.PTransform):
    """COMPLAINT_ACCEPTED batches, each complaint once, to EVIDENCE batches of `script:` entities.

    Soft evidence: a script describes clusters and joins none. `start` has one element a window.
    """

    start: beam.PCollection

    def expand(self, complaints: beam.PCollection) -> Any:
        """See `families`."""
        texts = complaints | "Mark" >> beam.Map(marked)  # READ
        family = texts | "Find" >> _Find(self.start)  # one FAMILY batch
        return texts | "Tell" >> beam.FlatMap(_told, *_lists(family))


@dataclass(eq=False)
class ScriptsUnread(beam.PTransform):
    """As `Scripts`, of MARKED batches whose narratives are gone.

    `known` is one batch of WORDED rows: what is widely shared, and so may be shown.
    """

    start: beam.PCollection
    known: beam.pvalue.AsSingleton

    def expand(self, texts: beam.PCollection) -> Any:
        """See `families`."""
        family = texts | "Find" >> _Find(self.start)
        return texts | "Tell" >> beam.FlatMap(_told_unread, *_lists(family), self.known)


@dataclass(eq=False)
class _Find(beam.PTransform):
    """MARKED batches to one FAMILY batch."""

    start: beam.PCollection

    def expand(self, texts: beam.PCollection) -> Any:
        """Three passes, each of which needs what the one before it found."""
        shared = texts | "Share" >> _Count(each)
        followed = texts | "Follow" >> _Count(followers, shared)
        passage = self.start | "Passages" >> beam.Map(_passages, *_lists(shared, followed))
        heard_both = texts | "Hear both" >> _Count(together, passage)
        return self.start | "Families" >> beam.Map(_families, *_lists(shared, passage, heard_both))


def _lists(*known: beam.PCollection) -> list[beam.pvalue.AsList]:
    return [beam.pvalue.AsList(one) for one in known]


@dataclass(eq=False)
class _Count(beam.PTransform):
    """MARKED batches to COUNTED batches of the pairs that a pass finds, given what is known."""

    step: Pass
    known: beam.PCollection | None = None

    def expand(self, texts: beam.PCollection) -> beam.PCollection:
        """Bring each pair together and count who has it."""
        side = _lists(self.known) if self.known is not None else []
        partitions = texts.pipeline.options.view_as(ShuffleOptions).partitions
        return (
            texts
            | "Pairs" >> beam.ParDo(_Heard(self.step, partitions), *side)
            | "Together" >> beam.GroupByKey()
            | "Count" >> beam.FlatMap(_counted)
        )
