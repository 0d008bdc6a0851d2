"""Scores on labelled narratives: `python -m benchmarks.readings`, and `--names` for masked names.

The texts, `LABELS`, were written for the project before the rules of cues.toml were tuned on three
quarters of them. The others, drawn by a hash of the text, were kept apart: but for one, their
misses were not looked at. A reading is right where its kind, place and holder are those of the
label: the suspect in a hard role, a number or address that was displayed, the victim, or somebody
else.

With `--names` the masks of `batch --mask-names` are scored on `NAMES`. The rules that join words
to a name or an address were written after a look at the misses, the texts kept apart after that.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import HARD_ROLES, EntityKind, Role
from transforms.extract.fields import complaint_mentions

LABELS = Path(__file__).parents[1] / "tests/unit/transforms/extract/labelled_readings.txt"

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
    r"(?P<language>\w\w) (?P<country>\w\w) (?P<by>victim|suspect)(?P<held> held)? \| (?P<text>.*)"
)

_NAME_MARK = re.compile(r"\{(?P<letter>[vas])\|(?P<raw>[^}]*)\}")

_MARK = re.compile(r"\{(?P<letter>[a-z])\.(?P<role>\w+)\??\|(?P<raw>[^}]*)\}")


class Label(NamedTuple):
    """A labelled place of a text, in code points."""

    start: int
    end: int
    kind: EntityKind
    role: Role


class LabelledText(NamedTuple):
    """A text, its labels, and whether it was kept apart while the rules were tuned."""

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
    written: str


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
            "complaint_id": str(at),
            "source_org": "labels",
            "received_at": 0,
            "source": "",
            "position": at,
            "format": "",
            "victim_country": one.country,
            "narrative": one.text,
            "narrative_by": one.by,
        }
        for at, one in enumerate(texts)
    ]
    batch = pa.RecordBatch.from_pylist(rows, COMPLAINT_ACCEPTED)
    found: dict[int, list[dict[str, object]]] = {}
    for mention in complaint_mentions(batch).to_pylist():
        found.setdefault(mention["row"], []).append(mention)
    return [one for at, text in enumerate(texts) for one in _compare(text, found.get(at, []))]


def scores(outcomes: Sequence[Outcome], whose: str) -> tuple[int, float, float]:
    """Returns the number of labels of one holder, and precision and recall of readings of it."""
    labelled = sum(one.labelled == whose for one in outcomes)
    read = sum(one.read == whose for one in outcomes)
    right = sum(one.labelled == one.read == whose for one in outcomes)
    return labelled, right / read if read else 1.0, right / labelled if labelled else 1.0


def named_innocents(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Returns the victims' and others' identifiers that were read as the suspect's."""
    return [one for one in outcomes if one.read == SUSPECT and one.labelled in (VICTIM, OTHER)]


class NamedText(NamedTuple):
    """A text, and places in it: a victim's name ("v") or address ("a"), a suspect's name ("s")."""

    language: str
    text: str
    labels: tuple[tuple[str, int, int], ...]
    held_out: bool


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
        count = sum(number for (one, _), number in self.labels.items() if one == letter)
        return sum(self.labels[letter, part] for part in parts) / count

    def precision(self) -> float:
        """Returns the share of the masked words that stand in a label."""
        return self.right / (self.right + self.wrong)


