"""Identifiers of a ring other than numbers: payees, remote-access ids, lure sites, mailboxes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from schwifty import IBAN

from pipelines.simulate import phone_numbers
from schemas.enums import Role


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier: its canonical id, its role, and how a record states it.

    `value` is what a record holds (a number in E.164, a payee, an id); `detail` is the tool of a
    remote-access id or the method of a payment, else empty.
    """

    entity_id: str
    role: Role
    value: str
    detail: str = ""


FREEMAIL = ("gmail.com", "outlook.com", "yahoo.com", "proton.me", "gmx.de")

_LURES = "amzn amazn prime-care ms-defender win-secure mcrsoft azure-help order-refund".split()

_TASKS = "refund support helpdesk billing verify renewal claims unlock protect cancel".split()

_SUFFIXES = "com net support online site info co.uk de es xyz live help".split()

_HOSTING = ("azurewebsites.net", "pages.dev", "web.app")

_MAIL_NAMES = "refund.desk order.help billing.team ms.support claims.dept care.center".split()

_UPI_HANDLES = ("okaxis", "ybl", "oksbi", "paytm")

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def callback(number: str) -> Identifier:
    """Returns a number that victims are told to call."""
    return Identifier(f"phone:{number}", Role.CALLBACK, number)


def lure_site(rng: Random) -> Identifier:
    """Draws a web site that victims are sent to, one in ten below a hosting platform's suffix."""
    name = f"{rng.choice(_LURES)}-{rng.choice(_TASKS)}{rng.randrange(10_000)}"
    suffix = rng.choice(_HOSTING if rng.random() < 0.1 else _SUFFIXES)
    return Identifier(f"domain:{name}.{suffix}", Role.LURE_SITE, f"{name}.{suffix}")


def sender(rng: Random) -> Identifier:
    """Draws a mailbox of the ring, at a freemail host or a domain of its own."""
    if rng.random() < 0.7:
        address = f"{rng.choice(_MAIL_NAMES)}{rng.randrange(100_000)}@{rng.choice(FREEMAIL)}"
    else:
        address = f"{rng.choice(_TASKS)}@{lure_site(rng).value}"
    return Identifier(f"email:{address}", Role.SENDER, address)


def operator(rng: Random) -> Identifier:
    """Draws the scammer's own id in a remote-access tool; both tools use 9 or 10 digits."""
    tool = "anydesk" if rng.random() < 0.65 else "teamviewer"
    number = str(rng.randrange(100_000_000, 2_000_000_000))
    return Identifier(f"remote:{tool}:{number}", Role.OPERATOR, number, tool)


def _bitcoin(rng: Random) -> str:
    """Draws a pay-to-public-key-hash address in Base58Check: version 0, hash, 4-byte checksum."""
    body = b"\x00" + rng.randbytes(20)
    check = hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]
    rest, text = int.from_bytes(body + check), ""
    while rest:
        rest, digit = divmod(rest, 58)
        text = _BASE58[digit] + text
    zeros = len(body) - len(body.lstrip(b"\x00"))
    return "1" * zeros + text


def _routing(rng: Random) -> str:
    """Draws a routing number with its ABA check digit (weights 3, 7, 1)."""
    body = rng.choice(("02", "06", "11", "12", "26")) + phone_numbers.digits(rng, 6)
    total = sum(int(d) * w for d, w in zip(body, (3, 7, 1) * 3, strict=False))
    return f"{body}{-total % 10}"


def payee(rng: Random) -> Identifier:
    """Draws a mule's account or wallet."""
    kind = rng.random()
    if kind < 0.4:
        iban = str(IBAN.random(rng.choice(("GB", "DE", "ES", "FR")), random=rng))
        return Identifier(f"account:iban:{iban}", Role.PAYEE, iban, "bank")
    if kind < 0.6:
        name = f"{rng.choice(_TASKS)}{rng.randrange(1_000_000)}"
        upi = f"{name}@{rng.choice(_UPI_HANDLES)}"
        return Identifier(f"account:upi:{upi}", Role.PAYEE, upi, "upi")
    if kind < 0.75:
        wallet = _bitcoin(rng)
        return Identifier(f"wallet:btc:{wallet}", Role.PAYEE, wallet, "crypto")
    if kind < 0.85:
        wallet = f"0x{rng.randbytes(20).hex()}"
        return Identifier(f"wallet:eth:{wallet}", Role.PAYEE, wallet, "crypto")
    routing, account = _routing(rng), str(rng.randrange(10**8, 10**11))
    return Identifier(
        f"account:us:{routing}:{account}",
        Role.PAYEE,
        f"routing {routing} account {account}",
        "bank",
    )
