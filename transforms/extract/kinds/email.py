"""E-mail addresses (`email:local@domain`), plain or defanged."""

from __future__ import annotations

import re
from functools import cache

from schemas.enums import EntityKind, Role
from transforms.decode.escapes import decode_web_escapes, span_as_written
from transforms.extract.kinds import domain
from transforms.extract.kinds.phone_link import MAX_URL
from transforms.extract.mention import Match

ESCAPED_AT = r"%(?:25)*40|&(?:amp;)*(?:#0*64|#x0*40|commat)\b|\\(?:u00|x)40"

HINT = rf"(?i)@|＠|[\[({{]\s?at\s?[\])}}]|{ESCAPED_AT}"
"""RE2: without a match of this, a text holds no e-mail address."""

MAX_LOCAL = 64
"""Characters before the sign (RFC 5321 section 4.5.3.1.1)."""

_AT = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?|＠)"

_LOCAL = rf"[A-Za-z0-9_][A-Za-z0-9._%+'&=-]{{0,{MAX_LOCAL - 1}}}"

_SIGN = re.compile(_AT, re.IGNORECASE)

_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{domain.HOST})(?![\w@])", re.IGNORECASE
)

_BREAKS = " \t\r\n<>\"'"
"""Characters that end a web address."""

_UNREAD_MAILBOX = re.compile(r"(?:no|do-?not|donot)[-_.]?reply")
"""Names of mailboxes that nobody reads."""

_RECIPIENT = re.compile(r"[\w.+%-]{1,64}=(?P<host>[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5})")
"""The local part of a bounce address, which contains the address of its recipient."""

_SIP = re.compile(r"\bsips?:[^\s@<>\"']{0,100}\Z", re.IGNORECASE)
"""The start of a SIP address (RFC 3261 section 19.1.1)."""

_SIP_REACH = 106

_WITHOUT_SCHEME = re.compile(rf"[(\[]{{0,2}}{domain.HOST}(?::\d{{1,5}})?[/?][^@]*", re.IGNORECASE)


def find(text: str) -> list[Match]:
    """Finds the addresses in a text, or in a field that holds an address.

    The value is `local@domain` in lower case, the domain in ASCII (IDNA). A UPI address is no
    e-mail address: its bank handle has no dot. Nor is an address inside a web address: before the
    host it hides the host (RFC 3986), and after the host it is the recipient of the link. The role
    is the role of a sender that was shown, until context says more.
    """
    read = decode_web_escapes(text)
    matches = []
    done = 0
    for sign in _SIGN.finditer(read.text):
        if sign.start() < done:
            continue
        match = _MAIL.search(read.text, max(done, sign.start() - MAX_LOCAL))
        if match is None:
            break
        done = match.end()
        start, end = span_as_written(text, read, *match.span())
        if is_in_url(text, start) or _SIP.search(text[max(0, start - _SIP_REACH) : start]):
            continue
        if address := read_address(match["local"], match["host"]):
            matches.append(Match(start, end, EntityKind.EMAIL, *address))
    return matches


def read_address(local: str, host: str) -> tuple[str, Role] | None:
    """Returns the canonical address of a name and a host, and its role if it was shown as a sender.

    A bounce address names the recipient of the mail. An organisation's own domain can be forged,
    like a caller id. A mailbox at a freemail host, or at a domain that imitates a brand, is really
    the sender's.
    """
    name, mail_host = local.strip(".").lower(), domain.canonical_host(host)
    site = domain.registrable_domain(mail_host) if mail_host else None
    if not name or site is None:
        return None
    if _RECIPIENT.fullmatch(name):
        return f"{name}@{mail_host}", Role.VICTIM
    is_read = not {mail_host, site}.isdisjoint(freemail_hosts()) and not _UNREAD_MAILBOX.match(name)
    is_theirs = is_read or domain.impersonated_brand(site) is not None
    return f"{name}@{mail_host}", Role.SENDER if is_theirs else Role.CALLER_ID


def is_freemail(address: str) -> bool:
    """Checks whether a canonical address, `local@host`, is at one of `freemail_hosts`."""
    host = address.rpartition("@")[2]
    return host in freemail_hosts() or domain.registrable_domain(host) in freemail_hosts()


@cache
def freemail_hosts() -> frozenset[str]:
    """Returns the registrable domains of the shipped list at which anybody may have a mailbox.

    A carrier's own domain is included only if its subscribers get addresses there.
    """
    listed = domain.legitimate_domains().items()
    return frozenset(host for host, category in listed if category == "freemail")


def is_in_url(text: str, place: int) -> bool:
    """Checks whether a place of a text is within a web address, with or without its scheme."""
    low = max(0, place - MAX_URL)
    begin = max(low, *(text.rfind(sign, low, place) + 1 for sign in _BREAKS))
    before = text[begin:place]
    return "//" in before or _WITHOUT_SCHEME.fullmatch(before) is not None
