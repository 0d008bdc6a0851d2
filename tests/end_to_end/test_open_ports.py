"""A run opens no port unless it is asked to, and then it warns."""

import json
from pathlib import Path

import pytest

from pipelines.batch import pipeline
from pipelines.batch.__main__ import main

LISTENING = "0A"
"""The state of a socket in /proc/net/tcp (Linux, include/net/tcp_states.h)."""


def ports():
    """Ports on which this process listens."""
    inodes = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            inodes.add(str(path.readlink()))
        except OSError:
            continue
    rows = [
        line.split()
        for family in ("tcp", "tcp6")
        for line in Path(f"/proc/self/net/{family}").read_text().splitlines()[1:]
    ]
    return {row[1] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in inodes}


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="sockets are seen on Linux")
@pytest.mark.parametrize(
    ("flags", "opens"), [([], False), (["--direct_running_mode=multi_threading"], True)]
)
def test_a_run_opens_no_port_unless_asked_to(tmp_path, monkeypatch, capfd, flags, opens):
    complaint = {
        "complaint_id": "c1",
        "source_org": "amazon",
        "received_at": "2026-01-02T00:00:00Z",
        "narrative": "Amazon called from 888 555 0123",
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(complaint))
    before, seen = ports(), tmp_path / "seen"

    # It travels as a pickle, and so tells by a file what it saw.
    def looking(*_rest, **_named):
        seen.write_text(" ".join(ports() - before))

    monkeypatch.setattr(pipeline, "write_report", looking)
    words = ["--complaints", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "run")]
    assert main([*words, *flags]) == 0
    assert bool(seen.read_text()) is opens
    assert ("listen on every network interface" in capfd.readouterr().err) is opens
