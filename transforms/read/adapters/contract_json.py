"""Contract objects, one JSON object a record, into loose rows.

Contract objects to loose columns at once, where nothing about them asks for a closer look.

Arrow's parser is two to three times faster than one object after another, but it stops at the
first surprise and reports no row. So it is asked only for runs of records that are all plain;
whatever it does not take, or could take differently from `jsonl`, is left to that module, which
decides alone what is refused and why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schemas.complaint import LOOSE_EXTRA
from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read import json_values
from transforms.read.adapters.base import SCHEMAS, build, constant
from transforms.read.framing import Origin, Record
from transforms.read.json_values import MAX_DEPTH, BrokenJsonError
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


NUMERIC = frozenset({"loss_amount", "duration_seconds", "amount"})
"""Fields that may be a JSON number; their loose text is the number as it is written."""


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
        value = json_values.parse(data)
        if type(value) is not dict:
            return BrokenJsonError(Code.NOT_AN_OBJECT, "a JSON value, but not an object")
        return json_values.parse_exact(data) if _inexact(value) else value
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
    columns = plain_columns(origin.kind, records)
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


_EXTRA = {one.name for one in LOOSE_EXTRA}


def plain_columns(kind: RecordKind, records: Sequence[Record]) -> dict[str, pa.Array] | None:
    """The contract's fields of every record, as their loose types; None where one is not plain.

    Plain is an object on one line, with the contract's fields alone, each once and of its type, its
    numbers all whole or all text.
    """
    text = b"\n".join([one.data for one in records])
    if not records or not _plain(records, text):
        return None
    for numeric in (pa.string(), pa.int64()):
        schema = _SCHEMAS[kind, numeric]
        try:
            table = pj.read_json(
                pa.BufferReader(text),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=schema, unexpected_field_behavior="error"
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue  # numbers of the other kind, or rows that the caller reads one by one
        if table.num_rows != len(records):
            return None
        loose = SCHEMAS[kind]
        return {
            name: _as_text(table[name].combine_chunks(), loose.field(name).type)
            for name in schema.names
        }
    return None


def _plain(records: Sequence[Record], text: bytes) -> bool:
    """Whether each record is surely one or more whole objects, with nothing that parsers differ on.

    An object that begins with '{' cannot go on in a line that begins with '{', so lines that begin
    and end as objects do hold whole ones; if there are as many objects as lines, each holds one.
    """
    if text.count(b"\n") != len(records) - 1 or b"\\ud" in text or b"\\uD" in text:
        return False
    for one in records:
        data = one.data
        if data[:1] != b"{" or data[-1:] != b"}" or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
            return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_numbers(kind: pa.DataType, numeric: pa.DataType, name: str) -> pa.DataType:
    """A loose type as the parser is to read it: numeric fields in it as `numeric`."""
    if pa.types.is_list(kind):
        return pa.list_(_with_numbers(kind.value_type, numeric, name))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, _with_numbers(f.type, numeric, f.name)) for f in kind])
    return numeric if name in NUMERIC else kind


_SCHEMAS = {
    (kind, numeric): pa.schema(
        [
            (field.name, _with_numbers(field.type, numeric, field.name))
            for field in SCHEMAS[kind]
            if field.name not in _EXTRA
        ]
    )
    for kind in RecordKind
    for numeric in (pa.string(), pa.int64())
}


def _as_text(column: pa.Array, loose: pa.DataType) -> pa.Array:
    return column if column.type == loose else pc.cast(column, loose)
