"""Quality of clusters and tiers.

`python -m benchmarks.clusters [SEED ...] [--size N N] [--worlds W ...]`

Each world is simulated, run by the batch pipeline and scored by `ringtrace evaluate`. All members
are compared with simpler methods over the same links. Then the core is scored, with the recall that
each of its rules costs. Unless the noise is 0, victims cite legitimate sites, give their own
numbers and addresses, and see forged senders. Harm counts such identifiers that became
infrastructure. The world `unlisted` has the hosts and organisations of `benchmarks.unlisted`.
Without `--size` the worlds of `LISTED` are run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import measured, unlisted

UNLISTED = "unlisted"

KINDS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "noise-2": {"noise": 2.0},
    "clean": {"noise": 0.0},
    "no-calls": {"calls_per_complaint": 0.0},
    "pooled": {"profile": "pooled"},
    "dominant": {"dominant": 0.35},
    UNLISTED: {"profile": "chained"},
}
"""Settings that differ in a kind of world, by its name."""

LISTED = (
    ("plain", 15_000, 120),
    ("plain", 15_000, 50),
    ("noise-2", 15_000, 120),
    ("noise-2", 15_000, 50),
    ("no-calls", 15_000, 120),
    ("pooled", 15_000, 120),
    ("dominant", 15_000, 60),
    (UNLISTED, 15_000, 120),
    ("plain", 15_000, 5),
    ("plain", 3_000, 25),
    ("plain", 300, 5),
    ("clean", 300, 5),
)
"""Kind, complaints and operations of each world."""

HEADS = (
    "world", "complaints", "rings", "seed", "F1", "precision", "recall", "legitimate", "victims'",
    "innocents", "components", "capped", "Leiden", "core: precision", "recall", "B-cubed recall",
    "legitimate", "victims'", "innocents", "near misses", "cost: two reporters", "no near miss",
)  # fmt: skip

BASELINES = ("components", "components, at most 20 links", "Leiden, unweighted")


def world_options(kind: str, complaints: int, operations: int, seed: int) -> str:
    """Returns the options of `ringtrace simulate` that make a world of a kind."""
    settings = {"complaints": complaints, "operations": operations, "seed": seed, **KINDS[kind]}
    return " ".join(f"--{name.replace('_', '-')}={value}" for name, value in settings.items())


def evaluation(kind: str, complaints: int, operations: int, seed: int) -> dict[str, Any]:
    """Returns what `ringtrace evaluate --json` prints of a run of a world of a kind."""
    command = (
        "evaluate {run} {world}/truth.csv --victims {world}/victims.csv "
        "--innocents {world}/innocents.csv --near-misses {world}/near_misses.csv "
        "--known-legitimate {world}/legitimate.csv --baselines --json"
    )
    with tempfile.TemporaryDirectory() as folder:
        options = world_options(kind, complaints, operations, seed)
        world = measured.simulate(Path(folder, "world"), options)
        if kind == UNLISTED:
            unlisted.rewrite(world, seed)
        run = measured.run_world(world, Path(folder, "run"))
        scores: dict[str, Any] = json.loads(
            measured.ringtrace(command, run=run, world=world).output
        )
        return scores


def cells(scores: dict[str, Any]) -> Iterator[str]:
    """Yields the cells of a line, in the order of `HEADS`, from F1 on."""
    score, tiers = scores["agreement"]["bcubed"], scores["tiers"]
    core, harm, costs = tiers["core"], tiers["core_harm"], tiers["costs"]
    yield from (f"{score[name]:.4f}" for name in ("f1", "precision", "recall"))
    yield from (str(scores[name]) for name in ("known_legitimate", "victim_side", "innocent"))
    yield from (f"{scores['baselines'][name]['bcubed']['f1']:.3f}" for name in BASELINES)
    yield from (f"{core[name]:.4f}" for name in ("precision", "recall", "bcubed_recall"))
    names = ("known_legitimate", "victim_side", "innocent", "near_miss")
    yield from (str(harm[name]) for name in names)
    yield from (f"{costs[rule]['recall']:.4f}" for rule in ("robustness", "near_miss"))


def main(words: list[str] | None = None) -> None:
    """Prints a line of Markdown for each world and seed."""
    parser = measured.Parser("benchmarks.clusters", __doc__)
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="*")
    parser.add_argument(
        "--size", metavar="N", type=int, nargs=2, help="complaints and operations of each world"
    )
    parser.add_argument("--worlds", nargs="+", choices=KINDS, default=list(KINDS))
    arguments = parser.parse_args(words)
    worlds = [(kind, *arguments.size) for kind in arguments.worlds] if arguments.size else LISTED
    print(
        "B-cubed scores. Harm: known-legitimate (cited sites, forged senders) and victims' own"
        " identifiers, in any cluster; innocents: of all in shared clusters, of the core in any.\n"
    )
    lines = (
        (kind, f"{complaints:,}", operations, seed,
         *cells(evaluation(kind, complaints, operations, seed)))
        for kind, complaints, operations in worlds
        if kind in arguments.worlds
        for seed in arguments.seeds or (1001,)
    )  # fmt: skip
    measured.print_table(HEADS, lines)


if __name__ == "__main__":
    main()
