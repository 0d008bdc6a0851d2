"""The lines that a run writes: how far it is, what it used, and why it did not use the rest."""

import os
import pty
import re
import subprocess
import sys
from collections import Counter

import pytest

from pipelines.progress import WorkDone, batch_steps
from pipelines.run_folder import NUMBER_REASONS, REJECT_REASONS, WITHHELD, unread_numbers
from reports.run import Run
from schemas.reject import Code
from schemas.tables import COMPLAINTS
from tests.support.real_data import ROOT
from tests.support.run_pipeline import call, complaint, json_of, jsonl, run, watch_once

VICTIM = "(202) 456-1414"


def numbers(*raws, **fields):
    return [{"raw": raw} | fields for raw in raws]


def lines(capsys):
    """The lines on stderr since the last look, without who says them."""
    return capsys.readouterr().err.replace("ringtrace: ", "").splitlines()


def test_numbers_that_could_not_be_read_are_counted_by_reason(tmp_path, capsys):
    listed = [
        complaint(1, phone_numbers=numbers("12", "555 0100", "call me maybe", "+1 888 555 0123")),
        complaint(2, phone_numbers=numbers("020 7946 0018"), victim_country=None),
        complaint(3, phone_numbers=numbers("12", role="victim") + numbers("202", VICTIM)),
        complaint(4, phone_numbers=numbers("212-736-5000 or 202-456-1111", "888-555-01")),
    ]
    heads = {"direction": "inbound", "called_number": VICTIM}
    calls = [call(1, calling_number="17", **heads), call(2, calling_number="+18885550123", **heads)]
    run(
        tmp_path / "run",
        "--complaints",
        jsonl(tmp_path / "c.jsonl", listed),
        "--calls",
        jsonl(tmp_path / "k.jsonl", calls),
    )
    (line,) = (line for line in lines(capsys) if "could not be read" in line)
    whole = Run.open(tmp_path / "run")
    unread = unread_numbers(whole)
    assert unread[WITHHELD] == 1
    assert unread["no_region"] == 1
    assert unread["not_a_number"] == 1
    in_complaints = sum(whole.table(COMPLAINTS, ["numbers_unread"])["numbers_unread"].to_pylist())
    assert sum(unread.values()) == in_complaints + 1  # the call
    assert line.startswith(f"{sum(unread.values())} phone numbers could not be read: ")
    assert "1 without a country" in line
    assert VICTIM not in line


def test_every_reason_has_words():
    assert set(REJECT_REASONS) == set(Code)
    assert all(re.fullmatch("[a-z].*[a-zA-Z8]", words) for words in NUMBER_REASONS.values())


def test_rejects_are_counted_by_reason_with_the_command_that_exports_them(tmp_path, capsys):
    rows = [complaint(1), complaint(2, received_at="x"), complaint(3, received_at="y")]
    rows.append({"complaint_id": "c4", "source_org": "amazon"})
    output = tmp_path / "a run"
    bad_call = jsonl(tmp_path / "k.jsonl", [call(1, started_at="x")])
    run(output, "--complaints", jsonl(tmp_path / "c.jsonl", rows), "--calls", bad_call, status=1)
    shown = lines(capsys)
    how = f"; `ringtrace rejects '{output}' --output DIR` exports them"
    assert "1 of 4 complaints used, 0 duplicates, 3 rejected" in shown
    assert (
        "complaints rejected: 2 with a time that cannot be read, 1 with a required field missing"
        + how
        in shown
    )
    assert "0 of 1 call used, 0 duplicates, 1 rejected" in shown
    assert "every row of the calls was rejected: 1 with a time that cannot be read" + how in shown


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a", "b", "c", "d"], "no complaints were read: a.jsonl, b.jsonl and 2 more have no rows"),
        (["a\x1b[2J"], "no complaints were read: a<U+001B>[2J.jsonl has no rows"),
    ],
)
def test_an_empty_input_is_no_failure_and_is_named(tmp_path, capsys, names, line):
    for name in names:
        jsonl(tmp_path / f"{name}.jsonl", [])
    run(tmp_path / "run", "--complaints", tmp_path / "*.jsonl")
    shown = lines(capsys)
    assert line in shown
    assert "0 clusters of two or more" in shown


def test_duplicates_alone_are_no_failure(tmp_path, capsys):
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "c.jsonl", [complaint(1), complaint(1)]))
    assert "1 of 2 complaints used, 1 duplicate, 0 rejected" in lines(capsys)


def test_the_name_of_an_output_moves_no_cursor(tmp_path, capsys):
    output = tmp_path / "a\x1b[2Jb"
    run(output, "--complaints", jsonl(tmp_path / "c.jsonl", [complaint(1)]))
    shown = lines(capsys)
    assert all(line.isprintable() for line in shown)
    assert f"open {tmp_path}/a<U+001B>[2Jb/report/index.html" in shown


def test_a_stream_ends_with_what_it_used_and_refused(tmp_path, capsys):
    folder = tmp_path / "in/complaints"
    folder.mkdir(parents=True)
    jsonl(
        folder / "a.jsonl",
        [complaint(1), complaint(1), complaint(2), complaint(3, received_at="x")],
    )
    output = tmp_path / "out"
    snapshot = watch_once(tmp_path / "in", output)
    shown = lines(capsys)
    assert "2 complaints and 0 calls used" in shown
    assert "0 clusters of two or more" in shown
    assert f"1 rejected row in {output}/rejects: 1 with a time that cannot be read" in shown
    assert f"the latest snapshot is {snapshot}" in shown
    assert shown[-1].startswith("done in ")


def test_a_stream_without_a_record_says_so(tmp_path, capsys):
    (tmp_path / "in/complaints").mkdir(parents=True)
    output = tmp_path / "out"
    watch_once(tmp_path / "in", output)
    assert f"no snapshot is in {output}/snapshots: no record was read" in lines(capsys)


def test_a_runs_stages_are_those_whose_time_was_measured(tmp_path, monkeypatch):
    """Another Beam may cut it otherwise: then `python -m benchmarks.batch --stages` is due."""
    begun = Counter()
    monkeypatch.setattr(WorkDone, "begin", lambda _work, step, _now: begun.update([step]))
    rows = jsonl(tmp_path / "c.jsonl", [complaint(1, narrative="call +1 888 555 0123")])
    run(tmp_path / "run", "--complaints", rows)
    assert {step: begun[step] for step in batch_steps()} == {
        step: len(cost.stages) for step, cost in batch_steps().items()
    }


def test_a_terminal_shows_the_share_of_the_work_and_a_pipe_whole_lines(tmp_path):
    rows = jsonl(tmp_path / "c.jsonl", [complaint(1)])
    command = [sys.executable, "-m", "pipelines.cli", "batch", "--complaints", str(rows)]
    ours, theirs = pty.openpty()
    on_terminal = subprocess.Popen(
        [*command, "--output", str(tmp_path / "one")],
        cwd=ROOT,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 1 << 16):
            seen += part
    except OSError:
        pass  # the other end was closed
    assert on_terminal.wait(timeout=60) == 0
    shares = [int(share) for share in re.findall(r"(\d+) %", seen.decode())]
    assert shares == sorted(shares)
    assert 0 < max(shares) < 100
    assert "writing the report" in seen.decode()
    in_pipe = subprocess.run(
        [*command, "--output", str(tmp_path / "two")],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not in_pipe.stdout
    assert all(line.startswith("ringtrace: ") for line in in_pipe.stderr.splitlines())
    assert all(line.isprintable() for line in in_pipe.stderr.splitlines())
    assert json_of(tmp_path / "two/manifest.json")["counts"]["complaints"]["read"]
