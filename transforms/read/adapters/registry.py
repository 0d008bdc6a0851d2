"""The list of input formats, and what reading needs to know of a file or record by its format.

To add a format, write its module here and add its `Adapter` to `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from schemas.reject import Code
from transforms.read.adapters import (
    asterisk_cdr,
    fcc_complaints,
    freeswitch_cdr,
    ftc_do_not_call,
    ftc_sentinel,
    ftc_transcripts,
    input_contract,
    mail,
    mapped,
    rejected_rows,
    shaken_passport,
)
from transforms.read.adapters.base import (
    BOTH_KINDS,
    LOOSE_SCHEMAS,
    Adapter,
    Layout,
    Parsed,
    text_rows,
)
from transforms.read.files import TOO_MUCH, InputFile, ReadOptions
from transforms.read.framing import MAX_COMMAS, Origin, Record, join_delimited, split_cells
from transforms.read.rejects import make_reject

EMPTY = Adapter(
    name="empty", description="a file without a row", kinds=BOTH_KINDS, layout=Layout.EMPTY
)

ADAPTERS = (
    input_contract.LINES_ADAPTER,
    input_contract.ARRAY_ADAPTER,
    input_contract.PARQUET_ADAPTER,
    input_contract.CSV_ADAPTER,
    rejected_rows.ADAPTER,
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

ADAPTERS_BY_NAME = {one.name: one for one in ADAPTERS}

_FAULTS = {
    Code.ROW_TOO_LARGE: f"a row of over 8 MiB, or of over {MAX_COMMAS:,} values",
    Code.TRUNCATED_FILE: "the compressed file ends early, in this row",
    Code.UNREADABLE_FILE: "the compressed file is corrupt from this row on",
    Code.OVER_LIMIT: f"the file is not read from this row on: {TOO_MUCH}",
    Code.BAD_ENCODING: "text that its own encoding cannot hold",
    Code.BROKEN_CSV: "a quote in this row is never closed, or text follows a closing one",
}


def file_layout(file: InputFile) -> Layout:
    """Returns the way the rows of a recognized file lie in it."""
    return Layout.ARRAY if file.in_array else ADAPTERS_BY_NAME[file.format].layout


def file_origin(file: InputFile) -> Origin:
    """Returns what the rows and rejects of a recognized file say of their source."""
    own = ADAPTERS_BY_NAME[file.format].header
    if not file.header or file.header == own:
        return Origin(file.label, file.format, file.kind)
    # Records of no map are brought to commas.
    header = join_delimited(file.header, file.form.delimiter if file.form else ",")
    return Origin(file.label, f"{file.format}:{header}", file.kind)


def parse_records(origin: Origin, records: Sequence[Record], options: ReadOptions) -> Parsed:
    """Parses records of one origin: loose rows of its kind, and a reject for every other one."""
    rejects = [
        make_reject(origin, one, one.fault, _FAULTS[one.fault]) for one in records if one.fault
    ]
    good = [one for one in records if not one.fault] if rejects else records
    parsed = _parse_whole(origin, good, options)
    if parsed is None:
        message = "no adapter of that name reads such records"
        rejects += [make_reject(origin, one, Code.BAD_VALUE, message, "format") for one in good]
        return pa.RecordBatch.from_pylist([], schema=LOOSE_SCHEMAS[origin.kind]), rejects
    batch, refused = parsed
    return batch, rejects + refused


def parse_batch(
    file: InputFile, batch: pa.RecordBatch, first: int, options: ReadOptions
) -> Iterator[Parsed]:
    """Parses a batch of a Parquet file that begins with row `first` of the file."""
    adapter = ADAPTERS_BY_NAME[file.format]
    if adapter.read_batch is not None:
        yield adapter.read_batch(file_origin(file), batch, first, options)
        return
    for origin, records in rejected_rows.rejected_records(file.label, file.kind, batch, first):
        yield parse_records(origin, records, options)


def _parse_whole(origin: Origin, records: Sequence[Record], options: ReadOptions) -> Parsed | None:
    """Parses records without a fault; None where no adapter can read any such record."""
    name, _, cells = origin.format.partition(":")
    adapter = ADAPTERS_BY_NAME.get(name)
    if adapter is None or origin.kind not in adapter.kinds:
        return None
    if adapter.convert is None:
        return adapter.read(origin, records, options) if adapter.read else None
    header = tuple(split_cells(cells)) if cells else adapter.header
    if not header or len(set(header)) < len(header):
        return None
    if adapter.read and records and all(one.data.startswith(b"{") for one in records):
        return adapter.read(origin, records, options)
    rows, broken = text_rows(origin, records, header, adapter.encoding)
    batch, refused = adapter.convert(rows, options)
    return batch, broken + refused
