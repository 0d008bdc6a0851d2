"""Scores on hand-labelled texts: `python -m benchmarks.readings [--names | --transcripts]`.

The texts, `LABELS`, were written for the project before the rules of cues.toml were tuned on three
quarters of them. The other quarter, drawn by a hash of the text, was kept apart: only one of its
misses was looked at. A reading is right if its kind, place and holder match the label. The holder
is the suspect in a hard role, a displayed number or address, the victim, or somebody else.

With `--names` the masks of `batch --mask-names` are scored on `NAMES`. The rules that join words to
a name or an address were written after a look at the misses, before the other texts were set apart.

With `--transcripts` script families, brands and lures are scored on the FTC's robocalls. Their
transcripts are made by machine and have errors. Families have two truths:

- *Recording*: the campaigns in the FTC's data. Each is a single recording, by its sound.
- *Script*: `SCRIPT_LABELS`, the same transcripts by their wording. Brands, names, prices and
numbers
  may differ.

Several recordings read the same script. So families of scripts can score at most as much against
recordings as the script truth does. One campaign has four unrelated texts, which bounds the recall
of any method that reads words. A transcript without a family counts as its own family.

`CAMPAIGN_LABELS` has the impersonated brand and the lures of each of the 87 campaigns, from its
longest transcript. They hold for every transcript of the campaign. If a transcript stops before the
brand is spoken, the brand counts as missed. Some rules were corrected after a first look at these
transcripts, so the figures are optimistic. Other languages have no labelled set.
"""

from __future__ import annotations

import csv
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks import measured
from benchmarks.worlds import REAL, accepted
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import HARD_ROLES, EntityKind, Role
from tests.support.script_texts import find_families
from transforms.extract import MIN_SHARE, impersonation, match_families
from transforms.extract.fields import complaint_mentions
from transforms.extract.fingerprints import fingerprint_rows, tokenize
from transforms.graph import compare_clusterings

LABELS = Path(__file__).parents[1] / "tests/unit/transforms/extract/labelled_readings.txt"

TRANSCRIPTS = REAL / "robocall_transcripts" / "transcripts.csv"

SCRIPT_LABELS = Path(__file__).with_name("labels") / "scripts.csv"

CAMPAIGN_LABELS = Path(__file__).with_name("labels") / "campaigns.csv"

