"""Finds victims' numbers in text that no step read as a number: web addresses, brands, broken rows.

A number that a record states as the victim's own must be in no output. If another record names it
as a phone number, its entity id is compared. In other text, runs of digits and joined close runs
are compared by hash with every format in which any country dials the number. The index also has the
hashes of victims' e-mail addresses.
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

from schemas.enums import EntityKind
from schemas.field import TEXT
from transforms.arrow import (
    Array,
    concat_ranges,
    distinct_rows,
    group_changes,
    hash_text,
    sorted_lookup,
    sorted_unique,
    stable_order,
)
from transforms.victims import identifier_matcher
from transforms.victims.record_texts import MAX_DIGITS, MIN_DIGITS, candidate_digits, find_digits

_FEW_HASHES = 1 << 16
"""Least number of waiting hashes before they are sorted in."""

NOBODY_NAMED = -1
"""Stands for an unnamed reporter; hashes are not negative."""

_PHONE, _EMAIL = f"{EntityKind.PHONE}:", f"{EntityKind.EMAIL}:"

_RUN = re.compile(r"\d+", re.ASCII)

IDD_PREFIXES = ("", "00", "011")
"""International prefixes before a country code: ITU-T E.123, and North America."""

NO_NUMBERS, _NO_CLAIMS = np.empty(0, np.int64), np.empty((2, 0), np.int64)


def hash_dial_formats(rows: pa.RecordBatch) -> Array:
    """Returns the sorted, distinct hashes of a batch's phone numbers and e-mail addresses.

    The column `entity_id` is read. A phone number is hashed in all its dial formats. E.164 with its
    plus is among them, so that equal digits of another country's number differ from it. An e-mail
    address is hashed as an id.
    """
    ids = pc.unique(rows["entity_id"])
    _, formats = _dial_formats_by_row(ids.filter(pc.starts_with(ids, _PHONE)))
    addresses = ids.filter(pc.starts_with(ids, _EMAIL))
    return sorted_unique(np.append(hash_text(formats), hash_text(addresses)))


def hash_claims(rows: pa.RecordBatch) -> Array:
    """Returns hashes of victims' phone numbers and the reporters who state them, as two rows.

    The pairs are distinct and sorted by the hash of a dial format. `NOBODY_NAMED` stands for a null
    reporter. The batch has STATED_NUMBER rows.
    """
    row, formats = _dial_formats_by_row(rows["entity_id"])
    who = pc.fill_null(rows["reporter"], NOBODY_NAMED).to_numpy()
    return _sorted_unique(np.stack([hash_text(formats), who[row]]))


def who_claims(hashes: Array, claims: Array) -> tuple[Array, Array]:
    """Finds the reporters who call numbers, given by hash, a victim's.

    `claims` are made by `hash_claims`. Returns places among the hashes, repeated for each reporter,
    and the reporters.
    """
    first, end = (np.searchsorted(claims[0], hashes, side=side) for side in ("left", "right"))
    return np.repeat(np.arange(len(hashes)), end - first), claims[1][
        concat_ranges(first, end - first)
    ]


def are_victims_numbers(e164: pa.Array, own: Array) -> Array:
    """Tells which E.164 numbers are a victim's; `own` is made by `hash_dial_formats`."""
    return sorted_lookup(own, hash_text(e164))[1]


def find_victim_digits(texts: pa.Array, own: Array) -> identifier_matcher.RowIdentifiers:
    """Returns, by row, the digits in texts that are a victim's number as dialed.

    `texts` are strings or null; `own` are the victims' numbers, made by `hash_dial_formats`.
    """
    if not len(own):
        return identifier_matcher.NO_IDENTIFIERS
    return victim_digits_among(*candidate_digits(find_digits(texts)), own)


def find_victim_numbers(texts: pa.Array, own: Array) -> dict[int, list[tuple[int, int]]]:
    """Returns, by row, the start and end of victims' numbers in texts, in characters."""
    spans: dict[int, list[tuple[int, int]]] = {}
    rows, digits = find_victim_digits(texts, own)
    written = texts.take(rows).to_pylist()
    for row, text, number in zip(rows.tolist(), written, digits.to_pylist(), strict=True):
        patterns = identifier_matcher.identifier_patterns([number])
        spans.setdefault(row, []).extend(identifier_matcher.find_identifiers(text, patterns))
        spans[row].extend(identifier_matcher.find_in_words(text, patterns))
    return spans


