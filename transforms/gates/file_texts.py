"""Texts in files, as whoever opens these reads them: unpacked, of a table its columns of text."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.field import TEXT, Column

MOST_UNPACKED = 1 << 28
"""Bytes of a packed file that are read; one with more is no file of ours."""

_REPEATED = re.compile(r"<style>.*?</style>|<script>.*?</script>", re.DOTALL)
"""Parts of a page that all pages have: each is read once."""

_BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)
"""Errors of files that are not packed as they begin."""


def texts_of_file(content: bytes, depth: int = 2) -> list[pa.Array]:
    """Returns the texts in a file, cut at ends of lines and quotes, where all tokens end.

    What only begins like a packed file is read as it is.
    """
    try:
        return list(_texts_within(content, depth))
    except _BROKEN:
        return [lines_of(content)]


def lines_of(content: bytes) -> pa.Array:
    """Returns the lines of a text, cut at quotes; what pages repeat stands there once."""
    if b"<style>" in content or b"<script>" in content:
        text = content.decode("utf-8", "replace")
        parts = dict.fromkeys(_REPEATED.findall(text))
        content = "\n".join([_REPEATED.sub(" ", text), *parts]).encode()
    if not content.isascii():
        content = content.decode("utf-8", "replace").encode()
    signs = np.frombuffer(content + b"\n", np.uint8)
    cuts = np.flatnonzero((signs == ord('"')) | (signs == ord("\n")))
    offsets = np.append(0, cuts - np.arange(len(cuts))).astype(np.int32)
    kept = content.translate(None, b'"\n')
    return pa.StringArray.from_buffers(len(cuts), pa.py_buffer(offsets), pa.py_buffer(kept))


def _texts_within(content: bytes, depth: int) -> Iterator[pa.Array]:
    if content[:2] == b"\x1f\x8b" and depth:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            yield from texts_of_file(file.read(MOST_UNPACKED), depth - 1)
    elif content[:4] == b"PK\x03\x04" and depth:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    yield from texts_of_file(file.read(MOST_UNPACKED), depth - 1)
    elif content[:4] == b"PAR1":
        schema = pq.read_schema(pa.BufferReader(content))
        coded = [field.name for field in schema if pa.types.is_string(field.type)]
        whole = pq.read_table(pa.BufferReader(content), use_threads=False, read_dictionary=coded)
        for column in whole.columns:
            yield from texts_of_column(column)
    elif content[:5] == b"%PDF-":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
            try:
                plain = zlib.decompressobj().decompress(stream, MOST_UNPACKED)
            except zlib.error:
                continue  # a font or a picture
            yield lines_of(plain.decode("latin-1").encode())
    else:
        yield lines_of(content)


def texts_of_column(column: Column) -> Iterator[pa.Array]:
    """Yields the distinct texts of a column, however deep they stand."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from texts_of_column(pc.list_flatten(column))
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from texts_of_column(pc.struct_field(column, place))
    elif pa.types.is_dictionary(kind):
        for chunk in column.chunks:
            yield chunk.dictionary.cast(TEXT).drop_null()
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield pc.unique(column).drop_null()
