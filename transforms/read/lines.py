"""Physical lines of a stream of bytes, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.reject import Code
from transforms.read.records import HELD_BYTES, MAX_ROW_BYTES, Record
from transforms.read.streams import DamagedStreamError

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
