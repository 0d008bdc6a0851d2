"""What `ringtrace evaluate` found, as JSON and as lines for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from transforms.scoring.flags import Flags
from transforms.scoring.intervals import Intervals
from transforms.scoring.metrics import Agreement
from transforms.scoring.survival import Survival


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    `missing`: identifiers of the truth in no cluster, each counted as a cluster of its own.
    `unjudged`: members that the truth does not know, left out of the scores.
    The harm counts are members: known-legitimate ones, victims' own, and innocents that share a
    cluster with another member; None where no file names them.
    """

    agreement: Agreement
    intervals: Intervals
    clusters: int
    operations: int
    missing: int
    unjudged: int
    known_legitimate: int
    victim_side: int | None
    innocent: int | None


def as_json(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: Survival | None,
    flagged: Flags | None = None,
) -> dict[str, object]:
    """The whole evaluation, fit for JSON; baselines and survival only where they were asked for."""
    told: dict[str, object] = asdict(result) | {"agreement": _agreement(result.agreement)}
    if others:
        told["baselines"] = {name: _agreement(one) for name, one in others.items()}
    if survived:
        told["survival"] = asdict(survived)
    if flagged:
        shares = {"precision": flagged.precision, "recall": flagged.recall}
        told["hubs"] = asdict(flagged) | shares
    return told


def _agreement(one: Agreement) -> dict[str, object]:
    told = asdict(one)
    told["pairwise"]["f1"] = one.pairwise.f1
    told["bcubed"]["f1"] = one.bcubed.f1
    return told


def lines(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: Survival | None,
    flagged: Flags | None = None,
) -> list[tuple[str, str]]:
    """What is printed: a name and a value a line."""
    return [
        *_lines(result),
        *_survival_lines(survived),
        *_flag_lines(flagged),
        *_baseline_lines(others),
    ]


def _lines(result: Evaluation) -> list[tuple[str, str]]:
    agreement = result.agreement
    lines = [
        (f"{name} {part}", f"{value:.4f}")
        for name, score in (("B-cubed", agreement.bcubed), ("pairwise", agreement.pairwise))
        for part, value in (
            ("precision", score.precision),
            ("recall", score.recall),
            ("F1", score.f1),
        )
    ]
    lines += [
        (f"{name} F1, 95 % interval", f"{low:.4f} to {high:.4f}")
        for name, (low, high) in (
            ("B-cubed", result.intervals.bcubed),
            ("pairwise", result.intervals.pairwise),
        )
    ]
    lines += [
        ("adjusted Rand index", f"{agreement.adjusted_rand:.4f}"),
        ("share of the largest cluster", f"{agreement.largest_share:.4f}"),
        ("identifiers in the truth", f"{agreement.items}"),
        ("  of these in no cluster", f"{result.missing}"),
        ("operations in the truth", f"{result.operations}"),
        ("  of these split", f"{agreement.split}"),
        ("clusters in the run", f"{result.clusters}"),
        ("  of these merging operations", f"{agreement.merged}"),
        ("members that the truth does not know", f"{result.unjudged}"),
        ("harm: known-legitimate in a cluster", f"{result.known_legitimate}"),
    ]
    if result.victim_side is not None:
        lines.append(("harm: victim-side in a cluster", f"{result.victim_side}"))
    if result.innocent is not None:
        lines.append(("harm: innocents in a shared cluster", f"{result.innocent}"))
    return lines


def _baseline_lines(others: Mapping[str, Agreement]) -> list[tuple[str, str]]:
    return [
        (f"baseline {name}: B-cubed F1, pairwise F1", f"{one.bcubed.f1:.4f}, {one.pairwise.f1:.4f}")
        for name, one in others.items()
    ]


def _flag_lines(flagged: Flags | None) -> list[tuple[str, str]]:
    if flagged is None:
        return []
    return [
        ("called a hub", f"{flagged.flagged}"),
        ("  precision: serve two operations or more", f"{flagged.precision:.4f}"),
        ("  recall of what serves three or more, often seen", f"{flagged.recall:.4f}"),
    ]


def _survival_lines(survived: Survival | None) -> list[tuple[str, str]]:
    if survived is None:
        return []
    return [
        ("operations with a main cluster in both runs", f"{survived.operations}"),
        ("  of these with the same id", f"{survived.kept}"),
    ]


def show(lines: Sequence[tuple[str, str]]) -> None:
    """Print the lines: a table on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for name, value in lines:
            sys.stdout.write(f"{name}\t{value}\n")
        return
    table = Table("measure", "value", title="Agreement with the truth")
    for name, value in lines:
        table.add_row(name, value, style="bold" if name == "B-cubed F1" else None)
    Console().print(table)
