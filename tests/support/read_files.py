"""Shared by the tests of reading: a file read as the pipeline would read it."""

import gzip

import pyarrow as pa

from transforms.read.adapters import ftc_sentinel
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import SHARD_BYTES, read_shard, scan_file

TAGS = ("complaints", "calls", "rejects")


def read_file(path, *, calls=False, shard_bytes=SHARD_BYTES, kept=TAGS, **options):
    """(rows by tag, shards) of one file, rows as dicts sorted by position.

    Rows that are not `kept` leave only their count, rejects only their codes.
    """
    opts = ReadOptions(**options)
    patterns = [str(path)]
    (file,) = (
        plan_input_files([], patterns, opts) if calls else plan_input_files(patterns, [], opts)
    )
    _, shards = scan_file(file, shard_bytes)
    rows_of = {"complaints": [], "calls": [], "rejects": []}
    for shard in shards:
        for tag, batch in read_shard(shard, opts):
            batch.validate(full=True)
            if tag in kept:
                rows_of[tag] += batch.to_pylist()
            elif tag == "rejects":
                rows_of[tag] += batch.select(["position", "code"]).to_pylist()
    for rows in rows_of.values():
        rows.sort(key=lambda row: row["position"])
    return rows_of, shards


def compress_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"gzip": gzip.compress, "zstd": compress_zstd}

FOIA_HEADER_WITH_EXTENSION = (
    *ftc_sentinel.HEADER[:7],
    ftc_sentinel.EXTENSION,
    *ftc_sentinel.HEADER[7:],
)
"""The second layout of the FTC Sentinel releases."""
