"""Merchants as on card statements: 'SQ *TECH HELP 888-555-0123 WA'.

A descriptor is a name, often after the service that takes the payment, a number to call and a
state. The number may belong to the service or to an unlisted company, and many can use a name. So
both are only `mentioned`. `account:merchant:tech-help` describes a cluster, and joins none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from schemas.enums import Carried, EntityKind
from transforms.decode import load_reference_data
from transforms.extract.kinds import domain
from transforms.extract.mention import Match, phone_match
from transforms.phone import find as phone_find

_WRITTEN = (
    f"(?{'-' if form.isupper() else ''}i:{re.escape(form)})".replace(r"\ ", r"\s{0,3}")
    for row in load_reference_data("merchants.toml")["processor"]
    for form in row["written"]
)

_PROCESSOR = rf"(?:{'|'.join(_WRITTEN)})"

HINT = rf"\b{_PROCESSOR}"
"""RE2: without a match of this, a text names no merchant behind a service."""

BEHIND = re.compile(
    rf"\b{_PROCESSOR}\s?(?P<name>[^\W\d_][\w&'’.-]{{1,24}}(?:\s[A-Z][A-Z&'’.-]{{1,24}}){{0,2}})"
)
"""A name after the name of a service."""

_BY_CARD = re.compile(r"card|credit|debit|visa|amex|tarjeta|karte|carte|merchant", re.IGNORECASE)
"""Methods of payment whose payee can be a descriptor of a statement."""

_OF_PERSON = re.compile(r"\b(?:card ?holder|holder|name|phone|tel|mobile|cell|my|me|mine)\b", re.I)
"""Words for details of a person, not of a merchant."""

_STATE = re.compile(r"\W{0,3}(?:[A-Z]{2,3})?\W{0,2}")
"""The state or country after the number."""


def find(text: str) -> Iterator[Match]:
    """Yields the names after the name of a service, as mentioned."""
    for match in BEHIND.finditer(text):
        yield from _named(match["name"], match.start("name"))


def from_payee(method: str, payee: str, region: str | None) -> tuple[Match, ...] | None:
    """Returns the number and the name of a descriptor, or None if the payee is no descriptor."""
    behind = BEHIND.match(payee)
    if not behind and (" " not in payee.strip() or not _BY_CARD.search(method)):
        return None
    numbers = phone_find.find_numbers_in_text(payee, region)
    if len(numbers) != 1:
        if behind:
            return tuple(_named(behind["name"], behind.start("name")))
        return () if _is_known(payee) else None
    (start, end), reading = numbers[0]
    lead = payee[:start]
    if sum(map(str.isalpha, lead)) < 3:
        return None
    if _OF_PERSON.search(lead):
        return ()
    if not _STATE.fullmatch(payee, end):
        return None
    name = re.sub(rf"^{_PROCESSOR}", "", lead)
    phone = phone_match(start, end, reading)._replace(carried=Carried.BARE)
    return (phone, *_named(name.rstrip(), start - len(name)))


def _named(name: str, start: int) -> Iterator[Match]:
    """Yields a merchant's name, unless it is a known organisation's."""
    slug = _slug(name)
    if slug and not _is_known(name):
        yield Match(start, start + len(name), EntityKind.ACCOUNT, f"merchant:{slug}")


def _slug(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")


def _is_known(name: str) -> bool:
    """Tells whether a name is or begins with the name of a known organisation."""
    words = _slug(name).split("-")
    return any("-".join(words[:size]) in _organisations() for size in range(1, len(words) + 1))


@cache
def _organisations() -> frozenset[str]:
    """Returns the names of organisations on the compiled list and of brands, as slugs."""
    brands = load_reference_data("brands.toml")["brand"]
    names = {site.reason for site in domain.known_sites().values()}
    return frozenset(map(_slug, names.union(*(brand["words"] for brand in brands))))
