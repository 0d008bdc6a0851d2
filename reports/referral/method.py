"""The sections on how the fraud was carried out, where the money went, and the recipient's form.

A form is data of the recipient: its labels, each with an entry of the case, of its payments or of
its identifiers, or a blank to fill outside. The nexus to a country and a letter are here as well.
Texts that callers read out are shown only if several people report them. No victim's number is
shown. Payments are the payments that complaints itemize.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from reports.cluster_data import Row
from reports.disclosure_control import SUPPLIER_PEOPLE, is_reviewed_core
from reports.evidence_number import letter_thing
from reports.export import tabular
from reports.link_evidence import RecordKey
from reports.referral.blocks import BLANK, Block, Blocks, Document, Files, Grid, Points, Section
from reports.referral.case import Case
from reports.referral.case_records import (
    CaseRecord,
    agreed_names,
    folded_name,
    format_amount,
    time_paid,
)
from reports.referral.exhibits import PAYMENT_METHODS, currency_word, listed_word
from reports.referral.language import format_utc, organisation_name
from reports.referral.reference import BLANK_VALUE, STATED_VALUES
from reports.text import most_first, plain
from schemas.enums import RecordKind, Role

FORM_ROWS = 60
"""Rows of a form in the document; its CSV has all."""

FORM_COLUMNS = 8
"""Columns of a form that fit on a page; the others are in a table below."""

SHORT_CELL, LONG_WORD = 18, 24
"""Most letters of a cell that stay on a line, and of a word that is not cut."""

SCRIPT_LIMIT = 6
"""Texts that are quoted, those of most people first."""


def method_section(case: Case) -> Blocks:
    """Tells how the fraud goes, from its records: a victim's journey, and what callers read out."""
    own = case.own_organisations
    complaints = [
        record
        for record in case.records.in_order
        if record.key[0] == RecordKind.COMPLAINT and record.key[1] in own
    ]
    channels = _counted(case, "channels", (complaint.channel for complaint in complaints))
    steps = [
        case.say_any("method.contact", channels=channels),
        _story(case, _counted(case, "stories", _stories(complaints))),
        *_steps_by_role(case),
        _payment(case),
    ]
    return [
        case.say("method.about", n=len(complaints), whose=case.whose),
        Points([step for step in steps if step], numbered=True),
        _scripts(case),
    ]


def _stories(complaints: Iterable[CaseRecord]) -> Iterator[str]:
    return chain.from_iterable(complaint.stories for complaint in complaints)


def _story(case: Case, stories: str) -> str:
    brands, say_any = case.brands, case.say_any
    posed = say_any("method.posed", brands=brands) or case.say("method.posed_as_other")
    pretext = say_any("method.pretext_of", posed=posed, stories=stories)
    return pretext or say_any("method.pretext", brands=brands)


def _counted(
    case: Case, table: str, names: Iterable[str | None], *, all_names: bool = False
) -> str:
    """Returns names in the words of a table, most often first, with counts.

    Names that the table lacks are left out, or with `all_names` written as they are.
    """
    words = Counter(
        case.language.word(table, name, name.replace("_", " ") if all_names else "")
        for name in names
        if name
    )
    del words[""]
    return case.language.join(
        [case.say("method.counted", word=word, count=count) for word, count in most_first(words)]
    )


def _steps_by_role(case: Case) -> list[str]:
    people: dict[str, dict[RecordKey, int]] = defaultdict(dict)
    for mention in case.records.mentions:
        record = case.records.of_mention(mention)
        people[mention["role"]][record.key] = record.people
    ids = defaultdict(list)
    for member in case.facts.members:
        ids[member["role"]].append(member["entity_id"])
    return [
        case.say(
            f"method.{role}",
            n=len(ids[role]),
            numbers=case.numbered(ids[role]),
            records=case.language.count("record", sum(people[role].values())),
        )
        for role in (Role.SENDER, Role.CALLBACK, Role.LURE_SITE, Role.OPERATOR)
        if ids[role]
    ]


