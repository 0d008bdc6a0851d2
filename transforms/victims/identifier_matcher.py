"""Finds the identifiers of a victim in text, however they are written.

Identifiers come in as E.164 numbers, entity ids, or numbers as written. They become patterns:
digits, or letters and digits, without prefix or punctuation. `find_identifiers` ignores punctuation
between the characters of a pattern. It prefers false matches, which mask a few characters too many,
to missed matches, which leak a victim's number. `RowPatterns` rules most texts out by their digits.

`complaint_numbers` and `call_readings` normalize the numbers of records; `own_numbers` and
`victim_sides` choose the victim's. Reports use this module too, so it does not load Beam.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import accumulate, chain, pairwise, product
from typing import NamedTuple

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers.phonemetadata import PhoneMetadata

from schemas.enums import SUSPECT_NUMBER_DIRECTIONS, Direction, Role
from schemas.field import INTEGER, TEXT
from transforms.arrow import Array, list_items, sorted_lookup, string_buffers
from transforms.decode import SEARCH_LIMIT
from transforms.decode.addresses import AT_SAID, DASH_SAID, DOT_SAID, UNDERSCORE_SAID
from transforms.decode.escapes import Span, plain_in_place
from transforms.decode.number_words import DIGIT_WORDS_HINT, read_digits
from transforms.decode.readings import TOKEN_HINT, plain_forms, whole_spans
from transforms.phone import normalize
from transforms.phone.numbering_plan import NANP

CALL_ROLES = {
    "calling_number": {Direction.INBOUND: Role.CALLER_ID, Direction.OUTBOUND: Role.VICTIM},
    "called_number": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.CALLBACK},
    "diverted_from": {Direction.INBOUND: Role.VICTIM, Direction.OUTBOUND: Role.MENTIONED},
}
"""The role of each number of a call, by direction.

A diverted outbound call may be malware on the victim's phone that diverts calls to a bank. So the
number that the victim dialed is only mentioned.
"""

MIN_IDENTIFIER_LENGTH = 6
"""Length of the shortest identifier that is searched for outside its own field, in characters."""

_ENDINGS = 10**MIN_IDENTIFIER_LENGTH
"""Number of possible endings: the last `MIN_IDENTIFIER_LENGTH` digits of an identifier."""

_WIDEST_GAP = 12
"""Most characters between two digits of a number: 'dash', brackets, '&amp;#0052;'."""

_WIDEST_GAP_IN_WORDS = 6
"""Most characters between two letters of an identifier: an IBAN's blanks, '[.]'."""

_WIDEST_GAP_SPOKEN = 24
"""Most such characters where words, escapes or tags stand for signs: ' underscore ', '%5B.%5D'."""

_WIDEST_GAP_OF_WORDS = 60
"""Most characters between the beginnings of two words that stand for digits."""

_APART = 4
"""Least distance of a local number from digits before or after it, in characters."""

_LONGEST_SPELLED = 40
"""Most characters of a number with letters, '1-800-FLOWERS', that is searched for as written."""

_LOCAL_DIGITS = 7
"""Digits of a North American subscriber number written without its area code."""

_SIGN_WORDS = re.compile(
    rf"(?<![^\W_])(?:{AT_SAID}|sign[oe]|{DOT_SAID}|{UNDERSCORE_SAID}|{DASH_SAID})(?![^\W_])"
    r"|艾特|圈a|[点點]|<[/a-z!][^<>]{0,80}>|=(?:40|2e|20)(?=[a-z0-9])"
)
"""Words for the signs of an address, tags, and signs as mail encodes them; in lower case."""

_GLUED_AT, _GLUED_DOT = ("", "at", "arroba", "arobase"), ("", "dot", "punto", "punkt", "point")

_DIGITS, _WORDS = re.compile(r"\d+"), re.compile(r"[^\W_]+")
"""Parts of a text that are compared with patterns: digits, or letters and digits."""

_NAME_OF_ONE = re.compile(r"(?=\D*\d)(?=\d*\D)\w{8,64}")
"""A name of letters and digits that few people share."""

_SPELLED = re.compile(r"\d{3}.*[^\W\d_]{3}")

