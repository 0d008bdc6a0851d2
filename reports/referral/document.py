"""The referral as sections of blocks: what the HTML and the PDF both say."""

from __future__ import annotations

from collections.abc import Sequence

from reports.cluster_data import sentence
from reports.referral.blocks import Block, Grid, Notice, Points, Section, counted, draft, money
from reports.referral.case import Case
from reports.referral.exculpatory import against
from reports.referral.exhibits import Exhibit, utc
from reports.referral.sections import (
    asks,
    changes,
    chronology,
    elements,
    excerpts,
    exhibits,
    infrastructure,
    limits,
    links,
    victims,
)
from reports.text import plain

HANDLING = {
    "clear": "May be shared without restriction.",
    "green": "May be shared within the recipient's community, not publicly.",
    "amber": "Need to know, within the recipient's organisation and its clients.",
    "amber+strict": "Need to know, within the recipient's organisation only.",
    "red": "For the named recipients' eyes only.",
}
"""TLP 2.0 in short (FIRST, August 2022)."""


def sections(case: Case, made: Sequence[Exhibit]) -> list[Section]:
    """The whole document, the cover first."""
    parts = [
        ("Cover and handling", _cover(case)),
        ("Summary for the charging decision", _summary(case)),
        ("Subjects and infrastructure, by role", infrastructure(case)),
        ("Victims and losses, by jurisdiction", victims(case)),
        ("Link analysis", links(case)),
        ("Chronology", chronology(case)),
        ("Elements matrix", elements(case)),
        ("What speaks against it", against(case)),
        ("Limits and confidence", limits(case)),
        ("What is asked of the recipient", asks(case)),
        ("Exhibits, custody and verification", exhibits(case, made)),
    ]
    if case.excerpts:
        parts.append(("Narrative excerpts", excerpts(case)))
    if case.earlier is not None:
        parts.append(("Changes since the earlier referral", changes(case)))
    return [Section(number, title, blocks) for number, (title, blocks) in enumerate(parts)]


def _cover(case: Case) -> list[Block]:
    row, recipient = case.row, case.reference.recipient
    confirmed = "; ".join(plain(one, 300) for one in case.confirmations)
    blocks: list[Block] = [
        Grid(
            "This referral",
            ("", ""),
            [
                ("To", f"{recipient['name']}. {recipient['unit']}"),
                ("From", ", ".join(plain(one, 60) for one in row["orgs"])),
                ("Subject", plain(row["name"])),
                ("Reference", plain(case.code, 200)),
                ("Seen from", f"{utc(case.material.moment)}"),
                ("Handling", f"TLP:{case.tlp.upper()}. {HANDLING[case.tlp]}"),
                ("Cluster", f"{row['cluster_id']}, run {case.material.manifest['run_id']}"),
                ("Confirmed by", confirmed or _decided(case)),
            ],
            (0.2, 0.8),
        ),
        Notice(
            "A lead, not proof.",
            "It says which identifiers hang together and on what evidence. It names no person. "
            "Establish who held an identifier at the time before anybody acts on it.",
        ),
        Notice("Drafts.", draft(case.reference.recipient)),
    ]
    if case.override is not None:
        reasons = "; ".join(plain(one.text, 400) for one in case.obstacles)
        blocks.append(
            Notice(
                "Sent in spite of obstacles.",
                f"ringtrace refused this referral: {reasons}. {plain(case.override.name)} answers "
                f"for sending it, for this reason: {plain(case.override.reason, 500)}",
            )
        )
    if case.earlier is not None:
        blocks.append(
            Notice(
                "Supersedes.",
                f"This takes the place of the referral of {plain(case.earlier.date, 40)} whose "
                f"seal has the SHA-256 {case.earlier.seal_sha256}.",
            )
        )
    return blocks


def _decided(case: Case) -> str:
    told = case.material.manifest["options"].get("decisions")
    if isinstance(told, dict):
        return f"an analyst's decision in {plain(told.get('name'))}, SHA-256 {told.get('sha256')}"
    return "nobody"


def _summary(case: Case) -> list[Block]:
    row = case.row
    sums = [
        f"{currency} {money(amount)} stated by {counted(count, 'complaint')}"
        for currency, (amount, count) in case.totals.items()
    ]
    payees = sum(1 for one in case.material.facts.members if one["role"] == "payee")
    phones = sum(1 for one in case.number if one.startswith("phone:"))
    points = [
        sentence(case.material.facts),
        _where(case),
        f"Losses: {'; '.join(sums) or 'none stated'}. Currencies are not added up.",
        f"To be followed up first: {counted(phones, 'phone number')} and "
        f"{counted(payees, 'payee account or wallet')}; each must have had a holder.",
        f"That the members belong to one operation is {case.reference.word(row['confidence'])}, "
        "by the method of section 8.",
    ]
    points.append(_clock(case))
    return [Points(points)]


def _where(case: Case) -> str:
    if case.joint:
        return f"{case.victims}; those of its maker's records are in {case.countries}."
    return f"{case.victims}, in {case.countries}."


def _clock(case: Case) -> str:
    """What the retention clocks say of the day of the referral."""
    moment = case.material.moment
    ends = [
        end
        for group in case.groups
        for one in group.held
        for end in (one.first_until, one.last_until)
        if end is not None
    ]
    gone = sum(1 for end in ends if end <= moment)
    coming = min((end for end in ends if end > moment), default=None)
    soonest = f"; the next may be gone on {coming:%Y-%m-%d}" if coming else ""
    unknown = sum(len(group.held) for group in case.groups if group.next_expiry is None)
    return (
        f"Under the clocks of section 9, records of {gone} of {len(ends)} first and last days may "
        f"be gone already{soonest}. For {unknown} identifiers no period is known: ask at once."
    )