def victim_digits_among(
    rows: Array, digits: pa.Array, own: Array
) -> identifier_matcher.RowIdentifiers:
    """Returns the candidate digits of rows that are a victim's number, without repeats."""
    theirs = np.flatnonzero(sorted_lookup(own, hash_text(digits))[1])
    rows, digits = rows[theirs], digits.take(theirs)
    once, _ = distinct_rows([pa.array(rows), digits])
    return identifier_matcher.merge_row_identifiers(
        identifier_matcher.RowIdentifiers(rows[once], digits.take(once))
    )


def dial_formats(e164: str) -> list[str]:
    """Returns a number, and the digits to dial it at home and from abroad.

    Without a valid country code, only the number is returned.
    """
    code = identifier_matcher.plain_country_code(e164)
    if code:
        national = e164[1 + len(code) :]
        at_home = trunk_prefix(code) + national
    else:
        try:
            number = pn.parse(e164)
        except pn.NumberParseException:
            return [e164]
        code, national = str(number.country_code), pn.national_significant_number(number)
        formatted = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
        at_home = "".join(_RUN.findall(formatted))
    abroad = [f"{prefix}{code}{national}" for prefix in IDD_PREFIXES]
    dialed = (national, "0" + national, at_home, *abroad)
    return [e164, *(number for number in dialed if MIN_DIGITS <= len(number) <= MAX_DIGITS)]


_Waiting = tuple[Array, list[Array], int]
"""The sorted hashes, the arrays that wait, and the number of waiting hashes."""


class UnionOfHashes(beam.CombineFn):
    """Merges arrays of hashes, or of pairs in two rows, into a sorted array without repeats.

    Arrays wait until they have more hashes than the sorted array. Merging each separately would
    take quadratic time.
    """

    def __init__(self, few: int = _FEW_HASHES, *, pairs: bool = False) -> None:
        self._few = few
        self.none = _NO_CLAIMS if pairs else NO_NUMBERS

    def create_accumulator(self) -> _Waiting:
        """Returns no hashes."""
        return self.none, [], 0

    def add_input(self, accumulator: _Waiting, more: Array) -> _Waiting:
        """Adds an array, and merges the waiting arrays if they are many."""
        known, waiting, count = accumulator
        waiting.append(more)
        count += more.shape[-1]
        if count > max(known.shape[-1], self._few):
            return self.extract_output((known, waiting, count)), [], 0
        return known, waiting, count

    def merge_accumulators(self, parts: Iterable[_Waiting]) -> _Waiting:
        """Merges the hashes of all parts."""
        arrays = [hashes for known, waiting, _ in parts for hashes in (known, *waiting)]
        return self.extract_output((self.none, arrays, 0)), [], 0

    def extract_output(self, accumulator: _Waiting) -> Array:
        """Returns the sorted hashes."""
        known, waiting, _ = accumulator
        return _sorted_unique(np.concatenate([known, *waiting], axis=-1))


@dataclass(eq=False)
class VictimNumbers(beam.PTransform):
    """Collects the sorted `hash_dial_formats` of all batches with an `entity_id`, 8 bytes each.

    `start` has an element for each window, so that a window without victims has an empty array.
    """

    start: beam.PCollection

    hashed = staticmethod(hash_dial_formats)
    union = UnionOfHashes()

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Hashes the formats of each batch, then merges them."""
        union = self.union
        hashes = batches | "Hash" >> beam.Map(self.hashed)
        none = self.start | "None" >> beam.Map(lambda _: union.none)
        return (hashes, none) | beam.Flatten() | beam.CombineGlobally(union).without_defaults()


class VictimClaims(VictimNumbers):
    """Collects the sorted `hash_claims` of all STATED_NUMBER batches, 16 bytes each."""

    hashed = staticmethod(hash_claims)
    union = UnionOfHashes(pairs=True)


def _sorted_unique(hashes: Array) -> Array:
    """Sorts hashes, or pairs of hashes and reporters, and drops repeats."""
    if hashes.ndim == 2:
        pairs = hashes[:, stable_order(*hashes)]
        return np.ascontiguousarray(pairs[:, group_changes(*pairs)])
    return sorted_unique(hashes)


def _dial_formats_by_row(entity_ids: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the `dial_formats` of phone numbers' ids, and the row of each format."""
    numbers = pc.utf8_slice_codeunits(entity_ids, len(_PHONE), None).to_pylist()
    formats = [dial_formats(number) for number in numbers]
    rows = np.repeat(np.arange(len(formats)), [len(listed) for listed in formats])
    return rows, pa.array(chain.from_iterable(formats), TEXT)


@cache
def trunk_prefix(code: str) -> str:
    """Returns the prefix before national numbers of a country code, or an empty text."""
    region = pn.region_code_for_country_code(int(code))
    return pn.ndd_prefix_for_region(region, True) or ""
