"""Strict records: values of JSON and TOML that others wrote, read by the types of their fields."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec

from schemas.mapping import parse_toml

T = TypeVar("T")


AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class RecordError(ValueError):
    """A value that is not of its type; the message is one line, for its author."""


@dataclass_transform(frozen_default=True)
class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that has the fields of its class, each of its type, and no others."""


def one_of(values: Iterable[str]) -> msgspec.Meta:
    """Returns the annotation of a text that is one of these."""
    return msgspec.Meta(pattern=rf"^({'|'.join(map(re.escape, values))})\Z")


def between(least: float, most: float) -> msgspec.Meta:
    """Returns the annotation of a number in a range, both ends included."""
    return msgspec.Meta(ge=least, le=most)


def read_record(kind: type[T], value: Any, place: str) -> T:
    """Returns plain values as a record.

    Raises:
        RecordError: naming the `place`, the first field that is wrong, and what it must be.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        problem = problem if problem.isprintable() else ascii(problem)  # an unknown field's name
        with suppress(LookupError, TypeError):
            for name, position in re.findall(r"\.([\w-]+)|\[(\d+)\]", path):
                value = value[name or int(position)]
        shown = f", not {ascii(value)[:60]}" if problem.startswith("Expected") else ""
        where = path.strip(".`")
        raise RecordError(f"{place}: {where and f'{where}: '}{problem[:300]}{shown}") from None


def read_toml_record(kind: type[T], text: str, name: str) -> T:
    """Returns a TOML text as a record; `name` is that of its file.

    Raises:
        RecordError: see `read_record`; also for what is no TOML.
    """
    try:
        values = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise RecordError(f"{name}: not TOML: {error}") from None
    return read_record(kind, values, name)
