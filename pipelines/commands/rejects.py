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

from pipelines.options import UsageError
from pipelines.user_files import open_run
from schemas.enums import RecordKind
from schemas.reject import Code
from schemas.tables import REJECTS
from transforms.read import ADAPTERS_BY_NAME, Layout, decode_raw, join_cells

Row = Mapping[str, Any]

WHY = ("file", "line", "source", "position", "code", "field", "message")
"""Columns of why.csv; `file` and `line` are empty for a row whose text was not kept whole."""

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
    rows = open_run(arguments.run).table(REJECTS).to_pylist()
    try:
        kept = write_rejects(rows, out)
    except OSError as error:
        where = error.filename or out
        raise UsageError(f"{where}: {error.strerror}; name a folder that can be made") from None
    sys.stdout.write(
        f"{out}: {kept} of {len(rows)} rejected rows can be corrected here; {out / 'why.csv'} says "
        "what is wrong\n"
    )
    flags = [f"--{one} {out / one}" for one in ("complaints", "calls") if (out / one).exists()]
    if flags:
        sys.stdout.write(f"then: ringtrace batch {' '.join(flags)} --output DIR\n")
    return 0


def write_rejects(rows: Iterable[Row], out: Path) -> int:
    """Writes REJECT rows below `out`; returns how many of them are in a file."""
    out.mkdir(parents=True, exist_ok=True)
    reasons: list[tuple[object, ...]] = []
    taken: set[str] = set()
    kept = 0
    for (kind, source, written), group in groupby(sorted(rows, key=_order), key=_file):
        correctable: list[tuple[Row, bytes]] = []
        for row in group:
            if (data := _whole(row)) is None:
                reasons.append(_why("", "", row))
            else:
                correctable.append((row, data))
        if not correctable:
            continue
        content, lines, extension = _content(written, [data for _, data in correctable])
        name = _name(f"{FOLDERS[RecordKind(kind)]}/{_safe(source)}", extension, taken)
        path = out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        reasons += [
            _why(name, line, row) for line, (row, _) in zip(lines, correctable, strict=True)
        ]
        kept += len(correctable)
    with (out / "why.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(WHY)
        writer.writerows(reasons)
    return kept


def _file(row: Row) -> tuple[str, str, str]:
    return row["record_kind"], row["source"], row["format"]


def _order(row: Row) -> tuple[tuple[str, str, str], bool, int]:
    # A quote that is never closed goes last: before others it would swallow them.
    return _file(row), row["code"] == Code.BROKEN_CSV, row["position"]


def _whole(row: Row) -> bytes | None:
    """Returns the bytes of a row, unless only its head was kept, or nothing."""
    data = decode_raw(row["raw"] or "", row["raw_encoding"])
    return data if data.strip() and len(data) >= row["raw_bytes"] else None


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


def _why(file: str, line: object, row: Row) -> tuple[object, ...]:
    cells = (file, line, *(row[name] for name in WHY[2:]))
    return tuple(_plain(cell) if isinstance(cell, str) else cell for cell in cells)


def _plain(cell: str) -> str:
    """Returns the cell as text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
