"""Scores on the labelled robocall transcripts: `python -m benchmarks.transcripts`.

Script families have two truths. *Recording*: the campaigns that the FTC's data names, each one
recording by the sound of it. *Script*: `script_labels.csv`, the same transcripts labelled by hand
by what is read out, whoever reads it: brands, names, prices and numbers may differ. One script is
read by several recordings, so the script truth itself, scored against the recordings, is the most
that families of scripts can score there; and one campaign holds four unrelated texts, which bounds
the recall of anything that reads the words. A transcript that is in no family counts as one of its
own.

The truth of brand and lure is `campaign_labels.csv`: for each of the 87 campaigns the brand that it
pretends to be and its lures, labelled by hand from the longest transcript. It holds for every
transcript of the campaign, also for one that stops before the brand is said; what is missed so
counts as missed. A few rules were mended after a first look at these very transcripts, so the
figures flatter them; other languages have no labelled set. Transcripts are machine-made, with the
errors of that.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.worlds import REAL, accepted
from transforms.call_scripts import MIN_SHARE, find_families, match_families
from transforms.clustering_metrics import compare_clusterings
from transforms.extract import impersonation
from transforms.extract.fingerprints import fingerprint_rows, tokenize_text

TRANSCRIPTS = REAL / "robocall_transcripts" / "transcripts.csv"

SCRIPT_LABELS = Path(__file__).with_name("script_labels.csv")

CAMPAIGN_LABELS = Path(__file__).with_name("campaign_labels.csv")

SHARES = (0.5, 0.6, 0.8, 0.95)
"""Other values of `call_scripts.MIN_SHARE`: the last comes close to single recordings."""

FOLDED = (0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""The values among which cross-validation chooses."""


def truth() -> tuple[list[str], np.ndarray, np.ndarray]:
    """File, campaign and script of each labelled transcript."""
    with SCRIPT_LABELS.open(newline="", encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    by_campaign = {row["campaign_id"]: row["script"] for row in labels if not row["file"]}
    by_file = {row["file"]: row["script"] for row in labels if row["file"]}
    with TRANSCRIPTS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["campaign_id"]]
    campaigns = [row["campaign_id"] for row in rows]
    files = [row["file"] for row in rows]
    scripts = [
        by_file.get(name, by_campaign.get(campaign, ""))
        for name, campaign in zip(files, campaigns, strict=True)
    ]
    return files, np.array(campaigns), np.array(scripts)


def found(rows: pa.RecordBatch, share: float = MIN_SHARE) -> dict[str, str]:
    """The family of which each narrative holds most, by complaint id."""
    which = match_families(rows, find_families(rows, share))
    ids = rows["complaint_id"].to_pylist()
    best: dict[str, tuple[int, int]] = {}
    for row, family, words in zip(
        which.row.tolist(), which.family.tolist(), which.words.tolist(), strict=True
    ):
        best[ids[row]] = min(best.get(ids[row], (0, 0)), (-words, family))
    return {record: str(family) for record, (_, family) in best.items()}


def _line(name: str, campaigns: np.ndarray, scripts: np.ndarray, label: np.ndarray) -> None:
    told = []
    for of in (campaigns, scripts):
        agreed = compare_clusterings(of, label)
        told += [agreed.bcubed.f1, agreed.pairwise.precision, agreed.pairwise.recall]
    print(f"{name:<34}" + "".join(f"{one:>8.3f}" for one in told))


