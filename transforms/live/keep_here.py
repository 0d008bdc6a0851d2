"""`Keep` for a stream that is one process: what is alive lies in its memory from tick to tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam

from transforms.live.block import Block, joined, nothing, pieces
from transforms.live.keep import (
    BLOCKS,
    PRINTED,
    RECORDS,
    REJECTED,
    SAID,
    STATED,
    TALLIES,
    TICKS,
    handed_out,
    show_settled,
)
from transforms.live.said import without_others
from transforms.live.settle import settle
from transforms.shuffle import MAIN


@dataclass
class Alive:
    """What is alive, how many records were left out so far, and what the last tick brought."""

    block: Block = field(default_factory=nothing)
    duplicates: int = 0
    expired: int = 0
    fresh: Block = field(default_factory=nothing)

    def take(self, blocks: Sequence[Block], days: Mapping[str, int]) -> None:
        """Settle what came with what is there."""
        fresh = joined(blocks)
        done = settle([self.block, fresh], days)
        self.block = done.block
        self.fresh = fresh._replace(said=without_others(fresh.said, done.block.said))
        self.duplicates += done.duplicates
        self.expired += done.expired
        show_settled(done)


class _Settle(beam.DoFn):
    def __init__(self, alive: Alive, days: Mapping[str, int]) -> None:
        self._alive = alive
        self._days = days

    def process(self, _: object, keyed: Iterable[tuple[int, Block]]) -> Iterator[Any]:
        alive = self._alive
        alive.take([block for _, block in keyed], self._days)
        yield from handed_out(pieces(alive.block), alive.duplicates, alive.expired)


@dataclass(eq=False)
class KeepHere(beam.PTransform):
    """As `Keep`, for one tick after the other of a `Rerun`: `alive` is its state.

    It is the state of a tick when the whole of the tick has succeeded.
    """

    days: Mapping[str, int]
    alive: Alive

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Settle what came with what was, and hand it out."""
        step = beam.ParDo(_Settle(self.alive, self.days), beam.pvalue.AsIter(inputs[BLOCKS]))
        names = (RECORDS, STATED, PRINTED, SAID, TALLIES)
        kept = inputs[TICKS] | "Settle" >> step.with_outputs(*names, main=MAIN)
        outputs = {name: kept[name] for name in (MAIN, *names)}
        return outputs | {REJECTED: inputs[REJECTED], TICKS: inputs[TICKS]}
