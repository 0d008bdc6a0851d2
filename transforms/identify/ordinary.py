"""Ordinary phone numbers of whole columns: ASCII digits and plain punctuation, in C++.

What is read here is read as `phonenumbers` reads it, by its own metadata (`numbering`); where the
library's rules take a turn that is not stated here, the number is left to it. Nothing is refused
here: a number that is not valid needs the library's reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import numbering
from transforms.identify.numbering import EITHER, FIXED, MOBILE, NANP_TOLL_FREE, Desc, Plan

_SHAPE = r"^[( ]{0,2}\+?[( ]{0,2}[0-9](?:[-. ()/]{0,3}[0-9]){6,17}$"
_OTHERS = r"^[0-9]{7,15}\.0$|/[0-9 ]*/"
"""A spreadsheet's float, and what may be a date."""
_PUNCTUATION = r"[-. ()/]+"

_FEW = 200
"""Texts for which compiling a pattern for RE2 costs more than Python's own, kept compiled."""

Array = np.ndarray


class Ordinary(NamedTuple):
    """What was read of a column of n numbers, at the `rows` (ascending) that could be."""

    rows: Array
    e164: pa.Array
    region: pa.Array
    line_type: pa.Array
    national: Array
    """Whether the number was written without its country code."""
    complete: Array
    """Whether it was written with the trunk prefix, if its plan asks for one in such a number."""
    invalid: Array
    """Rows, not among `rows`, that the library would parse and that no plan claims, ascending."""
    code: Array
    """The country code of each of these."""
    length: Array
    """The digits behind it."""


class _Part(NamedTuple):
    """Significant numbers of one country code; `complete` where a trunk prefix was taken or none is
    ever written."""

    rows: Array
    code: str
    numbers: pa.Array
    national: bool
    complete: Array


class _Typed(NamedTuple):
    """The numbers of a part that one region claims."""

    part: _Part
    region: str
    kinds: Array


def read(raw: pa.Array, region: pa.Array) -> Ordinary:
    """Read the ordinary ones of distinct numbers, each under its region; strings of one length.

    `raw` is not null and has no white space around it; `region` may be null.
    """
    shaped = _matches(raw, _SHAPE) & ~_matches(raw, _OTHERS)
    rows = np.flatnonzero(shaped)
    digits = pc.replace_substring_regex(raw.take(pa.array(rows)), _PUNCTUATION, "")
    parts = list(_international(rows, digits))
    signed = pc.starts_with(digits, "+").to_numpy(zero_copy_only=False)
    home = region.take(pa.array(rows)).dictionary_encode()
    indices = pc.fill_null(home.indices, -1).to_numpy(zero_copy_only=False)
    for at, name in enumerate(home.dictionary.to_pylist()):
        plan = numbering.plan(name)
        if plan:
            own = np.flatnonzero((indices == at) & ~signed)
            if plan.code != "1":
                maybe = _matches(raw.take(pa.array(rows[own])), f"^(?:{NANP_TOLL_FREE})$")
                own = own[~maybe]
            parts += _dialled(plan, rows[own], digits.take(pa.array(own)))
    typed: list[_Typed] = []
    unclaimed: list[_Part] = []
    for part in parts:
        rest = _claimed(part, typed)
        if len(rest.rows):
            others = numbering.others(part.code)
            lost = ~_is(rest.numbers, others) if others else np.ones(len(rest.rows), bool)
            unclaimed.append(_some(rest, lost))
    return _gathered(typed, unclaimed)


def _matches(texts: pa.Array, pattern: str) -> Array:
    """Whether a pattern occurs in each text, all ASCII."""
    if len(texts) < _FEW:
        search = _compiled(pattern).search
        return np.array([search(text) is not None for text in texts.to_pylist()], bool)
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _replaced(texts: pa.Array, pattern: str, by: str) -> pa.Array:
    """The texts with the first match of a pattern replaced."""
    if len(texts) < _FEW:
        sub = _compiled(pattern).sub
        return pa.array([sub(by, text, count=1) for text in texts.to_pylist()], pa.string())
    return pc.replace_substring_regex(texts, pattern, by, max_replacements=1)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _is(numbers: pa.Array, desc: Desc) -> Array:
    """Whether each number is, from first to last digit, one of `desc`."""
    held = _matches(numbers, f"^(?:{desc.pattern})$")
    if desc.lengths and held.any():
        held &= np.isin(_lengths(numbers), desc.lengths)
    return held


