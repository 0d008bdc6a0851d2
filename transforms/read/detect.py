"""What the first bytes of a file say of its format.

Which format a file has, from the first of its bytes.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.enums import RecordKind
from transforms.read import framing, json_values, rejects
from transforms.read.adapters import (
    asterisk_cdr,
    contract_csv,
    contract_json,
    contract_parquet,
    fcc_complaints,
    ftc_do_not_call,
    ftc_sentinel,
    ftc_transcripts,
    shaken_passport,
)
from transforms.read.adapters.registry import FORMATS, Layout
from transforms.read.adapters.shaken_passport import BrokenTokenError
from transforms.read.files import InputFile, compression, head, labels, match, open_raw, raw_blocks
from transforms.read.framing import Record, lines, split_cells
from transforms.read.json_values import BrokenJsonError
from transforms.read.options import InputError, ReadOptions

HEAD_BYTES = 64 * 1024


OPTION = {RecordKind.COMPLAINT: "--complaints", RecordKind.CALL: "--calls"}


_OTHER = {RecordKind.COMPLAINT: RecordKind.CALL, RecordKind.CALL: RecordKind.COMPLAINT}


class UnrecognisedError(Exception):
    """No known format; says what is wrong with it where that can be told."""


def wrong_kind(file: InputFile, about: str) -> InputError:
    """The error for a file given for the other record kind; `about` is a plural."""
    other = _OTHER[file.kind]
    return InputError(file.path, f"{about} hold {other}s", f"give it with {OPTION[other]}")


def known(kind: RecordKind) -> str:
    """The names of the formats that hold such records, for an error's remedy."""
    names = [name for name, one in FORMATS.items() if kind in one.kinds and name != "empty"]
    return f"known formats of {kind}s are {', '.join(names)}"


def parquet_format(file: InputFile, options: ReadOptions) -> InputFile:
    """The file with the format of its Parquet schema; raises as `text_format`."""
    if file.compression != "none":
        raise UnrecognisedError("Parquet inside a compressed file")
    try:
        with open_raw(file.path) as stream:
            schema = pq.ParquetFile(stream).schema_arrow
    except (OSError, pa.ArrowException):
        raise InputError(file.path, "damaged Parquet", "write the file again") from None
    if rejects.is_rejects(schema):
        return replace(file, format="rejects")
    _check_columns(file, schema.names, options)
    if unfit := contract_parquet.misfits(schema, file.kind):
        problem = f"columns of another type than the contract's: {', '.join(unfit)}"
        raise InputError(file.path, problem, "write them as docs/schemas/input says")
    return replace(file, format="parquet")


def _check_columns(file: InputFile, names: Sequence[str], options: ReadOptions) -> None:
    """Raise InputError unless the contract's required columns are all there."""
    other = _OTHER[file.kind]
    missing = contract_csv.missing(names, file.kind, options.source_org)
    if missing and not contract_csv.missing(names, other, options.source_org):
        raise wrong_kind(file, f"its columns are those of a {other}; such files")
    if missing:
        problem = f"missing columns {', '.join(missing)}"
        raise InputError(file.path, problem, f"give the contract's columns; {known(file.kind)}")
    if len(set(names)) < len(names):
        raise InputError(file.path, "two columns of one name", "rename one")


def text_format(
    file: InputFile, data: bytes, wanted: str | None, options: ReadOptions
) -> InputFile:
    """The file with the format of its decompressed first `HEAD_BYTES` bytes.

    Raises UnrecognisedError, or InputError where it can be said what is wrong.
    """
    first = data.lstrip()[:1]
    if first == b"[":
        return _array(file, data)
    if wanted is not None and FORMATS[wanted].layout == Layout.LINES:
        return replace(file, format=wanted)
    whole = file.size <= HEAD_BYTES and file.compression == "none"
    rows = [row for row in lines([data]) if row.data.strip()]
    if not whole and len(rows) > 1:
        rows.pop()
    found = _objects(file, rows) or _tokens(file, rows) or _csv(file, rows, options)
    if found is None and first == b"{":
        return replace(file, format="jsonl")
    if found is None:
        raise UnrecognisedError("not a known format")
    return found


