"""A victim's number where no step read it as a number: in a web address, a brand, a broken row.

A number that one record states as the victim's own must stand in no output. Where another record
names it as a number, its sighting says so; anywhere else its digits are looked for, in every form
in which that country writes them.

Digits in texts that may be a form of a number: runs of them, alone and joined to close ones.

Texts of ASCII that encode nothing are read by whole columns, the others one by one.

The forms in which phone numbers are written and dialled, as digits, by whole columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

import apache_beam as beam
import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from transforms import text_util
from transforms.arrow_util import buffers, hash_text, strings
from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import digits_of
from transforms.victims.identifier_matcher import plain_code, plain_codes

_PHONE = "phone:"


FEW = 1 << 16
"""Hashes that wait before they are sorted in, at least."""


def written_forms(victims: pa.RecordBatch) -> np.ndarray:
    """Hashes of the digits that each phone number of a batch is written with, sorted.

    The numbers are those in its column `entity_id`. The number itself, with its plus, is among
    the forms: digits that merely look like another country's number are not it.
    """
    ids = pc.unique(victims["entity_id"])
    numbers = ids.filter(pc.starts_with(ids, _PHONE))
    return _once(hash_text(forms(pc.utf8_slice_codeunits(numbers, len(_PHONE), None))))


def _once(hashes: np.ndarray) -> np.ndarray:
    """Each hash once, sorted; np.unique finds them by a table of its own, 20 times slower."""
    ordered = np.sort(hashes)
    return ordered[np.append(ordered[:-1] != ordered[1:], np.ones(len(ordered[-1:]), bool))]


def are_held(ids: pa.Array, own: np.ndarray) -> np.ndarray:
    """Which E.164 numbers are a victim's, by `written_forms`."""
    return _among(hash_text(ids), own)


def _among(hashes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Which hashes are among sorted ones."""
    if not len(own):
        return np.zeros(len(hashes), bool)
    return own[np.minimum(np.searchsorted(own, hashes), len(own) - 1)] == hashes


def strays(texts: pa.Array, own: np.ndarray) -> list[tuple[str, ...]]:
    """The digits in each text that are a form of a victim's number; `own` as `written_forms`."""
    found: list[tuple[str, ...]] = [()] * len(texts)
    for row, digits in in_some(texts, own).items():
        found[row] = digits
    return found


def in_some(texts: pa.Array, own: np.ndarray) -> dict[int, tuple[str, ...]]:
    """The same for the rows that have any."""
    if not len(own):
        return {}
    rows, digits = in_texts(texts)
    held = np.flatnonzero(_among(hash_text(digits), own))
    hits: dict[int, set[str]] = {}
    for row, one in zip(rows[held].tolist(), digits.take(pa.array(held)).to_pylist(), strict=True):
        hits.setdefault(row, set()).add(one)
    return {row: tuple(sorted(those)) for row, those in hits.items()}


_Waiting = tuple[np.ndarray, list[np.ndarray], int]
"""Hashes sorted, those that came since, and how many these are."""


class _Union(beam.CombineFn):
    """Arrays of hashes to one; folded when as many wait as are held, or it would be quadratic."""

    def __init__(self, few: int = FEW) -> None:
        self._few = few

    def create_accumulator(self) -> _Waiting:
        return np.empty(0, np.int64), [], 0

    def add_input(self, held: _Waiting, more: np.ndarray) -> _Waiting:
        known, waiting, count = held
        waiting.append(more)
        count += len(more)
        if count > max(len(known), self._few):
            return _once(np.concatenate([known, *waiting])), [], 0
        return known, waiting, count

    def merge_accumulators(self, parts: Iterable[_Waiting]) -> _Waiting:
        arrays = [one for known, waiting, _ in parts for one in (known, *waiting)]
        return _once(np.concatenate(arrays)), [], 0

    def extract_output(self, held: _Waiting) -> np.ndarray:
        known, waiting, count = held
        return _once(np.concatenate([known, *waiting])) if count else known


@dataclass(eq=False)
class VictimNumbers(beam.PTransform):
    """Batches with an `entity_id` to the sorted `written_forms` of them all, 8 bytes a form.

    `start` has one element a window: where nobody's number is known there is an array too.
    """

    start: beam.PCollection

    def expand(self, withheld: beam.PCollection) -> beam.PCollection:
        """Forms of each batch, then their union."""
        nobody = self.start | "Nobody's" >> beam.Map(_nobody)
        forms = withheld | "Forms" >> beam.Map(written_forms)
        together = (forms, nobody) | beam.Flatten()
        return together | beam.CombineGlobally(_Union()).without_defaults()


def _nobody(_: object) -> np.ndarray:
    return np.empty(0, np.int64)


Array = np.ndarray


SHORTEST = 7
"""Digits of the shortest form that is looked for: fewer are an amount or a year."""


LONGEST = 18
"""Digits of the longest form: 15 (E.164) after an international prefix."""


PIECES = 6
"""Runs of digits that one number is written in."""


ENOUGH = rf"[0-9](?:[^0-9A-Za-z_]{{0,3}}[0-9]){{{SHORTEST - 1}}}|[^\x00-\x7f]"
"""RE2: without a match of this, no number is written in a text."""


_GAP = 3
"""Characters between two runs of one number, none of them of a word."""


_RUN = re.compile(r"\d+", re.ASCII)


_CLOSE = re.compile(rf"\d+(?:[^\w]{{1,{_GAP}}}\d+)*", re.ASCII)


_OF_A_WORD = np.array([chr(byte).isalnum() or chr(byte) == "_" for byte in range(128)])


_BYTES = 1 << 22
"""Bytes of texts that are read at once, which bounds what is held beside them."""


def in_texts(texts: pa.Array) -> tuple[Array, pa.Array]:
    """The candidates in strings or null, as `in_text` yields them, and the row of each."""
    rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(texts, ENOUGH), False))
    texts = texts.take(pa.array(rows))
    codes = pc.match_substring_regex(texts, text_util.HINT)
    plain = pc.and_not(pc.string_is_ascii(texts), codes).to_numpy(zero_copy_only=False)
    found = [_one_by_one(texts, np.flatnonzero(~plain))]
    for part in _parts(texts, np.flatnonzero(plain)):
        at, digits = _in_plain(texts.take(pa.array(part)))
        found.append((part[at], digits))
    where, candidates = zip(*found, strict=True)
    return rows[np.concatenate(where)], pa.concat_arrays(candidates)


