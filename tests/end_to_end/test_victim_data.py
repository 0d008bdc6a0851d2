"""Nothing that a victim writes of their own is in what is shown, however they write it.

Every value of `tests.support.victim_data` is looked for in every decoded byte that commands write:
outputs, logs, temporary files while they run, and what a killed one leaves. The owner's own stores
have some of them: docs/operations.md says of which kinds, and how many.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from reports.referral.case_records import permitted_words
from tests.support.leaks import decoded_layers
from tests.support.real_data import ROOT
from tests.support.run_pipeline import callbacks, jsonl, run
from tests.support.victim_data import RING_NUMBERS, RING_SITE, placements

OWNER_ONLY = {"private", "state"}
"""Folders that the owner alone reads: narratives as masked, rows to be mended, a stream's state."""

KINDS = {
    "phone numbers": "phone", "addresses": "email", "cards": "card", "accounts": "account",
    "Aadhaar numbers": "aadhaar", "passports": "passport", "one-time codes": "code",
    "social security numbers": "ssn", "NHS numbers": "nhs",
}  # fmt: skip
"""Names of the kinds of values in docs/operations.md."""

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")

_BETWEEN = re.compile(r"(?<=\d)[\s\-./_(),+]{1,3}(?=\d)")

_NUMBER = re.compile(r"\d{7}")

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|[nrt])")
"""An escape of JSON, or of Python where a table is read."""


def plain(content: bytes) -> str:
    """Text as a reader, or a program that looks for numbers, takes it."""
    text = _ESCAPE.sub(
        lambda match: chr(int(match[1] or match[2] or "a", 16)), content.decode("utf-8", "replace")
    )
    text = unicodedata.normalize("NFKC", unquote(unescape(text)))
    return _INVISIBLE.sub("", text).lower()


def values_in(name, content, values):
    """Those of the values that a file holds: digits with anything between, names of mailboxes."""
    present = set()
    for layer in decoded_layers(name, content):
        text = plain(layer)
        words = set(re.findall(r"\w{7,}", _BETWEEN.sub("", text)))
        numbers = "\n".join(word for word in words if _NUMBER.search(word))
        for value in values:
            wanted = value.partition("@")[0].lower()
            if wanted in (text if "@" in value else numbers):
                present.add(value)
    return present


def places_of(folder, values, owners=False):
    """The parts of a folder that hold each value: of the owner's own, or of all others."""
    places = defaultdict(set)
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        own = OWNER_ONLY & set(parts)
        if path.is_file() and bool(own) == owners:
            for value in values_in(path.name, path.read_bytes(), values):
                whole = parts[:2] == ("private", "rejects")
                places[value].add(parts[1] if whole else min(own, default=parts[0]))
    return places


class Written(NamedTuple):
    """Files that a command wrote, in a folder of its own, and those that came and went.

    The latter by name; of those without a name the modes.
    """

    folder: Path
    passing: dict[tuple[str, int], bytes]
    nameless: set[int]


def read_while(process, folder):
    """Reads named files below the folder until the process ends."""
    passing, nameless = {}, set()
    while process.poll() is None:
        # A folder that is gone meanwhile is passed over, which `Path.rglob` does not do.
        for path in (Path(below, name) for below, _, names in os.walk(folder) for name in names):
            try:
                passing[str(path.relative_to(folder)), path.stat().st_size] = path.read_bytes()
            except OSError:
                continue  # gone, or moved
        for open_file in Path(f"/proc/{process.pid}/fd").glob("*"):
            try:
                where, facts = str(open_file.readlink()), open_file.stat()
            except OSError:
                continue
            if where.startswith((str(folder), "/tmp", "/var/tmp")) and not facts.st_nlink:
                nameless.add(facts.st_mode)
        time.sleep(0.02)
    return passing, nameless


def kill_when_there(process, folder, pattern):
    """Kills the process once there is such a file below the folder."""
    while process.poll() is None and not any(folder.glob(pattern)):
        time.sleep(0.005)
    process.kill()
    process.wait()
    return {}, set()


def written(folder, *words, kill_at=None):
    """Runs a command as talkative as it can be, with nothing but its own folder to write to."""
    (folder / "tmp").mkdir(parents=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *map(str, words), "--debug"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=os.environ | {"TMPDIR": str(folder / "tmp")},
        )
        seen = kill_when_there(process, folder, kill_at) if kill_at else read_while(process, folder)
    assert process.returncode == (-signal.SIGKILL if kill_at else 0), (folder / "log").read_text()
    return Written(folder, *seen)


@pytest.fixture(scope="module")
def made():
    return {placement.value: placement for placement in placements()}


