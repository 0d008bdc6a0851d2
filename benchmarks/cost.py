"""What one complaint, one call and one entity cost: `python -m benchmarks.cost [N] [--day]`.

Three simulated worlds (N complaints without calls, 2 N without calls, N with four calls each; N is
10,000 by default) are run by the batch pipeline, and the differences between them give CPU, peak
memory and shuffled bytes by complaint and by call. With --day the constants are put to the days
that docs/scale.md speaks of. `--hot CALLS` measures one partition instead: what it holds when one
caller id made that many calls, and what the owners of a pair and of a cluster hold when so many
calls went to one number by way of one carrier.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from benchmarks import measured
from pipelines.cli import main as ringtrace
from schemas.call import CALL_ACCEPTED
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import Role, Status
from schemas.mention import CLASSIFIED, EVIDENCE
from schemas.tables import ALL
from transforms import batch_codec, shuffle
from transforms.arrow_util import hash_text
from transforms.batch_codec import Piece
from transforms.extract import allowlist
from transforms.extract.evidence import call_evidence
from transforms.graph import cluster_summary, link_weights
from transforms.graph.activity import ACTIVITY, activity
from transforms.graph.assign import ASSIGNMENT
from transforms.graph.entities import judge
from transforms.graph.link_weights import PAIRED
from transforms.graph.links import pairs
from transforms.graph.suppliers import cluster_records

CALLS = 4


STEPS = {
    tuple(schema.names): name
    for name, schema in {
        "complaints": COMPLAINT_ACCEPTED,
        "calls": CALL_ACCEPTED,
        "evidence": EVIDENCE,
        "classified evidence": CLASSIFIED,
        "pairs": PAIRED,
        **{f"written {table.name}": table.schema for table in ALL},
    }.items()
}


DAYS = {
    "a company's day": (200_000, 250_000),
    "a day of 1M complaints and 100M calls": (1_000_000, 100_000_000),
    "ten of these": (10_000_000, 1_000_000_000),
    "a hundred of these": (100_000_000, 10_000_000_000),
}
"""Complaints and calls."""


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
    plain = batch_codec.packed

    def counted(batch: pa.RecordBatch, schema: pa.Schema) -> Piece:
        piece = plain(batch, schema)
        carried[STEPS.get(tuple(schema.names), "other")] += len(piece.read())
        return piece

    batch_codec.packed = counted
    batch_codec.packed = counted
    batch_codec.packed = counted
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
    """What is fixed, and what each complaint and each call adds."""

    fixed: float
    complaint: float
    call: float

    def of(self, complaints: float, calls: float) -> float:
        """What that many cost."""
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


def hot(calls: int, victims: int) -> dict[str, float]:
    """Bytes that the owner of one caller id holds at its peak, and those that travel to it."""
    rows = [
        {
            "call_id": f"k{n}",
            "source_org": "amazon",
            "started_at": 1_767_225_600_000_000 + n * 1_000_000,
            "direction": "inbound",
            "calling_number": "+18882040123",
            "called_number": f"+1212{7_000_000 + n % 1_000_000}",
            "victim_id": f"v{n % victims}",
            "victim_country": "US",
            "source": "made up",
            "position": n + 1,
            "format": "jsonl",
        }
        for n in range(calls)
    ]
    added: list[batch_codec.Piece] = []
    evidence_bytes = 0
    for start in range(0, calls, 8192):
        batch = pa.RecordBatch.from_pylist(rows[start : start + 8192], CALL_ACCEPTED)
        evidence = call_evidence(batch)
        caller = evidence.filter(pc.equal(evidence["role"], "caller_id"))
        evidence_bytes += len(batch_codec.packed(caller, EVIDENCE).read())
        pieces = activity(pa.Table.from_batches([caller])).to_batches()
        added += [batch_codec.packed(piece, ACTIVITY) for piece in pieces]
    del rows
    before = pa.total_allocated_bytes()
    table = shuffle.table_of((batch_codec.unpacked(one, ACTIVITY) for one in added), ACTIVITY)
    judge(table, allowlist.shipped())
    peak = pa.default_memory_pool().max_memory() - before
    return {
        "calls": calls,
        "rows": table.num_rows,
        "packed_evidence": evidence_bytes,
        "packed": sum(len(one.read()) for one in added),
        "activity": table.nbytes,
        "arrow_peak": peak,
        "process_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


SHARES = 16
"""Partitions that the records of a hot pair lie in."""


def hot_pair(calls: int, victims: int) -> dict[str, float]:
    """Bytes that travel to the owners of a pair and of a cluster, and that these hold in Arrow."""
    pairs_packed = pairs_held = records_packed = records_held = 0
    for share in range(SHARES):
        numbers = range(share, calls, SHARES)
        rows = [
            {
                "call_id": f"k{n}",
                "source_org": "amazon",
                "started_at": 1_767_225_600_000_000 + n * 1_000_000,
                "direction": "outbound",
                "calling_number": f"+1212{7_000_000 + n % 1_000_000}",
                "called_number": "+18882040123",
                "carrier": "acme",
                "victim_id": f"v{n % victims}",
                "victim_country": "US",
                "source": "made up",
                "position": n + 1,
                "format": "jsonl",
            }
            for n in numbers
        ]
        evidence = pa.Table.from_batches(
            [call_evidence(pa.RecordBatch.from_pylist(rows, CALL_ACCEPTED))]
        )
        evidence = evidence.filter(pc.not_equal(evidence["role"], Role.VICTIM))
        status = pa.repeat(str(Status.INFRASTRUCTURE), evidence.num_rows)
        classified = evidence.append_column(CLASSIFIED.field("status"), status)
        found = link_weights.add_up(pairs(classified)[0])
        node = hash_text(pa.array(["phone:+18882040123"]))
        columns = [node, [1], [False], [0.0], [False], [False]]
        assignment = pa.RecordBatch.from_arrays(
            [pa.array(one, kind.type) for one, kind in zip(columns, ASSIGNMENT, strict=True)],
            schema=ASSIGNMENT,
        )
        totals = cluster_summary.add_up(cluster_records(classified, assignment)[0])
        pairs_packed += _packed(found)
        pairs_held += found.nbytes
        records_packed += _packed(totals)
        records_held += totals.nbytes
    return {
        "pair, as it travels": pairs_packed,
        "pair, as its owner holds it": pairs_held,
        "cluster, as it travels": records_packed,
        "cluster, as its owner holds it": records_held,
    }


def _packed(table: pa.Table) -> int:
    return sum(len(batch_codec.packed(one, table.schema).read()) for one in table.to_batches())


def main() -> None:
    """Print the constants, and what the days cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("size", metavar="N", type=int, nargs="?", default=10_000)
    parser.add_argument("--day", action="store_true")
    parser.add_argument("--hot", metavar="CALLS", type=int)
    parser.add_argument("--victims", metavar="N", type=int, help="of --hot (default: CALLS)")
    parser.add_argument("--one", metavar="WORLD", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one_run(asked.one)
        return
    if asked.hot:
        victims = asked.victims or asked.hot
        found = hot(asked.hot, victims) | hot_pair(asked.hot, victims)
        for name, value in found.items():
            print(f"{name}: {value:,} ({value / asked.hot:,.0f} a call)")
        return
    units = measure(asked.size)
    for name, one in units.items():
        each = f"{one.complaint:,.6g} a complaint, {one.call:,.6g} a call"
        print(f"{name}: {one.fixed:,.6g} fixed, {each}")
    if asked.day:
        for day, (complaints, calls) in DAYS.items():
            hours = units["cpu"].of(complaints, calls) / 3600
            carried = units["shuffled"].of(complaints, calls) / 2**30
            local = units["peak"].of(complaints, calls) / 2**30
            print(
                f"{day}: {hours:,.1f} core hours, {carried:,.1f} GiB shuffled, "
                f"{local:,.1f} GiB where one process holds it all"
            )


if __name__ == "__main__":
    main()
