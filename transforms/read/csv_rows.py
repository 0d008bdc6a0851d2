"""CSV (RFC 4180): lines into records, records into cells.

The rules are those of Python's csv module: a quote opens a cell only at its start, a doubled
quote inside is one quote, and what follows a closing quote is taken as it is. A cell
may hold line ends. The csv module itself is not used because it cannot say where a record
starts, nor give up on a quote that is never closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from schemas.reject import Code
from transforms.read.records import Record

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
