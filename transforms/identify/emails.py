"""E-mail addresses, plain or defanged, to one canonical form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.kinds import EntityKind, Role
from transforms.identify import domains
from transforms.identify.found import Found

_AT = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?|＠)"
_LOCAL = r"[A-Za-z0-9_][A-Za-z0-9._%+'&=-]{0,63}"
_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{domains.HOST})(?![\w@])", re.IGNORECASE
)
_LONGEST_USER = 200
"""Characters of a user's name before the host of a web address."""
_IN_LINK = re.compile(r"//[^\s/?#]*$")
"""What stands before a user's name in a web address, a trick to hide the host (RFC 3986)."""
HINT = r"(?i)@|＠|[\[({]\s?at\s?[\])}]"
"""RE2: without a match of this, a text holds no address."""


def in_text(text: str) -> Iterator[Found]:
    """The addresses in a text, a field that holds one included.

    The value is `local@domain` in lower case, the domain in ASCII (IDNA). A UPI address, whose bank
    handle has no dot, is not an e-mail address. The role is the sender's until context says more.
    """
    for match in _MAIL.finditer(text):
        if _IN_LINK.search(text, max(0, match.start() - _LONGEST_USER), match.start()):
            continue
        host = domains.canonical_host(match["host"])
        if host is None or domains.registrable(host) is None:
            continue
        local = match["local"].strip(".").lower()
        if local:
            value = f"{local}@{host}"
            yield Found(match.start(), match.end(), EntityKind.EMAIL, value, Role.SENDER)
