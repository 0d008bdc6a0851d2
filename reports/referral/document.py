"""The recipient's document: its cover, summary, offences, limits, requests, exhibits, its HTML.

The other sections are in `sections` and `method`. The page's policy lets nothing run or load.
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
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports import text
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
    numbered_sections,
)
from reports.referral.case import Case
from reports.referral.exhibits import Exhibit, quoted
from reports.referral.language import organisation_name
from reports.referral.method import form_section, method_section, money_section, nexus_section
from reports.referral.sections import (
    chronology_section,
    exculpatory_section,
    infrastructure_section,
    links_section,
    victims_section,
)
from reports.text import plain
from transforms.extract import mask_file_name

EXCERPT_LIMIT = CHANGE_LIMIT = 60
"""Rows of these tables in the document; the exhibits and changes.csv hold all."""


def referral_document(case: Case, made: Sequence[Exhibit]) -> Document:
    """Returns the whole document for the recipient, the cover first."""
    makers: dict[str, Callable[[Case], list[Block]]] = {
        "summary": _summary,
        "method": method_section,
        "identifiers": infrastructure_section,
        "victims": victims_section,
        "nexus": nexus_section,
        "money": money_section,
        "links": links_section,
        "chronology": chronology_section,
        "offences": elements_matrix,
        "exculpatory": exculpatory_section,
        "limits": _limits,
        "form": form_section,
        "requests": _requests,
        "signatures": _signatures,
        "exhibits": partial(_exhibits, made),
    }
    parts = [
        (case.say("titles.cover"), _cover(case)),
        *(
            (_section_title(case, section), makers[section](case))
            for section in case.reference.sections
        ),
        (case.say("titles.excerpts"), _excerpts(case)),
        (case.say("titles.changes"), _changes(case)),
    ]
    return Document(
        kind=case.say("document.kind"),
        title=case.title,
        authors=case.authors,
        code=case.code,
        tlp=case.tlp,
        sections=numbered_sections(parts),
        language=case.language,
        made=case.clock,
        font=case.language.form.get("font"),
        number=case.number_of(cluster_thing(case.row["cluster_id"])),
    )


def _section_title(case: Case, name: str) -> str:
    if name == "form":
        return str(case.reference.form["title"]) if case.reference.form else ""
    if name == "nexus":
        return case.say("titles.nexus", place=case.reference.recipient.get("nexus", ""))
    return case.say(f"titles.{name}")


def _cover(case: Case) -> list[Block]:
    row, recipient, say = case.row, case.reference.recipient, case.say
    days = case.language.days(row["first_seen"], row["last_seen"])
    named = [
        ("to", say("cover.recipient", name=recipient["name"], unit=recipient["unit"])),
        *(("from", case.sender(slug)) for slug in row["orgs"]),
        ("subject", case.subject),
        ("reference", plain(case.code, 200)),
        ("number", case.number_of(cluster_thing(row["cluster_id"]))),
        ("case_numbers", case.case_numbers),
        ("date", case.day_of_referral),
        ("evidence", say("cover.records_of", days=days)),
        ("compiled", case.language.time(case.moment)),
        ("confirmed", confirmed_by(case)),
        *(("consent", release.words(case.language)) for release in case.releases),
        ("handling", f"TLP:{case.tlp.upper()}. {say(f'tlp.{case.tlp}')}"),
    ]
    blocks: list[Block] = [
        Grid(
            say("cover.caption"),
            ("", ""),
            [(say(f"cover.{name}"), value) for name, value in named],
            (0.2, 0.8),
        ),
        Notice(say("cover.no_accused"), say("cover.no_accused_text")),
    ]
    if case.included:
        who = case.language.join(sorted({plain(inclusion.name) for inclusion in case.included}))
        words = say("cover.included_text", n=len(case.included), who=who)
        blocks.append(Notice(say("cover.included"), words))
    if case.earlier is not None:
        words = say(
            "cover.supersedes_text",
            date=plain(case.earlier.date, 40),
            seal=case.earlier.seal_sha256,
        )
        blocks.append(Notice(say("cover.supersedes"), words))
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
            case.say("signatures.caption"),
            case.heads("signatures", "organisation", "who", "signature", "day"),
            rows,
            (0.28, 0.28, 0.22, 0.22),
        )
    ]


def confirmed_by(case: Case) -> str:
    """Returns who confirmed the cluster, and when, each person and day once."""
    days = sorted(
        {(confirmation.day, plain(confirmation.author)) for confirmation in case.confirmations}
    )
    if days:
        return "; ".join(
            case.say("cover.confirmed_by", who=who, day=case.language.day(day)) for day, who in days
        )
    return case.say("cover.confirmed_by_nobody")


def _summary(case: Case) -> list[Block]:
    row, say = case.row, case.say
    sums = (
        case.losses_together
        if case.joint
        else [
            say("summary.sum", currency=currency, sum=case.language.money(amount), n=count)
            for currency, (amount, count) in case.totals.items()
        ]
    )
    counted = [case.language.count("complaint", row["complaints"])]
    if row["calls"]:
        counted.append(case.language.count("call_record", row["calls"]))
    account = str(case.file.values.get("narrative", ""))
    return [
        *(Text(plain(line, 4_000)) for line in account.splitlines() if line.strip()),
        Points(
            [
                say(
                    "summary.scheme",
                    posed=case.brands_sentence,
                    identifiers=case.language.count("identifier", len(case.number)),
                    records=case.language.join(counted),
                    authors=case.authors,
                    days=case.language.days(row["first_seen"], row["last_seen"]),
                ),
                _where(case),
                say("summary.losses", sums="; ".join(sums) or say("general.none_stated")),
                say("summary.first", phones=case.phones, payees=case.payees),
                say(
                    "summary.likelihood",
                    likelihood=case.reference.likelihood_wording(row["confidence"]),
                ),
                _clock(case),
            ]
        ),
    ]


def _where(case: Case) -> str:
    if case.joint:
        maker = case.language.join(case.own_names)
        return case.say(
            "summary.where_joint", victims=case.victims, maker=maker, countries=case.countries
        )
    return case.say("summary.where", victims=case.victims, countries=case.countries)


def _clock(case: Case) -> str:
    """Sums the retention clocks up, as of the day of the referral."""
    moment = case.clock
    ends = [
        end
        for group in case.groups
        for member in group.members
        for end in (member.first_until, member.last_until)
        if end is not None
    ]
    gone = sum(1 for end in ends if end <= moment)
    coming = min((end for end in ends if end > moment), default=None)
    parts = []
    if gone:
        parts.append(case.say("summary.gone", gone=gone, n=len(ends)))
    if coming:
        key = "summary.next_gone" if gone else "summary.first_gone"
        parts.append(case.say(key, day=case.language.day(coming)))
    unknown = sum(len(group.members) for group in case.groups if group.next_expiry is None)
    if unknown:
        parts.append(case.say("summary.clock_unknown", n=unknown))
    return case.say("summary.clock", day=case.language.day(moment), parts="; ".join(parts))


@dataclass(frozen=True)
class ElementEvidence:
    """The evidence on an element of an offence, its exhibits, and what is missing."""

    text: str
    exhibits: str
    missing: str


def _where_read(case: Case, offence: Mapping[str, Any]) -> str:
    """Returns the source of a statute, and where its text was read if not there."""
    source, place = str(offence["source"]), plain(offence.get("read_at"), 200)
    return case.say("offences.read_at", source=source, place=place) if place else source


def elements_matrix(case: Case) -> list[Block]:
    """Lists offences that may be considered, element by element."""
    evidence = element_evidence(case)
    checked = plain(case.reference.recipient.get("checked_by", ""), 120).strip()
    by = case.say("offences.checked_by", who=checked) if checked else ""
    blocks: list[Block] = [Text(f"{case.say('offences.about')}{by}")]
    for offence in case.reference.offences:
        rows = []
        for element in offence["elements"]:
            basis = evidence[element["holds"]]
            rows.append((element["text"], basis.text, basis.exhibits, basis.missing))
        note = f" {offence['note']}" if offence["note"] else ""
        blocks.append(
            Grid(
                case.say(
                    "offences.caption",
                    statute=offence["statute"],
                    note=note,
                    source=_where_read(case, offence),
                    date=offence["date"],
                ),
                case.heads("offences", "element", "evidence", "exhibits", "missing"),
                rows,
                (0.22, 0.38, 0.1, 0.3),
            )
        )
    return blocks


def element_evidence(case: Case) -> Mapping[str, ElementEvidence]:
    """Returns the evidence on each of `reference.ELEMENTS`."""
    row, count = case.row, case.language.count
    paid = sum(len(record.payments) for record in case.records.in_order)
    links = sum(1 for link in case.facts.inside if link["accepted"])
    none = case.say("general.none")
    elements: dict[str, tuple[str, Mapping[str, object]]] = {
        "scheme": (
            "1, 3",
            {
                "complaints": count("complaint", row["complaints"]),
                "brands": case.brands or case.say("general.none_stated"),
                "whose": case.whose,
            },
        ),
        "wires": (
            "1, 2, 3",
            {
                "calls": count("call_record", row["calls"]),
                "phones": case.phones,
                "countries": case.countries,
            },
        ),
        "loss": ("5", {"sums": "; ".join(case.losses_together) or none}),
        "money": ("2, 6", {"payees": case.payees, "payments": count("payment", paid)}),
        "organisation": (
            "4, 9",
            {
                "links": count("link", links),
                "identifiers": count("identifier", row["size"]),
                "handovers": count("handover", len(case.handovers)),
            },
        ),
        "knowledge": (none, {}),
        "identity": (none, {}),
    }
    return {
        name: ElementEvidence(
            case.say(f"evidence.{name}", **values), exhibits, case.say(f"evidence.{name}_missing")
        )
        for name, (exhibits, values) in elements.items()
    }


def _limits(case: Case) -> list[Block]:
    """States the limits and the confidence, in the words of the recipient's scale."""
    scale, row, say = case.reference.scale, case.row, case.say
    words = [(word["word"], say("limits.range", **word)) for word in scale["words"]]
    counts = case.manifest["counts"]["complaints"]
    points = [
        say("limits.likelihood", likelihood=case.reference.likelihood_wording(row["confidence"])),
        say("limits.not_reported"),
        say(
            "limits.read",
            whose=case.whose,
            read=case.language.count("complaint", counts["read"]),
            n=counts["duplicates"],
            rejected=counts["rejected"],
        ),
        say("limits.losses"),
        say("limits.times"),
        *([case.weeks] if case.joint else []),
    ]
    caption = say("limits.scale", **{name: scale[name] for name in ("name", "source", "date")})
    return [Points(points), Grid(caption, case.heads("scale", "word", "range"), words, (0.5, 0.5))]


