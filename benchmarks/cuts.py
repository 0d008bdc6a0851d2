"""CPU of the search for weakest cuts in a run: `python -m benchmarks.cuts [--simulated N]`.

Without --simulated the world has 60 large rings in 30,000 complaints. Each ring has up to 46
numbers, and a reporter for each complaint, which names two to five numbers. The CPU seconds of the
run and of the search for cuts are printed, and the number of clusters with an exact cut.
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

COMPLAINTS, RINGS, NUMBERS = 30_000, 60, 46
"""The world of large rings: a ring has between half of `NUMBERS` and all of them."""

SEARCHES = [f"transforms.graph.cuts:{name}" for name in ("weakest_cut", "thin_join")]


def write_large_rings(folder: Path) -> None:
    """Writes a world of rings whose numbers are named by many people each.

    Complaints differ in time and state a loss, so that none is a copy of another.
    """
    rng = Random(1)
    rings = [
        [draw_number(rng, "US", "service") for _ in range(rng.randint(NUMBERS // 2, NUMBERS))]
        for _ in range(RINGS)
    ]
    (folder / "complaints").mkdir(parents=True)
    with (folder / "complaints" / "amazon.jsonl").open("wb") as out:
        for number in range(COMPLAINTS):
            named = rng.sample(rings[number % RINGS], rng.randint(2, 5))
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
    simulated = parser.parse_args(words).simulated
    with tempfile.TemporaryDirectory() as scratch:
        folder, output = Path(scratch, "world"), Path(scratch, "run")
        if simulated:
            folder = world(simulated)
        else:
            write_large_rings(folder)
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
