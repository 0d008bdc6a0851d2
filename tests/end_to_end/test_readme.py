"""Every command, option and line of Python in README.md runs, as it is written there."""

import gzip
import json
import re
import shlex
import webbrowser
from pathlib import Path
from shutil import copy

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import uvicorn

from pipelines import key_store
from pipelines.commands import COMMANDS
from reports import signing, tables
from reports.referral import FACTS_FILE
from schemas.tables import CLUSTERS, MEMBERS
from tests.support.real_data import ROOT
from tests.support.run_pipeline import (
    confirm_all,
    execute,
    json_of,
    ringtrace,
    table_rows,
    use_keys,
)

README = (ROOT / "README.md").read_text(encoding="utf-8")

DATA = ROOT / "pipelines" / "demo_data" / "two-companies"


def fenced(language):
    """The blocks of README.md in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def table_commands():
    """The commands of the table, each whole: `--x` alone goes on with the command it names.

    "the same with `--x`" names the row above, "`ringtrace batch` with `--x`" the first such row.
    """
    commands = []
    for cells in re.findall(r"^\|(.+)\|(.+)\|$", README, re.M):
        words = re.findall(r"`([^`]+)`", cells[1])
        if not words or not (cells[1].strip().startswith(("`ringtrace", "the same"))):
            continue
        if words[0].startswith("--"):
            words.insert(0, commands[-1])
        elif len(words) > 1:
            words[0] = next(command for command in commands if command.startswith(words[0]))
        commands.append(" ".join(words))
    return commands


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what README's commands name, and amazon's keys, which trust microsoft's."""
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(webbrowser, "open", lambda _: True)
        patch.setattr(uvicorn.Server, "run", lambda *_, **__: None)  # which ends when interrupted
        use_keys(patch, folder / "microsoft")
        theirs = [DATA / kind / "microsoft.jsonl" for kind in ("complaints", "calls")]
        run = ["batch", "--complaints", theirs[0], "--calls", theirs[1], "--output", "theirs"]
        execute(*run)
        execute("exchange", "offer", "theirs", "--to", "amazon", "--output", "offer")
        key = key_store.own_key().public_key()
        use_keys(patch, folder / "amazon")
        (folder / "microsoft.pem").write_bytes(signing.public_pem(key))
        trust = ["--fingerprint", signing.key_id(key)]
        execute("keys", "trust", "microsoft", folder / "microsoft.pem", *trust)

        (folder / "complaints").mkdir()
        (example,) = fenced("json")
        with gzip.open(folder / "complaints" / "example.jsonl.gz", "wt") as file:
            file.write(example.replace("\n", " ") + "\n")
        ours = (DATA / "complaints" / "amazon.jsonl").read_bytes()
        (folder / "complaints" / "amazon.jsonl.gz").write_bytes(gzip.compress(ours))
        calls = (DATA / "calls" / "amazon.jsonl").read_text().splitlines()
        rows = pa.Table.from_pylist([json.loads(line) for line in calls])
        pq.write_table(rows, folder / "calls.parquet")
        (folder / "inbox" / "complaints").mkdir(parents=True)
        copy(DATA / "complaints" / "amazon.jsonl", folder / "inbox" / "complaints")
        (folder / "people.csv").write_text("phone,country\n(202) 555-0100,US\n")
        yield folder


def decide(folder):
    """Writes decisions that confirm every cluster of two or more of runs/today."""
    members = table_rows(Path("runs/today"), MEMBERS)
    first = {
        member["cluster_id"]: member["entity_id"]
        for member in members
        if "#" not in member["entity_id"]
    }
    confirm_all(folder / "decisions.csv", first.values(), "2026-06-01T00:00:00Z")


PLACEHOLDERS = {
    "FILES": "complaints/*.gz",
    "RUN": "runs/today",
    "EARLIER": "runs/today",
    "INBOX": "inbox",
    "TRUTH": str(DATA / "truth.csv"),
    "FILE": "decisions.csv",
    "KIND": "confirm",
    "ORG": "microsoft",
    "OFFER": "offer",
    "CSV": "people.csv",
    "CODE": "us-fbi-ic3",
    "ORG/ID": "amazon/A-1001",
}

MADE_BEFORE = {"verify": "referral", "resolve": "referral", "referral": "--decisions"}
"""Commands that read what an earlier row made: of that command, or with that option."""


def halves(cluster):
    """The bridges of a cluster that two members or more depend on."""
    return [bridge for bridge in cluster["weakest_bridges"] or () if bridge["smaller_side"] > 1]


def fill(words, output, made):
    """The words of a command with its placeholders filled in."""
    source = made.get(MADE_BEFORE.get(words[0]), "")
    known = PLACEHOLDERS | {"DIR": source or output} | ({"RUN": source} if source else {})
    filled = []
    for before, word in zip(["", *words], words, strict=False):
        after = {"--output": output, "--calls": "calls.parquet", "--from": "amazon"}.get(before)
        filled.append(after or known.get(word, word))
    if words[0] == "decide":
        members = tables.read_table("runs/today", MEMBERS, ["entity_id"])["entity_id"]
        filled[3] = members[0].as_py()
    if words[0] == "resolve":
        facts = json_of(Path(source) / FACTS_FILE)
        filled[1] = facts["evidence_numbers"]["cluster"]
    if words[0] == "explain":
        members = tables.read_table("runs/today", MEMBERS, ["entity_id"])["entity_id"]
        filled[2:] = members.to_pylist()[:2]
    if words[0] == "referral":
        where = pc.field("status") == "confirmed"
        confirmed = table_rows(Path(source), CLUSTERS, where)
        # One that falls apart without a single link would be refused.
        firm = (
            cluster
            for cluster in confirmed
            if cluster["size"] > 3 and not halves(cluster) and "thin" not in cluster["flags"]
        )
        filled[filled.index("ID")] = next(firm)["cluster_id"]
    more = {"stream": ["--stop-after-idle", "1"], "serve": ["--port", "0"]}
    return filled + more.get(words[0], [])


def test_commands_run_in_their_order_and_then_the_python(place, capsys):
    lines = [line for block in fenced("sh") for line in block.splitlines()]
    for line in lines:
        if line.startswith("ringtrace"):
            assert ringtrace(*shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)
    decide(place)
    made = {}
    for number, line in enumerate(table_commands()):
        words = shlex.split(line)[1:]
        if words[0] == "demo":
            continue  # tests/end_to_end/test_demo.py runs it
        filled = fill(words, f"out-{number}", made)
        assert ringtrace(*filled) == 0, (filled, capsys.readouterr().err)
        made |= dict.fromkeys(words, f"out-{number}")
    for block in fenced("python"):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text


def test_every_command_is_there():
    named = set(re.findall(r"`ringtrace ([a-z]+)", README))
    assert named == {command.name for command in COMMANDS}


def test_make_has_what_it_is_asked_for():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.M), target
