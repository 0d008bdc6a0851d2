"""Calibration of campaigns: `python -m benchmarks.campaigns [SEED ...] [--fit]`.

Simulates worlds, runs them, and compares each lead's probability with the truth: the share of pairs
of members that belong to the same operation. Prints the Brier score, the Brier score of a constant
mean, and a table of reliability. Then it prints the same for leads that are only ranked, whose
score a run does not state.

With `--fit` the worlds of `FITTED`, or of the SEEDs, are run instead of `HELD_OUT`, and their
`transforms/data/campaigns.toml` is printed: a logistic model of pairs, with and without the traits
that calls show, and an isotonic table for the mean of a campaign's pairs (Zadrozny and Elkan, KDD
2002; pool adjacent violators, Ayer et al., 1955).
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from scipy.optimize import isotonic_regression
from scipy.special import expit

from benchmarks import measured
from benchmarks.clusters import KINDS, world_options
from pipelines.batch.joint_pipeline import own_evidence
from pipelines.simulate import narratives
from pipelines.simulate.world import World, plan_rings
from reports.run import Run
from schemas.entity import without_epoch
from transforms.arrow import hash_text
from transforms.campaigns import (
    FEATURES,
    Models,
    PairModel,
    Shared,
    campaign_uses,
    candidate_groups,
    pair_means,
    trait_rows,
)
from transforms.graph.assign import ASSIGNMENT, cluster_number

CALIBRATED = ("plain", "noise-2", "pooled", "dominant", "no-calls")
"""Kinds of worlds, of `benchmarks.clusters`."""

SIZES = ((3_000, 25), (8_000, 65))
"""Complaints and operations of the worlds of each kind and seed."""

FITTED = (8101, 8102, 8103)

HELD_OUT = (8201, 8202)

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)

RIDGE = 1.0
"""Penalty on the weights of the logistic model."""

KNOTS = 25
"""Campaigns that a step of the isotonic table rests on, at least."""

SUREST = 0.99
"""The highest probability that so few campaigns can show."""


@dataclass(frozen=True)
class SimulatedRun:
    """A run of a world: its folder, and the operation of each identifier, by the plan."""

    folder: Path
    owners: Mapping[str, str]

    def owner_by_cluster(self) -> dict[str, str]:
        """Returns, by cluster, the operation of most of its members; a name of its own for none."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for entity_id, cluster in measured.cluster_by_entity(self.folder).items():
            owner = self.owners.get(without_epoch(entity_id), f"nobody: {entity_id}")
            counts[cluster][owner] += 1
        return {
            cluster: min(count, key=lambda operation: (-count[operation], operation))
            for cluster, count in counts.items()
        }

    def shared(self) -> Shared:
        """Returns what its clusters share, from its tables."""
        rows = ds.dataset(self.folder / "members").to_table(columns=["entity_id", "cluster_id"])
        node = hash_text(rows["entity_id"])
        order = np.argsort(node)
        number = np.array(
            [cluster_number(cluster_id) for cluster_id in rows["cluster_id"].to_pylist()]
        )
        columns = {field.name: pa.nulls(len(node), field.type) for field in ASSIGNMENT}
        columns |= {"node": pa.array(node[order]), "cluster": pa.array(number[order])}
        columns["hub"] = pa.repeat(pa.scalar(value=False), len(node))
        assignment = pa.RecordBatch.from_pydict(columns, schema=ASSIGNMENT)
        evidence = own_evidence(Run.open(self.folder))
        uses = pa.concat_tables([campaign_uses(batch, assignment) for batch in evidence])
        return Shared.from_traits(trait_rows(uses))


def simulated_run(
    kind: str, complaints: int, operations: int, seed: int, place: Path
) -> SimulatedRun:
    """Simulates a world and runs it below `place`.

    Raises:
        RuntimeError: if the plan is not that of the world's truth.
    """
    world = World(seed=seed, complaints=complaints, operations=operations, **KINDS[kind])
    options = world_options(kind, complaints, operations, seed)
    folder = measured.simulate(place / "world", options)
    run = measured.run_world(folder, place / "run")
    plan = plan_rings(Random(seed), world, narratives.SCRIPTS)
    truth = measured.read_pairs(folder / "truth.csv")
    if any(plan.owners.get(entity_id) != owner for entity_id, owner in truth.items()):
        raise RuntimeError(f"seed {seed}: the simulator no longer draws its plan first")
    owners = {
        entity_id: owner for entity_id, owner in plan.owners.items() if entity_id not in plan.shared
    }
    return SimulatedRun(run, owners)


def same_operation(clusters: Sequence[str], owner: Mapping[str, str]) -> float:
    """Returns the share of pairs of clusters that are of one operation."""
    counts = Counter(owner[number] for number in clusters).values()
    pairs = sum(number * (number - 1) for number in counts)
    return pairs / (len(clusters) * (len(clusters) - 1))


def fit_logistic(features: np.ndarray, same: np.ndarray) -> tuple[float, ...]:
    """Returns intercept and weights by Newton's method, those of features that vary."""
    varies = features.std(axis=0) > 0
    rows = np.c_[np.ones(len(features)), features[:, varies]]
    weights = np.zeros(rows.shape[1])
    penalty = np.diag([0.0, *([RIDGE] * (rows.shape[1] - 1))])
    for _ in range(50):
        likely = expit(rows @ weights)
        slope = rows.T @ (likely - same) + penalty @ weights
        bend = (rows * (likely * (1 - likely))[:, None]).T @ rows + penalty
        weights -= np.linalg.solve(bend, slope)
    weight_of = np.zeros(1 + features.shape[1])
    weight_of[np.concatenate([[True], varies])] = weights
    return tuple(np.round(weight_of, 3).tolist())


