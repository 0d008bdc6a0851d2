"""Framing: the bytes of a file cut into records, which are not understood yet.

Lines, CSV (RFC 4180), JSON arrays and Parquet are cut in bounded memory, and nothing is lost: a
record that cannot be a row carries the fault. A JSON value is parsed from hostile bytes, with its
numbers as exact text where that is needed.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from schemas.enums import RecordKind
from schemas.reject import RAW_LIMIT, Code
from transforms.gates import MAX_DEPTH, is_too_deep
from transforms.read.files import BLOCK_BYTES, DamagedStreamError
from transforms.read.parquet_limits import BATCH_BYTES, BATCH_ROWS

MAX_ROW_BYTES = 8 * 1024 * 1024
"""A longer row is rejected unread: no complaint is that long, and it would fill the memory."""

KEPT_BYTES = RAW_LIMIT
"""The part of a row that is too long that is kept for its reject."""

MAX_OPEN_LINES = 1_000

MAX_OPEN_BYTES = 1024 * 1024
"""A cell still open after so much is a lone quote, not text: it must not swallow good rows."""

MAX_COMMAS = 200_000
"""A row with more is rejected unread: each may part two values, which cost 60 bytes and more."""

_BYTES_A_COMMA = 20
"""Bytes of memory for a value, beyond those of its text, in those of a batch."""

_FREE_FORMAT, _FORMAT_RATIO = 1_024, 16
"""A row has a format (with a header, for CSV) of so many bytes, or so many times its own."""


class Record(NamedTuple):
    """The bytes of one row, as they lie in its file.

    `position` is its 1-based physical line (Parquet row, array element), `size` its true length in
    bytes (`data` may be cut), `fault` the reason why it cannot be a row, if it cannot, and
    `offset` the place in the stream of bytes at which it starts, where that is known.
    """

    position: int
    data: bytes
    size: int
    fault: Code | None = None
    offset: int = 0


@dataclass(frozen=True)
class Origin:
    """The source of a block of records, as their rows and rejects name it.

    `format` is the adapter; for a CSV file whose header is not the adapter's own, the
    header follows after a colon, so that a reject can be read again without its file.
    """

    source: str
    format: str
    kind: RecordKind

    def format_of(self, record: Record) -> str:
        """Returns the format as a row has it: without a header that is far longer than the row.

        A megabyte of short rows below a long header would be gigabytes.
        """
        if len(self.format) <= max(_FREE_FORMAT, _FORMAT_RATIO * len(record.data)):
            return self.format
        return self.format.partition(":")[0]


def chunk_records(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Groups records into runs of up to `BATCH_ROWS` records and about `BATCH_BYTES` bytes.

    A record of more than `MAX_COMMAS` commas comes as its first bytes, ROW_TOO_LARGE.
    """
    chunk: list[Record] = []
    size = 0
    for record in records:
        bounded, commas = record, record.data.count(b",")
        if commas > MAX_COMMAS and record.fault is None:
            bounded = record._replace(data=record.data[:KEPT_BYTES], fault=Code.ROW_TOO_LARGE)
        cost = len(bounded.data) + _BYTES_A_COMMA * commas
        if chunk and (len(chunk) >= BATCH_ROWS or size + cost > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(bounded)
        size += cost
    if chunk:
        yield chunk


_BOM = b"\xef\xbb\xbf"


def physical_lines(blocks: Iterable[bytes], first_line: int = 1) -> Iterator[Record]:
    """Cuts a stream into lines without LF or CR LF, blank ones too, counted from `first_line`.

    A UTF-8 byte order mark at the start of line 1 is dropped. A line longer than
    `MAX_ROW_BYTES` comes as its first bytes with ROW_TOO_LARGE. A damaged stream ends in
    one record with the fault: the line that was cut, or an empty one.
    """
    position, kept, size, offset = first_line, b"", 0, 0
    fault = None
    try:
        for block in blocks:
            first, *others = block.split(b"\n")
            kept, size = _extended(kept, size, first)
            for following in others:
                yield _line(position, kept, size, offset)
                position, offset = position + 1, offset + size + 1
                kept, size = following, len(following)
    except DamagedStreamError as damage:
        fault = damage.code
    if fault:
        yield Record(position, kept[:KEPT_BYTES], size, fault, offset)
    elif size and not (position == 1 and kept == _BOM):
        yield _line(position, kept, size, offset)


def _extended(kept: bytes, size: int, more: bytes) -> tuple[bytes, int]:
    """Returns the kept bytes and true length of a line after more of it; of a long one the head."""
    total = size + len(more)
    if total <= MAX_ROW_BYTES + 1:  # the CR of CR LF is not counted
        return kept + more, total
    return (kept + more[:KEPT_BYTES])[:KEPT_BYTES], total


def _line(position: int, data: bytes, size: int, offset: int) -> Record:
    if position == 1 and data.startswith(_BOM):
        data, size = data[3:], size - 3
    if size == len(data) and data.endswith(b"\r"):
        data, size = data[:-1], size - 1
    return _bounded(Record(position, data, size, None, offset))


def _bounded(record: Record) -> Record:
    """Returns a record; of one longer than `MAX_ROW_BYTES` the first bytes, ROW_TOO_LARGE."""
    if record.size <= MAX_ROW_BYTES:
        return record
    return record._replace(data=record.data[:KEPT_BYTES], fault=Code.ROW_TOO_LARGE)


def csv_records(lines: Iterable[Record]) -> Iterator[Record]:
    """Joins physical lines to CSV records; blank lines between records are skipped.

    The rules are those of Python's strict csv module, which cannot say where a record starts, nor
    give up on a quote that is never closed: a quote opens a cell only at its start, a doubled quote
    inside is one quote, and a comma or the line's end follows a closing one. A cell may hold line
    ends.

    A line in which something else follows a closing quote comes alone, as BROKEN_CSV, and so does
    one that opens a quote which the next line with a lone quote does not close by these rules, or
    none within `MAX_OPEN_LINES` and `MAX_OPEN_BYTES`: a stray quote costs its own line, and reading
    goes on at the next. Lines that carry a fault pass through. Linear: each line is looked at twice
    at most.
    """
    source = iter(lines)
    ahead: deque[Record] = deque()
    # Lines at the front of `ahead` that close no quote, if one is open, and their bytes.
    barren = barren_bytes = 0
    while (line := ahead.popleft() if ahead else next(source, None)) is not None:
        if barren:
            barren, barren_bytes = barren - 1, barren_bytes - line.size
        if line.fault is not None:
            yield line
            continue
        opened = b'"' in line.data and leaves_quote_open(line.data)
        if not opened:
            if opened is None:
                yield line._replace(fault=Code.BROKEN_CSV)
            elif line.data and not line.data.isspace():
                yield line
            continue
        closed = False
        while barren + 1 < MAX_OPEN_LINES and line.size + barren_bytes <= MAX_OPEN_BYTES:
            if barren == len(ahead):
                following = next(source, None)
                if following is None:
                    break
                ahead.append(following)
            following = ahead[barren]
            if following.fault is not None:
                break
            if b'"' in following.data and not (
                opened := leaves_quote_open(following.data, opened=True)
            ):
                closed = opened is not None
                break
            barren, barren_bytes = barren + 1, barren_bytes + following.size
        if not closed:
            yield line._replace(fault=Code.BROKEN_CSV)
            continue
        data = b"\n".join([line.data, *(ahead.popleft().data for _ in range(barren + 1))])
        barren = barren_bytes = 0
        yield Record(line.position, data, len(data))


def delimited_records(
    blocks: Iterable[bytes], delimiter: str = ",", first_line: int = 1
) -> Iterator[Record]:
    """Cuts a stream into records of CSV whose cells another character than a comma may part.

    That character and the comma change places while the stream is cut: the rules are one.
    """
    if delimiter == ",":
        yield from csv_records(physical_lines(blocks, first_line))
        return
    swap = bytes.maketrans(f"{delimiter},".encode(), f",{delimiter}".encode())
    lines = physical_lines((block.translate(swap) for block in blocks), first_line)
    for record in csv_records(lines):
        yield record._replace(data=record.data.translate(swap))


def split_delimited(record: str, delimiter: str) -> list[str]:
    """Returns the cells of one record of `delimited_records`."""
    if '"' not in record:
        return record.split(delimiter)
    swap = str.maketrans(f"{delimiter},", f",{delimiter}")
    return [cell.translate(swap) for cell in split_cells(record.translate(swap))]


def cut_blank_end(cells: list[str], width: int) -> list[str]:
    """Returns cells without empty ones beyond a width, as where a separator ends the row."""
    return cells[:width] if len(cells) > width and not any(cells[width:]) else cells


def join_cells(cells: Sequence[str], delimiter: str = ",") -> str:
    """Joins cells to one record of `delimited_records`, quoting those that need it."""
    special = re.compile(f'[{re.escape(delimiter)}"\\n\\r]')
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if special.search(cell) else cell for cell in cells
    )


