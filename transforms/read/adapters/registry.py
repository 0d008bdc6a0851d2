"""The known formats: what records each holds, how it lies in a file, who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read.adapters import (
    asterisk_cdr,
    contract_csv,
    contract_json,
    fcc_complaints,
    ftc_do_not_call,
    ftc_sentinel,
    ftc_transcripts,
    shaken_passport,
)
from transforms.read.adapters.base import SCHEMAS, TextRows, join_cells, text_rows
from transforms.read.files import InputFile
from transforms.read.framing import Origin, Record, split_cells
from transforms.read.options import ReadOptions
from transforms.read.rejects import Reject, reject


class Layout(StrEnum):
    """How the rows of a file lie in it."""

    LINES = "lines"
    CSV = "csv"
    ARRAY = "array"
    PARQUET = "parquet"
    REJECTS = "rejects"
    EMPTY = "empty"


BOTH = (RecordKind.COMPLAINT, RecordKind.CALL)


@dataclass(frozen=True)
class Format:
    """One known format; `header` is its own column names where it is CSV."""

    layout: Layout
    kinds: tuple[RecordKind, ...]
    about: str
    header: tuple[str, ...] = ()


FORMATS = {
    "jsonl": Format(Layout.LINES, BOTH, "JSON Lines of the input contract"),
    "json": Format(Layout.ARRAY, BOTH, "a JSON array of the input contract's objects"),
    "parquet": Format(Layout.PARQUET, BOTH, "Parquet of the input contract"),
    "csv": Format(Layout.CSV, BOTH, "CSV of the input contract"),
    "rejects": Format(Layout.REJECTS, BOTH, "the rejects/ of a run, to be read again"),
    "ftc-dnc": Format(
        Layout.CSV,
        (RecordKind.COMPLAINT,),
        "FTC Do Not Call reported calls",
        ftc_do_not_call.HEADER,
    ),
    "ftc-foia": Format(
        Layout.CSV, (RecordKind.COMPLAINT,), "FTC Sentinel complaints (FOIA)", ftc_sentinel.HEADER
    ),
    "fcc": Format(Layout.CSV, (RecordKind.COMPLAINT,), "FCC unwanted calls", fcc_complaints.HEADER),
    "transcripts": Format(
        Layout.CSV,
        (RecordKind.COMPLAINT,),
        "FTC Point of No Entry transcripts",
        ftc_transcripts.HEADER,
    ),
    "asterisk": Format(
        Layout.CSV, (RecordKind.CALL,), "Asterisk call detail records", asterisk_cdr.HEADER
    ),
    "passport": Format(Layout.LINES, (RecordKind.CALL,), "SHAKEN PASSporTs"),
    "empty": Format(Layout.EMPTY, BOTH, "a file without a row"),
}


def layout(file: InputFile) -> Layout:
    """How the file's rows lie; the FCC's export is an array where it has no header."""
    if file.format == fcc_complaints.NAME and not file.header:
        return Layout.ARRAY
    return FORMATS[file.format].layout


def origin(file: InputFile) -> Origin:
    """What the file's rows and rejects say of their source."""
    own = FORMATS[file.format].header
    header = f":{join_cells(file.header)}" if file.header and file.header != own else ""
    return Origin(file.label, file.format + header, file.kind)


_FAULTS = {
    Code.ROW_TOO_LARGE: "a row of over 8 MiB",
    Code.TRUNCATED_FILE: "the compressed file ends early, in this row",
    Code.UNREADABLE_FILE: "the compressed file is corrupt from this row on",
    Code.BAD_ENCODING: "text that its own encoding cannot hold",
    Code.BROKEN_CSV: "a quote in this row is never closed",
}


_JSON = ("jsonl", "json", "parquet")
"""Formats whose records are contract objects: a Parquet row is kept as one when refused."""


def parse(
    origin: Origin, records: Sequence[Record], options: ReadOptions
) -> tuple[pa.RecordBatch, list[Reject]]:
    """Records of one origin as loose rows of its kind, and a reject for every other one."""
    rejects = [reject(origin, one, one.fault, _FAULTS[one.fault]) for one in records if one.fault]
    good = [one for one in records if not one.fault] if rejects else records
    name, _, written = origin.format.partition(":")
    known = FORMATS.get(name)
    header = tuple(split_cells(written)) if written else (known.header if known else ())
    readable = (
        name in _JSON
        or name == shaken_passport.NAME
        or (header and len(set(header)) == len(header))
    )
    if known is None or origin.kind not in known.kinds or not readable:
        message = "no adapter of that name reads such records"
        rejects += [reject(origin, one, Code.BAD_VALUE, message, "format") for one in good]
        return pa.RecordBatch.from_pylist([], schema=SCHEMAS[origin.kind]), rejects
    batch, refused = _read(name, origin, good, header, options)
    return batch, rejects + refused


def _read(
    name: str,
    origin: Origin,
    records: Sequence[Record],
    header: tuple[str, ...],
    options: ReadOptions,
) -> tuple[pa.RecordBatch, list[Reject]]:
    if name in _JSON:
        return contract_json.read(origin, records, options.source_org)
    if name == shaken_passport.NAME:
        return shaken_passport.read(origin, records, options.source_org, options.passport_keys)
    if (
        name == fcc_complaints.NAME
        and records
        and all(one.data.startswith(b"{") for one in records)
    ):
        rows, rejects = fcc_complaints.object_rows(origin, records)
    else:
        encoding = ftc_sentinel.ENCODING if name == ftc_sentinel.NAME else "utf-8"
        rows, rejects = text_rows(origin, records, header, encoding)
    if name == contract_csv.NAME:
        batch, refused = contract_csv.convert(rows, options.source_org)
        return batch, rejects + refused
    return _convert(name, rows, options), rejects


def _convert(name: str, rows: TextRows, options: ReadOptions) -> pa.RecordBatch:
    if name == asterisk_cdr.NAME:
        return asterisk_cdr.convert(rows, options.source_org, options.calls_direction)
    converters = {
        ftc_do_not_call.NAME: ftc_do_not_call.convert,
        ftc_sentinel.NAME: ftc_sentinel.convert,
        fcc_complaints.NAME: fcc_complaints.convert,
        ftc_transcripts.NAME: ftc_transcripts.convert,
    }
    return converters[name](rows)
