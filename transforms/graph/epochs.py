"""Identifiers that were passed on: what is seen after a long gap is held apart.

Numbers are reassigned, domains lapse and are bought again. A gap between two records that show a
suspect holding an identifier, longer than data/lives.toml gives its kind, starts a new epoch: an
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

from schemas import epoch
from transforms.graph.incidence import MICROSECONDS_A_DAY

SHIPPED = "lives.toml"


Lives = Mapping[str, float]
"""Days by kind, or by kind and scheme; what is not in it lasts."""


def shipped() -> Lives:
    """The lives that ship with ringtrace."""
    text = resources.files("transforms").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    return {kind: float(row["days"]) for kind, row in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Begun:
    """Where epochs but the first begin, sorted: which of `ids`, and the day (UTC, since 1970).

    `gaps` are the days before each, by the id of the epoch.
    """

    ids: pa.Array
    entity: np.ndarray
    day: np.ndarray
    gaps: Mapping[str, int]

    def turns(self, entity_ids: pa.Array, days: np.ndarray) -> np.ndarray:
        """Which epoch of its identifier each row is in; 1 where there is only one."""
        at = pc.fill_null(pc.index_in(entity_ids, self.ids), -1).to_numpy()
        return turns(at, days, self.entity, self.day)


def begun(activity: pa.Table, entity_ids: pa.Array, lives: Lives) -> Begun:
    """Tell the epochs of `entity_ids` apart in ACTIVITY rows of whole entities.

    Only records that show it held say when an identifier was in use; an epoch begins with the day
    of the first of them. Any other sighting belongs to the epoch that it falls into, or to the
    first. No life is shorter than a day.
    """
    kinds = sorted(lives, key=len, reverse=True)
    mortal = pc.match_substring_regex(entity_ids, f"^({'|'.join(kinds)}):") if kinds else None
    those = entity_ids.filter(mortal) if mortal is not None else entity_ids[:0]
    rows = activity.filter(pc.and_(pc.greater(activity["held"], 0),
                                   pc.is_in(activity["entity_id"], those)))  # fmt: skip
    at = pc.index_in(rows["entity_id"], those).combine_chunks().to_numpy()
    days, first, last = (
        rows[name].cast(pa.int64()).to_numpy() for name in ("day", "first_held", "last_held")
    )
    order = np.lexsort((days, at))
    at, days, first, last = at[order], days[order], first[order], last[order]
    starts = np.flatnonzero(
        np.append(True, (at[1:] != at[:-1]) | (days[1:] != days[:-1]))[: len(at)]
    )
    if not len(starts):
        return Begun(those[:0], np.empty(0, np.int64), np.empty(0, np.int64), {})
    at, days = at[starts], days[starts]
    first, last = np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts)
    life = np.array([_life(one, kinds, lives) for one in those.to_pylist()])
    gap = (first[1:] - last[:-1]) / MICROSECONDS_A_DAY
    begins = 1 + np.flatnonzero((at[1:] == at[:-1]) & (gap > life[at[1:]]))
    several, entity = np.unique(at[begins], return_inverse=True)
    ids = those.take(pa.array(several))
    start = days[begins]
    turn = turns(entity, start, entity, start)
    names = ids.to_pylist()
    gaps = {
        epoch.named(names[one], int(which)): int(length)
        for one, which, length in zip(entity, turn, gap[begins - 1], strict=True)
    }
    return Begun(ids, entity, start, gaps)


def _life(entity_id: str, kinds: list[str], lives: Lives) -> float:
    return next(lives[kind] for kind in kinds if entity_id.startswith(f"{kind}:"))


def turns(entity: np.ndarray, time: np.ndarray, begun: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Which epoch of its entity each row is in; `begun` and `start` are where new ones begin.

    They come sorted by entity and time.
    """
    order = np.lexsort((np.append(np.zeros(len(begun)), np.ones(len(entity))),
                        np.append(start, time), np.append(begun, entity)))  # fmt: skip
    starts = order < len(begun)
    seen = np.cumsum(starts)
    before = np.searchsorted(begun, np.append(begun, entity)[order])
    turn = np.empty(len(order), np.int64)
    turn[order] = 1 + seen - before
    return turn[len(begun) :]
