"""The accounting reconciles or stops the run; the manifest is a function of its inputs."""

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import CLUSTER
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST
from schemas.reject import REJECT
from schemas.tables import CONTESTED, LINKS, NARRATIVES, PRIVATE_FOLDER
from tests.support.made_up_evidence import DAY
from tests.support.object_store import ObjectStore
from transforms.custody import (
    GIANT_CLUSTER_MIN_MEMBERS,
    AlteredRunError,
    RunSettings,
    build_manifest,
    build_private_manifest,
    check_private,
    faulty_rows,
    find_added,
    find_alarms,
    find_altered,
    input_file_entry,
    manifest_bytes,
    reconciled_counts,
)
from transforms.engine import count_members, count_read, count_rejects

RUN = RunSettings("/aside", "/run", {"ringtrace": "1"}, {"shards": 1})


def add_up(*counters):
    total = {}
    for counter in counters:
        for key, count in counter:
            total[key] = total.get(key, 0) + count
    return total


@given(*[st.integers(0, 10**9)] * 3, st.integers(-5, 5))
def test_counts_reconcile_or_raise(accepted, duplicates, rejected, lost):
    counters = {
        ("calls", "accepted"): accepted,
        ("calls", "duplicates"): duplicates,
        ("calls", "rejected"): rejected,
        ("calls", "read"): accepted + duplicates + rejected + lost,
    }
    if lost:
        with pytest.raises(ValueError, match="calls does not reconcile"):
            reconciled_counts(counters, "calls")
    else:
        assert sum(reconciled_counts(counters, "calls").values()) == 2 * counters["calls", "read"]
        assert reconciled_counts(counters, "complaints")["read"] == 0


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
        pa.schema([field.with_nullable(True) for field in REJECT]),
    )
    counters = add_up(
        count_read(loose("a", "a", "b"), "complaint"),
        count_read(loose("a"), "call"),
        count_rejects(rejects),
    )
    assert counters["complaints", "read"] == 4
    assert counters["calls", "read"] == 2
    assert (counters["complaints", "rejected"], counters["calls", "rejected"]) == (2, 1)
    digest = {"label": "a", "format": "jsonl", "bytes": 1, "sha256": "0"}
    assert input_file_entry(digest | {"kind": "complaint"}, counters)["rows"] == 3
    assert input_file_entry(digest | {"kind": "call"}, counters)["rows"] == 2
    assert counters["complaint_rejects", "bad_amount"] == 1


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
        ([GIANT_CLUSTER_MIN_MEMBERS, 100], True),
        ([GIANT_CLUSTER_MIN_MEMBERS - 1, 100], False),
        ([GIANT_CLUSTER_MIN_MEMBERS] * 4, False),
        ([GIANT_CLUSTER_MIN_MEMBERS + 1] + [GIANT_CLUSTER_MIN_MEMBERS] * 3, True),
        ([], False),
    ],
)
def test_a_giant_cluster_is_an_alarm_however_clusters_are_batched(sizes, alarmed):
    together = add_up(count_members(clusters(*sizes)))
    apart = add_up(*(count_members(clusters(*sizes).slice(n, 1)) for n in range(len(sizes))))
    for counters in (together, apart):
        assert [alarm["code"] for alarm in find_alarms(counters)] == ["giant_cluster"] * alarmed
    assert find_alarms(together) == find_alarms(apart)


def test_the_alarm_says_how_much_hung_together_before():
    counted = add_up(count_members(clusters(GIANT_CLUSTER_MIN_MEMBERS))) | {
        ("components", "largest"): 4321
    }
    (alarm,) = find_alarms(counted)
    assert "4321 identifiers hang together" in alarm["message"]


def test_records_too_wide_are_an_alarm():
    (alarm,) = find_alarms({("links", "records_too_wide"): 3})
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
    counters = {("links", "b"): 1, ("links", "a"): 2, ("complaint_rows", "q"): 9, ("links", "c"): 0}
    manifest = build_manifest(RUN, [line("q"), line("p")], outputs, counters)
    turned = dict(reversed(counters.items()))
    reordered = build_manifest(RUN, [line("p"), line("q")], outputs[::-1], turned)
    assert manifest == reordered
    assert [each["name"] for each in manifest["inputs"]] == ["p", "q"]
    assert manifest["tallies"] == {"links": {"a": 2, "b": 1}}
    assert "/aside" not in repr(manifest)


def test_the_run_id_tells_inputs_options_and_versions_apart():
    ids = {
        build_manifest(run, inputs, [], {})["run_id"]
        for run, inputs in (
            (RUN, []),
            (RUN, [line("p")]),
            (RunSettings("/other", "/else", RUN.versions, RUN.options), [line("q")]),
            (RunSettings("", "", {"ringtrace": "2"}, RUN.options), []),
            (RunSettings("", "", RUN.versions, {"shards": 2}), []),
        )
    }
    assert len(ids) == 5
    assert build_manifest(
        RunSettings("x", "y", RUN.versions, RUN.options, RUN.clock), [], [], {}
    ) == build_manifest(RUN, [], [], {})


def test_the_run_id_depends_on_the_clock_by_what_it_leaves_out_alone():
    later = replace(RUN, clock=RUN.clock + timedelta(days=400))
    now, then = (build_manifest(run, [line("p")], [], {}) for run in (RUN, later))
    assert (now["run_id"], now["clock"]) != (then["run_id"], then["clock"])
    assert now["run_id"] == then["run_id"]
    for counted in (("decisions", "expired"), ("complaint_rejects", "in_future")):
        changed = build_manifest(later, [line("p")], [], {counted: 1})
        assert changed["run_id"] != now["run_id"]


