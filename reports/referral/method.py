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

from reports.cluster_data import joined_words
from reports.evidence_number import letter_thing
from reports.export import tabular
from reports.referral.blocks import (
    BLANK,
    Block,
    Document,
    Grid,
    Points,
    Section,
    Text,
    format_count,
    format_money,
    format_utc,
    identifier_words,
    organisation_name,
)
from reports.referral.case import Case
from reports.referral.case_records import RecordKey, exact_sum, format_amount
from reports.referral.exculpatory import numbered
from reports.referral.exhibits import PAYMENT_METHODS, SUPPLIER_PEOPLE, currency_word, listed_word
from reports.referral.reference import BLANK_VALUE
from reports.text import plain
from schemas.enums import RecordKind, Role
from transforms.extract.kinds.registry import BY_KIND

_CHANNELS = {
    "phone_inbound": "an incoming call",
    "phone_callback": "a message or page that asked for a call",
    "popup": "a pop-up on the screen",
    "email": "an e-mail",
    "sms": "a text message",
    "web": "a web page",
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "rcs": "a text message",
    "ad": "an advertisement",
    "kiosk": "a payment kiosk",
}

_STORIES = {
    "unauthorised_order": "an order that the victim had not placed",
    "infected_computer": "an infected computer",
    "refund": "a refund or an overpayment",
    "account_suspended": "a suspended account",
    "subscription_renewal": "a subscription that renews",
    "prize": "a prize",
    "arrest": "a threatened arrest",
    "identity_misused": "a misused identity",
    "parcel_seized": "a seized parcel",
    "disconnection": "a threatened disconnection",
    "bank_security": "the bank's security department",
}

_METHODS = {
    "bank": "bank transfer",
    "upi": "UPI",
    "crypto": "cryptocurrency",
    "gift_card": "gift card",
    "zelle": "Zelle",
    "paypal": "PayPal",
}

FORM_ROWS = 60
"""Rows of a form in the document; its CSV has all."""

SCRIPT_LIMIT = 6
"""Texts that are quoted, those of most people first."""


def method_section(case: Case) -> list[Block]:
    """Tells how the fraud goes, from its records: a victim's journey, and what callers read out."""
    own = [one for one in case.records.in_order if one.key[1] in case.own_organisations]
    complaints = [one for one in own if one.key[0] == RecordKind.COMPLAINT]
    steps = [
        _contact(Counter(one.channel for one in complaints if one.channel)),
        _story(case, Counter(story for one in complaints for story in one.stories)),
        *_steps_by_role(case),
        _payment(case),
    ]
    whose = joined_words(case.own_names)
    return [
        Text(
            "A victim's journey, put together from all records of this referral; no single victim "
            "need have gone the whole way. Counts of channels and stories are of the "
            f"{format_count(len(complaints), 'complaint')} to {whose}."
        ),
        Points([one for one in steps if one], numbered=True),
        *_scripts(case),
    ]


def _contact(channels: Mapping[str, int]) -> str:
    named = _counted(channels, _CHANNELS)
    return f"Contact. Victims were reached by {named}." if named else ""


def _story(case: Case, stories: Mapping[str, int]) -> str:
    named = _counted(stories, _STORIES)
    posed = f"The caller posed as {case.brands}" if case.brands else "The caller posed as another"
    return f"Pretext. {posed}{f' and told of {named}' if named else ''}."


