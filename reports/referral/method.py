"""The sections on how the fraud was carried out, and on where the money went.

Texts that callers read out are shown only where several people report them, and numbers of victims
in no place. Payments are those that complaints itemize.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal

from reports.cluster_data import joined_words
from reports.referral.blocks import (
    Block,
    Grid,
    Points,
    Text,
    format_count,
    format_money,
    identifier_words,
)
from reports.referral.case import Case
from reports.referral.case_records import RecordKey, exact_sum
from reports.referral.exculpatory import numbered
from reports.referral.exhibits import PAYMENT_METHODS, listed_word
from reports.text import plain
from schemas.enums import RecordKind, Role

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
        f"({numbered(case, ids[role])}; {format_count(len(records[role]), 'record')})."
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
