"""What an offer is worth: two companies alone, joined, and pooled: `python -m benchmarks.exchange`.

A simulated world of 20 rings and 2,000 complaints. B-cubed F1 over all identifiers of either
company, and the harms: known-legitimate, victims' and innocent identifiers in a shared cluster.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from pipelines.commands import evaluate
from transforms.extract import allowlist

WORLD = "--complaints 2000 --operations 20".split()

AT = "2026-01-01T00:00:00Z"


def ringtrace(home: Path, *words: object) -> str:
    """One command at the desk whose keys are in `home`."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, words)],
        env=os.environ | {"RINGTRACE_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def main(folder: Path) -> None:
    """Make the world in `folder`, run each way, and print a line for each."""
    amazon, microsoft, world = folder / "home-a", folder / "home-m", folder / "in"
    ringtrace(amazon, "simulate", world, *WORLD)
    for home, org in ((amazon, "amazon"), (microsoft, "microsoft"), (amazon, "*")):
        files = ["--complaints", world / f"complaints/{org}.jsonl"]
        files += ["--calls", world / f"calls/{org}.jsonl"]
        name = "pooled" if org == "*" else org
        ringtrace(home, "batch", *files, "--output", folder / name)
    print_scores(folder, "amazon", "microsoft", "pooled")
    ringtrace(microsoft, "keys", "export", "--output", folder / "m.pem")
    mark = ringtrace(microsoft, "keys").split()[1]
    ringtrace(amazon, "keys", "trust", "microsoft", folder / "m.pem", "--fingerprint", mark)
    text = resources.files("reports.exchange").joinpath("policy.toml").read_text(encoding="utf-8")
    low = text.replace("confidence_floor = 0.75", "confidence_floor = 0.5")
    low = low.replace("least_reports = 2", "least_reports = 1")
    for hour, (name, policy) in enumerate({"joined": text, "joined, floor 0.5": low}.items()):
        path = folder / f"{hour}.toml"
        path.write_text(policy, encoding="utf-8")
        issued = AT.replace("T00", f"T{hour:02d}")
        made = ["--to", "amazon", "--policy", path, "--now", issued]
        ringtrace(microsoft, "exchange", "offer", folder / "microsoft", *made,
                  "--output", folder / f"offer-{hour}")  # fmt: skip
        ringtrace(amazon, "exchange", "join", folder / "amazon", folder / f"offer-{hour}",
                  "--output", folder / name, "--now", "2026-01-02T00:00:00Z")  # fmt: skip
        print_scores(folder, name)


def print_scores(folder: Path, *names: str) -> None:
    """The quality of each run, a line each."""
    world = folder / "in"
    for name in names:
        found = evaluate.evaluate(
            evaluate.read_members(folder / name),
            evaluate.read_truth(world / "truth.csv"),
            allowlist.shipped_allowlist(),
            evaluate.read_ids(world / "victims.csv"),
            evaluate.read_ids(world / "innocents.csv"),
        )
        score = found.agreement.bcubed
        harms = (found.known_legitimate, found.victim_side, found.innocent)
        print(f"{name}\tF1 {score.f1:.2f}\tprecision {score.precision:.2f}"
              f"\trecall {score.recall:.2f}\tharms {harms}", flush=True)  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(Path(place))
