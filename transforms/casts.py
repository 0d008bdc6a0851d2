"""Text columns to typed columns, with a mask of the rows that cannot be: checks of validation.

Every parser takes a text column and returns the typed column (null where the text is absent or
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

EARLIEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)

LATEST_DATE = datetime(2100, 1, 1, tzinfo=UTC)
"""No complaint about a call center that impersonates a web shop lies outside these."""

AMOUNT_LIMIT = Decimal(10) ** 13
"""More than anybody can lose, in any currency; AMOUNT holds the sum of ten million such losses."""

Checked = tuple[pa.Array, np.ndarray]


def parse_timestamps(column: pa.Array) -> Checked:
    """Parses ISO 8601 with a zone to UTC microseconds, cutting off digits beyond them."""
    trimmed = pc.replace_substring_regex(trim_text(column), r"(\.\d{6})\d+", r"\1")
    try:
        return pc.cast(trimmed, TIMESTAMP), np.zeros(len(column), bool)
    except pa.ArrowInvalid:
        micros, bad = _parse_distinct(trimmed, pa.int64(), _one_timestamp)
        return micros.cast(TIMESTAMP), bad


def parse_amounts(column: pa.Array) -> Checked:
    """Parses exact decimals from 0 to below `AMOUNT_LIMIT`, of at most AMOUNT's 18 places."""
    plain = trim_text(column)
    if true_mask(pc.invert(pc.match_substring_regex(plain, r"^\d{1,13}(\.\d{1,18})?$"))).any():
        return _parse_distinct(plain, AMOUNT, _one_amount)
    return pc.cast(plain, AMOUNT), np.zeros(len(column), bool)


def parse_durations(column: pa.Array) -> Checked:
    """Parses seconds from 0 to a week."""
    return _parse_distinct(trim_text(column), pa.float64(), _one_duration)


def parse_codes(column: pa.Array, known: Collection[str]) -> Checked:
    """Parses codes of a closed list, such as ISO 3166-1 or ISO 4217, to upper case."""
    upper = pc.ascii_upper(trim_text(column))
    unknown = true_mask(pc.invert(pc.is_in(upper, pa.array(sorted(known)))))
    return upper, unknown & true_mask(pc.is_valid(upper))


def parse_choices(column: pa.Array, known: Collection[str], otherwise: str | None) -> Checked:
    """Parses words of a closed vocabulary, in any case; others become `otherwise`, and bad."""
    words = sorted(known)
    lower = pc.ascii_lower(trim_text(column))
    at = pc.index_in(lower, pa.array([word.lower() for word in words]))
    strange = true_mask(pc.is_null(at)) & true_mask(pc.is_valid(lower))
    chosen = pa.array(words, pa.string()).take(at)
    return pc.if_else(pa.array(strange), pa.scalar(otherwise, pa.string()), chosen), strange


def impossible_dates(column: pa.Array) -> np.ndarray:
    """Returns a mask of the rows whose time no complaint can have."""
    early = pc.less(column, pa.scalar(EARLIEST_DATE, TIMESTAMP))
    return true_mask(pc.or_(early, pc.greater_equal(column, pa.scalar(LATEST_DATE, TIMESTAMP))))


def trim_text(column: pa.Array) -> pa.Array:
    """Trims a column of surrounding blanks; empty text becomes null."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def true_mask(condition: pa.Array) -> np.ndarray:
    """Converts a boolean column to numpy, null as false."""
    return pc.fill_null(condition, False).to_numpy(zero_copy_only=False)


def _parse_distinct(column: pa.Array, kind: pa.DataType, read: Callable[[str], object]) -> Checked:
    """Applies `read` to each distinct text once; a ValueError or the like marks it bad."""
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
    return typed, true_mask(pa.array(bad, pa.bool_()).take(encoded.indices))


def _one_timestamp(value: str) -> object:
    # As a number: Python's datetime does not reach the years that Arrow reads.
    return pc.cast(pa.scalar(value), TIMESTAMP).value


def _one_amount(value: str) -> Decimal:
    amount = Decimal(_plain(value))
    if not amount.is_finite() or amount < 0 or amount >= AMOUNT_LIMIT:
        raise ValueError("not a possible amount")
    exact = Context(prec=38, traps=[Inexact, InvalidOperation])
    return amount.quantize(Decimal(1).scaleb(-18), context=exact)


def _one_duration(value: str) -> float:
    seconds = float(_plain(value))
    if not 0 <= seconds <= 7 * 86_400:
        raise ValueError("not a possible duration")
    return seconds


def _plain(value: str) -> str:
    """Refuses numbers that Python alone reads, such as 1_000."""
    if "_" in value:
        raise ValueError("not a number")
    return value
