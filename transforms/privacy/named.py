"""What the WITHHELD rows of a record say of it: its victims' identifiers, and where they stand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import RecordKind
from transforms.columns import mask
from transforms.identify.own import Own
from transforms.identify.places import ranges
from transforms.identify.repeats import distinct_rows

WITHHELD_KEY = ("source_org", "record_id")


class Named:
    """The WITHHELD rows that are of the records of a batch, by record."""

    def __init__(self, batch: pa.RecordBatch, id_field: str, withheld: pa.Table) -> None:
        count = len(batch)
        keys = [
            pa.chunked_array([batch[of_batch], *withheld[name].chunks]).combine_chunks()
            for of_batch, name in zip(("source_org", id_field), WITHHELD_KEY, strict=True)
        ]
        _, key = distinct_rows(keys)
        order = np.argsort(key[count:], kind="stable")
        held = key[count:][order]
        first, end = (np.searchsorted(held, key[:count], side) for side in ("left", "right"))
        self._rows = np.repeat(np.arange(count), end - first)
        self._withheld = withheld.take(pa.array(order[ranges(first, end - first)]))

    def own(self, kind: RecordKind) -> Own:
        """What a batch of that kind must not show."""
        of_kind = mask(pc.equal(self._withheld["record_kind"], str(kind)))
        ids = self._withheld["entity_id"].combine_chunks()
        return Own(self._rows[of_kind], ids.filter(pa.array(of_kind)))

    def places(self) -> dict[int, list[tuple[int, int]]]:
        """Where the narrative of each row names it, in code points."""
        placed = mask(pc.is_valid(self._withheld["start"]))
        starts, ends = (
            self._withheld[name].filter(pa.array(placed)).to_pylist() for name in ("start", "end")
        )
        told: dict[int, list[tuple[int, int]]] = {}
        for row, *place in zip(self._rows[placed].tolist(), starts, ends, strict=True):
            told.setdefault(row, []).append((place[0], place[1]))
        return told
