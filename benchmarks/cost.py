"""Measures what one complaint and one call cost: `python -m benchmarks.cost [N]`.

Three simulated worlds (N complaints without calls, 2 N without calls, N with four calls each; N is
10,000 by default) are run by the batch pipeline, and the differences between them give CPU, peak
memory and shuffled bytes by complaint and by call.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from benchmarks import measured
from pipelines.cli import main as ringtrace
from schemas.call import CALL_ACCEPTED
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.mention import CLASSIFIED, EVIDENCE
from schemas.tables import ALL_TABLES
from transforms import batch_codec
from transforms.batch_codec import EncodedBatch
from transforms.graph.link_weights import PAIR_SUM

CALLS = 4

STEPS = {
    tuple(schema.names): name
    for name, schema in {
        "complaints": COMPLAINT_ACCEPTED,
        "calls": CALL_ACCEPTED,
        "evidence": EVIDENCE,
        "classified evidence": CLASSIFIED,
        "pairs": PAIR_SUM,
        **{f"written {table.name}": table.schema for table in ALL_TABLES},
    }.items()
}


@dataclass(frozen=True)
class Cost:
    """Of one run: CPU seconds, peak bytes, shuffled bytes by step, and entities found."""

    cpu: float
    peak: float
    shuffled: Counter[str]
    entities: int


def one_run(world: Path) -> None:
    """Run the pipeline in this process and print the bytes that its shuffles carried, by step."""
    carried: Counter[str] = Counter()
    plain = batch_codec.encode_batch

    def counted(batch: pa.RecordBatch, schema: pa.Schema) -> EncodedBatch:
        piece = plain(batch, schema)
        carried[STEPS.get(tuple(schema.names), "other")] += len(piece.to_bytes())
        return piece

    batch_codec.encode_batch = counted
    batch_codec.encode_batch = counted
    batch_codec.encode_batch = counted
    flags = ["--complaints", f"{world}/complaints", "--output", f"{world}/run"]
    flags += ["--calls", f"{world}/calls"] if list(world.glob("calls/*")) else []
    if ringtrace(["batch", *flags]):
        sys.exit("the run failed")
    entities = ds.dataset(world / "run" / "entities").count_rows()
    print(json.dumps({"shuffled": carried, "entities": entities}))


def cost(complaints: int, calls: int, folder: Path) -> Cost:
    """Of a world of that size, in a process of its own."""
    world = folder / f"{complaints}-{calls}"
    size = ["--complaints", complaints, "--operations", max(2, complaints // 165)]
    size += ["--calls-per-complaint", calls / complaints]
    measured.run(measured.python("pipelines.cli", "simulate", world, *size))
    found = measured.run(measured.python("benchmarks.cost", "--one", world))
    told = json.loads(found.output.splitlines()[-1])
    return Cost(found.cpu, found.peak * 2**20, Counter(told["shuffled"]), told["entities"])


@dataclass(frozen=True)
class Unit:
    """The fixed cost, and what each complaint and each call adds."""

    fixed: float
    complaint: float
    call: float

    def of(self, complaints: float, calls: float) -> float:
        """Returns the cost of that many."""
        return self.fixed + self.complaint * complaints + self.call * calls


def unit(size: int, alone: float, twice: float, called: float) -> Unit:
    """The straight line through three runs."""
    complaint = (twice - alone) / size
    return Unit(alone - complaint * size, complaint, (called - alone) / (CALLS * size))


def measure(size: int) -> dict[str, Unit]:
    """Constants by name: cpu (seconds), peak, shuffled (bytes), entities."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            cost(complaints, calls, Path(folder))
            for complaints, calls in ((size, 0), (2 * size, 0), (size, CALLS * size))
        ]
    print("shuffled bytes, by step, of the run with calls:")
    for step, carried in runs[2].shuffled.most_common():
        print(f"  {step}: {carried:,}")
    return {
        "cpu": unit(size, *(run.cpu for run in runs)),
        "peak": unit(size, *(run.peak for run in runs)),
        "shuffled": unit(size, *(run.shuffled.total() for run in runs)),
        "entities": unit(size, *(run.entities for run in runs)),
    }


def main() -> None:
    """Prints the constants."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("size", metavar="N", type=int, nargs="?", default=10_000)
    parser.add_argument("--one", metavar="WORLD", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one_run(asked.one)
        return
    for name, one in measure(asked.size).items():
        each = f"{one.complaint:,.6g} a complaint, {one.call:,.6g} a call"
        print(f"{name}: {one.fixed:,.6g} fixed, {each}")


if __name__ == "__main__":
    main()
