"""Blocks as one: what is alive of all the records that have come, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind
from transforms.deduplicate import winners
from transforms.live.block import KEY, Block, joined, of_rows
from transforms.live.expiry import MICROSECONDS_A_DAY, lives, longest
from transforms.live.said import settled
from transforms.live.stated import latest, since

_WINS = [("received_at", "descending"), ("duration_seconds", "descending")]


class Settled(NamedTuple):
    """Blocks as one, and how many records were left out: older versions, and expired ones."""

    block: Block
    duplicates: int
    expired: int


def settle(blocks: Sequence[Block], days: Mapping[str, int]) -> Settled:
    """Blocks as one: each id once, and nothing that has expired (`expiry`).

    Age is counted back from the newest record of these blocks. The result depends on the set of
    records alone, not on their order or on how they lie in blocks.
    """
    whole = joined(blocks)
    arrived = whole.records.num_rows
    stated, told = latest([whole.stated]), _still_said(whole, days)
    if not arrived:
        return Settled(whole._replace(stated=stated, said=told), 0, 0)
    first = winners(pa.Table.from_batches([whole.records]), KEY, _WINS)
    unique = whole.records.take(pa.array(first))
    newest = pc.max(unique["received_at"]).as_py()
    when = unique["received_at"].cast(pa.int64()).to_numpy()
    alive = np.flatnonzero(when >= when.max() - longest(days) * MICROSECONDS_A_DAY)
    kept = first[alive]
    records = whole.records.take(pa.array(kept))
    shown, printed = (of_rows(one, kept, arrived) for one in (whole.shown, whole.printed))
    scripts = pa.repeat(str(EntityKind.SCRIPT), printed.num_rows)
    return Settled(
        Block(
            records,
            _alive(records, shown, shown["kind"], days),
            since(stated, newest, longest(days)),
            _alive(records, printed, scripts, days),
            told,
        ),
        duplicates=arrived - len(first),
        expired=len(first) - len(alive),
    )


def _still_said(whole: Block, days: Mapping[str, int]) -> pa.RecordBatch:
    """What was said within a script's life, behind the newest record or person."""
    newest = [
        pc.max(rows["received_at"].cast(pa.int64())).as_py() or 0
        for rows in (whole.records, whole.said)
    ]
    return settled(whole.said, max(newest) - days[EntityKind.SCRIPT] * MICROSECONDS_A_DAY)


def _alive(
    records: pa.RecordBatch, shown: pa.RecordBatch, kinds: pa.Array, days: Mapping[str, int]
) -> pa.RecordBatch:
    """What is younger than the life of its kind, by the day of its record."""
    if not shown.num_rows:
        return shown
    when = records["received_at"].cast(pa.int64()).to_numpy()
    age = when.max() - when[shown["row"].to_numpy()]
    young = age <= lives(kinds, days)
    return shown if young.all() else shown.filter(pa.array(young))
