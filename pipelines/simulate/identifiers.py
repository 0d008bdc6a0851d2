"""Identifiers of a ring: phone numbers, payees, remote-access ids, lure sites, mailboxes.

Phone numbers of six countries are drawn valid, and written as people write them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

import phonenumbers as pn
from schwifty import IBAN
from stdnum.us import rtn

from pipelines.data_files import read_data
from schemas.enums import Role
from transforms.phone import claim


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier: its canonical id, its role, and its form in a record.

    `value` is its text in a record (a number in E.164, a payee, an id). `detail` is the tool of a
    remote-access id, the method of a payment, `hosted` for a page on a platform, else empty.
    `others` are further addresses of that page.
    """

    entity_id: str
    role: Role
    value: str
    detail: str = ""
    others: tuple[str, ...] = ()


FREEMAIL = ("gmail.com", "outlook.com", "yahoo.com", "proton.me", "gmx.de")

_LURES = "amzn amazn prime-care ms-defender win-secure mcrsoft azure-help order-refund".split()

_TASKS = "refund support helpdesk billing verify renewal claims unlock protect cancel".split()

_SUFFIXES = "com net support online site info co.uk de es xyz live help".split()


SITES, COUNTRIES = (read_data(name, "pipelines.simulate") for name in ("sites", "countries"))

_MAIL_NAMES = "refund.desk order.help billing.team ms.support claims.dept care.center".split()

_UPI_HANDLES = ("okaxis", "ybl", "oksbi", "paytm")

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def callback(number: str) -> Identifier:
    """Returns a number that victims are told to call."""
    return Identifier(f"phone:{number}", Role.CALLBACK, number)


def lure_site(rng: Random) -> Identifier:
    """Draws a web site that victims are sent to; half of them are on shared platforms."""
    if rng.random() < 0.5:
        site = _own_site(rng)
        return Identifier(f"domain:{site}", Role.LURE_SITE, site)
    rented = rng.choice(SITES["rented"])
    filled = {
        "t": _site_name(rng),
        "w": rng.choice(_TASKS),
        "k": "".join(rng.choices(_BASE58, k=rng.randint(7, 24))),
        "n": f"24{digits(rng, 13)}",
    }
    value, *others = (address.format(**filled) for address in rented["addresses"])
    return Identifier(
        rented["id"].format(**filled), Role.LURE_SITE, value, "hosted", others=tuple(others)
    )


def _own_site(rng: Random) -> str:
    """Draws a domain that a ring registers."""
    return f"{_site_name(rng)}.{rng.choice(_SUFFIXES)}"


def _site_name(rng: Random) -> str:
    return f"{rng.choice(_LURES)}-{rng.choice(_TASKS)}{rng.randrange(10_000)}"


def sender(rng: Random) -> Identifier:
    """Draws a mailbox of the ring, at a freemail host or a domain of its own."""
    if rng.random() < 0.7:
        address = f"{rng.choice(_MAIL_NAMES)}{rng.randrange(100_000)}@{rng.choice(FREEMAIL)}"
    else:
        address = f"{rng.choice(_TASKS)}@{_own_site(rng)}"
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
    """Draws a routing number with its ABA check digit."""
    body = rng.choice(("02", "06", "11", "12", "26")) + digits(rng, 6)
    return body + rtn.calc_check_digit(body)


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


Line = Literal["service", "geographic"]


def digits(rng: Random, count: int) -> str:
    """Draws `count` random decimal digits."""
    return str(rng.randrange(10**count)).zfill(count)


def is_valid(number: str) -> bool:
    """Tells whether an E.164 number is in an assigned range of libphonenumber's metadata."""
    _, line_type = claim(*_parts(number))
    return bool(line_type)


def _parts(number: str) -> tuple[str, str]:
    """Returns the country code and the other digits of an E.164 number of the six countries."""
    width = 2 if number[1] == "1" else 3
    return number[1:width], number[width:]


def draw_number(rng: Random, country: str, line: Line) -> str:
    """Draws a valid number of `country` in E.164; it may by chance be a real one."""
    while True:
        prefix, rest = rng.choice(COUNTRIES[country][line])
        number = f"+{COUNTRIES[country]['calling_code']}{prefix}{digits(rng, rest)}"
        if is_valid(number):
            return number


def following(number: str, count: int) -> list[str]:
    """Returns up to `count` valid consecutive numbers, starting at `number`: a leased block."""
    block = (f"+{int(number[1:]) + step}" for step in range(count))
    return [line for line in block if is_valid(line)]


def neighbour(rng: Random, number: str) -> str:
    """Draws a number of the same area and exchange, with other last four digits."""
    while True:
        near = number[:-4] + digits(rng, 4)
        if near != number and is_valid(near):
            return near


def mistype(rng: Random, number: str) -> str:
    """Returns `number` with a wrong digit among the last seven; the result may be invalid."""
    place = len(number) - rng.randint(1, 7)
    wrong = str((int(number[place]) + rng.randint(1, 9)) % 10)
    return number[:place] + wrong + number[place + 1 :]


@lru_cache(maxsize=50_000)
def _formatted(number: str, layout: int) -> str:
    """Returns an E.164 number in a layout of libphonenumber."""
    code, significant = _parts(number)
    return pn.format_number(pn.PhoneNumber(int(code), int(significant)), layout)


def write_number(rng: Random, number: str, country: str) -> str:
    """Returns `number` as a person in `country` writes it: a domestic number in national form.

    Punctuation varies. With `country` as the region, the digits always give `number` again.
    """
    code = COUNTRIES[country]["calling_code"]
    home = number.startswith(f"+{code}")
    style = rng.random()
    if not home or style < 0.12:
        international = _formatted(number, pn.PhoneNumberFormat.INTERNATIONAL)
        return rng.choice((number, international, international.replace(" ", "-")))
    national = _formatted(number, pn.PhoneNumberFormat.NATIONAL)
    if style < 0.55:
        return national
    bare = "".join(c if c.isdigit() else " " for c in national).split()
    if style < 0.7:
        return "-".join(bare)
    if style < 0.8:
        return ".".join(bare)
    if style < 0.9 or code != "1":
        return "".join(bare)
    return "1-" + "-".join(bare)


def write_in_link(number: str) -> str:
    """Returns `number` in the form of links to pop-ups."""
    home = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return "-".join(("1", *home.groups())) if home else number
