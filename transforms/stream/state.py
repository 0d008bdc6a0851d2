"""Keep evidence alive in state, and hand the whole of it out at every tick.

No timers: they fire early on some runners and are dropped by others (apache/beam#35168). What
arrives is only added; the work is done when a tick asks for it.

How long evidence counts: what bounds the state of a stream.

A year for what a scammer must hold, so that the epochs of a number that has changed hands
(`graph.epochs`) are still told apart; a quarter for suppliers and scripts, which only describe.

`Keep` for a stream that is one process: what is alive lies in its memory from tick to tick.

Blocks as one: what is alive of all the records that have come, each once.

Ticks: the instants at which a stream's live evidence is looked at as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.coders import PickleCoder
from apache_beam.transforms.periodicsequence import PeriodicImpulse, RebaseMode
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import Timestamp

from schemas.enums import EntityKind, RecordKind
from schemas.field import TIMESTAMP
from schemas.mention import EVIDENCE
from transforms.call_scripts.fingerprints import MARKED
from transforms.counters import PLURAL, show
from transforms.decisions import InForce
from transforms.deduplicate import winners
from transforms.manifest import Tally
from transforms.shuffle import MAIN, PARTITIONS, batches_of, split
from transforms.stream.delta import (
    KEY,
    Block,
    block_of,
    joined,
    latest,
    nothing,
    of_rows,
    partitions_of,
    pieces,
    refused_block,
    settled,
    since,
    without_others,
)

LIVE = pa.schema([*EVIDENCE, ("received_at", TIMESTAMP)])
"""EVIDENCE with the time of its record, from which its age counts."""


LIVE_PRINTED = pa.schema([*MARKED, ("received_at", TIMESTAMP)])
"""MARKED with that time."""


PARTITION = tuple[int, Any]
"""The type that keeps the key of state an integer on every runner."""


BLOCKS, TICKS = "blocks", "ticks"


RECORDS, STATED, REJECTED, TALLIES = "records", "stated", "rejected", "tallies"


PRINTED, SAID = "printed", "said"


class _Show(beam.DoFn):
    def __init__(self, kind: RecordKind) -> None:
        self._kind = kind

    def process(self, accepted: pa.RecordBatch) -> Iterator[tuple[int, Block]]:
        if accepted.num_rows:
            block = block_of(accepted, self._kind)
            show((("live", "duplicates"), accepted.num_rows - block.records.num_rows))
            yield from partitions_of(block, PARTITIONS)


@dataclass(eq=False)
class Show(beam.PTransform):
    """Accepted batches of one kind of record to (partition, block)."""

    kind: RecordKind

    def expand(self, accepted: beam.PCollection) -> Any:
        """Batch by batch; see `block_of`."""
        return accepted | beam.ParDo(_Show(self.kind)).with_output_types(PARTITION)


def _show_refused(rejects: pa.RecordBatch) -> Iterator[tuple[int, Block]]:
    yield from partitions_of(refused_block(rejects, datetime.now(UTC)), PARTITIONS)


@dataclass(eq=False)
class ShowRefused(beam.PTransform):
    """REJECT batches, not masked yet, to (partition, block) of the victims' numbers they state."""

    def expand(self, rejects: beam.PCollection) -> Any:
        """Batch by batch; see `refused_block`."""
        return rejects | beam.FlatMap(_show_refused).with_output_types(PARTITION)


def _everywhere(tick: Tick) -> Iterator[tuple[int, Tick]]:
    for partition in range(PARTITIONS):
        yield partition, tick


class _Keep(beam.DoFn):
    """State of a partition: what has settled, and what came since the last tick."""

    SETTLED = BagStateSpec("settled", PickleCoder())
    FRESH = BagStateSpec("fresh", PickleCoder())
    REFUSED = BagStateSpec("refused", PickleCoder())
    COUNTED = ReadModifyWriteStateSpec("counted", PickleCoder())

    def __init__(self, days: Mapping[str, int]) -> None:
        self._days = dict(days)

    def process(
        self,
        keyed: tuple[int, Block | pa.RecordBatch | Tick],
        settled: Any = beam.DoFn.StateParam(SETTLED),  # noqa: B008 - how Beam declares state
        fresh: Any = beam.DoFn.StateParam(FRESH),  # noqa: B008
        refused: Any = beam.DoFn.StateParam(REFUSED),  # noqa: B008
        counted: Any = beam.DoFn.StateParam(COUNTED),  # noqa: B008
    ) -> Iterator[Any]:
        _, one = keyed
        if not isinstance(one, Tick):
            (refused if isinstance(one, pa.RecordBatch) else fresh).add(one)
            return
        for batch in refused.read():
            yield beam.pvalue.TaggedOutput(REJECTED, batch)
        refused.clear()
        old, new = list(settled.read()), list(fresh.read())
        duplicates, expired = counted.read() or (0, 0)
        if new:
            done = settle([*old, *new], self._days)
            old = list(pieces(done.block))
            duplicates, expired = duplicates + done.duplicates, expired + done.expired
            settled.clear()
            for piece in old:
                settled.add(piece)
            fresh.clear()
            counted.write((duplicates, expired))
            show_settled(done)
        yield from handed_out(old, duplicates, expired)


def show_settled(done: Settled) -> None:
    """What settling left out, to the engine's counters."""
    show((("live", "duplicates"), done.duplicates))
    show((("live", "expired"), done.expired))


