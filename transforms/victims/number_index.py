"""Finds victims' numbers in text that no step read as a number: web addresses, brands, broken rows.

A number that one record states as the victim's own must be in no output. Where another record names
it as a phone number, its entity id tells; elsewhere the digits of the text, alone and joined to
close ones, are compared by hash with every format in which the number is dialed in any country.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain

import apache_beam as beam
import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, concat_ranges, group_changes, hash_text, sorted_lookup
from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import digit_matrix
from transforms.victims.identifier_matcher import plain_country_code, plain_country_codes
from transforms.victims.record_texts import MAX_DIGITS, MIN_DIGITS, candidate_digits_in_column

_FEW_HASHES = 1 << 16
"""Hashes that wait before they are sorted in, at least."""

NOBODY_NAMED = -1
"""Stands for a reporter who is not named; hashes are not negative."""

_PHONE = "phone:"

_RUN = re.compile(r"\d+", re.ASCII)

IDD_PREFIXES = ("", "00", "011")
"""International prefixes before a country code: ITU-T E.123, and North America."""

_E164 = r"^\+[0-9]{7,15}$"

_LONGEST_CODE = 3
"""Digits of the longest country code."""

NO_NUMBERS, _NO_CLAIMS = np.empty(0, np.int64), np.empty((2, 0), np.int64)


def hash_dial_formats(victims: pa.RecordBatch) -> Array:
    """Returns the sorted, distinct hashes of all dial formats of a batch's phone numbers.

    The numbers are those in its column `entity_id`. The number itself, with its plus, is among
    the formats: digits that merely look like another country's number are not it.
    """
    ids = pc.unique(victims["entity_id"])
    numbers = ids.filter(pc.starts_with(ids, _PHONE))
    return _sorted_unique(
        hash_text(dial_formats(pc.utf8_slice_codeunits(numbers, len(_PHONE), None)))
    )


def hash_claims(stated: pa.RecordBatch) -> Array:
    """Returns who calls a phone number a victim's: a row of hashes, and one of reporters.

    Sorted by the `hash_dial_formats` of the numbers, each pair once; `NOBODY_NAMED` stands for a
    reporter that is null. `stated` are STATED_NUMBER rows.
    """
    numbers = pc.utf8_slice_codeunits(stated["entity_id"], len(_PHONE), None)
    row, formats = dial_formats_by_row(numbers)
    who = pc.fill_null(stated["reporter"], NOBODY_NAMED).to_numpy()
    return _sorted_unique(np.stack([hash_text(formats), who[row]]))


def who_claims(hashes: Array, claims: Array) -> tuple[Array, Array]:
    """Finds who calls the numbers with some hashes a victim's.

    Args:
        hashes: of numbers, or of digits.
        claims: made by `hash_claims`.

    Returns:
        Places among the hashes, some more than once, and the reporter of each.
    """
    first, end = (np.searchsorted(claims[0], hashes, side=side) for side in ("left", "right"))
    return np.repeat(np.arange(len(hashes)), end - first), claims[1][
        concat_ranges(first, end - first)
    ]


def are_victims_numbers(e164: pa.Array, own: Array) -> Array:
    """Tells which E.164 numbers are a victim's; `own` is made by `hash_dial_formats`."""
    return sorted_lookup(own, hash_text(e164))[1]


def find_victim_digits(texts: pa.Array, own: Array) -> list[tuple[str, ...]]:
    """Returns the digits in each text that are a victim's number in some dial format.

    Args:
        texts: Strings or null.
        own: Victims' numbers, made by `hash_dial_formats`.
    """
    result: list[tuple[str, ...]] = [()] * len(texts)
    for row, digits in find_victim_digits_by_row(texts, own).items():
        result[row] = digits
    return result


def find_victim_digits_by_row(texts: pa.Array, own: Array) -> dict[int, tuple[str, ...]]:
    """Returns what `find_victim_digits` does, by row, for the rows that have any."""
    if not len(own):
        return {}
    return victim_digits_among(*candidate_digits_in_column(texts), own)


def victim_digits_among(rows: Array, digits: pa.Array, own: Array) -> dict[int, tuple[str, ...]]:
    """Returns those of the candidate digits of rows that are a victim's number, by row."""
    theirs = np.flatnonzero(sorted_lookup(own, hash_text(digits))[1])
    hits: dict[int, set[str]] = {}
    matched = digits.take(pa.array(theirs)).to_pylist()
    for row, one in zip(rows[theirs].tolist(), matched, strict=True):
        hits.setdefault(row, set()).add(one)
    return {row: tuple(sorted(those)) for row, those in hits.items()}


def dial_formats(e164: pa.Array) -> pa.Array:
    """Returns every format of E.164 numbers without nulls, in any order, some more than once.

    The numbers themselves, with their plus, are among them.
    """
    return dial_formats_by_row(e164)[1]


