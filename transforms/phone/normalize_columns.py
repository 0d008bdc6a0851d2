"""Normalizes plain phone numbers by whole columns: digits, ordinary punctuation, an extension.

Numbers are read as `phonenumbers` reads them, by its own metadata (`numbering_plan`); where the
library's rules do what is not implemented here, the number is left to it. No number is refused
here: one that is not valid needs the library's reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array
from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import (
    END,
    LINE_TYPES,
    NANP,
    NANP_SHAPED,
    NANP_TOLL_FREE,
    DigitMatrix,
    Plan,
    digit_matrix,
    requires_trunk_prefix,
)
from transforms.text_spans import compile_ascii, match_mask

_SHAPE = r"^[( ]{0,2}\+?[( ]{0,2}[0-9](?:[-. ()/]{0,3}[0-9]){6,17}$"

_EQUAL = "|".join(f"[0-9]{{{size}}} ?/ ?[0-9]{{{size}}}" for size in range(5, 9))

SHARED_AREA = rf"^\(?0[0-9]{{1,4}}\)?[ /-]{{1,3}}(?:{_EQUAL})$"
"""RE2 and Python: two numbers of one area, as 030/901820/901821 in Germany."""

_NOT_NUMBERS = rf"^[0-9]{{7,15}}\.0$|/[0-9 ]*/|{SHARED_AREA}"
"""RE2: a spreadsheet's float, what may be a date, and two numbers."""

_SIGNS = str.maketrans(
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\xa0\u3000０１２３４５６７８９＋（）．／",
    "--------  0123456789+()./",
)
"""Signs that the library takes for those of ASCII."""

_EXTENSION = r"[0-9](?: ?(?:ext\.?|extension|x) ?|;ext=)([0-9]{1,6})$"
"""RE2 and Python: an extension behind a digit, as the library reads it."""


class PlainReadings(NamedTuple):
    """The readings of a column of numbers, at the `rows` (ascending) that could be read."""

    rows: Array
    written: pa.Array
    """The number as it was read: in ASCII, without its extension."""
    e164: pa.Array
    region: pa.Array
    line_type: pa.Array
    extension: pa.Array
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


@dataclass
class _Significant:
    """The digits after the country code of each number of a column, and who claims them."""

    numbers: DigitMatrix
    code: Array
    """The country code, 0 where it is not known."""
    national: Array
    complete: Array
    kind: Array
    """The line type, as an index into `LINE_TYPES`."""
    region: Array
    """The region that claims the number."""

    def put(self, at: Array, code: str, numbers: DigitMatrix) -> None:
        """Sets the numbers of a country code."""
        self.code[at] = int(code)
        self.numbers.lengths[at] = numbers.lengths
        self.numbers.digits[:, at] = END
        self.numbers.digits[: len(numbers.digits), at] = numbers.digits


def normalize_plain(raw: pa.Array, region: pa.Array) -> PlainReadings:
    """Normalizes the plain ones of distinct numbers, each under its region.

    Args:
        raw: Strings without nulls and without white space around them.
        region: ISO 3166-1 alpha-2 or null, as many.
    """
    simple, extension = _simplify(raw)
    rows = np.flatnonzero(match_mask(simple, _SHAPE) & ~match_mask(simple, _NOT_NUMBERS))
    written, plain, extension = (one.take(pa.array(rows)) for one in (raw, simple, extension))
    numbers = digit_matrix(plain)
    count = len(rows)
    found = _Significant(
        numbers.select(np.arange(count)),
        *(np.zeros(count, kind) for kind in (np.int64, bool, bool, np.int8, "<U2")),
    )
    signed = match_mask(plain, r"\+")
    _add_international(found, np.flatnonzero(signed), numbers.select(signed))
    home = region.take(pa.array(rows)).dictionary_encode()
    indices = pc.fill_null(home.indices, -1).to_numpy(zero_copy_only=False)
    foreign = match_mask(written, f"^(?:{NANP_TOLL_FREE})$")
    for place, name in enumerate(home.dictionary.to_pylist()):
        if plan := numbering_plan.plan_of_region(name):
            own = (indices == place) & ~signed
            at = np.flatnonzero(own if plan.code == NANP else own & ~foreign)
            _add_dialed(found, plan, at, numbers.select(at))
    for code in np.unique(found.code[found.code > 0]).tolist():
        _claim(found, str(code))
    return _to_readings(found, rows, written, plain, extension)


