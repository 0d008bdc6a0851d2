"""Bombs in the place of a file cost each command a line, and little else."""

import contextlib
import gzip
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import private_keys
from pipelines.exchange import taxii
from pipelines.options import UsageError
from schemas.manifest import MANIFEST_NAME, SIGNATURE_NAME
from tests.support.real_data import ROOT
from tests.support.run_pipeline import execute, keys_in
from tests.support.small_ring import NOW, RING, SmallRing
from tests.support.workbook import write_workbook

MEASURE = """
import contextlib, io, json, os, resource, sys
from tests.support.run_pipeline import ringtrace

for name, words in json.load(sys.stdin).items():
    begun, said = sum(os.times()[:4]), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = ringtrace(*words)
    # Not ru_maxrss of itself: a new program has that of who started it.
    own = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
    peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
    seconds = sum(os.times()[:4]) - begun
    print(json.dumps([name, status, said.getvalue(), seconds, peak]), flush=True)
"""


def sparse(path):
    path.touch()
    os.truncate(path, 2 << 30)


def written(content):
    return lambda path: path.write_bytes(content())


BOMBS = {
    "fifo": os.mkfifo,
    "zero": lambda path: path.symlink_to("/dev/zero"),
    "sparse": sparse,
    "deep": written(lambda: b"[" * (30 << 20)),
    "values": written(lambda: b'{"run_id":[' + b"{}," * (20 << 20) + b"{}]}"),
    "digits": written(lambda: b'{"run_id":' + b"1" * (4 << 20) + b"}"),
    "gzip": written(lambda: gzip.compress(b"\0" * (1 << 28), 1)),
}


def packed(codec, block, times):
    """Returns a function that writes a block so many times, packed."""

    def write(path):
        with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), codec) as stream:
            for _ in range(times):
                stream.write(block)

    return write


def zipped(inside, *names):
    """Returns a function that zips a gibibyte of spaces beside empty files of other names."""

    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, "")
            with archive.open(inside, "w", force_zip64=True) as file:
                for _ in range(16):
                    file.write(b" " * (1 << 26))

    return write


