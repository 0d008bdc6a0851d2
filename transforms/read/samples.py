"""Samples: the first rows of a company's own export, by which a map of it is guessed, and shown."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from schemas.enums import RecordKind
from schemas.mapping import FileForm, FileFormat, RecordMap
from transforms.read import dialects, evidence, framing, sheets
from transforms.read.adapters import mapped
from transforms.read.adapters.registry import parse_records
from transforms.read.detect import NOT_ONE_A_LINE, ONE_A_LINE, read_start, recognize_file
from transforms.read.files import InputError, InputFile, ReadOptions, refuse_foreign
from transforms.read.framing import Record
from transforms.read.parquet_limits import DamagedParquetError
from transforms.read.read_records import Shard, shard_records

SAMPLE_BYTES = 4 * 1024 * 1024
"""Most of a file that is looked at."""


_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})  # text has next to none


@dataclass(frozen=True)
class Sample:
    """The first rows of a file: its form, and what they hold.

    `unsure` is what a map by it should say, a line each.
    """

    form: FileForm
    columns: tuple[str, ...]
    rows: tuple[mapped.Row, ...]
    unsure: tuple[str, ...] = ()


def sample_file(path: str) -> Sample:
    """Reads the form and the first rows of a file.

    Raises:
        InputError: if it is no CSV, JSON, Parquet or xlsx with rows.
    """
    file, head, _ = read_start(InputFile(path, path, RecordKind.COMPLAINT), SAMPLE_BYTES)
    form, unsure = _guess_form(path, head.removeprefix(codecs.BOM_UTF8))
    records = [*_first_records(mapped.file_of_form(file, form))]
    is_table = form.format in (FileFormat.CSV, FileFormat.XLSX)
    sample = (_sample_cells if is_table else _sample_objects)(path, form, records)
    if not any(sample.rows):
        raise _without_rows(path)
    return replace(sample, unsure=(*unsure, *sample.unsure))


def preview(path: str, by: RecordMap) -> list[tuple[dict[str, Any] | None, str]]:
    """Returns the first five rows of a file as a map reads them, or why they are rejects.

    Raises:
        InputError: if the map does not fit the file.
    """
    options = ReadOptions(maps=(by,))
    file = recognize_file(InputFile(path, path, by.kind), options)
    groups = shard_records(Shard(file, 0, None, 1))
    first = islice(((origin, record) for origin, group in groups for record in group), 5)
    shown: list[tuple[dict[str, Any] | None, str]] = []
    for origin, record in first:
        rows, rejects = parse_records(origin, [record], options)
        if rejects:
            shown.append((None, rejects[0].message))
        else:
            row = rows.drop_columns(["source", "position", "format", "raw"]).to_pylist()[0]
            shown.append(({key: value for key, value in row.items() if value is not None}, ""))
    return shown


def _without_rows(path: str) -> InputError:
    return InputError(path, "has no rows", "give a file with records")


def _guess_form(path: str, head: bytes) -> tuple[FileForm, tuple[str, ...]]:
    """Returns the form of a file by its first bytes, and what to ask."""
    if sheets.is_workbook(head):
        return _guess_sheet(path)
    if head.startswith(b"PAR1"):
        mapped.parquet_names(path)
        return FileForm(FileFormat.PARQUET), ()
    if not head.strip():
        raise _without_rows(path)
    refuse_foreign(path, head, "")
    if (len(head) - len(head.translate(None, _CONTROLS))) * 100 > len(head):
        raise InputError(path, "not text in UTF-8", "save it as CSV in UTF-8")
    if len(head) >= SAMPLE_BYTES - len(codecs.BOM_UTF8) and b"\n" in head:
        head = head[: head.rindex(b"\n") + 1]
    first = head.lstrip()[:1]
    if first == b"{" and not (rows := _rows_key(head)):
        return FileForm(FileFormat.JSONL), ()
    if first in (b"[", b"{"):
        return FileForm(FileFormat.JSON, rows=rows if first == b"{" else ""), ()
    return dialects.guess_dialect(path, head)


def _guess_sheet(path: str) -> tuple[FileForm, tuple[str, ...]]:
    """Returns the form of an xlsx: its largest table that is shown, named if of several."""
    tables = sheets.sheet_tables(path)
    sheet = max(tables, key=tables.__getitem__) if len(tables) > 1 else ""
    unread = [repr(name[:60]) for name in tables if sheet and name != sheet]
    note = (
        f"sheet: {sheet[:60]!r} is read, and not {', '.join(unread[:5])}; save a sheet with more "
        "records as a file of its own"
    )
    return FileForm(FileFormat.XLSX, sheet=sheet), (note,) if unread else ()


def _rows_key(head: bytes) -> str:
    """Returns the dotted key of the first array of objects, where a file is one JSON object."""
    first, _, more = head.partition(b"\n")
    try:
        value = framing.parse_exact_json(first)
    except framing.BadRecordError:
        value = None
    if value is not None and more.strip():
        return ""
    key = dialects.first_array(head)
    if isinstance(value, dict) and key and "." not in key:
        inner = value.get(key)
        if not isinstance(inner, list) or len(value) > 12:
            return ""  # one record that has a list
    return key


def _first_records(file: InputFile) -> Iterator[Record]:
    """Yields the first records of a file that is read by a map."""
    left = SAMPLE_BYTES
    groups = shard_records(Shard(file, 0, None, 1))
    try:
        for record in islice((record for _, group in groups for record in group), _MOST_ROWS):
            yield record
            left -= len(record.data)
            if left < 0:
                return
    except DamagedParquetError:
        raise InputError(file.path, "damaged Parquet", "export the file again") from None


_MOST_ROWS = dialects.SAMPLE_ROWS + 1


def _sample_cells(path: str, form: FileForm, records: Sequence[Record]) -> Sample:
    whole = [record for record in records if not record.fault]
    if not whole:
        if form.format is FileFormat.XLSX:
            next(sheets.sheet_rows(path, form.sheet), None)  # raises what is wrong
        raise _without_rows(path)
    texts = [record.data.decode(form.encoding, "replace") for record in whole]
    split = [framing.split_delimited(text, form.delimiter) for text in texts]
    split = dialects.cut_blank_ends(split)
    if titles := _titles(split):
        columns = mapped.distinct_names(split[titles], split[titles - 1])
        form = replace(form, names=columns, skip=titles + 1)
        split = split[titles + 1 :]
    elif not _is_header(split[0]):
        columns = mapped.column_names([""] * len(split[0]))
        form = replace(form, names=columns)
    else:
        columns = mapped.column_names(split[0])
        typed = (
            len(split) > 1 and evidence.is_sql_types(" ".join(filter(None, split[1]))) is not None
        )
        form = replace(form, skip=int(typed))
        split = split[1 + typed :]
    if len(columns) > dialects.MOST_COLUMNS:
        raise InputError(path, f"has {len(columns)} columns", "leave out those of no use")
    rows = [
        mapped.row_of(zip(columns, map(mapped.unwrapped, cells), strict=True))
        for cells in split
        if len(cells) == len(columns)
    ]
    if split and not rows:
        problem = f"its rows have {len(split[0])} cells, and the row of their names {len(columns)}"
        raise InputError(path, problem, "give each row a cell a name")
    if len(whole) < len(records) and not any(rows):
        problem = "in each row a quote is never closed, or text follows a closing one"
        raise InputError(path, problem, 'write quotes inside of cells twice: ""')
    return Sample(form, columns, tuple(rows))


def _is_header(cells: Sequence[str]) -> bool:
    """Returns whether less than a third of the cells of a row are data."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return sum(bool(evidence.is_datum(cell)) for cell in filled) * 3 < len(filled)


