"""gzip and zstd: several members, cut files, corrupt files."""

import gzip
import json
import zlib

import pytest

from tests.support.read_files import COMPRESS, read_file, shards_of

ROWS = [
    json.dumps({"complaint_id": f"{n}", "source_org": "x", "narrative": f"{n * 7919 % 104729}"})
    for n in range(20_000)
]

DATA = ("\n".join(ROWS) + "\n").encode()


def ids(tables):
    return [row["complaint_id"] for row in tables["complaints"]]


@pytest.mark.parametrize("name", COMPRESS)
def test_several_members_are_one_stream(written, name):
    half = len(DATA) // 2
    path = written(COMPRESS[name](DATA[:half]) + COMPRESS[name](DATA[half:]), "rows")
    tables = read_file(path)
    assert ids(tables) == [str(n) for n in range(20_000)]
    assert not tables["rejects"]
    assert len(shards_of(path)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPRESS)
@pytest.mark.parametrize("part", [0.1, 0.999])
def test_a_cut_file_keeps_every_whole_row(written, name, part):
    packed = COMPRESS[name](DATA)
    path = written(packed[: int(len(packed) * part)], "rows")
    tables = read_file(path)
    count = len(tables["complaints"])
    assert ids(tables) == [str(n) for n in range(count)]
    (reject,) = tables["rejects"]
    assert reject["code"] == "truncated_file"
    assert reject["position"] == count + 1
    assert ROWS[count].startswith(reject["raw"])


def test_every_byte_that_gzip_gives_is_used(written):
    packed = gzip.compress(DATA)
    path = written(packed[: len(packed) // 2], "rows.gz")
    part = zlib.decompressobj(wbits=31).decompress(packed[: len(packed) // 2])
    tables = read_file(path)
    assert len(tables["complaints"]) == part.count(b"\n")


@pytest.mark.parametrize("size", [10, 3])
def test_a_file_cut_within_its_first_bytes(written, size):
    path = written(gzip.compress(DATA)[:size], "rows.gz")
    tables = read_file(path)
    assert [row["code"] for row in tables["rejects"]] == ["truncated_file"]


def test_a_corrupt_file_ends_in_one_reject(written):
    path = written(gzip.compress(DATA) + b"garbage", "rows.gz")
    tables = read_file(path)
    assert len(tables["complaints"]) == 20_000
    assert [row["code"] for row in tables["rejects"]] == ["unreadable_file"]
