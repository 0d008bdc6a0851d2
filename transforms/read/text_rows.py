"""CSV records into columns of text, under the names of a header."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from schemas.reject import Code
from transforms.read.csv_rows import split_cells
from transforms.read.loose import TextRows
from transforms.read.records import Origin, Record
from transforms.read.rejects import Reject, reject


def join_cells(cells: Sequence[str]) -> str:
    """One CSV record of these cells, quoted where it must be."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\n\r') else cell for cell in cells
    )


def text_rows(
    origin: Origin, records: Sequence[Record], header: Sequence[str], encoding: str = "utf-8"
) -> tuple[TextRows, list[Reject]]:
    """Rows with one cell a column, and a reject for each record that is not such a row."""
    good: list[Record] = []
    rows: list[list[str]] = []
    rejects: list[Reject] = []
    width = len(header)
    for record in records:
        if b"\0" in record.data:
            rejects.append(reject(origin, record, Code.BROKEN_CSV, "a NUL byte in the row"))
            continue
        try:
            cells = split_cells(record.data.decode(encoding))
        except UnicodeDecodeError:
            rejects.append(reject(origin, record, Code.BAD_ENCODING, "not valid UTF-8"))
            continue
        if len(cells) != width:
            message = f"{len(cells)} cells where the header has {width}"
            rejects.append(reject(origin, record, Code.BROKEN_CSV, message))
            continue
        good.append(record)
        rows.append(cells)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    cells_of = {
        name: pa.array(column, pa.string()) for name, column in zip(header, columns, strict=True)
    }
    return TextRows(origin, good, pa.RecordBatch.from_pydict(cells_of)), rejects