def _lengths(numbers: pa.Array) -> Array:
    return pc.binary_length(numbers).to_numpy(zero_copy_only=False)


def _international(rows: Array, digits: pa.Array) -> Iterator[_Part]:
    """The numbers that begin with '+' and a held country code, which no other code begins with."""
    for code in numbering.claims():
        at = np.flatnonzero(pc.starts_with(digits, f"+{code}").to_numpy(zero_copy_only=False))
        if len(at):
            numbers = pc.utf8_slice_codeunits(digits.take(pa.array(at)), 1 + len(code))
            yield from _significant(numbering.main_plan(code), rows[at], numbers, national=False)


def _dialled(plan: Plan, rows: Array, digits: pa.Array) -> Iterator[_Part]:
    """Numbers as they are dialled in a region: after its international prefix, or at home."""
    abroad = _matches(digits, f"^(?:{plan.idd})")
    if abroad.any():
        at = np.flatnonzero(abroad)
        rest = _replaced(digits.take(pa.array(at)), f"^(?:{plan.idd})", "+")
        yield from _international(rows[at], rest)
    at = np.flatnonzero(~abroad)
    rows, digits = rows[at], digits.take(pa.array(at))
    coded = pc.starts_with(digits, plan.code).to_numpy(zero_copy_only=False)
    if coded.any():
        within = _is_general(digits, plan)
        longest = _lengths(digits) > max(plan.general.lengths)
        rest = pc.utf8_slice_codeunits(digits, len(plan.code))
        trunk = _matches(rest, f"^(?:{plan.trunk})") if plan.trunk else np.zeros(len(rest), bool)
        general = _is_general(rest, plan)
        shortened = coded & ~within & ~trunk & general
        maybe = trunk & ~within
        if maybe.any() and not plan.rewrites:
            maybe &= general | _is_general(_replaced(rest, f"^(?:{plan.trunk})", ""), plan)
        undecided = coded & ~shortened & (maybe | longest)
        at = np.flatnonzero(shortened)
        yield from _significant(
            numbering.main_plan(plan.code), rows[at], rest.take(pa.array(at)), national=False
        )
        at = np.flatnonzero(~shortened & ~undecided)
        rows, digits = rows[at], digits.take(pa.array(at))
    yield from _significant(plan, rows, digits, national=True)


def _is_general(numbers: pa.Array, plan: Plan) -> Array:
    """As the library asks it while it parses: by the pattern, whatever the length."""
    return _matches(numbers, f"^(?:{plan.general.pattern})$")


def _significant(plan: Plan, rows: Array, numbers: pa.Array, *, national: bool) -> Iterator[_Part]:
    """The numbers without their trunk prefix, where the library takes it away or finds none."""
    if not len(rows):
        return
    if plan.trunk:
        prefix = f"^(?:{plan.trunk})"
        bare = _replaced(numbers, prefix, "")
        same = pc.equal(bare, numbers).to_numpy(zero_copy_only=False)
        lengths, general = _lengths(bare), _is_general(bare, plan)
        taken = (
            ~same
            & general
            & np.isin(lengths, plan.general.lengths)
            & ~np.isin(lengths, plan.local_only)
        )
        hopeless = ~same & ~general if plan.alone else np.zeros(len(rows), bool)
        if hopeless.any():
            hopeless &= ~_is_general(numbers, plan)
        wanted = same | hopeless if plan.rewrites else same | taken | hopeless
        numbers = pc.if_else(pa.array(hopeless), numbers, bare)
        at = np.flatnonzero(wanted)
        rows, numbers, complete = rows[at], numbers.take(pa.array(at)), taken[at]
    else:
        complete = np.ones(len(rows), bool)
    if not national or plan.code == "1":
        complete = np.ones(len(rows), bool)
    if len(rows):
        yield _Part(rows, plan.code, numbers, national, complete)


