"""Search of files for a value as a leak may hide it: written otherwise, compressed, or hashed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.parquet as pq

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)

_EMBEDDED = re.compile(rb'<script type="text/plain" id="[^"]*">([A-Za-z0-9+/=]+)</script>')

_PIECE = re.compile(rb'^rt\.piece\("[^"]*",String\.raw`([^`]*)`\);\n$')

_SHOWN = re.compile(rb"\((?:[^()\\]|\\.)*\)")


def number_forms(raw: str, country: str) -> set[str]:
    """Returns the ways in which a person or a program writes a number."""
    number = phonenumbers.parse(raw, country)
    national = str(number.national_number)
    kinds = phonenumbers.PhoneNumberFormat
    written = {
        phonenumbers.format_number(number, form)
        for form in (kinds.E164, kinds.INTERNATIONAL, kinds.NATIONAL, kinds.RFC3966)
    }
    parts = [national[:3], national[3:6], national[6:]]
    return written | {raw, national} | {sign.join(parts) for sign in "-. /\u00a0\u2011"}


def leak_forms(value: str) -> set[bytes]:
    """Returns a value as it is, escaped, encoded and hashed."""
    forms = {value.encode(), value.encode("utf-16-be"), value.encode("utf-16-le")}
    forms |= {quote(value).encode(), value.encode().hex().encode()}
    for text in (value, f"phone:{value}"):
        raw = text.encode()
        forms.add(base64.b64encode(raw).rstrip(b"="))
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw, usedforsecurity=False).digest()
            forms |= {digest, digest.hex().encode(), base64.b64encode(digest).rstrip(b"=")}
    return {form for form in forms if len(form) >= 5}


def values_in(whole: bytes, values: Iterable[str]) -> set[str]:
    """Values of which a form is in some bytes: the last bytes of all forms are sought at once."""
    value_of = {form: value for value in values for form in leak_forms(value)}
    content = np.frombuffer(whole, np.uint8)
    there = set()
    for width in {min(len(form), 8) for form in value_of}:
        ends = {form[-width:] for form in value_of if min(len(form), 8) == width}
        windows = np.zeros(max(len(whole) - width + 1, 0), np.uint64)
        for place in range(width):
            windows <<= np.uint64(8)
            windows |= content[place : place + len(windows)]
        wanted = np.array([int.from_bytes(end) for end in sorted(ends)], np.uint64)
        seen = set(wanted[np.isin(wanted, windows)].tolist())
        there |= {end for end in ends if int.from_bytes(end) in seen}
    likely = (form for form in value_of if form[-8:] in there)
    return {value_of[form] for form in likely if form in whole}


def layers_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields the layers of each file below a folder, with its path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for layer in decoded_layers(path.name, path.read_bytes()):
                yield path, layer


def decoded_layers(name: str, content: bytes) -> Iterator[bytes]:
    """Yields the bytes of a file, and those inside.

    These are of gzip, of streams of a PDF, of columns of Parquet and of the state of a stream, of
    data embedded in a page.
    """
    yield content
    for packed in _EMBEDDED.findall(content):
        yield gzip.decompress(base64.b64decode(packed))
    if piece := _PIECE.match(content):
        yield piece[1]
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"%PDF":
        for stream in _STREAM.findall(content):
            yield from _decode_stream(stream)
    if content[:4] == b"PAR1":
        yield _text_of(pq.read_table(io.BytesIO(content)))
    if name.endswith(".state"):
        file = pa.BufferReader(content)
        while file.tell() < len(content) - 16:  # a digest ends it
            yield _text_of(pa.ipc.open_stream(file).read_all())


def _text_of(table: pa.Table) -> bytes:
    columns = (";".join(map(str, column.to_pylist())) for column in table.columns)
    return "\n".join(columns).encode()


def _decode_stream(stream: bytes) -> Iterator[bytes]:
    raw = stream.strip()
    for unpack in (lambda data: zlib.decompress(base64.a85decode(data, adobe=False)),
                   zlib.decompress):  # fmt: skip
        try:
            plain = unpack(raw.removesuffix(b"~>"))
        except (ValueError, zlib.error):
            continue
        yield plain
        # A font can cut words into pieces: what is shown, joined.
        yield b"".join(word[1:-1] for word in _SHOWN.findall(plain))
        return
