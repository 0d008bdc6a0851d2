"""Text columns to typed columns, with a mask of the rows that cannot be: checks of validation.

Every parser takes a text column and returns the typed column (null where the text is absent or
bad) and a boolean mask of the bad rows. Bad values are never guessed at.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from typing import Any

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import ALPHA_2, COUNTRIES, CURRENCIES
from schemas.field import AMOUNT, INTEGER, NUMBER, TEXT, TIMESTAMP
from transforms.arrow import Array, is_among, map_distinct, true_mask
from transforms.decode import load_reference_data

EARLIEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)

LATEST_DATE = datetime(2100, 1, 1, tzinfo=UTC)
"""No complaint about a call center that impersonates a web shop lies outside these."""

AMOUNT_LIMIT = Decimal(10) ** 13
"""More than anybody can lose, in any currency; AMOUNT holds the sum of ten million such losses."""

PHONE_SHAPE = re.compile(r"(?:tel:|sip:)?\+?[\d\s().\-/\u2010-\u2015'=\"]{7,30}(?:@\S+)?")
"""A text that is written as a telephone number."""

_EXTENSION = re.compile(
    r"(?<=\d)\s*[,;]?\s*(?:ext(?:ension|n)?\.?|x|#|anexo|poste|ramal|interno|durchwahl)"
    r"\s*[.:=]?\s*\d{1,6}$",
    re.IGNORECASE,
)
"""An extension behind a number."""


Checked = tuple[pa.Array, Array]


def parse_timestamps(column: pa.Array) -> Checked:
    """Parses ISO 8601 with a zone to UTC microseconds, cutting off digits beyond them."""
    trimmed = pc.replace_substring_regex(trim_text(column), r"(\.\d{6})\d+", r"\1")
    try:
        return pc.cast(trimmed, TIMESTAMP), np.zeros(len(column), bool)
    except pa.ArrowInvalid:
        micros, bad = _parse_distinct(trimmed, INTEGER, _one_timestamp)
        return micros.cast(TIMESTAMP), bad


def parse_amounts(column: pa.Array) -> Checked:
    """Parses exact decimals from 0 to below `AMOUNT_LIMIT`, of at most AMOUNT's 18 places."""
    return _parse_distinct(trim_text(column), AMOUNT, _one_amount)


def parse_durations(column: pa.Array) -> Checked:
    """Parses seconds from 0 to a week."""
    return _parse_distinct(trim_text(column), NUMBER, _one_duration)


def parse_codes(column: pa.Array, known: Collection[str]) -> Checked:
    """Parses codes of a closed list, such as ISO 3166-1 or ISO 4217, to upper case."""
    upper = pc.ascii_upper(trim_text(column))
    unknown = true_mask(pc.invert(is_among(upper, known)))
    return upper, unknown & true_mask(pc.is_valid(upper))


def parse_choices(column: pa.Array, known: Collection[str], otherwise: str | None) -> Checked:
    """Parses words of a closed vocabulary, in any case; others become `otherwise`, and bad."""
    words = sorted(known)
    lower = pc.ascii_lower(trim_text(column))
    place = pc.index_in(lower, pa.array([word.lower() for word in words]))
    strange = true_mask(pc.is_null(place)) & true_mask(pc.is_valid(lower))
    chosen = pa.array(words, TEXT).take(place)
    return pc.if_else(strange, pa.scalar(otherwise, TEXT), chosen), strange


def impossible_dates(column: pa.Array) -> Array:
    """Returns a mask of the rows whose time no complaint can have."""
    early = pc.less(column, EARLIEST_DATE)
    return true_mask(pc.or_(early, pc.greater_equal(column, LATEST_DATE)))


def trim_text(column: pa.Array) -> pa.Array:
    """Trims a column of surrounding blanks; empty text becomes null."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _parse_distinct(column: pa.Array, kind: pa.DataType, read: Callable[[str], object]) -> Checked:
    """Applies `read` to each distinct text once; a ValueError or the like marks it bad."""

    def read_or_null(text: str) -> object:
        try:
            return read(text)
        except (ValueError, ArithmeticError):
            return None

    typed = map_distinct(column, read_or_null, kind)
    return typed, true_mask(pc.and_(pc.is_valid(column), pc.is_null(typed)))


def _one_timestamp(value: str) -> object:
    # As a number: Python's datetime does not reach the years that Arrow reads.
    return pc.cast(pa.scalar(value), TIMESTAMP).value


def _one_amount(value: str) -> Decimal:
    amount = Decimal(plain_number(value))
    if not amount.is_finite() or amount < 0 or amount >= AMOUNT_LIMIT:
        raise ValueError("not a possible amount")
    exact = Context(prec=38, traps=[Inexact, InvalidOperation])
    return amount.quantize(Decimal(1).scaleb(-18), context=exact)


def _one_duration(value: str) -> float:
    seconds = float(plain_number(value))
    if not 0 <= seconds <= 7 * 86_400:
        raise ValueError("not a possible duration")
    return seconds


def plain_number(value: str) -> str:
    """Refuses numbers that Python alone reads, such as 1_000."""
    if "_" in value:
        raise ValueError("not a number")
    return value


def plain_words(text: str) -> str:
    """Returns words in lower case, without accents and punctuation, CamelCase parted."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    bare = "".join(
        sign for sign in unicodedata.normalize("NFKD", parted) if not unicodedata.combining(sign)
    )
    return " ".join(re.findall(r"\w+", bare.casefold().replace("_", " ")))


