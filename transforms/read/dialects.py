"""Dialects of text files: the bytes and the separator that a company's program writes.

All are brought to one form, UTF-8 with commas: adapters and rejects know no other. An array of
JSON may stand inside of an object.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from schemas.mapping import DEFAULT_ENCODING, DELIMITERS, FileForm, FileFormat
from schemas.reject import Code
from transforms.read import evidence
from transforms.read.files import InputError, InputFile, decompressed_blocks
from transforms.read.framing import (
    MAX_ROW_BYTES,
    Record,
    cut_blank_end,
    delimited_records,
    join_cells,
    split_delimited,
)

SAMPLE_ROWS = 1_000

MOST_COLUMNS = 2_000
"""Of a file that a map is guessed of."""

WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Encodings of two bytes a character, by the mark that announces them."""

SEPARATORS: Mapping[str, str] = {";": "semicolons", "\t": "tabs", "|": "bars"}

ENCODING_NAMES: Mapping[str, str] = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "mac_roman": "Mac Roman",
}

_LEAST_SIGNS, _EXPLAINED, _UNEXPLAINED = 3, 0.95, 0.5

_SIGN = re.compile(rb"(?<=[A-Za-z])[\x80-\xff](?=[A-Za-z])")
"""A byte that is not ASCII between letters."""

_LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœšž")

_BETWEEN_LETTERS = _LETTERS | {"\u2019"}
"""Characters that prose has inside a word."""


def is_separator_line(line: bytes) -> bool:
    """Returns whether a line is the one by which Excel is told the separator: `sep=;`."""
    return len(line) == 5 and line[:4].lower() == b"sep="


def narrow_encoding(head: bytes) -> str:
    """Returns utf-8, or the encoding of one byte a character that is certain for such text.

    Windows-1252 and Mac Roman give the same bytes other letters. One is certain where it makes
    letters of nearly all that stand inside words, and the other does not. None is certain
    where the text may be of two bytes a character.
    """
    signs = b"".join(_SIGN.findall(head))
    if _is_utf8(head) or len(signs) < _LEAST_SIGNS or east_asian_encoding(head):
        return "utf-8"
    shares = {
        name: sum(sign in _BETWEEN_LETTERS for sign in signs.decode(name, "replace")) / len(signs)
        for name in ("cp1252", "mac_roman")
    }
    (second, _), (first, best) = sorted(shares.items(), key=lambda share: share[1])
    if best >= _EXPLAINED and shares[second] < _UNEXPLAINED:
        return first
    return "utf-8"


def wide_encoding(head: bytes) -> str | None:
    """Returns the encoding of two bytes a character that a file's first bytes announce or show."""
    for mark, name in WIDE.items():
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    first, second = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if pairs >= 32 and min(first, second) * 50 < pairs and max(first, second) * 10 > pairs * 8:
        return "utf-16-le" if second > first else "utf-16-be"
    return None


def as_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Decodes a stream of UTF-16; half a pair, or half a character, is no UTF-8 in its row."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"


