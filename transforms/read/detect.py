"""Detection: the format of each input file, by the first of its bytes.

A file that no adapter recognizes is taken as the input contract, in one of its layouts.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import islice
from typing import Any

from schemas.enums import RecordKind
from schemas.extras import install_command
from schemas.manifest import EntryStatus, InputEntries, SkipReason
from transforms.read import dialects, framing, sheets
from transforms.read.adapters import input_contract, mapped
from transforms.read.adapters.base import Adapter, Layout, UnrecognizedError, parse_objects
from transforms.read.adapters.registry import ADAPTERS, ADAPTERS_BY_NAME, EMPTY, REJECTED_ROWS
from transforms.read.entries import (
    Entry,
    list_entries,
    sheet_entries,
    skip_reason,
    summarize_entries,
)
from transforms.read.files import (
    InputError,
    InputFile,
    ReadOptions,
    detect_compression,
    raw_blocks,
    read_head,
    refuse_foreign,
    shortest_labels,
)
from transforms.read.framing import Origin, Record, physical_lines
from transforms.read.parquet_limits import MAX_COLUMNS, parquet_schema

HEAD_BYTES = 64 * 1024

_HEADER_ENCODING = "mac_roman"
"""Any bytes are text in it; the headers of known formats are ASCII."""

_OPTION = {RecordKind.COMPLAINT: "--complaints", RecordKind.CALL: "--calls"}

_OTHER_KIND = {RecordKind.COMPLAINT: RecordKind.CALL, RecordKind.CALL: RecordKind.COMPLAINT}

NOT_ONE_A_LINE = "JSON objects that are not one on a line"

ONE_A_LINE = "write each on a line of its own, in UTF-8, as jq -c . does; or make an array of them"


@dataclass(frozen=True)
class InputSurvey:
    """The files of a run, complaints first, by path, and the account of all entries."""

    files: list[InputFile]
    entries: InputEntries


def plan_input_files(
    complaints: Sequence[str], calls: Sequence[str], options: ReadOptions
) -> list[InputFile]:
    """Lists the files of `survey_inputs`, nothing unreadable among the entries."""
    return survey_inputs(complaints, calls, options).files


def survey_inputs(
    complaints: Sequence[str],
    calls: Sequence[str],
    options: ReadOptions,
    *,
    skip_unreadable: bool = False,
) -> InputSurvey:
    """Lists every entry that the patterns mean, and gives each file its format.

    Raises:
        InputError: for a pattern without a file; and for an entry that cannot be read (closed, of
            no known format, given for the other record kind, Parquet or CSV that lacks the
            contract's columns), with `skip_unreadable` only where nothing else of its kind is left;
            and for a map that fits no file.
    """
    _check_options(options)
    listed = {RecordKind.COMPLAINT: list_entries(complaints), RecordKind.CALL: list_entries(calls)}
    labels = shortest_labels([file.path for lists in listed.values() for file in lists.files])
    files: list[InputFile] = []
    entries: list[Entry] = []
    problems: list[InputError] = []
    for kind, listing in listed.items():
        others, recognized, left_out = list(listing.others), [], []
        for metadata in listing.files:
            path, name = metadata.path, listing.names[metadata.path]
            file = InputFile(path, labels[path], kind, size=metadata.size_in_bytes)
            try:
                file = recognize_file(file, options)
            except InputError as error:
                left_out.append(error)
                others.append((name, skip_reason(path) or error))
                continue
            recognized.append(file)
            entries += sheet_entries(name, kind, file.unread_sheets)
            if file.format == EMPTY.name:
                others.append((name, SkipReason.EMPTY))
        unreadable = [why for _, why in others if isinstance(why, InputError)]
        if not recognized and (refused := unreadable + left_out):
            raise refused[0]
        problems += unreadable
        files += recognized
        entries += [
            Entry(name, kind, EntryStatus.UNREADABLE, why.problem)
            if isinstance(why, InputError)
            else Entry(name, kind, EntryStatus.SKIPPED, why)
            for name, why in others
        ]
    if problems and not skip_unreadable:
        first = problems[0]
        raise InputError(first.path, first.problem, first.remedy, len(problems))
    filled = [file for file in files if file.format != EMPTY.name]
    for by in options.maps:
        of_kind = [file for file in filled if file.kind is by.kind]
        if of_kind and not any(file.form or file.format == REJECTED_ROWS.name for file in of_kind):
            problem = f"a map that fits none of the {by.kind} files"
            raise InputError(by.name, problem, "give files of its form, or leave the map out")
    return InputSurvey(files, summarize_entries(len(filled), entries))


def recognize_file(file: InputFile, options: ReadOptions) -> InputFile:
    """Returns the file with its format, compression and header.

    Raises:
        InputError: if it cannot be opened, or has no format that `options` let it have.
    """
    file, data, damaged = read_start(file, HEAD_BYTES)
    is_parquet = data.startswith(b"PAR1")
    wanted = options.format_for(file.kind)
    misfit = ""
    if wanted is None and (by := options.map_for(file.kind)) is not None and data.strip():
        try:
            return mapped.fit_file(file, _whole_rows(data), by)
        except mapped.MisfitError as error:
            misfit = f"; by the map it {error}"
    if not is_parquet:
        _refuse_binary(file, data, misfit)
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip() and len(data) < HEAD_BYTES - len(codecs.BOM_UTF8):
        adapter = input_contract.LINES_ADAPTER if damaged else EMPTY
        return replace(file, format=adapter.name)
    try:
        if is_parquet:
            file = _recognize_parquet(file, options)
        else:
            file = _recognize_text(file, data, wanted, options)
    except UnrecognizedError as error:
        remedy = f"{_known_formats(file.kind)}; of any other, make a map: ringtrace map"
        raise InputError(file.path, f"{error}{misfit}", remedy) from None
    adapter = ADAPTERS_BY_NAME[file.format]
    if not is_parquet and not file.wide and adapter.encoding == "utf-8":
        file = replace(file, encoding=dialects.narrow_encoding(data))
    if wanted not in (None, adapter.name) and adapter.layout != Layout.REJECTS:
        problem = f"it is {adapter.description}, not {wanted}"
        raise InputError(file.path, problem, "name its format, or leave the option out")
    if file.kind not in adapter.kinds:
        raise _wrong_kind(file, adapter.description)
    if missing := [module for module in adapter.needed_modules if find_spec(module) is None]:
        remedy = f"{install_command(adapter.name)}, or leave it out"
        raise InputError(file.path, f"needs {', '.join(missing)} to be read", remedy)
    return file


def read_start(file: InputFile, size: int) -> tuple[InputFile, bytes, bool]:
    """Returns a file with its compression and encoding, its first bytes, and if it is damaged."""
    try:
        start = next(raw_blocks(file.path, 0, HEAD_BYTES), b"")
    except (OSError, ValueError) as error:
        raise InputError(file.path, "cannot be opened", "check your access to it") from error
    file = replace(file, compression=detect_compression(start))
    data, damaged = read_head(file.path, file.compression, size)
    if not data.startswith(b"PAR1"):
        file, data = dialects.recode_head(file, data)
    return file, data, damaged


def _refuse_binary(file: InputFile, data: bytes, misfit: str) -> None:
    """Raises InputError for the first bytes of what is no text; runs of NULs are left out of it."""
    if sheets.is_workbook(data):
        raise InputError(file.path, f"an Excel file{misfit}", "make a map of it: ringtrace map")
    refuse_foreign(file.path, data, misfit)
    if data.count(b"\0") * 4 > len(data):
        raise InputError(file.path, "not text (every other byte is NUL)", "convert it to UTF-8")
    if file.size and not data and file.compression == "none":
        raise InputError(file.path, "nothing but NUL bytes", "fetch the file again")


def _whole_rows(head: bytes) -> bytes:
    """Returns the head of a file without a byte order mark, and without a last line that is cut."""
    head = head.removeprefix(codecs.BOM_UTF8)
    is_whole = len(head) < HEAD_BYTES - len(codecs.BOM_UTF8)
    return head if is_whole or b"\n" not in head else head[: head.rindex(b"\n") + 1]


def known_format(path: str) -> str:
    """Returns the format that a file has without a map, and its option; of none, no text."""
    for kind in RecordKind:
        file = InputFile(path, path, kind)
        try:
            file = recognize_file(file, ReadOptions())
            adapter = ADAPTERS_BY_NAME[file.format]
            if adapter is input_contract.LINES_ADAPTER:
                # Any text that begins with a brace is read so, for the sake of its rejects.
                head, _ = read_head(path, file.compression, HEAD_BYTES)
                if not parse_objects(Origin(path, "", kind), _filled_lines(head))[1]:
                    continue
        except InputError:
            continue
        return f"{adapter.description}; give it with {_OPTION[kind]}"
    return ""


def _check_options(options: ReadOptions) -> None:
    """Raises InputError for options that no file can be read with."""
    for kind in RecordKind:
        name = options.format_for(kind)
        adapter = ADAPTERS_BY_NAME.get(name or "")
        if name is not None and (adapter is None or kind not in adapter.kinds):
            raise InputError(f"{_OPTION[kind]}-format", "no such format", _known_formats(kind))
    for check in filter(None, (adapter.check_options for adapter in ADAPTERS)):
        check(options)


def _known_formats(kind: RecordKind) -> str:
    """Names the formats that hold such records, for an error's remedy."""
    hidden = (EMPTY, *mapped.ADAPTERS)
    names = [
        adapter.name for adapter in ADAPTERS if kind in adapter.kinds and adapter not in hidden
    ]
    return f"known formats of {kind}s are {', '.join(names)}"


def _wrong_kind(file: InputFile, description: str) -> InputError:
    """Makes the error for a file given for the other record kind; `description` is a plural."""
    kind = _OTHER_KIND[file.kind]
    return InputError(file.path, f"{description} contain {kind}s", f"give it with {_OPTION[kind]}")


def _recognize_parquet(file: InputFile, options: ReadOptions) -> InputFile:
    """Returns the file with the format of its Parquet schema. Raises as `_recognize_text`."""
    if file.compression != "none":
        raise UnrecognizedError("Parquet inside a compressed file")
    schema = parquet_schema(file.path)
    if adapter := _adapter_by("detect_schema", schema):
        return replace(file, format=adapter.name)
    _check_columns(file, schema.names, options)
    if unfit := input_contract.misfit_columns(schema, file.kind):
        problem = f"columns of another type than the contract's: {', '.join(unfit)}"
        raise InputError(file.path, problem, "use the types in docs/schemas/input")
    return replace(file, format=input_contract.PARQUET_ADAPTER.name)


def _adapter_by(hook: str, *signs: Any) -> Adapter | None:
    """Returns the first adapter whose hook recognizes the signs of a file."""
    hooks = ((adapter, getattr(adapter, hook)) for adapter in ADAPTERS)
    return next((adapter for adapter, detect in hooks if detect and detect(*signs)), None)


def _recognize_text(
    file: InputFile, data: bytes, wanted: str | None, options: ReadOptions
) -> InputFile:
    """Returns the file with the format of its decompressed first `HEAD_BYTES` bytes.

    Raises:
        UnrecognizedError: if there is none.
        InputError: if what is wrong with it is known.
    """
    first = data.lstrip()[:1]
    if first == b"[":
        array = _recognize_objects(file, list(framing.array_elements([data])), in_array=True)
        if array is None:
            raise UnrecognizedError("a JSON array, but not of objects")
        return array
    if wanted is not None and ADAPTERS_BY_NAME[wanted].layout in (Layout.LINES, Layout.MAIL):
        return replace(file, format=wanted)
    if adapter := _adapter_by("detect_head", data.lstrip()):
        return replace(file, format=adapter.name)
    if dialects.is_indented_object(data):
        raise InputError(file.path, NOT_ONE_A_LINE, ONE_A_LINE)
    whole = file.size <= HEAD_BYTES and file.compression == "none"
    rows = _filled_lines(data)
    if not whole and len(rows) > 1:
        rows.pop()
    by_line = (_adapter_by("detect_line", row.data) for row in rows[:100])
    recognized = (
        _recognize_objects(file, rows, in_array=False)
        or next((replace(file, format=adapter.name) for adapter in by_line if adapter), None)
        or _recognize_table(file, b"\n".join(row.data for row in rows), options)
    )
    if recognized is not None:
        return recognized
    if rows and dialects.are_joined_objects(rows[0].data):
        raise InputError(file.path, NOT_ONE_A_LINE, ONE_A_LINE)
    if first != b"{":
        raise UnrecognizedError("unknown format")
    return replace(file, format=input_contract.LINES_ADAPTER.name)


def _recognize_objects(
    file: InputFile, rows: Sequence[Record], *, in_array: bool
) -> InputFile | None:
    """Recognizes JSON objects by their keys; None where no row is one."""
    _, objects, _ = parse_objects(Origin(file.label, "", file.kind), rows)
    keys = {key for row in objects for key in row}
    if not objects:
        return None
    adapter = _adapter_by("detect_keys", keys, in_array)
    if adapter is None:
        mine, theirs = (
            len(keys & input_contract.FIELDS[kind].keys())
            for kind in (file.kind, _OTHER_KIND[file.kind])
        )
        if not mine and not theirs:
            raise UnrecognizedError("JSON objects without any field of the contract")
        if theirs > mine:
            raise _wrong_kind(file, "its fields are those of the other kind; such files")
        adapter = input_contract.ARRAY_ADAPTER if in_array else input_contract.LINES_ADAPTER
    return replace(file, format=adapter.name, in_array=in_array and adapter.in_array)


def _filled_lines(data: bytes) -> list[Record]:
    return [line for line in physical_lines([data]) if line.data.strip()]


def _recognize_table(file: InputFile, text: bytes, options: ReadOptions) -> InputFile | None:
    """Recognizes CSV, with another separator than the comma by a header row that it parts."""
    if table := _recognize_csv(file, text, options):
        return table
    first, _, below = text.partition(b"\n")
    text = below if dialects.is_separator_line(first) else text
    for separator in (",", *dialects.SEPARATORS):
        table = _recognize_csv(replace(file, separator=separator), text, options)
        if table is not None and table.has_header and len(table.header) > 1:
            return table
    return None


def _recognize_csv(file: InputFile, text: bytes, options: ReadOptions) -> InputFile | None:
    """Recognizes CSV by any of its first records, where it has no header row, or by its header."""
    records = list(islice(framing.delimited_records([text], file.separator), 20))
    rows = [
        framing.split_delimited(record.data.decode(_HEADER_ENCODING), file.separator)
        for record in records
        if not record.fault
    ]
    for cells in rows:
        if adapter := _adapter_by("detect_cells", cells):
            return replace(file, format=adapter.name, header=adapter.header[: len(cells)])
    if not records or records[0].fault or b"\0" in records[0].data:
        return None
    cells = [cell.strip() for cell in rows[0]]
    if len(cells) > MAX_COLUMNS:
        remedy = "export the columns of the contract alone"
        raise InputError(file.path, f"not read: more than {MAX_COLUMNS:,} columns", remedy)
    for adapter in ADAPTERS:
        names = {name.casefold(): name for name in adapter.header}
        header = tuple(names.get(cell.casefold()) or adapter.rename_column(cell) for cell in cells)
        is_whole = adapter.needed_columns <= set(header) and len(set(header)) == len(header)
        if adapter.needed_columns and is_whole:
            return replace(file, format=adapter.name, header=header, has_header=True)
    fields = {name for known in input_contract.FIELDS.values() for name in known}
    if len(fields & set(cells)) >= 2:
        columns = mapped.column_names(cells)  # several may be blank
        _check_columns(file, columns, options)
        contract = input_contract.CSV_ADAPTER.name
        return replace(file, format=contract, header=columns, has_header=True)
    return None


def _check_columns(file: InputFile, names: Sequence[str], options: ReadOptions) -> None:
    """Raises InputError unless the contract's required columns are all there."""
    kinds = (file.kind, _OTHER_KIND[file.kind])
    missing, lacking = (
        input_contract.missing_columns(names, kind, options.source_org) for kind in kinds
    )
    if missing and not lacking:
        raise _wrong_kind(file, f"its columns are those of a {kinds[1]}; such files")
    if missing:
        problem = f"missing columns {', '.join(missing)}"
        raise InputError(
            file.path, problem, f"give the contract's columns; {_known_formats(file.kind)}"
        )
    if len(set(names)) < len(names):
        raise InputError(file.path, "two columns have the same name", "rename one")