def dial_formats_by_row(e164: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the `dial_formats` of numbers, and the row that each is of."""
    shaped = pc.match_substring_regex(e164, _E164).to_numpy(zero_copy_only=False)
    code = np.zeros(len(e164), np.int64)
    begin = digit_matrix(e164.filter(pa.array(shaped))).leading_number(3)
    code[shaped] = numbering_plan.country_code_table()[begin]
    code[~np.isin(code, [int(one) for one in plain_country_codes()])] = 0
    others = np.flatnonzero(code == 0)
    of_others = [dial_formats_of_number(one) for one in e164.take(pa.array(others)).to_pylist()]
    parts = [pa.array(chain.from_iterable(of_others), pa.string())]
    rows = [np.repeat(others, [len(one) for one in of_others])]
    for width in range(1, _LONGEST_CODE + 1):
        which = np.flatnonzero((code >= 10 ** (width - 1)) & (code < 10**width))
        if len(which):
            formats = _dial_formats_of_plain(e164.take(pa.array(which)), code[which])
            parts += formats
            rows += [which] * len(formats)
    digits = pa.concat_arrays(parts)
    length = pc.utf8_length(digits)
    kept = pc.and_(pc.greater_equal(length, MIN_DIGITS), pc.less_equal(length, MAX_DIGITS))
    at = np.concatenate(rows)[kept.to_numpy(zero_copy_only=False)]
    return np.append(np.arange(len(e164)), at), pa.concat_arrays([e164, digits.filter(kept)])


def dial_formats_of_number(e164: str) -> list[str]:
    """Returns the digits with which one number is dialed, at home and from abroad.

    There are none where a number with a plus, as somebody wrote it, has no country code.
    """
    code = plain_country_code(e164)
    if code:
        national = e164[1 + len(code) :]
        at_home = trunk_prefix(code) + national
    else:
        try:
            number = pn.parse(e164)
        except pn.NumberParseException:
            return []
        code, national = str(number.country_code), pn.national_significant_number(number)
        formatted = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
        at_home = "".join(_RUN.findall(formatted))
    return [national, "0" + national, at_home, *(f"{one}{code}{national}" for one in IDD_PREFIXES)]


_Waiting = tuple[Array, list[Array], int]
"""Hashes sorted, those that came since, and how many these are."""


class UnionOfHashes(beam.CombineFn):
    """Merges arrays of hashes, or of pairs in two rows, into one, sorted and distinct.

    Arrays wait until they are as many as the sorted ones: merged one by one, they would take
    quadratic time.
    """

    def __init__(self, few: int = _FEW_HASHES, *, pairs: bool = False) -> None:
        self._few = few
        self._none = _NO_CLAIMS if pairs else NO_NUMBERS

    def create_accumulator(self) -> _Waiting:
        """Returns no hashes."""
        return self._none, [], 0

    def add_input(self, accumulator: _Waiting, more: Array) -> _Waiting:
        """Adds an array, and merges those that wait when they are many."""
        known, waiting, count = accumulator
        waiting.append(more)
        count += more.shape[-1]
        if count > max(known.shape[-1], self._few):
            return _sorted_unique(np.concatenate([known, *waiting], axis=-1)), [], 0
        return known, waiting, count

    def merge_accumulators(self, parts: Iterable[_Waiting]) -> _Waiting:
        """Merges the hashes of all parts."""
        arrays = [one for known, waiting, _ in parts for one in (known, *waiting)]
        return _sorted_unique(np.concatenate(arrays, axis=-1)), [], 0

    def extract_output(self, accumulator: _Waiting) -> Array:
        """Returns the sorted hashes."""
        known, waiting, count = accumulator
        return _sorted_unique(np.concatenate([known, *waiting], axis=-1)) if count else known


@dataclass(eq=False)
class VictimNumbers(beam.PTransform):
    """Collects the sorted `hash_dial_formats` of all batches with an `entity_id`, 8 bytes each.

    `start` has one element a window, so that a window without victims has an (empty) array too.
    """

    start: beam.PCollection

    def expand(self, withheld: beam.PCollection) -> beam.PCollection:
        """Hashes the formats of each batch, then merges them."""
        nobody = self.start | "Nobody's" >> beam.Map(_nobody)
        forms = withheld | "Forms" >> beam.Map(hash_dial_formats)
        together = (forms, nobody) | beam.Flatten()
        return together | beam.CombineGlobally(UnionOfHashes()).without_defaults()


@dataclass(eq=False)
class VictimClaims(beam.PTransform):
    """Collects the sorted `hash_claims` of all STATED_NUMBER batches, 16 bytes each.

    `start` has one element a window, as that of `VictimNumbers`.
    """

    start: beam.PCollection

    def expand(self, stated: beam.PCollection) -> beam.PCollection:
        """Hashes the formats of each batch, then merges them."""
        none = self.start | "No claims" >> beam.Map(_no_claims)
        claims = stated | "Claims" >> beam.Map(hash_claims)
        together = (claims, none) | beam.Flatten()
        return together | beam.CombineGlobally(UnionOfHashes(pairs=True)).without_defaults()


def _nobody(_: object) -> Array:
    return NO_NUMBERS


def _no_claims(_: object) -> Array:
    return _NO_CLAIMS


def _sorted_unique(hashes: Array) -> Array:
    """Sorts hashes and drops repeats; np.unique does so by a hash table, 20 times slower."""
    if hashes.ndim == 2:
        pairs = hashes[:, np.lexsort(hashes[::-1])]
        return np.ascontiguousarray(pairs[:, group_changes(*pairs)])
    ordered = np.sort(hashes)
    return ordered[group_changes(ordered)]


def _dial_formats_of_plain(e164: pa.Array, code: Array) -> list[pa.Array]:
    """Returns the formats of numbers with `plain_country_codes` of one length."""
    abroad = pc.utf8_slice_codeunits(e164, 1, None)
    national = pc.utf8_slice_codeunits(e164, 1 + len(str(code[0])), None)
    codes, back = np.unique(code, return_inverse=True)
    trunk = pa.array([trunk_prefix(str(one)) for one in codes.tolist()], pa.string())
    return [
        national,
        pc.binary_join_element_wise("0", national, ""),
        pc.binary_join_element_wise(trunk.take(pa.array(back)), national, ""),
        *(pc.binary_join_element_wise(prefix, abroad, "") for prefix in IDD_PREFIXES),
    ]


@cache
def trunk_prefix(code: str) -> str:
    """Returns the prefix before a national number of a country code, empty for none."""
    region = pn.region_code_for_country_code(int(code))
    return pn.ndd_prefix_for_region(region, True) or ""