def print_scripts() -> None:
    """Prints a line for each method of finding script families."""
    files, campaigns, scripts = truth()
    table = pa.Table.from_batches([rows for _, rows in accepted([str(TRANSCRIPTS)], [])])
    complaints = table.combine_chunks().to_batches()[0]
    rows = fingerprint_rows(complaints)
    ids, texts = (complaints[name].to_pylist() for name in ("complaint_id", "narrative"))
    exact = {
        one: " ".join(word for word, _, _ in tokenize_text(text or ""))
        for one, text in zip(ids, texts, strict=True)
    }
    alone = {one: f"alone {one}" for one in files}
    print(f"{len(files)} labelled transcripts of {len(ids)}; B-cubed F1, pair precision and recall")
    print(f"{'':<34}{'recording':>24}{'script':>24}")
    print(f"{'':<34}" + f"{'F1':>8}{'prec':>8}{'recall':>8}" * 2)
    _line("equal texts", campaigns, scripts, np.array([exact[one] for one in files]))
    ours = alone | found(rows)
    _line("script families", campaigns, scripts, np.array([ours[one] for one in files]))
    for share in SHARES:
        ours = alone | found(rows, share)
        name = f"  with call_scripts.MIN_SHARE at {share}"
        _line(name, campaigns, scripts, np.array([ours[one] for one in files]))
    _line("the script truth itself", campaigns, scripts, scripts)
    labels = {}
    for share in FOLDED:
        ours = alone | found(rows, share)
        labels[share] = np.array([ours[one] for one in files])
    for name, folds in (("campaign", campaigns), ("script", scripts)):
        score, chosen = cross_validate(labels, scripts, folds)
        shares = ", ".join(f"{share} for {count}" for share, count in sorted(chosen.items()))
        print(
            f"scripts, chosen without the {name} in question: B-cubed F1 {score.f1:.3f}, "
            f"pair recall {score.pair_recall:.3f} (MIN_SHARE {shares} of {len(set(folds))})"
        )


class FoldScore(NamedTuple):
    """The scores of transcripts that were looked at by no one who chose the constant."""

    f1: float
    pair_recall: float


def cross_validate(
    labels: Mapping[float, np.ndarray], truth: np.ndarray, folds: np.ndarray
) -> tuple[FoldScore, Counter[float]]:
    """Scores each fold by the `MIN_SHARE` that is best on the others; how often which was.

    The best has the highest B-cubed F1 among the transcripts of all other folds (ties: the lowest
    share). What is scored are the transcripts of the fold, beside all: in B-cubed each of them, in
    pair recall the pairs that have one of them.
    """
    same = truth[:, None] == truth[None, :]
    together = {share: one[:, None] == one[None, :] for share, one in labels.items()}
    precision, recall, pairs = np.zeros(len(truth)), np.zeros(len(truth)), np.zeros((2, len(truth)))
    chosen: Counter[float] = Counter()
    for fold in np.unique(folds):
        rest, inside = folds != fold, folds == fold
        f1 = {
            share: compare_clusterings(truth[rest], one[rest]).bcubed.f1
            for share, one in labels.items()
        }
        best = min(labels, key=lambda share: (-f1[share], share))
        chosen[best] += 1
        both = (same & together[best])[inside].sum(axis=1)
        precision[inside] = both / together[best][inside].sum(axis=1)
        recall[inside] = both / same[inside].sum(axis=1)
        pairs[:, inside] = both - 1, same[inside].sum(axis=1) - 1
    mean = precision.mean(), recall.mean()
    return FoldScore(2 * mean[0] * mean[1] / sum(mean), pairs[0].sum() / pairs[1].sum()), chosen


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
    labels = {row["campaign_id"]: row for row in _rows(CAMPAIGN_LABELS)}
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


def print_impersonation() -> None:
    """Prints a Markdown table of brands and lures."""
    print("| | name | labelled | found | right | precision | recall |")
    print("|---|---|---|---|---|---|---|")
    for (what, name), score in scores().items():
        print(
            f"| {what} | {name} | {score.labelled} | {score.found} | {score.right} "
            f"| {score.precision:.2f} | {score.recall:.2f} |"
        )


def main() -> None:
    """Prints both."""
    if not TRANSCRIPTS.exists():
        sys.exit(f"the transcripts are not at {TRANSCRIPTS}")
    print_scripts()
    print()
    print_impersonation()


if __name__ == "__main__":
    main()