def load_names(path: Path = NAMES) -> list[NamedText]:
    """Reads the texts with labelled names and addresses."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        head, _, marked = line.replace("⏎", "\n").partition(" | ")
        text, labels, done = "", [], 0
        for mark in _NAME_MARK.finditer(marked):
            text += marked[done : mark.start()]
            labels.append((mark["letter"], len(text), len(text) + len(mark["raw"])))
            text += mark["raw"]
            done = mark.end()
        language, _, held = head.partition(" ")
        found.append(NamedText(language, text + marked[done:], tuple(labels), bool(held)))
    return found


def score_names(texts: Sequence[NamedText]) -> NameScores:
    """Masks the texts, and compares with the labels."""
    from transforms.redact.names import name_spans

    labels: Counter[tuple[str, str]] = Counter()
    right = wrong = changed = 0
    for one in texts:
        masked = {at for start, end in name_spans(one.text) for at in range(start, end)}
        labelled = {at for _, start, end in one.labels for at in range(start, end)}
        for letter, start, end in one.labels:
            those = [at in masked for at in range(start, end) if one.text[at].isalnum()]
            labels[letter, WHOLE if all(those) else PART if any(those) else MISSED] += 1
        words = [word.start() for word in re.finditer(r"\w+", one.text) if word.start() in masked]
        right += sum(at in labelled for at in words)
        wrong += sum(at not in labelled for at in words)
        changed += bool(words and not one.labels)
    return NameScores(labels, right, wrong, changed, sum(not one.labels for one in texts))


def print_names() -> None:
    """Prints what of the labelled names and addresses is masked, by language and in all."""
    from transforms.redact import MissingNamesLibraryError, recognizer_version

    try:
        print(recognizer_version())
    except MissingNamesLibraryError as error:
        sys.exit(f"--names needs a recognizer of names: {error}")
    texts = load_names()
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
    languages = sorted({one.language for one in texts})
    for name in (*languages, "all", HELD_OUT):
        of = [
            one
            for one in texts
            if name in (one.language, "all") or (name == HELD_OUT and one.held_out)
        ]
        found = score_names(of)
        print(
            f"| {name} | {found.share('v', WHOLE):.2f} | {found.share('a', WHOLE):.2f} | "
            f"{found.share('a', PART):.2f} | {found.share('s', WHOLE):.2f} | "
            f"{found.precision():.2f} | {found.changed} of {found.unlabelled} |"
        )
    letters = sum(len(one.text) for one in texts)
    print(f"\n{spent / letters * 1e6:.0f} ms of CPU for 1,000 characters")


def main() -> None:
    """Prints precision and recall by kind and holder, of all texts and of those kept apart."""
    if "--names" in sys.argv:
        print_names()
        return
    texts = load_labels()
    outcomes = read_texts(texts)
    parts: dict[str, list[Outcome]] = {"tuned on": [], HELD_OUT: []}
    for one in outcomes:
        parts[HELD_OUT if one.text.held_out else "tuned on"].append(one)
    print(f"{len(texts)} texts, {sum(len(one.labels) for one in texts)} labelled readings\n")
    print("| kind | holder | tuned on | precision | recall | held out | precision | recall |")
    print("|---|---|---|---|---|---|---|---|")
    kinds = sorted({one.kind for one in outcomes})
    for kind in (*kinds, "all"):
        for whose in (SUSPECT, DISPLAYED, VICTIM, OTHER):
            cells = [
                scores([one for one in part if kind in (one.kind, "all")], whose)
                for part in parts.values()
            ]
            if any(count for count, _, _ in cells):
                figures = " | ".join(f"{n} | {p:.2f} | {r:.2f}" for n, p, r in cells)
                print(f"| {kind} | {whose} | {figures} |")
    for name, part in parts.items():
        print(f"\n{name}: {len(named_innocents(part))} of victims or others read as the suspect's")
    if "--misses" in sys.argv:
        _print_misses(parts["tuned on"])


def _print_misses(outcomes: Sequence[Outcome]) -> None:
    counted = Counter((one.labelled, one.read) for one in outcomes)
    print(dict(counted))
    for one in outcomes:
        if one.labelled != one.read:
            text = one.text.text.replace("\n", "⏎")
            print(f"{one.labelled} read {one.read}: {one.written}\n    {one.text.by}: {text}")


def parse_label(line: str) -> LabelledText:
    """Reads a labelled text; raises ValueError for a line that is none."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ValueError(f"not a labelled text: {line!r}")
    marked = parts["text"].replace("⏎", "\n")
    text, labels, done = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[done : mark.start()]
        kind, role = KINDS[mark["letter"]][0], Role(mark["role"])
        labels.append(Label(len(text), len(text) + len(mark["raw"]), kind, role))
        text += mark["raw"]
        done = mark.end()
    text += marked[done:]
    return LabelledText(
        parts["language"], parts["country"], parts["by"], text, tuple(labels), bool(parts["held"])
    )


def _compare(text: LabelledText, mentions: list[dict[str, object]]) -> Iterator[Outcome]:
    known = set()
    for label in text.labels:
        kinds = next(kinds for kinds in KINDS.values() if kinds[0] is label.kind)
        there = [one for one in mentions if one["kind"] in kinds and _overlaps(label, one)]
        read = holder(str(there[0]["role"])) if there else UNREAD
        known |= {(one["kind"], one["value"]) for one in there}
        written = text.text[label.start : label.end]
        yield Outcome(label.kind, holder(label.role), read, text, written)
    for one in mentions:
        if (one["kind"], one["value"]) not in known:
            read = holder(str(one["role"]))
            yield Outcome(EntityKind(str(one["kind"])), UNREAD, read, text, str(one["raw"]))


def _overlaps(label: Label, mention: dict[str, object]) -> bool:
    start, end = mention["start"], mention["end"]
    return isinstance(start, int) and isinstance(end, int) and start < label.end > label.start < end


if __name__ == "__main__":
    main()
