"""The list of input formats, and what reading needs to know of a file or record by its format.

To add a format, write its module here and add its `Adapter` to `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from schemas.enums import RecordKind
from schemas.reject import RAW_LIMIT, REJECT, Code
from transforms.read.adapters import (
    asterisk_cdr,
    base,
    fcc_complaints,
    freeswitch_cdr,
    ftc_do_not_call,
    ftc_sentinel,
    ftc_transcripts,
    input_contract,
    mail,
    mapped,
    shaken_passport,
)
from transforms.read.files import TOO_MUCH, InputFile, ReadOptions
from transforms.read.framing import MAX_COMMAS, Origin, Record, join_cells, split_cells
from transforms.read.rejects import Reject, decode_raw

_NEEDED_COLUMNS = ("record_kind", "format", "raw", "raw_encoding", "raw_bytes")


def _is_rejects_schema(schema: pa.Schema) -> bool:
    """Returns whether a Parquet file is one of rejects/."""
    return {"code", "stage", *_NEEDED_COLUMNS} <= set(schema.names) <= set(REJECT.names)


REJECTED_ROWS = base.Adapter(
    name="rejects",
    description="the rejects/ of a run, to be read again",
    layout=base.Layout.REJECTS,
    detect_schema=_is_rejects_schema,
)
"""The rejects/ of a run, given as input: each row is read by the adapter that first read it."""

EMPTY = base.Adapter(name="empty", description="a file without a row", layout=base.Layout.EMPTY)

ADAPTERS = (
    input_contract.LINES_ADAPTER,
    input_contract.ARRAY_ADAPTER,
    input_contract.PARQUET_ADAPTER,
    input_contract.CSV_ADAPTER,
    REJECTED_ROWS,
    ftc_do_not_call.ADAPTER,
    ftc_sentinel.ADAPTER,
    fcc_complaints.ADAPTER,
    ftc_transcripts.ADAPTER,
    mail.ADAPTER,
    asterisk_cdr.ADAPTER,
    freeswitch_cdr.ADAPTER,
    shaken_passport.ADAPTER,
    *mapped.ADAPTERS,
    EMPTY,
)
"""Every known format, in the order in which they are tried and messages name them."""

ADAPTERS_BY_NAME = {adapter.name: adapter for adapter in ADAPTERS}

_FAULTS = {
    Code.ROW_TOO_LARGE: f"a row of over 8 MiB, or of over {MAX_COMMAS:,} values",
    Code.TRUNCATED_FILE: "the compressed file ends early, in this row",
    Code.UNREADABLE_FILE: "the compressed file is corrupt from this row on",
    Code.OVER_LIMIT: f"the file is not read from this row on: {TOO_MUCH}",
    Code.BAD_ENCODING: "text that its own encoding cannot hold",
    Code.BROKEN_CSV: "a quote in this row is never closed, or text follows a closing one",
}


def file_layout(file: InputFile) -> base.Layout:
    """Returns the way the rows of a recognized file lie in it."""
    return base.Layout.ARRAY if file.in_array else ADAPTERS_BY_NAME[file.format].layout


def file_origin(file: InputFile) -> Origin:
    """Returns what the rows and rejects of a recognized file say of their source."""
    own = ADAPTERS_BY_NAME[file.format].header
    if not file.header or file.header == own:
        return Origin(file.label, file.format, file.kind)
    # Records of no map are brought to commas.
    header = join_cells(file.header, file.form.delimiter if file.form else ",")
    return Origin(file.label, f"{file.format}:{header}", file.kind)


def parse_records(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Parses records of one origin: loose rows of its kind, and a reject for every other one."""
    rejects = [
        Reject(origin, record, record.fault, _FAULTS[record.fault])
        for record in records
        if record.fault
    ]
    good = [record for record in records if not record.fault] if rejects else records
    batch, refused = _parse_whole(origin, good, options)
    return batch, rejects + refused


def group_rows(
    file: InputFile, batch: pa.RecordBatch | None, first: int
) -> Iterator[tuple[Origin, list[Record]]]:
    """Yields the rows of a batch of a Parquet file that begins with row `first` of the file.

    No batch stands for one row that is too large.
    """
    objects = ADAPTERS_BY_NAME[file.format].row_objects
    if batch is None:
        yield file_origin(file), [Record(first, b"", 0, Code.ROW_TOO_LARGE)]
    elif objects is not None:
        yield (
            file_origin(file),
            base.batch_records(batch, first, lambda rows: objects(rows, file.kind)),
        )
    else:
        yield from _rejected_records(file.label, file.kind, batch, first)


def _parse_whole(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Parses records without a fault; they are rejects where no adapter reads such records."""
    name, _, cells = origin.format.partition(":")
    adapter = ADAPTERS_BY_NAME.get(name)
    if adapter is not None and origin.kind in adapter.kinds:
        header = tuple(split_cells(cells)) if cells else adapter.header
        braces = (record.data.startswith(b"{") for record in records)
        if adapter.read and (adapter.convert is None or (records and all(braces))):
            return adapter.read(origin, records, options)
        if adapter.convert and header and len(set(header)) == len(header):
            rows, broken = base.text_rows(origin, records, header, adapter.encoding)
            batch, refused = adapter.convert(rows, options)
            return batch, broken + refused
    return base.refuse_all(origin, records, "no adapter of that name reads such records")


def _rejected_records(
    source: str, kind: RecordKind, batch: pa.RecordBatch, first: int
) -> Iterator[tuple[Origin, list[Record]]]:
    """Groups the rows of one record kind by format; `first` is the batch's first row.

    Rows of the other kind are left out: they are read when the file is given for that
    kind. A row of which only the head was kept stays ROW_TOO_LARGE.
    """
    by_format: dict[str, list[Record]] = {}
    for position, row in enumerate(batch.select(_NEEDED_COLUMNS).to_pylist(), first):
        if row["record_kind"] == kind:
            by_format.setdefault(str(row["format"]), []).append(_record(position, row))
    for name, records in by_format.items():
        yield Origin(source, name, kind), records


def _record(position: int, row: dict[str, object]) -> Record:
    try:
        data = decode_raw(str(row["raw"] or ""), str(row["raw_encoding"]))
    except (LookupError, UnicodeEncodeError):
        return Record(position, b"", 0, Code.BAD_ENCODING)
    size = row["raw_bytes"]
    if len(data) > RAW_LIMIT - 4 and isinstance(size, int) and size > len(data):
        return Record(position, data, size, Code.ROW_TOO_LARGE)
    return Record(position, data, len(data))
