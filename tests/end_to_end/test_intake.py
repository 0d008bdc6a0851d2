"""A folder of hostile files is accounted for to the row, in a batch and in a stream."""

from collections import Counter, defaultdict

import pyarrow.dataset as ds

from tests.support.examples import some
from tests.support.hostile_corpus import CORPUS, READ, SKIPPED, UNREADABLE, write_corpus
from tests.support.run_pipeline import manifest_of, ringtrace, run

DECIDED_BY_THE_STREAM = ("flipped.jsonl.gz", "bomb.gz", "empty.jsonl", "calls.csv", "manifest.json")

WATCHED = [case for case in CORPUS if case in some(CORPUS) or case.name in DECIDED_BY_THE_STREAM]
"""Files that a stream reads: it opens them as a batch does, which reads all of them."""


def rejects_by_source(folder):
    rows = ds.dataset(folder, format="parquet").to_table(columns=["source", "code"]).to_pylist()
    codes_of = defaultdict(Counter)
    for row in rows:
        codes_of[row["source"]][row["code"]] += 1
    return {source: dict(codes) for source, codes in codes_of.items()}


def expected_entries(cases, others):
    entries = {case.name: (case.status, case.reason) for case in cases if case.status != READ}
    return entries | others


def test_in_a_batch(tmp_path, capfd):
    folder = tmp_path / "complaints"
    folder.mkdir()
    others = write_corpus(folder)
    assert ringtrace("batch", "--complaints", folder, "--output", tmp_path / "no") == 2
    refused = capfd.readouterr().err.splitlines()[-1]
    unreadable = [
        status_and_reason
        for status_and_reason in expected_entries(CORPUS, others).values()
        if status_and_reason[0] == UNREADABLE
    ]
    assert refused.endswith(
        f"(and {len(unreadable) - 1} more like it); --skip-unreadable leaves such out"
    )
    assert not (tmp_path / "no").exists()
    output = tmp_path / "out"
    manifest = run(output, "--complaints", folder, "--skip-unreadable", "--no-register")
    inputs = {source["name"]: source for source in manifest["inputs"]}
    rejects = rejects_by_source(output / "rejects")
    for case in CORPUS:
        if case.status != READ:
            continue
        assert rejects.get(case.name, {}) == case.rejects, case.name
        source = inputs[case.name]
        assert source["rejected"] == sum(case.rejects.values()), case.name
        if case.good >= 0:
            assert source["rows"] == case.rows, case.name
        else:
            assert 100 < source["rows"] < 1200
    entries = manifest["entries"]
    listed = {line["name"]: (line["status"], line["reason"]) for line in entries["listed"]}
    assert listed == expected_entries(CORPUS, others)
    assert entries["read"] == sum(case.status == READ for case in CORPUS)
    assert entries["unreadable"] == len(unreadable)
    assert len(inputs) == entries["read"] + entries["skipped"]["empty"]
    assert ringtrace("health", output) == 1
    shown = capfd.readouterr().out
    assert shown.startswith("skipped: ")
    assert shown.count("unreadable: ") == 21
    assert "damaged: " in shown


def test_in_a_stream(tmp_path, capfd):
    assert {case.status for case in WATCHED} == {READ, SKIPPED, UNREADABLE}
    base = tmp_path / "watched"
    (base / "complaints").mkdir(parents=True)
    others = write_corpus(base / "complaints", WATCHED)
    flags = ["--stop-after-idle", "1", "--tick-interval", "1", "--no-register"]
    output = tmp_path / "live"
    assert ringtrace("stream", "--watch", base, "--output", output, *flags) == 1
    assert "not read, and in no cluster" in capfd.readouterr().err
    rejects = rejects_by_source(output / "rejects")
    for case in WATCHED:
        expected = {"unreadable_file": 1} if case.status == UNREADABLE else case.rejects
        assert rejects.pop(f"complaints/{case.name}", {}) == expected, case.name
    assert rejects == {
        f"complaints/{name}": {"unreadable_file": 1}
        for name, (status, _) in others.items()
        if status == UNREADABLE
    }
    snapshot = max((output / "snapshots").iterdir())
    entries = manifest_of(snapshot)["entries"]
    listed = {line["name"]: (line["status"], line["reason"]) for line in entries["listed"]}
    assert listed == {
        f"complaints/{name}": reason for name, reason in expected_entries(WATCHED, others).items()
    }
    assert entries["read"] == sum(case.status == READ for case in WATCHED)
    assert sum(entries["skipped"].values()) == sum(case.status == SKIPPED for case in WATCHED)


def test_an_input_that_was_read_in_vain_fails_the_run_and_is_named(tmp_path, capfd):
    for name, time in {"a.csv": "2026-01-01T00:00:00Z", "b.csv": "yesterday"}.items():
        text = "".join(f"{name}{n},acme,{time}\n" for n in range(2))
        (tmp_path / name).write_text(f"complaint_id,source_org,received_at\n{text}")
    flags = ["--complaints", tmp_path / "*.csv", "--no-register"]
    manifest = run(tmp_path / "out", *flags, status=1)
    assert manifest["counts"]["complaints"]["accepted"] == 2
    said = "every row of b.csv was rejected (2 of 2), the first as bad_timestamp in row 2"
    assert said in capfd.readouterr().err
    run(tmp_path / "early", *flags[:2], "--as-of", "2025-01-01T00:00:00Z", status=1)
    (tmp_path / "b.csv").unlink()
    (tmp_path / "c.csv").write_text(
        "complaint_id,source_org,received_at\nx,acme,2027-01-01T00:00:00Z\n"
    )
    run(tmp_path / "later", *flags, "--as-of", "2026-06-01T00:00:00Z")
