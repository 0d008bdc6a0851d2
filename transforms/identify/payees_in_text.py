"""Accounts, wallets and handles of payees in free text; see `payees` for fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from schemas.kinds import EntityKind, Role
from transforms.identify import wallets
from transforms.identify.found import Found
from transforms.identify.payees import UPI_BANKS, WHATSAPP_GROUP, iban, is_routing

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}"
    r"(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)
_UPI = re.compile(
    r"(?<![\w.@-])(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,63})"
    r"@(?P<bank>[A-Za-z][A-Za-z0-9]{1,63})(?![\w@]|\.\w|-)"
)
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
"""Characters between an IFSC and the account that it belongs to."""
_CASHTAG = re.compile(r"(?<![\w$])\$[A-Za-z][A-Za-z0-9_-]{1,19}\b")
_CASH_APP = re.compile(r"\bcash ?app\b", re.IGNORECASE)
_TELEGRAM_LINK = re.compile(
    r"(?<![\w.])(?:https?://)?(?:t|telegram)\.me/(?P<name>[A-Za-z]\w{3,31})\b(?!/)", re.IGNORECASE
)
_TELEGRAM_NAME = re.compile(
    r"\btelegram\b[^@\n]{0,40}(?<![\w.])@(?P<name>[A-Za-z]\w{4,31})\b(?![.@]\w)", re.IGNORECASE
)
_NOT_NAMES = frozenset({"joinchat", "share", "addstickers", "proxy"})


def in_text(text: str) -> Iterator[Found]:
    """IBANs, national accounts, UPI addresses, wallets, tags and handles in a text.

    The role is only `mentioned` until context says that money went there.
    """
    for _, finder in FINDERS:
        yield from finder(text)


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        for written in _cuts(match[0]):
            if found := iban(written):
                end = match.start() + len(written)
                yield Found(match.start(), end, *found, Role.MENTIONED)
                break


def _upi(text: str) -> Iterator[Found]:
    for match in _UPI.finditer(text):
        if match["bank"].lower() in UPI_BANKS:
            yield _account(match.start(), match.end(), f"upi:{match[0].lower()}")


def _wallets(text: str) -> Iterator[Found]:
    for start, end, wallet in wallets.in_text(text):
        yield Found(start, end, EntityKind.WALLET, wallet, Role.MENTIONED)


def _account(start: int, end: int, value: str) -> Found:
    return Found(start, end, EntityKind.ACCOUNT, value, Role.MENTIONED)


def _cuts(text: str) -> Iterator[str]:
    """The text, and what is left of it without its last groups, which may be words of the text."""
    yield text
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " -":
            yield text[:i]


def _national(text: str) -> Iterator[Found]:
    """Accounts that a bank's code stands beside: United States, United Kingdom, India."""
    low = text.lower()
    for match in _US.finditer(text) if any(word in low for word in _US_WORDS) else ():
        if is_routing(match["bank"]):
            value = f"us:{match['bank']}:{match['account']}"
            yield _account(match.start("bank"), match.end("account"), value)
    for match in _UK.finditer(text) if "sort" in low else ():
        sort = re.sub(r"\D", "", match["sort"])
        value = f"uk:{sort}:{match['account']}"
        yield _account(match.start("sort"), match.end("account"), value)
    for match in _IFSC.finditer(text):
        reach = max(0, match.start() - _IFSC_REACH), match.end() + _IFSC_REACH
        accounts = list(_INDIAN_ACCOUNT.finditer(text, *reach))
        if len({one["account"] for one in accounts}) == 1:
            value = f"ifsc:{match[0].upper()}:{accounts[0]['account']}"
            ends = match.span(), accounts[0].span("account")
            yield _account(min(ends)[0], max(ends)[1], value)


def _handles(text: str) -> Iterator[Found]:
    """Cash tags, Telegram names, and invitations to WhatsApp groups."""
    if "$" in text and _CASH_APP.search(text):
        for match in _CASHTAG.finditer(text):
            yield _handle(*match.span(), f"cashapp:{match[0].lower()}")
    low = text.lower()
    if "telegram" in low or ".me/" in low:
        for pattern in (_TELEGRAM_LINK, _TELEGRAM_NAME):
            for match in pattern.finditer(text):
                if match["name"].lower() not in _NOT_NAMES:
                    yield _handle(*match.span("name"), f"telegram:{match['name'].lower()}")
    for match in WHATSAPP_GROUP.finditer(text) if "chat.whatsapp" in low else ():
        yield _handle(*match.span("code"), f"whatsapp:{match['code']}")


def _handle(start: int, end: int, value: str) -> Found:
    return Found(start, end, EntityKind.HANDLE, value, Role.MENTIONED)


HANDLE_HINT = r"\$[A-Za-z]|(?i:telegram|t\.me/|chat\.whatsapp)"
FINDERS: tuple[tuple[str, Callable[[str], Iterator[Found]]], ...] = (
    (r"[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{4}", _ibans),
    (r"[A-Za-z0-9._-]@[A-Za-z][A-Za-z0-9]+(?:[^A-Za-z0-9_.@-]|\.(?:[^A-Za-z0-9_]|$)|$)", _upi),
    (r"(?i)routing|\baba\b|\brtn\b|sort ?code|[a-z]{4}0[a-z0-9]{6}", _national),
    (wallets.HINT, _wallets),
    (HANDLE_HINT, _handles),
)
"""Finders, and RE2: without a match of it, a text holds nothing for a finder."""
