"""Payees of the payment fields: accounts, wallets, handles, e-mail addresses, phone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from schemas.enums import EntityKind, Role
from transforms.decode import load_reference_data
from transforms.decode.escapes import digits_to_ascii
from transforms.extract.kinds import (
    bank_account,
    crypto_wallet,
    email,
    iban,
    merchant,
    messenger,
    upi,
)
from transforms.extract.kinds.gift_card import METHODS
from transforms.extract.mention import Match
from transforms.phone import normalize

MAX_LENGTH = 500
"""Characters of a payee that are read."""

_US = re.compile(
    r"(?:routing|aba|rtn)\D{0,12}(?P<bank>\d{9})\b\D{0,30}?(?P<account>\d{4,17})\b"
    r"|^\s*(?P<bank2>\d{9})\s*[:/,; -]\s*(?P<account2>\d{4,17})\s*$",
    re.IGNORECASE,
)

_UK = re.compile(
    r"(?<!\d)(?P<sort>\d{2}[- ]?\d{2}[- ]?\d{2})\W{1,4}(?:\D{0,20}?)(?P<account>\d{8})(?!\d)"
)

_IFSC = re.compile(r"(?<![A-Za-z0-9])(?P<ifsc>[A-Z]{4}0[A-Z0-9]{6})(?![A-Za-z0-9])", re.IGNORECASE)

_INDIAN_ACCOUNT = re.compile(r"(?<!\d)\d{9,18}(?!\d)")

_TELEGRAM = re.compile(
    r"(?:https?://)?t(?:elegram)?\.me/(?P<name>\w{4,32})/?|@?(?P<bare>[A-Za-z]\w{3,31})"
)

_COIN = re.compile(r"^[A-Za-z]{3,12}:\s*(?://(?:transfer/)?)?")
"""The coin, or the scheme of its links, before an address."""

_CASED = re.compile(r"(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[\w-]{25,}", re.ASCII)
"""A text that may be a wallet's address, so that upper and lower case matter."""

_DIGITS = re.compile(r"\D")

_Row = Mapping[str, Any]
"""A service of data/payment_services.toml."""


def from_field(method: str | None, payee: str | None, region: str | None) -> tuple[Match, ...]:
    """Returns the entities of one payment: one, or none; a merchant can give a number and a name.

    `region` is the victim's country, for reading a payee's phone number. Digits of any script are
    converted to ASCII, so that an account, or a victim's own card, is the same in each script.
    """
    how = (method or "")[:MAX_LENGTH].lower()
    if not payee or METHODS.search(how):
        return ()
    written = digits_to_ascii(payee[:MAX_LENGTH])
    text = written.strip()
    service = _service_of_method(how)
    entity = _wallet_or_iban(text) or _contact(service, text, region)
    if entity is None:
        may_be_named = service is None or merchant.BEHIND.match(text)
        matches = merchant.from_payee(how, written, region) if may_be_named else None
        if matches is not None:
            return matches
        entity = _entity(service, re.sub(r"[\W_]", "", how), text)
    return (Match(0, len(payee), *entity, Role.PAYEE),) if entity else ()


def _wallet_or_iban(text: str) -> tuple[EntityKind, str] | None:
    if value := iban.canonical_iban(text):
        return EntityKind.ACCOUNT, value
    address = _COIN.sub("", text).partition("?")[0]
    if value := crypto_wallet.canonical_wallet(address):
        return EntityKind.WALLET, value
    if crypto_wallet.is_solana_address(address):
        return EntityKind.WALLET, f"sol:{address}"
    return None