def leaves_quote_open(line: bytes, opened: bool = False) -> bool | None:
    """Returns whether a quoted cell is open at a line's end, given whether one is at its start.

    None where something else than a comma or the end follows a closing quote, and where a cell was
    open at the start and one without quotes around it has a quote: it was not the cell's end.
    """
    cells = _AFTER_QUOTE.fullmatch(b'"' + line) if opened else _CELLS.fullmatch(line)
    return None if cells is None else cells["open"] is not None


def _row_of_cells(plain: str) -> re.Pattern[bytes]:
    cell = rf'{_QUOTED}"|{plain}'
    return re.compile(rf"(?:(?:{cell}),)*+(?:(?P<open>{_QUOTED})|{cell})".encode())


_QUOTED = r'"[^"]*+(?:""[^"]*+)*+'
"""A quoted cell without its last quote."""

_CELLS, _AFTER_QUOTE = _row_of_cells('(?!")[^,]*+'), _row_of_cells('[^",]*+')

_CELL = re.compile(r'(?:\A|,)(?:"(?P<inside>[^"]*+(?:""[^"]*+)*+)"?)?+(?P<behind>[^,]*+)')


def split_cells(record: str) -> list[str]:
    """Returns the cells of one CSV record whose quotes are closed."""
    if '"' not in record:
        return record.split(",")
    return [cell for _, _, cell in locate_cells(record)]


