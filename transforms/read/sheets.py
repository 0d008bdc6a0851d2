"""Workbooks: the sheets and rows of xlsx files, which a bounded process reads."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module

import orjson

from schemas.extras import install_command
from schemas.reject import Code
from transforms.read.bounded_process import run_bounded
from transforms.read.files import (
    BLOCK_BYTES,
    DamagedStreamError,
    InputError,
    most_decoded,
    open_raw,
)
from transforms.read.framing import MAX_ROW_BYTES, Record, join_cells

ZIP_MAGIC = b"PK\x03\x04"

_OFFICE_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"customXml/")
"""Beginnings of the names of parts of a workbook (ECMA-376), of which any may be the first."""

MOST_WORKBOOK_BYTES = 64 * 1024 * 1024
"""A larger xlsx is refused: it is read whole."""

WORKBOOK_MEMORY = 512 * 1024 * 1024
"""Address space of the process that reads an xlsx: a kilobyte of it can claim 17 billion cells."""

WORKBOOK_SECONDS, MOST_WORKBOOK_SECONDS = 5, 120
"""CPU seconds that it may take for each megabyte of the xlsx, and at most."""


_SHEET_PROGRAM = """
import io, json
from python_calamine import CalamineWorkbook
longest, wanted, name = int(arguments[0]), *arguments[1:]
book = CalamineWorkbook.from_filelike(io.BytesIO(data))
sheets = map(book.get_sheet_by_name, book.sheet_names)
tables = (sheet for sheet in sheets if sheet.height > 1 and sheet.width > 1)
if wanted == "tables":
    shown = {about.name: str(about.visible).endswith(".Visible") for about in book.sheets_metadata}
    cells = {sheet.name: [shown[sheet.name], sheet.height * sheet.width] for sheet in tables}
    print(json.dumps(cells))
    print("end")
    sys.exit()
first = None if name else next(tables, None)
sheet = first or book.get_sheet_by_name(name or book.sheet_names[0])
def text(cell):
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)
for row in sheet.iter_rows():
    cells = list(map(text, row))
    print(json.dumps(cells) if sum(map(len, cells)) <= longest else "null")
print("end")
"""


def is_workbook(head: bytes) -> bool:
    """Returns whether the first bytes are those of an Office document, such as xlsx."""
    named = head[30:].startswith(_OFFICE_PARTS) or b"[Content_Types].xml" in head[:4096]
    return head.startswith(ZIP_MAGIC) and named


def counts_from_1904(path: str) -> bool:
    """Returns whether the days of a workbook are counted from 1904, as old Macintosh ones are."""
    try:
        with open_raw(path) as stream, zipfile.ZipFile(stream) as parts:
            head = parts.open("xl/workbook.xml").read(BLOCK_BYTES)
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, NotImplementedError, RuntimeError):
        return False
    return re.search(rb'date1904="(?:1|true)"', head) is not None


def sheet_tables(path: str) -> dict[str, list[int]]:
    """Returns the sheets of an xlsx with two rows and columns, by name: shown or not, and cells.

    Raises:
        InputError: as `sheet_rows`.
    """
    try:
        return dict(orjson.loads(b"".join(_sheet_lines(path, "tables", ""))))
    except DamagedStreamError:
        return {}


def sheet_rows(path: str, sheet: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yields the number and cells of each row of an xlsx sheet that is not empty.

    The cells are null for a row of over 8 MiB. Without a sheet name, reads the first of
    `sheet_tables`.

    Raises:
        InputError: if it cannot be read, or the extra is not installed.
    """
    for number, line in enumerate(_sheet_lines(path, "rows", sheet), 1):
        cells = orjson.loads(line)
        if cells is None or any(cells):
            yield number, cells


def _sheet_lines(path: str, wanted: str, sheet: str) -> Iterator[bytes]:
    """Yields as JSON each row of a sheet of an xlsx, or in one line its tables.

    Another process reads it, whose memory and time are bounded.

    Raises:
        InputError: if it cannot be read, or the extra is not installed.
    """
    try:
        import_module("python_calamine")
    except ImportError:
        remedy = f"{install_command('excel')}, or save the sheet as CSV"
        raise InputError(path, "needs python-calamine to be read", remedy) from None
    with open_raw(path) as stream:
        data = stream.read(MOST_WORKBOOK_BYTES + 1)
    if len(data) > MOST_WORKBOOK_BYTES:
        raise InputError(path, "an Excel file of over 64 MiB", "save the sheet as CSV")
    seconds = min(WORKBOOK_SECONDS * (1 + len(data) // 1_000_000), MOST_WORKBOOK_SECONDS)
    left = most_decoded(len(data))
    with run_bounded(
        _SHEET_PROGRAM, data, WORKBOOK_MEMORY, seconds, str(MAX_ROW_BYTES), wanted, sheet
    ) as lines:
        for line in lines:
            if line == b"end\n":
                return
            left -= len(line)
            if left < 0:
                raise DamagedStreamError(Code.OVER_LIMIT)
            yield line
    remedy = "name a sheet that is there, or save it as CSV"
    raise InputError(path, "no sheet of an Excel file that can be read", remedy)


def sheet_records(path: str, sheet: str) -> Iterator[Record]:
    """Yields the rows of an xlsx sheet as records of CSV; a sheet that breaks off ends in a fault.

    Without a sheet name, reads the first of `sheet_tables`.
    """
    number = 0
    try:
        for number, cells in sheet_rows(path, sheet):
            data = join_cells(cells or ()).encode("utf-8", "replace")
            fault = Code.ROW_TOO_LARGE if cells is None else None
            yield Record(number, data, len(data), fault)
    except InputError:
        yield Record(number + 1, b"", 0, Code.UNREADABLE_FILE)
    except DamagedStreamError as damage:
        yield Record(number + 1, b"", 0, damage.code)