@cache
def word_lists() -> dict[str, Any]:
    """Returns the names that columns have, and the words in them, by what they mean."""
    return load_reference_data("columns.toml")


@cache
def _unknown_words() -> frozenset[str]:
    return frozenset(word_lists()["unknown"]["words"])


def says_unknown(text: str) -> bool:
    """Returns whether a text says that nothing is known, as "N/A", "-" or "not sure" do."""
    if len(text) > 40 or any(map(str.isdigit, text)):
        return False
    words = plain_words(text.casefold())
    return not words or words in _unknown_words()


@cache
def _countries() -> dict[str, str]:
    """Returns ISO 3166-1 codes by the names of countries that libphonenumber's data has."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    lists = word_lists()["countries"]
    names = {code: names for code, names in LOCALE_DATA.items() if code in COUNTRIES}
    named = {
        (plain_words(name), code)
        for code, by_language in names.items()
        for name in by_language.values()
        if not name.startswith("*")
    }
    countries = Counter(name for name, _ in named)
    return (
        {name: code for name, code in named if countries[name] == 1}
        | {plain_words(by_language["aa"]): code for code, by_language in names.items()}
        | {alpha_3.casefold(): alpha_2 for alpha_3, alpha_2 in ALPHA_2.items()}
        | {code.casefold(): code for code in COUNTRIES}
        | {plain_words(name): code for name, code in lists["names"].items()}
    )


def country_code(name: str) -> str | None:
    """Returns the ISO 3166-1 alpha-2 code of a country's code or name, None if it is not known."""
    return _countries().get(plain_words(name)) if len(name) <= 80 else None


def _without_extension(text: str) -> str:
    return _EXTENSION.sub("", text) if len(text) <= 60 else text


def is_phone_shaped(text: str) -> bool:
    """Returns whether a text is written as a telephone number, of whatever country."""
    bare = _without_extension(text)
    return bool(PHONE_SHAPE.fullmatch(bare)) and 7 <= len(re.sub(r"\D", "", bare)) <= 15


def is_phone_number(text: str, region: str | None) -> bool:
    """Returns whether a text is a valid telephone number, read in a region."""
    text = _without_extension(text)
    if len(text) > 60 or not PHONE_SHAPE.fullmatch(text):
        return False
    bare = re.sub(r"^(?:tel|sip):|@.*|[='\"]|(?<=\d{7})\.0$", "", text)
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(bare, region))
    except phonenumbers.NumberParseException:
        return False


_DURATION = re.compile(
    r"(?P<h>\d{1,3}):(?P<m>[0-5]\d):(?P<s>[0-5]\d(?:\.\d{1,6})?)"
    r"|PT(?=\d)(?:(?P<h2>\d{1,3})H)?(?:(?P<m2>\d{1,5})M)?(?:(?P<s2>\d{1,6}(?:\.\d{1,6})?)S)?"
    r"|(?=\d)(?:(?P<h3>\d{1,3}) ?h(?:ours?|rs?)?\.?(?: |$))?"
    r"(?:(?P<m3>\d{1,5}) ?min(?:utes?|s)?\.?(?: |$))?"
    r"(?:(?P<s3>\d{1,6}(?:\.\d{1,6})?) ?s(?:ec(?:onds?|s)?)?\.?)?",
    re.IGNORECASE,
)
"""A length as 0:05:23, PT5M23S or 5 min 23 s. 5:23 may be of hours or of minutes."""


def plain_duration(text: str, decimal: str) -> str:
    """Returns a length in seconds; as it is if it is none, or not clear."""
    length = _DURATION.fullmatch(text.strip())
    if length is None:
        return text if re.search(r"[^\W\d]", text) else plain_amount(text, decimal)
    seconds = sum(
        Decimal(value) * {"h": 3600, "m": 60, "s": 1}[name[0]]
        for name, value in length.groupdict().items()
        if value
    )
    return format(Decimal(seconds), "f")