def _entity(service: _Row | None, how: str, text: str) -> tuple[EntityKind, str] | None:
    """Reads the payee in the form that its method of payment uses."""
    is_upi = upi.PATTERN.fullmatch(text)
    if how == "upi" or is_upi:
        return (EntityKind.ACCOUNT, f"upi:{text.lower()}") if is_upi else None
    if "whatsapp" in how and (match := messenger.INVITATION.search(text)):
        return EntityKind.HANDLE, f"whatsapp:{match['code']}"
    if "telegram" in how and (match := _TELEGRAM.fullmatch(text)):
        return EntityKind.HANDLE, f"telegram:{(match['name'] or match['bare']).lower()}"
    if service and (match := re.fullmatch(service.get("tag", "(?!)"), text, re.IGNORECASE)):
        return EntityKind.HANDLE, f"{service['name']}:{match['tag'].lower()}"
    if (service and "accounts" not in service) or how in ("crypto", "bitcoin", "giftcard", "cash"):
        return None
    return _bank(text)


def _contact(service: _Row | None, text: str, region: str | None) -> tuple[EntityKind, str] | None:
    """Reads a payee named by e-mail address or, if a service allows it, by phone number.

    The method names the service, or else the beginning of the payee.
    """
    lead = None if merchant.BEHIND.match(text) else _names_in_fields().match(text)
    if lead and text[lead.end() :].startswith((" ", ":")):
        service = service or _service(lead)
        text = text[lead.end() :].strip(" :")
    mail = next(iter(email.find(text)), None)
    if mail and (mail.start, mail.end) == (0, len(text)):
        return EntityKind.EMAIL, mail.value
    if service is None or _is_paper(service.get("paper"), text):
        return None
    countries = service.get("countries", [region])
    reading = normalize.normalize_number(text, region if region in countries else countries[0])
    return (EntityKind.PHONE, reading.e164) if reading.e164 else None


def _is_paper(check: str | None, text: str) -> bool:
    if check is None or not text.isdecimal():
        return False
    checker: Any = import_module(f"stdnum.{check}")
    return bool(checker.is_valid(text))


@cache
def _names_in_fields() -> re.Pattern[str]:
    """Returns a pattern of the names of services, each a group of its name."""
    names = (f"(?P<{name}>{_written(row)})" for name, row in _rows().items())
    return re.compile(_any_name(names), re.IGNORECASE)


def _written(row: _Row) -> str:
    return "|".join(row["written"]).replace(" ", r"[\W_]{0,3}")


def _any_name(names: Iterable[str]) -> str:
    return rf"(?<![^\W\d_])(?:{'|'.join(names)})(?![^\W\d_])"


@lru_cache(maxsize=1024)
def _service_of_method(how: str) -> _Row | None:
    return _service(_names_in_fields().search(how))


def _service(named: re.Match[str] | None) -> _Row | None:
    return _rows()[str(named.lastgroup)] if named else None


@cache
def _rows() -> Mapping[str, _Row]:
    return {row["name"]: row for row in load_reference_data("payment_services.toml")["service"]}


def _bank(text: str) -> tuple[EntityKind, str] | None:
    """Reads an account in its country's form, or else the text itself if it has enough digits."""
    if match := _US.search(text):
        bank, account = match["bank"] or match["bank2"], match["account"] or match["account2"]
        if bank_account.is_routing_number(bank):
            return EntityKind.ACCOUNT, f"us:{bank}:{account}"
    if match := _IFSC.search(text):
        rest = text[: match.start()] + " " + text[match.end() :]
        accounts = _INDIAN_ACCOUNT.findall(rest)
        if len(accounts) == 1:
            return EntityKind.ACCOUNT, f"ifsc:{match['ifsc'].upper()}:{accounts[0]}"
    if match := _UK.search(text):
        return EntityKind.ACCOUNT, f"uk:{_DIGITS.sub('', match['sort'])}:{match['account']}"
    if iban.PATTERN.fullmatch(text) or sum(map(str.isdigit, text)) < 6:
        return None
    written = text if _CASED.fullmatch(text) else text.lower()
    words = re.sub(r"[^\w]+", "-", written).strip("-")[:100]
    return EntityKind.ACCOUNT, f"bank:{words}"
