"""CPU of the search for weakest cuts in a run: `python -m benchmarks.cuts [--simulated N]`.

Without --simulated the world has large rings: --rings R in --complaints N. Each ring has up to
--members M numbers, and a reporter for each complaint, which names two to five numbers. The CPU
seconds of the run and of the search for cuts are printed, and the number of clusters with an exact
cut.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import orjson
import pyarrow.dataset as ds

from benchmarks import measured
from benchmarks.batch import observe
from benchmarks.worlds import world
from pipelines.simulate.identifiers import draw_number
from schemas.cluster import ClusterFlag

FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)

DAYS = 40

SEARCHES = [f"transforms.graph.cuts:{name}" for name in ("weakest_cut", "thin_join")]


def write_large_rings(folder: Path, seed: int, complaints: int, rings: int, members: int) -> None:
    """Writes a world of rings whose numbers are named by many people each.

    Complaints differ in time and state a loss, so that none is a copy of another. A ring has half
    of `members` numbers at least.
    """
    rng = Random(seed)
    numbers = [
        [draw_number(rng, "US", "service") for _ in range(rng.randint(members // 2, members))]
        for _ in range(rings)
    ]
    (folder / "complaints").mkdir(parents=True)
    with (folder / "complaints" / "amazon.jsonl").open("wb") as out:
        for number in range(complaints):
            ring = numbers[number % rings]
            named = rng.sample(ring, rng.randint(2, 5))
            record = {
                "complaint_id": f"C{number}",
                "source_org": "amazon",
                "received_at": FIRST_DAY + timedelta(days=DAYS * rng.random()),
                "victim_id": f"v{number}",
                "victim_country": "US",
                "phone_numbers": [{"raw": raw, "role": "callback"} for raw in named],
                "loss_amount": 100,
                "loss_currency": "USD",
            }
            out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))


def main(words: list[str] | None = None) -> None:
    """Runs one world and prints what its cuts took."""
    parser = measured.Parser("benchmarks.cuts", __doc__)
    parser.add_argument("--simulated", metavar="N", type=int, help="`ringtrace simulate` instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--complaints", metavar="N", type=int, default=30_000)
    parser.add_argument("--rings", metavar="R", type=int, default=60)
    parser.add_argument("--members", metavar="M", type=int, default=46)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "run")
        if options.simulated:
            folder = world(options.simulated)
        else:
            folder = Path(scratch, "world")
            sizes = options.complaints, options.rings, options.members
            write_large_rings(folder, options.seed, *sizes)
        observed = observe(folder, output, *SEARCHES)
        clusters = ds.dataset(output / "clusters").to_table(columns=["flags", "weakest_cut"])
    rows = [row for row in clusters.to_pylist() if row["weakest_cut"] is not None]
    bounds = sum(ClusterFlag.CUT_AT_LEAST in row["flags"] for row in rows)
    seconds, cpu = observed.seconds, observed.used.cpu
    print(f"CPU seconds: run {cpu:.1f}, cuts {sum(seconds):.2f} ({sum(seconds) / cpu:.1%})", end="")
    print(f", the longest {max(seconds, default=0):.3f}")
    print(f"clusters with a weakest cut: {len(rows)}, {bounds} of them with a lower bound")


if __name__ == "__main__":
    main()
