"""UPI addresses of India (`account:upi:name@bank`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = r"[A-Za-z0-9._-]@[A-Za-z][A-Za-z0-9]+(?:[^A-Za-z0-9_.@-]|\.(?:[^A-Za-z0-9_]|$)|$)"
"""RE2: without a match of this, a text holds no address."""

PATTERN = re.compile(
    r"(?<![\w.@-])(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,63})"
    r"@(?P<bank>[A-Za-z][A-Za-z0-9]{1,63})(?![\w@]|\.\w|-)"
)
"""A name at a bank's handle; unlike the host of an e-mail address, a handle has no dot."""

_BANKS = frozenset(
    """
    okhdfcbank okicici oksbi okaxis ybl ibl axl paytm ptsbi ptyes ptaxis pthdfc upi apl rapl yapl
    axisbank hdfcbank icici sbi kotak yesbank yesbankltd idfcbank idfcfirst indus federal barodampay
    pnb boi cnrb unionbank uboi rbl aubank dbs hsbc citi freecharge ikwik jupiteraxis fam fbl airtel
    postbank jio sliceaxis wahdfcbank waicici waaxis wasbi myicici
    """.split()
)
"""Handles of banks and payment apps on UPI (NPCI's published list of third-party apps)."""


def find(text: str) -> Iterator[Match]:
    """Yields the addresses at known handles in one text, as mentioned."""
    for match in PATTERN.finditer(text):
        if match["bank"].lower() in _BANKS:
            value = f"upi:{match[0].lower()}"
            yield Match(*match.span(), EntityKind.ACCOUNT, value)
