"""Rejected rows as they may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import RecordKind, Role
from schemas.reject import Code
from transforms.identify import link_addresses, narratives
from transforms.identify.gift_cards import without_codes
from transforms.identify.haystack import mask, spans
from transforms.identify.needles import needles
from transforms.identify.searched import EDGE, SEARCHED
from transforms.identify.stated import of_numbers
from transforms.identify.strays import strays
from transforms.privacy import unread
from transforms.privacy.escapes import masked_as, read
from transforms.privacy.rejected_cells import header_of, told_by_columns
from transforms.privacy.rejected_text import (
    Told,
    country_of,
    mask_reject_raw,
    stated_numbers,
    told_by_fields,
)

_BAD_ID = pa.array([str(Code.VICTIM_ID_IS_CONTACT), str(Code.ID_IS_CONTACT)])
_COUNTRY = "US"
"""Under whose plan numbers of a row are read that names no country."""


def stated_in_rejects(rejects: pa.RecordBatch) -> pa.RecordBatch:
    """The victims' numbers that REJECT rows state, as far as they can be read, as `STATED`."""
    rows = zip(rejects["raw"].to_pylist(), rejects["record_kind"].to_pylist(), strict=True)
    return of_numbers(one for text, kind in rows if text for one in stated_numbers(text, kind))


def mask_rejects(rejects: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """REJECT rows with victims' numbers masked, as far as a broken row lets them be seen.

    `own` holds the numbers that accepted records state as a victim's (`strays.written_forms`).
    """
    column = rejects["raw"]
    written = column.drop_null().to_pylist()
    rows = rejects.filter(pc.is_valid(column))
    as_read = [read(text) for text in written]
    texts = [one.text for one in as_read]
    headers = {one: header_of(one) for one in rows["format"].unique().to_pylist()}
    bad_ids = pc.is_in(rows["code"], _BAD_ID).to_pylist()
    told = [
        [*told_by_fields(text, bad_id=bad_id), *told_by_columns(text, headers[written_as])]
        for text, bad_id, written_as in zip(texts, bad_ids, rows["format"].to_pylist(), strict=True)
    ]
    masked = _masked(texts, rows["record_kind"].to_pylist(), told, own)
    raw = [masked_as(*one) for one in zip(written, as_read, masked, strict=True)]
    at = rejects.schema.get_field_index("raw")
    kept = pc.replace_with_mask(column, pc.is_valid(column), pa.array(raw, pa.string()))
    return rejects.set_column(at, rejects.schema.field(at), kept)


def _masked(
    texts: Sequence[str], kinds: Sequence[str], named: Sequence[list[Told]], own: np.ndarray
) -> list[str]:
    """Each text masked, at the same length; `named` is what fields' names call the victim's own."""
    told = _told(texts, kinds)
    masked = [
        mask_reject_raw(text, RecordKind(kind), (*named[row], *told.get(row, ())))
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
    ]
    masked = _without_codes(masked)
    shown = unread.without(link_addresses.without(pa.array(masked, pa.string())))
    return [
        mask(text, spans(text, needles(digits))) if digits else text
        for text, digits in zip(shown.to_pylist(), strays(shown, own), strict=True)
    ]


def _without_codes(texts: Sequence[str]) -> list[str]:
    """Rows without the codes of gift cards that one quoted text of theirs tells."""
    parts = [text.split('"') for text in texts]
    kept = iter(without_codes(pa.array(chain.from_iterable(parts), pa.string())).to_pylist())
    return ['"'.join(islice(kept, len(one))) for one in parts]


def _told(texts: Sequence[str], kinds: Sequence[str]) -> dict[int, list[Told]]:
    """By row, what the words of each complaint call the victim's own."""
    pieces = [
        (row, begin, text[begin : begin + SEARCHED])
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
        if kind == RecordKind.COMPLAINT
        for begin in range(0, max(1, len(text) - EDGE), SEARCHED - EDGE)
    ]
    if not pieces:
        return {}
    rows, begins, parts = zip(*pieces, strict=True)
    regions = [country_of(texts[row]) or _COUNTRY for row in rows]
    nowhere = pa.nulls(len(parts), pa.string())
    found = narratives.find(pa.array(parts), pa.array(regions), nowhere)
    found = found.filter(pc.equal(found["role"], Role.VICTIM.value))
    told: dict[int, list[Told]] = {}
    names = ("row", "start", "end", "kind", "value")
    for at, start, end, kind, value in zip(*(found[n].to_pylist() for n in names), strict=True):
        begin = begins[at]
        told.setdefault(rows[at], []).append((begin + start, begin + end, f"{kind}:{value}"))
    return told
