"""The victim's own identifiers taken out of what is kept, at the same length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL
from schemas.complaint import COMPLAINT
from schemas.kinds import Role
from transforms.columns import mask as true
from transforms.identify import link_addresses, own
from transforms.identify.brands import known as known_brand
from transforms.identify.gift_cards import without_card_payees, without_codes
from transforms.identify.haystack import blot
from transforms.identify.hiding import Spans, hidden
from transforms.identify.impersonation import reasons
from transforms.identify.narratives import TRANSCRIBED
from transforms.identify.searched import shown
from transforms.identify.sightings import unread_counts
from transforms.lists import items
from transforms.privacy import unread
from transforms.privacy.papers import without_papers
from transforms.privacy.searching import holding, masked
from transforms.privacy.sought import Sought

_TEXTS = ("claimed_brand", "narrative", "victim_region", "language")
_LISTS = ("urls", "emails", "remote_access", "payments")


def withhold(
    batch: pa.RecordBatch,
    victims: own.Own,
    told_at: Mapping[int, Spans] | None = None,
) -> pa.RecordBatch:
    """Complaints as they may be kept: `COMPLAINT_ACCEPTED` to `COMPLAINT`.

    `victims` holds each row's victim-side identifiers, as E.164 or as entity ids, and `told_at`, by
    row, where they were read in its narrative, code points: words, letters and disguises are found
    by nothing else.
    Numbers that the complaint itself gives the role `victim` are taken out whether read or not.
    `numbers_withheld` counts the entries of phone_numbers that went, or one where the narrative
    alone named the victim's number. Of a long text, what is not `searched` is not kept. An address
    in a link goes too: it is that of whoever the link was sent to.
    """
    told = reasons(batch["claimed_brand"], batch["narrative"])
    as_given = batch["narrative"]
    batch = _without_unread(_shown(_told(batch, hidden(as_given, told_at or {}, blot))))
    numbers = own.of_complaints(batch)
    wanted = Sought(len(batch), victims, numbers.own())
    kept, withheld = _without_numbers(batch, wanted)
    columns = {name: batch[name] for name in batch.schema.names}
    columns["phone_numbers"] = kept
    if wanted.any_in.any():
        for name in _TEXTS:
            columns[name] = masked(columns[name], wanted)
        for name in _LISTS:
            rows = np.array(items(columns[name]).rows, np.int64)
            columns[name] = _in_items(columns[name], partial(masked, wanted=wanted, rows=rows))
    only_told = pc.fill_null(pc.not_equal(columns["narrative"], shown(as_given)), False)
    columns["numbers_withheld"] = pc.max_element_wise(withheld, only_told.cast(pa.int32()))
    columns["numbers_unread"] = unread_counts(numbers, len(batch))
    columns["impersonation"] = told
    told_of = link_addresses.without(columns["narrative"])
    columns["narrative"] = without_papers(without_codes(told_of))
    columns["urls"] = _in_items(columns["urls"], link_addresses.without)
    columns["payments"] = _without_codes(columns["payments"])
    return pa.RecordBatch.from_arrays([columns[f.name] for f in COMPLAINT], schema=COMPLAINT)


def suspect_calls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Calls as they may be kept: `CALL_ACCEPTED` to `CALL`, without the victim's side.

    The suspect's number is in E.164 where it can be read, else as recorded; null where the
    direction is unknown, and where both sides are one number.
    """
    inbound = pc.fill_null(pc.equal(batch["direction"], "inbound"), False)
    outbound = pc.fill_null(pc.equal(batch["direction"], "outbound"), False)
    nothing = pa.scalar(None, pa.string())
    readings = own.of_calls(batch)
    calling, called = (
        pc.coalesce(pc.struct_field(readings[name], "e164"), batch[name])
        for name in ("calling_number", "called_number")
    )
    by_direction = pc.make_struct(inbound, outbound)
    suspect = pc.case_when(by_direction, calling, called, nothing)
    victim = pc.case_when(by_direction, called, calling, nothing)
    known = pc.invert(pc.fill_null(pc.equal(suspect, victim), False))
    columns = {name: batch[name] for name in batch.schema.names}
    columns["suspect_number"] = pc.if_else(known, suspect, nothing)
    columns["suspect_role"] = pc.case_when(
        by_direction,
        pa.scalar(Role.CALLER_ID.value),
        pa.scalar(Role.CALLBACK.value),
        nothing,
    )
    columns["brand"] = known_brand(batch["caller_name"])
    wanted = Sought(len(batch), own.NOBODY, own.sides(batch, readings))
    for name in ("complaint_id", "suspect_number", "trunk", "carrier", "orig_id"):
        columns[name] = masked(shown(columns[name]), wanted)
    return pa.RecordBatch.from_arrays([columns[f.name] for f in CALL], schema=CALL)


def _without_numbers(batch: pa.RecordBatch, wanted: Sought) -> tuple[pa.Array, pa.Array]:
    """phone_numbers without the victim's, and how many entries of each row went."""
    column = batch["phone_numbers"]
    numbers = items(column)
    keep = ~true(pc.equal(numbers.field("role"), Role.VICTIM.value))
    rows = np.array(numbers.rows, np.int64)
    others = np.flatnonzero(keep)
    raw = numbers.field("raw").take(pa.array(others))
    keep[others[list(holding(raw, wanted, rows[others]))]] = False
    withheld = np.bincount(rows[~keep], minlength=len(batch)).astype(np.int32)
    counts = np.bincount(rows[keep], minlength=len(batch))
    return _lists(column, numbers.values.filter(pa.array(keep)), counts), pa.array(withheld)


def _without_codes(column: pa.Array) -> pa.Array:
    """A list of payments without the codes of gift cards."""
    listed = items(column)
    if not len(listed.values):
        return column
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(column))
    return _lists(column, without_card_payees(listed.values), counts)


def _without_unread(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The complaints without what is `unread`; in transcripts 'my number' is the caller's."""
    told = batch["narrative"]
    spoken = pc.is_in(batch["source_org"], pa.array(sorted(TRANSCRIBED)))
    return _told(batch, pc.if_else(spoken, told, unread.without(told)))


def _told(batch: pa.RecordBatch, narrative: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index("narrative")
    return batch.set_column(at, batch.schema.field(at), narrative)


def _shown(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The complaints with nothing in their texts that is not searched."""
    for name in (*_TEXTS, *_LISTS, "phone_numbers"):
        at = batch.schema.get_field_index(name)
        column = shown(batch[name]) if name in _TEXTS else _in_items(batch[name], shown)
        batch = batch.set_column(at, batch.schema.field(at), column)
    return batch


def _lists(column: pa.Array, values: pa.Array, counts: np.ndarray) -> pa.Array:
    """A list column of the same type and nulls with other items."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, type=column.type, mask=pc.is_null(column)
    )


def _in_items(column: pa.Array, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A list of strings, or of structs, with some work done on every string in it."""
    listed = items(column)
    if not len(listed.values):
        return column
    values = listed.values
    if pa.types.is_struct(values.type):
        parts = [
            work(listed.field(f.name)) if pa.types.is_string(f.type) else listed.field(f.name)
            for f in values.type
        ]
        values = pa.StructArray.from_arrays(parts, fields=list(values.type))
    else:
        values = work(values)
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(column))
    return _lists(column, values, counts)