def wide_workbook(path):
    """A sheet whose cells all repeat one long text that stands in the file once."""
    write_workbook(path, {"x": [["received_at", "text"], *[["2024-01-01", "@"]] * 9]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/s1.xml"].replace(b"@", b"y" * (1 << 29))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, sheet if name.endswith("s1.xml") else content)


MAIL = b"From: a@b.example\nTo: c@d.example\nDate: Mon, 01 Jan 2024 00:00:00 +0000\nSubject: x\n"

PARTS = b'Content-Type: multipart/mixed; boundary="x"\n\n'


def quick_first(bombs, quick):
    """Marks all but the quick ones, one of each sort, as long."""
    return [pytest.param(name, marks=[] if name in quick else pytest.mark.long) for name in bombs]


INPUT_BOMBS = {
    "nul.csv": lambda path: (path.touch(), os.truncate(path, 8 << 30)),
    "nul.jsonl.zst": packed("zstd", bytes(1 << 26), 128),
    "mail.mbox.zst": packed("zstd", b"From a Mon\n" + MAIL + b"\nx\n" * (1 << 20), 64),
    "a.zip": zipped("a.csv"),
    "a.xlsx": zipped("xl/worksheets/sheet1.xml", "[Content_Types].xml", "xl/workbook.xml"),
    "wide.xlsx": wide_workbook,
    "parts.eml": written(lambda: MAIL + PARTS + b"--x\n\n" * (4 << 20)),
    "nested.eml": written(lambda: MAIL + b"Content-Type: message/rfc822\n\n" * 200_000),
    "long.mbox": written(lambda: b"From a Mon\n" + MAIL + b"\n" + b"x" * (256 << 20)),
}

EXCEL_MAP = """version = 1
kind = "complaint"
source_org = "acme"
[file]
format = "xlsx"
[columns]
received_at = "received_at"
text = "narrative"
[times]
received_at = "excel-serial"
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", quick_first(INPUT_BOMBS, ("nul.jsonl.zst", "a.zip", "a.xlsx")))
def test_a_bomb_among_records_costs_no_more_than_any_record(world, tmp_path, name):
    """It is refused in one line, or read as far as one of its size can be, and counted."""
    inbox, by = tmp_path / "inbox", tmp_path / "map.toml"
    bomb = inbox / "complaints" / name
    bomb.parent.mkdir(parents=True)
    INPUT_BOMBS[name](bomb)
    by.write_text(EXCEL_MAP)
    words = {
        "map": ["map", bomb],
        "batch": ["batch", "--complaints", bomb, "--output", tmp_path / "a"],
        "--map": ["batch", "--complaints", bomb, "--map", by, "--output", tmp_path / "b"],
        "stream": ["stream", "--watch", inbox, "--stop-after-idle", 1, "--output", tmp_path / "d"],
    }
    for key, status, said in measured(words):
        refused = status == 2 and said.count("\n") == 1
        assert (refused or status < 2) and "Traceback" not in said, (key, status, said)
    bomb.unlink()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    with keys_in(folder / "home"):
        ring = SmallRing(folder)
        later = ["--previous", ring.other, "--now", NOW, "--output", folder / "later" / "run"]
        (folder / "later").mkdir()
        execute("batch", *ring.inputs, *later)
        yield ring


def commands(world, bomb, folder, out):
    """Commands that a bomb is given to: as a file, or in a folder as each name that is read."""
    who = ["--author", "A", "--reason", "R"]
    of_run = world.builders(folder, out) | {
        "report": ["report", folder],
        "health": ["health", folder],
        "explain": ["explain", folder, RING],
        "rejects": ["rejects", folder, "--output", out],
        "correct": ["correct", folder, "--decisions", world.decisions, "--output", out],
        "erase": ["erase", "--record", "a/1", "--run", folder, *who, "--output", out],
        "verify": ["verify", folder],
        "check": ["exchange", "check", folder],
        "pull": ["exchange", "hub", "pull", folder, "--output", out],
    }
    run = world.run
    return of_run | {
        "decisions": ["batch", *world.inputs, "--decisions", bomb, "--output", out],
        "decide --decisions": ["decide", run, "confirm", RING, *who, "--decisions", bomb],
        "map": ["map", bomb],
        "config": ["batch", *world.inputs, "--config", bomb, "--output", out],
        "check a file": ["exchange", "check", bomb],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", quick_first(BOMBS, ("fifo", "zero", "deep", "gzip")))
def test_a_bomb_costs_each_command_a_line(world, tmp_path, name):
    folder, out = tmp_path / "folder", tmp_path / "out"
    folder.mkdir()
    bomb = folder / MANIFEST_NAME
    BOMBS[name](bomb)
    for read in ("seal.json", "offer.json", "hub.json"):
        (folder / read).symlink_to(bomb)
    for key, status, said in measured(commands(world, bomb, folder, out)):
        refused = status == (1 if key == "verify" else 2) and said.count("\n") == (key != "verify")
        assert refused, (key, status, said)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["entities", "members"])
def test_a_table_of_a_strangers_run_unpacks_to_no_more_than_its_size_holds(world, tmp_path, table):
    folder, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(world.run, folder)
    for path in folder.rglob(SIGNATURE_NAME):
        path.unlink()
    (file,) = (folder / table).iterdir()
    content = packed_table(pq.read_schema(file))
    assert len(content) < 1 << 17
    file.write_bytes(content)
    manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
    for line in manifest["outputs"]:
        if line["name"] == f"{table}/{file.name}":
            line |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    shutil.rmtree(folder / "private")
    words = {name: [name, folder] for name in ("health", "explain")} | world.builders(folder, out)
    words["explain"].append(RING)
    for key, status, said in measured(words):
        refused = status == 2 and f"{table}/{file.name}: " in said.splitlines()[-1]
        assert refused or key == "health", (key, status, said)  # it reads no members
        assert "Traceback" not in said
    assert not out.exists()


def packed_table(schema):
    """A file whose dictionaries have one long text, for each of 60,000 rows."""
    rows = 60_000
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["x" * (1 << 20)])
        if pa.types.is_string(field.type)
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    sink = pa.BufferOutputStream()
    table = pa.table(columns, names=schema.names)
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue().to_pybytes()


def measured(words):
    """Runs commands, each within a minute of CPU and a gigabyte; what each ended with, and said."""
    lines = {key: list(map(str, line)) for key, line in words.items()}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=json.dumps(lines),
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [key for key, *_ in results] == list(lines)
    for key, _, _, seconds, peak in results:
        assert seconds < 60 and peak < 1 << 30, (key, seconds, peak)
    return [result[:3] for result in results]


@pytest.mark.parametrize("name", ["fifo", "zero"])
def test_a_folder_beside_a_run_keeps_nobody_waiting(world, tmp_path, name):
    beside = world.folder / "later" / name
    beside.mkdir()
    BOMBS[name](beside / MANIFEST_NAME)
    begun = time.monotonic()
    execute("report", world.folder / "later" / "run", "--redact", "--output", tmp_path / "out")
    assert time.monotonic() - begun < 60


KIND = "application/taxii+json;version=2.1"

ANSWERS = {
    "drips": "no whole answer in 2 seconds",
    "drips_its_head": "no whole answer in 2 seconds",
    "leads_elsewhere": "leads elsewhere",
    "endless": "an answer of more than",
    "repeats": "lists the same again and again",
    "packed": "a packed answer",
    "deep": "Invalid JSON",
    "values": "Invalid JSON",
}


class Hostile(http.server.BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        with contextlib.suppress(OSError):
            getattr(self, self.path.split("/")[1])()

    def say(self, content, status=200, **headers):
        self.send_response(status)
        for name, value in ({"Content-Type": KIND} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def drips(self, begin=b"HTTP/1.1 200 OK\r\n\r\n"):
        self.wfile.write(begin)
        while True:
            self.wfile.write(b" ")
            time.sleep(0.5)

    def drips_its_head(self):
        self.drips(b"HTTP/1.1 200 OK\r\nX: ")

    def leads_elsewhere(self):
        self.say(b"", 302, Location=f"http://localhost:{self.server.server_port}/endless/")

    def endless(self):
        self.say(b"{")
        while True:
            self.wfile.write(b" " * (1 << 16))

    def repeats(self):
        told = {"id": "a", "title": "a", "can_read": True, "can_write": True}
        self.say(json.dumps(told | {"more": True, "next": "2026", "objects": []}).encode())

    def packed(self):
        self.say(gzip.compress(b"{}"), Content_Encoding="gzip")

    def deep(self):
        self.say(b"[" * 1000 + b"]" * 1000)

    def values(self):
        self.say(b'{"objects":[' + b"{}," * (5 << 20) + b"{}]}")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_holds_nobody_and_leads_nowhere(monkeypatch, name):
    pytest.importorskip("taxii2client")
    monkeypatch.setattr(taxii, "TIMEOUT_SECONDS", 2)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    begun = time.monotonic()
    collection = taxii.Collection(f"http://127.0.0.1:{server.server_port}/{name}/collections/a/")
    with pytest.raises(UsageError, match=ANSWERS[name]) as refused:
        list(collection.objects("note"))
    assert time.monotonic() - begun < 20 and "\n" not in str(refused.value)
    server.shutdown()


def test_an_agent_that_drips_its_answer_holds_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr(private_keys, "AGENT_SECONDS", 1)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "agent"))
        listening.listen()

        def drip():
            wire, _ = listening.accept()
            with contextlib.suppress(OSError):
                wire.sendall(b"\0\0\1\0")
                while True:
                    wire.sendall(b"\0")
                    time.sleep(0.2)

        threading.Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(UsageError, match="does not answer"):
            private_keys.agent_keys()
    assert time.monotonic() - begun < 10
