"""Whether clusters keep their ids from one run to the next, by the truth rather than by overlap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

SHOWS = 2
"""Members of an operation that show which cluster is its own; one could have strayed."""


@dataclass(frozen=True)
class Survival:
    """Operations that both runs show, and those whose main cluster has one id in both."""

    operations: int
    kept: int


def survival(
    truth: Mapping[str, str], before: Mapping[str, str], now: Mapping[str, str]
) -> Survival:
    """Compare two runs' cluster by entity id, given the operation by entity id.

    The main cluster of an operation holds most of its identifiers; of equals the smaller id. An
    operation is judged where `SHOWS` of its identifiers or more are in one cluster in both runs.
    """
    earlier, later = _main(truth, before), _main(truth, now)
    judged = earlier.keys() & later.keys()
    return Survival(len(judged), sum(earlier[one] == later[one] for one in judged))


def _main(truth: Mapping[str, str], clusters: Mapping[str, str]) -> dict[str, str]:
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entity_id, operation in truth.items():
        if entity_id in clusters:
            seen[operation][clusters[entity_id]] += 1
    return {
        operation: min(one for one, count in counts.items() if count == max(counts.values()))
        for operation, counts in seen.items()
        if max(counts.values()) >= SHOWS
    }
