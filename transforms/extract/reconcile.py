"""Reconciles what one record says of one identifier in several places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Role
from transforms.arrow_util import distinct_rows
from transforms.victims.identifier_matcher import (
    RowIdentifiers,
    contains_identifier,
    identifier_patterns,
    may_contain_identifier,
)

Array = np.ndarray

_ROLES = pa.array([role.value for role in Role], pa.string())

_VICTIM, _MENTIONED, _CALLER_ID = map(
    list(Role).index, (Role.VICTIM, Role.MENTIONED, Role.CALLER_ID)
)

NARRATIVE = "narrative"
"""The field whose readings give way to those of the fields that an organisation filled in."""


def reconcile(drafts: pa.RecordBatch, own: RowIdentifiers) -> pa.RecordBatch:
    """Gives each identifier of a record one role; `MENTION_DRAFT` rows, by record.

    The victim's own anywhere is the victim's own everywhere, and so is what has a victim's number
    in it (`own`), such as an account that is named by it. A reading of the narrative takes the role
    that a field gives; without one, what the narrative says of it.
    """
    if not drafts.num_rows:
        return drafts
    ids = pc.binary_join_element_wise(drafts["kind"], drafts["value"], ":")
    rows = drafts["row"].to_numpy().astype(np.int64)
    first, group = distinct_rows((drafts["row"], ids))
    count = np.bincount(group)
    role = pc.index_in(drafts["role"], _ROLES).to_numpy(zero_copy_only=False).copy()
    in_narrative = pc.equal(drafts["field"], NARRATIVE).to_numpy(zero_copy_only=False)
    stated = drafts["stated"].to_numpy(zero_copy_only=False)

    victims = np.zeros(len(first), bool)
    victims[group[role == _VICTIM]] = True
    victims |= _contains_victims(
        RowIdentifiers(rows[first], drafts["value"].take(pa.array(first))), victims, own
    )

    fields = np.full(len(first), len(rows))
    in_fields = np.flatnonzero(~in_narrative)[::-1]
    fields[group[in_fields]] = in_fields
    in_field = fields < len(rows)
    follows = in_narrative & in_field[group]
    role[follows] = role[fields[group[follows]]]
    alone = np.flatnonzero((count > 1) & ~in_field & ~victims)
    for members in _members(group, alone):
        role[members] = _least_harmful_role([(int(role[i]), bool(stated[i])) for i in members])
    role[victims[group]] = _VICTIM

    order = np.lexsort((np.arange(len(rows)), first[group], rows))
    at = drafts.schema.get_field_index("role")
    settled = drafts.set_column(at, drafts.schema.field(at), _ROLES.take(pa.array(role)))
    return settled.take(pa.array(order))


def _contains_victims(values: RowIdentifiers, victims: Array, own: RowIdentifiers) -> Array:
    """Checks which values, not the victim's themselves, contain what is the victim's in their row.

    `values` is of distinct values; those of `victims` are the victim's as their record says.
    """
    theirs = np.flatnonzero(victims)
    stated = own.rows, values.rows[theirs]
    wanted = RowIdentifiers(
        np.concatenate(stated),
        pa.concat_arrays([own.identifiers, values.identifiers.take(pa.array(theirs))]),
    )
    maybe = np.flatnonzero(~victims & may_contain_identifier(values, wanted))
    contains = np.zeros(len(victims), bool)
    if not len(maybe):
        return contains
    rows = np.unique(values.rows[maybe])
    of_row: dict[int, tuple[list[str], list[str]]] = {row: ([], []) for row in rows.tolist()}
    written = np.arange(len(wanted.rows)) < len(own.rows)
    for at in np.flatnonzero(np.isin(wanted.rows, rows)).tolist():
        entities, as_written = of_row[int(wanted.rows[at])]
        (as_written if written[at] else entities).append(wanted.identifiers[at].as_py())
    patterns = {row: identifier_patterns(*both) for row, both in of_row.items()}
    texts = values.identifiers.take(pa.array(maybe)).to_pylist()
    contains[maybe] = [
        contains_identifier(text, patterns[row])
        for text, row in zip(texts, values.rows[maybe].tolist(), strict=True)
    ]
    return contains


def _members(group: np.ndarray, wanted: np.ndarray) -> Iterator[list[int]]:
    """Yields the rows of each of the wanted groups."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], wanted, side="left")
    ends = np.searchsorted(group[order], wanted, side="right")
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield order[start:end].tolist()


def _least_harmful_role(readings: Sequence[tuple[int, bool]]) -> int:
    """Returns the role of what a narrative alone names, several times, of those that it states."""
    stated = {role for role, is_stated in readings if is_stated}
    if not stated:
        return readings[0][0]
    if _MENTIONED in stated:
        return _MENTIONED
    return min(stated - {_CALLER_ID}, default=_CALLER_ID, key=_role_name)


def _role_name(role: int) -> str:
    return str(_ROLES[role])