def _payment(case: Case) -> str:
    payees = [member["entity_id"] for member in case.facts.members if member["role"] == Role.PAYEE]
    if not payees:
        return ""
    methods = (
        listed_word(payment["method"], PAYMENT_METHODS) or "other"
        for record in case.records.in_order
        for payment in record.payments
    )
    how = case.say_any("method.by", ways=_counted(case, "methods", methods, all_names=True))
    return case.say("method.payment", n=len(payees), numbers=case.numbered(payees), how=how)


def _scripts(case: Case) -> Block | None:
    if not case.scripts:
        return None
    rows = [
        (number, plain(script.words, 600), script.people)
        for number, script in enumerate(case.scripts[:SCRIPT_LIMIT], 1)
    ]
    caption = case.say("method.scripts", least=case.reference.policy["suppress_below"])
    return case.table("scripts", rows, {"number": 0.06, "text": 0.84, "people": 0.1}, caption)


def money_section(case: Case) -> Blocks:
    """Lists payees by institution, with what complaints itemize as paid or demanded."""
    rows = []
    for group in case.groups:
        for member in (retained.member for retained in group.members):
            if member["role"] != Role.PAYEE:
                continue
            payments = case.payments_to(member["entity_id"])
            number, account = case.named(member["entity_id"])
            rows.append(
                (
                    plain(group.provider.name, 90),
                    str(number),
                    account,
                    len({record.key for record, _ in payments}),
                    case.sums_paid(payments) or case.say("money.not_itemized"),
                    case.language.iso_days(member["first_seen"], member["last_seen"]),
                )
            )
    if not rows:
        return []
    columns = {
        "institution": 0.23,
        "number": 0.06,
        "account": 0.27,
        "complaints": 0.11,
        "amounts": 0.18,
        "seen": 0.15,
    }
    return [
        case.say("money.about", others=case.say_any("money.others", names=case.others)),
        case.table("money", sorted(rows), columns),
    ]


def nexus_section(case: Case) -> Blocks:
    """Lists the ties of the case to the recipient's country by its form, and how calls came."""
    say, recipient = case.say, case.reference.recipient
    rows = [
        (
            *case.named(member.member["entity_id"]),
            plain(group.provider.name, 90),
            plain(group.provider.found_by, 90),
        )
        for group in case.groups
        for member in group.members
        if group.provider.country == recipient["country"]
    ]
    routes = [
        say(
            "nexus.route",
            kind=say(f"kinds.{supplier['kind']}"),
            value=plain(supplier["entity_id"].partition(":")[2], 80),
            records=case.language.count("record", supplier["records"]),
        )
        for supplier in case.facts.suppliers
        if supplier["kind"] in ("carrier", "trunk", "ip", "orig_id")
        and case.supplier_people.get(supplier["entity_id"], 0) >= SUPPLIER_PEOPLE
    ]
    columns = {"number": 0.07, "identifier": 0.33, "kept_by": 0.33, "known_from": 0.27}
    place = recipient["nexus"]
    return [
        case.table("nexus", sorted(rows), columns, place=place)
        if rows
        else say("nexus.none", place=place),
        say("nexus.routes") if routes else None,
        Points(routes) if routes else None,
    ]


@dataclass(frozen=True)
class FormTable:
    """A table of a recipient's form: `blank` has the places of columns to fill outside."""

    title: str
    header: list[str]
    rows: list[list[str]]
    blank: frozenset[int]

    @property
    def slug(self) -> str:
        """Its name in a file's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:48]


def form_tables(case: Case) -> list[FormTable]:
    """Fills the recipient's form; a form of the whole case has a row for each label."""
    filled = []
    for table in (case.reference.form or {"form": ()})["form"]:
        labels = [field["label"] for field in table["fields"]]
        values = [field["value"] for field in table["fields"]]
        if table["rows"] == "case":
            entries = case_values(case)
            rows = [[label, entries[value]] for label, value in zip(labels, values, strict=True)]
            heads = case.heads("form", ("field", "entry"))
            filled.append(FormTable(table["title"], heads, rows, frozenset()))
            continue
        of_rows = (
            _payment_values(case, table.get("within_hours"))
            if table["rows"] == "payments"
            else _identifier_values(case)
        )
        rows = [[entries[value] for value in values] for entries in of_rows]
        blank = frozenset(
            position
            for position, value in enumerate(values)
            if value == BLANK_VALUE
            or (value in STATED_VALUES and all(row[position] == BLANK for row in rows))
        )
        filled.append(FormTable(table["title"], labels, rows, blank))
    return filled


