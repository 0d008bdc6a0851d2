"""Mailboxes that anybody may have, at a freemail host or a carrier, told from those of a domain.

A narrative names its writer's own mailbox as often as the scammer's, and names it without a word.
"""

from __future__ import annotations

from functools import cache

from transforms.identify import domains, legitimate

_DOMAIN = "domain:"


@cache
def hosts() -> frozenset[str]:
    """Registrable domains of the shipped list at which anybody may have a mailbox."""
    known = legitimate.shipped()
    listed = {one.removeprefix(_DOMAIN) for one in known.entity_ids if one.startswith(_DOMAIN)}
    registries = {one for one in listed if one.startswith("*.")}
    return frozenset(listed - known.mail_hosts - registries)


def is_anybodys(address: str) -> bool:
    """Whether an address, `local@host` in its canonical form, is one of those."""
    host = address.rpartition("@")[2]
    return host in hosts() or domains.registrable(host) in hosts()