def locate_cells(record: str) -> Iterator[tuple[int, int, str]]:
    """Yields the start and end of each cell of a CSV record, in code points, and the cell.

    The quotes around a cell are outside of its place; one that is never closed ends the record.
    """
    for cell in _CELL.finditer(record):
        inside, behind = cell["inside"], cell["behind"]
        if inside is None:
            yield cell.start("behind"), cell.end(), behind
        else:
            end = cell.end("behind" if behind else "inside")
            yield cell.start("inside"), end, inside.replace('""', '"') + behind


def array_elements(blocks: Iterable[bytes]) -> Iterator[Record]:
    """Cuts a JSON array into its elements, counted from 1: a whole array may lie on one line.

    An element whose brackets or quotes do not match would swallow what follows. From the first
    such element on, the rest is cut at every `},{` instead: rows that hold no list of objects
    still come out whole, others as pieces that become rejects, and nothing is lost. So is a second
    array behind the first, as where pages of an interface were written to one file.

    An element longer than `MAX_ROW_BYTES` comes as its first bytes, ROW_TOO_LARGE. A
    damaged stream ends in one record with the fault, which holds the element that was cut.
    """
    cutter = _ArrayCutter()
    waiting = b""
    try:
        for block in _joined(blocks):
            yield from cutter.feed(waiting, last=False)
            waiting = block
    except DamagedStreamError as damage:
        yield from cutter.feed(waiting, last=False)
        yield cutter.rest(damage.code)
    else:
        yield from cutter.feed(waiting, last=True)


