"""Remote-access sessions: the ids and relay hosts by which an operator is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.enums import EntityKind, Role
from transforms.decode import load_reference_data
from transforms.extract.kinds import domain
from transforms.extract.mention import Match

_PRODUCTS = load_reference_data("remote_access.toml")

_BY_HOST = "screenconnect"
"""The product that uses a host of the operator instead of an id."""

MAX_LENGTH = 500
"""Characters of a field that are read."""

HINT = (
    r"(?i)any\s?desk|viewer|rust\s?desk|supremo|zoho|iperius|alpemix|hop\s?to\s?desk|awe\s?sun"
    r"|aero\s?admin|@ad\b|screenconnect|hostedrmm|[?&]h="
)
"""RE2: without a match of this, a text holds no session."""

_REACH = 60
"""Characters between a product's name and its id."""

_ID = re.compile(r"(?<![\d+$(])(?P<id>\d(?:[ .-]?\d){6,9})(?![\d-])")

_FIRST_DIGIT = re.compile(r"\d")

_ALIAS = re.compile(r"(?<![\w.@-])(?P<id>[A-Za-z0-9._-]{2,40}@ad)(?![\w.@-])", re.IGNORECASE)

_RELAY = re.compile(
    r"(?<![\w.-])(?P<host>(?:[a-z0-9-]{1,63}(?:\.|\[\.\])){1,3}(?:screenconnect|hostedrmm)(?:\."
    r"|\[\.\])com)",
    re.IGNORECASE,
)

_RELAYS = ("screenconnect", "hostedrmm")

_LAUNCH = re.compile(rf"[?&]h=(?P<host>{domain.HOST})(?=&(?:amp;)?[a-z]=)", re.IGNORECASE)
"""The argument that starts a ScreenConnect client: the operator's relay, on its own domain."""

_DIGITS = re.compile(r"\D")

_READABLE = re.compile(r"[\d\s.-]+")


def from_field(tool: str | None, session: str | None) -> Match | None:
    """Reads the id of a session from a field and its tool; None if it is no id."""
    if not tool or not session:
        return None
    value = _value(_product(tool[:MAX_LENGTH]), session[:MAX_LENGTH].strip())
    return Match(0, len(session), EntityKind.REMOTE, value, Role.OPERATOR) if value else None


@lru_cache(maxsize=1 << 10)
def _product(tool: str) -> str:
    """Returns the canonical name of a product."""
    name = re.sub(r"[\W_]", "", tool.lower())
    return str(_PRODUCTS["aliases"].get(name, name))


def find(text: str) -> Iterator[Match]:
    """Yields the ids near their product's name, and relay hosts.

    Most ids in a narrative are the victim's own, read out to the operator. So the role is only
    `mentioned` until context tells the holder.
    """
    for tool, match in _ids(text):
        if value := _value(tool, match["id"]):
            yield Match(*match.span("id"), EntityKind.REMOTE, value)
    low = text.lower()
    for match in _ALIAS.finditer(text) if "@ad" in low else ():
        value = f"anydesk:{match['id'].lower()}"
        yield Match(*match.span("id"), EntityKind.REMOTE, value)
    for match in _RELAY.finditer(text) if any(name in low for name in _RELAYS) else ():
        value = f"{_BY_HOST}:{domain.refang(match['host']).lower()}"
        yield Match(*match.span("host"), EntityKind.REMOTE, value, Role.OPERATOR)
    for match in _LAUNCH.finditer(text) if "h=" in low else ():
        if value := _value(_BY_HOST, match["host"]):
            yield Match(*match.span("host"), EntityKind.REMOTE, value, Role.OPERATOR)


def _ids(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yields the nearest id after each product's name, on the same line."""
    low = text.lower()
    if len(low) != len(text):
        low = text
    names = sorted(_named(low))
    for place, (_, after, tool) in enumerate(names):
        following = names[place + 1][0] if place + 1 < len(names) else len(text)
        reach = min(following, after + _REACH)
        digit = _FIRST_DIGIT.search(text, after, reach)
        if digit is None or "\n" in text[after : digit.start()]:
            continue
        if match := _ID.match(text, digit.start()):
            yield tool, match


def _named(low: str) -> Iterator[tuple[int, int, str]]:
    """Yields the start, end and product of each product's name."""
    for name in _PRODUCTS["names"]["written"]:
        start = low.find(name)
        while start >= 0:
            end = start + len(name)
            if not (start and low[start - 1].isalnum()) and not low[end : end + 1].isalnum():
                yield start, end, name.replace(" ", "")
            start = low.find(name, end)


def _value(tool: str, session: str) -> str | None:
    if tool in _PRODUCTS["names"]["one_time"]:
        return None
    if tool == _BY_HOST:
        host = domain.canonical_host(re.sub(r"^\w+://", "", domain.refang(session)).split("/")[0])
        return f"{tool}:{host}" if host and domain.registrable_domain(host) else None
    if tool == "anydesk" and _ALIAS.fullmatch(session):
        return f"{tool}:{session.lower()}"
    digits = _DIGITS.sub("", session)
    least, most = _PRODUCTS["digits"].get(tool, (6, 12))
    if not least <= len(digits) <= most or digits.count(digits[0]) == len(digits):
        return None
    return f"{tool}:{digits}" if tool and _READABLE.fullmatch(session) else None
