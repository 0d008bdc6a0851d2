"""Shared by the tests of reading: a file read as the pipeline would read it."""

import gzip

import pyarrow as pa

from transforms.read.adapters import ftc_sentinel
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import SHARD_BYTES, read_shard, scan_file

TAGS = ("complaints", "calls", "rejects")


def shards_of(path, *, calls=False, shard_bytes=SHARD_BYTES, **options):
    """The shards of one file."""
    patterns = [[str(path)], []]
    (file,) = plan_input_files(*(patterns[::-1] if calls else patterns), ReadOptions(**options))
    return scan_file(file, shard_bytes)[1]


def read_file(path, *, calls=False, shard_bytes=SHARD_BYTES, kept=TAGS, **options):
    """The rows of one file by tag, as dicts sorted by position.

    Rows that are not `kept` leave only their count, rejects only their codes.
    """
    rows_of = {"complaints": [], "calls": [], "rejects": []}
    for shard in shards_of(path, calls=calls, shard_bytes=shard_bytes, **options):
        for tag, batch in read_shard(shard, ReadOptions(**options)):
            batch.validate(full=True)
            if tag in kept:
                rows_of[tag] += batch.to_pylist()
            elif tag == "rejects":
                rows_of[tag] += batch.select(["position", "code"]).to_pylist()
    for rows in rows_of.values():
        rows.sort(key=lambda row: row["position"])
    return rows_of


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
