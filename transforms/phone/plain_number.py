"""Reads plain phone numbers fast: digits, ordinary punctuation, an extension.

Numbers are read as `phonenumbers` reads them, by its own metadata (`numbering_plan`), in less than
a tenth of its time. Rules of the library that are missing here are left to it. So are refusals: a
number that no plan claims needs the library's reason.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from transforms.phone.numbering_plan import (
    NANP,
    NANP_SHAPED,
    NANP_TOLL_FREE,
    Plan,
    country_code_pattern,
    country_codes,
    main_plan_of_code,
    plan_of_region,
    plans_of_code,
    requires_trunk_prefix,
)

_SHAPE = re.compile(r"[( ]{0,2}\+?[( ]{0,2}[0-9](?:[-. ()/]{0,3}[0-9]){6,17}")

_EQUAL = "|".join(f"[0-9]{{{size}}} ?/ ?[0-9]{{{size}}}" for size in range(5, 9))

SHARED_AREA = re.compile(rf"^\(?0[0-9]{{1,4}}\)?[ /-]{{1,3}}(?:{_EQUAL})$")
"""Two numbers of one area, as 030/901820/901821 in Germany."""

_NOT_NUMBERS = re.compile(rf"^[0-9]{{7,15}}\.0$|/[0-9 ]*/|{SHARED_AREA.pattern}")
"""A spreadsheet's float, what may be a date, and two numbers."""

_SIGNS = str.maketrans(
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\xa0\u3000０１２３４５６７８９＋（）．／",
    "--------  0123456789+()./",
)
"""Signs that the library takes for those of ASCII."""

_EXTENSION = re.compile(r"(?<=[0-9])(?: ?(?:ext\.?|extension|x) ?|;ext=)([0-9]{1,6})$", re.ASCII)

_DIGITS = re.compile("[0-9]+")

_TOLL_FREE, _SHAPED = re.compile(NANP_TOLL_FREE), re.compile(NANP_SHAPED)


class PlainNumber(NamedTuple):
    """A number as read; `line_type` is empty if no region claims it."""

    code: str
    significant: str
    """The digits after the country code."""
    national: bool
    """True where it was written without its country code."""
    complete: bool
    """True where it was written with its trunk prefix, or its plan requires none for it."""
    region: str
    line_type: str
    written: str
    """The number in ASCII, without its extension."""
    extension: str | None


_Significant = tuple[str, str, bool, bool]
"""The first four fields of a `PlainNumber`."""


def read_plain(raw: str, region: str | None) -> PlainNumber | None:
    """Reads a number without blanks around it, or returns None if the library must read it.

    A national number that is shaped like another plan's is left to the library.

    Args:
        raw: As written.
        region: ISO 3166-1 alpha-2 or None.
    """
    written, extension = raw, None
    digits = raw.removeprefix("+")
    if not (digits.isdecimal() and digits.isascii() and 7 <= len(digits) <= 18):
        if not _SHAPE.fullmatch(raw):
            if not raw.isascii():
                written = raw.translate(_SIGNS)
            elif match := _EXTENSION.search(raw):
                written, extension = raw[: match.start()], match[1]
            if not _SHAPE.fullmatch(written):
                return None
        if ("/" in written or written.endswith(".0")) and _NOT_NUMBERS.search(written):
            return None
        digits = "".join(_DIGITS.findall(written))
    if "+" in written:
        read = _read_international(digits)
    else:
        plan = plan_of_region(region)
        if plan is None or (plan.code != NANP and _TOLL_FREE.fullmatch(raw)):
            return None
        read = _read_dialed(digits, plan)
    if read is None:
        return None
    code, significant, national, complete = read
    claimed, line_type = claim(code, significant)
    may_be_foreign = line_type and national and code != NANP
    if may_be_foreign and (_SHAPED.fullmatch(raw) or country_code_pattern().match(raw)):
        return None
    complete = complete or not requires_trunk_prefix(code, significant)
    return PlainNumber(
        code, significant, national, complete, claimed, line_type, written, extension
    )


def _read_international(digits: str) -> _Significant | None:
    """Reads digits that begin with a country code."""
    for size in (1, 2, 3):
        if digits[:size] in country_codes() and len(digits) > 3:
            plan = main_plan_of_code(digits[:size])
            return _read_national(digits[size:], plan, national=False)
    return None


def _read_dialed(digits: str, plan: Plan) -> _Significant | None:
    """Reads digits as dialed in a region: national, or after its international prefix."""
    if abroad := plan.idd.match(digits):
        return _read_international(digits[abroad.end() :])
    if digits.startswith(plan.code):
        rest = digits[len(plan.code) :]
        ahead = _trunk_length(plan, rest)
        if ahead is None:
            return None
        rest = rest[ahead:]
        shorter = not plan.is_general(digits) and plan.is_general(rest)
        if shorter or len(digits) > plan.longest:
            return _read_national(rest, main_plan_of_code(plan.code), national=False)
    return _read_national(digits, plan, national=True)


def _read_national(digits: str, plan: Plan, *, national: bool) -> _Significant | None:
    """Reads a number, and removes its trunk prefix if the rest has a length of the plan."""
    ahead = _trunk_length(plan, digits)
    if ahead is None:
        return None
    never_written = not plan.has_trunk or not national or plan.code == NANP
    if ahead and plan.has_complete_length(len(digits) - ahead):
        digits = digits[ahead:]
    return plan.code, digits, national, never_written or ahead > 0


def _trunk_length(plan: Plan, digits: str) -> int | None:
    """Returns the length of the trunk prefix by the library's rules, None if it rewrites it."""
    trunk = plan.trunk.match(digits)
    ahead = trunk.end() if trunk else 0
    if ahead and plan.rewrites:
        return None
    kept = ahead and plan.is_general(digits) and not plan.is_general(digits[ahead:])
    return 0 if kept else ahead


def claim(code: str, significant: str) -> tuple[str, str]:
    """Returns the region that claims a significant number, and its line type there, or "" for none.

    A region may claim by its start a number of no type: that makes it invalid.
    """
    for plan in plans_of_code(code):
        if plan.start is None or plan.start.match(significant):
            line_type = plan.line_type(significant)
            if line_type or plan.start:
                return plan.region, line_type
    return "", ""
