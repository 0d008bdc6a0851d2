"""`ringtrace rejects RUN --output DIR`: exports the rejected rows, to correct and read again.

`DIR/complaints` and `DIR/calls` have one file for each source, in the format it was read in;
`DIR/why.csv` names the place of every row and what is wrong with it.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.options import UsageError
from pipelines.user_files import open_run
from schemas.enums import RecordKind
from schemas.reject import Code
from schemas.tables import REJECTS
from transforms.read import ADAPTERS_BY_NAME, Layout, decode_raw, join_cells

Row = Mapping[str, Any]

WHY = ("file", "line", "source", "position", "code", "field", "message")
"""Columns of why.csv; `file` and `line` are empty for a row whose text was not kept whole."""

BATCH_ROWS = 8_192

FOLDERS = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}

_SUFFIX = re.compile(r"(\.(jsonl|ndjson|json|csv|txt|parquet|gz|zst))+$", re.IGNORECASE)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

_LONGEST_NAME = 100

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell as a formula (OWASP, CSV injection)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace rejects`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to write, new")


def run(arguments: argparse.Namespace) -> int:
    """Exports the rejects of a run; returns the exit status 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: if DIR exists and is not an empty folder.
    """
    out = Path(arguments.output)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; name a new one")
    table = open_run(arguments.run).table(REJECTS)
    try:
        kept = write_rejects(table, out)
    except OSError as error:
        where = error.filename or out
        raise UsageError(f"{where}: {error.strerror}; name a folder that can be made") from None
    sys.stdout.write(
        f"{out}: {kept} of {table.num_rows} rejected rows can be corrected here; "
        f"{out / 'why.csv'} says what is wrong\n"
    )
    flags = [f"--{one} {out / one}" for one in ("complaints", "calls") if (out / one).exists()]
    if flags:
        sys.stdout.write(f"then: ringtrace batch {' '.join(flags)} --output DIR\n")
    return 0


def write_rejects(table: pa.Table, out: Path) -> int:
    """Writes REJECT rows below `out`; returns how many of them are in a file."""
    out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    kept = 0
    with (out / "why.csv").open("w", encoding="utf-8", newline="") as file:
        why = csv.writer(file)
        why.writerow(WHY)
        for (kind, source, written), group in groupby(_in_order(table), key=_file):
            reasons: list[tuple[object, ...]] = []
            correctable: list[bytes] = []
            for row in group:
                reason = tuple(row[name] for name in WHY[2:])
                if (data := _whole(row)) is None:
                    why.writerow(_why("", "", reason))
                else:
                    reasons.append(reason)
                    correctable.append(data)
            if not correctable:
                continue
            content, lines, extension = _content(written, correctable)
            name = _name(f"{FOLDERS[RecordKind(kind)]}/{_safe(source)}", extension, taken)
            path = out / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            why.writerows(
                _why(name, line, reason) for line, reason in zip(lines, reasons, strict=True)
            )
            kept += len(correctable)
    return kept


def _in_order(table: pa.Table) -> Iterator[Row]:
    """Yields REJECT rows, a batch in memory at a time, those of a file together.

    A quote that is never closed goes last: before others it would swallow them.
    """
    last = pc.equal(table["code"], Code.BROKEN_CSV)
    keys = ("record_kind", "source", "format", "last", "position")
    table = table.append_column("last", last)
    order = pc.sort_indices(table, [(one, "ascending") for one in keys])
    for at in range(0, len(order), BATCH_ROWS):
        yield from table.take(order.slice(at, BATCH_ROWS)).to_pylist()


def _file(row: Row) -> tuple[str, str, str]:
    return row["record_kind"], row["source"], row["format"]


def _whole(row: Row) -> bytes | None:
    """Returns the bytes of a row, unless only its head was kept, or nothing, or no header."""
    name, _, header = row["format"].partition(":")
    if not header and name in _READ_BY_HEADER:
        return None
    data = decode_raw(row["raw"] or "", row["raw_encoding"])
    return data if data.strip() and len(data) >= row["raw_bytes"] else None


_READ_BY_HEADER = frozenset(
    name
    for name, one in ADAPTERS_BY_NAME.items()
    if one.layout in (Layout.CSV, Layout.SHEET) and not one.header
)
"""Formats whose rows mean nothing without the header of their file."""


def _content(written: str, rows: Sequence[bytes]) -> tuple[bytes, list[int], str]:
    """Returns a file of one format: its bytes, the line on which each row starts, its extension."""
    name, _, cells = written.partition(":")
    known = ADAPTERS_BY_NAME.get(name)
    if known is not None and known.layout in (Layout.CSV, Layout.SHEET):
        if all(data.lstrip().startswith(b"{") for data in rows):
            # A format of CSV may have an export as JSON, too: one array of objects.
            lines = [b"[", *_separated(rows), b"]"]
            return b"\n".join(lines) + b"\n", list(_starts(lines))[1:-1], ".json"
        header = (cells or join_cells(known.header)).encode()
        lines = [header, *rows]
        return b"\n".join(lines) + b"\n", list(_starts(lines))[1:], ".csv"
    flat = [b" ".join(data.splitlines()) for data in rows]
    is_objects = known is not None and known.read is not None and known.detect_line is None
    extension = ".jsonl" if is_objects else ".txt"
    return b"\n".join(flat) + b"\n", list(_starts(flat)), extension


def _separated(rows: Sequence[bytes]) -> Iterator[bytes]:
    yield from (data + b"," for data in rows[:-1])
    yield rows[-1]


def _starts(parts: Iterable[bytes]) -> Iterator[int]:
    line = 1
    for part in parts:
        yield line
        line += part.count(b"\n") + 1


def _safe(source: str) -> str:
    """Returns a source's label as a file name that leads nowhere else."""
    plain = _UNSAFE.sub("_", _SUFFIX.sub("", source)).strip("._-")
    return plain[-_LONGEST_NAME:] or "rejects"


def _name(stem: str, extension: str, taken: set[str]) -> str:
    name, number = stem + extension, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}{extension}"
    taken.add(name.lower())
    return name


def _why(file: str, line: object, reason: Iterable[object]) -> tuple[object, ...]:
    cells = (file, line, *reason)
    return tuple(_plain(cell) if isinstance(cell, str) else cell for cell in cells)


def _plain(cell: str) -> str:
    """Returns the cell as text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
