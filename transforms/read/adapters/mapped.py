"""Any export that is no known format, by a map of its columns: CSV, JSON, Parquet and xlsx.

A row is a list of texts for each column, dotted for inner fields of JSON and Parquet; the map says
what each is. The raw row that a reject shows has only the columns that are read, and no victim's.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import xxhash

from schemas import mapping
from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read import framing, sheets
from transforms.read.adapters import base
from transforms.read.adapters.input_contract import shown_names
from transforms.read.dialects import array_blocks
from transforms.read.files import InputError, InputFile, ReadOptions
from transforms.read.framing import BadRecordError, Origin, Record
from transforms.read.parquet_limits import parquet_schema, plain_values
from transforms.read.rejects import Reject
from transforms.values import casts, times

Row = Mapping[str, Sequence[str]]
"""The texts of each column of a row; one without any is absent."""

_BLANKS = re.compile(r"[\s,;|]+")

_MIN_DIGITS = 7

_DIGIT = re.compile(r"\d")

_NUMBER = re.compile(rb"\d(?:[ ().+-]{0,3}\d){6,}")

_WRAPPED = re.compile(r'="(.*)"|\'(.*)', re.DOTALL)
"""The forms in which spreadsheets keep a number as text."""

_TAGS = ("id", "name", "key")
"""Keys by which an item of a list names what its `value` is, as Zendesk's custom fields do."""


_IGNORED = (mapping.IGNORE,)

MOST_TITLES = 20
"""Rows above a header row at most: a title, who made the export and when."""


class MisfitError(Exception):
    """A file that a map does not fit; the message says why."""


def fit_file(file: InputFile, head: bytes, by: mapping.RecordMap) -> InputFile:
    """Returns the file as it is read by a map, by its first decompressed bytes.

    Raises:
        MisfitError: if it is of another form, or lacks a column that the map reads.
        InputError: for xlsx that cannot be read.
    """
    form = by.file
    if form.format is mapping.FileFormat.XLSX and not head.startswith(sheets.ZIP_MAGIC):
        form = _REJECTS_OF_SHEETS
    file = file_of_form(file, form)
    if form.format in (mapping.FileFormat.JSON, mapping.FileFormat.JSONL):
        _check_objects(head, by)
        return file
    if form.format is mapping.FileFormat.PARQUET:
        if not head.startswith(b"PAR1") or file.compression != "none":
            raise MisfitError("is not Parquet")
        wanted = {name.partition(".")[0] for name in by.read_columns}
        _check_columns(wanted, parquet_names(file.path), by)
        return file
    if form.format is mapping.FileFormat.XLSX:
        tables = sheets.sheet_tables(file.path)  # which bounds the file, too
        serial = mapping.TimeForm.EXCEL_SERIAL in by.times.values()
        if serial and sheets.counts_from_1904(file.path):
            remedy = "give the cells a format of dates, and save it again"
            raise InputError(file.path, "its numbers of days begin in 1904", remedy)
        form = replace(form, sheet=form.sheet or _fitting_sheet(file, by, tables))
        others = tuple(name for name in tables if form.sheet and name != form.sheet)
        file = replace(file, unread_sheets=others)
    header, has_header, skip = _table_columns(_first_rows(file, head, form), by)
    return replace(file, header=header, has_header=has_header, form=replace(form, skip=skip))


def file_of_form(file: InputFile, form: mapping.FileForm) -> InputFile:
    """Returns a file as it is read where its form is this one, whatever it holds."""
    in_array = form.format is mapping.FileFormat.JSON
    name = "json" if form.format is mapping.FileFormat.JSONL else form.format
    return replace(file, format=f"map-{name}", in_array=in_array, form=form)


def parquet_names(path: str) -> list[str]:
    """Returns the columns of a Parquet file. Raises InputError where two have one name."""
    names = parquet_schema(path).names
    if len(set(names)) < len(names):
        raise InputError(path, "two columns have the same name", "rename one")
    return list(names)


