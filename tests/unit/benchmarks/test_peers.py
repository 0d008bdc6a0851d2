"""The peers do what a user of them would: checked on a world small enough to work out."""

import json
import os
import sys
from collections import Counter

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import measured
from benchmarks.batch import Observed
from benchmarks.peers import __main__ as peers, programs, script


def complaint(number, raw, **more):
    return {
        "complaint_id": f"c{number}",
        "source_org": "amazon",
        "received_at": "2026-01-01T00:00:00Z",
        "victim_country": "US",
        "phone_numbers": [{"raw": raw, "role": "callback"}],
        **more,
    }


@pytest.fixture
def small(tmp_path):
    """Two complaints share a site, one a call's number; a caller id and a victim join nothing."""
    soft = [
        {"raw": "(212) 736-5000", "role": "caller_id"},
        {"raw": "(212) 736-5001", "role": "victim"},
    ]
    first = complaint(1, "(888) 204-0123", urls=["hxxps://help.refund-desk[.]com/a"])
    second = complaint(2, "(888) 204-0124", urls=["https://refund-desk.com"])
    third = complaint(3, "(888) 204-0125", narrative="Call +1 888 204 0126 at once")
    for one in (first, third):
        one["phone_numbers"] = one["phone_numbers"] + soft
    call = {
        "call_id": "k1",
        "source_org": "amazon",
        "direction": "outbound",
        "called_number": "8882040125",
        "calling_number": "2127365001",
        "victim_country": "US",
    }
    for name, rows in (("complaints", [first, second, third]), ("calls", [call])):
        (tmp_path / name).mkdir()
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "all.jsonl").write_text(text)
    return tmp_path


def test_the_script_clusters_what_records_name_together(small):
    parts = {
        frozenset(n for n in part if not n.startswith("record:"))
        for part in nx.connected_components(script.graph(small))
    }
    assert parts == {
        frozenset({"phone:+18882040123", "phone:+18882040124", "domain:refund-desk.com"}),
        frozenset({"phone:+18882040125", "phone:+18882040126"}),
    }


def test_the_components_of_networkx_and_scipy_are_the_same(tmp_path):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 1 << 62, (2, 300))
    pairs = pa.table({"a": np.concatenate([a, a]), "b": np.concatenate([b, np.roll(b, 1) * 2])})
    pq.write_table(pairs, tmp_path / "edges.parquet")
    found = [tmp_path / f"{peer}.parquet" for peer in ("networkx", "scipy")]
    for peer, out in zip(("networkx", "scipy"), found, strict=True):
        programs.COMPONENTS[peer](tmp_path / "edges.parquet", out)
    assert peers.same_partition(*found)
    table = pq.read_table(found[1])
    merged = table.set_column(1, "label", pa.array(np.zeros(table.num_rows, np.int64)))
    pq.write_table(merged, tmp_path / "merged.parquet")
    assert not peers.same_partition(found[0], tmp_path / "merged.parquet")


def test_memory_and_cpu_of_children_count():
    work = "b = bytearray(80 << 20); import time; time.sleep(0.4); [i for i in range(10**6)]"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    found = measured.run([sys.executable, "-c", parent])
    assert found.peak > 80
    assert found.cpu > 0


def test_a_command_that_fails_says_so():
    with pytest.raises(measured.CommandFailedError, match="no such thing"):
        measured.run([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_a_command_can_be_bound_to_one_processor_and_the_next_one_is_free():
    words = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
    assert measured.run(words, one_processor=True).output.strip() == "1"
    assert int(measured.run(words).output) == len(os.sched_getaffinity(0))


def test_on_one_processor_ringtrace_stands_beside_the_script(tmp_path, monkeypatch):
    used = measured.Measured(2.0, 3.0, 100.0, '{"wall": 1.0, "cpu": 1.0}')
    bound = {}

    def observe(*_, report, one_processor):
        bound[f"ringtrace {report}"] = [*bound.get(f"ringtrace {report}", []), one_processor]
        return Observed(used, [], [], Counter())

    def run(command, *, one_processor=False):
        bound[command[2]] = one_processor
        return used

    monkeypatch.setattr(peers, "world", lambda *_, **__: tmp_path)
    monkeypatch.setattr(peers, "observe", observe)
    monkeypatch.setattr(measured, "run", run)
    monkeypatch.setattr(measured, "read_pairs", lambda _: {})
    monkeypatch.setattr(measured, "cluster_by_entity", lambda _: {})
    lines = list(peers.whole_runs(20, "odd", tmp_path, report=True))
    assert bound == {
        "ringtrace True": [False],
        "ringtrace False": [False, True],
        "benchmarks.peers.script": True,
        "benchmarks.peers.programs": False,
    }
    table = list(peers.show(lines))
    (line,) = (one for one in table if one.startswith("| ringtrace, no report, one processor |"))
    assert line.startswith("| ringtrace, no report, one processor | odd | 20 | 2.0 | 1.00 | 3.0 |")
    assert len({one.count("|") for one in table}) == 1
