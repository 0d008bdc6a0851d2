"""Broken JSON as it would read: escaped characters (RFC 8259 section 7) as what they stand for."""

from __future__ import annotations

import re
from typing import NamedTuple

from transforms.identify.haystack import MASK

_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u(?!d[89a-f])([0-9a-f]{4})", re.IGNORECASE)
"""One character of the basic plane; halves of a pair stay as they are."""


class Read(NamedTuple):
    """A text as it reads, and where each of its characters was written, code points."""

    text: str
    ends: list[int] | None
    """The end of what wrote each character; None where each wrote itself."""


def read(written: str) -> Read:
    """A text with its escapes read."""
    if "\\u" not in written:
        return Read(written, None)
    characters: list[str] = []
    ends: list[int] = []
    done = 0
    for match in _ESCAPE.finditer(written):
        plain = written[done : match.end(1)]
        characters += plain
        ends.extend(range(done + 1, done + 1 + len(plain)))
        characters.append(chr(int(match[2], 16)))
        ends.append(match.end())
        done = match.end()
    characters += written[done:]
    ends.extend(range(done + 1, len(written) + 1))
    return Read("".join(characters), ends)


def masked_as(written: str, as_read: Read, masked: str) -> str:
    """The written text with '#' for all of what was masked in the text as it reads."""
    if as_read.ends is None:
        return masked
    parts: list[str] = []
    begin = 0
    for old, new, end in zip(as_read.text, masked, as_read.ends, strict=True):
        parts.append(written[begin:end] if old == new else MASK * (end - begin))
        begin = end
    return "".join(parts)
