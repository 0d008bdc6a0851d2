"""Ordinary phone numbers of whole columns: ASCII digits and plain punctuation, by table.

What is read here is read as `phonenumbers` reads it, by its own metadata (`numbering`); where the
library's rules take a turn that is not stated here, the number is left to it. Nothing is refused
here: a number that is not valid needs the library's reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, compiled, matches
from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import (
    KINDS,
    NANP,
    NANP_SHAPED,
    NANP_TOLL_FREE,
    Digits,
    Plan,
    asks_for_trunk,
    digits_of,
    together,
)

_SHAPE = r"^[( ]{0,2}\+?[( ]{0,2}[0-9](?:[-. ()/]{0,3}[0-9]){6,17}$"


_OTHERS = r"^[0-9]{7,15}\.0$|/[0-9 ]*/"
"""A spreadsheet's float, and what may be a date."""


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
    """Significant numbers of one country code.

    `complete` where they have their trunk prefix, or none is ever written.
    """

    rows: Array
    code: str
    numbers: Digits
    national: Array
    complete: Array

    def only(self, which: Array) -> _Part:
        """Those that a mask or an index picks."""
        return _Part(
            self.rows[which],
            self.code,
            self.numbers.only(which),
            self.national[which],
            self.complete[which],
        )


class _Typed(NamedTuple):
    """The numbers of a part that one region claims, and their line types by `KINDS`."""

    part: _Part
    region: str
    kinds: Array


def read(raw: pa.Array, region: pa.Array) -> Ordinary:
    """Read the ordinary ones of distinct numbers, each under its region; strings of one length.

    `raw` is not null and has no white space around it; `region` may be null.
    """
    shaped = matches(raw, _SHAPE) & ~matches(raw, _OTHERS)
    rows = np.flatnonzero(shaped)
    if not len(rows):
        return _gathered([], [])
    written = raw.take(pa.array(rows))
    numbers = digits_of(written)
    signed = matches(written, r"\+")
    parts = list(_international(rows[signed], numbers.only(signed)))
    home = region.take(pa.array(rows)).dictionary_encode()
    indices = pc.fill_null(home.indices, -1).to_numpy(zero_copy_only=False)
    american = matches(written, f"^(?:{NANP_SHAPED})$")
    foreign = american & matches(written, f"^{NANP_TOLL_FREE}")
    for at, name in enumerate(home.dictionary.to_pylist()):
        if plan := numbering_plan.plan(name):
            own = (indices == at) & ~signed
            if plan.code != NANP:
                own &= ~foreign
            parts += _dialled(plan, rows[own], numbers.only(own))
    typed: list[_Typed] = []
    unclaimed: list[_Part] = []
    for part in _by_code(parts):
        _claim(part, typed, unclaimed)
    found = _gathered(typed, unclaimed)
    elsewhere = np.zeros(len(raw), bool)
    elsewhere[rows[american | matches(written, numbering_plan.coded())]] = True
    return _sure(found, elsewhere)


def _sure(found: Ordinary, elsewhere: Array) -> Ordinary:
    """What was read, without national numbers that another plan may have written."""
    doubted = found.national & elsewhere[found.rows]
    at = np.flatnonzero(doubted)
    home = pc.starts_with(found.e164.take(pa.array(at)), f"+{NANP}")
    doubted[at] = ~home.to_numpy(zero_copy_only=False)
    if not doubted.any():
        return found
    kept = np.flatnonzero(~doubted)
    picked = pa.array(kept)
    return found._replace(
        rows=found.rows[kept],
        e164=found.e164.take(picked),
        region=found.region.take(picked),
        line_type=found.line_type.take(picked),
        national=found.national[kept],
        complete=found.complete[kept],
    )


def _ahead(numbers: Digits, prefix: str) -> Array:
    """How many digits of each number a prefix takes, 0 where it is not there."""
    if not prefix or prefix.isdigit():
        return np.where(numbers.begin_with(prefix), len(prefix), 0)
    match = compiled(prefix).match
    found = (match(text) for text in numbers.texts().to_pylist())
    return np.array([one.end() if one else 0 for one in found], np.intp)


def _international(rows: Array, numbers: Digits) -> Iterator[_Part]:
    """The numbers that begin with a country code."""
    if not len(rows):
        return
    begins = numbers.begin(3)
    code = np.where(numbers.lengths > 3, numbering_plan.codes()[begins], 0)
    for one in np.unique(code[code > 0]).tolist():
        at = code == one
        rest = numbers.only(at).behind(len(str(one)))
        yield from _significant(numbering_plan.main_plan(str(one)), rows[at], rest, national=False)


