"""CSV (RFC 4180): lines into records, records into cells.

The rules are those of Python's csv module: a quote opens a cell only at its start, a doubled
quote inside is one quote, and what follows a closing quote is taken as it is. A cell
may hold line ends. The csv module itself is not used because it cannot say where a record
starts, nor give up on a quote that is never closed.

A JSON array, cut into its elements without holding the array.

An element whose brackets or quotes do not match would swallow what follows. From the first
such element on, the rest is cut at every `},{` instead: rows that hold no list of objects
still come out whole, others as pieces that become rejects, and nothing is lost.

Physical lines of a stream of bytes, in bounded memory.

A record: the bytes of one row, cut out of a file but not yet understood.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.enums import RecordKind
from schemas.reject import RAW_LIMIT, Code
from transforms.read.files import DamagedStreamError

MAX_OPEN_LINES = 1_000


MAX_OPEN_BYTES = 1024 * 1024
"""A cell still open after so much is a stray quote, not text: it may not swallow good rows."""


def left_open(line: bytes, opened: bool = False) -> bool:
    """Whether a quoted cell is open at the end of a line, given whether one was at its start."""
    at = 0
    while True:
        if not opened:
            if line[at : at + 1] == b'"':
                at += 1
            else:
                at = line.find(b",", at) + 1
                if not at:
                    return False
                continue
        quote = line.find(b'"', at)
        while quote >= 0 and line[quote + 1 : quote + 2] == b'"':
            quote = line.find(b'"', quote + 2)
        if quote < 0:
            return True
        opened = False
        at = line.find(b",", quote) + 1
        if not at:
            return False


def records(lines: Iterable[Record]) -> Iterator[Record]:
    """Records out of physical lines; blank lines between records are skipped.

    A line that opens a quote which no later line closes within `MAX_OPEN_LINES` and
    `MAX_OPEN_BYTES` comes alone, as BROKEN_CSV, and reading goes on at the next line. Lines
    that carry a fault pass through. Linear: each line is looked at twice at most.
    """
    source = iter(lines)
    ahead: deque[Record] = deque()
    barren = barren_bytes = 0  # lines at the front of `ahead` that close no quote, if one is open
    while (line := ahead.popleft() if ahead else next(source, None)) is not None:
        if barren:
            barren, barren_bytes = barren - 1, barren_bytes - line.size
        if line.fault is not None:
            yield line
            continue
        if b'"' not in line.data or not left_open(line.data):
            if line.data and not line.data.isspace():
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
            if b'"' in following.data and not left_open(following.data, opened=True):
                closed = True
                break
            barren, barren_bytes = barren + 1, barren_bytes + following.size
        if not closed:
            yield line._replace(fault=Code.BROKEN_CSV)
            continue
        data = b"\n".join([line.data, *(ahead.popleft().data for _ in range(barren + 1))])
        barren = barren_bytes = 0
        yield Record(line.position, data, len(data))


def split_cells(record: str) -> list[str]:
    """The cells of one record whose quotes are closed."""
    if '"' not in record:
        return record.split(",")
    return [cell for _, _, cell in parted(record)]


def parted(record: str) -> Iterator[tuple[int, int, str]]:
    """Each cell of one record: start and end, code points, of what is written for it, and the cell.

    The quotes around a cell are outside of its place; one that is never closed ends the record.
    """
    at, end = 0, len(record)
    while at <= end:
        start = stop = at
        cell = ""
        if record[at : at + 1] == '"':
            start = at + 1
            quote = record.find('"', start)
            while quote >= 0 and record[quote + 1 : quote + 2] == '"':
                quote = record.find('"', quote + 2)
            stop = end if quote < 0 else quote
            cell = record[start:stop].replace('""', '"')
            at = stop + 1
        comma = record.find(",", at)
        comma = end if comma < 0 else comma
        behind = record[at:comma]
        yield start, comma if behind else stop, cell + behind
        at = comma + 1


_TOKEN = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*("?)|[\[\]{},]')


_BETWEEN = re.compile(rb"\}\s*,\s*\{")


class _Cutter:
    """The part of the array that is not cut yet, and where in it the next element begins."""

    def __init__(self) -> None:
        self.data = b""
        self.begin = 0  # where the element that is being read begins
        self.at = 0  # where scanning goes on
        self.depth = 0
        self.opened = False
        self.matched = True  # whether brackets and quotes have matched so far
        self.elements = 0

    def feed(self, block: bytes, last: bool) -> Iterator[Record]:
        """The elements that end in this block; `last` says that no block follows."""
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
        """What is not cut yet, as one record with a fault."""
        text = self.data[self.begin :].lstrip()
        return Record(self.elements + 1, text[:HELD_BYTES], len(text), fault)

    def _element(self, start: int, end: int) -> Iterator[Record]:
        text = self.data[start:end].strip()
        if not text:
            return
        self.elements += 1
        if len(text) > MAX_ROW_BYTES:
            yield Record(self.elements, text[:HELD_BYTES], len(text), Code.ROW_TOO_LARGE)
        else:
            yield Record(self.elements, text, len(text))


def elements(blocks: Iterable[bytes]) -> Iterator[Record]:
    """The elements of an array, counted from 1: a whole array may lie on one line.

    An element longer than `MAX_ROW_BYTES` comes as its first bytes, ROW_TOO_LARGE. A
    damaged stream ends in one record with the fault, which holds the element that was cut.
    """
    cutter = _Cutter()
    waiting = b""
    try:
        for block in blocks:
            yield from cutter.feed(waiting, last=False)
            waiting = block
    except DamagedStreamError as damage:
        yield from cutter.feed(waiting, last=False)
        yield cutter.rest(damage.code)
    else:
        yield from cutter.feed(waiting, last=True)


_BOM = b"\xef\xbb\xbf"


def lines(blocks: Iterable[bytes], first_line: int = 1) -> Iterator[Record]:
    """Every line without its LF or CR LF, blank ones too, counted from `first_line`.

    A UTF-8 byte order mark at the start of line 1 is dropped. A line longer than
    `MAX_ROW_BYTES` comes as its first bytes with ROW_TOO_LARGE. A damaged stream ends in
    one record with the fault: the line that was cut, or an empty one.
    """
    position, held, size, offset = first_line, b"", 0, 0
    fault = None
    source = iter(blocks)
    while True:
        try:
            block = next(source, None)
        except DamagedStreamError as damage:
            fault = damage.code
            break
        if block is None:
            break
        first, *others = block.split(b"\n")
        held, size = _grown(held, size, first)
        for following in others:
            yield _line(position, held, size, offset)
            position, offset = position + 1, offset + size + 1
            held, size = following, len(following)
    if fault:
        yield Record(position, held[:HELD_BYTES], size, fault, offset)
    elif size and not (position == 1 and held == _BOM):
        yield _line(position, held, size, offset)


def _grown(held: bytes, size: int, more: bytes) -> tuple[bytes, int]:
    """A line's kept bytes and true length after more of it; too long, only its head is kept."""
    total = size + len(more)
    if total <= MAX_ROW_BYTES + 1:  # the CR of CR LF is not counted
        return held + more, total
    return (held + more[:HELD_BYTES])[:HELD_BYTES], total


