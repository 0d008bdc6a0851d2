"""`ringtrace rejects RUN --output DIR`: the rejected rows as files to mend and read again.

`DIR/complaints` and `DIR/calls` hold one file for each source, in the format it was read in;
`DIR/why.csv` says of every row where it stands and what is wrong with it.
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
from reports import tables
from schemas.enums import RecordKind
from schemas.manifest import NAME
from schemas.reject import Code
from schemas.tables import REJECTS
from transforms.read.adapters.base import join_cells
from transforms.read.adapters.registry import FORMATS, Layout
from transforms.read.framing import split_cells
from transforms.read.rejects import decode_raw

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
    """Declare the flags of `ringtrace rejects` on `parser`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to write, new")


def run(arguments: argparse.Namespace) -> int:
    """Write the rejects of a run out; 0 when done.

    Raises:
        UsageError: if RUN is no finished run, or DIR exists and is not an empty folder.
    """
    out = Path(arguments.output)
    if not (Path(arguments.run) / NAME).is_file():
        raise UsageError(f"{arguments.run}: is no finished run: it has no {NAME}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; name a new one")
    rows = tables.read(arguments.run, REJECTS).to_pylist()
    try:
        kept = write(rows, out)
    except OSError as error:
        raise UsageError(f"{error.filename or out}: {error.strerror}") from None
    sys.stdout.write(
        f"{out}: {kept} of {len(rows)} rejected rows can be mended here; {out / 'why.csv'} says "
        "what is wrong\n"
    )
    flags = [f"--{one} {out / one}" for one in ("complaints", "calls") if (out / one).exists()]
    if flags:
        sys.stdout.write(f"then: ringtrace batch {' '.join(flags)} --output DIR\n")
    return 0


def write(rows: Iterable[Row], out: Path) -> int:
    """Write REJECT rows below `out`; returns how many of them stand in a file."""
    out.mkdir(parents=True, exist_ok=True)
    told: list[tuple[object, ...]] = []
    taken: set[str] = set()
    kept = 0
    for (kind, source, written), group in groupby(sorted(rows, key=_order), key=_file):
        mendable: list[tuple[Row, bytes]] = []
        for row in group:
            if (data := _whole(row)) is None:
                told.append(_why("", "", row))
            else:
                mendable.append((row, data))
        if not mendable:
            continue
        content, lines, extension = _content(written, [data for _, data in mendable])
        name = _name(f"{FOLDERS[RecordKind(kind)]}/{_safe(source)}", extension, taken)
        path = out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        told += [_why(name, line, row) for line, (row, _) in zip(lines, mendable, strict=True)]
        kept += len(mendable)
    with (out / "why.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(WHY)
        writer.writerows(told)
    return kept


def _file(row: Row) -> tuple[str, str, str]:
    return row["record_kind"], row["source"], row["format"]


def _order(row: Row) -> tuple[tuple[str, str, str], bool, int]:
    # A quote that is never closed goes last: before others it would swallow them.
    return _file(row), row["code"] == Code.BROKEN_CSV, row["position"]


def _whole(row: Row) -> bytes | None:
    """The bytes of a row, unless only its head was kept, or nothing."""
    data = decode_raw(row["raw"] or "", row["raw_encoding"])
    return data if data.strip() and len(data) >= row["raw_bytes"] else None


def _content(written: str, rows: Sequence[bytes]) -> tuple[bytes, list[int], str]:
    """A file of one format: its bytes, the line on which each row starts, its extension."""
    name, _, cells = written.partition(":")
    known = FORMATS.get(name)
    if known is not None and known.layout is Layout.CSV:
        if all(data.lstrip().startswith(b"{") for data in rows):
            # Only the FCC's records come as objects, too: those of its JSON export, an array.
            lines = [b"[", *_separated(rows), b"]"]
            return b"\n".join(lines) + b"\n", list(_starts(lines))[1:-1], ".json"
        header = join_cells(split_cells(cells) if cells else known.header).encode()
        lines = [header, *rows]
        return b"\n".join(lines) + b"\n", list(_starts(lines))[1:], ".csv"
    flat = [b" ".join(data.splitlines()) for data in rows]
    extension = ".jsonl" if name in ("jsonl", "json", "parquet") else ".txt"
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
    """A source's label as a file name that leads nowhere else."""
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
    """The cell as text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
