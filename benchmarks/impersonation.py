"""Precision and recall of brand and lure on the robocall transcripts.

`python -m benchmarks.impersonation`

The truth is `campaign_labels.csv`: for each of the 87 campaigns, which are one recording each, the
brand that it pretends to be and its lures, labelled by hand from the longest transcript. It holds
for every transcript of the campaign, also for one that stops before the brand is said; what is
missed so counts as missed. A few rules were mended after a first look at these very transcripts, so
the figures flatter them; other languages have no labelled set. Transcripts are machine-made, with
the errors of that.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from benchmarks.records import REAL
from transforms.extract import impersonation

LABELS = Path(__file__).with_name("campaign_labels.csv")

TRANSCRIPTS = REAL / "robocall_transcripts" / "transcripts.csv"


class Score(NamedTuple):
    """Transcripts that have something, were found to have it, and both."""

    labelled: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is labelled that was found."""
        return self.right / self.labelled if self.labelled else 1.0


def scores() -> dict[tuple[str, str], Score]:
    """By (brand or lure, name), and by (brand or lure, "all")."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for what, wanted, found in _judged():
        for names, kind in ((wanted, "labelled"), (found, "found"), (wanted & found, "right")):
            for name in (*names, *(["all"] * len(names))):
                counts.setdefault((what, name), Counter())[kind] += 1
    return {
        key: Score(count["labelled"], count["found"], count["right"])
        for key, count in sorted(counts.items())
    }


def _judged() -> Iterator[tuple[str, set[str], set[str]]]:
    labels = {row["campaign_id"]: row for row in _rows(LABELS)}
    known = [row for row in _rows(TRANSCRIPTS) if row["campaign_id"] in labels]
    texts = pa.array([row["transcript"] for row in known], pa.string())
    nothing = pa.nulls(len(texts), pa.string())
    told = impersonation.find_impersonation(nothing, texts)
    named = impersonation.infer_brands(nothing, told).to_pylist()
    for row, brand, found in zip(known, named, told.to_pylist(), strict=True):
        label = labels[row["campaign_id"]]
        yield "brand", {label["brand"]} - {""}, {brand} - {None}
        lures = {one["name"] for one in found if one["what"] == impersonation.LURE}
        yield "lure", set(label["lures"].split("|")) - {""}, lures


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Print a Markdown table."""
    if not TRANSCRIPTS.exists():
        sys.exit(f"the transcripts are not at {TRANSCRIPTS}")
    print("| | name | labelled | found | right | precision | recall |")
    print("|---|---|---|---|---|---|---|")
    for (what, name), score in scores().items():
        print(
            f"| {what} | {name} | {score.labelled} | {score.found} | {score.right} "
            f"| {score.precision:.2f} | {score.recall:.2f} |"
        )


if __name__ == "__main__":
    main()