def _titles(rows: Sequence[Sequence[str]]) -> int:
    """Counts the rows above a header row, which fill less than half the columns; 0 of no header."""
    width, _ = Counter(map(len, rows)).most_common(1)[0]
    for number, cells in enumerate(rows[: mapped.MOST_TITLES]):
        filled = sum(bool(cell.strip()) for cell in cells)
        if len(cells) == width and filled * 2 >= width:
            data = any(evidence.is_datum(cell.strip()) or len(cell.split()) > 8 for cell in cells)
            return 0 if data else number
    return 0


def _sample_objects(path: str, form: FileForm, records: Sequence[Record]) -> Sample:
    rows: list[mapped.Row] = []
    columns, lists = dict[str, None](), dict[str, None]()
    for record in records:
        try:
            value = framing.parse_exact_json(record.data) if not record.fault else None
        except framing.BadRecordError:
            continue
        if not isinstance(value, dict):
            continue
        inner = [part.keys() for part in value.values() if isinstance(part, dict)]
        if len(records) == 1 and len(inner) >= 3 and all(keys == inner[0] for keys in inner):
            raise InputError(path, "its records are keyed by their ids", "make an array of them")
        lists |= dict.fromkeys(mapped.object_lists(value))
        rows.append(mapped.row_of(mapped.flatten(value)))
        columns |= dict.fromkeys(rows[-1])
    if not rows and any(record.data.lstrip()[:1] == b"{" for record in records):
        raise InputError(path, NOT_ONE_A_LINE, ONE_A_LINE)
    asks = tuple(
        f"rows: {key[:60]!r} has several objects a row, read as one; write each on a line if it "
        "is a record"
        for key in lists
    )
    return Sample(form, tuple(islice(columns, dialects.MOST_COLUMNS)), tuple(rows), asks)
