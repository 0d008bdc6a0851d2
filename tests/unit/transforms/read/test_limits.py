"""Hostile files cost at most 1 GiB of memory and 20 seconds a megabyte, whatever they decode to."""

import gzip
import json
import random
import subprocess
import sys
from collections import Counter

import pyarrow as pa
import pytest

from tests.support.hostile_files import BOMBS, ROW, parquet
from tests.support.read_files import compress_zstd, read_file, shards_of
from tests.support.real_data import ROOT
from transforms.read.files import DECODED_RATIO, FREE_DECODED, ReadOptions
from transforms.read.read_records import read_shard

pytestmark = pytest.mark.slow

MEASURE = """
import json, resource, sys, time
from collections import Counter
from tests.support.read_files import compress_zstd, read_file
from transforms.read.files import InputError

resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
import pyarrow.parquet
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
floor, found = peak(), {}
for path in sys.argv[1:]:
    begun = time.process_time()
    try:
        rows = read_file(path, kept=())
        codes = dict(Counter(row["code"] for row in rows["rejects"]))
    except InputError as error:
        codes = {"refused": error.problem}
    found[path] = [time.process_time() - begun, codes]
print(json.dumps([peak() - floor, found]))
"""

SEEN = {
    "repeated_value.parquet": ["over_limit"],
    "page.parquet": ["over_limit"],
    "list.parquet": ["over_limit"],
    "prefix.parquet": ["over_limit"],
    "rows.parquet": "not read: more rows than a Parquet file of its size can hold",
    "deep.parquet": "not read: columns nested deeper than 32 levels",
    "columns.parquet": "not read: more than 4,096 columns",
    "columns.csv": "not read: more than 4,096 columns",
    "zeros.gz": ["over_limit"],
    "line.zst": ["over_limit"],
    "deep.jsonl": ["broken_json"],
    "line.jsonl": ["row_too_large"],
    "nuls.jsonl": ["row_too_large"],
}


def test_memory_and_time_are_bounded(tmp_path):
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    paths = [str(tmp_path / name) for name in BOMBS]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *paths],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    memory, counts = json.loads(done.stdout.splitlines()[-1])
    assert memory < 1 << 30
    for path, (seconds, codes) in counts.items():
        name = path.rpartition("/")[2]
        megabytes = max(0.25, (tmp_path / name).stat().st_size / 1e6)
        assert seconds < 20 * megabytes, name
        if isinstance(expected := SEEN.get(name), str):
            assert codes == {"refused": expected}
        elif expected is not None:
            assert list(codes) == expected, name


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_a_run_of_nuls_costs_itself_alone(written, place):
    gap = b"\0" * 200_000 + b"\n"
    rows = {"before": gap + ROW * 2, "between": ROW + gap + ROW, "after": ROW * 2 + gap}
    path = written(rows[place], "a.jsonl")
    tables = read_file(path)
    assert len(tables["complaints"]) == 2
    assert [reject["code"] for reject in tables["rejects"]] == ["broken_json"]


def rows_of(path):
    counts = Counter()
    for shard in shards_of(path):
        for tag, batch in read_shard(shard, ReadOptions()):
            counts[tag] += batch.num_rows
            counts.update(batch["code"].to_pylist() if tag == "rejects" else ())
    return counts


def test_a_real_file_with_the_same_values_again_and_again_is_read(written):
    rows = 40_000
    links = [["https://amzn-refund.example/a", "https://help.example/b"], ["https://c.example/"]]
    ids = random.Random(1)
    columns = {
        "complaint_id": pa.array([ids.randbytes(16).hex() for _ in range(rows)]),
        "narrative": pa.array(["They called me. " * 6, "They wrote to me. " * 4] * (rows // 2)),
        "urls": pa.array(links * (rows // 2)),
    }
    path = written(parquet(rows, **columns), "a.parquet")
    assert rows_of(path) == {"complaints": rows}


@pytest.mark.parametrize("pack", [gzip.compress, compress_zstd], ids=["gzip", "zstd"])
def test_a_log_is_read_whole_and_one_that_expands_too_far_up_to_there(written, pack):
    chance = random.Random(1)
    words = [chance.randbytes(4).hex() for _ in range(16)]
    log = b"".join(
        ROW.replace(b'"1"', b'"%d","narrative":"%s"' % (n, " ".join(text).encode()))
        for n in range(15_000)
        for text in [chance.choices(words, k=40)]
    )
    path = written(pack(log), "a.packed")
    assert len(log) > FREE_DECODED
    assert 8 < len(log) / path.stat().st_size < DECODED_RATIO
    assert rows_of(path) == {"complaints": 15_000}
    row = ROW.replace(b'"1"', b'"1","narrative":"%s"' % (b"x" * 1_000))
    path.write_bytes(pack(row * 20_000))
    counts = rows_of(path)
    assert counts["over_limit"] == counts["rejects"] == 1
    assert FREE_DECODED / 1.5 < counts["complaints"] * len(row) < FREE_DECODED * 1.5


def test_calls_that_pack_well_are_read_whole_and_rows_of_many_identifiers_are_not(written):
    some = random.Random(1)
    constant = {f"attribute_{n}": "of the instance, the same in each row" for n in range(9)}
    calls = b"".join(
        json.dumps(
            {
                "call_id": some.randbytes(16).hex(),
                "source_org": "a",
                "started_at": f"2026-01-{some.randrange(1, 29):02}T{some.randrange(24):02}:00:00Z",
                "direction": "inbound",
                "calling_number": f"+1212{some.randrange(2_000_000, 9_999_999)}",
                "called_number": "+18885550123",
                **constant,
            }
        ).encode()
        + b"\n"
        for _ in range(20_000)
    )
    path = written(gzip.compress(calls), "a.gz")
    assert 15 < len(calls) / path.stat().st_size < 24
    (shard,) = shards_of(path, calls=True)
    assert [tag for tag, _ in read_shard(shard, ReadOptions()) if tag != "calls"] == []

    dense = b"".join(
        ROW.replace(b'"1"', b'"%d","urls":%s' % (n, json.dumps(urls).encode()))
        for n in range(2_000)
        for urls in [[f"http://a{n}-{number}.example/" for number in range(50)]]
    )
    path.write_bytes(gzip.compress(dense))
    assert len(dense) / path.stat().st_size < 24
    rows = rows_of(path)
    assert rows["over_limit"] == rows["rejects"] == 1
    path.write_bytes(dense)
    assert rows_of(path) == {"complaints": 2_000}
