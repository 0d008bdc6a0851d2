"""Normalizes plain phone numbers by whole columns: ASCII digits and ordinary punctuation.

Numbers are read as `phonenumbers` reads them, by its own metadata (`numbering_plan`); where the
library's rules do what is not implemented here, the number is left to it. No number is refused
here: one that is not valid needs the library's reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array
from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import (
    LINE_TYPES,
    NANP,
    NANP_SHAPED,
    NANP_TOLL_FREE,
    DigitMatrix,
    Plan,
    concat_digits,
    digit_matrix,
    requires_trunk_prefix,
)
from transforms.text_spans import compile_ascii, match_mask

_SHAPE = r"^[( ]{0,2}\+?[( ]{0,2}[0-9](?:[-. ()/]{0,3}[0-9]){6,17}$"

_NOT_NUMBERS = r"^[0-9]{7,15}\.0$|/[0-9 ]*/"
"""RE2: a spreadsheet's float, and what may be a date."""


class PlainReadings(NamedTuple):
    """The readings of a column of numbers, at the `rows` (ascending) that could be read."""

    rows: Array
    e164: pa.Array
    region: pa.Array
    line_type: pa.Array
    national: Array
    """True where the number was written without its country code."""
    complete: Array
    """True where it was written with its trunk prefix, or its plan requires none for it."""
    invalid: Array
    """Rows, not among `rows`, that the library would parse and that no plan claims, ascending."""
    code: Array
    """The country code of each of these."""
    length: Array
    """The number of digits after it."""


class _Part(NamedTuple):
    """Significant numbers of one country code.

    `complete` where they have their trunk prefix, or none is ever written.
    """

    rows: Array
    code: str
    numbers: DigitMatrix
    national: Array
    complete: Array

    def select(self, which: Array) -> _Part:
        """Returns the numbers that a mask or an index selects."""
        return _Part(
            self.rows[which],
            self.code,
            self.numbers.select(which),
            self.national[which],
            self.complete[which],
        )


class _Typed(NamedTuple):
    """The numbers of a part that one region claims, and their line types by `LINE_TYPES`."""

    part: _Part
    region: str
    kinds: Array


def normalize_plain(raw: pa.Array, region: pa.Array) -> PlainReadings:
    """Normalizes the plain ones of distinct numbers, each under its region.

    Args:
        raw: Strings without nulls and without white space around them.
        region: ISO 3166-1 alpha-2 or null, as many.
    """
    shaped = match_mask(raw, _SHAPE) & ~match_mask(raw, _NOT_NUMBERS)
    rows = np.flatnonzero(shaped)
    if not len(rows):
        return _in_row_order([], [])
    written = raw.take(pa.array(rows))
    numbers = digit_matrix(written)
    signed = match_mask(written, r"\+")
    parts = list(_international(rows[signed], numbers.select(signed)))
    home = region.take(pa.array(rows)).dictionary_encode()
    indices = pc.fill_null(home.indices, -1).to_numpy(zero_copy_only=False)
    foreign = match_mask(written, f"^(?:{NANP_SHAPED})$") & match_mask(
        written, f"^{NANP_TOLL_FREE}"
    )
    for at, name in enumerate(home.dictionary.to_pylist()):
        if plan := numbering_plan.plan_of_region(name):
            own = (indices == at) & ~signed
            if plan.code != NANP:
                own &= ~foreign
            parts += _in_region(plan, rows[own], numbers.select(own))
    typed: list[_Typed] = []
    unclaimed: list[_Part] = []
    for part in _by_code(parts):
        _claim(part, typed, unclaimed)
    return _drop_ambiguous(_in_row_order(typed, unclaimed), raw)


