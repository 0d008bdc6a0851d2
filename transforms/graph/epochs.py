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
from schemas.kinds import HARD_ROLES
from transforms.columns import mask
from transforms.graph.incidence import MICROSECONDS_A_DAY

SHIPPED = "lives.toml"

Lives = Mapping[str, float]
"""Days by kind, or by kind and scheme; what is not in it lasts."""


def shipped() -> Lives:
    """The lives that ship with ringtrace."""
    text = resources.files("transforms").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    return {kind: float(row["days"]) for kind, row in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Apart:
    """Sightings with the ids of their epochs.

    `bare` are the ids that have several, and `gaps` the days before each epoch but the first, by
    its id.
    """

    sightings: pa.Table
    bare: pa.Array
    gaps: Mapping[str, int]


def apart(sightings: pa.Table, entity_ids: pa.Array, lives: Lives) -> Apart:
    """Tell the epochs of `entity_ids` apart in EVIDENCE rows of whole entities.

    Only records that show it held say when an identifier was in use; any other sighting belongs to
    the epoch that it falls into, or to the first.
    """
    kinds = sorted(lives, key=len, reverse=True)
    mortal = pc.match_substring_regex(entity_ids, f"^({'|'.join(kinds)}):") if kinds else None
    those = entity_ids.filter(mortal) if mortal is not None else entity_ids[:0]
    at = pc.fill_null(pc.index_in(sightings["entity_id"], those), -1).combine_chunks().to_numpy()
    life = np.array([_life(one, kinds, lives) for one in those.to_pylist()])
    time = sightings["observed_at"].cast(pa.int64()).to_numpy()
    hard = mask(pc.is_in(sightings["role"], pa.array([str(role) for role in HARD_ROLES])))
    held = np.flatnonzero(hard & (at >= 0))
    held = held[np.lexsort((time[held], at[held]))]
    gap = np.diff(time[held]) / MICROSECONDS_A_DAY
    begins = 1 + np.flatnonzero((at[held][1:] == at[held][:-1]) & (gap > life[at[held][1:]]))
    if not len(begins):
        return Apart(sightings, those[:0], {})
    entity, start = at[held][begins], time[held][begins]
    ids = those.to_pylist()
    turn = _turns(entity, start, entity, start)
    gaps = {
        epoch.named(ids[one], int(which)): int(days)
        for one, which, days in zip(entity, turn, gap[begins - 1], strict=True)
    }
    rows = np.flatnonzero(np.isin(at, entity))
    told = sightings["entity_id"].to_pylist()
    for row, which in zip(rows, _turns(at[rows], time[rows], entity, start), strict=True):
        told[row] = epoch.named(told[row], int(which))
    place = sightings.schema.get_field_index("entity_id")
    renamed = sightings.set_column(place, sightings.schema.field(place), pa.array(told))
    return Apart(renamed, pa.array([ids[one] for one in np.unique(entity)], pa.string()), gaps)


def _life(entity_id: str, kinds: list[str], lives: Lives) -> float:
    return next(lives[kind] for kind in kinds if entity_id.startswith(f"{kind}:"))


def _turns(
    entity: np.ndarray, time: np.ndarray, begun: np.ndarray, start: np.ndarray
) -> np.ndarray:
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
