"""The recipient's document: cover, summary, offences, limits, requests, exhibits, and its HTML.

The other sections are in `sections` and `method`. The page's policy lets nothing run or load.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports.evidence_number import cluster_thing
from reports.referral.blocks import (
    BLANK,
    STYLES,
    Block,
    Blocks,
    Document,
    Grid,
    Mark,
    Notice,
    Points,
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
from reports.text import plain, visible
from transforms.extract import mask_file_name

EXCERPT_LIMIT = CHANGE_LIMIT = 60
"""Most excerpts and changes in the document; the exhibits and changes.csv hold all."""


def referral_document(case: Case, made: Sequence[Exhibit]) -> Document:
    """Returns the whole document for the recipient, the cover first."""
    makers: dict[str, Callable[[Case], Blocks]] = {
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
    say, reference = case.say, case.reference
    form, place = reference.form or {"title": ""}, reference.recipient.get("nexus", "")
    parts = [
        (say("titles.cover"), _cover(case)),
        *(
            (
                form["title"] if section == "form" else say(f"titles.{section}", place=place),
                makers[section](case),
            )
            for section in reference.sections
        ),
        (say("titles.excerpts"), _excerpts(case)),
        (say("titles.changes"), _changes(case)),
    ]
    sections, referent = numbered_sections(parts), cluster_thing(case.row["cluster_id"])
    return case.document(say("document.kind"), case.title, sections, referent)


def _cover(case: Case) -> Blocks:
    row, recipient, say = case.row, case.reference.recipient, case.say
    days = case.language.days(row["first_seen"], row["last_seen"])
    named = [
        ("to", say("cover.recipient", name=recipient["name"], unit=recipient["unit"])),
        *(("from", case.sender(slug)) for slug in row["orgs"]),
        ("subject", case.subject),
        ("reference", case.code),
        ("number", case.number_of(cluster_thing(row["cluster_id"]))),
        ("case_numbers", case.case_numbers),
        ("date", case.day_of_referral),
        ("evidence", say("cover.records_of", days=days)),
        ("compiled", case.language.time(case.moment)),
        ("confirmed", confirmed_by(case)),
        *(("consent", release.words(case.language)) for release in case.releases),
        ("handling", f"TLP:{case.tlp.upper()}. {say(f'tlp.{case.tlp}')}"),
    ]
    rows = [(say(f"cover.{name}"), value) for name, value in named]
    blocks: list[Block] = [
        Grid(say("cover.caption"), ("", ""), rows, (0.2, 0.8)),
        Notice(say("cover.no_accused"), say("cover.no_accused_text")),
    ]
    if case.included:
        who = case.language.join(sorted({plain(inclusion.name) for inclusion in case.included}))
        words = say("cover.included_text", n=len(case.included), who=who)
        blocks.append(Notice(say("cover.included"), words))
    if case.earlier is not None:
        day, seal = plain(case.earlier.date, 40), case.earlier.seal_sha256
        words = say("cover.supersedes_text", date=day, seal=seal)
        blocks.append(Notice(say("cover.supersedes"), words))
    return blocks


def _signatures(case: Case) -> Blocks:
    """Leaves a block to sign for each organisation."""
    rows = []
    for slug in case.row["orgs"]:
        legal = case.file.organisation(slug).get("legal_name", "").strip()
        who = plain(case.file.person(slug, "signatory"), 160) or BLANK
        rows.append((plain(legal, 160) or organisation_name(slug), who, BLANK, BLANK))
    columns = {"organisation": 0.28, "who": 0.28, "signature": 0.22, "day": 0.22}
    return [case.table("signatures", rows, columns)]


def confirmed_by(case: Case) -> str:
    """Returns the people who confirmed the cluster, and the days, each pair once."""
    days = {(confirmation.day, plain(confirmation.author)) for confirmation in case.confirmations}
    words = "; ".join(
        case.say("cover.confirmed_by", who=who, day=case.language.day(day))
        for day, who in sorted(days)
    )
    return words or case.say("cover.confirmed_by_nobody")


def _summary(case: Case) -> Blocks:
    row, say, language = case.row, case.say, case.language
    counted = [language.count("complaint", row["complaints"])]
    if row["calls"]:
        counted.append(language.count("call_record", row["calls"]))
    sums = case.losses_together
    if not case.joint:
        sums = [
            say("summary.sum", currency=currency, sum=language.money(amount), n=count)
            for currency, (amount, count) in case.totals.items()
        ]
    points = [
        say(
            "summary.scheme",
            posed=case.say_any("summary.posed", brands=case.brands, whose=case.whose)
            or say("summary.posed_as_others"),
            identifiers=language.count("identifier", len(case.number)),
            records=language.join(counted),
            authors=case.authors,
            days=language.days(row["first_seen"], row["last_seen"]),
        ),
        say(
            "summary.where_joint" if case.joint else "summary.where",
            victims=case.victims,
            maker=case.whose,
            countries=case.countries,
        ),
        say("summary.losses", sums="; ".join(sums) or say("general.none_stated")),
        say("summary.first", phones=case.phones, payees=case.payees),
        say("summary.likelihood", likelihood=case.reference.likelihood_wording(row["confidence"])),
        _clock(case),
    ]
    account = str(case.file.values.get("narrative", "")).splitlines()
    return [*(plain(line, 4_000) for line in account if line.strip()), Points(points)]


def _clock(case: Case) -> str:
    """Sums the retention clocks up, as of the day of the referral."""
    moment, day = case.clock, case.language.day
    ends = [
        end
        for group in case.groups
        for member in group.members
        for end in (member.first_until, member.last_until)
        if end is not None
    ]
    gone = sum(1 for end in ends if end <= moment)
    parts = [case.say_any("summary.gone", gone=gone, n=len(ends))]
    if coming := [end for end in ends if end > moment]:
        key = "summary.next_gone" if gone else "summary.first_gone"
        parts.append(case.say(key, day=day(min(coming))))
    unknown = sum(len(group.members) for group in case.groups if group.next_expiry is None)
    parts.append(case.say_any("summary.clock_unknown", n=unknown))
    return case.say("summary.clock", day=day(moment), parts="; ".join(filter(None, parts)))


def _where_read(case: Case, offence: Mapping[str, Any]) -> str:
    """Returns the source of a statute, and the place where it was read if that is another."""
    source, place = str(offence["source"]), plain(offence.get("read_at"), 200)
    return case.say_any("offences.read_at", source=source, place=place) or source


def elements_matrix(case: Case) -> Blocks:
    """Lists offences that may be considered, element by element."""
    evidence = element_evidence(case)
    checked = plain(case.reference.recipient.get("checked_by", ""), 120).strip()
    columns = {"element": 0.22, "evidence": 0.38, "exhibits": 0.1, "missing": 0.3}
    return [
        case.say("offences.about") + case.say_any("offences.checked_by", who=checked),
        *(
            case.table(
                "offences",
                [(element["text"], *evidence[element["holds"]]) for element in offence["elements"]],
                columns,
                statute=offence["statute"],
                note=offence["note"] and f" {offence['note']}",
                source=_where_read(case, offence),
                date=offence["date"],
            )
            for offence in case.reference.offences
        ),
    ]


def element_evidence(case: Case) -> dict[str, tuple[str, str, str]]:
    """Returns the evidence on each of `reference.ELEMENTS`, its exhibits, and missing evidence."""
    say, row, count = case.say, case.row, case.language.count
    none = say("general.none")
    values = {
        "complaints": count("complaint", row["complaints"]),
        "brands": case.brands or say("general.none_stated"),
        "whose": case.whose,
        "calls": count("call_record", row["calls"]),
        "phones": case.phones,
        "countries": case.countries,
        "sums": "; ".join(case.losses_together) or none,
        "payees": case.payees,
        "payments": count("payment", sum(len(record.payments) for record in case.records.in_order)),
        "links": count("link", len(case.facts.accepted)),
        "identifiers": count("identifier", row["size"]),
        "handovers": count("handover", len(case.handovers)),
    }
    exhibits = {
        "scheme": "1, 3",
        "wires": "1, 2, 3",
        "loss": "5",
        "money": "2, 6",
        "organisation": "4, 9",
        "knowledge": none,
        "identity": none,
    }
    return {
        name: (say(f"evidence.{name}", **values), numbers, say(f"evidence.{name}_missing"))
        for name, numbers in exhibits.items()
    }


def _limits(case: Case) -> Blocks:
    """States the limits and the confidence, in the words of the recipient's scale."""
    scale, say = case.reference.scale, case.say
    counts = case.manifest["counts"]["complaints"]
    likelihood = case.reference.likelihood_wording(case.row["confidence"])
    points = [
        say("limits.likelihood", likelihood=likelihood),
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
        case.weeks,
    ]
    words = [(word["word"], say("limits.range", **word)) for word in scale["words"]]
    return [
        Points([point for point in points if point]),
        case.table("scale", words, {"word": 0.5, "range": 0.5}, say("limits.scale", **scale)),
    ]