def recode_head(file: InputFile, head: bytes) -> tuple[InputFile, bytes]:
    """Returns a file with its wide encoding and line end, and its first bytes as `text_blocks`."""
    if wide := wide_encoding(head):
        file = replace(file, encoding=wide)
        head = b"".join(as_utf8([head[: len(head) // 2 * 2]], wide))
    if ends_lines_with_cr(head):
        file = replace(file, line_end="\r")
        head = head.replace(b"\r", b"\n")
    return file, head


def ends_lines_with_cr(head: bytes) -> bool:
    """Returns whether CR alone ends lines, as in a CSV of Excel for Macintosh.

    LF breaks lines inside of its cells, which are quoted then.
    """
    bare = _QUOTED.sub(b"", head)
    return b"\r" in bare.rstrip(b"\r") and b"\n" not in bare


_QUOTED = re.compile(rb'"[^"]*"')


def is_indented_object(head: bytes) -> bool:
    """Returns whether text begins with a JSON object whose members have lines of their own."""
    return re.match(rb'\s*\{\s*\n\s*"', head) is not None


def are_joined_objects(line: bytes) -> bool:
    """Returns whether a line has several JSON objects, and nothing between them."""
    try:
        text = line.decode().lstrip()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[:1] == text[end:].lstrip()[:1] == "{"


def text_blocks(file: InputFile, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yields the bytes of a file, decompressed, with LF, in an encoding that ASCII is a part of."""
    blocks: Iterable[bytes] = decompressed_blocks(file.path, file.compression, start, end)
    if file.wide:
        blocks = as_utf8(blocks, file.encoding)
    if file.line_end == "\r":
        blocks = (block.replace(b"\r", b"\n") for block in blocks)
    yield from blocks


def plain_records(file: InputFile, records: Iterable[Record]) -> Iterable[Record]:
    """Brings the framed records of a file to UTF-8 and commas."""
    if file.separator == "," and (file.wide or file.encoding == "utf-8"):
        return records
    return (_plain(file, record) for record in records)


def _plain(file: InputFile, record: Record) -> Record:
    if record.fault is not None:
        return record
    try:
        text = record.data.decode("utf-8" if file.wide else file.encoding)
    except UnicodeDecodeError:
        return record._replace(fault=Code.BAD_ENCODING)
    if file.separator != ",":
        text = join_cells(split_delimited(text, file.separator))
    data = text.encode()
    return record._replace(data=data, size=len(data))


def describe(file: InputFile) -> str:
    """Returns a file's dialect in words, empty for UTF-8 with commas: "semicolons, UTF-16"."""
    words: Sequence[str | None] = (
        SEPARATORS.get(file.separator),
        ENCODING_NAMES.get(file.encoding),
        "lines that end with CR" if file.line_end == "\r" else None,
    )
    return ", ".join(word for word in words if word)


class _KeyPath:
    """The keys at which a scan of a JSON object is, told by its tokens one after another."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._last = self._name = ""

    def step(self, token: re.Match[bytes]) -> str | None:
        """Takes a token; returns the dotted key of the array that it opens, if it opens one."""
        text = token[0]
        if text[:1] == b'"':
            self._last = token[1].decode("utf-8", "replace")
        elif text == b":":
            self._name = self._last
        elif text in b"[{":
            self._keys.append(self._name)
            if text == b"[":
                return ".".join(self._keys[1:])
        elif self._keys:
            self._keys.pop()
        return None


def array_blocks(blocks: Iterable[bytes], keys: str) -> Iterator[bytes]:
    """Yields the bytes of the array at dotted `keys` of a JSON object; of no keys, all.

    What comes before and after it is no record. Where it is absent nothing is yielded.
    """
    if not keys:
        yield from blocks
        return
    path, depth, kept = _KeyPath(), 0, b""
    for block in blocks:
        data = kept + block
        position, start = 0, 0
        for token in _TOKEN.finditer(data):
            text = token[0]
            is_string = text[:1] == b'"'
            if is_string and not token[2]:
                break  # a later block ends it
            position = token.end()
            if not depth:
                if path.step(token) == keys:
                    depth, start = 1, token.start()
            elif not is_string:
                depth += (text in b"[{") - (text in b"]}")
                if not depth:
                    yield data[start:position]
                    return
        if len(data) - position > MAX_ROW_BYTES:
            position = len(data)  # a string without an end, which the cutter of the array refuses
        if depth:
            yield data[start:position]
        kept = data[position:]
    if depth and kept:
        yield kept


def first_array(data: bytes) -> str:
    """Returns the dotted key of the first array of objects in a JSON object; of none, no text."""
    path = _KeyPath()
    for token in _TOKEN.finditer(data):
        opened = path.step(token)
        if opened and data[token.end() : token.end() + 200].lstrip()[:1] == b"{":
            return opened
    return ""


_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)("?)|[\[\]{}:]', re.DOTALL)


def _is_utf8(text: bytes) -> bool:
    """Returns whether text is UTF-8, be its last character cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        return False
    return True


_COMMON: Mapping[str, tuple[bytes, float]] = {
    "cp932": (rb"[\x82\x83][\x40-\xfc]", 0.25),
    "cp949": (rb"[\xb0-\xc8][\xa1-\xfe]", 0.8),
    "gb18030": (rb"[\xb0-\xd7][\xa1-\xfe]", 0.8),
    "big5": (rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]", 0.8),
}
"""The bytes of what is frequent in an encoding, and the least share of its text that these are:
kana, Hangul, ideographs of the first level."""


def east_asian_encoding(head: bytes) -> str:
    """Returns the encoding of two bytes a character that text may have; of none, no text."""
    high = b"\n".join(line for line in head.split(b"\n")[:-1] if not line.isascii())
    for name, (common, least) in _COMMON.items():
        try:
            wide = sum(sign > "\x7f" for sign in high.decode(name))
        except UnicodeDecodeError:
            continue
        if wide and len(re.findall(common, high)) >= least * wide:
            return name
    return ""


def text_encoding(head: bytes) -> tuple[str, bool]:
    """Returns the encoding of text by its first bytes, and whether it is sure.

    A few bytes that are no UTF-8 among more that are make no other encoding.
    """
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if sum(map(_is_utf8, lines)) * 2 >= len(lines):
        return DEFAULT_ENCODING, True
    if (narrow := narrow_encoding(head)) != DEFAULT_ENCODING:
        return narrow, True
    western = "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", head) else "cp1252"
    return east_asian_encoding(head) or western, False


def guess_dialect(path: str, head: bytes) -> tuple[FileForm, tuple[str, ...]]:
    """Returns the delimiter by which most rows are equally wide, and what to ask."""
    encoding, sure = text_encoding(head)
    scores: dict[str, float] = {}
    for delimiter in DELIMITERS:
        records = islice(delimited_records([head], delimiter), SAMPLE_ROWS + 1)
        widths = [
            len(split_delimited(record.data.decode(encoding, "replace"), delimiter))
            for record in islice((record for record in records if not record.fault), 200)
        ]
        width, rows = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if 2 <= width <= MOST_COLUMNS:
            scores[delimiter] = rows / len(widths) + min(width, 50) / 1000
    if not scores:
        remedy = "give CSV, JSON, Parquet or xlsx with two columns or more"
        raise InputError(path, "no table that can be recognized", remedy)
    ask = (
        f"encoding: no UTF-8, read as {encoding}; where words are wrong, write another encoding in "
        "[file], or save the file as UTF-8"
    )
    best = max(scores, key=scores.__getitem__)
    form = FileForm(FileFormat.CSV, delimiter=best, encoding=encoding)
    return form, () if sure else (ask,)


def cut_blank_ends(rows: Sequence[list[str]]) -> list[list[str]]:
    """Returns rows without the empty cells that they have beyond the row of their names.

    Not where numbers of the rows begin them: these may be what has no name, and shift all others.
    """
    width, _ = Counter(map(len, rows)).most_common(1)[0]
    names = max((len(row) for row in rows if len(row) < width), default=width)
    cut = [cut_blank_end(row, names) for row in rows]
    shifted = evidence.counts_rows([row[0].strip() for row in rows if len(row) == width])
    cuts_all = names > 1 and not any(len(row) == width for row in cut)
    return cut if cuts_all and not shifted else [*rows]