_MULTIPLE = re.compile(
    r"\s?(?:k|m|mm|mn|mio|mill?|million|mrd|bn|tsd|th|thousand|lakhs?|lac|cr|crore)\b|\s?[万億亿千]",
    re.IGNORECASE,
)
"""A word behind an amount that makes it more."""

_AMOUNT = re.compile(r"[^\d]{0,8}(\d[\d.,' \u00a0\u202f]{0,40})[^\d]{0,8}")


is_amount = _AMOUNT.fullmatch
"""Recognizes an amount, with or without a currency: R$ 1.250,00, Rs. 500."""


def plain_amount(text: str, decimal: str) -> str:
    """Returns an amount without currency and separators of thousands; as it is if it is none."""
    amount = _AMOUNT.fullmatch(text)
    if not amount:
        return text
    plain = _without_thousands(amount[1].strip(), decimal)
    if plain is None or _MULTIPLE.match(text, amount.end(1)):
        return text
    return f"-{plain}" if "-" in text[: amount.start(1)] or text.startswith("(") else plain


def amount_currency(text: str) -> str | None:
    """Returns the currency that an amount names beside its number; null if none or several."""
    amount = _AMOUNT.fullmatch(text)
    words = re.findall(r"[^\W\d]*[^\w\s.,:;()+-]|[^\W\d]+", text) if amount else ()
    lists = word_lists()["currencies"]
    known = set()
    for word in words:
        code = word.upper().rstrip("$")
        if currency := lists["signs"].get(word.upper()):
            known.add(currency)
        elif code in CURRENCIES and word not in lists["words"]:
            known.add(code)
    return known.pop() if len(known) == 1 else None


def _without_thousands(text: str, decimal: str) -> str | None:
    """Returns a number with a point alone; null where its separators are not those of thousands.

    12,50 is no 1250, and 1.234,56 no 1.23456.
    """
    whole, _, decimals = text.partition(decimal)
    first, *groups = re.split(f"[{',.'.replace(decimal, '')}' \u00a0\u202f]", whole)
    if decimals and not decimals.isdecimal():
        return None
    sizes = [len(group) for group in groups]
    if groups and (len(first) > 3 or sizes[-1] != 3 or not {*sizes} <= {2, 3}):
        return None
    return "".join([first, *groups, decimals and f".{decimals}"])


_SEVERAL = re.compile(
    r"\s*(?:[;,|\n/&]|\b(?:and|or|y|und|oder|et|ou|e|en|of)\b)\s*|(?<=\d)\s*(?=\+\d)", re.IGNORECASE
)
"""Text between two numbers in one cell: a sign, a word, or the plus of the second."""

_LEAST_DIGITS = 7


def several_numbers(text: str) -> list[str]:
    """Splits a cell with several numbers, where each part has enough digits to be one."""
    parts = [part for part in _SEVERAL.split(text) if part]
    enough = all(len(re.findall(r"\d", part)) >= _LEAST_DIGITS for part in parts)
    return parts if len(parts) > 1 and enough else [text]


_PAYEE = re.compile(
    r"[^\s@]+@[^\s@]+|[A-Z]{2}\d\d(?: ?[A-Z0-9]){11,30}|[A-Za-z0-9]{25,90}", re.ASCII
)
"""A payee that is known by its shape alone: an id of UPI, an IBAN, a wallet."""


def several_payees(text: str) -> list[str]:
    """Splits a cell with several payees, where the shape of each part says that it is one."""
    parts = [part.strip() for part in re.split(r"[;,|\n]", text) if part.strip()]
    return parts if len(parts) > 1 and all(map(_PAYEE.fullmatch, parts)) else [text]


_BETWEEN_LINKS = re.compile(r"\s+|[;,|](?=\s|$|h..ps?:|www\.)", re.IGNORECASE)


def links(text: str) -> list[str]:
    """Splits a cell with links, or with several names of hosts."""
    between = _BETWEEN_LINKS.split(text) if "/" in text else re.split(r"[\s;,|]+", text)
    return [part for part in between if part]


def phone_parts(cell: str) -> list[str]:
    """Returns the numbers in a cell where it has several and nothing else, or the cell."""
    parts = several_numbers(cell)
    return parts if all(map(is_phone_shaped, parts)) else [cell]


def last_digits(text: str) -> str:
    """Returns the last nine digits of a text, by which numbers are compared."""
    return re.sub(r"\D", "", text)[-9:]


def number_digits(cells: Iterable[str]) -> set[str]:
    """Returns the last digits of each number in cells; a word has none."""
    return {last_digits(part) for cell in cells for part in phone_parts(cell)} - {""}