def _fitting_sheet(file: InputFile, by: mapping.RecordMap, tables: Collection[str]) -> str:
    """Returns the one sheet that a map without a sheet fits; of none, no text.

    Raises InputError where it fits several: all but one would be lost.
    """
    fitting = []
    for sheet in tables if len(tables) > 1 else ():
        form = replace(by.file, sheet=sheet)
        with suppress(MisfitError):
            _table_columns(_first_rows(file, b"", form), by)
            fitting.append(sheet)
    if len(fitting) > 1:
        few = ", ".join(repr(sheet[:60]) for sheet in fitting[:5])
        problem = f"the map fits {len(fitting)} of its sheets ({few})"
        raise InputError(file.path, problem, "save each as a file, or name one as sheet in [file]")
    return fitting[0] if fitting else ""


def _table_columns(
    first: Sequence[Sequence[str] | None], by: mapping.RecordMap
) -> tuple[tuple[str, ...], bool, int]:
    """Returns the columns of a table by its first rows, whether these begin with them, and `skip`.

    Raises MisfitError where a column that the map reads is not there.
    """
    if by.file.names:
        header, skip = _named_columns(first, by)
        return header, False, skip
    rows = [row for row in first if row is not None]
    if not rows:
        raise MisfitError("has no header row")
    rows = rows[: 1 + by.file.skip]
    header = column_names(rows[0])
    _check_columns(by.read_columns, header, by)
    skip = 0
    while skip < len(rows) - 1 and not _may_be_record(header, rows[skip + 1], by):
        skip += 1
    return header, True, skip


def _named_columns(
    first: Sequence[Sequence[str] | None], by: mapping.RecordMap
) -> tuple[tuple[str, ...], int]:
    """Returns the columns of a table whose map names them, and how many rows are above records.

    A header row with all that is read counts, whatever the order of its names; titles above it may
    be more or fewer than in the sample. Without one the names count by their places, and no row
    that may be a record is skipped. Raises MisfitError where other columns are there.
    """
    names, needed = by.file.names, {*by.read_columns}
    first = [row and framing.cut_blank_end([*row], len(names)) for row in first]
    for number, row in enumerate(first):
        written = {cell.strip() for cell in row or ()} - {""}
        columns = distinct_names(row or (), first[number - 1] if number else None)
        if not needed.isdisjoint(written) and needed <= {*columns}:
            return columns, number + 1
        shared = {name.casefold() for name in written} & {name.casefold() for name in names}
        if len(shared) * 2 >= len(names):
            _check_columns(by.read_columns, columns, by)
    skip = 0
    for row in first[: by.file.skip]:
        if row is not None and len(row) == len(names) and _may_be_record(names, row, by):
            break
        skip += 1
    width = next((len(row) for row in first[skip:] if row is not None), 0)
    if width != len(names):
        raise MisfitError(f"has {width} columns where the map names {len(names)}")
    return names, skip


def _first_rows(file: InputFile, head: bytes, form: mapping.FileForm) -> list[list[str] | None]:
    """Returns the cells of the first rows, null for one that is broken."""
    is_sheet = form.format is mapping.FileFormat.XLSX
    records = (
        sheets.sheet_records(file.path, form.sheet)
        if is_sheet
        else framing.delimited_records([head], form.delimiter)
    )
    first = list(islice(records, MOST_TITLES + form.skip))
    if is_sheet and all(record.fault for record in first):
        next(sheets.sheet_rows(file.path, form.sheet), None)  # raises what is wrong
    rows: list[list[str] | None] = []
    for record in first:
        try:
            rows.append(None if record.fault else _cells(record, form))
        except UnicodeDecodeError:
            if not rows:
                raise MisfitError(f"is not {form.encoding} text") from None
            rows.append(None)
    return rows


_REJECTS_OF_SHEETS = mapping.FileForm(mapping.FileFormat.CSV)
"""The form in which `ringtrace rejects` writes rows of a sheet."""