def _drop_ambiguous(found: PlainReadings, raw: pa.Array) -> PlainReadings:
    """Drops national numbers that are shaped like those of another plan, but North America's."""
    home = pc.starts_with(found.e164, f"+{NANP}").to_numpy(zero_copy_only=False)
    at = np.flatnonzero(found.national & ~home)
    elsewhere = match_mask(
        raw.take(pa.array(found.rows[at])),
        rf"^(?:{NANP_SHAPED})$|{numbering_plan.country_code_pattern()}",
    )
    if not elsewhere.any():
        return found
    kept = np.delete(np.arange(len(found.rows)), at[elsewhere])
    picked = pa.array(kept)
    return found._replace(
        rows=found.rows[kept],
        e164=found.e164.take(picked),
        region=found.region.take(picked),
        line_type=found.line_type.take(picked),
        national=found.national[kept],
        complete=found.complete[kept],
    )


def _prefix_lengths(numbers: DigitMatrix, prefix: str) -> Array:
    """Returns how many digits of each number a prefix matches, 0 where it does not."""
    if not prefix or prefix.isdigit():
        return np.where(numbers.start_with(prefix), len(prefix), 0)
    match = compile_ascii(prefix).match
    found = (match(text) for text in numbers.to_strings().to_pylist())
    return np.array([one.end() if one else 0 for one in found], np.intp)


def _international(rows: Array, numbers: DigitMatrix) -> Iterator[_Part]:
    """Yields the numbers that begin with a country code."""
    if not len(rows):
        return
    begins = numbers.leading_number(3)
    code = np.where(numbers.lengths > 3, numbering_plan.country_code_table()[begins], 0)
    for one in np.unique(code[code > 0]).tolist():
        at = code == one
        rest = numbers.select(at).drop_leading(len(str(one)))
        yield from _national_numbers(
            numbering_plan.main_plan_of_code(str(one)), rows[at], rest, national=False
        )


def _in_region(plan: Plan, rows: Array, numbers: DigitMatrix) -> Iterator[_Part]:
    """Yields numbers as dialed in a region: national, or after its international prefix."""
    ahead = _prefix_lengths(numbers, plan.idd)
    if ahead.any():
        abroad = ahead > 0
        yield from _international(rows[abroad], numbers.select(abroad).drop_leading(ahead[abroad]))
        rows, numbers = rows[~abroad], numbers.select(~abroad)
    begins = numbers.start_with(plan.code)
    if begins.any():
        rest = numbers.drop_leading(len(plan.code))
        bare = _without_trunk(plan, rest)
        rest = rest.drop_leading(bare.ahead)
        shorter = ~plan.is_general(numbers) & plan.is_general(rest)
        coded = begins & ~bare.unclear & (shorter | (numbers.lengths > plan.longest))
        main = numbering_plan.main_plan_of_code(plan.code)
        yield from _national_numbers(main, rows[coded], rest.select(coded), national=False)
        others = ~coded & ~(begins & bare.unclear)
        rows, numbers = rows[others], numbers.select(others)
    yield from _national_numbers(plan, rows, numbers, national=True)


class _TrunkPrefixes(NamedTuple):
    """The digits of each number that the library takes for its trunk prefix."""

    ahead: Array
    unclear: Array
    """True where the plan puts other digits in its place: that is left to the library."""


def _without_trunk(plan: Plan, numbers: DigitMatrix) -> _TrunkPrefixes:
    ahead = _prefix_lengths(numbers, plan.trunk)
    there = ahead > 0
    if plan.rewrites or not there.any():
        return _TrunkPrefixes(np.where(there, 0, ahead), there)
    kept = plan.is_general(numbers) & ~plan.is_general(numbers.drop_leading(ahead))
    return _TrunkPrefixes(np.where(kept, 0, ahead), np.zeros(len(numbers), bool))


def _national_numbers(
    plan: Plan, rows: Array, numbers: DigitMatrix, *, national: bool
) -> Iterator[_Part]:
    """Yields numbers without their trunk prefix, where the rest has a length of the plan."""
    bare = _without_trunk(plan, numbers)
    left = numbers.lengths - bare.ahead
    numbers = numbers.drop_leading(np.where(plan.has_complete_length(left), bare.ahead, 0))
    complete = bare.ahead > 0
    if not plan.trunk or not national or plan.code == NANP:
        complete = np.ones(len(rows), bool)
    part = _Part(rows, plan.code, numbers, np.full(len(rows), national), complete)
    if bare.unclear.any():
        part = part.select(~bare.unclear)
    if len(part.rows):
        yield part