def _counted(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Returns what is known by `words`, most often first, with counts of complaints."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        if name in words:
            found[words[name]] += count
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return joined_words([f"{word} ({count:,})" for word, count in ranked])


def _steps_by_role(case: Case) -> list[str]:
    records: dict[str, set[RecordKey]] = defaultdict(set)
    for one in case.records.mentions:
        records[one["role"]].add(case.records.of_mention(one).key)
    people = {
        role: sum(case.records.by_key[key].people for key in those)
        for role, those in records.items()
    }
    ids = defaultdict(list)
    for one in case.facts.members:
        ids[one["role"]].append(one["entity_id"])
    texts = {
        Role.SENDER: "Message. {which} sent messages",
        Role.CALLBACK: "Call back. Victims were given {which} to call",
        Role.LURE_SITE: "Site. Victims were sent to {which}",
        Role.OPERATOR: "Remote access. Victims were made to let {which} into their computer",
    }
    nouns = {
        Role.SENDER: ("address", "addresses"),
        Role.CALLBACK: ("number", "numbers"),
        Role.LURE_SITE: ("site", "sites"),
        Role.OPERATOR: ("remote-access id", "remote-access ids"),
    }
    return [
        f"{text.format(which=format_count(len(ids[role]), *nouns[role]))} "
        f"({numbered(case, ids[role])}; {format_count(people.get(role, 0), 'record')})."
        for role, text in texts.items()
        if ids[role]
    ]


def _payment(case: Case) -> str:
    payees = [one["entity_id"] for one in case.facts.members if one["role"] == Role.PAYEE]
    if not payees:
        return ""
    paid = Counter(
        listed_word(each["method"], PAYMENT_METHODS) or "other"
        for one in case.records.in_order
        for each in one.payments
    )
    ways = joined_words(
        [
            f"{_METHODS.get(word, word.replace('_', ' '))} ({count:,})"
            for word, count in sorted(paid.items(), key=lambda one: (-one[1], one[0]))
        ]
    )
    places = format_count(len(payees), "account or wallet", "accounts and wallets")
    how = f" by {ways}" if ways else ""
    return f"Payment. Victims paid, or were to pay, {places} ({numbered(case, payees)}){how}."


def _scripts(case: Case) -> list[Block]:
    if not case.scripts:
        return []
    rows = [
        (str(number), plain(one.words, 600), str(one.people))
        for number, one in enumerate(case.scripts[:SCRIPT_LIMIT], 1)
    ]
    least = case.reference.policy["suppress_below"]
    return [
        Grid(
            f"What callers read out, as {least} people or more report it; # is a number, … stands "
            "for words that differ",
            ("No.", "Text", "People"),
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
        for one in record.payments:
            complaints[one["payee"]].add(record.key)
            if one["amount"] is not None and one["currency"]:
                paid[one["payee"]][plain(one["currency"], 8)].append(one["amount"])
    rows = []
    for group in case.groups:
        members = [one.member for one in group.members if one.member["role"] == Role.PAYEE]
        for member in members:
            payee = member["entity_id"]
            amounts = "; ".join(
                f"{currency} {format_money(exact_sum(of))}"
                for currency, of in sorted(paid[payee].items())
            )
            rows.append(
                (
                    plain(group.provider.name, 90),
                    str(case.number[payee]),
                    plain(identifier_words(payee), 80),
                    str(len(complaints[payee])),
                    amounts or "not itemized",
                    f"{member['first_seen']:%Y-%m-%d} to {member['last_seen']:%Y-%m-%d}",
                )
            )
    if not rows:
        return []
    others = (
        f" Those to {joined_words(case.other_names)} are not itemized and not in it."
        if case.joint
        else ""
    )
    return [
        Text(
            "Payments that complaints itemize, paid or demanded, by the institution that holds the "
            f"account. They are part of the losses and not added to them (Exhibit 6).{others} "
            "Where the money went from there only the institutions can tell."
        ),
        Grid(
            "Money flow, by institution",
            ("Institution", "No.", "Account or wallet", "Complaints", "Amounts", "Seen"),
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
            str(case.number[one.member["entity_id"]]),
            plain(identifier_words(one.member["entity_id"]), 80),
            plain(group.provider.name, 90),
            plain(group.provider.found_by, 90),
        )
        for group in case.groups
        for one in group.members
        if group.provider.country == country
    ]
    routes = [
        f"{BY_KIND[one['kind']].noun}: {plain(one['entity_id'].partition(':')[2], 80)}, "
        f"{format_count(one['records'], 'record')}"
        for one in case.facts.suppliers
        if one["kind"] in ("carrier", "trunk", "ip", "orig_id")
        and case.supplier_people.get(one["entity_id"], 0) >= SUPPLIER_PEOPLE
    ]
    own: Block = (
        Grid(
            f"Identifiers that are kept in {name}, by their own form",
            ("No.", "Identifier", "Kept by", "Known from"),
            sorted(rows, key=lambda one: int(one[0])),
            (0.07, 0.33, 0.33, 0.27),
            ids=(1,),
            numbers=(0,),
        )
        if rows
        else Text(
            f"No identifier of this referral shows by its own form that it is kept in {name}."
        )
    )
    calls: list[Block] = (
        [
            Text(
                "How the calls came, as call records show it (Exhibit 8). From where they were "
                "placed the carriers' own records tell; an IP address is the one that handed over."
            ),
            Points(routes),
        ]
        if routes
        else []
    )
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
    found = []
    for one in form["form"]:
        labels = [field["label"] for field in one["fields"]]
        values = [field["value"] for field in one["fields"]]
        if one["rows"] == "case":
            entries = case_values(case)
            rows = [[label, entries[value]] for label, value in zip(labels, values, strict=True)]
            found.append(FormTable(one["title"], ["Field", "Entry"], rows, frozenset()))
            continue
        of_rows = (
            _payment_values(case, one.get("within_hours"))
            if one["rows"] == "payments"
            else _identifier_values(case)
        )
        blank = frozenset(at for at, value in enumerate(values) if value == BLANK_VALUE)
        rows = [[entries[value] for value in values] for entries in of_rows]
        found.append(FormTable(one["title"], labels, rows, blank))
    return found


def form_section(case: Case) -> list[Block]:
    """Shows the recipient's form; columns to be filled outside are named, and in its CSV."""
    blocks: list[Block] = []
    for one in form_tables(case):
        kept = [at for at in range(len(one.header)) if at not in one.blank]
        if one.blank:
            labels = joined_words([one.header[at] for at in sorted(one.blank)])
            blocks.append(
                Text(
                    f"{one.title}: the columns {labels} are blank, for the organisation that "
                    "holds the record to fill; nothing of a victim is in this referral."
                )
            )
        blocks.append(
            Grid(
                f"{one.title} (forms/, as CSV)",
                [one.header[at] for at in kept],
                [[plain(row[at], 400) for at in kept] for row in one.rows[:FORM_ROWS]],
                _widths([one.header, *one.rows], kept),
            )
        )
    return blocks


def _widths(rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[float]:
    """Returns shares of the page's width by the longest cell of each column, within bounds."""
    if len(kept) == 2:
        return [0.32, 0.68]
    longest = [min(max(10, *(len(row[at]) for row in rows)), 24) for at in kept]
    return [one / sum(longest) for one in longest]


def case_values(case: Case) -> dict[str, str]:
    """Returns the entries of a form that are of the whole case."""
    row = case.row
    own = [one for one in case.records.in_order if one.key[0] == RecordKind.COMPLAINT]
    listed: dict[str, list[str]] = defaultdict(list)
    for one in case.facts.members:
        listed[one["kind"]].append(identifier_words(one["entity_id"]))

    def named(*kinds: str) -> str:
        return "; ".join(each for kind in kinds for each in listed[kind]) or "none"

    losses = [f"{one} {format_money(amount)}" for one, (amount, _) in case.totals.items()]
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
        "complaints": f"{row['complaints']:,}",
        "calls": f"{row['calls']:,}",
        "victims": f"{row['victims']:,}",
        "losses": "; ".join(case.losses_together if case.joint else losses) or "none stated",
        "brands": case.brands or "none stated",
        "channels": _counted(Counter(one.channel for one in own if one.channel), _CHANNELS)
        or "not known",
        "stories": _counted(Counter(story for one in own for story in one.stories), _STORIES)
        or "not known",
        "scripts": " / ".join(one.words for one in case.scripts[:SCRIPT_LIMIT]) or "none quoted",
        "phone_numbers": named("phone"),
        "emails": named("email"),
        "sites": named("domain", "url", "ip"),
        "accounts": named("account", "wallet"),
        "remote_access": named("remote"),
        "chat": named("handle"),
    }


def _payment_values(case: Case, within_hours: int | None) -> Iterator[dict[str, str]]:
    """Yields the entries of each payment, of the last hours before the referral's time alone."""
    since = None if within_hours is None else case.moment - timedelta(hours=within_hours)
    for record in case.records.in_order:
        if since is not None and record.observed_at < since:
            continue
        for one in record.payments:
            provider = case.provider_of[one["payee"]]
            amount = one["amount"]
            yield {
                BLANK_VALUE: BLANK,
                "record": f"{organisation_name(record.key[1])} {plain(record.key[2], 80)}",
                "received": format_utc(record.observed_at),
                "amount": "" if amount is None else format_amount(amount),
                "currency": currency_word(one["currency"]) or "",
                "method": listed_word(one["method"], PAYMENT_METHODS) or "",
                "payee": identifier_words(one["payee"]),
                "institution": plain(provider.name, 120),
                "institution_country": provider.country or "",
            }


def _identifier_values(case: Case) -> Iterator[dict[str, str]]:
    for one in case.facts.members:
        yield {
            BLANK_VALUE: BLANK,
            "number": str(case.number[one["entity_id"]]),
            "identifier": identifier_words(one["entity_id"]),
            "kind": BY_KIND[one["kind"]].noun,
            "role": str(one["role"]).replace("_", " "),
            "institution": plain(case.provider_of[one["entity_id"]].name, 120),
            "reporters": str(one["reporters"]),
            "complaints": str(one["complaints"]),
            "calls": str(one["calls"]),
            "first_day": f"{one['first_seen']:%Y-%m-%d}",
            "last_day": f"{one['last_seen']:%Y-%m-%d}",
        }


def form_files(case: Case) -> dict[str, bytes]:
    """Returns the recipient's form as CSV, a file for each table, by path."""
    return {
        f"data/forms/{number:02d}-{one.slug}.csv": tabular.csv_bytes(one.header, one.rows)
        for number, one in enumerate(form_tables(case), 1)
    }


def letter_document(case: Case, exhibits: Sequence[str]) -> Document | None:
    """Returns the letter in the recipient's language, a paragraph for each line of its template."""
    template = case.reference.letter
    if template is None:
        return None
    offences = [one["statute"] for one in case.reference.offences]
    words = template.render(**case_values(case), exhibits=list(exhibits), offences=offences)
    title, *lines = [one.strip() for one in words.splitlines() if one.strip()]
    return Document(
        kind=case.reference.recipient["name"],
        title=title,
        authors=case.authors,
        code=case.code,
        tlp=case.tlp,
        sections=[Section(0, title, [Text(plain(one, 4_000)) for one in lines])],
        language=case.reference.recipient.get("language", "en"),
        number=case.number_of(letter_thing(case.row["cluster_id"], "letter")),
    )
