"""How long evidence counts: what bounds the state of a stream.

A year for what a scammer must hold, so that the epochs of a number that has changed hands
(`graph.epochs`) are still told apart; a quarter for suppliers and scripts, which only describe.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from schemas.kinds import EntityKind

MICROSECONDS_A_DAY = 86_400_000_000

DAYS: Mapping[str, int] = {
    EntityKind.PHONE: 365,
    EntityKind.DOMAIN: 365,
    EntityKind.URL: 365,
    EntityKind.EMAIL: 365,
    EntityKind.REMOTE: 365,
    EntityKind.ACCOUNT: 365,
    EntityKind.WALLET: 365,
    EntityKind.HANDLE: 365,
    EntityKind.SCRIPT: 90,
    EntityKind.ORIG_ID: 90,
    EntityKind.TRUNK: 90,
    EntityKind.CARRIER: 90,
    EntityKind.IP: 90,
}
"""Days for which a sighting of each kind counts, behind the newest record of the stream.

Of a script they are those of the fingerprints of a narrative, and of the words that are kept.
"""


def longest(days: Mapping[str, int]) -> int:
    """Days for which a record is remembered, so that its duplicate is known as one."""
    return max(days.values())


def lives(kinds: pa.Array, days: Mapping[str, int]) -> np.ndarray:
    """The microseconds for which each of these kinds counts."""
    named = kinds.dictionary_encode()
    each = np.array([days[kind] for kind in named.dictionary.to_pylist()], np.int64)
    return each[named.indices.to_numpy()] * MICROSECONDS_A_DAY
