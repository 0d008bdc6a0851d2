"""The sections on how the fraud was carried out, where the money went, and the recipient's form.

A form is data of the recipient: its labels, each with an entry of the case, of its payments or of
its identifiers, or a blank that is filled outside. With it go the nexus to a country and a letter.
Texts that callers read out are shown only where several people report them, and numbers of victims
in no place. Payments are those that complaints itemize.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from reports.disclosure_control import SUPPLIER_PEOPLE, is_reviewed_core
from reports.evidence_number import letter_thing
from reports.export import tabular
from reports.link_evidence import RecordKey
from reports.referral.blocks import BLANK, Block, Document, Grid, Points, Section, Text
from reports.referral.case import Case, victims_at_most
from reports.referral.case_records import (
    agreed_names,
    exact_sum,
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
"""Letters of a cell of a form that stay in a line, and of a word of it that is not cut."""

SCRIPT_LIMIT = 6
"""Texts that are quoted, those of most people first."""


def method_section(case: Case) -> list[Block]:
    """Tells how the fraud goes, from its records: a victim's journey, and what callers read out."""
    own = [record for record in case.records.in_order if record.key[1] in case.own_organisations]
    complaints = [record for record in own if record.key[0] == RecordKind.COMPLAINT]
    steps = [
        _contact(case, Counter(complaint.channel for complaint in complaints if complaint.channel)),
        _story(case, Counter(story for complaint in complaints for story in complaint.stories)),
        *_steps_by_role(case),
        _payment(case),
    ]
    return [
        Text(case.say("method.about", n=len(complaints), whose=case.whose)),
        Points([step for step in steps if step], numbered=True),
        *_scripts(case),
    ]


def _contact(case: Case, channels: Mapping[str, int]) -> str:
    named = _counted(case, channels, "channels")
    return case.say("method.contact", channels=named) if named else ""


def _story(case: Case, stories: Mapping[str, int]) -> str:
    named, brands = _counted(case, stories, "stories"), case.brands
    posed = case.say("method.posed", brands=brands) if brands else case.say("method.posed_as_other")
    if named:
        return case.say("method.pretext_of", posed=posed, stories=named)
    return case.say("method.pretext", brands=brands) if brands else ""


def _counted(case: Case, counts: Mapping[str, int], table: str) -> str:
    """Returns what a table of words knows, most often first, with counts of complaints."""
    words: Counter[str] = Counter()
    for name, count in counts.items():
        if word := case.language.word(table, name, ""):
            words[word] += count
    return case.language.join(_ranked(case, words))


def _ranked(case: Case, counts: Mapping[str, int]) -> list[str]:
    return [
        case.say("method.counted", word=word, count=count) for word, count in most_first(counts)
    ]


def _steps_by_role(case: Case) -> list[str]:
    records: dict[str, set[RecordKey]] = defaultdict(set)
    for mention in case.records.mentions:
        records[mention["role"]].add(case.records.of_mention(mention).key)
    people = {
        role: sum(case.records.by_key[key].people for key in keys) for role, keys in records.items()
    }
    ids = defaultdict(list)
    for member in case.facts.members:
        ids[member["role"]].append(member["entity_id"])
    return [
        case.say(
            f"method.{role}",
            n=len(ids[role]),
            numbers=case.numbered(ids[role]),
            records=case.language.count("record", people.get(role, 0)),
        )
        for role in (Role.SENDER, Role.CALLBACK, Role.LURE_SITE, Role.OPERATOR)
        if ids[role]
    ]


def _payment(case: Case) -> str:
    payees = [member["entity_id"] for member in case.facts.members if member["role"] == Role.PAYEE]
    if not payees:
        return ""
    paid = Counter(
        listed_word(payment["method"], PAYMENT_METHODS) or "other"
        for record in case.records.in_order
        for payment in record.payments
    )
    ways: Counter[str] = Counter()
    for method, count in paid.items():
        ways[case.language.word("methods", method, method.replace("_", " "))] += count
    how = case.say("method.by", ways=case.language.join(_ranked(case, ways))) if ways else ""
    numbers = case.numbered(payees)
    return case.say("method.payment", n=len(payees), numbers=numbers, how=how)


def _scripts(case: Case) -> list[Block]:
    if not case.scripts:
        return []
    rows = [
        (str(number), plain(script.words, 600), str(script.people))
        for number, script in enumerate(case.scripts[:SCRIPT_LIMIT], 1)
    ]
    least = case.reference.policy["suppress_below"]
    return [
        Grid(
            case.say("method.scripts", least=least),
            case.heads("scripts", "number", "text", "people"),
            rows,
            (0.06, 0.84, 0.1),
            numbers=(0, 2),
        )
    ]


