"""The input contract as JSON objects, as CSV (a column a field, lists as JSON text) and as Parquet.

Parquet has the contract's columns, or columns of close types. A row of it that is rejected is kept
as the JSON object of its values, and can be read again as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import LOOSE_EXTRA, STATED_OF_PAYMENT
from schemas.enums import RecordKind
from schemas.field import TIMESTAMP
from schemas.reject import Code
from transforms.arrow_util import with_items
from transforms.decode.readings import may_hold_contact
from transforms.read.adapters import base
from transforms.read.files import ReadOptions
from transforms.read.framing import (
    MAX_ROW_BYTES,
    BrokenJsonError,
    Origin,
    Record,
    parse_exact_json,
    parse_json,
    require_object,
)
from transforms.read.rejects import Reject, make_reject

REQUIRED = {
    RecordKind.COMPLAINT: ("complaint_id", "source_org", "received_at"),
    RecordKind.CALL: ("call_id", "source_org", "started_at"),
}

NUMERIC = frozenset({"loss_amount", "duration_seconds", "amount", "reference"})
"""Fields that may be a JSON number; their loose text is the number as it is written."""

MOST_UNKNOWN = 256
"""Unknown fields of a row that are counted by name: a hostile row has a million."""

_EXTRA = {one.name for one in LOOSE_EXTRA}

_EMAIL = {"address": False, "role": False}
"""The inner fields of an e-mail address that has a role; neither is numeric."""

_SHOWABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class _WrongTypeError(Exception):
    """A field whose value is not of the contract's type; its only argument is the name."""


class FieldType(StrEnum):
    """The JSON type that a field's values must have."""

    TEXT = "text"
    NUMERIC = "numeric"
    TEXTS = "texts"
    OBJECTS = "objects"


@dataclass(frozen=True)
class ContractFields:
    """The contract's fields of one record kind.

    `objects` gives the inner fields of those that are lists of objects, and whether each
    is numeric.
    """

    types: dict[str, FieldType]
    objects: dict[str, dict[str, bool]]


def _type(field: pa.Field) -> FieldType:
    if not pa.types.is_list(field.type):
        return FieldType.NUMERIC if field.name in NUMERIC else FieldType.TEXT
    return FieldType.OBJECTS if pa.types.is_struct(field.type.value_type) else FieldType.TEXTS


def _contract_fields(kind: RecordKind) -> ContractFields:
    """Returns the contract's fields of a record kind, by its Arrow schema."""
    known = {field.name: field for field in base.LOOSE_SCHEMAS[kind] if field.name not in _EXTRA}
    types = {name: _type(field) for name, field in known.items()}
    objects = {
        name: {inner.name: inner.name in NUMERIC for inner in known[name].type.value_type}
        for name, one in types.items()
        if one == FieldType.OBJECTS
    }
    return ContractFields(types, objects)


FIELDS = {kind: _contract_fields(kind) for kind in RecordKind}