def _may_be_record(header: Sequence[str], cells: Sequence[str], by: mapping.RecordMap) -> bool:
    """Returns whether a row has a time, a number or prose: one without may be skipped."""
    if any(len(_DIGIT.findall(cell)) >= _MIN_DIGITS or len(cell.split()) >= 8 for cell in cells):
        return True
    row = dict(zip(header, cells, strict=False))
    for name, form in by.times.items():
        if isinstance(times.time_or_error(unwrapped(row.get(name, "")), form, UTC), datetime):
            return True
    return False


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of columns by a header row; one without a name is named by its place."""
    return tuple(cell.strip() or f"column {place}" for place, cell in enumerate(cells, 1))


def distinct_names(cells: Sequence[str], above: Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names of columns, each its own.

    Where a name is there twice, that of the merged cell above goes before it ("Victim Phone"), or
    else its place behind it.
    """
    names = column_names(cells)
    twice = {name for name, count in Counter(names).items() if count > 1}
    group = ""
    grouped = []
    for place, name in enumerate(names):
        group = (above[place].strip() if above and place < len(above) else "") or group
        grouped.append(f"{group} {name}" if group and name in twice else name)
    return tuple(
        f"{name} {place}" if grouped.count(name) > 1 else name
        for place, name in enumerate(grouped, 1)
    )


def _check_columns(needed: Iterable[str], names: Iterable[str], by: mapping.RecordMap) -> None:
    lacking = [name for name in needed if name not in set(names)]
    if lacking:
        few = ", ".join(name[:60] for name in lacking[:3])
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise MisfitError(f"lacks columns that {by.name} reads ({few}{more})")


def _check_objects(head: bytes, by: mapping.RecordMap) -> None:
    """Raises MisfitError for what are no such objects, or ones without the time of a record."""
    in_array = by.file.format is mapping.FileFormat.JSON
    wanted = b"{" if not in_array or by.file.rows else b"["
    if head.lstrip()[:1] != wanted:
        raise MisfitError(f"is not {by.file.format} of such records")
    blocks = array_blocks([head], by.file.rows)
    records = framing.array_elements(blocks) if in_array else framing.physical_lines([head])
    keys: set[str] = set()
    for record in islice(records, 100):
        with suppress(BadRecordError):
            keys.update(name for name, _ in flatten(framing.parse_exact_json(record.data)))
    times = [name for name, targets in by.columns.items() if mapping.TIME_FIELD[by.kind] in targets]
    if keys.isdisjoint(times):
        _check_columns(times, keys, by)


