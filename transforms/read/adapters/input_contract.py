"""The input contract as JSON objects, as CSV (a column a field, lists as JSON text) and as Parquet.

Parquet has the contract's columns, or columns of close types. Each of its rows is read as the JSON
object of its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from schemas.complaint import LOOSE_EXTRA
from schemas.enums import RecordKind
from schemas.field import TEXT, TIMESTAMP
from schemas.reject import Code
from transforms.decode.readings import may_hold_contact
from transforms.read.adapters import base
from transforms.read.files import ReadOptions
from transforms.read.framing import (
    BadRecordError,
    Origin,
    Record,
    parse_exact_json,
    parse_json,
    require_object,
)

REQUIRED = {
    RecordKind.COMPLAINT: ("complaint_id", "source_org", "received_at"),
    RecordKind.CALL: ("call_id", "source_org", "started_at"),
}

NUMERIC = frozenset({"loss_amount", "duration_seconds", "amount", "reference"})
"""Fields that may be a JSON number; their loose text is the number as it is written."""

MOST_UNKNOWN = 256
"""Unknown fields of a row that are counted by name: a hostile row has a million."""

_SHOWABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_TEXT, _NUMBER = "text", "number"

Shape = str | list[Any] | dict[str, Any]
"""The JSON type of a field: `_TEXT`, `_NUMBER`, a list of one shape, or an object of several."""

_EMAIL: Shape = {"address": _TEXT, "role": _TEXT}
"""An item of the e-mail addresses that has a role."""


def _shape(name: str, kind: pa.DataType) -> Shape:
    if types.is_list(kind):
        return [_shape(name, kind.value_type)]
    if types.is_struct(kind):
        return {inner.name: _shape(inner.name, inner.type) for inner in kind}
    return _NUMBER if name in NUMERIC else _TEXT


_EXTRA = {field.name for field in LOOSE_EXTRA}

FIELDS: dict[RecordKind, dict[str, Shape]] = {
    kind: {
        field.name: _shape(field.name, field.type) for field in loose if field.name not in _EXTRA
    }
    for kind, loose in base.LOOSE_SCHEMAS.items()
}
"""The contract's fields of each record kind."""


