"""What the tests of reading share: a file read as the pipeline would read it."""

import gzip

import pyarrow as pa

from transforms.read.detect import plan
from transforms.read.options import ReadOptions
from transforms.read.read_records import read_shard
from transforms.read.shards import SHARD_BYTES, scan


def read(path, *, calls=False, shard_bytes=SHARD_BYTES, **options):
    """(rows by tag, shards) of one file, rows as dicts sorted by position."""
    opts = ReadOptions(**options)
    patterns = [str(path)]
    (file,) = plan([], patterns, opts) if calls else plan(patterns, [], opts)
    _, shards = scan(file, shard_bytes)
    found = {"complaints": [], "calls": [], "rejects": []}
    for shard in shards:
        for tag, batch in read_shard(shard, opts):
            batch.validate(full=True)
            found[tag] += batch.to_pylist()
    for rows in found.values():
        rows.sort(key=lambda row: row["position"])
    return found, shards


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"gzip": gzip.compress, "zstd": zstd}
