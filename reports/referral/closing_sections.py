"""Sections that close the document: elements, limits, what is asked, exhibits and custody."""

from __future__ import annotations

from collections.abc import Sequence

from reports.referral.blocks import Block, Grid, Notice, Points, Text
from reports.referral.case import Case
from reports.referral.exhibit import Exhibit
from reports.referral.matrix import holdings
from reports.referral.words import draft
from reports.text import plain


def elements(case: Case) -> list[Block]:
    """Offences that may be considered, element by element."""
    held = holdings(case)
    blocks: list[Block] = [
        Notice(
            "Draft.",
            f"{draft(case.reference.recipient)} Which offence is charged is the recipient's.",
        )
    ]
    for offence in case.reference.offences:
        rows = []
        for element in offence["elements"]:
            one = held[element["holds"]]
            rows.append((element["text"], one.text, one.exhibits, one.missing))
        note = f" {offence['note']}" if offence["note"] else ""
        blocks.append(
            Grid(
                f"{offence['statute']}.{note} Written from {offence['source']} on "
                f"{offence['date']}.",
                ("Element", "What this package holds", "Exhibits", "What is missing"),
                rows,
                (0.22, 0.38, 0.1, 0.3),
            )
        )
    return blocks


def limits(case: Case) -> list[Block]:
    """How sure all of it is, in the words of the recipient's scale."""
    scale, row = case.reference.scale, case.row
    words = [(one["word"], f"{one['low']} to {one['high']} %") for one in scale["words"]]
    counts = case.material.manifest["counts"]["complaints"]
    alarms = [plain(one["message"], 300) for one in case.material.manifest["alarms"]]
    points = [
        f"That the members belong to one operation is {case.reference.word(row['confidence'])}. "
        "The word stands for ringtrace's score (the mean over members of how surely each is tied "
        "to the rest); it is no error rate measured on this case, and says nothing of any person.",
        "It finds what complaints and calls say. Who was not reported is not here.",
        f"The run read {counts['read']} complaints, of which {counts['duplicates']} were copies "
        f"and {counts['rejected']} could not be used.",
        "Losses are what complaints state. They are neither proven nor complete.",
        "Times are of the organisations' records: when a complaint was received, not when the "
        "scam happened.",
        *(f"The run raised an alarm: {one}" for one in alarms),
    ]
    return [
        Points(points),
        Grid(
            f"Words for likelihood: {scale['name']}, {scale['source']}, written down on "
            f"{scale['date']}",
            ("Word", "Stands for"),
            words,
            (0.5, 0.5),
        ),
    ]


def asks(case: Case) -> list[Block]:
    """What the recipient is asked to do, and how long each provider keeps records."""
    rows = []
    for number, group in enumerate(case.groups, 1):
        end = group.next_expiry
        rows.append(
            (
                str(number),
                plain(group.provider.name, 90),
                str(len(group.held)),
                f"{end:%Y-%m-%d}" if end else "ask at once",
                group.clock["rule"],
            )
        )
    past = sum(
        1
        for group in case.groups
        for one in group.held
        if one.first_until is not None and one.first_until <= case.material.moment
    )
    return [
        Points(list(case.reference.recipient["asks"])),
        Notice(
            "Drafts.",
            "The folder requests/ has a draft to each provider. A private organisation cannot "
            "order preservation; the recipient's authority signs and sends.",
        ),
        Grid(
            "Providers, the most urgent first, with the day on which the first record may be gone",
            ("No.", "Provider", "Identifiers", "First gone", "Clock"),
            rows,
            (0.06, 0.36, 0.11, 0.13, 0.34),
            numbers=(0, 2),
        ),
        Text(
            f"For {past} identifiers the clock of the first record has already run out on the day "
            "of this referral. Exhibit 10 has every identifier with its days, and each clock's "
            "source with the day on which it was written down. Clocks are drafts, never advice."
        ),
    ]


def exhibits(case: Case, made: Sequence[Exhibit]) -> list[Block]:
    """The exhibits, where they come from, and how to check them."""
    rows = [
        (str(one.number), one.title, one.path.removeprefix("data/"), str(len(one.rows)), one.about)
        for one in made
    ]
    inputs = [
        (plain(one["name"], 60), one["kind"], str(one["rows"]), one["sha256"])
        for one in case.material.manifest["inputs"]
    ]
    return [
        Grid(
            "Exhibits; exhibits/data-dictionary.csv explains each column",
            ("No.", "Title", "File", "Rows", "What it is"),
            rows,
            (0.06, 0.18, 0.28, 0.08, 0.4),
            ids=(2,),
            numbers=(0, 3),
        ),
        Text(
            "Custody. Every row of every exhibit points to its source record: the input file, its "
            "SHA-256, and the line or row in it. The organisations keep these files unchanged. A "
            "row's own digest is not given, since a victim's number could be found out by trying "
            "all numbers against it."
        ),
        Grid(
            "Input files of the run",
            ("File", "Kind", "Rows", "SHA-256"),
            inputs,
            (0.26, 0.12, 0.08, 0.54),
            ids=(0, 3),
            numbers=(2,),
        ),
        Text(
            "Verification. The package is a BagIt bag (RFC 8493). seal.json lists every file with "
            "its SHA-256 and the digest of every 4,096 bytes of it, and the Merkle root (hashed as "
            "RFC 6962 says); seal.json.sig is an Ed25519 signature over it. "
            "`ringtrace verify DIR --key PUB` checks all of that without a network and names every "
            "file that was altered, with the bytes, or is missing or added. seal.json.tsq asks an "
            "RFC 3161 authority for a time stamp; its answer goes into seal.json.tsr. The same run "
            "and inputs give the same package, byte for byte."
        ),
    ]


def excerpts(case: Case) -> list[Block]:
    """Words of victims around a member, where they were asked for."""
    rows = [
        (
            str(case.number[one.entity_id]),
            str(case.material.records[one.record_kind, one.source_org, one.record_id].number),
            plain(f"{one.before or ''}{one.raw or ''}{one.after or ''}", 300),
        )
        for one in case.excerpts[:60]
    ]
    return [
        Notice("Personal data.", "Asked for by --excerpts. Masked as the run keeps them."),
        Grid(
            "Words around a member in victims' narratives",
            ("No.", "Record", "Excerpt"),
            rows,
            (0.07, 0.1, 0.83),
            numbers=(0, 1),
        ),
    ]


def changes(case: Case) -> list[Block]:
    """What is different from the referral that this one supersedes."""
    changes = case.earlier.changes if case.earlier is not None else []
    if not changes:
        return [Text("Nothing changed but the package itself.")]
    return [
        Grid(
            "What changed; changes.csv holds all",
            ("What", "Before", "Now"),
            [tuple(plain(cell, 120) for cell in one) for one in changes[:60]],
            (0.5, 0.25, 0.25),
        )
    ]