def row_of(cells: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Returns the texts of a row by column; one without text is absent."""
    row: dict[str, list[str]] = {}
    for column, text in cells:
        if text:
            row.setdefault(column, []).append(text)
    return row


def rebuild(value: Any, leaf: Callable[[str, str], str | None], path: str = "") -> Any:
    """Returns a JSON value of what `leaf` makes of the dotted path and text of each value in it.

    Null, and what is made null, is left out. Items of a list have the path of the list; one that
    names itself has its name, too.
    """
    if isinstance(value, dict):
        inner = {
            key: rebuild(part, leaf, f"{path}.{key}" if path else key)
            for key, part in value.items()
        }
        return {key: part for key, part in inner.items() if part is not None} or None
    if isinstance(value, list):
        members = []
        for member in value:
            name, part = _named_item(member)
            made = rebuild(part, leaf, f"{path}.{name}" if name else path)
            members.append({**member, "value": made} if name and made is not None else made)
        return [member for member in members if member is not None] or None
    return leaf(path, text) if value is not None and (text := _text(value)) else None


def flatten(value: Any) -> list[tuple[str, str]]:
    """Returns the dotted path and the text of each value in a JSON value, none for null."""
    cells: list[tuple[str, str]] = []
    rebuild(value, lambda path, text: cells.append((path, text)))
    return cells


def object_lists(value: Mapping[str, Any]) -> list[str]:
    """Returns the keys of lists of two objects or more, each of three keys or more."""
    lists = (
        (key, items) for key, items in value.items() if isinstance(items, list) and len(items) > 1
    )
    return [key for key, items in lists if all(isinstance(o, dict) and len(o) > 2 for o in items)]


def _named_item(item: Any) -> tuple[str, Any]:
    if isinstance(item, dict) and "value" in item:
        for tag in _TAGS:
            if isinstance(item.get(tag), str) and len(item) == 2:
                return item[tag], item["value"]
    return "", item


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return unwrapped(str(value))


def read(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads loose rows by the map of their kind; a row that breaks it becomes a reject."""
    by = options.map_for(origin.kind)
    if by is None:
        message = "read by a map, and none of its kind is given; give --map"
        return base.refuse_all(origin, records, message)
    name, _, header = origin.format.partition(":")
    form = by.file if by.file.format is mapping.FileFormat.CSV else _REJECTS_OF_SHEETS
    reading = _Reading(origin, by, options)
    is_table = name in (CSV_ADAPTER.name, SHEET_ADAPTER.name)
    names = framing.split_delimited(header, form.delimiter) if is_table else []
    good: list[Record] = []
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for record in records:
        shown = None
        try:
            if is_table:
                row, shown = _read_cells(record, names, form, by)
            else:
                row, shown = _read_object(record, by)
            rows.append(reading.loose_row(row, record))
        except BadRecordError as bad:
            # A row of which no column can be told may have a victim's number anywhere.
            data = _NUMBER.sub(_masked, record.data) if shown is None else shown
            kept = record._replace(data=data, size=len(data))
            rejects.append(Reject(origin, kept, *bad.args))
        else:
            good.append(record._replace(data=shown))
    return base.build_from_rows(origin, good, rows), rejects


def row_objects(batch: pa.RecordBatch, _: RecordKind | None = None) -> Iterator[dict[str, Any]]:
    """Yields the rows of a batch of Parquet as JSON objects."""
    columns = [plain_values(column) for column in batch.columns]
    for cells in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, cells, strict=True))


def _masked(number: re.Match[bytes]) -> bytes:
    return re.sub(rb"\d", b"#", number[0])


def _cells(record: Record, form: mapping.FileForm) -> list[str]:
    return framing.split_delimited(record.data.decode(form.encoding), form.delimiter)


def _read_cells(
    record: Record, names: Sequence[str], form: mapping.FileForm, by: mapping.RecordMap
) -> tuple[Row, bytes]:
    """Returns the columns of a row of cells, and the row as a reject may show it."""
    try:
        cells = framing.cut_blank_end(_cells(record, form), len(names))
    except UnicodeDecodeError:
        raise BadRecordError(Code.BAD_ENCODING, f"not {form.encoding} text") from None
    cells = base.checked_cells(record, cells, len(names))
    shown = [_shown(cell, by.columns.get(name)) for name, cell in zip(names, cells, strict=True)]
    row = row_of(
        (name, unwrapped(cell))
        for name, cell in zip(names, cells, strict=True)
        if by.columns.get(name) != _IGNORED
    )
    return row, framing.join_cells(shown, form.delimiter).encode(form.encoding, "replace")


def unwrapped(cell: str) -> str:
    """Returns the text of a cell without blanks, and without what keeps a spreadsheet's as text."""
    text = cell.strip()
    if text[:1] not in ("=", "'"):
        return text
    wrapped = _WRAPPED.fullmatch(text)
    return (wrapped[1] or wrapped[2] or "").strip() if wrapped else text


def _shown(text: str, targets: tuple[str, ...] | None) -> str:
    """Returns a value as a reject may show: what is not read is left out, a victim's masked."""
    if targets is None or targets == _IGNORED:
        return ""
    if "email.victim" in targets:
        return re.sub(r"\w", "#", text)
    return _DIGIT.sub("#", text) if "phone.victim" in targets else text


