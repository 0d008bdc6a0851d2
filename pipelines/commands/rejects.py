"""`ringtrace rejects RUN --output DIR`: exports the rejected rows, to correct and read again.

`DIR/complaints` and `DIR/calls` have one file for each source, in its own format. `DIR/why.csv`
says where each row is and what is wrong with it.
"""

from __future__ import annotations

import csv
import pickle
import re
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines import key_store
from pipelines.options import Row, all_of, flag, say, system_errors, usage_errors
from pipelines.user_files import free_folder, open_run
from reports import tables
from reports.run import has_private, private_readers
from schemas.reject import Code
from schemas.tables import REJECTS, WHOLE_REJECTS
from transforms.custody import PrivateFileError
from transforms.decode import MASK, without_formula
from transforms.read import ADAPTERS_BY_NAME, Layout, decode_raw, join_cells

WHY = ("file", "line", "source", "position", "code", "field", "message")
"""Columns of why.csv; `file` and `line` are empty for a row that was not kept whole."""

BATCH_ROWS = 8_192

_SUFFIX = re.compile(r"(\.(jsonl|ndjson|json|csv|txt|parquet|gz|zst))+$", re.IGNORECASE)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

_LONGEST_NAME = 100


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    flag("--output", "DIR", "folder to write, new", required=True),
)
"""The flags of `ringtrace rejects`."""


def run(arguments: Namespace) -> int:
    """Exports the rejects of a run, whole if its private files are here; returns 0.

    Raises:
        RunError: if RUN is no finished run.
        UsageError: if DIR exists and is not an empty folder.
    """
    out = free_folder(arguments.output)
    finished = open_run(arguments.run)
    every = tables.count_rows(finished, REJECTS)
    names = REJECTS.schema.names
    if has_private(finished, WHOLE_REJECTS):
        readers = private_readers(finished, WHOLE_REJECTS, names, key_store.private_key())
        rejects = tables.merged(readers, WHOLE_REJECTS, names)
    else:
        rejects = tables.read_in_key_order(finished, REJECTS, names)
        say(f"{finished.folder}: has no {WHOLE_REJECTS.name} here: numbers are masked as {MASK}")
    try:
        with (
            usage_errors(PrivateFileError),
            system_errors(out, "name a folder that can be made", below=True),
        ):
            kept = write_rejects(_rows(rejects), out)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # a partial export would look complete
        raise
    say(
        f"{out}: {kept} of {every} rejected rows can be corrected here; "
        f"{out / 'why.csv'} says what is wrong"
    )
    flags = [f"--{kind} {out / kind}" for kind in ("complaints", "calls") if (out / kind).exists()]
    if flags:
        say(f"then: ringtrace batch {' '.join(flags)} --output DIR")
    return 0


def write_rejects(rows: Iterable[Row], out: Path) -> int:
    """Writes REJECT rows below `out`; returns the number of rows in its files, without why.csv.

    Rows come in the order of the table. The rows of a source wait in temporary files, not in
    memory, until all are known.
    """
    out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    with (out / "why.csv").open("w", encoding="utf-8", newline="") as file:
        write_why = csv.writer(file).writerow
        write_why(WHY)
        return sum(
            _write_source(source, of_source, out, taken, write_why)
            for source, of_source in groupby(rows, key=itemgetter("source"))
        )


WriteRow = Callable[[Iterable[Any]], object]
"""A function that writes a row of CSV."""


