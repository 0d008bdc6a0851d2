"""Identifiers found in records, as single matches and as columns of mention drafts.

What a record says of one identifier in several places is reconciled. A draft becomes a mention once
`fields` adds what its record says (organisation, time, victim).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import MAYBE_NUMBERS, Carried, EntityKind, Role
from schemas.field import SMALL_INTEGER, TEXT
from transforms.arrow import Array, distinct_rows, fill_columns, stable_order, with_column
from transforms.phone.normalize import Reading
from transforms.values import true_mask
from transforms.victims.identifier_matcher import RowIdentifiers, RowPatterns, merge_row_identifiers

MENTION_DRAFT = pa.schema(
    [
        ("row", SMALL_INTEGER),
        ("field", TEXT),
        ("start", SMALL_INTEGER),
        ("end", SMALL_INTEGER),
        ("raw", TEXT),
        ("kind", TEXT),
        ("value", TEXT),
        ("role", TEXT),
        ("stated", pa.bool_()),
        ("confidence", pa.float32()),
        ("region", TEXT),
        ("line_type", TEXT),
        ("how", TEXT),
        ("also_read_as", TEXT),
        ("extension", TEXT),
        ("carried", TEXT),
        ("page", TEXT),
    ]
)
"""One identifier in one field of one row. `stated`: the record says which role it has."""

_ROLES = pa.array([role.value for role in Role], TEXT)

_VICTIM, _MENTIONED, _CALLER_ID, _SENDER, _LURE_SITE, _CALLBACK = map(
    list(Role).index,
    (Role.VICTIM, Role.MENTIONED, Role.CALLER_ID, Role.SENDER, Role.LURE_SITE, Role.CALLBACK),
)

NARRATIVE = "narrative"
"""The field whose readings give way to those of the fields that an organisation filled in."""


class Match(NamedTuple):
    """One identifier in one text; `start` and `end` count code points of that text."""

    start: int
    end: int
    kind: EntityKind
    value: str
    role: Role = Role.MENTIONED
    region: str | None = None
    line_type: str | None = None
    plausibility: float = 1.0
    how: str | None = None
    also_read_as: str | None = None
    extension: str | None = None
    carried: Carried | None = None
    page: str | None = None

    @property
    def entity_id(self) -> str:
        """The canonical id: namespace and value."""
        return f"{self.kind}:{self.value}"


PlacedMatch = tuple[int, str, str, Match, str, float, bool]
"""Row, field, text, the match in it, its role, confidence, and whether the role is stated."""


def phone_match(start: int, end: int, reading: Reading, role: Role = Role.MENTIONED) -> Match:
    """Returns the match of a phone number that was read."""
    return Match(
        start,
        end,
        EntityKind.PHONE,
        reading.e164 or "",
        role,
        reading.region,
        reading.line_type,
        reading.confidence,
        reading.how,
        reading.also_read_as,
        reading.extension,
    )


def drafts_from_matches(placed: Iterable[PlacedMatch]) -> pa.RecordBatch:
    """Turns matches into `MENTION_DRAFT` rows."""
    rows_of_matches = list(placed)
    if not rows_of_matches:
        return pa.RecordBatch.from_pylist([], MENTION_DRAFT)
    # To turn tuples with zip makes an iterator of each, which the garbage collector goes through.
    rows, fields, texts, matches, roles, confidence, stated = (
        list(map(itemgetter(field), rows_of_matches)) for field in range(len(rows_of_matches[0]))
    )
    columns: dict[str, object] = {
        name: list(map(itemgetter(place), matches)) for place, name in enumerate(Match._fields)
    }
    columns |= {
        "row": rows,
        "field": fields,
        "raw": [text[match.start : match.end] for text, match in zip(texts, matches, strict=True)],
        "role": roles,
        "stated": stated,
        "confidence": np.array(confidence, np.float32)
        * np.array(columns.pop("plausibility"), np.float32),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in MENTION_DRAFT]
    return pa.RecordBatch.from_arrays(arrays, schema=MENTION_DRAFT)


def drafts_from_numbers(
    rows: pa.Array,
    field: pa.Array | str,
    raw: pa.Array,
    readings: pa.StructArray,
    role: pa.Array,
    confidence: float,
) -> pa.RecordBatch:
    """Makes `MENTION_DRAFT` rows of columns of phone fields; a number that was not read has none.

    Args:
        rows: The row of each number; all arrays have one length.
        field: The field of each, or of all.
        raw: The numbers as written.
        readings: What `phone.normalize` made of them.
        role: The role of each.
        confidence: That of a field of this sort; a reading's own lowers it.
    """
    read = pc.is_valid(pc.struct_field(readings, "e164"))
    every = {
        "row": rows, "raw": raw, "role": role,
        "end": pc.utf8_length(raw),
        "value": pc.struct_field(readings, "e164"),
        "confidence": pc.multiply(
            pc.struct_field(readings, "confidence"), pa.scalar(confidence, pa.float32())
        ),
        **{
            name: pc.struct_field(readings, name)
            for name in ("region", "line_type", "how", "also_read_as", "extension")
        },
    }  # fmt: skip
    columns: dict[str, pa.Array | object] = {n: column.filter(read) for n, column in every.items()}
    columns["field"] = field.filter(read) if isinstance(field, pa.Array) else field
    columns |= {"start": 0, "kind": EntityKind.PHONE.value, "stated": True}
    return fill_columns(pc.sum(read).as_py() or 0, columns, MENTION_DRAFT)


def reconcile(drafts: pa.RecordBatch, own: RowIdentifiers) -> pa.RecordBatch:
    """Gives each identifier of a record one role; `MENTION_DRAFT` rows, by record.

    The victim's own anywhere is the victim's own everywhere, and so is what has a victim's number
    in it (`own`), such as an account that is named by it. A reading of the narrative takes the role
    that a field gives; without one, what the narrative says of it. But a site of which it says that
    the victim read, checked or shopped there is mentioned, although a field has it, and so is a
    number that it calls genuine, although a field calls it a callback; and where it says that
    somebody had to reply to an address, that counts for more than what a From shows. A
    number that a link carries, and that may be an order's, has the role that the rest of its record
    gives it; so has one in a link to a site that the victim read or looked it up on, and one of
    a line of a private person that the record shows as the caller's: it may be an innocent's.
    """
    if not drafts.num_rows:
        return drafts
    ids = pc.binary_join_element_wise(drafts["kind"], drafts["value"], ":")
    rows = drafts["row"].to_numpy().astype(np.int64)
    first, group = distinct_rows((drafts["row"], ids))
    role = pc.index_in(drafts["role"], _ROLES).to_numpy().copy()
    in_narrative = true_mask(pc.equal(drafts["field"], NARRATIVE))
    stated = true_mask(drafts["stated"])
    said = in_narrative & stated
    carried = _are_no_statements(drafts, group, role, said)
    role[carried & (role != _VICTIM)] = _MENTIONED

    victims = _groups_with(role == _VICTIM, group)
    victims |= _contains_victims(
        RowIdentifiers(rows[first], drafts["value"].take(pa.array(first))), victims, own
    )

    cited = _groups_with(said & (role == _MENTIONED), group)[group]
    role[cited & ((role == _LURE_SITE) | (role == _CALLBACK))] = _MENTIONED
    answered = _groups_with(said & (role == _SENDER), group)[group] & ~cited
    role[answered & ~in_narrative & (role == _CALLER_ID)] = _SENDER

    fields = np.full(len(first), len(rows))
    in_fields = np.flatnonzero(~in_narrative & ~carried)[::-1]
    fields[group[in_fields]] = in_fields
    in_field = fields < len(rows)
    follows = (in_narrative | carried) & in_field[group]
    role[follows] = role[fields[group[follows]]]
    several: defaultdict[int, list[int]] = defaultdict(list)
    alone = (np.bincount(group) > 1) & ~in_field & ~victims
    for place in np.flatnonzero(alone[group]).tolist():
        several[group[place]].append(place)
    for members in several.values():
        by_words = [i for i in members if not carried[i]] or members
        role[members] = _least_harmful_role([(int(role[i]), bool(stated[i])) for i in by_words])
    role[victims[group]] = _VICTIM

    order = stable_order(rows, first[group])
    settled = with_column(drafts, "role", _ROLES.take(pa.array(role)))
    if carried.any():
        named = carried & _has_carried(drafts, Carried.NAMED) & (role == _MENTIONED)
        lures = _in_links_to(drafts, named, role == _LURE_SITE)
        called = pc.if_else(pa.array(lures), str(Carried.NAMED), pa.scalar(None, TEXT))
        settled = with_column(settled, "carried", called)
    return settled.take(pa.array(order))


def _groups_with(mask: Array, group: Array) -> Array:
    """Masks the groups of which a row is in a mask of rows."""
    return np.bincount(group, mask) > 0


def _are_no_statements(drafts: pa.RecordBatch, group: Array, role: Array, said: Array) -> Array:
    """Masks the numbers of links that have no role of their own; see `reconcile`.

    `group` numbers the identifiers, `said` masks what a narrative states.
    """
    mask = _has_carried(drafts, *MAYBE_NUMBERS)
    written = _has_carried(drafts, Carried.WRITTEN)
    shown = written | _has_carried(drafts, Carried.FREE)
    if shown.any():
        stated = said | true_mask(pc.not_equal(drafts["field"], NARRATIVE))
        stated &= true_mask(pc.is_null(drafts["carried"]))
        mask |= written & _groups_with(stated & (role == _CALLER_ID), group)[group]
        cited = _groups_with(said & (role == _MENTIONED), group)[group]
        mask |= _in_links_to(drafts, shown, cited & _are_sites(drafts))
    return mask


def _in_links_to(drafts: pa.RecordBatch, numbers: Array, sites: Array) -> Array:
    """Masks those of `numbers` that are in a link to one of `sites`, both masks of drafts."""
    mask = np.zeros(len(drafts), bool)
    places = np.flatnonzero(sites)
    rows, starts, ends = (drafts[name].to_numpy() for name in ("row", "start", "end"))
    fields = drafts["field"].dictionary_encode().indices.to_numpy()
    for number in np.flatnonzero(numbers).tolist():
        beside = (rows[places] == rows[number]) & (fields[places] == fields[number])
        mask[number] = np.any(
            beside & (starts[places] <= starts[number]) & (ends[places] >= ends[number])
        )
    return mask


def _are_sites(drafts: pa.RecordBatch) -> Array:
    kinds = pa.array([str(kind) for kind in (EntityKind.DOMAIN, EntityKind.URL, EntityKind.IP)])
    return true_mask(pc.is_in(drafts["kind"], kinds))


def _has_carried(drafts: pa.RecordBatch, *ways: Carried) -> Array:
    return true_mask(pc.is_in(drafts["carried"], pa.array(list(map(str, ways)))))


def _contains_victims(values: RowIdentifiers, victims: Array, own: RowIdentifiers) -> Array:
    """Checks which values, not the victim's themselves, contain what is the victim's in their row.

    `values` is of distinct values; those of `victims` are the victim's as their record says.
    """
    theirs, others = (
        RowIdentifiers(values.rows[mask], values.identifiers.filter(pa.array(mask)))
        for mask in (victims, ~victims)
    )
    contains = np.zeros(len(victims), bool)
    contains[~victims] = RowPatterns(merge_row_identifiers(theirs), own).are_in(others)
    return contains


def _least_harmful_role(readings: Sequence[tuple[int, bool]]) -> int:
    """Returns the role of what a narrative alone names, several times, of those that it states."""
    stated = {role for role, is_stated in readings if is_stated}
    if not stated:
        return readings[0][0]
    if _MENTIONED in stated:
        return _MENTIONED
    return min(stated - {_CALLER_ID}, default=_CALLER_ID, key=lambda role: str(_ROLES[role]))