def _claimed(part: _Part, typed: list[_Typed]) -> _Part:
    """Adds to `typed` what each region claims, and returns what none does."""
    for claim in numbering.claims()[part.code]:
        if not len(part.rows):
            break
        kinds = _kinds(claim.plan, part.numbers)
        mine = kinds != ""
        if claim.earlier:
            mine &= ~_matches(part.numbers, f"^(?:{claim.earlier})")
        if mine.any():
            own = _some(part, mine)
            typed.append(_Typed(own._replace(complete=_complete(own)), claim.plan.region, kinds[mine]))
            part = _some(part, ~mine)
    return part


def _complete(part: _Part) -> Array:
    """Where a part is complete, once it is known that its plan claims it."""
    bare = np.flatnonzero(~part.complete)
    numbers = part.numbers.take(pa.array(bare)).to_pylist()
    complete = part.complete.copy()
    complete[bare] = [not numbering.asks_for_trunk(part.code, number) for number in numbers]
    return complete


def _some(part: _Part, which: Array) -> _Part:
    at = np.flatnonzero(which)
    return part._replace(
        rows=part.rows[at], numbers=part.numbers.take(pa.array(at)), complete=part.complete[at]
    )


def _kinds(plan: Plan, numbers: pa.Array) -> Array:
    """The line type of each number in a plan, by the library's order; empty where it has none."""
    kinds = np.full(len(numbers), "", dtype=object)
    general = _is(numbers, plan.general)
    fixed = np.zeros(len(numbers), bool)
    for kind, desc in plan.types:
        if kind == MOBILE and plan.same:
            continue
        open_ = np.flatnonzero(general & ((kinds == "") | (kind == MOBILE) & fixed))
        if not len(open_):
            break
        hits = open_[_is(numbers.take(pa.array(open_)), desc)]
        if kind == FIXED:
            fixed[hits] = True
            kinds[hits] = EITHER if plan.same else FIXED
        elif kind == MOBILE:
            kinds[hits] = np.where(fixed[hits], EITHER, MOBILE)
        else:
            kinds[hits] = kind
    return kinds


def _refused(unclaimed: list[_Part]) -> tuple[Array, Array, Array]:
    """Rows, country codes and lengths of what no plan claims, in the order of the rows."""
    if not unclaimed:
        return (np.zeros(0, np.int64),) * 3
    rows = np.concatenate([part.rows for part in unclaimed])
    codes = np.repeat([int(part.code) for part in unclaimed], [len(p.rows) for p in unclaimed])
    lengths = np.concatenate([_lengths(part.numbers) for part in unclaimed])
    order = np.argsort(rows, kind="stable")
    return rows[order], codes[order], lengths[order]


def _gathered(typed: list[_Typed], unclaimed: list[_Part]) -> Ordinary:
    """All that was read, in the order of the rows."""
    refused = _refused(unclaimed)
    if not typed:
        none, no = pa.array([], pa.string()), np.zeros(0, bool)
        return Ordinary(np.zeros(0, np.int64), none, none, none, no, no, *refused)
    parts = [one.part for one in typed]
    sizes = [len(part.rows) for part in parts]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    at = pa.array(order)
    e164 = [pc.binary_join_element_wise(f"+{part.code}", part.numbers, "") for part in parts]
    return Ordinary(
        rows[order],
        pa.concat_arrays(e164).take(at),
        pa.array(np.repeat([one.region for one in typed], sizes)).take(at),
        pa.array(np.concatenate([one.kinds for one in typed]), pa.string()).take(at),
        np.repeat([part.national for part in parts], sizes)[order],
        np.concatenate([part.complete for part in parts])[order],
        *refused,
    )