def _requests(case: Case) -> list[Block]:
    """Lists what the recipient is asked to do, and how long each provider keeps records."""
    rows = [
        (
            f"{first}" if first == last else case.language.span(first, last),
            plain(name, 90),
            str(members),
            case.language.word("priorities", priority.replace(" ", "_")),
            f"{end:%Y-%m-%d}" if end else case.say("requests.at_once"),
            rule,
        )
        for first, last, name, members, priority, end, rule in _provider_rows(case)
    ]
    past = sum(
        1
        for group in case.groups
        for member in group.members
        if member.first_until is not None and member.first_until <= case.clock
    )
    run_out = case.say("requests.run_out", n=past) if past else ""
    return [
        Points(list(case.reference.recipient["asks"]), numbered=True),
        Text(case.say("requests.folder")),
        Grid(
            case.say("requests.caption"),
            case.heads("requests", "letter", "to", "identifiers", "priority", "first_gone", "rule"),
            rows,
            (0.09, 0.3, 0.11, 0.1, 0.12, 0.28),
            numbers=(2,),
        ),
        Text(f"{case.say('requests.exhibit')}{run_out}"),
    ]


def _provider_rows(case: Case) -> Iterator[tuple[int, int, str, int, str, datetime | None, str]]:
    """Yields runs of letters to providers of one name: numbers, members, priority, clock."""
    for (name, priority), run in groupby(
        enumerate(case.groups, 1),
        lambda letter: (letter[1].provider.name, letter[1].priority(case.clock)),
    ):
        letters = list(run)
        groups = [group for _, group in letters]
        ends = [group.next_expiry for group in groups]
        end = None if None in ends else min(expiry for expiry in ends if expiry is not None)
        members = sum(len(group.members) for group in groups)
        yield letters[0][0], letters[-1][0], name, members, priority, end, groups[0].clock["rule"]


