"""The accounting reconciles or stops the run; the manifest is a function of its inputs."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cluster import CLUSTER
from schemas.reject import REJECT
from tests.support.made_up_evidence import DAY
from transforms.counters import count_members, count_read, count_rejects
from transforms.manifest import SMALLEST_ALARM, Run, alarms, counts, manifest, with_rows

RUN = Run("/aside", "/run", {"ringtrace": "1"}, {"shards": 1})


def add_up(*tallies):
    total = {}
    for one in tallies:
        for key, count in one:
            total[key] = total.get(key, 0) + count
    return total


@given(*[st.integers(0, 10**9)] * 3, st.integers(-5, 5))
def test_counts_reconcile_or_raise(accepted, duplicates, rejected, lost):
    tallies = {
        ("calls", "accepted"): accepted,
        ("calls", "duplicates"): duplicates,
        ("calls", "rejected"): rejected,
        ("calls", "read"): accepted + duplicates + rejected + lost,
    }
    if lost:
        with pytest.raises(ValueError, match="calls does not reconcile"):
            counts(tallies, "calls")
    else:
        assert sum(counts(tallies, "calls").values()) == 2 * tallies["calls", "read"]
        assert counts(tallies, "complaints")["read"] == 0


def loose(*sources):
    return pa.RecordBatch.from_pydict({"source": list(sources)})


def reject(source, kind, stage, code):
    row = {"source": source, "record_kind": kind, "stage": stage, "code": code}
    return dict.fromkeys(REJECT.names) | row


def test_rows_are_counted_by_file_and_kind():
    rejects = pa.RecordBatch.from_pylist(
        [
            reject("a", "complaint", "read", "broken_json"),
            reject("a", "complaint", "validate", "bad_amount"),
            reject("a", "call", "read", "broken_json"),
        ],
        pa.schema([one.with_nullable(True) for one in REJECT]),
    )
    tallies = add_up(
        count_read(loose("a", "a", "b"), "complaint"),
        count_read(loose("a"), "call"),
        count_rejects(rejects),
    )
    assert tallies["complaints", "read"] == 4
    assert tallies["calls", "read"] == 2
    assert (tallies["complaints", "rejected"], tallies["calls", "rejected"]) == (2, 1)
    digest = {"label": "a", "format": "jsonl", "bytes": 1, "sha256": "0"}
    assert with_rows(digest | {"kind": "complaint"}, tallies)["rows"] == 3
    assert with_rows(digest | {"kind": "call"}, tallies)["rows"] == 2
    assert tallies["complaint_rejects", "bad_amount"] == 1


def cluster(name, size):
    return {
        "cluster_id": name,
        "name": name,
        "size": size,
        **dict.fromkeys(("complaints", "calls", "victims"), 1),
        "orgs": [],
        "brands": [],
        **dict.fromkeys(("first_seen", "last_seen"), DAY),
        "status": "candidate",
        **dict.fromkeys(("priority", "confidence"), 0.0),
    }


def clusters(*sizes):
    rows = [cluster(f"c-{n}", size) for n, size in enumerate(sizes)]
    return pa.RecordBatch.from_pylist(rows, CLUSTER)


@pytest.mark.parametrize(
    ("sizes", "alarmed"),
    [
        ([SMALLEST_ALARM, 100], True),
        ([SMALLEST_ALARM - 1, 100], False),
        ([SMALLEST_ALARM] * 4, False),
        ([SMALLEST_ALARM + 1] + [SMALLEST_ALARM] * 3, True),
        ([], False),
    ],
)
def test_a_giant_cluster_is_an_alarm_however_clusters_are_batched(sizes, alarmed):
    together = add_up(count_members(clusters(*sizes)))
    apart = add_up(*(count_members(clusters(*sizes).slice(n, 1)) for n in range(len(sizes))))
    for tallies in (together, apart):
        assert [one["code"] for one in alarms(tallies)] == ["giant_cluster"] * alarmed
    assert alarms(together) == alarms(apart)


def test_the_alarm_says_how_much_hung_together_before():
    counted = add_up(count_members(clusters(SMALLEST_ALARM))) | {("components", "largest"): 4321}
    (alarm,) = alarms(counted)
    assert "4321 identifiers hang together" in alarm["message"]


def test_records_too_wide_are_an_alarm():
    (alarm,) = alarms({("links", "records_too_wide"): 3})
    assert (alarm["code"], alarm["message"][:9]) == ("wide_records", "3 records")


def line(name):
    return {
        "name": name,
        "kind": "complaint",
        "format": "csv",
        "bytes": 1,
        "sha256": name,
        "rows": 0,
    }


def test_the_manifest_does_not_depend_on_any_order():
    outputs = [{"name": name, "bytes": 1, "sha256": "0", "rows": 0} for name in "yx"]
    tallies = {("links", "b"): 1, ("links", "a"): 2, ("complaint_rows", "q"): 9, ("links", "c"): 0}
    one = manifest(RUN, [line("q"), line("p")], outputs, tallies)
    turned = dict(reversed(tallies.items()))
    other = manifest(RUN, [line("p"), line("q")], outputs[::-1], turned)
    assert one == other
    assert [each["name"] for each in one["inputs"]] == ["p", "q"]
    assert one["tallies"] == {"links": {"a": 2, "b": 1}}
    assert "/aside" not in repr(one)


def test_the_run_id_tells_inputs_options_and_versions_apart():
    ids = {
        manifest(run, inputs, [], {})["run_id"]
        for run, inputs in (
            (RUN, []),
            (RUN, [line("p")]),
            (Run("/other", "/else", RUN.versions, RUN.options), [line("q")]),
            (Run("", "", {"ringtrace": "2"}, RUN.options), []),
            (Run("", "", RUN.versions, {"shards": 2}), []),
        )
    }
    assert len(ids) == 5
    assert manifest(Run("x", "y", RUN.versions, RUN.options), [], [], {}) == manifest(
        RUN, [], [], {}
    )
