"""Keep evidence alive in state, and hand the whole of it out at every tick.

No timers: they fire early on some runners and are dropped by others (apache/beam#35168). What
arrives is only added; the work is done when a tick asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.coders import PickleCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from schemas.field import TIMESTAMP
from schemas.kinds import EntityKind, RecordKind
from schemas.mention import EVIDENCE
from transforms.accounting import Tally
from transforms.decisions.rulings import InForce
from transforms.live.block import (
    Block,
    block_of,
    partitions_of,
    pieces,
    refused_block,
)
from transforms.live.expiry import lives
from transforms.live.settle import Settled, settle
from transforms.live.ticks import Tick, windows
from transforms.output.metrics import show
from transforms.output.tally import PLURAL
from transforms.scripts.marked import MARKED
from transforms.shuffle import MAIN, PARTITIONS, batches_of, split

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