def form_section(case: Case) -> Blocks:
    """Shows the recipient's form; columns to fill outside are only named, and in its CSV."""
    say = case.say
    names = agreed_names(case.records.in_order, "beneficiary_name")
    blocks: list[Block] = [say("form.names")] if names else []
    for table in form_tables(case):
        rows = table.rows[:FORM_ROWS]
        if not rows:
            blocks.append(say("form.empty", title=table.title))
            continue
        kept = [column for column in range(len(table.header)) if column not in table.blank]
        labels = case.language.join([table.header[column] for column in sorted(table.blank)])
        count = len(table.blank)
        blocks += [
            case.say_any("form.blank", title=table.title, n=count, labels=labels),
            *(
                Grid(
                    say("form.caption", title=table.title),
                    [table.header[column] for column in part],
                    [[plain(row[column], 400) for column in part] for row in rows],
                    _widths([table.header, *table.rows], part),
                )
                for part in _parts(kept)
            ),
        ]
    return blocks


def _parts(kept: Sequence[int]) -> list[list[int]]:
    """Splits the columns of a form into tables that fit the page, each with the first column."""
    if len(kept) <= FORM_COLUMNS:
        return [list(kept)]
    first, *others = kept
    size = -(-len(others) // -(-len(others) // (FORM_COLUMNS - 1)))
    return [[first, *others[start : start + size]] for start in range(0, len(others), size)]


def _widths(rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[float]:
    """Returns shares of the page's width: room for the longest word, and for most short cells."""
    if len(kept) == 2:
        return [0.32, 0.68]
    room = []
    for column in kept:
        header, *cells = [row[column] for row in rows]
        word = max(len(each) for cell in (header, *cells) for each in cell.split() or [""])
        short = min(max(map(len, cells), default=0), SHORT_CELL)
        room.append(min(max(word + 2, short), LONG_WORD))
    return [width / sum(room) for width in room]


def case_values(case: Case) -> dict[str, str]:
    """Returns the entries of a form about the whole case."""
    row, say, number = case.row, case.say, case.language.number
    none_stated, not_known = say("general.none_stated"), say("general.not_known")
    own = [record for record in case.records.in_order if record.key[0] == RecordKind.COMPLAINT]
    listed: dict[str, list[str]] = defaultdict(list)
    for member in case.facts.members:
        listed[member["kind"]].append(case.identifier(member["entity_id"]))

    def named(*kinds: str) -> str:
        return "; ".join(each for kind in kinds for each in listed[kind]) or say("general.none")

    bound, losses = number(case.victims_at_most), case.losses_together
    channels = _counted(case, "channels", (record.channel for record in own))
    return {
        BLANK_VALUE: BLANK,
        "reference": case.code,
        "recipient": case.reference.recipient["name"],
        "subject": case.subject,
        "title": case.title,
        "organisations": case.authors,
        "contacts": "; ".join(map(case.sender, row["orgs"])),
        "case_numbers": case.case_numbers,
        "date": case.day_of_referral,
        "compiled": case.date,
        "first_day": f"{row['first_seen']:%Y-%m-%d}",
        "last_day": f"{row['last_seen']:%Y-%m-%d}",
        "complaints": number(row["complaints"]),
        "calls": number(row["calls"]),
        "victims": say("general.at_most", what=bound) if case.joint else bound,
        "losses": "; ".join(losses) or none_stated,
        "brands": case.brands or none_stated,
        "channels": channels or not_known,
        "stories": _counted(case, "stories", _stories(own)) or not_known,
        "scripts": " / ".join(script.words for script in case.scripts[:SCRIPT_LIMIT])
        or say("general.none_quoted"),
        "phone_numbers": named("phone"),
        "emails": named("email"),
        "sites": named("domain", "url", "ip"),
        "accounts": named("account", "wallet"),
        "remote_access": named("remote"),
        "chat": named("handle"),
    }


def _payment_values(case: Case, within_hours: int | None) -> Iterator[dict[str, str]]:
    """Yields the entries of each payment in the last `within_hours` before the referral, or all."""
    since = None if within_hours is None else case.clock - timedelta(hours=within_hours)
    provider_of = case.provider_of
    for record, payment, shown, _ in _stated_names(case):
        paid = time_paid(record, payment)
        if since is not None and (paid[1] if paid else record.observed_at) < since:
            continue
        stated, amount, provider = (
            payment["stated"],
            payment["amount"],
            provider_of[payment["payee"]],
        )
        name, bank = (
            case.say_any("form.stated", what=text and plain(text, 120)) for text in shown.values()
        )
        institution = plain(provider.name, 120)
        yield {
            BLANK_VALUE: BLANK,
            "record": f"{organisation_name(record.key[1])} {plain(record.key[2], 80)}",
            "received": format_utc(record.observed_at),
            "amount": "" if amount is None else format_amount(amount),
            "currency": currency_word(payment["currency"]) or "",
            "method": listed_word(payment["method"], PAYMENT_METHODS) or "",
            "payee": case.identifier(payment["payee"]),
            "institution": institution,
            "institution_country": provider.country or "",
            "transaction_date": paid[0] if paid else BLANK,
            "beneficiary_name": name or BLANK,
            "beneficiary_bank": f"{institution}; {bank}" if bank else institution,
            "payment_reference": plain(stated.reference, 40) or BLANK,
            "payment_status": stated.status or BLANK,
        }


def _stated_names(case: Case) -> Iterator[tuple[CaseRecord, Row, dict[str, str | None], bool]]:
    """Yields each payment with its record, its names that forms show, and if any is withheld.

    The name of a beneficiary or a bank is shown if two people or more give it, for a payee that is
    named as reviewed core.
    """
    core = {member["entity_id"] for member in case.facts.members if is_reviewed_core(member)}
    agreed = {
        name: agreed_names(case.records.in_order, name)
        for name in ("beneficiary_name", "beneficiary_bank")
    }
    for record in case.records.in_order:
        for payment in record.payments:
            payee = payment["payee"]
            stated = {name: getattr(payment["stated"], name) for name in agreed}
            shown = {
                name: text if payee in core and (payee, folded_name(text)) in agreed[name] else None
                for name, text in stated.items()
            }
            yield record, payment, shown, shown != stated


def withheld_names(case: Case) -> list[int]:
    """Returns the rows of Exhibit 1 with a name of a beneficiary or bank that forms withhold."""
    numbers = (record.number for record, _, _, withheld in _stated_names(case) if withheld)
    return list(dict.fromkeys(numbers))


def _identifier_values(case: Case) -> Iterator[dict[str, str]]:
    for member in case.facts.members:
        yield {
            BLANK_VALUE: BLANK,
            "number": str(case.number[member["entity_id"]]),
            "identifier": case.identifier(member["entity_id"]),
            "kind": case.say(f"kinds.{member['kind']}"),
            "role": case.say(f"role_words.{member['role']}"),
            "institution": plain(case.provider_of[member["entity_id"]].name, 120),
            "reporters": str(member["reporters"]),
            "complaints": str(member["complaints"]),
            "calls": str(member["calls"]),
            "first_day": f"{member['first_seen']:%Y-%m-%d}",
            "last_day": f"{member['last_seen']:%Y-%m-%d}",
        }


def form_files(case: Case) -> Files:
    """Returns the recipient's form as CSV, a file for each table, by path."""
    return {
        f"data/forms/{number:02d}-{table.slug}.csv": tabular.csv_bytes(table.header, table.rows)
        for number, table in enumerate(form_tables(case), 1)
    }


def letter_document(case: Case, exhibits: Sequence[str]) -> Document | None:
    """Returns the letter in the recipient's language, a paragraph for each line of its template."""
    template = case.reference.letter
    if template is None:
        return None
    offences = [offence["statute"] for offence in case.reference.offences]
    words = template.render(**case_values(case), exhibits=list(exhibits), offences=offences)
    title, *lines = [line.strip() for line in words.splitlines() if line.strip()]
    sections = [Section(0, title, [plain(line, 4_000) for line in lines])]
    referent = letter_thing(case.row["cluster_id"], "letter")
    return case.document(case.reference.recipient["name"], title, sections, referent)
