"""Contract objects, one JSON object a record, into loose rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import LOOSE_EXTRA
from schemas.kinds import RecordKind
from schemas.reject import Code
from transforms.read import json_columns, json_value
from transforms.read.json_columns import NUMERIC
from transforms.read.json_value import BrokenJsonError
from transforms.read.loose import SCHEMAS, build, constant
from transforms.read.records import Origin, Record
from transforms.read.rejects import Reject, reject

_SPEAKABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class _WrongTypeError(Exception):
    """A field whose value is not of the contract's type; its only argument is the name."""


class Type(StrEnum):
    """The JSON type that a field's values must have."""

    TEXT = "text"
    NUMERIC = "numeric"
    TEXTS = "texts"
    OBJECTS = "objects"


@dataclass(frozen=True)
class Fields:
    """The contract's fields of one record kind.

    `objects` gives the inner fields of those that are lists of objects, and whether each
    is numeric.
    """

    types: dict[str, Type]
    objects: dict[str, dict[str, bool]]


def _type(field: pa.Field) -> Type:
    if not pa.types.is_list(field.type):
        return Type.NUMERIC if field.name in NUMERIC else Type.TEXT
    return Type.OBJECTS if pa.types.is_struct(field.type.value_type) else Type.TEXTS


def fields(kind: RecordKind) -> Fields:
    """The contract's fields of a record kind, read off its Arrow schema."""
    extra = {field.name for field in LOOSE_EXTRA}
    known = {field.name: field for field in SCHEMAS[kind] if field.name not in extra}
    types = {name: _type(field) for name, field in known.items()}
    objects = {
        name: {inner.name: inner.name in NUMERIC for inner in known[name].type.value_type}
        for name, one in types.items()
        if one == Type.OBJECTS
    }
    return Fields(types, objects)


FIELDS = {kind: fields(kind) for kind in RecordKind}


def _numeric(value: Any, name: str) -> str:
    """A number, or text that should be one, as it is written."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _WrongTypeError(name)


def _object(
    value: Any, known: dict[str, bool], name: str, unknown: list[str]
) -> dict[str, str | None] | None:
    if value is None:
        return None
    if type(value) is not dict:
        raise _WrongTypeError(name)
    for inner, one in value.items():
        numeric = known.get(inner)
        if numeric is None:
            unknown.append(f"{name}.{inner}")
        elif one is not None and numeric:
            value[inner] = _numeric(one, f"{name}.{inner}")
        elif one is not None and type(one) is not str:
            raise _WrongTypeError(f"{name}.{inner}")
    return value


def _check(row: dict[str, Any], known: Fields) -> list[str] | None:
    """Make the row's values what their loose Arrow types take; the names that are unknown.

    Raises _WrongTypeError.
    """
    unknown: list[str] = []
    for name, value in row.items():
        kind = known.types.get(name)
        if kind is None:
            unknown.append(name)
        elif value is None:
            continue
        elif kind is Type.TEXT:
            if type(value) is not str:
                raise _WrongTypeError(name)
        elif kind is Type.NUMERIC:
            row[name] = _numeric(value, name)
        elif type(value) is not list:
            raise _WrongTypeError(name)
        elif kind is Type.OBJECTS:
            row[name] = [_object(one, known.objects[name], name, unknown) for one in value]
        elif not all(one is None or type(one) is str for one in value):
            raise _WrongTypeError(name)
    return sorted({speakable(name) for name in unknown}) if unknown else None


def _inexact(row: dict[str, Any]) -> bool:
    """Whether a number that the contract keeps may have lost digits in the fast parser."""
    if type(row.get("loss_amount")) is float or type(row.get("duration_seconds")) is float:
        return True
    payments = row.get("payments")
    return type(payments) is list and any(
        type(one) is dict and type(one.get("amount")) is float for one in payments
    )


def speakable(name: str) -> str:
    """A field's name if it can be shown anywhere, or 'other': names are hostile input too."""
    return name if _SPEAKABLE.fullmatch(name) else "other"


def _parsed(data: bytes) -> dict[str, Any] | BrokenJsonError:
    try:
        value = json_value.parse(data)
        if type(value) is not dict:
            return BrokenJsonError(Code.NOT_AN_OBJECT, "a JSON value, but not an object")
        return json_value.parse_exact(data) if _inexact(value) else value
    except BrokenJsonError as broken:
        return broken


def read(
    origin: Origin, records: Sequence[Record], source_org: str | None = None
) -> tuple[pa.RecordBatch, list[Reject]]:
    """Loose rows, and a reject for each record that is not an object of the contract's types.

    Text must be a JSON string; amounts and durations a number or a string, kept as written.
    null is absent. Names of unknown fields go to `unknown`. `source_org` is for rows
    that do not name theirs.
    """
    columns = json_columns.columns(origin.kind, records)
    if columns is not None:
        columns["unknown"] = pa.nulls(len(records), pa.list_(pa.string()))
        return _built(origin, records, columns, source_org), []
    return read_objects(origin, records, [_parsed(one.data) for one in records], source_org)


def read_objects(
    origin: Origin,
    records: Sequence[Record],
    objects: Sequence[dict[str, Any] | BrokenJsonError],
    source_org: str | None = None,
) -> tuple[pa.RecordBatch, list[Reject]]:
    """As `read`, from objects that are parsed already, or what was wrong with their text."""
    known = FIELDS[origin.kind]
    good: list[Record] = []
    rows: list[dict[str, Any]] = []
    unknown: list[list[str] | None] = []
    rejects: list[Reject] = []
    for record, one in zip(records, objects, strict=True):
        if isinstance(one, BrokenJsonError):
            rejects.append(reject(origin, record, one.code, one.message, one.field))
            continue
        try:
            others = _check(one, known)
        except _WrongTypeError as wrong:
            name = str(wrong)
            message = f"{name} is not of the type that the contract gives it"
            rejects.append(reject(origin, record, Code.WRONG_TYPE, message, name))
            continue
        good.append(record)
        rows.append(one)
        unknown.append(others)
    arrays = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type)
        for field in SCHEMAS[origin.kind]
        if field.name in known.types
    }
    arrays["unknown"] = pa.array(unknown, pa.list_(pa.string()))
    return _built(origin, good, arrays, source_org), rejects


def _built(
    origin: Origin,
    records: Sequence[Record],
    columns: dict[str, pa.Array],
    source_org: str | None,
) -> pa.RecordBatch:
    if source_org is not None:
        given = columns["source_org"]
        columns["source_org"] = pc.coalesce(given, constant(source_org, len(records)))
    return build(origin, records, columns)
