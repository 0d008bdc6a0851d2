"""Rejected rows exported, corrected, and read again."""

import csv
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.commands import rejects
from schemas.reject import REJECT, Code
from tests.support.real_data import real
from tests.support.run_pipeline import EXAMPLES, call, complaint, execute, json_of, jsonl, run
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions


def why(folder):
    with (folder / "why.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def line_of(folder, row):
    return (folder / row["file"]).read_bytes().splitlines()[int(row["line"]) - 1]


def reject(**fields):
    return {
        "source": "a.jsonl",
        "position": 1,
        "format": "jsonl",
        "record_kind": "complaint",
        "raw": "{}",
        "raw_encoding": "utf-8",
        "raw_bytes": 2,
        "code": "bad_value",
        "field": "x",
        "message": "m",
    } | fields


def stored(rows):
    """Rows of rejects/ in the order of its key."""
    whole = [{name: row.get(name) for name in REJECT.names} for row in rows]
    return sorted(whole, key=lambda row: (row["source"], row["position"]))


def correct(folder, *pairs):
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for old, new in pairs:
                content = content.replace(old, new)
            path.write_bytes(content)


def test_a_corrected_row_of_each_layout_is_accepted(tmp_path):
    late, sound = "2024-03-01 half past nine", "2024-03-01T09:30:00Z"
    narrative = 'said "hello",\nthen = hung up'
    rows = [complaint(n, received_at=late, narrative=narrative) for n in range(8)]
    folder = tmp_path / "given"
    folder.mkdir()
    jsonl(folder / "lines.jsonl", rows[:2])
    (folder / "array.json").write_text(json.dumps(rows[2:4], indent=2))
    pq.write_table(pa.Table.from_pylist(rows[4:6]), folder / "rows.parquet")
    with (folder / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[6:])
    header, first, *_ = (EXAMPLES / "ftc_dnc_excerpt.csv").read_text().splitlines()
    day = first.split(",")[1].split(" ")[0]
    (folder / "dnc.csv").write_text(f"{header}\n{first.replace(day, 'someday', 1)}\n")
    calls = jsonl(tmp_path / "calls.jsonl", [call(1, started_at=late), call(2)])

    output, out = tmp_path / "run", tmp_path / "out"
    manifest = run(output, "--complaints", folder, "--calls", calls, status=1)
    assert manifest["counts"]["complaints"]["rejected"] == 9
    execute("rejects", output, "--output", out)

    reasons = why(out)
    assert len(reasons) == 10
    assert {row["file"] for row in reasons} == {
        "calls/calls.jsonl",
        "complaints/array.jsonl",
        "complaints/cells.csv",
        "complaints/dnc.csv",
        "complaints/lines.jsonl",
        "complaints/rows.jsonl",
    }
    for row in reasons:
        assert (row["code"], row["message"][:12]) == ("bad_timestamp", "not an ISO 8")
        marker = b"someday" if row["file"].endswith("dnc.csv") else late.encode()
        assert marker in line_of(out, row)

    correct(out / "complaints", (late.encode(), sound.encode()), (b"someday", day.encode()))
    correct(out / "calls", (late.encode(), sound.encode()))
    again = run(tmp_path / "again", "--complaints", out / "complaints", "--calls", out / "calls")
    assert again["counts"]["complaints"] == {
        "read": 9, "accepted": 9, "duplicates": 0, "rejected": 0,
    }  # fmt: skip
    assert again["counts"]["calls"]["accepted"] == 1


@pytest.mark.real
def test_the_fcc_export_comes_back_as_the_array_that_it_was(tmp_path):
    source = json_of(real("fcc/fcc_unwanted_calls_2rows.json"))
    rows = [
        reject(format="fcc", raw=json.dumps(record, indent=1), raw_bytes=1, position=n)
        for n, record in enumerate(source, 1)
    ]
    assert rejects.write_rejects(stored(rows), tmp_path / "out") == 2
    path = tmp_path / "out/complaints/a.json"
    assert json_of(path) == source
    (file,) = plan_input_files([str(path)], [], ReadOptions())
    assert file.format == "fcc"
    assert [line_of(tmp_path / "out", row) for row in why(tmp_path / "out")] == [b"{", b"{"]


@pytest.mark.parametrize("name", ["ftc_dnc", "ftc_foia_irs", "ftc_point_of_no_entry"])
def test_every_csv_comes_back_under_a_header_that_is_recognized(tmp_path, name):
    (excerpt,) = plan_input_files([str(EXAMPLES / f"{name}_excerpt.csv")], [], ReadOptions())
    row = reject(format=excerpt.format, raw="a,b", raw_bytes=3)
    assert rejects.write_rejects(stored([row]), tmp_path / "out") == 1
    (file,) = plan_input_files([str(tmp_path / "out/complaints/a.csv")], [], ReadOptions())
    assert (file.format, file.has_header) == (excerpt.format, True)


def test_bytes_that_are_not_utf_8_come_back_as_they_were(tmp_path):
    raw = b'{"narrative": "caf\x8e"}'
    rows = [reject(raw=raw.decode("latin-1"), raw_encoding="latin-1", raw_bytes=len(raw))]
    rejects.write_rejects(stored(rows), tmp_path)
    assert (tmp_path / "complaints/a.jsonl").read_bytes() == raw + b"\n"


def test_a_row_kept_in_part_or_not_at_all_is_reported_and_not_written(tmp_path):
    rows = [
        reject(position=1, raw='{"a": 1', raw_bytes=70_000),
        reject(position=2, raw="", raw_bytes=0),
        reject(position=3, raw=None, raw_bytes=9),
    ]
    assert rejects.write_rejects(stored(rows), tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["why.csv"]
    assert [(row["file"], row["line"], row["position"]) for row in why(tmp_path)] == [
        ("", "", "1"),
        ("", "", "2"),
        ("", "", "3"),
    ]


def test_a_quote_never_closed_stands_last(tmp_path):
    cells = "csv:complaint_id,source_org,received_at"
    rows = [
        reject(format=cells, position=1, raw='"1,amazon,x', raw_bytes=11, code=Code.BROKEN_CSV),
        reject(format=cells, position=2, raw="2,amazon,x", raw_bytes=10),
    ]
    rejects.write_rejects(stored(rows), tmp_path)
    text = (tmp_path / "complaints/a.csv").read_text()
    assert text == 'complaint_id,source_org,received_at\n2,amazon,x\n"1,amazon,x\n'
    assert [(row["position"], row["line"]) for row in why(tmp_path)] == [("2", "2"), ("1", "3")]


@pytest.mark.parametrize(
    "source",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        "",
        "=cmd|x",
        " |cmd",
        "＝x",
        "a\x00b\n",
        "ü" * 300,
        ".csv",
    ],
)
def test_a_source_leads_nowhere_else_and_is_no_formula(tmp_path, source):
    out = tmp_path / "out"
    rejects.write_rejects(stored([reject(source=source), reject(source=source + "?")]), out)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 3
    assert all(path.parent in (out, out / "complaints") for path in files)
    with (out / "why.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
    assert not any(cell.lstrip().startswith(tuple("=+-@|%＝＋－＠")) for cell in cells)


def test_a_short_row_below_a_long_header_names_it_not_and_cannot_be_corrected(tmp_path):
    """A megabyte of such rows would hold the header gigabytes of times."""

    def column(number):
        return "column_" + "ab"[number % 2] * (1 + number % 150) + "cd"[number // 150]

    header = "complaint_id,source_org,received_at," + ",".join(map(column, range(300)))
    whole = "1,acme,2026-06-01," + ",".join(f"{n:08}" for n in range(300))
    (tmp_path / "a.csv").write_text(f"{header}\n1\n{whole}\n")
    run(tmp_path / "out", "--complaints", tmp_path / "a.csv", "--no-register", status=1)
    execute("rejects", tmp_path / "out", "--output", tmp_path / "mend")
    short, long = sorted(why(tmp_path / "mend"), key=lambda row: row["position"])
    assert (short["position"], short["file"], short["code"]) == ("2", "", "broken_csv")
    assert (long["position"], long["line"], long["code"]) == ("3", "2", "bad_timestamp")
    assert (tmp_path / "mend" / long["file"]).read_text().startswith(header)


def test_a_rejected_row_is_whole_for_the_owner_alone(tmp_path):
    """A number under a misspelled role may be the victim's, and stood in clear in rejects/."""
    phones = [{"raw": "(415) 666-7777", "role": "vicitm"}, {"raw": "888-555-0123"}]
    row = complaint(1, received_at="at noon", phone_numbers=phones, victim_country=None)
    sound = complaint(2, received_at="at noon")
    file = jsonl(tmp_path / "c.jsonl", [row, sound])
    run(tmp_path / "run", "--complaints", file, status=1)
    for table in ("rejects", "private/rejects"):
        (part,) = (tmp_path / "run" / table).iterdir()
        raws = pq.read_table(part)["raw"].to_pylist()
        assert ("666-7777" in raws[0]) == ("555-0123" in raws[0]) == (table != "rejects")
    execute("rejects", tmp_path / "run", "--output", tmp_path / "out")
    lines = (tmp_path / "out/complaints/c.jsonl").read_text().splitlines()
    assert list(map(json.loads, lines)) == [row, sound]
    shutil.copytree(tmp_path / "run", tmp_path / "copy", ignore=lambda *_: ["private"])
    said = execute("rejects", tmp_path / "copy", "--output", tmp_path / "masked").out
    assert "numbers are masked" in said
    assert "7777" not in (tmp_path / "masked/complaints/c.jsonl").read_text()
    words = ["--author", "Ada", "--reason", "asked"]
    erased = f"amazon/{row['complaint_id']}"
    execute("erase", "--record", erased, *words)
    execute("erase", "--record", erased, "--run", tmp_path / "run", *words)
    execute("rejects", tmp_path / "run", "--output", tmp_path / "after")
    (line,) = (tmp_path / "after/complaints/c.jsonl").read_text().splitlines()
    assert json.loads(line) == sound
