"""Parts that the tests of runs share: small inputs, a run, and what it holds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from pipelines import cli
from pipelines.batch.__main__ import main
from pipelines.key_store import HOME_VARIABLE
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE, SIGNATURE_NAME
from schemas.tables import ALL_TABLES, HELD_FOLDER, MEMBERS, Table
from tests.support.real_data import ROOT

EXAMPLES = ROOT / "examples"


def ringtrace(*words: object) -> int:
    """The exit status of a command."""
    return cli.main([str(word) for word in words])


class Printed(NamedTuple):
    """The texts that a command prints, and the status that it ends with."""

    out: str
    err: str
    status: int


def execute(
    command: str | Callable[..., int], *words: Any, status: int | None = 0, **more: Any
) -> Printed:
    """Runs a command that ends with a status, or a function that runs one; returns its output."""
    run_it = partial(ringtrace, command) if isinstance(command, str) else command
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        ended = run_it(*words, **more)
    texts = Printed(*(text.buffer.getvalue().decode() for text in (out, err)), ended)
    assert status in (None, ended), texts
    return texts


def error_of(*words: Any, **more: Any) -> str:
    """Runs a command that is refused as wrong usage; returns what it prints to stderr."""
    return execute(*words, status=2, **more).err


def refusal_of(*words: Any, **more: Any) -> str:
    """Runs a command that is refused in one line, and returns it."""
    error = error_of(*words, **more)
    assert error.count("\n") == 1, error
    return error


def refusal_naming(words: Iterable[Any], *named: Any) -> str:
    """Runs words that are refused; returns the one line, which names each of `named`."""
    error = refusal_of(*words)
    for word in named:
        assert str(word) in error, error
    return error


def json_of(path: Path) -> Any:
    """The value that a file of JSON has."""
    return json.loads(path.read_bytes())


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a run, as it lies there."""
    return json_of(folder / MANIFEST_NAME)


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def callbacks(*raws: str) -> list[dict[str, str]]:
    """Phone numbers of a complaint, all of which its victim was told to call."""
    return [{"raw": raw, "role": "callback"} for raw in raws]


def complaint(number: int, **fields: Any) -> dict[str, Any]:
    """A complaint of the input contract."""
    return {
        "complaint_id": f"c{number}",
        "source_org": "amazon",
        "received_at": "2024-03-01T09:30:00Z",
        "victim_country": "US",
    } | fields


def call(number: int, **fields: Any) -> dict[str, Any]:
    """A call of the input contract."""
    return {
        "call_id": f"k{number}",
        "source_org": "amazon",
        "started_at": "2024-03-01T09:30:00Z",
        "victim_country": "US",
    } | fields


