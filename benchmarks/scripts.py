"""Script families of the labelled robocall transcripts: `python -m benchmarks.scripts`.

Two truths. *Recording*: the campaigns that the FTC's data names, each one recording by the sound
of it. *Script*: `script_labels.csv`, the same transcripts labelled by hand by what is read out,
whoever reads it: brands, names, prices and numbers may differ. One script is read by several
recordings, so the script truth itself, held against the recordings, is the most that families of
scripts can score there; and one campaign holds four unrelated texts, which bounds the recall of
anything that reads the words. A transcript that is in no family counts as one of its own.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.records import REAL, accepted
from transforms.call_scripts.families import MIN_SHARE, find_families
from transforms.call_scripts.fingerprints import fingerprint_rows
from transforms.call_scripts.matches import match_families
from transforms.call_scripts.tokens import tokenize_text
from transforms.clustering_metrics import compare_clusterings

TRANSCRIPTS = REAL / "robocall_transcripts" / "transcripts.csv"

LABELS = Path(__file__).with_name("script_labels.csv")

SHARES = (0.5, 0.6, 0.8, 0.95)
"""Other values of `families.MIN_SHARE`: the last comes close to single recordings."""


def truth() -> tuple[list[str], np.ndarray, np.ndarray]:
    """File, campaign and script of each labelled transcript."""
    with LABELS.open(newline="", encoding="utf-8") as file:
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


def main() -> None:
    """Print one line a method."""
    if not TRANSCRIPTS.exists():
        print(f"scripts: real data absent: {TRANSCRIPTS}")
        return
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
        name = f"  with families.ALIKE at {share}"
        _line(name, campaigns, scripts, np.array([ours[one] for one in files]))
    _line("the script truth itself", campaigns, scripts, scripts)


if __name__ == "__main__":
    main()