def _parsed(rows: Sequence[Record]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        try:
            value = json_values.parse(row.data) if row.data.lstrip().startswith(b"{") else None
        except BrokenJsonError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _objects(file: InputFile, rows: Sequence[Record], array: bool = False) -> InputFile | None:
    """The format of JSON objects; null where no row is one."""
    objects = _parsed(rows)
    keys = {key for one in objects for key in one}
    if not objects:
        return None
    if "identity" in keys and not keys & {"complaint_id", "call_id"}:
        return replace(file, format=shaken_passport.NAME)
    if "issue_date" in keys and not keys.isdisjoint(fcc_complaints.TELLING):
        if not array:
            raise UnrecognisedError("FCC complaints, but not as a JSON array or CSV export")
        return replace(file, format=fcc_complaints.NAME)
    mine, other = (
        len(keys & contract_json.FIELDS[kind].types.keys())
        for kind in (file.kind, _OTHER[file.kind])
    )
    if not mine and not other:
        raise UnrecognisedError("JSON objects without any field of the contract")
    if other > mine:
        raise wrong_kind(file, "its fields are those of the other kind; such files")
    return replace(file, format="json" if array else "jsonl")


def _array(file: InputFile, data: bytes) -> InputFile:
    found = _objects(file, list(framing.elements([data])), array=True)
    if found is None:
        raise UnrecognisedError("a JSON array, but not of objects")
    return found


def _tokens(file: InputFile, rows: Sequence[Record]) -> InputFile | None:
    for row in rows[:100]:
        try:
            compact = shaken_passport.token(row.data.decode())
        except (BrokenTokenError, UnicodeDecodeError):
            continue
        if compact.startswith("eyJ"):  # base64url of '{"'
            return replace(file, format=shaken_passport.NAME)
    return None


def _csv(file: InputFile, rows: Sequence[Record], options: ReadOptions) -> InputFile | None:
    records = list(islice(framing.records(rows), 20))
    for record in records:
        cells = split_cells(record.data.decode(ftc_sentinel.ENCODING)) if not record.fault else []
        if asterisk_cdr.looks_like(cells):
            return replace(file, format=asterisk_cdr.NAME, header=asterisk_cdr.HEADER[: len(cells)])
    if not records or records[0].fault or b"\0" in records[0].data:
        return None
    cells = [cell.strip() for cell in split_cells(records[0].data.decode(ftc_sentinel.ENCODING))]
    for name, needed in _NEEDED.items():
        header = _canonical(cells, FORMATS[name].header)
        if needed <= set(header) and len(set(header)) == len(header):
            return replace(file, format=name, header=header, has_header=True)
    fields = {name for kind in RecordKind for name in contract_json.FIELDS[kind].types}
    if len(fields & set(cells)) >= 2:
        _check_columns(file, cells, options)
        return replace(file, format="csv", header=tuple(cells), has_header=True)
    return None


_NEEDED = {
    ftc_do_not_call.NAME: {"Company_Phone_Number", "Created_Date"},
    ftc_sentinel.NAME: {"Reference Number", *ftc_sentinel.HEADER[5:7]},
    fcc_complaints.NAME: {"Ticket ID", "Caller ID Number", "Date of Issue"},
    ftc_transcripts.NAME: {"file", "transcript"},
    asterisk_cdr.NAME: {"src", "dst", "start", "billsec"},
}
"""Columns that tell a format by its header, and that its adapter cannot do without."""


def _canonical(cells: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The cells of a header, each as the format spells it where it is one of its columns."""
    spelled = {name.casefold(): name for name in names}
    return tuple(
        spelled.get(
            cell.casefold(), ftc_sentinel.EXTENSION if "extension" in cell.casefold() else cell
        )
        for cell in cells
    )


_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
}


def plan(complaints: Sequence[str], calls: Sequence[str], options: ReadOptions) -> list[InputFile]:
    """The files that the patterns mean, each with its format, complaints first, by path.

    Raises InputError for a pattern without a file, a file of no known format, a file given
    for the other record kind, and Parquet or CSV that lacks the contract's columns.
    """
    _check(options)
    given = {RecordKind.COMPLAINT: match(complaints), RecordKind.CALL: match(calls)}
    named = labels([file.path for files in given.values() for file in files])
    return [
        recognised(
            InputFile(file.path, named[file.path], kind, "", "none", file.size_in_bytes), options
        )
        for kind, files in given.items()
        for file in files
    ]


def _check(options: ReadOptions) -> None:
    """Raise InputError for options that no file can be read with."""
    for kind in RecordKind:
        name = options.format_for(kind)
        if name is not None and (name not in FORMATS or kind not in FORMATS[name].kinds):
            raise InputError(f"{OPTION[kind]}-format", "no such format", known(kind))
    try:
        shaken_passport.load_keys(options.passport_keys)
    except ValueError:
        remedy = "give PEM texts of public keys or certificates"
        raise InputError("PASSporT keys", "not elliptic curve keys", remedy) from None


def recognised(file: InputFile, options: ReadOptions) -> InputFile:
    """The file with its format, compression and header.

    Raises:
        InputError: if it cannot be opened, or has no format that `options` let it have.
    """
    try:
        start = next(raw_blocks(file.path, 0, HEAD_BYTES), b"")
    except OSError as error:
        raise InputError(file.path, "cannot be opened", "check your access to it") from error
    packed = compression(start)
    file = replace(file, compression=packed)
    data, damaged = head(file.path, packed, HEAD_BYTES)
    for magic, name in _FOREIGN.items():
        if data.startswith(magic):
            remedy = "convert it to UTF-8" if "text" in name else "unpack it, or use gzip or zstd"
            raise InputError(file.path, f"{name} is not read", remedy)
    is_parquet = data.startswith(b"PAR1")
    if not is_parquet and data.count(b"\0") * 4 > len(data):
        raise InputError(file.path, "not text (every other byte is NUL)", "convert it to UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip() and len(data) < HEAD_BYTES - len(codecs.BOM_UTF8):
        return replace(file, format="jsonl" if damaged else "empty")
    wanted = options.format_for(file.kind)
    try:
        found = (
            parquet_format(file, options)
            if is_parquet
            else text_format(file, data, wanted, options)
        )
    except UnrecognisedError as problem:
        raise InputError(file.path, str(problem), known(file.kind)) from None
    if wanted is not None and found.format not in (wanted, rejects.NAME):
        raise InputError(
            file.path,
            f"it is {FORMATS[found.format].about}, not {wanted}",
            "name its format, or none",
        )
    if file.kind not in FORMATS[found.format].kinds:
        raise wrong_kind(file, FORMATS[found.format].about)
    return found
