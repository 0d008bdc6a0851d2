"""Accepted records of files, without a pipeline: what the measurements of single steps work on."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from pipelines.cli import main as ringtrace
from schemas.enums import RecordKind
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import COMPLAINTS, REJECTS, read_shard
from transforms.read.shards import scan_file
from transforms.validate import validate_calls, validate_complaints

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Public records beside the checkout, where they are there."""


def accepted(
    complaints: Sequence[str], calls: Sequence[str], options: ReadOptions | None = None
) -> Iterator[tuple[RecordKind, pa.RecordBatch]]:
    """Batches of COMPLAINT_ACCEPTED and CALL_ACCEPTED of every file, in the order of its rows."""
    options = options or ReadOptions()
    for file in plan_input_files(complaints, calls, options):
        for shard in scan_file(file)[1]:
            for tag, batch in read_shard(shard, options):
                if tag == REJECTS:
                    continue
                if tag == COMPLAINTS:
                    yield RecordKind.COMPLAINT, validate_complaints(batch)[0]
                else:
                    yield RecordKind.CALL, validate_calls(batch)[0]


def simulated(complaints: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The complaints and the calls of a simulated world, each as one batch."""
    with tempfile.TemporaryDirectory() as folder:
        world = f"{folder}/world"
        operations = str(max(2, complaints // 165))
        flags = ["--complaints", str(complaints), "--operations", operations]
        with contextlib.redirect_stdout(sys.stderr):
            status = ringtrace(["simulate", world, *flags])
        if status:
            sys.exit(status)
        batches = list(accepted([f"{world}/complaints"], [f"{world}/calls"]))
    of_kind = {
        kind: pa.Table.from_batches([b for k, b in batches if k is kind]).combine_chunks()
        for kind in RecordKind
    }
    first = (table.to_batches()[0] for table in (of_kind[k] for k in RecordKind))
    return next(first), next(first)