def _requests(case: Case) -> Blocks:
    """Lists requests to the recipient, and how long each provider keeps records.

    Successive letters to providers of the same name and priority share a row.
    """
    say, rows = case.say, []
    for (name, priority), letters in groupby(
        enumerate(case.groups, 1),
        lambda letter: (letter[1].provider.name, letter[1].priority(case.clock)),
    ):
        numbers, groups = zip(*letters, strict=True)
        ends = [group.next_expiry for group in groups]
        rows.append(
            (
                numbers[0] if numbers[1:] == () else case.language.span(numbers[0], numbers[-1]),
                plain(name, 90),
                sum(len(group.members) for group in groups),
                say(f"priorities.{priority}"),
                say("requests.at_once") if None in ends else f"{min(ends):%Y-%m-%d}",
                groups[0].clock["rule"],
            )
        )
    past = sum(
        1
        for group in case.groups
        for member in group.members
        if member.first_until is not None and member.first_until <= case.clock
    )
    columns = {
        "letter": 0.09,
        "to": 0.3,
        "identifiers": 0.11,
        "priority": 0.1,
        "first_gone": 0.12,
        "rule": 0.28,
    }
    return [
        Points(case.reference.recipient["asks"], numbered=True),
        say("requests.folder"),
        case.table("requests", rows, columns),
        say("requests.exhibit") + case.say_any("requests.run_out", n=past),
    ]