def _read_object(record: Record, by: mapping.RecordMap) -> tuple[Row, bytes]:
    """Returns the columns of a JSON object, and the object as a reject may show it."""
    cells: list[tuple[str, str]] = []

    def read_value(path: str, text: str) -> str | None:
        cells.append((path, text))
        return _shown(text, by.columns.get(path)) or None

    shown = rebuild(base.parse_object(record), read_value)
    return row_of(cells), orjson.dumps(shown or {})


class _Reading:
    """The reading of rows of one origin by a map."""

    def __init__(self, origin: Origin, by: mapping.RecordMap, options: ReadOptions) -> None:
        self._kind = origin.kind
        self._by = by
        self._options = options
        self._zone = times.parse_zone(options.timezone or by.timezone or "UTC")
        self._columns = sorted(  # of a time the date first
            by.columns.items(),
            key=lambda column: by.times.get(column[0]) is mapping.TimeForm.TIME_OF_DAY,
        )
        self._targets = {target for _, targets in self._columns for target in targets}
        self._forms: dict[str, mapping.TimeForm] = {}
        for name, targets in reversed(self._columns):
            if name in by.times:
                self._forms |= dict.fromkeys(targets, by.times[name])
        read_time = partial(
            times.time_or_error, zone=self._zone, country=by.constants.get("victim_country")
        )
        self._known_time = lru_cache(_MOST_TIMES)(read_time)

    def loose_row(self, row: Row, record: Record) -> dict[str, Any]:
        """Returns the fields of a row. Raises BadRecordError for a time that cannot be read."""
        texts = defaultdict[str, list[str]](list)
        for column, targets in self._columns:
            for target in targets if column in row else ():
                texts[target] += row[column]
        loose: dict[str, Any] = {
            field: self._scalar(field, texts[field]) for field in mapping.SCALARS[self._kind]
        }
        id_field = mapping.ID_FIELDS[self._kind]
        if hashed := texts[f"{id_field}{mapping.HASHED}"]:
            loose[id_field] = _hashed_id("\x1f".join(hashed).encode())
        elif id_field not in self._targets:
            loose[id_field] = _hashed_id(record.data)
        org = self._options.source_org or self._by.source_org
        loose["source_org"] = loose["source_org"] or org
        if loose.get("loss_amount") and not loose["loss_currency"]:
            loose["loss_currency"] = casts.amount_currency(texts["loss_amount"][0])
        for name, value in self._by.constants.items():
            # A word that says nothing of the direction must not become one that names a side.
            if name != "direction" or name not in self._targets:
                loose[name] = loose[name] or value
        if self._kind is not RecordKind.CALL:
            loose |= self._lists(texts)
        elif "direction" not in self._targets:
            loose["direction"] = loose["direction"] or self._options.calls_direction
        loose["unknown"] = shown_names([name for name in row if name not in self._by.columns])
        return loose

    def _scalar(self, field: str, texts: Sequence[str]) -> str | None:
        if not texts:
            return None
        if field in mapping.TIME_FIELDS:
            return self._time(field, texts)
        if field == "narrative":
            return "\n\n".join(dict.fromkeys(texts))
        first = texts[0]
        words = self._by.words.get(field)
        if words is not None and (meant := words.get(first.strip().casefold())) is not None:
            return None if meant == mapping.UNKNOWN else meant
        if field == "direction" and words is not None:
            return "unmapped"  # counted as a word that is not known, and never taken for one
        if field == "victim_country":
            return casts.country_code(first) or first
        if field == "duration_seconds":
            return casts.plain_duration(first, self._by.decimal)
        return casts.plain_amount(first, self._by.decimal) if field == "loss_amount" else first

    def _time(self, field: str, texts: Sequence[str]) -> str | None:
        """Returns the time in UTC; a date and a time of day in columns of their own are joined."""
        text = " ".join(texts)
        time = self._known_time(text, self._forms[field])
        if isinstance(time, times.TimeFormError):
            if field != mapping.TIME_FIELD[self._kind] and casts.says_unknown(text):
                return text  # which validation counts, and leaves out
            raise BadRecordError(Code.BAD_TIMESTAMP, str(time), field)
        return time.isoformat() if time else None

    def _lists(self, texts: Mapping[str, list[str]]) -> dict[str, Any]:
        def parts(
            targets: Iterable[str], split: Callable[[str], Iterable[str]]
        ) -> list[tuple[str, str]]:
            return [
                (part, target.partition(".")[2])
                for target in targets
                for text in texts[target]
                for part in split(text)
                if part
            ]

        emails = parts(mapping.EMAIL_TARGETS, _BLANKS.split)
        of_remote = [target for target in texts if target.startswith(mapping.REMOTE_PREFIX)]
        lists: dict[str, Any] = {
            "phone_numbers": [
                {"raw": raw, "role": role}
                for raw, role in parts(mapping.NUMBER_TARGETS, casts.several_numbers)
            ],
            "urls": [link for link, _ in parts([mapping.URL_TARGET], casts.links)],
            "emails": [address for address, _ in emails],
            "email_roles": [role for _, role in emails],
            "remote_access": [
                {"tool": tool, "id": text} for text, tool in parts(of_remote, lambda text: [text])
            ],
            "payments": self._payments(texts),
        }
        return {name: values or None for name, values in lists.items()}

    def _payments(self, texts: Mapping[str, list[str]]) -> list[dict[str, str | None]] | None:
        """Returns a payment a payee; what was paid stands only where there is one."""
        payment = {part: next(iter(texts[target]), None) for target, part in _PAYMENT.items()}
        if amount := payment["amount"]:
            payment["currency"] = payment["currency"] or casts.amount_currency(amount)
            payment["amount"] = casts.plain_amount(amount, self._by.decimal)
        if paid := texts[mapping.PAID_AT]:
            payment["paid_at"] = times.time_or_day(
                self._time(mapping.PAID_AT, paid), paid, self._zone
            )
        payees = [
            payee
            for text in dict.fromkeys(texts["payment.payee"])
            for payee in casts.several_payees(text)
        ]
        if len(payees) > 1:
            shared = {part: payment[part] for part in ("method", "paid_at") if part in payment}
            return [
                dict.fromkeys(_PAYMENT.values()) | shared | {"payee": payee} for payee in payees
            ]
        return [payment] if any(payment.values()) else None


