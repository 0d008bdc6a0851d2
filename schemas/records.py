"""Strict records: values of JSON and TOML that others wrote, read by the types of their fields."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import (
    Annotated,
    Any,
    NamedTuple,
    TypeVar,
    dataclass_transform,
    get_args,
    get_type_hints,
)

import msgspec
from msgspec import UNSET

MAX_INTEGER = 2**53 - 1
"""The largest number that every JSON reader holds exactly (RFC 7493 section 2.2)."""

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time that names its zone."""


MOST_BYTES = 1024 * 1024
"""Largest file of a map or of settings, in bytes."""

_MOST_DOTS = 1_000
"""Most dots in a line of TOML."""


class Check(NamedTuple):
    """A condition that a field meets beyond its type, as its annotation, and the problem if not."""

    holds: Callable[[Any], object]
    problem: str = "is invalid"


class RecordError(ValueError):
    """A value that is not of its type; the message is one line, for its author.

    `path` is that of the field, where it is of a known one.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


@dataclass_transform(frozen_default=True)
class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that has the fields of its class, each of its type, and no others."""


AnyRecord = TypeVar("AnyRecord", bound=Record)

Converted = TypeVar("Converted")

MANY_NAMES = 60
"""Names from which on a message does not list all."""

_ONE_OF = re.compile(r"`str` matching regex '\^\(((?:[\w|:]|\\\\\W)+)\)\$\(\?!\\\\n\)'")
"""The pattern of `one_of` in a message."""


def format_of(kind: type[Record]) -> str:
    """Returns the format that the files of a kind name."""
    return str(kind.__struct_config__.tag)


def one_of(values: Iterable[str]) -> msgspec.Meta:
    """Returns the annotation of a text that is one of these."""
    return msgspec.Meta(pattern=rf"^({'|'.join(map(re.escape, sorted(values)))})$(?!\n)")


def between(least: float, most: float = MAX_INTEGER) -> msgspec.Meta:
    """Returns the annotation of a number in a range, both ends included."""
    return msgspec.Meta(ge=least, le=most)


def converted(kind: type[Converted], value: Any, before: str = "") -> Converted:
    """Returns plain values as a type, without the conditions of a record; errors as `read_record`.

    The error has the path of the field, too, for who may show its value.
    """
    try:
        return msgspec.convert(value, kind)
    except ValueError as error:  # a lone surrogate is no ValidationError
        problem, _, path = str(error).partition(" - at `$")
        problem = problem if problem.isprintable() else ascii(problem)  # an unknown field's name
        where = path.strip(".`")
        field = f"field {where}: " if where else ""
        raise RecordError(f"{before}{field}{_ONE_OF.sub(_listed, problem)}", where) from None


def _listed(pattern: re.Match[str]) -> str:
    """Returns the texts of `one_of`, or the first of many, from its pattern in a message."""
    names = pattern[1].replace("\\", "").split("|")
    return f"one of {', '.join(names if len(names) < MANY_NAMES else [*names[:3], '...'])}"


def read_record(kind: type[AnyRecord], value: Any, before: str = "") -> AnyRecord:
    """Returns plain values as a record.

    Raises:
        RecordError: naming, after `before`, the first field that is wrong, and what it must be.
    """
    record = converted(kind, value, before)
    for fault in _faults(record):
        raise RecordError(f"{before}{fault}")
    return record


def _faults(record: Record, where: str = "") -> Iterator[str]:
    """Yields what is wrong with fields beyond their types, each with its path."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, Record):
            yield from _faults(value, f"{where}{name}.")
        for place, member in enumerate(value) if isinstance(value, tuple) else ():
            if isinstance(member, Record):
                yield from _faults(member, f"{where}{name}[{place}].")
    for name, check in _conditions(type(record)):
        value = getattr(record, name)
        if value is not None and value is not UNSET and not check.holds(value):
            yield f"field {where}{name} {check.problem}"


@cache
def _conditions(kind: type[Record]) -> list[tuple[str, Check]]:
    """Returns the conditions of the fields of a record, which take long to find out."""
    return [
        (name, check)
        for name, hint in get_type_hints(kind, include_extras=True).items()
        for part in (hint, *get_args(hint))
        for check in getattr(part, "__metadata__", ())
        if isinstance(check, Check)
    ]


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML that a user gave.

    Raises:
        TOMLDecodeError: if it is none, or too long or deep: a dotted key takes the square of its
            length.
    """
    if len(text) > MOST_BYTES or any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise tomllib.TOMLDecodeError("longer than any file of settings")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, OverflowError):  # a number of 5,000 digits
        raise tomllib.TOMLDecodeError("a number that is too long") from None


def read_toml_record(kind: type[AnyRecord], text: str, name: str) -> AnyRecord:
    """Returns a TOML text as a record; `name` is the file's name.

    Raises:
        RecordError: See `read_record`; also if the text is not TOML.
    """
    try:
        values = parse_toml(text)
        return read_record(kind, values, f"{name}: ")
    except tomllib.TOMLDecodeError as error:
        problem = f"{name}: not TOML: {error}"
    except RecordError as error:
        problem = f"{error}{_but(values, error.path)}"
    raise RecordError(f"{problem}; give {', '.join(kind.__struct_encode_fields__)}")


def _but(value: Any, path: str) -> str:
    """Says the value at a path of a file of settings; nothing of a path in a table of any names."""
    if not path or "..." in path:
        return ""
    for key in re.findall(r"\w+", path):
        value = value[int(key) if isinstance(value, list) else key]
    return f" (it is {ascii(value)[:80]})"


def csv_records(kind: type[AnyRecord], text: str, name: str) -> Iterator[tuple[str, AnyRecord]]:
    """Yields the rows of a CSV text as records, each behind its place, such as `FILE, row 2`.

    Cells are stripped. Columns of defaults may be absent, and columns of no field are passed over.

    Raises:
        RecordError: naming the file, the row and the field.
    """
    columns = kind.__struct_encode_fields__
    needed = columns[: len(columns) - len(kind.__struct_defaults__)]
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        if not {*needed} <= {*(reader.fieldnames or ())}:
            raise RecordError(f"{name}: the first line must be {','.join(columns)}")
        for row in reader:
            place = f"{name}, row {reader.line_num}"
            if None in row or None in row.values():
                raise RecordError(f"{place}: has another number of cells than the header")
            cells = {column: row[column].strip() for column in columns if column in row}
            yield place, read_record(kind, cells, f"{place}: ")
    except csv.Error as error:
        raise RecordError(f"{name}, row {reader.line_num + 1}: {error}") from None