SHARES = (0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Values of `call_scripts.MIN_SHARE`, among which cross-validation chooses: the last comes close to
single recordings."""

NAMES = Path(__file__).parents[1] / "tests/unit/transforms/redact/labelled_names.txt"

KINDS = {
    "p": (EntityKind.PHONE, EntityKind.HANDLE),
    "e": (EntityKind.EMAIL,),
    "d": (EntityKind.DOMAIN, EntityKind.URL),
    "a": (EntityKind.ACCOUNT,),
    "w": (EntityKind.WALLET,),
    "h": (EntityKind.HANDLE,),
    "r": (EntityKind.REMOTE,),
}
"""The kinds that a letter of the labels stands for; a number in a chat link is a handle, too."""

SUSPECT, DISPLAYED, VICTIM, OTHER, UNREAD = "suspect", "displayed", "victim", "other", "unread"

HELD_OUT = "held out"

WHOLE, PART, MISSED = "whole", "part", "missed"
"""Shares of a label's letters and digits that were masked."""

_LINE = re.compile(
    r"(?P<language>\w\w)(?: (?P<country>\w\w) (?P<by>victim|suspect))?(?P<held> held)?"
    r" \| (?P<text>.*)"
)

_MARK = re.compile(r"\{(?P<letter>[a-z])(?:\.(?P<role>\w+)\??)?\|(?P<raw>[^}]*)\}")


class Label(NamedTuple):
    """A labelled place of a text, in code points, and the role of an identifier there.

    The letter is one of `KINDS`, or in `NAMES` a victim's name ("v") or address ("a") or a
    suspect's name ("s").
    """

    start: int
    end: int
    letter: str
    role: str


class LabelledText(NamedTuple):
    """A text, its labels, and whether it was kept apart while the rules were tuned.

    Those of `NAMES` have neither a country nor somebody whose words they are.
    """

    language: str
    country: str
    by: str
    text: str
    labels: tuple[Label, ...]
    held_out: bool


class Outcome(NamedTuple):
    """One reading: its kind, whose it is by the label (UNREAD: it has none), and as read."""

    kind: EntityKind
    labelled: str
    read: str
    text: LabelledText


def load_labels(path: Path = LABELS) -> list[LabelledText]:
    """Reads the labelled texts."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [parse_label(line) for line in lines if not line.startswith("#")]


def holder(role: str) -> str:
    """Returns whom a role shows holding an identifier."""
    if role in HARD_ROLES:
        return SUSPECT
    return {Role.CALLER_ID: DISPLAYED, Role.VICTIM: VICTIM}.get(Role(role), OTHER)


def read_texts(texts: Sequence[LabelledText]) -> list[Outcome]:
    """Reads the texts as narratives, and compares with the labels."""
    rows = [
        {
            "complaint_id": str(row),
            "source_org": "labels",
            "received_at": 0,
            "source": "",
            "position": row,
            "format": "",
            "victim_country": text.country,
            "narrative": text.text,
            "narrative_by": text.by,
        }
        for row, text in enumerate(texts)
    ]
    batch = pa.RecordBatch.from_pylist(rows, COMPLAINT_ACCEPTED)
    mentions: dict[int, list[dict[str, object]]] = {}
    for mention in complaint_mentions(batch).to_pylist():
        mentions.setdefault(mention["row"], []).append(mention)
    return [
        outcome
        for row, text in enumerate(texts)
        for outcome in _compare(text, mentions.get(row, []))
    ]


def scores(outcomes: Sequence[Outcome], party: str) -> tuple[int, float, float]:
    """Returns the number of labels of one holder, and precision and recall of readings of it."""
    labelled = sum(outcome.labelled == party for outcome in outcomes)
    read = sum(outcome.read == party for outcome in outcomes)
    right = sum(outcome.labelled == outcome.read == party for outcome in outcomes)
    return labelled, right / read if read else 1.0, right / labelled if labelled else 1.0


def named_innocents(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Returns the victims' and others' identifiers that were read as the suspect's."""
    return [
        outcome
        for outcome in outcomes
        if outcome.read == SUSPECT and outcome.labelled in (VICTIM, OTHER)
    ]


class NameScores(NamedTuple):
    """Labels by letter and by how much of them was masked, and masked words in and out of labels.

    `changed` are texts without a label in which a word was masked, of `unlabelled`.
    """

    labels: Counter[tuple[str, str]]
    right: int
    wrong: int
    changed: int
    unlabelled: int

    def share(self, letter: str, *parts: str) -> float:
        """Returns the share of the labels of a letter that were masked so far."""
        count = sum(number for (label, _), number in self.labels.items() if label == letter)
        return sum(self.labels[letter, part] for part in parts) / count

    def precision(self) -> float:
        """Returns the share of the masked words that stand in a label."""
        return self.right / (self.right + self.wrong)


def score_names(texts: Sequence[LabelledText]) -> NameScores:
    """Masks the texts, and compares with the labels."""
    from transforms.redact.names import name_spans

    labels: Counter[tuple[str, str]] = Counter()
    right = wrong = changed = 0
    for text in texts:
        masked = {
            position for start, end in name_spans(text.text) for position in range(start, end)
        }
        labelled = {position for label in text.labels for position in range(label.start, label.end)}
        for start, end, letter, _ in text.labels:
            in_mask = [
                position in masked
                for position in range(start, end)
                if text.text[position].isalnum()
            ]
            labels[letter, WHOLE if all(in_mask) else PART if any(in_mask) else MISSED] += 1
        words = [word.start() for word in re.finditer(r"\w+", text.text) if word.start() in masked]
        right += sum(position in labelled for position in words)
        wrong += sum(position not in labelled for position in words)
        changed += bool(words and not text.labels)
    return NameScores(labels, right, wrong, changed, sum(not text.labels for text in texts))


def print_names() -> None:
    """Prints what of the labelled names and addresses is masked, by language and in all."""
    from transforms.redact import MissingNamesLibraryError, recognizer_version

    try:
        print(recognizer_version())
    except MissingNamesLibraryError as error:
        sys.exit(f"--names needs a recognizer of names: {error}")
    texts = load_labels(NAMES)
    score_names(texts[:1])  # loads the model
    start = time.process_time()
    every = score_names(texts)
    spent = time.process_time() - start
    counted = Counter(letter for letter, _ in every.labels.elements())
    print(
        f"{len(texts)} texts: {counted['v']} names of victims, {counted['a']} addresses, "
        f"{counted['s']} names of suspects\n"
    )
    print("| language | names | addresses | in part | suspects' names | right words | traps |")
    print("|---|---|---|---|---|---|---|")
    languages = sorted({text.language for text in texts})
    for name in (*languages, "all", HELD_OUT):
        chosen = [
            text
            for text in texts
            if name in (text.language, "all") or (name == HELD_OUT and text.held_out)
        ]
        figures = score_names(chosen)
        print(
            f"| {name} | {figures.share('v', WHOLE):.2f} | {figures.share('a', WHOLE):.2f} | "
            f"{figures.share('a', PART):.2f} | {figures.share('s', WHOLE):.2f} | "
            f"{figures.precision():.2f} | {figures.changed} of {figures.unlabelled} |"
        )
    letters = sum(len(text.text) for text in texts)
    print(f"\n{spent / letters * 1e6:.0f} ms of CPU for 1,000 characters")


def parse_label(line: str) -> LabelledText:
    """Reads a labelled text; raises ValueError for a line that is none."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ValueError(f"not a labelled text: {line!r}")
    marked = parts["text"].replace("⏎", "\n")
    text, labels, done = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[done : mark.start()]
        end = len(text) + len(mark["raw"])
        labels.append(Label(len(text), end, mark["letter"], mark["role"] or ""))
        text += mark["raw"]
        done = mark.end()
    text += marked[done:]
    country, by = parts["country"] or "", parts["by"] or ""
    return LabelledText(parts["language"], country, by, text, tuple(labels), bool(parts["held"]))


def _compare(text: LabelledText, mentions: list[dict[str, object]]) -> Iterator[Outcome]:
    known = set()
    for label in text.labels:
        kinds = KINDS[label.letter]
        there = [
            mention
            for mention in mentions
            if mention["kind"] in kinds and _overlaps(label, mention)
        ]
        read = holder(str(there[0]["role"])) if there else UNREAD
        known |= {(mention["kind"], mention["value"]) for mention in there}
        yield Outcome(kinds[0], holder(label.role), read, text)
    for mention in mentions:
        if (mention["kind"], mention["value"]) not in known:
            read = holder(str(mention["role"]))
            yield Outcome(EntityKind(str(mention["kind"])), UNREAD, read, text)


def _overlaps(label: Label, mention: dict[str, object]) -> bool:
    start, end = mention["start"], mention["end"]
    return isinstance(start, int) and isinstance(end, int) and start < label.end > label.start < end


def script_truth() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Returns file, campaign and script of each labelled transcript."""
    labels = csv_rows(SCRIPT_LABELS)
    by_campaign = {row["campaign_id"]: row["script"] for row in labels if not row["file"]}
    by_file = {row["file"]: row["script"] for row in labels if row["file"]}
    rows = [row for row in csv_rows(TRANSCRIPTS) if row["campaign_id"]]
    campaigns = [row["campaign_id"] for row in rows]
    files = [row["file"] for row in rows]
    scripts = [
        by_file.get(name, by_campaign.get(campaign, ""))
        for name, campaign in zip(files, campaigns, strict=True)
    ]
    return files, np.array(campaigns), np.array(scripts)


def families_by_record(rows: pa.RecordBatch, share: float = MIN_SHARE) -> dict[str, str]:
    """Returns the family of which each narrative has most, by complaint id."""
    which = match_families(rows, find_families(rows, share))
    ids = rows["complaint_id"].to_pylist()
    best: dict[str, tuple[int, int]] = {}
    for row, family, words in zip(
        which.row.tolist(), which.family.tolist(), which.words.tolist(), strict=True
    ):
        best[ids[row]] = min(best.get(ids[row], (0, 0)), (-words, family))
    return {record: str(family) for record, (_, family) in best.items()}


def print_scripts() -> None:
    """Prints a line for each method of finding script families."""
    files, campaigns, scripts = script_truth()
    table = pa.Table.from_batches([rows for _, rows in accepted([str(TRANSCRIPTS)], [])])
    complaints = table.combine_chunks().to_batches()[0]
    rows = fingerprint_rows(complaints)
    ids, tokens = complaints["complaint_id"].to_pylist(), tokenize(complaints["narrative"])
    exact = {
        complaint_id: " ".join(tokens.spellings.take(pa.array(tokens.word[a:b])).to_pylist())
        for complaint_id, (a, b) in zip(ids, pairwise(tokens.bounds.tolist()), strict=True)
    }
    alone = {file: f"alone {file}" for file in files}
    labels = {share: alone | families_by_record(rows, share) for share in SHARES}
    print(f"{len(files)} labelled transcripts of {len(ids)}; B-cubed F1, pair precision and recall")
    print(f"{'':<34}{'recording':>24}{'script':>24}")
    print(f"{'':<34}" + f"{'F1':>8}{'prec':>8}{'recall':>8}" * 2)
    scripts_of = dict(zip(files, scripts, strict=True))
    for name, family in (
        ("equal texts", exact),
        ("script families", labels[MIN_SHARE]),
        *((f"  with call_scripts.MIN_SHARE at {share}", labels[share]) for share in SHARES),
        ("the script truth itself", scripts_of),
    ):
        cells = []
        for truth in (campaigns, scripts):
            agreed = compare_clusterings(truth, np.array([family[file] for file in files]))
            cells += [agreed.bcubed.f1, agreed.pairwise.precision, agreed.pairwise.recall]
        print(f"{name:<34}" + "".join(f"{cell:>8.3f}" for cell in cells))
    by_share = {
        share: np.array([family[file] for file in files]) for share, family in labels.items()
    }
    for name, folds in (("campaign", campaigns), ("script", scripts)):
        f1, recall, chosen = cross_validate(by_share, scripts, folds)
        shares = ", ".join(f"{share} for {count}" for share, count in sorted(chosen.items()))
        print(
            f"scripts, chosen without the {name} in question: B-cubed F1 {f1:.3f}, "
            f"pair recall {recall:.3f} (MIN_SHARE {shares} of {len(set(folds))})"
        )


def cross_validate(
    labels: Mapping[float, np.ndarray], truth: np.ndarray, folds: np.ndarray
) -> tuple[float, float, Counter[float]]:
    """Scores each fold with the `MIN_SHARE` that is best on the other folds.

    The best share has the highest B-cubed F1 among the transcripts of all other folds (ties: the
    lowest share). Each transcript of the fold is scored in B-cubed, against all transcripts. Each
    pair with such a transcript is scored in pair recall.

    Returns:
        B-cubed F1, pair recall, and how often each share was the best.
    """
    same = truth[:, None] == truth[None, :]
    together = {share: label[:, None] == label[None, :] for share, label in labels.items()}
    precision, recall, pairs = np.zeros(len(truth)), np.zeros(len(truth)), np.zeros((2, len(truth)))
    chosen: Counter[float] = Counter()
    for fold in np.unique(folds):
        rest, inside = folds != fold, folds == fold
        f1 = {
            share: compare_clusterings(truth[rest], label[rest]).bcubed.f1
            for share, label in labels.items()
        }
        best = min(labels, key=lambda share: (-f1[share], share))
        chosen[best] += 1
        both = (same & together[best])[inside].sum(axis=1)
        precision[inside] = both / together[best][inside].sum(axis=1)
        recall[inside] = both / same[inside].sum(axis=1)
        pairs[:, inside] = both - 1, same[inside].sum(axis=1) - 1
    mean = precision.mean(), recall.mean()
    return 2 * mean[0] * mean[1] / sum(mean), pairs[0].sum() / pairs[1].sum(), chosen


class FoundScore(NamedTuple):
    """Transcripts that have something, were found to have it, and both."""

    labelled: int
    recognized: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / self.recognized if self.recognized else 1.0

    @property
    def recall(self) -> float:
        """Share of what is labelled that was found."""
        return self.right / self.labelled if self.labelled else 1.0


def impersonation_scores() -> dict[tuple[str, str], FoundScore]:
    """Returns the scores by (brand or lure, name), and by (brand or lure, "all")."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for claim, wanted, named in _judged():
        for names, kind in ((wanted, "labelled"), (named, "found"), (wanted & named, "right")):
            for name in (*names, *(["all"] * len(names))):
                counts.setdefault((claim, name), Counter())[kind] += 1
    return {
        key: FoundScore(count["labelled"], count["found"], count["right"])
        for key, count in sorted(counts.items())
    }


def _judged() -> Iterator[tuple[str, set[str], set[str]]]:
    labels = {row["campaign_id"]: row for row in csv_rows(CAMPAIGN_LABELS)}
    known = [row for row in csv_rows(TRANSCRIPTS) if row["campaign_id"] in labels]
    texts = pa.array([row["transcript"] for row in known], pa.string())
    nothing = pa.nulls(len(texts), pa.string())
    claims = impersonation.find_impersonation(nothing, texts)
    named = impersonation.infer_brands(claims).to_pylist()
    for row, brand, claimed in zip(known, named, claims.to_pylist(), strict=True):
        label = labels[row["campaign_id"]]
        yield "brand", {label["brand"]} - {""}, {brand} - {None}
        lures = {claim["name"] for claim in claimed if claim["what"] == impersonation.LURE}
        yield "lure", set(label["lures"].split("|")) - {""}, lures


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def print_impersonation() -> None:
    """Prints a Markdown table of brands and lures."""
    print("| | name | labelled | found | right | precision | recall |")
    print("|---|---|---|---|---|---|---|")
    for (claim, name), score in impersonation_scores().items():
        print(
            f"| {claim} | {name} | {score.labelled} | {score.recognized} | {score.right} "
            f"| {score.precision:.2f} | {score.recall:.2f} |"
        )


def print_readings() -> None:
    """Prints precision and recall by kind and holder, of all texts and of those kept apart."""
    texts = load_labels()
    outcomes = read_texts(texts)
    parts: dict[str, list[Outcome]] = {"tuned on": [], HELD_OUT: []}
    for outcome in outcomes:
        parts[HELD_OUT if outcome.text.held_out else "tuned on"].append(outcome)
    print(f"{len(texts)} texts, {sum(len(text.labels) for text in texts)} labelled readings\n")
    print("| kind | holder | tuned on | precision | recall | held out | precision | recall |")
    print("|---|---|---|---|---|---|---|---|")
    kinds = sorted({outcome.kind for outcome in outcomes})
    for kind in (*kinds, "all"):
        for party in (SUSPECT, DISPLAYED, VICTIM, OTHER):
            cells = [
                scores([outcome for outcome in part if kind in (outcome.kind, "all")], party)
                for part in parts.values()
            ]
            if any(count for count, _, _ in cells):
                figures = " | ".join(f"{n} | {p:.2f} | {r:.2f}" for n, p, r in cells)
                print(f"| {kind} | {party} | {figures} |")
    for name, part in parts.items():
        print(f"\n{name}: {len(named_innocents(part))} of victims or others read as the suspect's")


def print_transcripts() -> None:
    """Prints both scores of the transcripts."""
    if not TRANSCRIPTS.exists():
        sys.exit(f"the transcripts are not at {TRANSCRIPTS}")
    print_scripts()
    print()
    print_impersonation()


def main(words: list[str] | None = None) -> None:
    """Prints the scores that were asked for."""
    parser = measured.Parser("benchmarks.readings", __doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--names", action="store_true", help="of names and addresses, masked")
    which.add_argument("--transcripts", action="store_true", help="of scripts, brands and lures")
    options = parser.parse_args(words)
    if options.names:
        print_names()
    elif options.transcripts:
        print_transcripts()
    else:
        print_readings()


if __name__ == "__main__":
    main()
