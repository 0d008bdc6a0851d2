"""Bank accounts in their country's form: `account:us:ROUTING:ACCOUNT`, `uk:`, `ifsc:` (India)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = r"(?i)routing|\baba\b|\brtn\b|sort ?code|[a-z]{4}0[a-z0-9]{6}"
"""RE2: without a match of this, a text holds no account."""

_ACCOUNT_WORD = r"(?:account|acct|a/c|acc|ac|konto|cuenta|compte)"

_US = re.compile(
    rf"\b(?:routing|aba|rtn)\b[^\d\n]{{0,24}}(?P<bank>\d{{9}})\b[^\d\n]{{0,20}}\b{_ACCOUNT_WORD}\b"
    r"[^\d\n]{0,16}(?P<account>\d{4,17})\b",
    re.IGNORECASE,
)

_US_WORDS = ("routing", "aba", "rtn")

_UK = re.compile(
    rf"\bsort ?code\b[^\d\n]{{0,12}}(?P<sort>\d{{2}}[- ]?\d{{2}}[- ]?\d{{2}})(?!\d)[^\d\n]{{0,20}}"
    rf"\b{_ACCOUNT_WORD}\b[^\d\n]{{0,16}}(?P<account>\d{{8}})(?!\d)",
    re.IGNORECASE,
)

_IFSC = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}0[A-Z0-9]{6}(?![A-Za-z0-9])", re.IGNORECASE)

_INDIAN_ACCOUNT = re.compile(
    rf"\b{_ACCOUNT_WORD}\b[^\d\n]{{0,20}}(?<!\d)(?P<account>\d{{9,18}})(?!\d)", re.IGNORECASE
)

_IFSC_REACH = 80
"""Most characters between an IFSC and its account."""


def find(text: str) -> Iterator[Match]:
    """Yields the accounts next to a bank's code in one text, as mentioned."""
    low = text.lower()
    for match in _US.finditer(text) if any(word in low for word in _US_WORDS) else ():
        if is_routing_number(match["bank"]):
            value = f"us:{match['bank']}:{match['account']}"
            yield _account(match.start("bank"), match.end("account"), value)
    for match in _UK.finditer(text) if "sort" in low else ():
        sort = re.sub(r"\D", "", match["sort"])
        value = f"uk:{sort}:{match['account']}"
        yield _account(match.start("sort"), match.end("account"), value)
    for match in _IFSC.finditer(text):
        reach = max(0, match.start() - _IFSC_REACH), match.end() + _IFSC_REACH
        accounts = list(_INDIAN_ACCOUNT.finditer(text, *reach))
        if len({account["account"] for account in accounts}) == 1:
            value = f"ifsc:{match[0].upper()}:{accounts[0]['account']}"
            ends = match.span(), accounts[0].span("account")
            yield _account(min(ends)[0], max(ends)[1], value)


def is_routing_number(text: str) -> bool:
    """Checks the check digit of an ABA routing number (ANSI X9.100)."""
    weights = (3, 7, 1) * 3
    return (
        len(text) == 9
        and text != "0" * 9
        and sum(int(d) * w for d, w in zip(text, weights, strict=True)) % 10 == 0
    )


def _account(start: int, end: int, value: str) -> Match:
    return Match(start, end, EntityKind.ACCOUNT, value)
