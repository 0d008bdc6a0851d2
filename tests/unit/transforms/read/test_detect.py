"""Patterns mean files, and each file has a format."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.read_files import COMPRESS, FOIA_HEADER_WITH_EXTENSION
from transforms.read.adapters import (
    asterisk_cdr,
    fcc_complaints,
    ftc_do_not_call,
    ftc_sentinel,
    ftc_transcripts,
)
from transforms.read.detect import plan_input_files
from transforms.read.entries import list_entries
from transforms.read.files import InputError, ReadOptions, shortest_labels
from transforms.read.framing import join_cells
from transforms.read.samples import sample_file

COMPLAINT = b'{"complaint_id":"1","source_org":"x","received_at":"2024-01-01T00:00:00Z"}\n'

CALL = b'{"call_id":"1","source_org":"x","started_at":"2024-01-01T00:00:00Z"}\n'

CDR = '"","1","2","hq","","SIP/a-1","","Dial","","2017-06-20 09:49:22","","",10,0,"","","1.0",""\n'


def format_of(path, calls=False, **options):
    patterns = [str(path)]
    (file,) = plan_input_files(
        [] if calls else patterns, patterns if calls else [], ReadOptions(**options)
    )
    return file.format


def refusal(path, calls=False, **options):
    with pytest.raises(InputError) as caught:
        format_of(path, calls, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("data", "calls", "wanted"),
    [
        (COMPLAINT, False, "jsonl"),
        (CALL, True, "jsonl"),
        (b"\n\nnonsense\n" + COMPLAINT, False, "jsonl"),
        (b"\xef\xbb\xbf" + COMPLAINT, False, "jsonl"),
        (b'{"narrative":"' + b"x" * 100_000, False, "jsonl"),
        (b"[" + COMPLAINT + b"]", False, "json"),
        (b'[{"caller_id_number":"1","issue_date":"2"}]', False, "fcc"),
        (join_cells(fcc_complaints.HEADER) + "\n", False, "fcc"),
        (join_cells(ftc_do_not_call.HEADER) + "\r\n", False, "ftc-dnc"),
        (join_cells(ftc_sentinel.HEADER), False, "ftc-foia"),
        (join_cells(FOIA_HEADER_WITH_EXTENSION), False, "ftc-foia"),
        (join_cells(ftc_transcripts.HEADER), False, "transcripts"),
        ("complaint_id,source_org,received_at\n1,x,y\n", False, "csv"),
        (CDR, True, "asterisk"),
        ("broken\n" + CDR, True, "asterisk"),
        (join_cells(asterisk_cdr.HEADER) + "\n", True, "asterisk"),
        ('{"identity":"x"}\n', True, "passport"),
        ("Identity: eyJh.eyJi.c;info=<x>\n", True, "passport"),
        (b"", False, "empty"),
    ],
)
def test_formats_are_recognized_by_their_head(written, data, calls, wanted):
    path = written(data)
    assert format_of(path, calls) == wanted
    if wanted != "empty" and len(path.read_bytes()) > 100:
        for name, pack in COMPRESS.items():
            whole = path.read_bytes()
            assert format_of(written(pack(whole), name), calls) == wanted


@pytest.mark.parametrize(
    ("data", "calls", "part"),
    [
        (COMPLAINT, True, "give it with --complaints"),
        (CALL, False, "give it with --calls"),
        (join_cells(ftc_do_not_call.HEADER), True, "give it with --complaints"),
        ("complaint_id,source_org,narrative\n", False, "missing columns received_at"),
        ("complaint_id,source_org,received_at,url,url\n", False, "two columns have the same name"),
        (b'{"Jane Roe":1}\n', False, "without any field of the contract"),
        ("some text\n", False, "known formats of complaints are jsonl, json, parquet, csv"),
        ("Colour,Shape\nred,round\n", False, "make a map: ringtrace map"),
        (bytes(range(3)) * 40, False, "NUL"),
        (bytes(range(256)) * 10, False, "unknown format"),
        (b"\n" * 70_000 + COMPLAINT, False, "unknown format"),
        (b"PAR1....", False, "damaged Parquet"),
        (b"[1,2]", False, "not of objects"),
    ],
)
def test_an_unrecognized_file_gives_one_clear_line(written, data, calls, part):
    message = refusal(written(data), calls)
    assert part in message and "Jane" not in message


def test_a_named_format_must_fit(written):
    path = written(COMPLAINT)
    assert "not ftc-dnc" in refusal(path, complaints_format="ftc-dnc")
    assert "no such format" in refusal(path, complaints_format="nonsense")
    assert "no such format" in refusal(path, complaints_format="asterisk")
    assert format_of(path, complaints_format="jsonl") == "jsonl"
    assert format_of(written(b'{"foo":1}'), complaints_format="jsonl") == "jsonl"


def test_source_org_stands_in_for_its_column(written):
    path = written("complaint_id,received_at\n")
    assert format_of(path, source_org="x") == "csv"


def test_parquet_of_another_schema_names_the_columns(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"complaint_id": ["1"], "x": [1]}), path)
    assert "missing columns source_org, received_at" in refusal(path)
    naive = pa.array([0], pa.timestamp("us"))
    table = {"complaint_id": [1], "source_org": ["x"], "received_at": naive}
    pq.write_table(pa.table(table), path)
    assert "another type than the contract's: complaint_id, received_at" in refusal(path)


def test_parquet_may_hold_any_bytes(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {name: ["\0" * 50_000] for name in ("complaint_id", "source_org", "received_at")}
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False)
    assert format_of(path) == "parquet"


def match_files(patterns):
    listing = list_entries(patterns)
    for _, why in listing.others:
        if isinstance(why, InputError):
            raise why
    return listing.files


def test_patterns_mean_files_each_once(tmp_path, monkeypatch):
    for name in ("a.csv", "s/b.csv", "s/[x]/c.csv", ".hid", "s/_tmp/d", "manifest.json", "s/.h/e"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")

    def names(*patterns):
        return [str(Path(file.path).relative_to(tmp_path)) for file in match_files(patterns)]

    root = str(tmp_path)
    everything = ["a.csv", "s/[x]/c.csv", "s/b.csv"]
    assert names(root) == names(root + "/") == names(root + "/**") == everything
    assert names(root + "/*.csv") == ["a.csv"]
    assert names(root + "/s", root + "/s/../s/b.csv") == ["s/[x]/c.csv", "s/b.csv"]
    assert names(root + "/s/[x]") == names(root + "/s/[x]/c.csv") == ["s/[x]/c.csv"]
    assert names(root + "/.hid") == [".hid"]
    monkeypatch.chdir(tmp_path)
    assert names("a.csv") == names("a*") == names("./a*") == names("?.csv") == ["a.csv"]
    assert names("*/b.csv") == names("[s]/b*") == names("s/*.csv") == ["s/b.csv"]
    assert names("**") == names(".") == everything
    assert names(".hi*") == [".hid"]
    with pytest.raises(InputError, match=r"^b\*: no such file"):
        match_files(["b*"])
    (tmp_path / "empty").mkdir()
    for nothing in ("/none", "/*.json"):
        with pytest.raises(InputError, match="no such file"):
            match_files([root + nothing])
    for empty in ("empty", "empty/", f"{root}/empty"):
        with pytest.raises(InputError, match="has no files to read"):
            match_files([empty])


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(b"x")
    (tmp_path / "shut").mkdir()
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="cannot be listed") as refused:
        match_files([str(tmp_path)])
    assert refused.value.path == str(tmp_path / "shut")


def test_labels_are_the_shortest_unique_tails():
    labels = shortest_labels(["/a/x/1.csv", "/a/y/1.csv", "/a/2.csv", "/b/a/2.csv"])
    assert labels == {
        "/a/x/1.csv": "x/1.csv",
        "/a/y/1.csv": "y/1.csv",
        "/a/2.csv": "/a/2.csv",
        "/b/a/2.csv": "b/a/2.csv",
    }


WRITTEN = {
    "indented": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
    "joined": lambda rows: "".join(map(json.dumps, rows)),
    "nested": lambda rows: json.dumps({"data": {"items": rows}}, indent=1),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_objects_that_are_not_one_on_a_line_are_one_error(written, write):
    # Each line of them was a reject of its own.
    complaint = {"complaint_id": "1", "source_org": "a", "received_at": "2024-01-01T00:00:00Z"}
    rows = [complaint | {"x": [{}]}] * 3
    path = written(write(rows), "a.json")
    with pytest.raises(InputError, match="JSON objects that are not one on a line; write each on"):
        plan_input_files([str(path)], [], ReadOptions())


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an old or a locked Office file is not supported; save",
        ),
        (b"Obj\x01", "Avro in a file is not supported; convert it"),
        (
            b"PK\x03\x04".ljust(30) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            "OpenDocument is not supported; save it as xlsx",
        ),
        (b"<?xml version='1.0'?>", "XML is not supported; convert it"),
    ],
)
def test_what_is_no_text_is_named_with_what_to_do(written, head, says):
    path = written(head + bytes(range(256)) * 9)
    assert says in refusal(path)
    with pytest.raises(InputError, match=says):
        sample_file(str(path))