def _joined(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Joins blocks to ones of `BLOCK_BYTES` or more: of an open element all is looked at again."""
    parts: list[bytes] = []
    try:
        for block in blocks:
            parts.append(block)
            if sum(map(len, parts)) >= BLOCK_BYTES:
                yield b"".join(parts)
                parts = []
    except DamagedStreamError:
        yield b"".join(parts)
        raise
    yield b"".join(parts)


_TOKEN = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*("?)|[\[\]{},]')

_BETWEEN = re.compile(rb"\}\s*(?:,|\]\s*\[)\s*\{")
"""Text between two objects of an array, or of two arrays one behind the other."""

_ANOTHER = re.compile(rb"\s*\[\s*(?=\{)")


class _ArrayCutter:
    """The part of the array that is not cut yet, and the place in it of the next element."""

    def __init__(self) -> None:
        self.data = b""
        self.begin = 0  # where the element that is being read begins
        self.at = 0  # where scanning goes on
        self.depth = 0
        self.opened = False
        self.matched = True  # whether brackets and quotes have matched so far
        self.elements = 0

    def feed(self, block: bytes, last: bool) -> Iterator[Record]:
        """Yields the elements that end in this block; `last` says that no block follows."""
        self.data = self.data[self.begin :] + block
        self.at -= self.begin
        self.begin = 0
        if self.matched:
            yield from self._matching(last)
        if not self.matched:
            yield from self._between(last)

    def _matching(self, last: bool) -> Iterator[Record]:
        for token in _TOKEN.finditer(self.data, self.at):
            text = token[0]
            if token[1] is not None:
                if not token[1]:
                    if not last and self.data[token.end() :] in (b"", b"\\"):
                        self.at = token.start()
                        break
                    self.matched = False
                    return
                continue
            if text in b"[{":
                if self.depth == 0:
                    if self.opened or text == b"{":
                        self.matched = False
                        return
                    self.opened = True
                    self.begin = token.end()
                self.depth += 1
            elif text != b",":
                self.depth -= 1
            if self.depth == 0 or (self.depth == 1 and text == b","):
                if text == b"}" or self.depth < 0:
                    self.matched = False
                    return
                yield from self._element(self.begin, token.start())
                self.begin = token.end()
        else:
            self.at = len(self.data)
        whole = self.depth == 0 and not self.data[self.begin :].strip()
        self.matched = whole if last else len(self.data) - self.begin <= MAX_ROW_BYTES

    def _between(self, last: bool) -> Iterator[Record]:
        if following := _ANOTHER.match(self.data, self.begin):
            self.begin = following.end()
        for gap in _BETWEEN.finditer(self.data, self.begin):
            yield from self._element(self.begin, gap.start() + 1)
            self.begin = gap.end() - 1
        if len(self.data) - self.begin > MAX_ROW_BYTES:
            yield from self._element(self.begin, len(self.data))
            self.begin = len(self.data)
        if last:
            rest = self.data[self.begin :].rstrip()
            yield from self._element(self.begin, self.begin + len(rest.removesuffix(b"]")))

    def rest(self, fault: Code) -> Record:
        """Returns what is not cut yet, as one record with a fault."""
        text = self.data[self.begin :].lstrip()
        return Record(self.elements + 1, text[:KEPT_BYTES], len(text), fault)

    def _element(self, start: int, end: int) -> Iterator[Record]:
        if text := self.data[start:end].strip():
            self.elements += 1
            yield _bounded(Record(self.elements, text, len(text)))


_SYNTAX = f"not valid JSON, or nested deeper than {MAX_DEPTH} levels"


class JsonNumber(str):
    """A JSON number (or NaN, Infinity) as it is written."""

    __slots__ = ()


_EXACT = json.JSONDecoder(parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=JsonNumber)


class BadRecordError(Exception):
    """A record that cannot be read: the code, message and field of its reject are the arguments."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)


def parse_json(data: bytes) -> Any:
    """Parses one value; the last of duplicate keys wins.

    Numbers come as int and float, or as `JsonNumber` where the fast parser refuses the text
    (NaN and Infinity, which many writers emit).

    Raises:
        BadRecordError: if the bytes are no JSON value, or one nested too deep.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return parse_exact_json(data)
    if is_too_deep(value, data):
        raise BadRecordError(Code.BROKEN_JSON, _SYNTAX)
    return value


def parse_exact_json(data: bytes) -> Any:
    """Parses one value, every number of it to a `JsonNumber`. Raises BadRecordError."""
    try:
        value = _EXACT.decode(data.decode())
    except UnicodeDecodeError:
        raise BadRecordError(Code.BAD_ENCODING, "not valid UTF-8") from None
    except (ValueError, RecursionError):
        raise BadRecordError(Code.BROKEN_JSON, _SYNTAX) from None
    _check_surrogates(value, data)
    if is_too_deep(value, data):
        raise BadRecordError(Code.BROKEN_JSON, _SYNTAX)
    return value


def require_object(value: Any) -> dict[str, Any]:
    """Returns a parsed value if it is an object. Raises BadRecordError for any other."""
    if isinstance(value, dict):
        return value
    raise BadRecordError(Code.NOT_AN_OBJECT, "a JSON value, but not an object")


def _check_surrogates(value: Any, data: bytes) -> None:
    if b"\\ud" not in data and b"\\uD" not in data:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "an escape is half of a surrogate pair, which is no character"
        raise BadRecordError(Code.BAD_ENCODING, message) from None
    except RecursionError:
        raise BadRecordError(Code.BROKEN_JSON, _SYNTAX) from None
