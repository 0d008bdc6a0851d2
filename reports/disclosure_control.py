"""Disclosure control: leaves out of a copy for a reader outside what could point at a person.

That is what analysts wrote, quotations of records, and counts of victims that are too small.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.cluster_data import ClusterBatch, ClusterFacts
from schemas.manifest import Alarm

Row = dict[str, Any]

_DECISION = r"(?s)(?:\b\w+ )?\bdecision .*"
"""From the first decision that a reason names to its end.

Its author is a person, and its reason may quote a record; both could hold this pattern's own words,
so nothing that follows is kept. A word is tried from its start alone: it may have a million
letters.
"""

LEFT_OUT = "an analyst’s decision, left out of this copy"

_OF_DECISIONS = "decisions_contradict"

SUPPRESS_BELOW = 5
"""Smallest count of victims but 0 that a reader outside sees.

Eurostat and UK ONS use thresholds from 3 to 10.
"""


def redact_reason(text: str) -> str:
    """Returns a reason of entities/ or links/ without what analysts wrote."""
    return re.sub(_DECISION, LEFT_OUT, text)


def redact_reasons(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column of reasons without what analysts wrote."""
    return pc.replace_substring_regex(column, _DECISION, LEFT_OUT)


def redact_facts(whole: ClusterFacts) -> ClusterFacts:
    """Returns a cluster without readings and without what analysts wrote."""
    return replace(
        whole,
        members=_redact_rows(whole.members),
        inside=_redact_rows(whole.inside),
        near=_redact_rows(whole.near),
        soft=_redact_rows(whole.soft),
        readings=[],
    )


def redact_batch(whole: ClusterBatch) -> ClusterBatch:
    """Returns clusters as `redact_facts` leaves them, their table of members too."""
    at = whole.members.schema.get_field_index("reason")
    members = whole.members.set_column(at, "reason", redact_reasons(whole.members["reason"]))
    return replace(whole, facts=[redact_facts(one) for one in whole.facts], members=members)


def _redact_rows(rows: Iterable[Row]) -> list[Row]:
    return [row | {"reason": redact_reason(row["reason"])} for row in rows]


def redact_alarms(found: Iterable[Alarm]) -> list[Alarm]:
    """Returns alarms without the names of decisions."""
    left_out = Alarm(code=_OF_DECISIONS, message=LEFT_OUT)
    return [left_out if one["code"] == _OF_DECISIONS else one for one in found]


def suppress_small_counts(counts: Sequence[int], floor: int) -> list[int | None]:
    """Returns counts of exclusive groups, None for those that stay hidden.

    Those below `floor` are hidden, but for 0. One alone could be computed from the sum of all, so
    that the next larger one is then hidden too (secondary suppression: Willenborg and de Waal,
    Elements of Statistical Disclosure Control, 2001).
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < floor}
    if len(hidden) == 1:
        others = [place for place, count in enumerate(counts) if place not in hidden and count]
        hidden |= {min(others, key=lambda place: (counts[place], place))} if others else set()
    return [None if place in hidden else count for place, count in enumerate(counts)]
