"""Parts that the tests of runs share: small inputs, a run, and what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from pipelines import cli
from pipelines.batch.__main__ import main
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE, SIGNATURE_NAME
from schemas.tables import ALL_TABLES, HELD_FOLDER, MEMBERS, Table
from tests.support.real_data import ROOT

EXAMPLES = ROOT / "examples"


def ringtrace(*words: object) -> int:
    """The exit status of a command."""
    return cli.main([str(word) for word in words])


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


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


def read(output: Path, table: Table) -> pa.Table:
    """One table of a run, sorted by its key."""
    rows = ds.dataset(output / table.name, schema=table.schema).to_table()
    return rows.sort_by([(name, "ascending") for name in table.key])


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
    rows = read(folder, MEMBERS).to_pylist()
    return {row["entity_id"]: row["cluster_id"] for row in rows}
