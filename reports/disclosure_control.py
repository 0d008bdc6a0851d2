"""What a copy for a reader outside leaves out of texts that people wrote.

Counts of victims that are too small to show: with them, a person could be pointed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.cluster_data import Facts, Gathered
from schemas.manifest import Alarm

Row = dict[str, Any]


_DECISION = r"(?s)(?:\b\w+ )?\bdecision .*"
"""From the first decision that a reason names to its end (`Decision.told`).

Its author is a person, and its reason may quote a record; both could hold this pattern's own words,
so nothing that follows is kept. A word is tried from its start alone: it may have a million
letters.
"""


LEFT_OUT = "an analyst’s decision, left out of this copy"


_OF_DECISIONS = "decisions_contradict"


def reason(text: str) -> str:
    """A reason of entities/ or links/ without what analysts wrote."""
    return re.sub(_DECISION, LEFT_OUT, text)


def reasons(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As `reason`, for a column."""
    return pc.replace_substring_regex(column, _DECISION, LEFT_OUT)


def facts(whole: Facts) -> Facts:
    """A cluster without readings and without what analysts wrote."""
    return replace(
        whole,
        members=_told(whole.members),
        inside=_told(whole.inside),
        near=_told(whole.near),
        soft=_told(whole.soft),
        readings=[],
    )


def gathered(whole: Gathered) -> Gathered:
    """Clusters as `facts` leaves them, their table of members too."""
    reasons = [reason(one) for one in whole.members["reason"].to_pylist()]
    at = whole.members.schema.get_field_index("reason")
    members = whole.members.set_column(at, "reason", pa.array(reasons, pa.string()))
    return replace(whole, facts=[facts(one) for one in whole.facts], members=members)


def _told(rows: Iterable[Row]) -> list[Row]:
    return [row | {"reason": reason(row["reason"])} for row in rows]


def alarms(found: Iterable[Alarm]) -> list[Alarm]:
    """Alarms without the names of decisions."""
    left_out = Alarm(code=_OF_DECISIONS, message=LEFT_OUT)
    return [left_out if one["code"] == _OF_DECISIONS else one for one in found]


SUPPRESS_BELOW = 5
"""Counts that a reader outside does not see are those below it.

Eurostat and UK ONS use thresholds from 3 to 10.
"""


def suppressed(counts: Sequence[int], floor: int) -> list[int | None]:
    """Counts of exclusive groups, None for those that stay hidden.

    Those below `floor` are hidden, but for 0. One alone could be had back from the sum of all, so
    that the next larger one is then hidden too (secondary suppression: Willenborg and de Waal,
    Elements of Statistical Disclosure Control, 2001).
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < floor}
    if len(hidden) == 1:
        others = [place for place, count in enumerate(counts) if place not in hidden and count]
        hidden |= {min(others, key=lambda place: (counts[place], place))} if others else set()
    return [None if place in hidden else count for place, count in enumerate(counts)]