def fit_isotonic(mean: np.ndarray, share: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Returns the knots of an ascending function of `mean` that is nearest to `share`."""
    order = np.argsort(mean, kind="stable")
    steps = [order[start : start + KNOTS] for start in range(0, len(order), KNOTS)]
    weight = np.array([len(rows) for rows in steps])
    fitted = isotonic_regression([share[rows].mean() for rows in steps], weights=weight)
    firsts = fitted.blocks[:-1]
    sums = np.add.reduceat([mean[rows].sum() for rows in steps], firsts)
    means = sums / np.add.reduceat(weight, firsts)
    shares = np.minimum(fitted.x[firsts], SUREST)
    return tuple(np.round(means, 4).tolist()), tuple(np.round(shares, 4).tolist())


def fit(runs: Iterable[tuple[str, SimulatedRun]]) -> str:
    """Returns the models that runs of worlds give, as a file."""
    parts: dict[bool, list[tuple[np.ndarray, np.ndarray]]] = {True: [], False: []}
    kept: list[tuple[Shared, np.ndarray]] = []
    for _, run in runs:
        owner, shared = run.owner_by_cluster(), run.shared()
        names = np.array([owner[f"c-{number:016x}"] for number in shared.cluster.tolist()])
        a, b = shared.pairs()
        features, same = shared.features(a, b), (names[a] == names[b]).astype(float)
        known = shared.in_calls[a] & shared.in_calls[b]
        parts[True].append((features[known], same[known]))
        blind = features.copy()
        blind[:, [FEATURES.index("trunk"), FEATURES.index("orig_id")]] = 0.0
        parts[False].append((blind, same))
        kept.append((shared, names))
    with_calls, without = (
        PairModel(
            fit_logistic(*(np.concatenate(part) for part in zip(*parts[in_calls], strict=True)))
        )
        for in_calls in (True, False)
    )
    models = Models(with_calls, without)
    means, shares = [], []
    for shared, names in kept:
        groups = candidate_groups(shared, models)
        for nodes, mean in zip(groups, pair_means(shared, models, groups), strict=True):
            if shared.in_calls[nodes].all():
                means.append(mean)
                members = names[nodes].tolist()
                shares.append(same_operation(members, {member: member for member in members}))
    table = fit_isotonic(np.array(means), np.array(shares))
    lines = []
    for name, model in (("with_calls", with_calls), ("without_calls", without)):
        weights = zip(("intercept", *FEATURES), model.weights, strict=True)
        lines += [f"[{name}.weights]", *(f"{key} = {value}" for key, value in weights), ""]
    columns = zip(("mean", "probability"), table, strict=True)
    lines += ["[with_calls.table]", *(f"{key} = {list(values)}" for key, values in columns)]
    return "\n".join(lines)


def print_reliability(runs: Iterable[tuple[str, SimulatedRun]]) -> None:
    """Prints a line for each world, then the table of all that have a probability."""
    every: list[tuple[float, float]] = []

    def lines() -> Iterator[list[object]]:
        for name, run in runs:
            owner = run.owner_by_cluster()
            rows = ds.dataset(run.folder / "campaigns").to_table().to_pylist()
            leads = [
                (
                    lead["probability"],
                    same_operation([member["cluster_id"] for member in lead["members"]], owner),
                )
                for lead in rows
            ]
            stated = [(likely, share) for likely, share in leads if likely is not None]
            ranked = [share for likely, share in leads if likely is None]
            every.extend(stated)
            mean = f"{np.mean(ranked):.3f}" if ranked else "-"
            brier = _brier(np.array(stated).reshape(-1, 2))
            yield [name, f"{len(owner):,}", len(rows), len(stated), *brier, mean]

    heads = ("world", "clusters", "leads", "with a probability", "Brier", "of their mean", "ranked")
    measured.print_table(heads, lines())
    print()
    pairs = np.array(every).reshape(-1, 2)
    place = np.digitize(pairs[:, 0], BINS[1:-1])
    bins = (
        (
            f"{BINS[number]} to {BINS[number + 1]}",
            len(rows),
            *map("{:.3f}".format, rows.mean(axis=0)),
        )
        for number in range(len(BINS) - 1)
        if len(rows := pairs[place == number])
    )
    measured.print_table(("probability", "leads", "mean stated", "of one operation"), bins)
    print("\nall: Brier {}, of their mean {}".format(*_brier(pairs)))


def _brier(pairs: np.ndarray) -> tuple[str, str]:
    """Returns the Brier score of (probability, share) and that of the mean share."""
    if not len(pairs):
        return "-", "-"
    stated, share = pairs.T
    expected = share * (1 - stated) ** 2 + (1 - share) * stated**2
    return f"{expected.mean():.4f}", f"{share.mean() * (1 - share.mean()):.4f}"


def main(words: list[str] | None = None) -> None:
    """Prints the tables, or the models."""
    parser = measured.Parser("benchmarks.campaigns", __doc__)
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="*")
    parser.add_argument("--fit", action="store_true", help="print the models of other worlds")
    options = parser.parse_args(words)
    seeds = options.seeds or (FITTED if options.fit else HELD_OUT)
    with tempfile.TemporaryDirectory() as folder:
        runs = (
            (
                f"{kind}, {complaints:,}, {operations} rings, seed {seed}",
                simulated_run(
                    kind, complaints, operations, seed, Path(folder, f"{kind}{complaints}{seed}")
                ),
            )
            for kind in CALIBRATED
            for complaints, operations in SIZES
            for seed in seeds
        )
        if options.fit:
            print(fit(runs))
        else:
            print_reliability(runs)


if __name__ == "__main__":
    main()
