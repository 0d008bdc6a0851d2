"""Epochs: an identifier that is seen after a long gap counts as another entity.

Numbers are reassigned, domains lapse and are bought again. A gap between two records that show a
suspect using an identifier, longer than data/lives.toml gives its kind, starts a new epoch: an
entity of its own, which only other evidence can tie to the one before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import with_epoch
from transforms.arrow_util import group_starts
from transforms.graph.incidence import MICROSECONDS_A_DAY

LIFETIMES_FILE = "lives.toml"

Lifetimes = Mapping[str, float]
"""Days by kind, or by kind and scheme; a kind that is not in it never lapses."""


@dataclass(frozen=True)
class EpochStarts:
    """Starts of all epochs but the first, sorted: which of `ids`, and the day (UTC, since 1970).

    `gaps` are the days before each, by the id of the epoch.
    """

    ids: pa.Array
    entity: np.ndarray
    day: np.ndarray
    gaps: Mapping[str, int]

    def epoch_numbers(self, entity_ids: pa.Array, days: np.ndarray) -> np.ndarray:
        """Numbers, from 1, the epoch of its identifier that each row is in."""
        at = pc.fill_null(pc.index_in(entity_ids, self.ids), -1).to_numpy()
        return epoch_numbers(at, days, self.entity, self.day)


def shipped_lifetimes() -> Lifetimes:
    """Returns the lifetimes that ship with ringtrace."""
    text = (
        resources.files("transforms").joinpath("data", LIFETIMES_FILE).read_text(encoding="utf-8")
    )
    return {kind: float(row["days"]) for kind, row in tomllib.loads(text).items()}


def find_epoch_starts(activity: pa.Table, entity_ids: pa.Array, lives: Lifetimes) -> EpochStarts:
    """Finds where epochs of `entity_ids` begin, in ACTIVITY rows of whole entities.

    Only records that show it in a hard role date the use of an identifier; an epoch begins with
    the day of the first of them. Any other mention belongs to the epoch that it falls into, or to
    the first. No lifetime is shorter than a day.
    """
    kinds = sorted(lives, key=len, reverse=True)
    lapses = pc.match_substring_regex(entity_ids, f"^({'|'.join(kinds)}):") if kinds else None
    those = entity_ids.filter(lapses) if lapses is not None else entity_ids[:0]
    rows = activity.filter(pc.and_(pc.greater(activity["held"], 0),
                                   pc.is_in(activity["entity_id"], those)))  # fmt: skip
    at = pc.index_in(rows["entity_id"], those).combine_chunks().to_numpy()
    days, first, last = (
        rows[name].cast(pa.int64()).to_numpy() for name in ("day", "first_held", "last_held")
    )
    order = np.lexsort((days, at))
    at, days, first, last = at[order], days[order], first[order], last[order]
    starts = group_starts(at, days)
    if not len(starts):
        return EpochStarts(those[:0], np.empty(0, np.int64), np.empty(0, np.int64), {})
    at, days = at[starts], days[starts]
    first, last = np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts)
    life = np.array([_lifetime(one, kinds, lives) for one in those.to_pylist()])
    gap = (first[1:] - last[:-1]) / MICROSECONDS_A_DAY
    begins = 1 + np.flatnonzero((at[1:] == at[:-1]) & (gap > life[at[1:]]))
    several, entity = np.unique(at[begins], return_inverse=True)
    ids = those.take(pa.array(several))
    start = days[begins]
    number = epoch_numbers(entity, start, entity, start)
    names = ids.to_pylist()
    gaps = {
        with_epoch(names[one], int(which)): int(length)
        for one, which, length in zip(entity, number, gap[begins - 1], strict=True)
    }
    return EpochStarts(ids, entity, start, gaps)


def epoch_numbers(
    entity: np.ndarray, time: np.ndarray, starting: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Numbers, from 1, the epoch of its entity that each row is in.

    The entities `starting` begin new epochs at `start`, both sorted by entity and time.
    """
    count = len(starting)
    entities = np.append(starting, entity)
    order = np.lexsort(
        (np.append(np.zeros(count), np.ones(len(entity))), np.append(start, time), entities)
    )
    started = np.cumsum(order < count)
    of_others = np.searchsorted(starting, entities[order])
    number = np.empty(len(order), np.int64)
    number[order] = 1 + started - of_others
    return number[count:]


def _lifetime(entity_id: str, kinds: list[str], lives: Lifetimes) -> float:
    return next(lives[kind] for kind in kinds if entity_id.startswith(f"{kind}:"))