def handed_out(blocks: Iterable[Block], duplicates: int, expired: int) -> Iterator[Any]:
    """What is alive in a partition as outputs of its step; see `Keep`."""
    yield beam.pvalue.TaggedOutput(TALLIES, (("live", "duplicates"), duplicates))
    yield beam.pvalue.TaggedOutput(TALLIES, (("live", "expired"), expired))
    for one in blocks:
        yield beam.pvalue.TaggedOutput(RECORDS, one.records)
        yield beam.pvalue.TaggedOutput(STATED, one.stated)
        yield from batches_of(pa.Table.from_batches([live(one.records, one.shown)]))
        for name, rows in ((PRINTED, live(one.records, one.printed)), (SAID, one.said)):
            if rows.num_rows:
                yield beam.pvalue.TaggedOutput(name, rows)


def live(records: pa.RecordBatch, shown: pa.RecordBatch) -> pa.RecordBatch:
    """RECORD rows and their SHOWN rows to LIVE rows, or PRINTED rows to LIVE_PRINTED ones."""
    when = records["received_at"].take(shown["row"])
    return shown.append_column("received_at", when).drop_columns(["row"])


@dataclass(eq=False)
class Keep(beam.PTransform):
    """BLOCKS ((partition, Block)), REJECTED (REJECT) and TICKS to what is alive at each tick.

    Outputs, in the tick's window: MAIN (LIVE batches), RECORDS (RECORD batches), STATED (STATED_AT
    batches), PRINTED (LIVE_PRINTED batches), SAID (SAID batches), REJECTED (REJECT batches that
    came since the last tick), TALLIES and TICKS. `days` is for how long each kind of identifier
    counts.
    """

    days: Mapping[str, int]

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Add what arrives to state; at a tick settle it and hand it out."""
        asked = inputs[TICKS] | "Every partition" >> beam.FlatMap(_everywhere).with_output_types(
            PARTITION
        )
        refused = inputs[REJECTED] | "Rejects" >> beam.FlatMap(
            split, ("source",)
        ).with_output_types(PARTITION)
        step = beam.ParDo(_Keep(self.days)).with_outputs(
            RECORDS, STATED, PRINTED, SAID, REJECTED, TALLIES, main=MAIN
        )
        kept = (inputs[BLOCKS], refused, asked) | "Together" >> beam.Flatten() | "Keep" >> step
        names = (MAIN, RECORDS, STATED, PRINTED, SAID, REJECTED, TALLIES)
        outputs = {name: kept[name] for name in names} | {TICKS: inputs[TICKS]}
        return {name: one | f"Window of {name}" >> windows() for name, one in outputs.items()}


def young(rows: pa.RecordBatch, decided: InForce, days: Mapping[str, int]) -> pa.RecordBatch:
    """LIVE rows to EVIDENCE rows, those that have not expired by `decided.when`.

    A partition's own newest record is never newer than that of all, so state holds at least this.
    """
    return _young(rows, rows["kind"], decided, days).select(EVIDENCE.names)


def young_printed(
    rows: pa.RecordBatch, decided: InForce, days: Mapping[str, int]
) -> pa.RecordBatch:
    """LIVE_PRINTED rows to MARKED rows, those that have not expired by `decided.when`."""
    kinds = pa.repeat(str(EntityKind.SCRIPT), rows.num_rows)
    return _young(rows, kinds, decided, days).select(MARKED.names)


def _young(
    rows: pa.RecordBatch, kinds: pa.Array, decided: InForce, days: Mapping[str, int]
) -> pa.RecordBatch:
    if decided.when is None or not rows.num_rows:
        return rows
    now = int(decided.when.timestamp()) * 1_000_000 + decided.when.microsecond
    age = now - rows["received_at"].cast(pa.int64()).to_numpy()
    return rows.filter(pa.array(age <= lives(kinds, days)))


def count_live(records: pa.RecordBatch) -> Iterator[Tally]:
    """Records that are alive, as a snapshot accounts for them: the others are not in it."""
    for one in pc.value_counts(records["record_kind"]).to_pylist():
        name = PLURAL[RecordKind(one["values"])]
        yield (name, "read"), one["counts"]
        yield (name, "accepted"), one["counts"]


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


WINDOW = 1
"""Seconds of the window of a tick. Ticks are whole seconds apart: no two share a window."""


@dataclass(frozen=True)
class Tick:
    """One instant, in whole seconds since the epoch, and whether a snapshot is written then."""

    second: int
    snapshot: bool

    def name(self) -> str:
        """The instant as the name of a folder."""
        return datetime.fromtimestamp(self.second, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def ticks_of(pulse: float, every: int, snapshot_every: int) -> Iterator[Tick]:
    """The tick of a pulse, in seconds since the epoch, if there is one: every `every` seconds.

    After a pause all the pulses of that time come at once. The ticks among them are left out, but
    for those of snapshots, since the newest one shows all that they would.
    """
    second = int(pulse)
    if second % every == 0:
        snapshot = second % snapshot_every < every
        if snapshot or time.time() - second <= every:
            yield Tick(second, snapshot)


def windows() -> beam.WindowInto:
    """Each tick, and what comes of it, in a window of its own."""
    return beam.WindowInto(FixedWindows(WINDOW))


@dataclass(eq=False)
class Clock(beam.PTransform):
    """Ticks by the clock, for engines with splittable DoFns; a pulse a second moves the watermark.

    Without the pulses a tick's window would stay open until the next tick.
    """

    every: int
    snapshot_every: int

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Pulses in the middle of each second, of which some are ticks."""
        start = Timestamp(int(time.time()) + 0.5)
        return (
            begin
            | "Pulse" >> PeriodicImpulse(start, fire_interval=1, rebase=RebaseMode.REBASE_NONE)
            | "Tick" >> beam.FlatMap(ticks_of, self.every, self.snapshot_every)
        )
