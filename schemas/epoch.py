"""The epochs of an identifier: `phone:+18885550123`, and after a long gap the same with `#2`."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

_KINDS = "(?:phone|domain|email|handle|account)"
_TURN = r"[2-9]|[1-9]\d+"
_MARK = rf"^({_KINDS}:.*)#({_TURN})$"
"""No id of these kinds ends so by itself: none of them ends in digits after a `#`."""
_NUMBERED = rf"^{_KINDS}:.*#(?P<number>{_TURN})$"


def bare(entity_id: str) -> str:
    """The id without its epoch: what all holders of the identifier have in common."""
    return re.sub(_MARK, r"\1", entity_id)


def number(entity_id: str) -> int:
    """Which epoch an id names; 1 for the first, whose id has no mark."""
    found = re.match(_MARK, entity_id)
    return int(found[2]) if found else 1


def named(entity_id: str, epoch: int) -> str:
    """The id of an epoch of a bare id."""
    return entity_id if epoch == 1 else f"{entity_id}#{epoch}"


def bare_ids(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """`bare` of a column of ids."""
    return pc.replace_substring_regex(column, _MARK, r"\1")


def numbers(column: pa.Array) -> pa.Array:
    """`number` of a column of ids."""
    named = pc.struct_field(pc.extract_regex(column, _NUMBERED), "number")
    return pc.fill_null(pc.cast(named, pa.int64()), 1)
