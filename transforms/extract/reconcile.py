"""What one record says of one identifier in several places, made to agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Role
from transforms.arrow_util import distinct_rows
from transforms.victims.identifier_matcher import holds, needles
from transforms.victims.own_numbers import Own, may_hold

Array = np.ndarray


_ROLES = pa.array([role.value for role in Role], pa.string())


_VICTIM, _MENTIONED, _CALLER_ID = map(
    list(Role).index, (Role.VICTIM, Role.MENTIONED, Role.CALLER_ID)
)


NARRATIVE = "narrative"
"""The field whose readings give way to those of the fields that an organisation filled in."""


def settle(sighted: pa.RecordBatch, own: Own) -> pa.RecordBatch:
    """SIGHTED rows in the order of their records, each record at one with itself.

    The victim's own anywhere is the victim's own everywhere, and so is what has a victim's number
    in it (`own`), such as an account that is named by it. A reading of the narrative takes the role
    that a field gives; without one, what the narrative says of it.
    """
    if not sighted.num_rows:
        return sighted
    ids = pc.binary_join_element_wise(sighted["kind"], sighted["value"], ":")
    rows = sighted["row"].to_numpy().astype(np.int64)
    first, group = distinct_rows((sighted["row"], ids))
    count = np.bincount(group)
    role = pc.index_in(sighted["role"], _ROLES).to_numpy(zero_copy_only=False).copy()
    told = pc.equal(sighted["field"], NARRATIVE).to_numpy(zero_copy_only=False)
    stated = sighted["stated"].to_numpy(zero_copy_only=False)

    victims = np.zeros(len(first), bool)
    victims[group[role == _VICTIM]] = True
    victims |= _holding(Own(rows[first], sighted["value"].take(pa.array(first))), victims, own)

    fields = np.full(len(first), len(rows))
    in_fields = np.flatnonzero(~told)[::-1]
    fields[group[in_fields]] = in_fields
    read = fields < len(rows)
    follows = told & read[group]
    role[follows] = role[fields[group[follows]]]
    alone = np.flatnonzero((count > 1) & ~read & ~victims)
    for members in _members(group, alone):
        role[members] = _agreed([(int(role[i]), bool(stated[i])) for i in members])
    role[victims[group]] = _VICTIM

    order = np.lexsort((np.arange(len(rows)), first[group], rows))
    at = sighted.schema.get_field_index("role")
    settled = sighted.set_column(at, sighted.schema.field(at), _ROLES.take(pa.array(role)))
    return settled.take(pa.array(order))


def _holding(values: Own, victims: Array, own: Own) -> Array:
    """Which of the values, not the victim's themselves, hold what is the victim's in their row.

    `values` is of distinct values; those of `victims` are the victim's as their record says.
    """
    theirs = np.flatnonzero(victims)
    stated = own.rows, values.rows[theirs]
    wanted = Own(
        np.concatenate(stated),
        pa.concat_arrays([own.numbers, values.numbers.take(pa.array(theirs))]),
    )
    maybe = np.flatnonzero(~victims & may_hold(values, wanted))
    held = np.zeros(len(victims), bool)
    if not len(maybe):
        return held
    rows = np.unique(values.rows[maybe])
    of_row: dict[int, tuple[list[str], list[str]]] = {row: ([], []) for row in rows.tolist()}
    written = np.arange(len(wanted.rows)) < len(own.rows)
    for at in np.flatnonzero(np.isin(wanted.rows, rows)).tolist():
        entities, as_written = of_row[int(wanted.rows[at])]
        (as_written if written[at] else entities).append(wanted.numbers[at].as_py())
    sought = {row: needles(*both) for row, both in of_row.items()}
    texts = values.numbers.take(pa.array(maybe)).to_pylist()
    held[maybe] = [
        holds(text, sought[row])
        for text, row in zip(texts, values.rows[maybe].tolist(), strict=True)
    ]
    return held


def _members(group: np.ndarray, wanted: np.ndarray) -> Iterator[list[int]]:
    """The sightings of each of the wanted groups."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], wanted, side="left")
    ends = np.searchsorted(group[order], wanted, side="right")
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield order[start:end].tolist()


def _agreed(told: Sequence[tuple[int, bool]]) -> int:
    """The role of what only a narrative names, several times: the less harmful of those stated."""
    stated = {role for role, is_stated in told if is_stated}
    if not stated:
        return told[0][0]
    if _MENTIONED in stated:
        return _MENTIONED
    return min(stated - {_CALLER_ID}, default=_CALLER_ID, key=_name)


def _name(role: int) -> str:
    return str(_ROLES[role])
