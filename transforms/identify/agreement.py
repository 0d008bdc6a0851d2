"""What one record says of one identifier in several places, made to agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import Role
from transforms.identify.needles import Needles, holds, needles

NARRATIVE = "narrative"
"""The field whose readings give way to those of the fields that an organisation filled in."""


def settle(sighted: pa.RecordBatch, own: Sequence[Sequence[str]]) -> pa.RecordBatch:
    """SIGHTED rows in the order of their records, each record at one with itself.

    The victim's own anywhere is the victim's own everywhere, and so is what has a victim's number
    in it (`own`: each row's, as written), such as an account that is named by it. A reading of the
    narrative takes the role that a field gives; without one, what the narrative says of it.
    """
    if not sighted.num_rows:
        return sighted
    ids = pc.binary_join_element_wise(sighted["kind"], sighted["value"], ":")
    encoded = ids.dictionary_encode()
    rows = sighted["row"].to_numpy().astype(np.int64)
    key = rows * len(encoded.dictionary) + encoded.indices.to_numpy()
    _, first, group, count = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    roles = sighted["role"].to_numpy(zero_copy_only=False)
    told = pc.equal(sighted["field"], NARRATIVE).to_numpy(zero_copy_only=False)
    stated = sighted["stated"].to_numpy(zero_copy_only=False)

    victims = np.zeros(len(first), bool)
    victims[group[roles == Role.VICTIM.value]] = True
    wanted = _wanted(rows, ids, roles, own)
    values = sighted["value"].to_pylist()
    for at in np.flatnonzero(np.isin(rows[first], list(wanted)) & ~victims).tolist():
        one = int(first[at])
        victims[at] = holds(values[one], wanted[int(rows[one])])

    fields = np.full(len(first), len(rows))
    np.minimum.at(fields, group[~told], np.flatnonzero(~told))
    read = fields < len(rows)
    follows = told & read[group]
    roles[follows] = roles[fields[group[follows]]]
    alone = np.flatnonzero((count > 1) & ~read & ~victims)
    for members in _members(group, alone):
        roles[members] = _agreed([(roles[i], stated[i]) for i in members])
    roles[victims[group]] = Role.VICTIM.value

    order = np.lexsort((np.arange(len(rows)), first[group], rows))
    at = sighted.schema.get_field_index("role")
    settled = sighted.set_column(at, sighted.schema.field(at), pa.array(roles, pa.string()))
    return settled.take(pa.array(order))


def _wanted(
    rows: np.ndarray, ids: pa.Array, roles: np.ndarray, own: Sequence[Sequence[str]]
) -> dict[int, Needles]:
    """What identifies the victim of each row, of the rows that say so."""
    victims: dict[int, list[str]] = {row: [] for row, numbers in enumerate(own) if numbers}
    at = np.flatnonzero(roles == Role.VICTIM.value)
    for row, entity in zip(rows[at].tolist(), ids.take(pa.array(at)).to_pylist(), strict=True):
        victims.setdefault(row, []).append(entity)
    return {row: needles(entities, own[row]) for row, entities in victims.items()}


def _members(group: np.ndarray, wanted: np.ndarray) -> Iterator[list[int]]:
    """The sightings of each of the wanted groups."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], wanted, side="left")
    ends = np.searchsorted(group[order], wanted, side="right")
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield order[start:end].tolist()


def _agreed(told: Sequence[tuple[str, bool]]) -> str:
    """The role of what only a narrative names, several times: the less harmful of those stated."""
    stated = {role for role, is_stated in told if is_stated}
    if not stated:
        return told[0][0]
    if Role.MENTIONED in stated:
        return Role.MENTIONED.value
    return min(stated - {Role.CALLER_ID.value}, default=Role.CALLER_ID.value)
