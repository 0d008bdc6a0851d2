"""The recipient's document: its cover, summary, offences, requests and exhibits, and its HTML.

The other sections are in `sections` and `exculpatory`. The page's policy lets nothing run or load.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports import text
from reports.cluster_data import joined_words
from reports.evidence_number import cluster_thing
from reports.referral.blocks import (
    BLANK,
    STYLES,
    Block,
    Document,
    Grid,
    Notice,
    Points,
    Text,
    format_count,
    format_day,
    format_days,
    format_money,
    format_time,
    numbered_sections,
    organisation_name,
)
from reports.referral.case import Case, run_signer
from reports.referral.exculpatory import exculpatory_section, limits_section
from reports.referral.exhibits import Exhibit
from reports.referral.method import form_section, method_section, money_section, nexus_section
from reports.referral.sections import (
    chronology_section,
    infrastructure_section,
    links_section,
    victims_section,
)
from reports.text import plain
from schemas.enums import Role

TLP_HANDLING = {
    "clear": "May be shared without restriction.",
    "green": "May be shared within the recipient's community, not publicly.",
    "amber": "Need to know, within the recipient's organisation and its clients.",
    "amber+strict": "Need to know, within the recipient's organisation only.",
    "red": "For the named recipients' eyes only.",
}
"""TLP 2.0 in short (FIRST, August 2022)."""

EXCERPT_LIMIT = CHANGE_LIMIT = 60
"""Rows of these tables in the document; the exhibits and changes.csv hold all."""


def referral_document(case: Case, made: Sequence[Exhibit]) -> Document:
    """Returns the whole document for the recipient, the cover first."""
    nexus = case.reference.recipient.get("nexus", "")
    known: dict[str, tuple[str, Callable[[Case], list[Block]]]] = {
        "summary": ("Summary", _summary),
        "method": ("How the fraud was carried out", method_section),
        "identifiers": ("Identifiers, by role", infrastructure_section),
        "victims": ("Victims and losses", victims_section),
        "nexus": (f"Nexus to {nexus}", nexus_section),
        "money": ("Where the money went", money_section),
        "links": ("Links between the identifiers", links_section),
        "chronology": ("Chronology", chronology_section),
        "offences": ("Offences and evidence", elements_matrix),
        "exculpatory": ("What speaks against it", exculpatory_section),
        "limits": ("Limits and confidence", limits_section),
        "form": (_form_title(case), form_section),
        "requests": ("Action requested", _requests),
        "signatures": ("Signatures", _signatures),
        "exhibits": ("Exhibits, custody and verification", partial(_exhibits, made)),
    }
    chosen = [known[one] for one in case.reference.sections]
    parts = [
        ("Cover and handling", _cover(case)),
        *((title, section(case)) for title, section in chosen),
        ("Narrative excerpts", _excerpts(case)),
        ("Changes since the earlier referral", _changes(case)),
    ]
    return Document(
        kind="Criminal referral",
        title=case.title,
        authors=case.authors,
        code=case.code,
        tlp=case.tlp,
        sections=numbered_sections(parts),
        number=case.number_of(cluster_thing(case.row["cluster_id"])),
    )


def _form_title(case: Case) -> str:
    form = case.reference.form
    return str(form["title"]) if form else ""


def _cover(case: Case) -> list[Block]:
    row, recipient = case.row, case.reference.recipient
    blocks: list[Block] = [
        Grid(
            "This referral",
            ("", ""),
            [
                ("To", f"{recipient['name']}. {recipient['unit']}"),
                *(("From", case.sender(slug)) for slug in row["orgs"]),
                ("Subject", case.subject),
                ("Reference", plain(case.code, 200)),
                ("Evidence number", case.number_of(cluster_thing(row["cluster_id"]))),
                ("Case numbers", case.case_numbers),
                ("Date of referral", case.day_of_referral),
                ("Evidence", f"Records of {format_days(row['first_seen'], row['last_seen'])}"),
                ("Compiled as of", format_time(case.moment)),
                ("Confirmed", confirmed_by(case)),
                *(("Consent", one.text) for one in case.releases),
                ("Handling", f"TLP:{case.tlp.upper()}. {TLP_HANDLING[case.tlp]}"),
            ],
            (0.2, 0.8),
        ),
        Notice(
            "No person is accused.",
            "This referral sets out identifiers that were used to defraud people, and the evidence "
            "that ties them to each other. Who held each of them at the time is for the recipient "
            "to establish by legal process before anybody acts on it.",
        ),
    ]
    if case.included:
        who = joined_words(sorted({plain(one.name) for one in case.included}))
        blocks.append(
            Notice(
                "Included by name.",
                f"{format_count(len(case.included), 'identifier')} that two people did not report "
                f"independently, or that no analyst reviewed: {who} answers for it. The section on "
                "identifiers lists each with the reason.",
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


def _signatures(case: Case) -> list[Block]:
    """Leaves a block to sign for each organisation."""
    rows = []
    for slug in case.row["orgs"]:
        legal = case.file.organisation(slug).get("legal_name", "").strip()
        who = plain(case.file.person(slug, "signatory"), 160) or BLANK
        rows.append((plain(legal, 160) or organisation_name(slug), who, BLANK, BLANK))
    return [
        Grid(
            "Signed for",
            ("Organisation", "Name and title", "Signature", "Day and place"),
            rows,
            (0.28, 0.28, 0.22, 0.22),
        )
    ]


def confirmed_by(case: Case) -> str:
    """Returns who confirmed the cluster, and when, each person and day once."""
    days = sorted({(one.day, plain(one.author)) for one in case.confirmations})
    if days:
        return "; ".join(f"by {who} on {format_day(day)}" for day, who in days)
    return "by an analyst of the organisation that compiled it"


def _summary(case: Case) -> list[Block]:
    row = case.row
    sums = (
        case.losses_together
        if case.joint
        else [
            f"{currency} {format_money(amount)} stated by {format_count(count, 'complaint')}"
            for currency, (amount, count) in case.totals.items()
        ]
    )
    payees = sum(1 for one in case.facts.members if one["role"] == Role.PAYEE)
    phones = sum(1 for one in case.number if one.startswith("phone:"))
    records = joined_words(
        [format_count(row["complaints"], "complaint"), format_count(row["calls"], "call record")]
    )
    account = str(case.file.values.get("narrative", ""))
    return [
        *(Text(plain(one, 4_000)) for one in account.splitlines() if one.strip()),
        Points(
            [
                f"{case.brands_sentence} They used "
                f"{format_count(len(case.number), 'identifier')} that {records} to {case.authors} "
                f"name, from {format_days(row['first_seen'], row['last_seen'])}.",
                _where(case),
                f"Losses: {'; '.join(sums) or 'none stated'}. Currencies are not added up.",
                f"To be followed up first: {format_count(phones, 'phone number')} and "
                f"{format_count(payees, 'account or wallet', 'accounts or wallets')} that received "
                "or were to receive money; each must have had a holder.",
                "That the identifiers belong to one operation is "
                f"{case.reference.likelihood_wording(row['confidence'])}; the section on limits "
                "says what that rests on.",
                _clock(case),
            ]
        ),
    ]


def _where(case: Case) -> str:
    if case.joint:
        maker = joined_words(case.own_names)
        return f"{case.victims}; those in the records of {maker} are in {case.countries}."
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
    parts = []
    if gone:
        of = format_count(len(ends), "first or last day", "first and last days")
        parts.append(f"records of {gone} of {of} may be gone already")
    if coming:
        parts.append(f"the {'next' if gone else 'first'} may be gone on {format_day(coming)}")
    unknown = sum(len(group.members) for group in case.groups if group.next_expiry is None)
    if unknown:
        parts.append(f"for {format_count(unknown, 'identifier')} no period is known: ask at once")
    whole = "; ".join(parts)
    return f"Retention by providers: {whole}."


@dataclass(frozen=True)
class ElementEvidence:
    """The evidence on an element of an offence, its exhibits, and what is missing."""

    text: str
    exhibits: str
    missing: str


def elements_matrix(case: Case) -> list[Block]:
    """Lists offences that may be considered, element by element."""
    evidence = element_evidence(case)
    checked = plain(case.reference.recipient.get("checked_by", ""), 120).strip()
    by = f" The list was checked by {checked}." if checked else ""
    blocks: list[Block] = [
        Text(
            "Offences that the evidence may bear on, each with what there is on its elements and "
            f"what is missing. Which offence is charged is for the recipient to decide.{by}"
        )
    ]
    for offence in case.reference.offences:
        rows = []
        for element in offence["elements"]:
            one = evidence[element["holds"]]
            rows.append((element["text"], one.text, one.exhibits, one.missing))
        note = f" {offence['note']}" if offence["note"] else ""
        blocks.append(
            Grid(
                f"{offence['statute']}.{note} Source: {offence['source']}, as of "
                f"{offence['date']}.",
                ("Element", "Evidence", "Exhibits", "What is missing"),
                rows,
                (0.22, 0.38, 0.1, 0.3),
            )
        )
    return blocks


def element_evidence(case: Case) -> Mapping[str, ElementEvidence]:
    """Returns the evidence on each of `reference.ELEMENTS`."""
    row = case.row
    phones = sum(1 for one in case.number if one.startswith("phone:"))
    payees = sum(1 for one in case.facts.members if one["role"] == Role.PAYEE)
    paid = sum(len(one.payments) for one in case.records.in_order)
    links = sum(1 for one in case.facts.inside if one["accepted"])
    sums = "; ".join(case.losses_together)
    return {
        "scheme": ElementEvidence(
            f"{format_count(row['complaints'], 'complaint')}; brands that the callers claimed: "
            f"{case.brands or 'none stated'}.",
            "1, 3",
            "The complaints themselves, from the organisations that hold them.",
        ),
        "wires": ElementEvidence(
            f"{format_count(row['calls'], 'call record')} and "
            f"{format_count(phones, 'phone number')}; victims in {case.countries}.",
            "1, 2, 3",
            "Carriers' own records of the calls, and from where they were placed.",
        ),
        "loss": ElementEvidence(
            f"Stated losses: {sums or 'none'}.",
            "5",
            "Victims' statements and bank records; stated losses are not proven ones.",
        ),
        "money": ElementEvidence(
            f"{format_count(payees, 'account or wallet', 'accounts and wallets')} to which victims "
            f"paid or were to pay; {format_count(paid, 'itemized payment')}.",
            "2, 6",
            "Account holders, and where the money went from there.",
        ),
        "organisation": ElementEvidence(
            f"{format_count(links, 'link')} between {format_count(row['size'], 'identifier')}; "
            f"{format_count(len(case.handovers), 'handover')} from one identifier to the next.",
            "4, 9",
            "How many persons stand behind it. One person can hold many identifiers.",
        ),
        "knowledge": ElementEvidence(
            "Nothing here shows what any person knew or meant.", "none", "All."
        ),
        "identity": ElementEvidence(
            "Nothing here names a person.", "none", "Who held each identifier."
        ),
    }


def _requests(case: Case) -> list[Block]:
    """Lists what the recipient is asked to do, and how long each provider keeps records."""
    rows = [
        (
            f"{first}" if first == last else f"{first} to {last}",
            plain(name, 90),
            str(members),
            priority,
            f"{end:%Y-%m-%d}" if end else "ask at once",
            rule,
        )
        for first, last, name, members, priority, end, rule in _provider_rows(case)
    ]
    past = sum(
        1
        for group in case.groups
        for one in group.members
        if one.first_until is not None and one.first_until <= case.moment
    )
    run_out = (
        f" For {format_count(past, 'identifier')} the period of the first record has already run "
        "out on the day as of which this referral is compiled."
        if past
        else ""
    )
    return [
        Points(list(case.reference.recipient["asks"]), numbered=True),
        Text(
            "The folder requests/ has a letter to each institution, ready for the competent "
            "authority to complete and sign: a private organisation cannot order preservation. "
            "Where the institution is still to be found, each identifier has a letter of its own, "
            "so that no letter shows one institution another's."
        ),
        Grid(
            "Letters, the most urgent first, with the day on which the first record may be gone",
            ("Letter", "To", "Identifiers", "Priority", "First gone", "Rule"),
            rows,
            (0.09, 0.3, 0.11, 0.1, 0.12, 0.28),
            numbers=(2,),
        ),
        Text(
            f"Exhibit 10 has every identifier with its days, and the source of each rule with the "
            f"day as of which it was read.{run_out}"
        ),
    ]


def _provider_rows(case: Case) -> Iterator[tuple[int, int, str, int, str, datetime | None, str]]:
    """Yields runs of letters to providers of one name: numbers, members, priority, clock."""
    for (name, priority), run in groupby(
        enumerate(case.groups, 1), lambda one: (one[1].provider.name, one[1].priority(case.moment))
    ):
        letters = list(run)
        groups = [group for _, group in letters]
        ends = [group.next_expiry for group in groups]
        end = None if None in ends else min(one for one in ends if one is not None)
        members = sum(len(group.members) for group in groups)
        yield letters[0][0], letters[-1][0], name, members, priority, end, groups[0].clock["rule"]


def _exhibits(made: Sequence[Exhibit], case: Case) -> list[Block]:
    """Lists the exhibits, their input files, and how to check them."""
    rows = [
        (
            str(one.number),
            one.title,
            one.path.removeprefix("data/"),
            f"{len(one.rows):,}",
            one.about,
        )
        for one in made
    ]
    inputs = [
        (plain(one["name"], 60), one["kind"], f"{one['rows']:,}", one["sha256"])
        for one in case.manifest["inputs"]
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
        Points(
            [
                f"Custodian of the records of {organisation_name(slug)}: "
                f"{plain(case.file.person(slug, 'custodian'), 160) or BLANK}"
                for slug in case.row["orgs"]
            ]
        ),
        Grid(
            "Input files",
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
            "and inputs give the same package, byte for byte. It was made from "
            f"{case.manifest['run_id']} ({run_signer(case)}), cluster {case.row['cluster_id']}."
        ),
    ]


def _excerpts(case: Case) -> list[Block]:
    """Quotes narratives around a member, for --excerpts."""
    if not case.excerpts:
        return []
    rows = [
        (
            str(case.number[one.entity_id]),
            str(case.records.by_key[one.record_kind, one.source_org, one.record_id].number),
            plain(f"{one.before or ''}{one.raw or ''}{one.after or ''}", 300),
        )
        for one in case.excerpts[:EXCERPT_LIMIT]
    ]
    return [
        Notice("Personal data.", "Other numbers and addresses are masked; names may not be."),
        Grid(
            "Words around an identifier in victims' narratives",
            ("No.", "Record", "Excerpt"),
            rows,
            (0.07, 0.1, 0.83),
            numbers=(0, 1),
        ),
    ]


def _changes(case: Case) -> list[Block]:
    """Lists the changes since the referral that this one supersedes."""
    if case.earlier is None:
        return []
    if not case.earlier.changes:
        return [Text("Nothing changed but the package itself.")]
    return [
        Grid(
            "What changed; changes.csv has all",
            ("What", "Before", "Now"),
            [
                tuple(plain(cell, 120) for cell in one)
                for one in case.earlier.changes[:CHANGE_LIMIT]
            ],
            (0.5, 0.25, 0.25),
        )
    ]


def render_html(document: Document) -> bytes:
    """Renders the page as UTF-8."""
    style = _source("referral.css") + "".join(
        f".s-{name} {{ fill: {colour}; }} line.s-{name} {{ stroke: {colour}; }}\n"
        for name, colour in STYLES.items()
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = (
        _environment()
        .get_template("referral.html")
        .render(
            document=document,
            kind_of=_kind_of,
            style=Markup(style),  # noqa: S704 - our own file and table, not data
            policy=Markup(policy),  # noqa: S704 - a digest and keywords
        )
    )
    return page.encode()


def _kind_of(block: object) -> str:
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