def money_section(case: Case) -> list[Block]:
    """Lists payees by institution, with what complaints itemize as paid or demanded."""
    paid: dict[str, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    complaints: dict[str, set[RecordKey]] = defaultdict(set)
    for record in case.records.in_order:
        for payment in record.payments:
            complaints[payment["payee"]].add(record.key)
            if payment["amount"] is not None and payment["currency"]:
                paid[payment["payee"]][plain(payment["currency"], 8)].append(payment["amount"])
    rows = []
    for group in case.groups:
        members = [
            retained.member for retained in group.members if retained.member["role"] == Role.PAYEE
        ]
        for member in members:
            payee = member["entity_id"]
            amounts = "; ".join(
                case.language.sum_of(currency, exact_sum(sums))
                for currency, sums in sorted(paid[payee].items())
            )
            rows.append(
                (
                    plain(group.provider.name, 90),
                    str(case.number[payee]),
                    plain(case.identifier(payee), 80),
                    str(len(complaints[payee])),
                    amounts or case.say("money.not_itemized"),
                    case.language.iso_days(member["first_seen"], member["last_seen"]),
                )
            )
    if not rows:
        return []
    others = (
        case.say("money.others", names=case.language.join(case.other_names)) if case.joint else ""
    )
    return [
        Text(case.say("money.about", others=others)),
        Grid(
            case.say("money.caption"),
            case.heads(
                "money", "institution", "number", "account", "complaints", "amounts", "seen"
            ),
            sorted(rows),
            (0.23, 0.06, 0.27, 0.11, 0.18, 0.15),
            ids=(2,),
            numbers=(1, 3),
        ),
    ]


def nexus_section(case: Case) -> list[Block]:
    """Lists what ties the case to the recipient's country by its own form, and how calls came."""
    country, name = case.reference.recipient["country"], case.reference.recipient["nexus"]
    rows = [
        (
            str(case.number[member.member["entity_id"]]),
            plain(case.identifier(member.member["entity_id"]), 80),
            plain(group.provider.name, 90),
            plain(group.provider.found_by, 90),
        )
        for group in case.groups
        for member in group.members
        if group.provider.country == country
    ]
    routes = [
        case.say(
            "nexus.route",
            kind=case.say(f"kinds.{supplier['kind']}"),
            value=plain(supplier["entity_id"].partition(":")[2], 80),
            records=case.language.count("record", supplier["records"]),
        )
        for supplier in case.facts.suppliers
        if supplier["kind"] in ("carrier", "trunk", "ip", "orig_id")
        and case.supplier_people.get(supplier["entity_id"], 0) >= SUPPLIER_PEOPLE
    ]
    own: Block = (
        Grid(
            case.say("nexus.caption", place=name),
            case.heads("nexus", "number", "identifier", "kept_by", "known_from"),
            sorted(rows, key=lambda row: int(row[0])),
            (0.07, 0.33, 0.33, 0.27),
            ids=(1,),
            numbers=(0,),
        )
        if rows
        else Text(case.say("nexus.none", place=name))
    )
    calls: list[Block] = [Text(case.say("nexus.routes")), Points(routes)] if routes else []
    return [own, *calls]


@dataclass(frozen=True)
class FormTable:
    """One table of a recipient's form: `blank` are the places of columns to be filled outside."""

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
    form = case.reference.form
    if form is None:
        return []
    filled = []
    for table in form["form"]:
        labels = [field["label"] for field in table["fields"]]
        values = [field["value"] for field in table["fields"]]
        if table["rows"] == "case":
            entries = case_values(case)
            rows = [[label, entries[value]] for label, value in zip(labels, values, strict=True)]
            filled.append(
                FormTable(
                    table["title"], [*case.heads("form", "field", "entry")], rows, frozenset()
                )
            )
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


def form_section(case: Case) -> list[Block]:
    """Shows the recipient's form; columns to be filled outside are named, and in its CSV."""
    blocks: list[Block] = []
    if agreed_names(case.records.in_order, "beneficiary_name"):
        blocks.append(Text(case.say("form.names")))
    for table in form_tables(case):
        if not table.rows:
            blocks.append(Text(case.say("form.empty", title=table.title)))
            continue
        kept = [column for column in range(len(table.header)) if column not in table.blank]
        if table.blank:
            labels = case.language.join([table.header[column] for column in sorted(table.blank)])
            words = case.say("form.blank", title=table.title, n=len(table.blank), labels=labels)
            blocks.append(Text(words))
        blocks += [
            Grid(
                case.say("form.caption", title=table.title),
                [table.header[column] for column in part],
                [[plain(row[column], 400) for column in part] for row in table.rows[:FORM_ROWS]],
                _widths([table.header, *table.rows], part),
            )
            for part in _parts(kept)
        ]
    return blocks


def _parts(kept: Sequence[int]) -> list[list[int]]:
    """Parts the columns of a form among tables that the page has room for, each with the first."""
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
    """Returns the entries of a form that are of the whole case."""
    row, say, number = case.row, case.say, case.language.number
    none, none_stated, not_known = (
        say(f"general.{name}") for name in ("none", "none_stated", "not_known")
    )
    own = [record for record in case.records.in_order if record.key[0] == RecordKind.COMPLAINT]
    listed: dict[str, list[str]] = defaultdict(list)
    for member in case.facts.members:
        listed[member["kind"]].append(case.identifier(member["entity_id"]))

    def named(*kinds: str) -> str:
        return "; ".join(each for kind in kinds for each in listed[kind]) or none

    bound = number(victims_at_most(row["victims"], case.cluster_victims, case.shared))
    losses = [
        case.language.sum_of(currency, amount) for currency, (amount, _) in case.totals.items()
    ]
    return {
        BLANK_VALUE: BLANK,
        "reference": plain(case.code, 200),
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
        "losses": "; ".join(case.losses_together if case.joint else losses) or none_stated,
        "brands": case.brands or none_stated,
        "channels": _counted(
            case, Counter(record.channel for record in own if record.channel), "channels"
        )
        or not_known,
        "stories": _counted(
            case, Counter(story for record in own for story in record.stories), "stories"
        )
        or not_known,
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
    """Yields the entries of each payment, of the last hours before the referral's time alone.

    The name of a beneficiary or a bank is shown where two people or more give it, of a payee that
    is named as reviewed core.
    """
    shown = _shown_names(case)
    since = None if within_hours is None else case.clock - timedelta(hours=within_hours)
    for record in case.records.in_order:
        for payment in record.payments:
            paid = time_paid(record, payment)
            if since is not None and (paid[1] if paid else record.observed_at) < since:
                continue
            stated, payee = payment["stated"], payment["payee"]
            name, bank = (
                text
                if (text := getattr(stated, field)) and (payee, folded_name(text)) in names
                else None
                for field, names in shown.items()
            )
            provider = case.provider_of[payment["payee"]]
            amount = payment["amount"]
            yield {
                BLANK_VALUE: BLANK,
                "record": f"{organisation_name(record.key[1])} {plain(record.key[2], 80)}",
                "received": format_utc(record.observed_at),
                "amount": "" if amount is None else format_amount(amount),
                "currency": currency_word(payment["currency"]) or "",
                "method": listed_word(payment["method"], PAYMENT_METHODS) or "",
                "payee": case.identifier(payment["payee"]),
                "institution": plain(provider.name, 120),
                "institution_country": provider.country or "",
                "transaction_date": paid[0] if paid else BLANK,
                "beneficiary_name": _as_stated(case, name),
                "beneficiary_bank": "; ".join(
                    [plain(provider.name, 120), *([_as_stated(case, bank)] if bank else [])]
                ),
                "payment_reference": plain(stated.reference, 40) or BLANK,
                "payment_status": stated.status or BLANK,
            }


def _reviewed_core(case: Case) -> set[str]:
    return {member["entity_id"] for member in case.facts.members if is_reviewed_core(member)}


def _shown_names(case: Case) -> dict[str, set[tuple[str, str]]]:
    """Returns the names that forms show, folded, with their payees, by what they are of."""
    core = _reviewed_core(case)
    return {
        name: {key for key in agreed_names(case.records.in_order, name) if key[0] in core}
        for name in ("beneficiary_name", "beneficiary_bank")
    }


def withheld_names(case: Case) -> list[int]:
    """Returns the rows of Exhibit 1 whose payments name a beneficiary or bank that no form does."""
    shown = _shown_names(case)
    return [
        record.number
        for record in case.records.in_order
        if any(
            (text := getattr(payment["stated"], field))
            and (payment["payee"], folded_name(text)) not in names
            for payment in record.payments
            for field, names in shown.items()
        )
    ]


def _as_stated(case: Case, text: str | None) -> str:
    return case.say("form.stated", what=plain(text, 120)) if text else BLANK


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


def form_files(case: Case) -> dict[str, bytes]:
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
    return Document(
        kind=case.reference.recipient["name"],
        title=title,
        authors=case.authors,
        code=case.code,
        tlp=case.tlp,
        sections=[Section(0, title, [Text(plain(line, 4_000)) for line in lines])],
        language=case.language,
        made=case.clock,
        font=case.language.form.get("font"),
        number=case.number_of(letter_thing(case.row["cluster_id"], "letter")),
    )