_ID = rf"(?:^|:)\+?[0-9]{{{MIN_IDENTIFIER_LENGTH},}}$"

_AS_WRITTEN = rf"^\+?[0-9]{{{MIN_IDENTIFIER_LENGTH},}}$"
"""RE2: a number as written that ends in the same digits in all forms; `_ID`: such an identifier."""

_HIDES_DIGITS = rf"[^\x00-\x7f]|[%&]|(?-i:{TOKEN_HINT})|{DIGIT_WORDS_HINT}"
"""RE2: signs in a value that may stand for digits."""


class Pattern(NamedTuple):
    """Digits, or lower-case letters and digits. With `alone`, not as part of a longer number."""

    text: str
    alone: bool = False


Patterns = frozenset[Pattern]


class RowIdentifiers(NamedTuple):
    """Victims' identifiers (E.164, entity ids, or as written) and their rows, ascending."""

    rows: Array
    identifiers: pa.Array


NO_IDENTIFIERS = RowIdentifiers(np.zeros(0, np.int64), pa.array([], TEXT))


def merge_row_identifiers(*parts: RowIdentifiers) -> RowIdentifiers:
    """Merges identifiers by row; within a row they keep the order of the parts."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    identifiers = pa.concat_arrays([part.identifiers for part in parts])
    return RowIdentifiers(rows[order], identifiers.take(order))


def identifier_patterns(identifiers: Iterable[str], as_written: Iterable[str] = ()) -> Patterns:
    """Returns the patterns of identifiers.

    `identifiers` are E.164 numbers or entity ids, `as_written` numbers that could not be read.
    """
    patterns: set[Pattern] = set()
    for identifier in identifiers:
        value = identifier.rpartition(":")[2]
        patterns.update(
            _number_patterns(value)
            if value.startswith("+")
            else map(Pattern, {_compact(value), *_glued_addresses(value)})
        )
    for text in as_written:
        patterns.update(_number_patterns(text[:SEARCH_LIMIT]))
        if _SPELLED.search(text[:_LONGEST_SPELLED]):
            patterns.add(Pattern(_compact(text[:_LONGEST_SPELLED])))
    return frozenset(form for form in patterns if len(form.text) >= MIN_IDENTIFIER_LENGTH)


def find_identifiers(text: str, patterns: Patterns) -> Iterator[Span]:
    """Yields start and end, in characters, of every occurrence of a pattern."""
    forms = plain_forms(text)
    numbers, words = _digits_and_words(patterns)
    every = [_find_among(form, _DIGITS, _WIDEST_GAP, numbers) for form in forms] if numbers else []
    if words:
        every += [_find_among(form, _WORDS, widest, words) for form, widest in _words(*forms)]
    yield from whole_spans(text, chain.from_iterable(every))


@lru_cache(maxsize=1 << 10)
def _digits_and_words(patterns: Patterns) -> tuple[Patterns, Patterns]:
    """Returns the patterns of digits only, and the patterns with letters."""
    digits = frozenset(pattern for pattern in patterns if pattern.text.isdecimal())
    return digits, patterns - digits


def find_in_digits(digits: str, places: list[int], numbers: Patterns) -> Iterator[Span]:
    """Yields the span of each pattern of digits, given all digits of a text and their places."""
    yield from _Characters(digits, places, _WIDEST_GAP).find(numbers)


def find_in_words(text: str, numbers: Patterns) -> Iterator[Span]:
    """Yields the span of each pattern whose digits are written as words, from word to word."""
    for words in read_digits(text):
        ends = {word.start: word.end for word in words}
        places = [word.start for word in words for _ in word.digits]
        digits = _Characters("".join(word.digits for word in words), places, _WIDEST_GAP_OF_WORDS)
        for start, end in digits.find(numbers):
            yield start, ends[end - 1]


class RowPatterns:
    """The patterns of identifiers, and of numbers as `written`, to search for in each row.

    Nearly all identifiers are phone numbers, which end in the same digits in every form. Texts
    without such an ending are skipped, so the patterns of most rows are never made.
    """

    def __init__(self, identifiers: RowIdentifiers, written: RowIdentifiers) -> None:
        self._parts = (identifiers, written)
        self._patterns: dict[int, tuple[Patterns, Patterns, Patterns]] = {}
        self.lettered: list[int] = []
        """The rows with an identifier that has letters."""
        endings: list[Array] = []
        others: set[int] = set()
        for part, plain in zip(self._parts, (_ID, _AS_WRITTEN), strict=True):
            known = pc.match_substring_regex(part.identifiers, plain)
            numbers = part.identifiers.filter(known)
            last = pc.utf8_slice_codeunits(numbers, -MIN_IDENTIFIER_LENGTH, None)
            is_known = known.to_numpy(zero_copy_only=False)
            endings.append(part.rows[is_known] * _ENDINGS + last.cast(INTEGER).to_numpy())
            others.update(part.rows[~is_known].tolist())
        for row in sorted(others):
            digits, words, _ = self.patterns(row)
            last_digits = [int(pattern.text[-MIN_IDENTIFIER_LENGTH:]) for pattern in digits]
            endings.append(row * _ENDINGS + np.array(last_digits, np.int64))
            if words:
                self.lettered.append(row)
        self._endings = np.unique(np.concatenate(endings))

    def patterns(self, row: int) -> tuple[Patterns, Patterns, Patterns]:
        """Returns a row's patterns: of digits, with letters, and with letters or account names."""
        if row not in self._patterns:
            identifiers, written = (_of_row(part, row) for part in self._parts)
            digits, words = _digits_and_words(identifier_patterns(identifiers, written))
            self._patterns[row] = digits, words, words | account_names(identifiers)
        return self._patterns[row]

    def may_be_in(self, digits: pa.Array, rows: Array) -> Array:
        """Tells which texts of digits contain the ending of a number wanted in their row."""
        offsets, data = string_buffers(digits)
        text = np.repeat(np.arange(len(digits)), np.diff(offsets))
        count = max(0, len(data) + 1 - MIN_IDENTIFIER_LENGTH)
        number = np.zeros(count, np.int64)
        for place in range(MIN_IDENTIFIER_LENGTH):
            number = number * 10 + (data[place : place + count] - ord("0"))
        inside = text[:count] == text[len(text) - count :]
        text = text[:count][inside]
        _, known = sorted_lookup(self._endings, rows[text] * _ENDINGS + number[inside])
        return np.isin(np.arange(len(digits)), text[known])

    def are_in(self, values: RowIdentifiers) -> Array:
        """Tells which canonical values contain an identifier wanted in their row."""
        hidden = pc.match_substring_regex(values.identifiers, _HIDES_DIGITS).to_numpy(
            zero_copy_only=False
        )
        digits = pc.replace_substring_regex(values.identifiers, "[^0-9]+", "")
        contain = self.may_be_in(digits, values.rows) | np.isin(values.rows, self.lettered)
        contain |= hidden & np.isin(values.rows, self._endings // _ENDINGS)
        maybe = np.flatnonzero(contain)
        some = values.identifiers.take(maybe).to_pylist()
        contain[maybe] = [
            _contains(value, *self.patterns(row)[:2])
            for row, value in zip(values.rows[maybe].tolist(), some, strict=True)
        ]
        return contain


def _contains(value: str, numbers: Patterns, words: Patterns) -> bool:
    """Tells whether a canonical value contains a pattern of digits or with letters."""
    if value[:1] == "+" and value[1:].isdecimal():
        return any(pattern.text in value and not pattern.alone for pattern in numbers | words)
    return any(find_identifiers(value, numbers | words)) or any(find_in_words(value, numbers))


def _of_row(part: RowIdentifiers, row: int) -> list[str]:
    first, end = part.rows.searchsorted([row, row + 1]).tolist()
    identifiers: list[str] = part.identifiers[first:end].to_pylist()
    return identifiers


def plain_country_code(e164: str) -> str | None:
    """Returns the country code of an E.164 number if it is in `plain_country_codes`."""
    for length in (1, 2, 3):
        code = e164[1 : 1 + length]
        if code in plain_country_codes():
            return code
    return None


@cache
def plain_country_codes() -> frozenset[str]:
    """Returns the country codes whose national formats only add a prefix to a number.

    Argentina's formats, for example, insert 15.
    """
    codes = set()
    for code, regions in pn.COUNTRY_CODE_TO_REGION_CODE.items():
        plans = [PhoneMetadata.metadata_for_region_or_calling_code(code, r) for r in regions]
        formats = [form.format or "" for plan in plans if plan for form in plan.number_format]
        if not any(re.search(r"\d", re.sub(r"\\\d", "", text)) for text in formats):
            codes.add(str(code))
    return frozenset(codes)


def account_names(identifiers: Iterable[str]) -> Patterns:
    """Returns the names before the @ of addresses that mix letters and digits, as few others do."""
    names = (_compact(name.rpartition(":")[2].rpartition("@")[0]) for name in identifiers)
    return frozenset(Pattern(name) for name in names if _NAME_OF_ONE.fullmatch(name))


def _glued_addresses(value: str) -> Iterator[str]:
    """Yields the forms of an address with words for its signs and no blanks: 'janeATwebDOTde'."""
    local, sign, host = value.rpartition("@")
    if sign:
        names, labels = ([*map(_compact, part.split("."))] for part in (local, host))
        for dot in _GLUED_DOT:
            for name, sign_word in product({"".join(names), dot.join(names)}, _GLUED_AT):
                yield f"{name}{sign_word}{dot.join(labels)}"


@lru_cache(maxsize=1 << 16)
def _number_patterns(written: str) -> tuple[Pattern, ...]:
    return tuple(_patterns_of_number(written))


def _patterns_of_number(written: str) -> Iterator[Pattern]:
    """Yields the digits by which a number is recognized after any prefix.

    - An international number: the national significant number, and the national form if it has
      other digits (Argentine mobiles).
    - A North American number: also the number without its area code.
    - Any other number: its digits without leading zeros.
    """
    if written[:1] == "+" and written[1:].isdecimal() and (code := plain_country_code(written)):
        national = written[1 + len(code) :]
        yield Pattern(national)
    else:
        try:
            number = pn.parse(written)
        except pn.NumberParseException:
            digits = plain_digits(written).lstrip("0")
            yield Pattern(digits, alone=len(digits) <= _LOCAL_DIGITS)
            return
        code, national = str(number.country_code), pn.national_significant_number(number)
        yield Pattern(national)
        form = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
        yield Pattern(plain_digits(form).lstrip("0"))
    if code == NANP:
        yield Pattern(national[-_LOCAL_DIGITS:], alone=True)


class _Characters(NamedTuple):
    """The compared characters of a text, their places, and the widest gap between them."""

    text: str
    places: list[int]
    widest: int

    def find(self, patterns: Patterns) -> Iterator[Span]:
        """Yields the spans of patterns."""
        places = self.places
        gaps: list[int] = []
        for pattern in patterns:
            first = self.text.find(pattern.text)
            while first >= 0:
                last = first + len(pattern.text) - 1
                close = places[last] - places[first] == last - first
                if not close:
                    gaps = gaps or self._wide_gaps()
                    close = gaps[first] == gaps[last]
                if close and (not pattern.alone or self._is_apart(first, last)):
                    yield places[first], places[last] + 1
                first = self.text.find(pattern.text, first + 1)

    def _wide_gaps(self) -> list[int]:
        """Counts the gaps before each character that are too wide within a pattern."""
        wide = (after - before > self.widest + 1 for before, after in pairwise(self.places))
        return [*accumulate(wide, initial=0)]

    def _is_apart(self, first: int, last: int) -> bool:
        """Tells whether a short number stands apart from other digits."""
        places = self.places
        before = first == 0 or places[first] - places[first - 1] > _APART
        after = last + 1 == len(places) or places[last + 1] - places[last] > _APART
        return before and after


def _find_among(low: str, read: re.Pattern[str], widest: int, patterns: Patterns) -> Iterator[Span]:
    """Yields the spans of patterns in the parts of a plain text that `read` matches."""
    characters = "".join(read.findall(low))
    if any(pattern.text in characters for pattern in patterns):
        places = [place for part in read.finditer(low) for place in range(*part.span())]
        yield from _Characters(characters, places, widest).find(patterns)


def _words(plain: str, *decoded: str) -> Iterator[tuple[str, int]]:
    """Yields a plain text, perhaps again with spelled signs blanked, and the widest gap in each."""
    yield plain, _WIDEST_GAP_IN_WORDS
    written = _SIGN_WORDS.sub(lambda word: " " * len(word[0]), (plain, *decoded)[-1])
    if written != plain:
        yield written, _WIDEST_GAP_SPOKEN


def plain_digits(text: str) -> str:
    """Returns the digits of a text, in ASCII."""
    return "".join(re.findall("[0-9]+", plain_in_place(text)))


def _compact(text: str) -> str:
    return "".join(_WORDS.findall(plain_in_place(text)))


class ComplaintNumbers(NamedTuple):
    """The phone_numbers of complaints: their places, as written and as read.

    `own` are the numbers with the role `victim`, in E.164 or as written.
    """

    rows: pa.Array
    places: list[int]
    raw: pa.Array
    role: pa.Array
    regions: pa.Array
    readings: pa.StructArray
    e164: pa.Array
    own: RowIdentifiers


def complaint_numbers(batch: pa.RecordBatch) -> ComplaintNumbers:
    """Normalizes the phone_numbers of a batch of `COMPLAINT_ACCEPTED`."""
    numbers = list_items(batch["phone_numbers"])
    raw, role = pc.struct_field(numbers.values, "raw"), pc.struct_field(numbers.values, "role")
    rows = pa.array(numbers.rows, INTEGER)
    regions = batch["victim_country"].take(rows)
    readings = normalize.normalize_numbers(raw, regions)
    e164 = pc.struct_field(readings, "e164")
    own = _nonempty(rows, pc.coalesce(e164, raw), pc.equal(role, Role.VICTIM))
    return ComplaintNumbers(rows, numbers.places, raw, role, regions, readings, e164, own)


def own_numbers(batch: pa.RecordBatch) -> RowIdentifiers:
    """Returns the victim's phone_numbers of COMPLAINT_READ rows."""
    numbers = list_items(batch["phone_numbers"])
    theirs = pc.equal(numbers.field("role"), Role.VICTIM)
    written = pc.coalesce(pc.list_flatten(batch["e164"]), numbers.field("raw"))
    return _nonempty(pa.array(numbers.rows, INTEGER), written, theirs)


CallReadings = Mapping[str, pa.StructArray]
"""READING_TYPE of the numbers of calls, by column."""


def call_readings(batch: pa.RecordBatch) -> CallReadings:
    """Normalizes the numbers of a batch of `CALL_ACCEPTED`; returns `READING_TYPE` by column."""
    return {
        name: normalize.normalize_numbers(batch[name], batch["victim_country"])
        for name in CALL_ROLES
    }


def e164_columns(readings: CallReadings) -> dict[str, pa.Array]:
    """Returns the numbers of calls as read, by column."""
    return {name: pc.struct_field(read, "e164") for name, read in readings.items()}


def victim_sides(batch: pa.RecordBatch, e164: Mapping[str, pa.Array]) -> RowIdentifiers:
    """Returns the numbers of calls that are the victim's or, without a direction, may be.

    `e164` has the calls' numbers as read, by column.
    """
    rows = pa.array(np.arange(len(batch)))
    both: list[RowIdentifiers] = []
    for name, suspects in SUSPECT_NUMBER_DIRECTIONS.items():
        theirs = pc.fill_null(pc.not_equal(batch["direction"], suspects.value), True)
        written = pc.coalesce(e164[name], batch[name])
        both.append(_nonempty(rows, written, theirs))
    return merge_row_identifiers(*both)


def _nonempty(rows: pa.Array, written: pa.Array, theirs: pa.Array) -> RowIdentifiers:
    """Selects the victims' numbers that are neither null nor empty."""
    kept = pc.and_(theirs, pc.not_equal(written, ""))
    return RowIdentifiers(rows.filter(kept).to_numpy(), written.filter(kept))