def in_text(text: str) -> Iterator[str]:
    """Runs of digits, alone and joined to those that follow closely."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    read = text_util.read(plain)
    for close in (*_CLOSE.findall(plain), *(_CLOSE.findall(read) if read != plain else ())):
        runs = _RUN.findall(close)
        for first in range(len(runs)):
            digits = ""
            for run in runs[first : first + PIECES]:
                digits += run
                if len(digits) > LONGEST:
                    break
                if len(digits) >= SHORTEST:
                    yield digits


def _one_by_one(texts: pa.Array, rows: Array) -> tuple[Array, pa.Array]:
    """The candidates in some of the texts, and of which each is."""
    told = texts.take(pa.array(rows)).dictionary_encode()
    of_text = [list(set(in_text(text))) for text in told.dictionary.to_pylist()]
    held = [of_text[at] for at in told.indices.to_pylist()]
    counts = np.array([len(one) for one in held], np.int64)
    return np.repeat(rows, counts), pa.array(chain.from_iterable(held), pa.string())


def _parts(texts: pa.Array, rows: Array) -> list[Array]:
    """Some of the texts in parts of about `_BYTES`."""
    sizes = np.cumsum(pc.binary_length(texts).to_numpy()[rows], dtype=np.int64)
    return np.split(rows, np.flatnonzero(np.diff(sizes // _BYTES)) + 1)


def _in_plain(texts: pa.Array) -> tuple[Array, pa.Array]:
    """The candidates in texts of ASCII that encode nothing, and of which text each is."""
    offsets, data = buffers(texts)
    at = np.flatnonzero(data - ord("0") < len("0123456789"))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, offsets)))
    # Runs, by their digits' numbers among all digits: those of a chain stand there in one piece.
    apart = (np.diff(at) > 1) | (np.diff(text) > 0)
    firsts = np.append(0, np.flatnonzero(apart) + 1)[: len(at)]
    ends = np.append(firsts[1:], len(at))[: len(firsts)]
    chains = np.cumsum(_begin_a_chain(data, at[firsts], at[ends - 1] + 1, text[firsts]))
    found = []
    for more in range(min(PIECES, len(firsts))):
        first, end = firsts[: len(firsts) - more], ends[more:]
        held = (chains[more:] == chains[: len(chains) - more]) & (end - first >= SHORTEST)
        held &= end - first <= LONGEST
        found.append((first[held], end[held]))
    if not found:
        return at, pa.array([], pa.string())
    first, end = (np.concatenate(column) for column in zip(*found, strict=True))
    return text[first], strings(data[at], first, end)


def _begin_a_chain(data: Array, starts: Array, ends: Array, text: Array) -> Array:
    """Which runs of digits, by their places in bytes, do not follow the one before closely."""
    begin = np.ones(len(starts), bool)
    gap = starts[1:] - ends[:-1]
    begin[1:] = (text[1:] != text[:-1]) | (gap > _GAP)
    for place in range(_GAP):
        inside = np.flatnonzero(~begin[1:] & (gap > place))
        begin[inside + 1] = _OF_A_WORD[data[ends[inside] + place]]
    return begin


PREFIXES = ("", "00", "011")
"""What is dialled before a country code: ITU-T E.123, and North America."""


_NUMBER = r"^\+[0-9]{7,15}$"


_WIDEST = 3
"""Digits of the longest country code."""


def forms(e164: pa.Array) -> pa.Array:
    """Every form of E.164 numbers without nulls, in any order, some of them more than once.

    The numbers themselves, with their plus, are among them.
    """
    shaped = pc.match_substring_regex(e164, _NUMBER).to_numpy(zero_copy_only=False)
    code = np.zeros(len(e164), np.int64)
    code[shaped] = numbering_plan.codes()[digits_of(e164.filter(pa.array(shaped))).begin(3)]
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
