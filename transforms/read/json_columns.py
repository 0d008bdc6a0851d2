"""Contract objects to loose columns at once, where nothing about them asks for a closer look.

Arrow's parser is two to three times faster than one object after another, but it stops at the
first surprise and reports no row. So it is asked only for runs of records that are all plain;
whatever it does not take, or could take differently from `jsonl`, is left to that module, which
decides alone what is refused and why.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schemas.complaint import LOOSE_EXTRA
from schemas.kinds import RecordKind
from transforms.read.json_value import MAX_DEPTH
from transforms.read.loose import SCHEMAS
from transforms.read.records import Record

NUMERIC = frozenset({"loss_amount", "duration_seconds", "amount"})
"""Fields that may be a JSON number; their loose text is the number as it is written."""

_EXTRA = {one.name for one in LOOSE_EXTRA}


def columns(kind: RecordKind, records: Sequence[Record]) -> dict[str, pa.Array] | None:
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