@pytest.fixture(scope="module")
def rows(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("in") / "complaints"
    folder.mkdir()
    return jsonl(folder / "rows.jsonl", (placement.row for placement in made.values()))


@pytest.fixture(scope="module")
def batch(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "batch"
    return written(folder, "batch", "--complaints", rows, "--output", folder / "run")


@pytest.fixture(scope="module")
def workbench(batch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "tmp").mkdir()
    page = ["--output", str(folder / "page")]
    assert cli.main(["report", str(batch.folder / "run"), *page]) == 0
    return Written(folder, {}, set())


@pytest.fixture(scope="module")
def stream(rows, tmp_path_factory):
    """A stream that knows one number of the ring, so that the others raise alerts."""
    folder = tmp_path_factory.mktemp("live")
    known = {"complaint_id": "k1", "source_org": "amazon", "received_at": "2024-02-28T09:30:00Z"}
    known |= {"urls": [f"https://{RING_SITE}/"], "victim_country": "US"}
    called = [known | {"phone_numbers": callbacks(RING_NUMBERS[0])}]
    run(folder / "known", "--complaints", jsonl(folder / "known.jsonl", called))
    words = ["--watch", rows.parent.parent, "--output", folder / "stream" / "live"]
    words += ["--previous", folder / "known", "--tick-interval", 1, "--stop-after-idle", 1]
    return written(folder / "stream", "stream", *words)


@pytest.fixture(scope="module")
def killed(rows, tmp_path_factory):
    """A batch run that is killed when its narratives are written and its report is not."""
    folder = tmp_path_factory.mktemp("cut") / "killed"
    words = ["batch", "--complaints", rows, "--output", folder / "run"]
    return written(folder, *words, kill_at=".run.staging-*/private/narratives/*")


@pytest.mark.parametrize("command", ["batch", "workbench", "stream", "killed"])
def test_no_value_is_in_anything_that_is_shown_printed_or_left(made, command, request):
    """A killed run leaves its tables beside the output, for its owner alone."""
    folder = request.getfixturevalue(command).folder
    places_of_value = places_of(folder, made)
    told = []
    for value, places in places_of_value.items():
        placed = made[value]
        told.append((placed.kind, placed.form, placed.language, placed.field, *sorted(places)))
    assert not told
    assert not [path for path in (folder / "tmp").rglob("*") if path.is_file()]
    if command != "killed":
        assert not list((folder / "tmp").iterdir())


@pytest.mark.parametrize("command", ["batch", "stream"])
def test_no_value_is_in_a_temporary_file_that_others_can_read(made, command, request):
    files = request.getfixturevalue(command)
    contents = {
        content: name
        for (name, _), content in files.passing.items()
        if not OWNER_ONLY & set(Path(name).parts)
    }
    assert contents
    for content, name in contents.items():
        try:
            assert not values_in(name, content, made), name
        except (pa.ArrowException, EOFError):  # half of a file
            continue
    assert {stat.S_IMODE(mode) for mode in files.nameless} <= {0o600}


@pytest.mark.parametrize("command", ["batch", "stream", "killed"])
def test_all_that_is_written_is_for_its_owner_alone(command, request):
    folder = request.getfixturevalue(command).folder
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if path not in (folder / "log", folder / "tmp")
    }
    assert modes == {0o700, 0o600}


def test_the_search_finds_what_is_there(batch, stream, killed, made):
    """It finds the ring's own numbers, which are not private."""
    ring = {"8885550121": None, "8885550199": None, "amzn-refund-desk@": None}
    assert set(places_of(batch.folder / "run", ring)) == set(ring)
    assert {"alerts", "snapshots"} <= places_of(stream.folder / "live", ring)["8885550199"]
    assert places_of(killed.folder, ring)["8885550121"]
    assert any(name.startswith(".run.staging-") for name, _ in batch.passing)
    assert len(made) > 1_850
    assert pq.read_table(batch.folder / "run" / "complaints").num_rows > 1_500


def test_what_masks_missed_is_in_no_excerpt_for_others(batch, made):
    """An excerpt permits words without digits and addresses, whatever a mask took them for."""
    kept = pq.read_table(batch.folder / "run" / "private" / "narratives")["narrative"].to_pylist()
    whole = "\n".join(kept).encode()
    quoted = "\n".join(map(permitted_words, kept)).encode()
    assert len(values_in("", whole, made)) > 350
    assert not values_in("", quoted, made)
    said = "She wanted $1,299.50 in cards, then $300, at 9:30 from Ann, ring me: 202 456 (2131)"
    assert permitted_words(said) == (
        "She wanted $1,299.50 in cards, then $300, at #:## from Ann, ring me: ### ### (####)"
    )


def test_operations_name_what_the_owners_own_stores_have(batch, stream, made):
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    row = r"^\| ([\w -]+)" + r" \| (\d+)" * 4 + r" \|$"
    rows = re.findall(row, text, re.MULTILINE)
    kept = places_of(batch.folder / "run", made, owners=True)
    live = places_of(stream.folder / "live", made, owners=True)
    assert {place for places in live.values() for place in places} == {"state"}
    counted = Counter(
        (made[value].kind, where) for value, places in kept.items() for where in places
    )
    counted += Counter(
        (made[value].kind, "state") for value, places in live.items() if "state" in places
    )
    counted += Counter((placement.kind, "placed") for placement in made.values())
    stores = ("placed", "private", "rejects", "state")
    assert {name: [*map(int, counts)] for name, *counts in rows} == {
        name: [counted[kind, store] for store in stores] for name, kind in KINDS.items()
    }
