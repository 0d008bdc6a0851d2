"""The input contract as Parquet: its columns, or columns of close types, as loose rows.

A row that is rejected is kept as the JSON object of its values, and can be read again as one.
"""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.field import TIMESTAMP
from schemas.reject import Code
from transforms.arrow_util import with_items
from transforms.read.adapters import contract_json
from transforms.read.adapters.base import BOTH_KINDS, LOOSE_SCHEMAS, Adapter, Layout, Parsed
from transforms.read.adapters.contract_json import NUMERIC
from transforms.read.files import ReadOptions
from transforms.read.framing import MAX_ROW_BYTES, Origin, Record
from transforms.read.rejects import make_reject

_TIMES = {"received_at", "occurred_at", "started_at"}

_EMAILS_WITH_ROLES = pa.list_(pa.struct([("address", pa.string()), ("role", pa.string())]))

_TOO_LARGE = "a row of over 8 MiB"


def misfit_columns(schema: pa.Schema, kind: RecordKind) -> list[str]:
    """Lists the columns of the contract that a schema has with a type that cannot be read."""
    loose = LOOSE_SCHEMAS[kind]
    return [
        field.name
        for field in schema
        if field.name in contract_json.FIELDS[kind].types
        and not _fits(field.type, loose.field(field.name).type, field.name)
        and not (field.name == "emails" and _fits(field.type, _EMAILS_WITH_ROLES, field.name))
    ]


def convert(origin: Origin, batch: pa.RecordBatch, first: int, options: ReadOptions) -> Parsed:
    """Converts a batch whose first row is row `first` of its file to loose rows and rejects."""
    loose = LOOSE_SCHEMAS[origin.kind]
    names = batch.schema.names
    known = [name for name in names if name in contract_json.FIELDS[origin.kind].types]
    batch = _split_emails(batch.select(known))
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
        data = orjson.dumps({name: one for name, one in values.items() if one is not None})
        records.append(Record(first + row, data, len(data)))
    if large := [one for one in records if one.size > MAX_ROW_BYTES]:
        rejects += [make_reject(origin, one, Code.ROW_TOO_LARGE, _TOO_LARGE) for one in large]
        text = text.filter(pa.array([one.size <= MAX_ROW_BYTES for one in records]))
        records = [one for one in records if one.size <= MAX_ROW_BYTES]
        columns = {name: text.column(name) for name in known}
    others = sorted(contract_json.safe_field_name(name) for name in names if name not in columns)
    columns["unknown"] = pa.array([others or None] * len(records), pa.list_(pa.string()))
    return contract_json.build_contract_batch(origin, records, columns, options), rejects


def _split_emails(batch: pa.RecordBatch) -> pa.RecordBatch:
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
        parts = (batch.slice(0, half), batch.slice(half))
        first, second = (
            bad_text_rows(pa.RecordBatch.from_struct_array(_copy(one))) for one in parts
        )
        return first + [half + row for row in second]
    return []


def _copy(batch: pa.RecordBatch) -> pa.Array:
    rows = pa.array(range(batch.num_rows), pa.int64())
    return batch.take(rows).to_struct_array()


ADAPTER = Adapter(
    name="parquet",
    description="Parquet of the input contract",
    kinds=BOTH_KINDS,
    layout=Layout.PARQUET,
    read=contract_json.read_records,  # a rejected row is kept as a JSON object
    read_batch=convert,
)
