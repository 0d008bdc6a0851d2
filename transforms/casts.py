"""Text columns to typed columns, with the rows that cannot be: the checks of validation.

Every function takes a text column and returns the typed column (null where the text is absent or
bad) and a boolean mask of the bad rows. Bad values are never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import AMOUNT, TIMESTAMP

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No complaint about a call center that impersonates a web shop lies outside these."""


TOO_MUCH = Decimal(10) ** 13
"""More than anybody can lose, in any currency; AMOUNT holds the sum of ten million such losses."""


Checked = tuple[pa.Array, np.ndarray]


def mask(condition: pa.Array) -> np.ndarray:
    """A boolean column as numpy, null counted as false."""
    return pc.fill_null(condition, False).to_numpy(zero_copy_only=False)


def text(column: pa.Array) -> pa.Array:
    """The column without surrounding blanks, empty text as null."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def by_distinct(column: pa.Array, kind: pa.DataType, read: Callable[[str], object]) -> Checked:
    """Apply `read` to each distinct text once; a ValueError or InvalidOperation marks it bad."""
    encoded = pc.dictionary_encode(column)
    read_values: list[object] = []
    bad: list[bool] = []
    for value in encoded.dictionary.to_pylist():
        try:
            read_values.append(read(value))
            bad.append(False)
        except (ValueError, InvalidOperation, Inexact, OverflowError):
            read_values.append(None)
            bad.append(True)
    typed = pa.array(read_values, kind).take(encoded.indices)
    return typed, mask(pa.array(bad, pa.bool_()).take(encoded.indices))


def timestamps(column: pa.Array) -> Checked:
    """ISO 8601 with a zone, to UTC microseconds; digits beyond the microsecond are cut off."""
    trimmed = pc.replace_substring_regex(text(column), r"(\.\d{6})\d+", r"\1")
    try:
        return pc.cast(trimmed, TIMESTAMP), np.zeros(len(column), bool)
    except pa.ArrowInvalid:
        micros, bad = by_distinct(trimmed, pa.int64(), _one_timestamp)
        return micros.cast(TIMESTAMP), bad


def _one_timestamp(value: str) -> object:
    # As a number: Python's datetime does not reach the years that Arrow reads.
    return pc.cast(pa.scalar(value), TIMESTAMP).value


def impossible_dates(column: pa.Array) -> np.ndarray:
    """Rows whose time no complaint can have."""
    early = pc.less(column, pa.scalar(EARLIEST, TIMESTAMP))
    return mask(pc.or_(early, pc.greater_equal(column, pa.scalar(LATEST, TIMESTAMP))))


def amounts(column: pa.Array) -> Checked:
    """Decimals from 0 to below `TOO_MUCH`, of at most AMOUNT's 18 decimals, exactly."""
    plain = text(column)
    if mask(pc.invert(pc.match_substring_regex(plain, r"^\d{1,13}(\.\d{1,18})?$"))).any():
        return by_distinct(plain, AMOUNT, _one_amount)
    return pc.cast(plain, AMOUNT), np.zeros(len(column), bool)


def _one_amount(value: str) -> Decimal:
    amount = Decimal(_plain(value))
    if not amount.is_finite() or amount < 0 or amount >= TOO_MUCH:
        raise ValueError("not a possible amount")
    exact = Context(prec=38, traps=[Inexact, InvalidOperation])
    return amount.quantize(Decimal(1).scaleb(-18), context=exact)


def durations(column: pa.Array) -> Checked:
    """Finite, non-negative seconds of at most a week."""
    return by_distinct(text(column), pa.float64(), _one_duration)


def _one_duration(value: str) -> float:
    seconds = float(_plain(value))
    if not 0 <= seconds <= 7 * 86_400:
        raise ValueError("not a possible duration")
    return seconds


def _plain(value: str) -> str:
    """The text of a number as other programs write it: Python alone reads 1_000."""
    if "_" in value:
        raise ValueError("not a number")
    return value


def codes(column: pa.Array, known: Collection[str]) -> Checked:
    """Upper-case codes of a closed list, such as ISO 3166-1 or ISO 4217."""
    upper = pc.ascii_upper(text(column))
    bad = mask(pc.invert(pc.is_in(upper, pa.array(sorted(known))))) & mask(pc.is_valid(upper))
    return upper, bad


def choices(column: pa.Array, known: Collection[str], otherwise: str | None) -> Checked:
    """A closed vocabulary, in any case; a word outside it becomes `otherwise` and is marked."""
    words = sorted(known)
    lower = pc.ascii_lower(text(column))
    at = pc.index_in(lower, pa.array([word.lower() for word in words]))
    strange = mask(pc.is_null(at)) & mask(pc.is_valid(lower))
    chosen = pa.array(words, pa.string()).take(at)
    return pc.if_else(pa.array(strange), pa.scalar(otherwise, pa.string()), chosen), strange
