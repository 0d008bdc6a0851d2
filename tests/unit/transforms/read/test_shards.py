"""Shards: whatever their size, the same rows; and the digest of the stored bytes."""

import gzip
import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.examples import draws
from tests.support.read_files import read_file, shards_of
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import scan_file


def whole_and_cut(path, size):
    whole = read_file(path)
    assert len(shards_of(path)) <= 1
    cut = read_file(path, shard_bytes=size)
    return whole, cut


HEADS = {'{"complaint_id":"1"}': "jsonl", "complaint_id,source_org,received_at": "csv"}

LINES = {
    "jsonl": ['{"complaint_id":"é"}', '{"urls":["x"]}', "", "  ", "{", "[]", "\r"],
    "csv": ["a,b,c", '"a,b', 'x",y', 'a,"b ""q""",c', "", 'a,b,"', '"a\nb",c,d', "é"],
}


@pytest.mark.parametrize("head", HEADS, ids=HEADS.get)
@settings(draws(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 60), end=st.sampled_from(["\n", "\r\n"]))
def test_text(written, head, data, size, end):
    lines = data.draw(st.lists(st.sampled_from(LINES[HEADS[head]]), max_size=14))
    path = written(end.join([head, *lines]).encode(), "a")
    whole, cut = whole_and_cut(path, size)
    assert whole == cut
    if HEADS[head] == "jsonl":
        rows = sum(bool(line.strip()) for line in lines) + 1
        assert len(whole["complaints"]) + len(whole["rejects"]) == rows


@pytest.mark.parametrize("size", [1, 1000, 10**9])
def test_parquet(tmp_path, size):
    path = tmp_path / "a.parquet"
    ids = [str(n) for n in range(100)]
    table = pa.table({"complaint_id": ids, "source_org": ids, "received_at": ids})
    pq.write_table(table, path, row_group_size=7)
    whole, cut = whole_and_cut(path, size)
    assert whole == cut
    assert [row["complaint_id"] for row in cut["complaints"]] == ids
    assert [row["position"] for row in cut["complaints"]] == list(range(1, 101))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_digest_is_of_the_stored_bytes(written, pack):
    data = pack(b'{"complaint_id":"1"}\n' * 5_000)
    path = written(data, "a")
    (file,) = plan_input_files([str(path)], [], ReadOptions())
    digest, _ = scan_file(file, 1_000)
    assert digest == (hashlib.sha256(data).hexdigest(), len(data))
