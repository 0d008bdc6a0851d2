"""The forms in which phone numbers are written and dialled, as digits, by whole columns."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import numbering
from transforms.identify.candidates import LONGEST, SHORTEST
from transforms.identify.digits import digits_of
from transforms.identify.needles import plain_code, plain_codes

Array = np.ndarray

PREFIXES = ("", "00", "011")
"""What is dialled before a country code: ITU-T E.123, and North America."""

_NUMBER = r"^\+[0-9]{7,15}$"
_WIDEST = 3
"""Digits of the longest country code."""
_RUN = re.compile(r"\d+", re.ASCII)


def forms(e164: pa.Array) -> pa.Array:
    """Every form of E.164 numbers without nulls, in any order, some of them more than once.

    The numbers themselves, with their plus, are among them.
    """
    shaped = pc.match_substring_regex(e164, _NUMBER).to_numpy(zero_copy_only=False)
    code = np.zeros(len(e164), np.int64)
    code[shaped] = numbering.codes()[digits_of(e164.filter(pa.array(shaped))).begin(3)]
    code[~np.isin(code, [int(one) for one in plain_codes()])] = 0
    others = e164.filter(pa.array(code == 0)).to_pylist()
    found = [pa.array([form for one in others for form in _of_one(one)], pa.string())]
    for width in range(1, _WIDEST + 1):
        which = np.flatnonzero((code >= 10 ** (width - 1)) & (code < 10**width))
        if len(which):
            found += _of_plain(e164.take(pa.array(which)), code[which])
    digits = pa.concat_arrays(found)
    length = pc.utf8_length(digits)
    kept = pc.and_(pc.greater_equal(length, SHORTEST), pc.less_equal(length, LONGEST))
    return pa.concat_arrays([e164, digits.filter(kept)])


def _of_plain(e164: pa.Array, code: Array) -> list[pa.Array]:
    """The forms of numbers whose plans add nothing but a prefix, their codes equally long."""
    abroad = pc.utf8_slice_codeunits(e164, 1, None)
    national = pc.utf8_slice_codeunits(e164, 1 + len(str(code[0])), None)
    codes, back = np.unique(code, return_inverse=True)
    trunk = pa.array([_trunk_prefix(str(one)) for one in codes.tolist()], pa.string())
    return [
        national,
        pc.binary_join_element_wise("0", national, ""),
        pc.binary_join_element_wise(trunk.take(pa.array(back)), national, ""),
        *(pc.binary_join_element_wise(prefix, abroad, "") for prefix in PREFIXES),
    ]


def _of_one(e164: str) -> list[str]:
    """The forms of any number."""
    code = plain_code(e164)
    if code:
        national = e164[1 + len(code) :]
        dialled = _trunk_prefix(code) + national
    else:
        number = pn.parse(e164)
        code, national = str(number.country_code), pn.national_significant_number(number)
        shown = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
        dialled = "".join(_RUN.findall(shown))
    return [national, "0" + national, dialled, *(f"{one}{code}{national}" for one in PREFIXES)]


@cache
def _trunk_prefix(code: str) -> str:
    """What is dialled before a national number of a country code, empty for nothing."""
    region = pn.region_code_for_country_code(int(code))
    return pn.ndd_prefix_for_region(region, True) or ""
