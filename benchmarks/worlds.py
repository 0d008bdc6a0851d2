"""Simulated worlds by size, made once and kept below runs/: 1.25 calls a complaint."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks import measured

WORLDS = Path(os.environ.get("RINGTRACE_WORLDS", "runs/worlds"))

COMPLAINTS_AN_OPERATION = 165


def world(complaints: int, root: Path | None = None) -> Path:
    """The folder of the world of that many complaints; made now if it is not there yet."""
    folder = (root or WORLDS) / str(complaints)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = folder.with_name(f".{complaints}.half")
        shutil.rmtree(half, ignore_errors=True)
        operations = max(2, complaints // COMPLAINTS_AN_OPERATION)
        size = ["--complaints", complaints, "--operations", operations]
        measured.run(measured.python("pipelines.cli", "simulate", half, *size))
        half.rename(folder)
    return folder


def inputs(folder: Path) -> list[str]:
    """The options of `ringtrace batch` that name a world's files."""
    return ["--complaints", f"{folder}/complaints", "--calls", f"{folder}/calls"]
