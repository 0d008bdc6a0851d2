"""The referral as sections of blocks, and as one self-contained HTML page of them.

The page's policy lets nothing run or load.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports import text
from reports.cluster_data import cluster_sentence
from reports.referral.blocks import (
    Block,
    Grid,
    Notice,
    Points,
    Section,
    draft_notice,
    format_count,
    format_money,
)
from reports.referral.case import Case
from reports.referral.exculpatory import exculpatory_section
from reports.referral.exhibits import Exhibit, format_utc
from reports.referral.sections import (
    changes_section,
    chronology_section,
    elements_matrix,
    excerpts_section,
    exhibits_section,
    infrastructure_section,
    limits_section,
    links_section,
    requests_section,
    victims_section,
)
from reports.text import plain

TLP_HANDLING = {
    "clear": "May be shared without restriction.",
    "green": "May be shared within the recipient's community, not publicly.",
    "amber": "Need to know, within the recipient's organisation and its clients.",
    "amber+strict": "Need to know, within the recipient's organisation only.",
    "red": "For the named recipients' eyes only.",
}
"""TLP 2.0 in short (FIRST, August 2022)."""


def document_sections(case: Case, made: Sequence[Exhibit]) -> list[Section]:
    """Returns the whole document, the cover first."""
    parts = [
        ("Cover and handling", _cover(case)),
        ("Summary for the charging decision", _summary(case)),
        ("Subjects and infrastructure, by role", infrastructure_section(case)),
        ("Victims and losses, by jurisdiction", victims_section(case)),
        ("Link analysis", links_section(case)),
        ("Chronology", chronology_section(case)),
        ("Elements matrix", elements_matrix(case)),
        ("What speaks against it", exculpatory_section(case)),
        ("Limits and confidence", limits_section(case)),
        ("What is asked of the recipient", requests_section(case)),
        ("Exhibits, custody and verification", exhibits_section(case, made)),
    ]
    if case.excerpts:
        parts.append(("Narrative excerpts", excerpts_section(case)))
    if case.earlier is not None:
        parts.append(("Changes since the earlier referral", changes_section(case)))
    return [Section(number, title, blocks) for number, (title, blocks) in enumerate(parts)]


def _cover(case: Case) -> list[Block]:
    row, recipient = case.row, case.reference.recipient
    confirmed = "; ".join(plain(one, 300) for one in case.confirmations)
    signed = f"signed by the key {case.run_key_id}" if case.run_key_id else "unsigned"
    blocks: list[Block] = [
        Grid(
            "This referral",
            ("", ""),
            [
                ("To", f"{recipient['name']}. {recipient['unit']}"),
                ("From", ", ".join(plain(one, 60) for one in row["orgs"])),
                ("Subject", plain(row["name"])),
                ("Reference", plain(case.code, 200)),
                ("Seen from", f"{format_utc(case.moment)}"),
                ("Handling", f"TLP:{case.tlp.upper()}. {TLP_HANDLING[case.tlp]}"),
                ("Cluster", f"{row['cluster_id']}, run {case.manifest['run_id']} ({signed})"),
                ("Confirmed by", confirmed or _decided(case)),
            ],
            (0.2, 0.8),
        ),
        Notice(
            "A lead, not proof.",
            "It says which identifiers hang together and on what evidence. It names no person. "
            "Establish who held an identifier at the time before anybody acts on it.",
        ),
        Notice("Drafts.", draft_notice(case.reference.recipient)),
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
    if case.included:
        who = sorted({plain(one.name) for one in case.included})
        named = format_count(len(case.included), "identifier")
        blocks.append(
            Notice(
                "Named in spite of the rule.",
                f"{named} that two people did not report independently, or that no analyst "
                f"reviewed; {', '.join(who)} answers for it. Section 2 lists each with the reason.",
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
    decisions = case.manifest["options"].get("decisions")
    if isinstance(decisions, dict):
        name, sha256 = plain(decisions.get("name")), decisions.get("sha256")
        return f"an analyst's decision in {name}, SHA-256 {sha256}"
    return "nobody"


def _summary(case: Case) -> list[Block]:
    row = case.row
    sums = [
        f"{currency} {format_money(amount)} stated by {format_count(count, 'complaint')}"
        for currency, (amount, count) in case.totals.items()
    ]
    payees = sum(1 for one in case.facts.members if one["role"] == "payee")
    phones = sum(1 for one in case.number if one.startswith("phone:"))
    points = [
        cluster_sentence(case.facts),
        _where(case),
        f"Losses: {'; '.join(sums) or 'none stated'}. Currencies are not added up.",
        f"To be followed up first: {format_count(phones, 'phone number')} and "
        f"{format_count(payees, 'payee account or wallet')}; each must have had a holder.",
        "That the members belong to one operation is "
        f"{case.reference.likelihood_wording(row['confidence'])}, by the method of section 8.",
    ]
    points.append(_clock(case))
    return [Points(points)]


def _where(case: Case) -> str:
    if case.joint:
        return f"{case.victims}; those of its maker's records are in {case.countries}."
    return f"{case.victims}, in {case.countries}."


def _clock(case: Case) -> str:
    """Sums the retention clocks up, as of the day of the referral."""
    moment = case.moment
    ends = [
        end
        for group in case.groups
        for one in group.members
        for end in (one.first_until, one.last_until)
        if end is not None
    ]
    gone = sum(1 for end in ends if end <= moment)
    coming = min((end for end in ends if end > moment), default=None)
    soonest = f"; the next may be gone on {coming:%Y-%m-%d}" if coming else ""
    unknown = sum(len(group.members) for group in case.groups if group.next_expiry is None)
    return (
        f"Under the clocks of section 9, records of {gone} of {len(ends)} first and last days may "
        f"be gone already{soonest}. For {unknown} identifiers no period is known: ask at once."
    )


def render_html(sections: Sequence[Section], name: str, tlp: str) -> bytes:
    """Renders the page as UTF-8."""
    style = _source("referral.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = (
        _environment()
        .get_template("referral.html")
        .render(
            sections=sections,
            name=name,
            tlp=tlp.upper(),
            kind_of=_kind_of,
            style=Markup(style),  # noqa: S704 - our own file, not data
            policy=Markup(policy),  # noqa: S704 - a digest and keywords
        )
    )
    return page.encode()


def _kind_of(block: Block) -> str:
    return type(block).__name__


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_source),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"visible": text.visible, "plain": text.plain}
    return environment


@cache
def _source(name: str) -> str:
    return files("reports.referral").joinpath("templates", name).read_text(encoding="utf-8")
