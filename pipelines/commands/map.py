"""`ringtrace map FILE`: guesses how to read a company's own export, and shows its first rows.

The guess is a TOML file that a person can correct; `--map` of a run takes it.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.options import (
    Json,
    Row,
    UsageError,
    all_of,
    flag,
    say,
    system_errors,
    time_zone,
    usage_errors,
)
from pipelines.progress import printable
from schemas.enums import Direction, RecordKind, Role
from schemas.mapping import IGNORE, MapError, RecordMap, parse_map, write_map

_LONGEST = 60
"""Longest value shown, in characters."""

_WITHHELD = "(withheld)"

_SUSPECTS_SIDE: Mapping[str, str] = {
    Direction.INBOUND: "calling_number",
    Direction.OUTBOUND: "called_number",
}


add_arguments = all_of(
    flag("file", "FILE", "CSV, JSON, JSON Lines, Parquet or xlsx"),
    flag("--output", "FILE", "write the map here, such as MAP.toml (default: show it)"),
    flag(
        "--kind",
        None,
        "kind of record that a row is (default: guessed)",
        choices=[str(kind) for kind in RecordKind],
    ),
    flag("--source-org", "ORG", "organisation that the records are of"),
    flag("--timezone", "ZONE", "zone of times that name none", type=time_zone),
)
"""The flags of `ringtrace map`."""


def run(arguments: Namespace) -> int:
    """Guesses the map of a file, writes and shows it; returns the exit status 0.

    Raises:
        UsageError: for a file that cannot be read as a table, or an output that exists.
    """
    out = Path(arguments.output) if arguments.output else None
    if out is not None and (out.exists() or out.is_symlink()):
        raise UsageError(f"{out}: exists; give another --output, or move it away")
    source = Path(arguments.file)
    if source.is_dir():
        raise UsageError(f"{source}: is a folder; give one of the files in it")
    if source.exists() and not source.is_file():
        raise UsageError(f"{source}: is not an ordinary file; give a file with records")
    # Reading loads Arrow and Beam; an error of usage must come before that.
    from transforms.read import InputError, guess_map, known_format, preview, sample_file

    org, zone = arguments.source_org, arguments.timezone
    kind = RecordKind(arguments.kind) if arguments.kind else None
    with (
        usage_errors(InputError),
        usage_errors(MapError, after=" (the guess cannot be used as it is)"),
    ):
        sample = sample_file(arguments.file)
        guess = guess_map(sample, arguments.file, org, zone, kind)
        text = write_map(guess.by, guess.notes, guess.unsure)
        by = parse_map(text, arguments.output or arguments.file)
        shown_rows = preview(arguments.file, by)
    if out is not None:
        with system_errors(out, "give an --output that can be made"):
            out.write_text(text, encoding="utf-8")
    else:
        say(text)
    known = known_format(arguments.file)
    lines = [
        *([f"a map is not needed: this is {known}"] if known else []),
        *_reading_lines(by),
        *_row_lines(shown_rows),
        *(f"CHECK {doubt}" for doubt in guess.unsure),
        *_next_lines(arguments.file, arguments.output, by),
    ]
    shown = sys.stdout if out is not None else sys.stderr
    shown.write("".join(f"{printable(line)}\n" for line in lines))
    return 0


def _reading_lines(by: RecordMap) -> Iterator[str]:
    form = by.file
    yield f"{by.file.format} of {by.kind}s" + (
        f", parted by {form.delimiter!r}" * (form.delimiter != ",")
    )
    if form.names and form.skip:
        rows = f"{form.skip - 1} row{'s' * (form.skip > 2)}"
        yield f"  not read: {rows} above the names of the columns"
    unread = [name for name, targets in by.columns.items() if targets == (IGNORE,)]
    width = max((len(name) for name in by.read_columns), default=0)
    for name in by.read_columns:
        yield f"  {name:{min(width, 40)}}  {', '.join(by.columns[name])}"
    if unread:
        yield f"  not read: {', '.join(unread)}"


def _row_lines(rows: list[tuple[Json | None, str]]) -> Iterator[str]:
    """Yields the first rows as they are read, without the victim's identifiers."""
    for number, (row, problem) in enumerate(rows, 1):
        if row is None:
            yield f"row {number}: rejected: {problem}"
            continue
        shown = (f"{name}={value}" for name, value in _shown_values(row))
        yield f"row {number}: {'; '.join(shown)}"


def _shown_values(row: Row) -> Iterator[tuple[str, str]]:
    numbers = row.get("phone_numbers") or ()
    for number in numbers:
        yield (
            f"phone.{number['role']}",
            _WITHHELD if number["role"] == Role.VICTIM else _cut(number["raw"]),
        )
    roles = row.get("email_roles") or ()
    for address, role in zip(row.get("emails") or (), roles, strict=True):
        yield f"email.{role}", _WITHHELD if role == "victim" else _cut(address)
    suspects = _SUSPECTS_SIDE.get(str(row.get("direction")))
    for name, value in row.items():
        if name in ("phone_numbers", "emails", "email_roles", "unknown"):
            continue
        if name in ("victim_id", "caller_name", "diverted_from"):
            yield name, _WITHHELD
        elif name in ("calling_number", "called_number"):
            yield name, _cut(value) if name == suspects else _WITHHELD
        elif name == "narrative":
            yield name, f"({len(value)} characters)"
        elif isinstance(value, list):
            for number in value:
                inner = number.values() if isinstance(number, dict) else [number]
                yield name, _cut(" ".join(str(part) for part in inner if part))
        else:
            yield name, _cut(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _next_lines(file: str, output: str | None, by: RecordMap) -> Iterator[str]:
    if output is None:
        yield "to use it: ringtrace map FILE --output MAP.toml"
        return
    import shlex

    path, records = shlex.quote(output), shlex.quote(file)
    yield f"{output}: correct what is wrong, and then"
    yield f"ringtrace batch --{by.kind}s {records} --map {path} --output runs/first"
