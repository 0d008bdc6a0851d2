"""Shards: the parts of a file that are read separately, and the digest of the whole file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from transforms.read import framing
from transforms.read.adapters.base import Layout
from transforms.read.adapters.registry import file_layout
from transforms.read.files import InputFile, open_raw, raw_blocks
from transforms.read.parquet_limits import open_parquet

SHARD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Shard:
    """Bytes `start` to before `end` of a file (row groups, for Parquet); null is its end.

    `first_line` is the physical line, or Parquet row, at `start`, counted from 1.
    """

    file: InputFile
    start: int
    end: int | None
    first_line: int


def scan_file(
    file: InputFile, shard_bytes: int = SHARD_BYTES
) -> tuple[tuple[str, int], list[Shard]]:
    """Scans the stored bytes once: returns (SHA-256 in hex, length), and the file's shards.

    Lines and CSV are cut where a record starts, each shard `shard_bytes` or a little more;
    Parquet between row groups; compressed files and JSON arrays not at all. Together the
    shards hold every row, each once.
    """
    digest, size = hashlib.sha256(), 0

    def digested() -> Iterator[bytes]:
        nonlocal size
        for block in raw_blocks(file.path):
            digest.update(block)
            size += len(block)
            yield block

    blocks = digested()
    kind = file_layout(file)
    starts: list[tuple[int, int]] = []
    if file.can_be_cut and kind == Layout.LINES:
        starts = list(_line_starts(blocks, shard_bytes))
    elif file.can_be_cut and kind == Layout.CSV:
        starts = list(_record_starts(blocks, shard_bytes, file.delimiter))
    elif kind in (Layout.PARQUET, Layout.REJECTS):
        starts = _row_group_starts(file, shard_bytes)
    elif kind != Layout.EMPTY:
        starts = [(0, 1)]
    for _ in blocks:
        pass  # to the end of the file, for the digest
    ends = [*(start for start, _ in starts[1:]), None] if starts else []
    shards = [
        Shard(file, start, end, line) for (start, line), end in zip(starts, ends, strict=True)
    ]
    return (digest.hexdigest(), size), shards


def _line_starts(blocks: Iterator[bytes], shard_bytes: int) -> Iterator[tuple[int, int]]:
    """Yields offset and line of the first line, and of the first one after each `shard_bytes`."""
    yield 0, 1
    offset, line, wanted = 0, 1, shard_bytes
    for block in blocks:
        at = 0
        while wanted - 1 < offset + len(block):
            found = block.find(b"\n", max(wanted - 1 - offset, at))
            if found < 0:
                break
            line += block.count(b"\n", at, found + 1)
            at = found + 1
            yield offset + at, line
            wanted = offset + at + shard_bytes
        line += block.count(b"\n", at)
        offset += len(block)


def _record_starts(
    blocks: Iterator[bytes], shard_bytes: int, delimiter: str
) -> Iterator[tuple[int, int]]:
    """Yields the same of CSV records, by the splitter that reading uses."""
    yield 0, 1
    wanted = shard_bytes
    for record in framing.delimited_records(blocks, delimiter):
        if record.offset >= wanted:
            yield record.offset, record.position
            wanted = record.offset + shard_bytes


def _row_group_starts(file: InputFile, shard_bytes: int) -> list[tuple[int, int]]:
    """Lists the row group and row at which each shard starts; empty without any row group."""
    with open_raw(file.path) as stream:
        metadata = open_parquet(stream).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    starts: list[tuple[int, int]] = []
    pending, row = 0, 1
    for number, group in enumerate(groups):
        if not starts or pending >= shard_bytes:
            starts.append((number, row))
            pending = 0
        pending += group.total_byte_size
        row += group.num_rows
    return starts