class _Waiting:
    """The rows of one future file, in temporary files. Rows with a broken quote come last.

    A quote that is never closed would swallow the rows after it.
    """

    def __init__(self, folder: str) -> None:
        self._parts = [TemporaryFile(dir=folder) for _ in range(2)]  # noqa: SIM115
        self.objects, self.count = True, 0

    def add(self, row: Row, data: bytes) -> None:
        """Puts a row aside, with the reason for its rejection."""
        reason = tuple(row[name] for name in WHY[2:])
        pickle.dump((reason, data), self._parts[row["code"] == Code.BROKEN_CSV])
        self.objects = self.objects and data.lstrip().startswith(b"{")
        self.count += 1

    def __iter__(self) -> Iterator[tuple[tuple[object, ...], bytes]]:
        for part in self._parts:
            end = part.tell()
            part.seek(0)
            while part.tell() < end:
                yield pickle.load(part)  # noqa: S301 - our own file

    def close(self) -> None:
        """Frees the space on the disk."""
        for part in self._parts:
            part.close()


def _write_source(
    source: str, rows: Iterable[Row], out: Path, taken: set[str], write_why: WriteRow
) -> int:
    """Writes the rows of a source, a file for each kind and format; returns their number."""
    waiting: dict[tuple[str, str], _Waiting] = {}
    with ExitStack() as open_files:
        for row in rows:
            if (data := _whole(row)) is None:
                write_why(_why("", "", (row[name] for name in WHY[2:])))
                continue
            key = row["record_kind"], row["format"]
            if key not in waiting:
                waiting[key] = _Waiting(str(out))
                open_files.callback(waiting[key].close)
            waiting[key].add(row, data)
        for (kind, written), file_rows in sorted(waiting.items()):
            form = _form(written, objects=file_rows.objects)
            name = _name(f"{kind}s/{_safe(source)}", form.extension, taken)
            (out / name).parent.mkdir(exist_ok=True)
            with (out / name).open("wb") as file:
                line = 1
                for start in form.start:
                    file.write(start + b"\n")
                    line += start.count(b"\n") + 1
                for number, (reason, data) in enumerate(file_rows, 1):
                    content = b" ".join(data.splitlines()) if form.flat else data
                    file.write(
                        content + (form.between if number < file_rows.count else b"") + b"\n"
                    )
                    write_why(_why(name, line, reason))
                    line += content.count(b"\n") + 1
                file.write(form.end)
    return sum(part.count for part in waiting.values())


def _rows(parts: Iterable[pa.Table]) -> Iterator[Row]:
    """Yields the rows of tables; only a few are in memory at a time."""
    for table in parts:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            yield from batch.to_pylist()


def _whole(row: Row) -> bytes | None:
    """Returns the bytes of a row; None if it was not kept whole, or lacks the needed header."""
    name, _, header = row["format"].partition(":")
    if not header and name in _READ_BY_HEADER:
        return None
    data = decode_raw(row["raw"] or "", row["raw_encoding"])
    return data if data.strip() and len(data) >= row["raw_bytes"] else None


_READ_BY_HEADER = frozenset(
    name
    for name, adapter in ADAPTERS_BY_NAME.items()
    if adapter.layout in (Layout.CSV, Layout.SHEET) and not adapter.header
)
"""Formats whose rows cannot be read without the header of their file."""


class _Form(NamedTuple):
    """A file of one format: the lines before its rows, the separator, and the end."""

    extension: str
    start: tuple[bytes, ...] = ()
    between: bytes = b""
    end: bytes = b""
    flat: bool = False


def _form(written: str, *, objects: bool) -> _Form:
    """Returns the form of a file of one format; `objects` says that each row is a JSON object."""
    name, _, cells = written.partition(":")
    known = ADAPTERS_BY_NAME.get(name)
    if known is not None and known.layout in (Layout.CSV, Layout.SHEET):
        if objects:  # an export of a CSV format may also be JSON: an array of objects
            return _Form(".json", (b"[",), b",", b"]\n")
        return _Form(".csv", ((cells or join_cells(known.header)).encode(),))
    is_objects = known is not None and known.read is not None and known.detect_line is None
    return _Form(".jsonl" if is_objects else ".txt", flat=True)


def _safe(source: str) -> str:
    """Returns a source's label as a safe file name, without a path."""
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
    return tuple(without_formula(cell) if isinstance(cell, str) else cell for cell in cells)