def _exhibits(made: Sequence[Exhibit], case: Case) -> Blocks:
    """Lists the exhibits, their input files, and how to check them."""
    say, number = case.say, case.language.number
    rows = [
        (
            exhibit.number,
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
    custodians = [
        say(
            "custody.custodian",
            organisation=organisation_name(slug),
            who=plain(case.file.person(slug, "custodian"), 160) or BLANK,
        )
        for slug in case.row["orgs"]
    ]
    signer = case.say_any("custody.signed_run", key=case.run_key_id)
    columns = {"number": 0.06, "title": 0.17, "file": 0.315, "rows": 0.075, "about": 0.38}
    input_columns = {"file": 0.305, "kind": 0.105, "rows": 0.065, "digest": 0.525}
    return [
        case.table("custody", rows, columns, say("custody.exhibits")),
        say("custody.custody"),
        Points(custodians),
        case.table("custody", inputs, input_columns, say("custody.inputs")),
        say(
            "custody.verification",
            run=case.manifest["run_id"],
            signer=signer or say("custody.unsigned_run"),
            cluster=case.row["cluster_id"],
        ),
    ]


def _excerpts(case: Case) -> Blocks:
    """Quotes narratives around a member, for --excerpts."""
    if not case.excerpts:
        return []
    rows = [
        (
            case.number[excerpt.entity_id],
            case.records.of_mention(excerpt._asdict()).number,
            plain(quoted(excerpt), 300),
        )
        for excerpt in case.excerpts[:EXCERPT_LIMIT]
    ]
    columns = {"number": 0.07, "record": 0.1, "excerpt": 0.83}
    return [
        Notice(case.say("excerpts.personal"), case.say("excerpts.personal_text")),
        case.table("excerpts", rows, columns),
    ]


def _changes(case: Case) -> Blocks:
    """Lists the changes since the referral that this one supersedes."""
    if case.earlier is None:
        return []
    if not case.earlier.changes:
        return [case.say("changes.none")]
    changes = case.earlier.changes[:CHANGE_LIMIT]
    rows = [[plain(cell, 120) for cell in change] for change in changes]
    columns = {"what": 0.5, "before": 0.25, "now": 0.25}
    return [case.table("changes", rows, columns)]


def render_html(document: Document) -> bytes:
    """Renders the page as UTF-8."""
    style = _source("referral.css") + "".join(
        f".s-{name} {{ fill: {colour}; }} line.s-{name} {{ stroke: {colour}; }}\n"
        for name, colour in STYLES.items()
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = _environment().get_template("referral.html")
    text = page.render(
        document=document,
        say=document.language.say,
        kind_of=lambda block: type(block).__name__,
        mark=Mark,
        style=Markup(style),  # noqa: S704 - our own file and table, not data
        policy=Markup(policy),  # noqa: S704 - a digest and keywords
    )
    return text.encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_source),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"visible": visible, "plain": plain}
    return environment


@cache
def _source(name: str) -> str:
    return files("reports.referral").joinpath("templates", name).read_text(encoding="utf-8")
