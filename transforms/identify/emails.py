"""E-mail addresses, plain or defanged, to one canonical form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.kinds import EntityKind, Role
from transforms.identify import domains, link_addresses
from transforms.identify.found import Found

_AT = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?|＠)"
_LONGEST_LOCAL = 64
"""Characters before the sign (RFC 5321 section 4.5.3.1.1)."""
_LOCAL = rf"[A-Za-z0-9_][A-Za-z0-9._%+'&=-]{{0,{_LONGEST_LOCAL - 1}}}"
_SIGN = re.compile(_AT, re.IGNORECASE)
_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{domains.HOST})(?![\w@])", re.IGNORECASE
)
HINT = r"(?i)@|＠|[\[({]\s?at\s?[\])}]"
"""RE2: without a match of this, a text holds no address."""


def in_text(text: str) -> Iterator[Found]:
    """The addresses in a text, a field that holds one included.

    The value is `local@domain` in lower case, the domain in ASCII (IDNA). A UPI address, whose bank
    handle has no dot, is not an e-mail address, nor is what stands in a web address: its user's
    name is a trick to hide the host (RFC 3986), and what follows the host is whom it was sent to.
    The role is the sender's until context says more.
    """
    for match in _addresses(text):
        if link_addresses.inside(text, match.start()):
            continue
        host = domains.canonical_host(match["host"])
        if host is None or domains.registrable(host) is None:
            continue
        local = match["local"].strip(".").lower()
        if local:
            value = f"{local}@{host}"
            yield Found(match.start(), match.end(), EntityKind.EMAIL, value, Role.SENDER)


def _addresses(text: str) -> Iterator[re.Match[str]]:
    """What `_MAIL` matches, looked for around its sign alone."""
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        match = _MAIL.search(text, max(done, sign.start() - _LONGEST_LOCAL))
        if match is None:
            return
        done = match.end()
        yield match