def three_quarters(world: Path) -> datetime:
    """The moment by which three quarters of a simulated world's complaints had come."""
    received = sorted(
        datetime.fromisoformat(json.loads(line)["received_at"])
        for path in (world / "complaints").iterdir()
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return received[len(received) * 3 // 4]


NOW = "2026-06-01T00:00:00Z"
"""The clock of the runs of tests, later than all that they read."""


def run(output: Path, *flags: object, status: int = 0) -> dict[str, Any]:
    """Run a batch in this process and hold its manifest against its files.

    The clock is `NOW`, unless a flag says otherwise.
    """
    words = [*map(str, flags)]
    clock = [] if {"--now", "--as-of"} & set(words) else ["--now", NOW]
    assert main([*words, *clock, "--output", str(output)]) == status
    return checked_manifest(output)


def checked_manifest(output: Path) -> dict[str, Any]:
    """The manifest of a run, every file of which is there and as it says, and no other."""
    manifest = json.loads((output / MANIFEST_NAME).read_bytes())
    for line in manifest["outputs"]:
        content = (output / line["name"]).read_bytes()
        assert len(content) == line["bytes"]
        assert hashlib.sha256(content).hexdigest() == line["sha256"]
    private = output / PRIVATE_MANIFEST
    now = json.loads(private.read_bytes())["files"] if private.exists() else manifest["private"]
    assert [line["name"] for line in now] == [line["name"] for line in manifest["private"]]
    for line in now:
        if not line["name"].startswith(HELD_FOLDER):
            assert ds.dataset(output / line["name"]).count_rows() == line["rows"]
    there = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    listed = [*manifest["outputs"], *manifest["private"]]
    signed = {SIGNATURE_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE} & there
    assert there == {MANIFEST_NAME, *(line["name"] for line in listed), *signed}
    for kind, count in manifest["counts"].items():
        kept = count["accepted"] + count["duplicates"] + count["rejected"]
        assert count["read"] == kept + count.get("erased", 0)
        rows = sum(source["rows"] for source in manifest["inputs"] if f"{source['kind']}s" == kind)
        assert rows == count["read"]
        assert ds.dataset(output / kind).count_rows() == count["accepted"]
    assert ds.dataset(output / "rejects").count_rows() == sum(
        count["rejected"] for count in manifest["counts"].values()
    )
    return manifest


def inbox(folder: Path) -> Path:
    """Makes a folder to watch, which has nothing in it yet."""
    for kind in ("complaints", "calls"):
        (folder / kind).mkdir(parents=True)
    return folder


def watch_once(watched: Path, output: Path, *flags: object) -> Path:
    """Watches a folder until it is idle; returns the newest snapshot, where there is one."""
    words = ["--watch", watched, "--output", output, "--stop-after-idle", 1, "--tick-interval", 1]
    assert ringtrace("stream", *words, *flags) == 0
    return max((output / "snapshots").glob("2*"), default=output)


def simulated(folder: Path, **sizes: int) -> list[object]:
    """Simulates a world; returns the flags that read its records."""
    simulate(World(**sizes), folder)
    return ["--complaints", folder / "complaints", "--calls", folder / "calls"]


def files_below(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def read(output: Path, table: Table) -> pa.Table:
    """One table of a run, sorted by its key."""
    rows = ds.dataset(output / table.name, schema=table.schema).to_table()
    return rows.sort_by([(name, "ascending") for name in table.key])


def table_rows(
    output: Path, table: Table, where: pc.Expression | None = None
) -> list[dict[str, Any]]:
    """The rows of one table of a run, or those that match an expression, sorted by its key."""
    rows = read(output, table)
    return (rows if where is None else rows.filter(where)).to_pylist()


def column(output: Path, table: Table, name: str, where: pc.Expression | None = None) -> list[Any]:
    """The values of one column of a run's table, sorted by the key of the table."""
    return [row[name] for row in table_rows(output, table, where)]


def by_key(output: Path, table: Table) -> dict[Any, dict[str, Any]]:
    """The rows of one table of a run by the first column of its key."""
    return {row[table.key[0]]: row for row in table_rows(output, table)}


def tables(output: Path) -> dict[str, pa.Table]:
    """All tables of a run."""
    return {table.name: read(output, table) for table in ALL_TABLES}


def command(*words: object, module: str = "pipelines.cli", **environment: str) -> Any:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )


def cluster_by_entity(folder: Path) -> dict[str, str]:
    """The cluster of each member of a run."""
    return {name: row["cluster_id"] for name, row in by_key(folder, MEMBERS).items()}


def use_keys(patch: pytest.MonkeyPatch, home: Path) -> Path:
    """Lets commands use the key store of a folder."""
    patch.setenv(HOME_VARIABLE, str(home))
    return home


@contextmanager
def keys_in(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """Lets commands use the key store of a folder; yields what can change to another."""
    with pytest.MonkeyPatch.context() as patch:
        use_keys(patch, home)
        yield patch


def write_decisions(path: Path, *rows: str) -> Path:
    """Writes a file of decisions that people typed, each with its eight cells."""
    header = "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at"
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8")
    return path


def confirm_all(path: Path, ids: Iterable[str], when: str, why: str = "seen") -> Path:
    """Writes decisions of Priya Rao that confirm the clusters of identifiers."""
    rows = (
        f'C-{n},confirm,"{name}",,Priya Rao,{why},{when},' for n, name in enumerate(sorted(ids))
    )
    return write_decisions(path, *rows)
