"""The peers do what a user of them would: checked on a world small enough to work out."""

import json

import networkx as nx
import pytest

from benchmarks.peers import script


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
    for row in (first, third):
        row["phone_numbers"] = row["phone_numbers"] + soft
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
