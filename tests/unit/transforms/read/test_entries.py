"""Every entry below an input is accounted for: read, skipped with a reason, or unreadable."""

import json
import os

import pytest

from schemas.manifest import SkipReason
from tests.support.run_pipeline import complaint, jsonl
from transforms.read.detect import survey_inputs
from transforms.read.entries import MOST_LISTED
from transforms.read.files import InputError, ReadOptions

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def folder(tmp_path):
    """A folder with one file of records, and what lies beside such in a company's drop."""
    base = tmp_path / "in"
    (base / "_hold").mkdir(parents=True)
    jsonl(base / "a.jsonl", [complaint(1)])
    jsonl(base / "_hold/b.jsonl", [complaint(2)])
    (base / ".c.jsonl").write_bytes(b"x")
    (base / "empty.csv").write_bytes(b"")
    (base / "README.md").write_bytes(b"# what this is\n")
    (base / "a.jsonl.sha256").write_bytes(b"00  a.jsonl\n")
    (base / "manifest.json").write_bytes(b"{}")
    (base / "popup.png").write_bytes(PNG)
    (base / "again.jsonl").symlink_to(base / "a.jsonl")
    return base


SKIPPED = {"empty": 1, "hidden": 2, "manifest": 1, "media": 1, "not_data": 2, "same_file": 1}


def survey(*patterns, **options):
    return survey_inputs([str(pattern) for pattern in patterns], [], ReadOptions(), **options)


def test_every_entry_of_a_folder_is_accounted_for(folder):
    inputs = survey(folder)
    assert [file.label for file in inputs.files] == ["a.jsonl", "empty.csv"]
    assert inputs.entries["read"] == 1
    assert inputs.entries["skipped"] == SKIPPED
    assert inputs.entries["unreadable"] == 0
    below = [path for path in folder.rglob("*") if not path.is_dir()]
    assert len(below) == 1 + len(inputs.entries["listed"])
    reasons = {entry["name"]: entry["reason"] for entry in inputs.entries["listed"]}
    assert reasons["_hold/b.jsonl"] == "hidden"
    assert reasons["again.jsonl"] == "same_file"
    assert json.loads(json.dumps(inputs.entries)) == inputs.entries


def odd_entries(base):
    """Entries that may hold records and cannot be read, by name, with the words that say so."""
    os.mkfifo(base / "fifo.csv")
    (base / "nowhere.csv").symlink_to(base / "none")
    (base / "loop.csv").symlink_to(base / "loop.csv")
    (base / "linked").symlink_to(base.parent)
    (base / "book.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    (base / "letter.txt").write_bytes(b"Dear sir, a man called me.\n")
    (base / "cut.parquet").write_bytes(b"PAR1" + bytes(30))
    (base / os.fsdecode(b"caf\xe9.jsonl")).write_bytes(b'{"complaint_id": "1"}\n')
    return {
        "fifo.csv": "is not an ordinary file",
        "nowhere.csv": "leads nowhere",
        "loop.csv": "leads nowhere",
        "linked": "is a link to a folder",
        "book.xlsx": "zip is not supported",
        "letter.txt": "unknown format",
        "cut.parquet": "damaged Parquet",
        "caf\\xe9.jsonl": "has a name that is not UTF-8",
    }


def test_an_unreadable_entry_fails_unless_it_is_to_be_left_out(folder):
    expected = odd_entries(folder)
    with pytest.raises(InputError) as refused:
        survey(folder)
    assert refused.value.entries == len(expected)
    inputs = survey(folder, skip_unreadable=True)
    assert [file.label for file in inputs.files] == ["a.jsonl", "empty.csv"]
    assert inputs.entries["unreadable"] == len(expected)
    first = inputs.entries["listed"][: len(expected)]
    assert {entry["name"]: entry["reason"] for entry in first} == expected
    assert inputs.entries["skipped"] == SKIPPED


def test_where_nothing_else_is_left_it_fails_all_the_same(tmp_path):
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(InputError, match="zip is not supported"):
        survey(tmp_path, skip_unreadable=True)
    (tmp_path / "readme.md").write_bytes(b"no records\n")
    with pytest.raises(InputError, match="unknown format"):
        survey(tmp_path / "readme.md", skip_unreadable=True)


def test_a_pattern_says_which_folders_it_does_not_mean(folder):
    (folder / "2026").mkdir()
    jsonl(folder / "2026/d.jsonl", [complaint(4)])
    inputs = survey(folder / "*")
    assert [file.label for file in inputs.files] == ["a.jsonl", "empty.csv"]
    listed = {entry["name"]: entry["reason"] for entry in inputs.entries["listed"]}
    assert listed["2026"] == SkipReason.FOLDER
    assert len(survey(folder / "**").files) == len(survey(folder).files) == 3


def test_what_a_manifest_names_is_bounded(tmp_path):
    jsonl(tmp_path / "a.jsonl", [complaint(1)])
    for number in range(MOST_LISTED + 5):
        (tmp_path / f".{number}").touch()
    (tmp_path / "z.xlsx").write_bytes(b"PK\x03\x04")
    entries = survey(tmp_path, skip_unreadable=True).entries
    assert entries["skipped"] == {"hidden": MOST_LISTED + 5}
    assert len(entries["listed"]) == MOST_LISTED
    assert entries["listed"][0]["name"] == "z.xlsx"
