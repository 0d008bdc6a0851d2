"""Mailboxes that anybody may have, at a freemail host or a carrier, told from those of a domain.

A narrative names its writer's own mailbox as often as the scammer's, and names it without a word.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib import resources

from transforms.identify import domains
from transforms.identify.legitimate import OWN_MAIL, SHIPPED


@cache
def hosts() -> frozenset[str]:
    """Registrable domains of the shipped list at which anybody may have a mailbox."""
    text = resources.files("transforms").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return frozenset(
        row["entity_id"].removeprefix("domain:")
        for row in rows
        if row["entity_id"].startswith("domain:") and row["category"] not in OWN_MAIL
    )


def is_anybodys(address: str) -> bool:
    """Whether an address, `local@host` in its canonical form, is one of those."""
    host = address.rpartition("@")[2]
    return host in hosts() or domains.registrable(host) in hosts()