_PAYMENT = {target: target.partition(".")[2] for target in mapping.PAYMENT_TARGETS}


def _hashed_id(data: bytes) -> str:
    return f"row-{xxhash.xxh3_128_hexdigest(data)[:16]}"


_MOST_TIMES = 100_000
"""Distinct times that are remembered."""


def _check_options(options: ReadOptions) -> None:
    for by in options.maps:
        if sum(other_map.kind is by.kind for other_map in options.maps) > 1:
            raise InputError(by.name, f"a second map of {by.kind}s", "give one a kind")
    for zone in (options.timezone, *(by.timezone for by in options.maps)):
        try:
            times.parse_zone(zone or "UTC")
        except ValueError:
            remedy = "name one as Europe/Madrid, or an offset as +05:30"
            raise InputError("timezone", "no such zone", remedy) from None


CSV_ADAPTER = base.Adapter(
    name="map-csv",
    description="CSV read by a map",
    layout=base.Layout.CSV,
    read=read,
    check_options=_check_options,
)

SHEET_ADAPTER = base.Adapter(
    name="map-xlsx", description="Excel read by a map", layout=base.Layout.SHEET, read=read
)

JSON_ADAPTER = base.Adapter(
    name="map-json",
    description="JSON objects read by a map",
    layout=base.Layout.LINES,
    in_array=True,
    read=read,
)

PARQUET_ADAPTER = base.Adapter(
    name="map-parquet",
    description="Parquet read by a map",
    layout=base.Layout.PARQUET,
    read=read,
    row_objects=row_objects,
)

ADAPTERS = (CSV_ADAPTER, SHEET_ADAPTER, JSON_ADAPTER, PARQUET_ADAPTER)
