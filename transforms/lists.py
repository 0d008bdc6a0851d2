"""List columns taken apart: every item with its row and its place in the list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Items:
    """The items of a list column; `rows` and `places` are as long as `values`."""

    rows: list[int]
    places: list[int]
    values: pa.Array

    def field(self, name: str) -> pa.Array:
        """One field of items that are structs; null where the struct is."""
        return pc.struct_field(self.values, name)


def items(column: pa.Array) -> Items:
    """The items of a list column of one batch; null lists have none."""
    parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
    firsts = np.searchsorted(parents, parents, side="left")
    places = np.arange(len(parents)) - firsts
    return Items(parents.tolist(), places.tolist(), pc.list_flatten(column))
