"""Two rows with one id are one record: the latest wins, the other counts as a duplicate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.call import CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_KEY, ORIGIN
from schemas.enums import RecordKind
from transforms.arrow_util import hash_columns
from transforms.shuffle import Keyed, PerPartition, batches_of

_ORIGIN = {one.name for one in ORIGIN}


COMPLAINTS_BY = [("received_at", "descending")]
"""Which of several complaints with one id wins, before the content decides."""


CALLS_BY = [("started_at", "descending"), ("duration_seconds", "descending")]
"""Of several legs of one call the latest, and then the longest, stands for the call."""


def content_hashes(table: pa.Table, rows: np.ndarray) -> list[str]:
    """A hash of the content of each of `rows`, wherever the row came from."""
    content = table.drop_columns(sorted(_ORIGIN & set(table.column_names)))
    picked = content.take(pa.array(rows)).to_pylist()
    return [xxhash.xxh3_128_hexdigest(repr(list(row.values())).encode()) for row in picked]


def winners(table: pa.Table, key: tuple[str, ...], order: list[tuple[str, str]]) -> np.ndarray:
    """Row numbers to keep: per key the first by `order`, then by smallest content hash.

    The hash is in the column `content`, or else is made of the row.

    Rows that agree in all of that are copies of each other; the one from the smallest source and
    position is kept, so that the choice is the same whatever order the rows arrived in.
    """
    # Ids are rarely repeated: only rows whose key hash is seen twice are compared in full.
    hashes = hash_columns(table, key)
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = counts[inverse] > 1
    suspects = np.flatnonzero(repeated)
    if not len(suspects):
        return np.arange(table.num_rows)
    rows = table.take(pa.array(suspects))
    contested = rows.select([*key, *(name for name, _ in order), "source", "position"])
    known = "content" in table.column_names
    content = rows["content"] if known else pa.array(content_hashes(table, suspects))
    contested = contested.append_column("content", content)
    ranking = [(name, "ascending") for name in key] + order
    ranking += [(name, "ascending") for name in ("content", "source", "position")]
    ranked = pc.sort_indices(contested, sort_keys=ranking).to_numpy()
    keys = contested.select(list(key)).take(pa.array(ranked)).to_pylist()
    first = [i == 0 or keys[i] != keys[i - 1] for i in range(len(keys))]
    return np.sort(np.concatenate([np.flatnonzero(~repeated), suspects[ranked[first]]]))


def unique_complaints(table: pa.Table) -> tuple[pa.Table, int]:
    """COMPLAINT_ACCEPTED rows, one an id, and how many duplicates were left out."""
    kept = table.take(pa.array(winners(table, COMPLAINT_KEY, COMPLAINTS_BY)))
    return kept, table.num_rows - kept.num_rows


def unique_calls(table: pa.Table) -> tuple[pa.Table, int]:
    """CALL_ACCEPTED rows, one an id, and how many duplicates were left out."""
    kept = table.take(pa.array(winners(table, CALL_KEY, CALLS_BY)))
    return kept, table.num_rows - kept.num_rows


TALLIES = "tallies"


def _complaints(table: pa.Table) -> Iterator[Any]:
    yield from _tagged(*unique_complaints(table), "complaints")


def _calls(table: pa.Table) -> Iterator[Any]:
    yield from _tagged(*unique_calls(table), "calls")


def _tagged(kept: pa.Table, duplicates: int, name: str) -> Iterator[Any]:
    yield from batches_of(kept)
    yield beam.pvalue.TaggedOutput(TALLIES, ((name, "accepted"), kept.num_rows))
    yield beam.pvalue.TaggedOutput(TALLIES, ((name, "duplicates"), duplicates))


@dataclass(eq=False)
class Deduplicate(beam.PTransform):
    """Accepted batches to outputs MAIN (batches) and TALLIES (((group, name), count))."""

    kind: RecordKind

    def expand(self, rows: beam.PCollection) -> Any:
        """Bring rows with one id together, keep one of them."""
        if self.kind is RecordKind.CALL:
            step = PerPartition({"rows": Keyed(CALL_ACCEPTED, CALL_KEY)}, _calls, (TALLIES,))
        else:
            step = PerPartition(
                {"rows": Keyed(COMPLAINT_ACCEPTED, COMPLAINT_KEY)}, _complaints, (TALLIES,)
            )
        return {"rows": rows} | step