def read_records(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads loose rows; a record that is no object of the contract's types becomes a reject.

    Text must be a JSON string; amounts and durations a number or a string, kept as written.
    null is absent. Names of unknown fields go to `unknown`. `options.source_org` is for rows
    that do not name theirs.
    """
    shape = FIELDS[origin.kind]

    def read(record: Record) -> dict[str, Any]:
        value = require_object(parse_json(record.data))
        exact = parse_exact_json(record.data) if _inexact(value) else value
        return _read_object(exact, shape, options)

    good, rows, rejects = base.read_each(origin, records, read)
    return base.build_from_rows(origin, good, rows, (*shape, "unknown")), rejects


def convert_cells(rows: base.TextRows, options: ReadOptions) -> base.Parsed:
    """Converts CSV, in which an empty cell is absent, by the same checks as JSON Lines."""
    shape, names = FIELDS[rows.origin.kind], rows.cells.schema.names

    def read(_: Record, cells: Iterable[str]) -> dict[str, Any]:
        row = {
            name: _parse_list(name, cell) if isinstance(shape.get(name), list) else cell
            for name, cell in zip(names, cells, strict=True)
            if cell
        }
        return _read_object(row, shape, options)

    cells = zip(*rows.cells.to_pydict().values(), strict=True)
    good, values, rejects = base.read_each(rows.origin, rows.records, read, cells)
    return base.build_from_rows(rows.origin, good, values, (*shape, "unknown")), rejects


def _parse_list(name: str, cell: str) -> Any:
    try:
        return parse_exact_json(cell.encode())
    except BadRecordError as bad:
        raise BadRecordError(bad.args[0], f"{name} is not a JSON list", name) from None


def shown_names(unknown: Sequence[str]) -> list[str] | None:
    """Returns the names of unknown fields as a row has them; null for none.

    One that may not be shown is 'other': names are hostile input too.
    """
    if not unknown:
        return None
    showable = (_SHOWABLE_NAME.fullmatch(name) and not may_hold_contact(name) for name in unknown)
    names = {name if shown else "other" for name, shown in zip(unknown, showable, strict=True)}
    return sorted(names)[:MOST_UNKNOWN] + ["other"] * (len(names) > MOST_UNKNOWN)


def missing_columns(names: Iterable[str], kind: RecordKind, source_org: str | None) -> list[str]:
    """Lists the required columns not among `names`; `source_org` stands in for its column."""
    known = {*names, *(["source_org"] if source_org is not None else [])}
    return [name for name in REQUIRED[kind] if name not in known]


def _read_object(
    row: dict[str, Any], shape: dict[str, Shape], options: ReadOptions
) -> dict[str, Any]:
    """Reads the fields of a row. Raises BadRecordError for a value of another type."""
    unknown: list[str] = []
    emails = row.get("emails")
    if type(emails) is list and any(type(item) is dict for item in emails):
        pairs = [
            _fit(item, _EMAIL, "emails", unknown) if type(item) is dict else {"address": item}
            for item in emails
        ]
        roles = [pair.get("role") for pair in pairs]
        row["emails"] = [pair.get("address") for pair in pairs]
        row["email_roles"] = roles if any(roles) else None
    _fit(row, shape, "", unknown)
    if row.get("source_org") is None:
        row["source_org"] = options.source_org
    row["unknown"] = shown_names(unknown)
    return row


def _fit(value: Any, shape: Shape, name: str, unknown: list[str]) -> Any:
    """Returns a value as its loose type takes it, and adds the names of unknown fields.

    Objects are changed in place: their unknown fields stay, and no column has them.
    """
    if value is None or (shape is _TEXT and type(value) is str):
        return value
    if shape is _NUMBER and (isinstance(value, str) or type(value) is int):
        return str(value)
    if isinstance(shape, list) and type(value) is list:
        return [_fit(item, shape[0], name, unknown) for item in value]
    if isinstance(shape, dict) and type(value) is dict:
        for key, inner in value.items():
            known = shape.get(key)
            if known is _TEXT and type(inner) is str:
                continue  # as most fields
            path = f"{name}.{key}" if name else key
            if known is None:
                unknown.append(path)
            else:
                value[key] = _fit(inner, known, path, unknown)
        return value
    message = f"{name} is not of the type that the contract gives it"
    raise BadRecordError(Code.WRONG_TYPE, message, name)


def _inexact(row: dict[str, Any]) -> bool:
    """Returns whether a number of the contract may have lost digits in the fast parser."""
    if type(row.get("loss_amount")) is float or type(row.get("duration_seconds")) is float:
        return True
    payments = row.get("payments")
    return type(payments) is list and any(
        type(payment) is dict and type(payment.get("amount")) is float for payment in payments
    )


_TIMES = {"received_at", "occurred_at", "started_at", "paid_at"}

_TEXTS = (types.is_string, types.is_large_string, types.is_string_view)

_NUMBERS = (types.is_integer, types.is_floating, types.is_decimal)


def misfit_columns(schema: pa.Schema, kind: RecordKind) -> list[str]:
    """Lists the columns of the contract that a schema has with a type that cannot be read."""
    known = FIELDS[kind]
    return [
        field.name
        for field in schema
        if field.name in known
        and not _fits(field.type, known[field.name], field.name)
        and not (field.name == "emails" and _fits(field.type, [_EMAIL], field.name))
    ]


def _fits(kind: pa.DataType, shape: Shape, name: str) -> bool:
    """Returns whether a column of this type can be read as a field."""
    if types.is_null(kind):
        return True
    if isinstance(shape, list):
        is_list = types.is_list(kind) or types.is_large_list(kind)
        return is_list and _fits(kind.value_type, shape[0], name)
    if isinstance(shape, dict):
        return types.is_struct(kind) and all(
            _fits(field.type, shape[field.name], field.name)
            for field in kind
            if field.name in shape
        )
    if name == "paid_at" and types.is_date(kind):
        return True
    if name in _TIMES and types.is_timestamp(kind):
        return kind.tz is not None
    if types.is_dictionary(kind):
        return _fits(kind.value_type, _TEXT, "")
    return any(check(kind) for check in (_TEXTS if shape is _TEXT else (*_TEXTS, *_NUMBERS)))


def row_objects(batch: pa.RecordBatch, kind: RecordKind) -> Iterator[dict[str, Any]]:
    """Yields the rows of a Parquet batch as JSON objects; of an unknown column its name alone."""
    known = FIELDS[kind]
    names = batch.schema.names
    columns = [
        _json_values(column) if name in known else [None] * batch.num_rows
        for name, column in zip(names, batch.columns, strict=True)
    ]
    for cells in zip(*columns, strict=True):
        row = zip(names, cells, strict=True)
        yield {name: cell for name, cell in row if cell is not None or name not in known}


def _json_values(column: pa.Array) -> list[Any]:
    if types.is_timestamp(column.type):
        column = pc.strftime(column.cast(TIMESTAMP, safe=False), format="%Y-%m-%dT%H:%M:%SZ")
    elif not types.is_nested(column.type):
        column = column.cast(TEXT)
    return [_json_value(value) for value in column.to_pylist()]


def _json_value(value: Any) -> Any:
    """Returns a value with all its inner values as texts."""
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    return None if value is None else str(value)


LINES_ADAPTER = base.Adapter(
    name="jsonl",
    description="JSON Lines of the input contract",
    layout=base.Layout.LINES,
    read=read_records,
)

ARRAY_ADAPTER = base.Adapter(
    name="json",
    description="a JSON array of the input contract's objects",
    layout=base.Layout.ARRAY,
    in_array=True,
    read=read_records,
)

CSV_ADAPTER = base.Adapter(
    name="csv",
    description="CSV of the input contract",
    layout=base.Layout.CSV,
    convert=convert_cells,
)

PARQUET_ADAPTER = base.Adapter(
    name="parquet",
    description="Parquet of the input contract",
    layout=base.Layout.PARQUET,
    read=read_records,
    row_objects=row_objects,
)
