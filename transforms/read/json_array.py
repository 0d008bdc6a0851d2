"""A JSON array, cut into its elements without holding the array.

An element whose brackets or quotes do not match would swallow what follows. From the first
such element on, the rest is cut at every `},{` instead: rows that hold no list of objects
still come out whole, others as pieces that become rejects, and nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schemas.reject import Code
from transforms.read.records import HELD_BYTES, MAX_ROW_BYTES, Record
from transforms.read.streams import DamagedStreamError

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