def _dialled(plan: Plan, rows: Array, numbers: Digits) -> Iterator[_Part]:
    """Numbers as they are dialled in a region: after its international prefix, or at home."""
    ahead = _ahead(numbers, plan.idd)
    if ahead.any():
        abroad = ahead > 0
        yield from _international(rows[abroad], numbers.only(abroad).behind(ahead[abroad]))
        rows, numbers = rows[~abroad], numbers.only(~abroad)
    begins = numbers.begin_with(plan.code)
    if begins.any():
        rest = numbers.behind(len(plan.code))
        bare = _bare(plan, rest)
        rest = rest.behind(bare.ahead)
        shorter = ~plan.is_general(numbers) & plan.is_general(rest)
        coded = begins & ~bare.unclear & (shorter | (numbers.lengths > plan.longest))
        main = numbering_plan.main_plan(plan.code)
        yield from _significant(main, rows[coded], rest.only(coded), national=False)
        others = ~coded & ~(begins & bare.unclear)
        rows, numbers = rows[others], numbers.only(others)
    yield from _significant(plan, rows, numbers, national=True)


class _Bare(NamedTuple):
    """Where the library takes a trunk prefix for one, and how long it is there, else 0."""

    ahead: Array
    unclear: Array
    """Where the plan puts other digits in its place: that is left to the library."""


def _bare(plan: Plan, numbers: Digits) -> _Bare:
    ahead = _ahead(numbers, plan.trunk)
    there = ahead > 0
    if plan.rewrites or not there.any():
        return _Bare(np.where(there, 0, ahead), there)
    kept = plan.is_general(numbers) & ~plan.is_general(numbers.behind(ahead))
    return _Bare(np.where(kept, 0, ahead), np.zeros(len(numbers), bool))


def _significant(plan: Plan, rows: Array, numbers: Digits, *, national: bool) -> Iterator[_Part]:
    """The numbers without their trunk prefix, where what is left has a length of the plan's."""
    bare = _bare(plan, numbers)
    left = numbers.lengths - bare.ahead
    numbers = numbers.behind(np.where(plan.keeps(left), bare.ahead, 0))
    complete = bare.ahead > 0
    if not plan.trunk or not national or plan.code == NANP:
        complete = np.ones(len(rows), bool)
    part = _Part(rows, plan.code, numbers, np.full(len(rows), national), complete)
    if bare.unclear.any():
        part = part.only(~bare.unclear)
    if len(part.rows):
        yield part


def _by_code(parts: Iterable[_Part]) -> Iterator[_Part]:
    """The parts of each country code as one."""
    of_code: dict[str, list[_Part]] = {}
    for part in parts:
        of_code.setdefault(part.code, []).append(part)
    for code, held in of_code.items():
        if len(held) == 1:
            yield held[0]
            continue
        yield _Part(
            np.concatenate([part.rows for part in held]),
            code,
            together([part.numbers for part in held]),
            np.concatenate([part.national for part in held]),
            np.concatenate([part.complete for part in held]),
        )


def _claim(part: _Part, typed: list[_Typed], unclaimed: list[_Part]) -> None:
    """Adds to `typed` what each region claims and has a type for, to `unclaimed` the others.

    A region may claim by its start a number of no type: that makes it invalid.
    """
    claims = numbering_plan.claims(part.code)
    begun: Array | None = None
    for plan, start in zip(claims.plans, claims.starts, strict=True):
        if start:
            begun = claims.begun(part.numbers) if begun is None else begun
            mine = begun & start != 0
        else:
            kinds = plan.kinds(part.numbers)
            mine = kinds != 0
        if not mine.any():
            continue
        own, rest = part.only(mine), ~mine
        kinds = plan.kinds(own.numbers) if start else kinds[mine]
        if (of_type := kinds != 0).any():
            known = own.only(of_type)
            known = known._replace(complete=_complete(known))
            typed.append(_Typed(known, plan.region, kinds[of_type]))
        unclaimed.append(own.only(~of_type))
        part, begun = part.only(rest), None if begun is None else begun[rest]
        if not len(part.rows):
            return
    unclaimed.append(part)


def _complete(part: _Part) -> Array:
    """Where a part is complete, once it is known that its plan claims it."""
    bare = np.flatnonzero(~part.complete)
    numbers = part.numbers.only(bare).texts().to_pylist()
    complete = part.complete.copy()
    complete[bare] = [not asks_for_trunk(part.code, number) for number in numbers]
    return complete


def _refused(unclaimed: list[_Part]) -> tuple[Array, Array, Array]:
    """Rows, country codes and lengths of what no plan claims, in the order of the rows."""
    if not unclaimed:
        return (np.zeros(0, np.int64),) * 3
    rows = np.concatenate([part.rows for part in unclaimed])
    codes = np.repeat([int(part.code) for part in unclaimed], [len(p.rows) for p in unclaimed])
    lengths = np.concatenate([part.numbers.lengths for part in unclaimed])
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
    regions = np.repeat(np.arange(len(typed)), sizes)[order]
    kinds = np.concatenate([one.kinds for one in typed])[order]
    return Ordinary(
        rows[order],
        pa.concat_arrays([p.numbers.texts(f"+{p.code}") for p in parts]).take(pa.array(order)),
        pa.array([one.region for one in typed]).take(pa.array(regions)),
        pa.array(KINDS).take(pa.array(kinds)),
        np.concatenate([part.national for part in parts])[order],
        np.concatenate([part.complete for part in parts])[order],
        *refused,
    )
