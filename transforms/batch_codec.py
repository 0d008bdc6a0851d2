"""Batches as they travel: compressed, and in a local run put down on disk.

A piece of a shuffle, and a batch between two steps that a runner does not fuse, is one zstd block
of Arrow IPC. Beam's local runner keeps all of them in memory until they are read; while
`Spill.holding` lasts, it keeps their places in a file instead.
"""

from __future__ import annotations

import copyreg
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

SMALLEST = 1 << 10
"""Bytes of the smallest piece that is put on disk."""


LARGE = 1 << 20
"""Bytes of the smallest array that is."""


_CODEC = pa.Codec("zstd", 1)

_LENGTH = 8
"""Bytes in front of a packed batch that say how long it is unpacked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes in an open file of this process."""

    file: int
    start: int
    size: int


@dataclass(slots=True)
class Piece:
    """A packed batch, or where it lies. Only `unpacked` with the batch's schema reads it.

    Once it has been put down on disk it holds its place alone.
    """

    content: bytes | Place

    def read(self) -> bytes:
        """The packed batch.

        Raises:
            OSError: if its file is shorter than it was.
        """
        if isinstance(self.content, bytes):
            return self.content
        file, start, size = self.content.file, self.content.start, self.content.size
        parts = []
        while size:
            part = os.pread(file, size, start)
            if not part:
                raise OSError("a spilled piece is not whole")
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


def packed(batch: pa.RecordBatch, schema: pa.Schema) -> Piece:
    """A batch of `schema` as compressed bytes.

    Raises:
        ValueError: if the batch has another schema.
    """
    if not batch.schema.equals(schema):
        raise ValueError(f"a batch of {batch.schema.names} where {schema.names} was declared")
    if not batch.num_rows:  # Arrow cuts a slice out of its buffers unless nothing is left of it
        batch = pa.RecordBatch.from_pylist([], batch.schema)
    message = batch.serialize()
    length = message.size.to_bytes(_LENGTH, "big")
    return Piece(length + _CODEC.compress(message, asbytes=True))


def unpacked(piece: Piece, schema: pa.Schema) -> pa.RecordBatch:
    """The batch that `packed` was given."""
    view = memoryview(piece.read())
    size = int.from_bytes(view[:_LENGTH], "big")
    return pa.ipc.read_record_batch(_CODEC.decompress(view[_LENGTH:], size), schema)


Pickled = tuple[Any, ...]
"""What `copyreg` wants: a function, its arguments, and maybe a state."""


class _Travelling:
    """How a batch is pickled, each once while it lives.

    Beam encodes a batch wherever it counts its bytes: before it writes it and after it read it.
    """

    def __init__(self) -> None:
        self._ways: dict[int, tuple[weakref.ref[pa.RecordBatch], tuple[bytes, Piece]]] = {}

    def __call__(self, batch: pa.RecordBatch) -> Pickled:
        """The batch as `_arrived` reads it."""
        known = self._ways.get(id(batch))
        if known is not None and known[0]() is batch:
            return _arrived, known[1]
        way = batch.schema.serialize().to_pybytes(), packed(batch, batch.schema)
        self.remember(batch, way)
        return _arrived, way

    def remember(self, batch: pa.RecordBatch, way: tuple[bytes, Piece]) -> None:
        """What the batch is pickled as from now on."""
        key = id(batch)
        self._ways[key] = weakref.ref(batch, partial(self._forget, key)), way

    def _forget(self, key: int, gone: weakref.ref[pa.RecordBatch]) -> None:
        # Another batch may live at the same address by now.
        if key in self._ways and self._ways[key][0] is gone:
            del self._ways[key]


def _arrived(schema: bytes, piece: Piece) -> pa.RecordBatch:
    batch = unpacked(piece, pa.ipc.read_schema(pa.py_buffer(schema)))
    _TRAVELLING.remember(batch, (schema, piece))
    return batch


_TRAVELLING = _Travelling()


# Between two steps that a runner does not fuse, Beam pickles a batch. Arrow's own way sends it as
# it lies in memory, and a slice with all that it was cut from.
copyreg.pickle(pa.RecordBatch, _TRAVELLING)


class Spill:
    """A file without a name, so that nothing is left of it however the process ends.

    For runners whose steps all run in this process: a place means nothing in another one.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = Lock()
        self._end = 0
        self._file = -1

    @contextmanager
    def holding(self) -> Iterator[None]:
        """While this lasts, pieces and large arrays that Beam pickles go into the file.

        Raises:
            OSError: if the folder cannot be written.
        """
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            self._file = file.fileno()
            copyreg.pickle(Piece, self._put)
            copyreg.pickle(np.ndarray, self._put_array)
            try:
                yield
            finally:
                del copyreg.dispatch_table[Piece], copyreg.dispatch_table[np.ndarray]

    def _put(self, piece: Piece) -> Pickled:
        content = piece.content
        if not isinstance(content, bytes) or len(content) < SMALLEST:
            return Piece, (content,)
        piece.content = Place(self._file, self._write(content), len(content))
        return Piece, (piece.content,)

    def _put_array(self, array: np.ndarray) -> Pickled:
        """An array as Beam keeps it: one that is a side input is kept as long as the run takes."""
        if array.nbytes < LARGE or array.dtype.hasobject:
            return tuple(array.__reduce__())
        start = self._write(np.ascontiguousarray(array).data.cast("B"), mmap.ALLOCATIONGRANULARITY)
        place = Place(self._file, start, array.nbytes)
        return _mapped, (place, os.getpid(), array.dtype, array.shape)

    def _write(self, content: bytes | memoryview, multiple: int = 1) -> int:
        """Put down at a multiple of so many bytes; where."""
        with self._lock:
            start = -(-self._end // multiple) * multiple
            self._end = start + len(content)
        view = memoryview(content)
        while view:
            view = view[os.pwrite(self._file, view, start + len(content) - len(view)) :]
        return start


def _mapped(place: Place, process: int, kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array that lies in the file; what is written to it is not.

    Raises:
        OSError: in another process, where the place means nothing.
    """
    if process != os.getpid():
        raise OSError("a spilled array is only there for the process that put it down")
    access = mmap.ACCESS_COPY
    mapped = mmap.mmap(place.file, place.size, access=access, offset=place.start)
    return np.frombuffer(mapped, kind).reshape(shape)