def test_the_run_id_tells_inputs_apart_where_as_much_was_left_out():
    left_out = [
        {},
        {("decisions", "expired"): 1},
        {("complaint_rejects", "in_future"): 1},
        {("call_rejects", "in_future"): 1},
        {("complaints", "erased"): 1, ("complaints", "read"): 1},
        {("calls", "erased"): 1, ("calls", "read"): 1},
        {("calls", "erased"): 2, ("calls", "read"): 2},
    ]
    ids = {
        build_manifest(RUN, [line(name)], [], counters)["run_id"]
        for name in "pq"
        for counters in left_out
    }
    assert len(ids) == 2 * len(left_out)


def test_the_run_id_does_not_depend_on_rejected_rows_of_a_file():
    """A run that is made again keeps its id from before its manifest counted them."""
    counted = line("p") | {"rejected": 3}
    ids = {build_manifest(RUN, [file], [], {})["run_id"] for file in (line("p"), counted)}
    assert len(ids) == 1


@pytest.fixture
def private_run(tmp_path):
    """A run with two private files: its folder and its manifest."""
    files = []
    for table in (CONTESTED, NARRATIVES):
        name = f"{table.name}/part-00000-of-00001.parquet"
        content = table.name.encode()
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append({"name": name, "bytes": len(content), "sha256": digest, "rows": 1})
    private = [{"name": file["name"], "rows": 1} for file in files]
    manifest = {"run_id": "r-1", "private": private, "private_manifest": PRIVATE_MANIFEST}
    (tmp_path / MANIFEST_NAME).write_bytes(manifest_bytes(manifest))
    listed = build_private_manifest("r-1", manifest_bytes(manifest), files[::-1])
    (tmp_path / PRIVATE_MANIFEST).write_bytes(manifest_bytes(listed))
    return tmp_path, manifest, files


def test_private_files_are_as_their_own_manifest_says(private_run):
    folder, manifest, files = private_run
    assert check_private(f"{folder}/", manifest)["files"] == files
    (folder / files[1]["name"]).write_bytes(b"other")
    assert check_private(str(folder), manifest, CONTESTED)["files"] == files
    with pytest.raises(AlteredRunError, match=files[1]["name"]):
        check_private(str(folder), manifest)


def test_a_private_manifest_is_that_of_its_run(private_run):
    folder, manifest, files = private_run
    whole = manifest_bytes(manifest)
    for listed in (
        build_private_manifest("r-2", whole, files),
        build_private_manifest("r-1", whole + b" ", files),
        build_private_manifest("r-1", whole, [*files, files[0] | {"name": "private/x"}]),
    ):
        (folder / PRIVATE_MANIFEST).write_bytes(manifest_bytes(listed))
        with pytest.raises(AlteredRunError, match="that of another run"):
            check_private(str(folder), manifest)
    (folder / PRIVATE_MANIFEST).unlink()
    with pytest.raises(AlteredRunError, match="gone"):
        check_private(str(folder), manifest)
    shutil.rmtree(folder / PRIVATE_FOLDER)
    assert check_private(str(folder), manifest) is None


def test_each_way_to_alter_a_run_has_its_word(tmp_path):
    def line_of(name, content=b"four"):
        digest = hashlib.sha256(content).hexdigest()
        return {"name": name, "bytes": len(content), "sha256": digest}

    ways = {
        "links/cut": (b"fou", "cut off"),
        "links/empty": (b"", "empty"),
        "links/long": (b"fours", "longer"),
        "links/other": (b"FOUR", "other bytes"),
        "links/same": (b"four", None),
    }
    (tmp_path / "links").mkdir()
    for name, (content, _) in ways.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "links/folder").mkdir()
    (tmp_path / "links/link").symlink_to("same")
    (tmp_path / "behind").symlink_to("links")
    wrong = {name: word for name, (_, word) in ways.items() if word} | {
        "links/folder": "no file",
        "links/link": "a link",
        "links/gone": "gone",
        "behind/same": "behind a link, behind",
        "links/../links/same": "no name of a file of a run",
    }
    listed = [line_of(name) for name in (*wrong, "links/same")]
    for _ in range(2):  # what was compared once is known
        assert dict(find_altered(f"{tmp_path}/", listed)) == wrong
    (tmp_path / "links/same").write_bytes(b"FOUR")
    assert dict(find_altered(str(tmp_path), listed))["links/same"] == "other bytes"


def test_files_that_a_manifest_does_not_list_are_added(tmp_path):
    names = ("manifest.json", "private/part", "links/part", "links/.crc", "_tmp/part", "report/x")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    manifest = {"outputs": [{"name": "links/part"}]}
    assert list(find_added(str(tmp_path), manifest)) == [("report/x", "added")]
    assert list(find_added(str(tmp_path), manifest, LINKS)) == []
    (tmp_path / "links/link").symlink_to("part")
    assert list(find_added(str(tmp_path), manifest, LINKS)) == [("links/link", "added")]
    assert list(find_added(str(tmp_path / "none"), manifest)) == []


def test_objects_in_a_store_that_a_manifest_does_not_list_are_added(monkeypatch):
    run = "shelf://bucket/run"
    names = ("manifest.json", "links/part", "links/added", "linkset/part")
    monkeypatch.setattr(ObjectStore, "objects", {f"{run}/{name}": b"" for name in names})
    manifest = {"outputs": [{"name": "links/part"}]}
    for folder in (run, f"{run}/"):
        assert list(find_added(folder, manifest, LINKS)) == [("links/added", "added")]


def test_a_row_of_a_later_day_is_no_fault():
    manifest = {"counts": {"calls": {"rejected": 3}},
                "tallies": {"call_rejects": {"after_as_of": 2, "bad_time": 1}}}  # fmt: skip
    assert faulty_rows(manifest, "calls") == 1
    assert faulty_rows(manifest | {"tallies": {}}, "calls") == 3