def _by_code(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Concatenates the parts of each country code."""
    of_code: dict[str, list[_Part]] = {}
    for part in parts:
        of_code.setdefault(part.code, []).append(part)
    for code, some in of_code.items():
        if len(some) == 1:
            yield some[0]
            continue
        yield _Part(
            np.concatenate([part.rows for part in some]),
            code,
            concat_digits([part.numbers for part in some]),
            np.concatenate([part.national for part in some]),
            np.concatenate([part.complete for part in some]),
        )


def _claim(part: _Part, typed: list[_Typed], unclaimed: list[_Part]) -> None:
    """Adds to `typed` what each region claims and has a type for, to `unclaimed` the others.

    A region may claim by its start a number of no type: that makes it invalid.
    """
    claims = numbering_plan.claims_of_code(part.code)
    begun: Array | None = None
    for plan, start in zip(claims.plans, claims.starts, strict=True):
        if start:
            begun = claims.match_start(part.numbers) if begun is None else begun
            mine = begun & start != 0
        else:
            kinds = plan.line_types(part.numbers)
            mine = kinds != 0
        if not mine.any():
            continue
        own, rest = part.select(mine), ~mine
        kinds = plan.line_types(own.numbers) if start else kinds[mine]
        if (of_type := kinds != 0).any():
            known = own.select(of_type)
            known = known._replace(complete=_written_completely(known))
            typed.append(_Typed(known, plan.region, kinds[of_type]))
        unclaimed.append(own.select(~of_type))
        part, begun = part.select(rest), None if begun is None else begun[rest]
        if not len(part.rows):
            return
    unclaimed.append(part)


def _written_completely(part: _Part) -> Array:
    """Tells where a part that its plan claims is written completely."""
    bare = np.flatnonzero(~part.complete)
    numbers = part.numbers.select(bare).to_strings().to_pylist()
    complete = part.complete.copy()
    complete[bare] = [not requires_trunk_prefix(part.code, number) for number in numbers]
    return complete


def _unclaimed_in_row_order(unclaimed: list[_Part]) -> tuple[Array, Array, Array]:
    """Returns rows, country codes and lengths of what no plan claims, ordered by row."""
    if not unclaimed:
        return (np.zeros(0, np.int64),) * 3
    rows = np.concatenate([part.rows for part in unclaimed])
    codes = np.repeat([int(part.code) for part in unclaimed], [len(p.rows) for p in unclaimed])
    lengths = np.concatenate([part.numbers.lengths for part in unclaimed])
    order = np.argsort(rows, kind="stable")
    return rows[order], codes[order], lengths[order]


def _in_row_order(typed: list[_Typed], unclaimed: list[_Part]) -> PlainReadings:
    """Collects all readings, ordered by row."""
    refused = _unclaimed_in_row_order(unclaimed)
    if not typed:
        none, no = pa.array([], pa.string()), np.zeros(0, bool)
        return PlainReadings(np.zeros(0, np.int64), none, none, none, no, no, *refused)
    parts = [one.part for one in typed]
    sizes = [len(part.rows) for part in parts]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    regions = np.repeat(np.arange(len(typed)), sizes)[order]
    kinds = np.concatenate([one.kinds for one in typed])[order]
    return PlainReadings(
        rows[order],
        pa.concat_arrays([p.numbers.to_strings(f"+{p.code}") for p in parts]).take(pa.array(order)),
        pa.array([one.region for one in typed]).take(pa.array(regions)),
        pa.array(LINE_TYPES).take(pa.array(kinds)),
        np.concatenate([part.national for part in parts])[order],
        np.concatenate([part.complete for part in parts])[order],
        *refused,
    )