def read_records(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads loose rows; a record that is no object of the contract's types becomes a reject.

    Text must be a JSON string; amounts and durations a number or a string, kept as written.
    null is absent. Names of unknown fields go to `unknown`. `options.source_org` is for rows
    that do not name theirs.
    """
    return read_objects(origin, records, [parse_object(one.data) for one in records], options)


def read_objects(
    origin: Origin,
    records: Sequence[Record],
    objects: Sequence[dict[str, Any] | BrokenJsonError],
    options: ReadOptions,
) -> base.Parsed:
    """Reads loose rows as `read_records` does, from objects or the errors of parsing them."""
    known = FIELDS[origin.kind]
    good: list[Record] = []
    rows: list[dict[str, Any]] = []
    unknown: list[list[str] | None] = []
    rejects: list[Reject] = []
    for record, one in zip(records, objects, strict=True):
        if isinstance(one, BrokenJsonError):
            rejects.append(make_reject(origin, record, one.code, one.message, one.field))
            continue
        try:
            others = _check(one, known)
        except _WrongTypeError as wrong:
            name = str(wrong)
            message = f"{name} is not of the type that the contract gives it"
            rejects.append(make_reject(origin, record, Code.WRONG_TYPE, message, name))
            continue
        good.append(record)
        rows.append(one)
        unknown.append(others)
    fields = [one for one in base.LOOSE_SCHEMAS[origin.kind] if one.name in known.types]
    whole = pa.array(rows, pa.struct(fields))
    arrays = {one.name: whole.field(one.name) for one in fields}
    arrays["unknown"] = pa.array(unknown, pa.list_(pa.string()))
    return build_contract_batch(origin, good, arrays, options), rejects


def parse_object(data: bytes) -> dict[str, Any] | BrokenJsonError:
    """Parses one contract object, with exact numbers; returns the error where it is none."""
    try:
        value = require_object(parse_json(data))
        return parse_exact_json(data) if _inexact(value) else value
    except BrokenJsonError as broken:
        return broken


def safe_field_name(name: str) -> str:
    """Returns a field's name if it may be shown, or 'other': names are hostile input too."""
    showable = _SHOWABLE_NAME.fullmatch(name) and not may_hold_contact(name)
    return name if showable else "other"


def shown_names(unknown: Sequence[str]) -> list[str] | None:
    """Returns the names of unknown fields as a row has them; null for none."""
    names = sorted({safe_field_name(name) for name in unknown}) if unknown else []
    if len(names) > MOST_UNKNOWN:
        names = [*names[:MOST_UNKNOWN], "other"]
    return names or None


def build_contract_batch(
    origin: Origin, records: Sequence[Record], columns: dict[str, pa.Array], options: ReadOptions
) -> pa.RecordBatch:
    """Builds a loose batch, with `options.source_org` for rows that do not name theirs."""
    if options.source_org is not None:
        given = columns.get("source_org", pa.nulls(len(records), pa.string()))
        columns["source_org"] = pc.coalesce(given, options.source_org)
    return base.build_loose_batch(origin, records, columns)


def convert_cells(rows: base.TextRows, options: ReadOptions) -> base.Parsed:
    """Converts CSV, in which an empty cell is absent, by the same checks as JSON Lines."""
    known = FIELDS[rows.origin.kind]
    lists = {
        name for name, one in known.types.items() if one in (FieldType.TEXTS, FieldType.OBJECTS)
    }
    names = rows.cells.schema.names
    objects = [
        _object_of_cells(names, cells, lists)
        for cells in zip(*rows.cells.to_pydict().values(), strict=True)
    ]
    return read_objects(rows.origin, rows.records, objects, options)


def _object_of_cells(
    names: Iterable[str], cells: Iterable[str], lists: set[str]
) -> dict[str, Any] | BrokenJsonError:
    """Returns the fields of one row; the error where a list is not JSON."""
    row: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell and name in lists:
            try:
                row[name] = parse_exact_json(cell.encode())
            except BrokenJsonError as broken:
                return BrokenJsonError(broken.code, f"{name} is not a JSON list", name)
        elif cell:
            row[name] = cell
    return row


def missing_columns(names: Iterable[str], kind: RecordKind, source_org: str | None) -> list[str]:
    """Lists the required columns not among `names`; `source_org` stands in for its column."""
    given = {*names, "source_org"} if source_org is not None else set(names)
    return [name for name in REQUIRED[kind] if name not in given]


def _check(row: dict[str, Any], known: ContractFields) -> list[str] | None:
    """Makes the row's values fit their loose Arrow types; returns the names of unknown fields.

    Raises _WrongTypeError if a value is not of the contract's type.
    """
    unknown: list[str] = []
    if "emails" in row:
        _split_emails(row, unknown)
    for name, value in row.items():
        kind = known.types.get(name)
        if kind is None:
            unknown.append(name)
        elif value is None:
            continue
        elif kind is FieldType.TEXT:
            if type(value) is not str:
                raise _WrongTypeError(name)
        elif kind is FieldType.NUMERIC:
            row[name] = _numeric(value, name)
        elif type(value) is not list:
            raise _WrongTypeError(name)
        elif kind is FieldType.OBJECTS:
            row[name] = [_object(one, known.objects[name], name, unknown) for one in value]
        elif not all(one is None or type(one) is str for one in value):
            raise _WrongTypeError(name)
    return shown_names(unknown)


def _split_emails(row: dict[str, Any], unknown: list[str]) -> None:
    """Parts objects of address and role among the e-mail addresses into these and `email_roles`."""
    items = row["emails"]
    if type(items) is not list or not any(type(one) is dict for one in items):
        return
    pairs = [
        _object(one, _EMAIL, "emails", unknown) or {} if type(one) is dict else {"address": one}
        for one in items
    ]
    row["emails"] = [one.get("address") for one in pairs]
    roles = [one.get("role") for one in pairs]
    row["email_roles"] = roles if any(roles) else None


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


def _numeric(value: Any, name: str) -> str:
    """Returns the text of a number, or text that should be one, as it is written."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _WrongTypeError(name)


def _inexact(row: dict[str, Any]) -> bool:
    """Returns whether a number of the contract may have lost digits in the fast parser."""
    if type(row.get("loss_amount")) is float or type(row.get("duration_seconds")) is float:
        return True
    payments = row.get("payments")
    return type(payments) is list and any(
        type(one) is dict and type(one.get("amount")) is float for one in payments
    )


_TIMES = {"received_at", "occurred_at", "started_at", "paid_at"}

_EMAILS_WITH_ROLES = pa.list_(pa.struct([("address", pa.string()), ("role", pa.string())]))

_STATED = tuple(one.name for one in STATED_OF_PAYMENT)

_TOO_LARGE = "a row of over 8 MiB"


def misfit_columns(schema: pa.Schema, kind: RecordKind) -> list[str]:
    """Lists the columns of the contract that a schema has with a type that cannot be read."""
    loose = base.LOOSE_SCHEMAS[kind]
    return [
        field.name
        for field in schema
        if field.name in FIELDS[kind].types
        and not _fits(field.type, loose.field(field.name).type, field.name)
        and not (field.name == "emails" and _fits(field.type, _EMAILS_WITH_ROLES, field.name))
    ]


def convert_batch(
    origin: Origin, batch: pa.RecordBatch, first: int, options: ReadOptions
) -> base.Parsed:
    """Converts a batch whose first row is row `first` of its file to loose rows and rejects."""
    loose = base.LOOSE_SCHEMAS[origin.kind]
    names = batch.schema.names
    known = [name for name in names if name in FIELDS[origin.kind].types]
    batch = _split_email_column(batch.select(known))
    known = batch.schema.names
    rejects = []
    bad = bad_text_rows(batch)
    for row in bad:
        record = Record(first + row, b"", 0)
        rejects.append(make_reject(origin, record, Code.BAD_ENCODING, "text that is not UTF-8"))
    rows = [row for row in range(batch.num_rows) if row not in set(bad)]
    if bad:
        batch = batch.take(pa.array(rows, pa.int64()))
    columns = {name: _loose_column(batch.column(name), loose.field(name).type) for name in known}
    text = pa.RecordBatch.from_pydict(columns)
    records = []
    for row, values in zip(rows, text.to_pylist(), strict=True):
        _drop_unstated(values)
        data = orjson.dumps({name: one for name, one in values.items() if one is not None})
        records.append(Record(first + row, data, len(data)))
    if large := [one for one in records if one.size > MAX_ROW_BYTES]:
        rejects += [make_reject(origin, one, Code.ROW_TOO_LARGE, _TOO_LARGE) for one in large]
        text = text.filter(pa.array([one.size <= MAX_ROW_BYTES for one in records]))
        records = [one for one in records if one.size <= MAX_ROW_BYTES]
        columns = {name: text.column(name) for name in known}
    others = shown_names([name for name in names if name not in columns])
    columns["unknown"] = pa.array([others] * len(records), pa.list_(pa.string()))
    return build_contract_batch(origin, records, columns, options), rejects


def _drop_unstated(values: dict[str, Any]) -> None:
    """Drops from a row's payments the optional fields that they do not state."""
    for payment in values.get("payments") or ():
        for name in _STATED if payment else ():
            if payment[name] is None:
                del payment[name]


def _split_email_column(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Parts a column of e-mail addresses with their roles into `emails` and `email_roles`."""
    at = batch.schema.get_field_index("emails")
    if at < 0 or not pa.types.is_list(batch.schema.types[at]):
        return batch
    if not pa.types.is_struct(batch.schema.types[at].value_type):
        return batch
    pairs = _loose_column(batch.column(at), _EMAILS_WITH_ROLES)
    items = pairs.flatten()
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    roles = pc.struct_field(items, "role")
    of = pc.list_parent_indices(pairs).filter(pc.is_valid(roles))
    with_roles = pc.is_in(pa.array(range(len(pairs)), pa.int64()), of)
    addresses = with_items(pairs, pc.struct_field(items, "address"))
    absent = pa.scalar(None, addresses.type)
    columns["emails"] = pc.if_else(pc.is_valid(pairs), addresses, absent)
    columns["email_roles"] = pc.if_else(with_roles, with_items(pairs, roles), absent)
    return pa.RecordBatch.from_pydict(columns)


def _fits(given: pa.DataType, wanted: pa.DataType, name: str) -> bool:
    """Returns whether a column of type `given` can be read as the loose field `name`."""
    if pa.types.is_null(given):
        return True
    if pa.types.is_list(wanted):
        is_list = pa.types.is_list(given) or pa.types.is_large_list(given)
        return is_list and _fits(given.value_type, wanted.value_type, name)
    if pa.types.is_struct(wanted):
        return pa.types.is_struct(given) and all(
            _fits(given.field(f.name).type, f.type, f.name)
            for f in wanted
            if given.get_field_index(f.name) >= 0
        )
    if name == "paid_at" and pa.types.is_date(given):
        return True
    if name in _TIMES and pa.types.is_timestamp(given):
        return given.tz is not None
    return _is_text(given) or (name in NUMERIC and _is_number(given))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _loose_column(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if not pa.types.is_list(wanted):
        return _as_text(column)
    if column.type == wanted:
        return column
    return pa.array([_nested(one, wanted) for one in column.to_pylist()], wanted)


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column.cast(TIMESTAMP, safe=False), format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string())


def _nested(value: Any, wanted: pa.DataType) -> Any:
    """Converts a Python value of a list column to what its loose type takes."""
    if value is None:
        return None
    if pa.types.is_list(wanted):
        return [_nested(one, wanted.value_type) for one in value]
    if pa.types.is_struct(wanted):
        return {f.name: _nested(value.get(f.name), f.type) for f in wanted}
    return str(value)


def bad_text_rows(batch: pa.RecordBatch) -> list[int]:
    """Finds the rows that hold text which is not UTF-8."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        if batch.num_rows == 1:
            return [0]
        half = batch.num_rows // 2
        # Taken anew: a slice is validated with all that it was cut from.
        first, second = (
            bad_text_rows(batch.take(pa.array(part, pa.int64())))
            for part in (range(half), range(half, batch.num_rows))
        )
        return first + [half + row for row in second]
    return []


LINES_ADAPTER = base.Adapter(
    name="jsonl",
    description="JSON Lines of the input contract",
    kinds=base.BOTH_KINDS,
    layout=base.Layout.LINES,
    read=read_records,
)

ARRAY_ADAPTER = base.Adapter(
    name="json",
    description="a JSON array of the input contract's objects",
    kinds=base.BOTH_KINDS,
    layout=base.Layout.ARRAY,
    in_array=True,
    read=read_records,
)

CSV_ADAPTER = base.Adapter(
    name="csv",
    description="CSV of the input contract",
    kinds=base.BOTH_KINDS,
    layout=base.Layout.CSV,
    convert=convert_cells,
)

PARQUET_ADAPTER = base.Adapter(
    name="parquet",
    description="Parquet of the input contract",
    kinds=base.BOTH_KINDS,
    layout=base.Layout.PARQUET,
    read=read_records,  # a rejected row is kept as a JSON object
    read_batch=convert_batch,
)