def _exhibits(made: Sequence[Exhibit], case: Case) -> list[Block]:
    """Lists the exhibits, their input files, and how to check them."""
    number = case.language.number
    rows = [
        (
            str(exhibit.number),
            exhibit.title,
            exhibit.path.removeprefix("data/"),
            number(len(exhibit.rows)),
            exhibit.about,
        )
        for exhibit in made
    ]
    inputs = [
        (
            plain(mask_file_name(entry["name"]), 60),
            case.language.word("inputs", entry["kind"]),
            number(entry["rows"]),
            entry["sha256"],
        )
        for entry in case.manifest["inputs"]
    ]
    key = case.run_key_id
    signer = case.say("custody.signed_run", key=key) if key else case.say("custody.unsigned_run")
    return [
        Grid(
            case.say("custody.exhibits"),
            case.heads("custody", "number", "title", "file", "rows", "about"),
            rows,
            (0.06, 0.17, 0.315, 0.075, 0.38),
            ids=(2,),
            numbers=(0, 3),
        ),
        Text(case.say("custody.custody")),
        Points(
            [
                case.say(
                    "custody.custodian",
                    organisation=organisation_name(slug),
                    who=plain(case.file.person(slug, "custodian"), 160) or BLANK,
                )
                for slug in case.row["orgs"]
            ]
        ),
        Grid(
            case.say("custody.inputs"),
            case.heads("custody", "file", "kind", "rows", "digest"),
            inputs,
            (0.305, 0.105, 0.065, 0.525),
            ids=(0, 3),
            numbers=(2,),
        ),
        Text(
            case.say(
                "custody.verification",
                run=case.manifest["run_id"],
                signer=signer,
                cluster=case.row["cluster_id"],
            )
        ),
    ]


def _excerpts(case: Case) -> list[Block]:
    """Quotes narratives around a member, for --excerpts."""
    if not case.excerpts:
        return []
    rows = [
        (
            str(case.number[excerpt.entity_id]),
            str(
                case.records.by_key[
                    excerpt.record_kind, excerpt.source_org, excerpt.record_id
                ].number
            ),
            plain(quoted(excerpt), 300),
        )
        for excerpt in case.excerpts[:EXCERPT_LIMIT]
    ]
    return [
        Notice(case.say("excerpts.personal"), case.say("excerpts.personal_text")),
        Grid(
            case.say("excerpts.caption"),
            case.heads("excerpts", "number", "record", "excerpt"),
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
        return [Text(case.say("changes.none"))]
    return [
        Grid(
            case.say("changes.caption"),
            case.heads("changes", "what", "before", "now"),
            [
                tuple(plain(cell, 120) for cell in change)
                for change in case.earlier.changes[:CHANGE_LIMIT]
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
            say=document.language.say,
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