def _simplify(raw: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Returns numbers with the signs of ASCII and without extensions; and these, or null."""
    texts = raw.to_pylist()
    extensions: list[str | None] = [None] * len(texts)
    match_extension = compile_ascii(_EXTENSION).search
    for row in np.flatnonzero(match_mask(raw, rf"[^\x00-\x7f]|{_EXTENSION}")).tolist():
        if not texts[row].isascii():
            texts[row] = texts[row].translate(_SIGNS)
        elif match := match_extension(texts[row]):
            texts[row], extensions[row] = texts[row][: match.start() + 1], match[1]
    return pa.array(texts, pa.string()), pa.array(extensions, pa.string())


def _to_readings(
    found: _Significant, rows: Array, written: pa.Array, plain: pa.Array, extension: pa.Array
) -> PlainReadings:
    """Collects the readings, without national numbers that are shaped like another plan's."""
    valid = found.kind != 0
    invalid = np.flatnonzero((found.code > 0) & ~valid)
    at = np.flatnonzero(valid & found.national & (found.code != int(NANP)))
    elsewhere = rf"^(?:{NANP_SHAPED})$|{numbering_plan.country_code_pattern()}"
    valid[at] = ~match_mask(written.take(pa.array(at)), elsewhere)
    kept = np.flatnonzero(valid)
    numbers = found.numbers.select(kept).to_strings()
    complete = found.complete[kept]
    bare = np.flatnonzero(~complete)
    codes = pc.cast(pa.array(found.code[kept]), pa.string())
    complete[bare] = [
        not requires_trunk_prefix(code, number)
        for code, number in zip(
            codes.take(pa.array(bare)).to_pylist(),
            numbers.take(pa.array(bare)).to_pylist(),
            strict=True,
        )
    ]
    return PlainReadings(
        rows[kept],
        plain.take(pa.array(kept)),
        pc.binary_join_element_wise("+", codes, numbers, ""),
        pa.array(found.region[kept], pa.string()),
        pa.array(LINE_TYPES).take(pa.array(found.kind[kept])),
        extension.take(pa.array(kept)),
        found.national[kept],
        complete,
        rows[invalid],
        found.code[invalid],
        found.numbers.lengths[invalid],
    )


def _prefix_lengths(numbers: DigitMatrix, prefix: str) -> Array:
    """Returns how many digits of each number a prefix matches, 0 where it does not."""
    if not prefix or prefix.isdigit():
        return np.where(numbers.start_with(prefix), len(prefix), 0)
    match = compile_ascii(prefix).match
    found = (match(text) for text in numbers.to_strings().to_pylist())
    return np.array([one.end() if one else 0 for one in found], np.intp)


def _add_international(found: _Significant, at: Array, numbers: DigitMatrix) -> None:
    """Adds the numbers that begin with a country code."""
    begins = numbers.leading_number(3)
    code = np.where(numbers.lengths > 3, numbering_plan.country_code_table()[begins], 0)
    for one in np.unique(code[code > 0]).tolist():
        mine = code == one
        rest = numbers.select(mine).drop_leading(len(str(one)))
        main = numbering_plan.main_plan_of_code(str(one))
        _add_national(found, main, at[mine], rest, national=False)


def _add_dialed(found: _Significant, plan: Plan, at: Array, numbers: DigitMatrix) -> None:
    """Adds numbers as dialed in a region: national, or after its international prefix."""
    ahead = _prefix_lengths(numbers, plan.idd)
    if ahead.any():
        abroad = ahead > 0
        rest = numbers.select(abroad).drop_leading(ahead[abroad])
        _add_international(found, at[abroad], rest)
        at, numbers = at[~abroad], numbers.select(~abroad)
    begins = numbers.start_with(plan.code)
    if begins.any():
        rest = numbers.drop_leading(len(plan.code))
        bare = _without_trunk(plan, rest)
        rest = rest.drop_leading(bare.ahead)
        shorter = ~plan.is_general(numbers) & plan.is_general(rest)
        coded = begins & ~bare.unclear & (shorter | (numbers.lengths > plan.longest))
        main = numbering_plan.main_plan_of_code(plan.code)
        _add_national(found, main, at[coded], rest.select(coded), national=False)
        others = ~coded & ~(begins & bare.unclear)
        at, numbers = at[others], numbers.select(others)
    _add_national(found, plan, at, numbers, national=True)


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


def _add_national(
    found: _Significant, plan: Plan, at: Array, numbers: DigitMatrix, *, national: bool
) -> None:
    """Adds numbers without their trunk prefix, where the rest has a length of the plan."""
    bare = _without_trunk(plan, numbers)
    left = numbers.lengths - bare.ahead
    numbers = numbers.drop_leading(np.where(plan.has_complete_length(left), bare.ahead, 0))
    never_written = not plan.trunk or not national or plan.code == NANP
    found.national[at] = national
    found.complete[at] = never_written | (bare.ahead > 0)
    clear = ~bare.unclear
    found.put(at[clear], plan.code, numbers.select(clear))


def _claim(found: _Significant, code: str) -> None:
    """Sets the line type, and the region that claims them, of the numbers of a country code.

    A region may claim by its start a number of no type: that makes it invalid.
    """
    claims = numbering_plan.claims_of_code(code)
    at = np.flatnonzero(found.code == int(code))
    numbers = found.numbers.select(at)
    begun = claims.match_start(numbers)
    for plan, start in zip(claims.plans, claims.starts, strict=True):
        kinds = None if start else plan.line_types(numbers)
        mine = begun & start != 0 if kinds is None else kinds != 0
        if not mine.any():
            continue
        kinds = plan.line_types(numbers.select(mine)) if kinds is None else kinds[mine]
        found.kind[at[mine]] = kinds
        found.region[at[mine]] = plan.region
        at, begun, numbers = at[~mine], begun[~mine], numbers.select(~mine)
        if not len(at):
            return
