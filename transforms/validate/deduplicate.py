"""Deduplication: of rows with the same id the latest is kept, the others count as duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from apache_beam.pvalue import TaggedOutput

from schemas.call import CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_KEY, ORIGIN
from schemas.enums import RecordKind
from transforms.arrow import Array, distinct_rows, hash_columns, one_batch
from transforms.engine import KIND_PLURAL, KeyedInput, PerPartition, batches_of

REPLACED, COUNTERS = "replaced", "counters"

RECORD_ORDER: Mapping[RecordKind, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    RecordKind.COMPLAINT: (COMPLAINT_KEY, [("received_at", "descending")]),
    RecordKind.CALL: (CALL_KEY, [("started_at", "descending"), ("duration_seconds", "descending")]),
}
"""The id of a record, and the order of rows with the same id, of which the first is kept.

Of the legs of a call the latest is kept, then the longest. In a tie the content decides.
"""

_ORIGIN = {field.name for field in ORIGIN}


@dataclass(eq=False)
class Deduplicate(beam.PTransform):
    """Keeps a single row for each id.

    Outputs MAIN (batches), REPLACED (a batch a partition of `versions_of`) and COUNTERS
    (((group, name), n)).
    """

    kind: RecordKind

    def expand(self, rows: beam.PCollection) -> Any:
        """Groups rows by id and keeps a single row of each group."""
        schema = CALL_ACCEPTED if self.kind is RecordKind.CALL else COMPLAINT_ACCEPTED
        keyed = KeyedInput(schema, RECORD_ORDER[self.kind][0])
        unique = partial(_deduplicate, kind=self.kind)
        return {"rows": rows} | PerPartition({"rows": keyed}, unique, (REPLACED, COUNTERS))


def unique_records(table: pa.Table, kind: RecordKind) -> tuple[pa.Table, pa.Table]:
    """Returns the COMPLAINT_ACCEPTED or CALL_ACCEPTED rows to keep, and the replaced rows."""
    kept = np.zeros(table.num_rows, bool)
    kept[winning_rows(table, *RECORD_ORDER[kind])] = True
    return table.filter(kept), table.filter(~kept)


def winning_rows(table: pa.Table, key: tuple[str, ...], order: list[tuple[str, str]]) -> Array:
    """Returns the rows to keep: of each key the first by `order`, then by smallest content hash.

    The hash is in the column `content`, or else is made from the row. Rows that agree in all of
    this are copies. The copy from the smallest source and position is kept, so that the choice does
    not depend on the order of arrival.
    """
    candidates = _repeated_rows(table, key)
    if not len(candidates):
        return np.arange(table.num_rows)
    rows = table.take(candidates)
    rivals = rows.select([*key, *(name for name, _ in order), "source", "position"])
    known = "content" in table.column_names
    content = rows["content"] if known else pa.array(content_hashes(table, candidates))
    rivals = rivals.append_column("content", content)
    ranking = [(name, "ascending") for name in key] + order
    ranking += [(name, "ascending") for name in ("content", "source", "position")]
    ranked = pc.sort_indices(rivals, sort_keys=ranking).to_numpy()
    ids = rivals.select(list(key)).take(ranked).combine_chunks()
    first, _ = distinct_rows([column.chunk(0) for column in ids.columns])
    alone = np.setdiff1d(np.arange(table.num_rows), candidates, assume_unique=True)
    return np.sort(np.concatenate([alone, candidates[ranked[first]]]))


def versions_of(table: pa.Table, kind: RecordKind) -> pa.Table:
    """Returns the distinct versions of records that came with several contents.

    Their hashes are in the column `content`, as in `winning_rows`.
    """
    key = RECORD_ORDER[kind][0]
    rows = _repeated_rows(table, key)
    contents = pa.array(content_hashes(table, rows), pa.string())
    several = table.take(rows).append_column("content", contents)
    _, first = np.unique(hash_columns(several, (*key, "content")), return_index=True)
    once = several.take(first)
    return once.take(_repeated_rows(once, key))


def _repeated_rows(table: pa.Table, key: tuple[str, ...]) -> Array:
    """Returns the rows whose key hash is seen twice: ids are rarely repeated."""
    hashes = hash_columns(table, key)
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[inverse] > 1)


def content_hashes(table: pa.Table, rows: Array) -> list[str]:
    """Hashes the content of each of `rows`, without its source and position."""
    content = table.drop_columns(sorted(_ORIGIN & set(table.column_names)))
    picked = content.take(rows).to_pylist()
    return [xxhash.xxh3_128_hexdigest(repr(list(row.values())).encode()) for row in picked]


def _deduplicate(table: pa.Table, kind: RecordKind) -> Iterator[Any]:
    kept, replaced = unique_records(table, kind)
    yield from batches_of(kept)
    if (versions := versions_of(table, kind)).num_rows:
        yield TaggedOutput(REPLACED, one_batch(versions))
    name = KIND_PLURAL[kind]
    yield TaggedOutput(COUNTERS, ((name, "accepted"), kept.num_rows))
    yield TaggedOutput(COUNTERS, ((name, "duplicates"), replaced.num_rows))
