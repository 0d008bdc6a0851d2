"""What the package holds to each element of an offence, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.referral.case import Case
from reports.referral.words import money
from reports.text import plain
from schemas.kinds import Role


@dataclass(frozen=True)
class Holding:
    """What is held to an element, where, and what is missing."""

    text: str
    exhibits: str
    missing: str


def holdings(case: Case) -> Mapping[str, Holding]:
    """By the words that `holds` in elements.toml may be."""
    row = case.row
    brands = ", ".join(plain(one, 40) for one in row["brands"][:6]) or "no brand stated"
    phones = [one for one in case.number if one.startswith("phone:")]
    payees = [one for one in case.material.facts.members if one["role"] == Role.PAYEE]
    paid = sum(len(one.payments) for one in case.material.in_order)
    links = sum(1 for one in case.material.facts.inside if one["accepted"])
    sums = "; ".join(f"{currency} {money(amount)}" for currency, (amount, _) in case.totals.items())
    return {
        "scheme": Holding(
            f"{row['complaints']} complaints tell of callers; brands that they claimed to be: "
            f"{brands}.",
            "1, 3",
            "The complaints themselves, from the organisations that hold them.",
        ),
        "wires": Holding(
            f"{row['calls']} call records and {len(phones)} phone numbers; victims in "
            f"{case.countries}.",
            "1, 2, 3",
            "Carriers' own records of the calls, and from where they were placed.",
        ),
        "loss": Holding(
            f"Stated losses: {sums or 'none'}.",
            "5",
            "Victims' statements and bank records; stated losses are not proven ones.",
        ),
        "money": Holding(
            f"{len(payees)} accounts and wallets to which victims paid or were to pay; {paid} "
            "itemised payments.",
            "2, 6",
            "Account holders, and where the money went from there.",
        ),
        "organisation": Holding(
            f"{links} links hold {row['size']} identifiers together; {len(case.handovers)} "
            "handovers from one identifier to the next.",
            "4, 9",
            "How many persons stand behind it. One person can hold many identifiers.",
        ),
        "knowledge": Holding("Nothing here shows what any person knew or meant.", "none", "All."),
        "identity": Holding("Nothing here names a person.", "none", "Who held each identifier."),
    }
