"""Payees of the payment fields: accounts, wallets, handles, e-mail addresses, phone numbers."""

from __future__ import annotations

import re

from schemas.enums import EntityKind, Role
from transforms.decode.escapes import digits_to_ascii
from transforms.extract.kinds import bank_account, crypto_wallet, email, iban, messenger, upi
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

_CASHTAG = re.compile(r"(?:https?://)?(?:cash\.app/)?\$(?P<tag>[A-Za-z][A-Za-z0-9_-]{0,19})")

_COIN = re.compile(r"^[A-Za-z]{3,12}:\s*")
"""The coin, or the scheme of its links, before an address."""

CONTACT_METHODS = frozenset("zelle paypal venmo wise interac".split())
"""Methods that pay to a phone number, an e-mail address or a name."""

_DIGITS = re.compile(r"\D")


def from_field(method: str | None, payee: str | None, region: str | None) -> Match | None:
    """Returns the entity of one payment, or None where the payee names none.

    `region` is the victim's country, under which a payee's phone number is read. Digits of any
    script are read as those of ASCII: an account, or a victim's own card, is the same in each.
    """
    if not payee or METHODS.search((method or "")[:MAX_LENGTH]):
        return None
    text = digits_to_ascii(payee[:MAX_LENGTH]).strip()
    how = re.sub(r"[\W_]", "", (method or "")[:MAX_LENGTH].lower())
    entity = _entity(how, text, region)
    if entity is None:
        return None
    kind, value = entity
    return Match(0, len(payee), kind, value, Role.PAYEE)


def _entity(how: str, text: str, region: str | None) -> tuple[EntityKind, str] | None:
    """Reads an IBAN, a wallet, or the payee as the method of payment writes it."""
    if value := iban.canonical_iban(text):
        return EntityKind.ACCOUNT, value
    if value := crypto_wallet.canonical_wallet(_COIN.sub("", text).partition("?")[0]):
        return EntityKind.WALLET, value
    if contact := _contact(how, text, region):
        return contact
    is_upi = upi.PATTERN.fullmatch(text)
    if how == "upi" or is_upi:
        return (EntityKind.ACCOUNT, f"upi:{text.lower()}") if is_upi else None
    if "whatsapp" in how and (match := messenger.INVITATION.search(text)):
        return EntityKind.HANDLE, f"whatsapp:{match['code']}"
    if "telegram" in how and (match := _TELEGRAM.fullmatch(text)):
        return EntityKind.HANDLE, f"telegram:{(match['name'] or match['bare']).lower()}"
    if "cashapp" in how and (match := _CASHTAG.fullmatch(text)):
        return EntityKind.HANDLE, f"cashapp:${match['tag'].lower()}"
    if how in CONTACT_METHODS:
        handle = re.sub(r"\s+", " ", text.lower()).removeprefix("@")
        tagged = (how in ("venmo", "paypal") and re.fullmatch(r"[\w.-]{3,64}", handle)) or (
            how == "zelle" and re.fullmatch(r"@[\w-]{3,30}", text)
        )
        return (EntityKind.HANDLE, f"{how}:{handle}") if tagged else None
    if how in ("solana", "sol") and crypto_wallet.is_solana_address(text):
        return EntityKind.WALLET, f"sol:{text}"
    if how in ("crypto", "bitcoin", "giftcard", "cash"):
        return None
    return _bank(text)


def _contact(how: str, text: str, region: str | None) -> tuple[EntityKind, str] | None:
    """Reads a payee who is named by e-mail address or, if the method allows, by phone number."""
    mail = next(email.find(text), None)
    if mail and (mail.start, mail.end) == (0, len(text)):
        return EntityKind.EMAIL, mail.value
    if how in CONTACT_METHODS or "whatsapp" in how or "cashapp" in how:
        reading = normalize.normalize_number(text, region)
        if reading.e164:
            return EntityKind.PHONE, reading.e164
    return None


def _bank(text: str) -> tuple[EntityKind, str] | None:
    """Reads an account in its country's form; else the text itself where it has digits enough."""
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
    words = re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:100]
    return EntityKind.ACCOUNT, f"bank:{words}"