def _line(position: int, data: bytes, size: int, offset: int) -> Record:
    if position == 1 and data.startswith(_BOM):
        data, size = data[3:], size - 3
    if size == len(data) and data.endswith(b"\r"):
        data, size = data[:-1], size - 1
    if size > MAX_ROW_BYTES:
        return Record(position, data[:HELD_BYTES], size, Code.ROW_TOO_LARGE, offset)
    return Record(position, data, size, None, offset)


MAX_ROW_BYTES = 8 * 1024 * 1024
"""A longer row is refused unread: no complaint is that long, and it would fill the memory."""


HELD_BYTES = RAW_LIMIT
"""How much of a row that is too long is kept for its reject."""


BATCH_ROWS = 8_192


BATCH_BYTES = 16 * 1024 * 1024


class Record(NamedTuple):
    """One row as it lies in the file.

    `position` is its 1-based physical line (Parquet row, array element), `size` its true length in
    bytes (`data` may be cut), and `fault` says why it cannot be a row, if it cannot.
    `offset` is where in the stream of bytes it starts, where that is known.
    """

    position: int
    data: bytes
    size: int
    fault: Code | None = None
    offset: int = 0


@dataclass(frozen=True)
class Origin:
    """Where a block of records lies: what its rows and rejects say of their source.

    `format` is the adapter; for a CSV file whose header is not the adapter's own, the
    header follows after a colon, so that a reject can be read again without its file.
    """

    source: str
    format: str
    kind: RecordKind


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Runs of up to `BATCH_ROWS` records and about `BATCH_BYTES` bytes."""
    chunk: list[Record] = []
    held = 0
    for record in records:
        if chunk and (len(chunk) >= BATCH_ROWS or held + len(record.data) > BATCH_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(record)
        held += len(record.data)
    if chunk:
        yield chunk
