"""Keeps the live evidence of a stream in state, and emits all of it at every tick.

Arriving deltas are only added to state; a tick does the work. There are no timers: some runners
fire them early and others drop them (apache/beam#35168).

State is bounded by how long each kind of identifier counts. Identifiers that a scammer must hold
count for a year, so that the epochs of a number that changes hands (`graph.epochs`) stay distinct.
Suppliers and scripts, which only describe a scammer, count for a quarter.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.coders import PickleCoder
from apache_beam.pvalue import AsIter, PBegin, TaggedOutput
from apache_beam.transforms.periodicsequence import PeriodicImpulse, RebaseMode
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import Timestamp

from schemas.enums import EntityKind, RecordKind
from schemas.field import INTEGER, Rows, microseconds_of
from schemas.manifest import InputEntries
from schemas.mention import MENTIONS, ROW
from transforms.arrow import (
    Array,
    explode,
    hash_columns,
    hash_text,
    implode,
    map_distinct,
    one_table,
    sorted_lookup,
)
from transforms.custody import ERASED, RECORD_KEY, CounterValue, ErasureList
from transforms.decisions import DecisionsInForce
from transforms.engine import (
    KIND_PLURAL,
    MAIN,
    PARTITIONS,
    batches_of,
    increment_engine_counter,
    split_by_key,
)
from transforms.extract.kinds.registry import BY_KIND
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.graph.replaced import gone_between
from transforms.stream.delta import (
    Delta,
    chunk_delta,
    concat_deltas,
    drop_words_not_in,
    empty_delta,
    gone_of,
    latest_stated,
    prune_phrase_counts,
    record_groups,
    records_to_delta,
    rejects_to_delta,
    select_records,
    split_delta,
    stated_since,
    take_records,
    with_gone,
    without_erased,
)
from transforms.validate import winning_rows
from transforms.values import SourceRules

KEYED_BY_PARTITION = tuple[int, Any]
"""A type hint that keeps the key of state an integer on every runner."""

DELTAS, TICKS = "deltas", "ticks"

VALIDATED = "validated"
"""Counters of validation, among them the rows left out as erased."""

RECORDS, STATED, REJECTED, COUNTERS = "records", "stated", "rejected", "counters"

FINGERPRINTS, PHRASES = "fingerprints", "phrases"

_ALIVE = (RECORDS, STATED, FINGERPRINTS, PHRASES, COUNTERS)

STATE_OUTPUTS = (MAIN, *_ALIVE, REJECTED, TICKS)
"""Outputs of `KeepState`."""

RETENTION_DAYS: Mapping[str, int] = {kind: BY_KIND[kind].retention_days for kind in EntityKind}
"""Days for which a mention of each kind counts, back from the newest record of the stream.

The days of a script also apply to fingerprints of narratives and to the words kept.
"""

_NEVER = datetime.min.replace(tzinfo=UTC)

GENERATION_RECORDS = 4_096
"""Least records of the last generation before another generation begins."""

WINDOW_SECONDS = 1
"""Length of a tick's window in seconds. Ticks are whole seconds apart, so each has its window."""

_WINS = [("received_at", "descending"), ("duration_seconds", "descending")]


@dataclass(frozen=True)
class Tick:
    """An instant at which live evidence is analyzed, in whole seconds since the epoch.

    With `snapshot` a snapshot is written. `entries` lists the files and folders of the inputs.
    """

    second: int
    snapshot: bool
    entries: InputEntries | None = field(default=None, compare=False)

    def moment(self) -> datetime:
        """Returns the instant in UTC."""
        return datetime.fromtimestamp(self.second, UTC)

    def name(self) -> str:
        """Returns the instant as the name of a folder."""
        return self.moment().strftime("%Y-%m-%dT%H-%M-%SZ")


class Settlement(NamedTuple):
    """A merged delta, and the numbers of records left out: older versions, and expired records."""

    delta: Delta
    duplicates: int
    expired: int


class Generation(NamedTuple):
    """Records of about the same time, in whole groups of evidence.

    `groups` and `keys` have the hashes of each record's group of evidence and id. `oldest` and
    `newest` are the first and last times of receipt.
    """

    delta: Delta
    groups: Array
    keys: Array
    oldest: datetime
    newest: datetime

    def select(self, which: Array) -> Generation:
        """Returns the records in a mask."""
        return generation_of(take_records(self.delta, np.flatnonzero(which)))


def generation_of(delta: Delta) -> Generation:
    """Makes a generation of all records of a delta."""
    times = pc.min_max(delta.records["received_at"]).as_py()
    keys = hash_columns(delta.records, RECORD_KEY)
    return Generation(delta, record_groups(delta), keys, times["min"], times["max"])


def generations_of(delta: Delta) -> Iterator[Generation]:
    """Splits a delta into generations, oldest evidence first."""
    names, group = np.unique(record_groups(delta), return_inverse=True)
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, group, delta.records["received_at"].cast(INTEGER).to_numpy())
    part = np.argsort(np.argsort(first, kind="stable"))[group] // GENERATION_RECORDS
    for number in range(int(part.max(initial=-1)) + 1):
        yield generation_of(take_records(delta, np.flatnonzero(part == number)))


@dataclass
class LiveState:
    """The live records, the numbers of records left out, and the records of the last tick.

    A record is in a single generation. A tick changes few generations: the last, which takes new
    records, and generations whose records expire, are replaced, or get more evidence in their
    group.

    Attributes:
        generations: The live records.
        beside: The stated numbers and the phrases.
        duplicates: Older versions left out so far.
        expired: Expired records left out so far.
        erased: Erased rows so far; a row that came again counts again.
        fresh: The records that the last tick brought.
    """

    generations: list[Generation] = field(default_factory=list)
    beside: Delta = field(default_factory=empty_delta)
    duplicates: int = 0
    expired: int = 0
    erased: int = 0
    fresh: Delta = field(default_factory=empty_delta)
    _places: tuple[Array, Array] = field(init=False)

    def deltas(self) -> list[Delta]:
        """Returns the live deltas in parts, which may still have expired mentions."""
        return [*(generation.delta for generation in self.generations), self.beside]

    def settled(self, days: Mapping[str, int]) -> Delta:
        """Returns the live deltas, merged, without expired mentions."""
        return settle_deltas(self.deltas(), days).delta

    def restore(self, deltas: Sequence[Delta], days: Mapping[str, int]) -> None:
        """Replaces the live records by the deltas of earlier ticks."""
        whole = settle_deltas(deltas, days).delta
        nothing = empty_delta()
        self.beside = nothing._replace(stated=whole.stated, phrases=whole.phrases)
        self.generations = list(generations_of(whole))

    def place(self, evidence: Rows) -> Array:
        """Returns the number of the generation of each row of evidence."""
        groups, number = self._places
        return number[sorted_lookup(groups, hash_text(evidence["group_id"]))[0]]

    def erase(self, known: ErasureList, days: Mapping[str, int]) -> None:
        """Removes erased records."""
        left, count = without_erased(self.settled(days), known)
        self.restore([left], days)
        self.count_erased(count)

    def count_erased(self, rows: int) -> None:
        """Counts erased rows that were left out or removed."""
        self.erased += rows
        increment_engine_counter((("live", ERASED), rows))

    def settle(self, deltas: Sequence[Delta], days: Mapping[str, int]) -> None:
        """Merges new deltas into the live records."""
        fresh = concat_deltas(deltas)
        came, *known = generations = [generation_of(fresh), *self.generations]
        newest = max(
            (generation.newest for generation in generations if len(generation.keys)), default=None
        )
        oldest = newest - timedelta(days=longest_retention(days)) if newest else _NEVER
        nothing = empty_delta()
        beside = nothing._replace(stated=fresh.stated, phrases=fresh.phrases)
        self.beside = settle_deltas([self.beside, beside], days, newest).delta
        parts = [fresh._replace(stated=nothing.stated, phrases=nothing.phrases)]
        if known and len(known[-1].keys) < GENERATION_RECORDS:
            parts.append(known.pop().delta)
        done, self.generations = [], []
        for generation in known:
            moves = np.isin(generation.groups, came.groups) | np.isin(generation.keys, came.keys)
            parts += [generation.select(moves).delta] if moves.any() else []
            stays = generation.select(~moves) if moves.any() else generation
            if len(stays.keys) and stays.oldest < oldest:
                done.append(settle_deltas([stays.delta], days, newest))
                stays = generation_of(done[-1].delta)
            self.generations += [stays] if len(stays.keys) else []
        done.append(settle_deltas(parts, days, newest))
        self.generations += generations_of(done[-1].delta)
        groups = [generation.groups for generation in self.generations] or [came.groups]
        names, first = np.unique(np.concatenate(groups), return_index=True)
        self._places = names, np.repeat(np.arange(len(groups)), list(map(len, groups)))[first]
        phrases = drop_words_not_in(fresh.phrases, self.beside.phrases)
        self.fresh = fresh._replace(phrases=phrases)
        for settlement in done:
            self.duplicates += settlement.duplicates
            self.expired += settlement.expired
            _count_settled(settlement)


@dataclass(eq=False)
class KeepState(beam.PTransform):
    """Keeps DELTAS ((partition, Delta)) and REJECTED (REJECT), and emits them at each of TICKS.

    The outputs, in the tick's window, are batches, except COUNTERS and TICKS:

    - MAIN: EVIDENCE with `received_at`, from which a row ages
    - RECORDS: RECORD
    - STATED: STATED_AT
    - FINGERPRINTS: FINGERPRINT_ROW with `received_at`
    - PHRASES: PHRASE_COUNT
    - REJECTED: REJECT, the rows since the last tick

    `days` says how long each kind of identifier counts.
    """

    days: Mapping[str, int]

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Adds arriving deltas to state; at a tick merges them and emits the live records."""
        asked = inputs[TICKS] | "Every partition" >> beam.FlatMap(
            lambda tick: [(partition, tick) for partition in range(PARTITIONS)]
        ).with_output_types(KEYED_BY_PARTITION)
        refused = inputs[REJECTED] | "Rejects" >> beam.FlatMap(
            split_by_key, ("source",)
        ).with_output_types(KEYED_BY_PARTITION)
        step = beam.ParDo(_KeepState(self.days)).with_outputs(*_ALIVE, REJECTED, main=MAIN)
        kept = (inputs[DELTAS], refused, asked) | "Together" >> beam.Flatten() | "Keep" >> step
        outputs = {name: kept[name] for name in (MAIN, *_ALIVE, REJECTED)} | {TICKS: inputs[TICKS]}
        return {
            name: rows | f"Window of {name}" >> tick_windows() for name, rows in outputs.items()
        }


@dataclass(eq=False)
class KeepStateInMemory(beam.PTransform):
    """Keeps state as `KeepState` does, in `live`, for a stream in a single process.

    For a `LocalExecutor`. `live` is valid after the whole tick has succeeded.
    """

    days: Mapping[str, int]
    live: LiveState

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Merges new deltas into the live records, and emits all."""
        came = (AsIter(inputs[name]) for name in (DELTAS, VALIDATED))
        step = beam.ParDo(_Settle(self.live, self.days), *came)
        kept = inputs[TICKS] | "Settle" >> step.with_outputs(*_ALIVE, main=MAIN)
        outputs = {name: kept[name] for name in (MAIN, *_ALIVE)}
        return outputs | {REJECTED: inputs[REJECTED], TICKS: inputs[TICKS]}


@dataclass(eq=False)
class Clock(beam.PTransform):
    """Makes ticks by the clock, for engines with splittable DoFns.

    A pulse every second moves the watermark. Without pulses a tick's window would stay open until
    the next tick.
    """

    every: int
    snapshot_interval: int

    def expand(self, begin: PBegin) -> beam.PCollection:
        """Makes a pulse in the middle of each second; some pulses become ticks."""
        start = Timestamp(int(time.time()) + 0.5)
        return (
            begin
            | "Pulse" >> PeriodicImpulse(start, fire_interval=1, rebase=RebaseMode.REBASE_NONE)
            | "Tick" >> beam.FlatMap(ticks_at_pulse, self.every, self.snapshot_interval)
        )


def ticks_at_pulse(pulse: float, every: int, snapshot_interval: int) -> Iterator[Tick]:
    """Yields the tick of a pulse, in seconds since the epoch, if any.

    Ticks are `every` seconds apart. After a pause all missed pulses come at once. Their ticks are
    left out, except for snapshots, since the newest tick shows the same evidence.
    """
    second = int(pulse)
    if second % every == 0:
        snapshot = second % snapshot_interval < every
        if snapshot or time.time() - second <= every:
            yield Tick(second, snapshot)


def tick_windows() -> beam.WindowInto:
    """Returns windows that each contain a single tick and its results."""
    return beam.WindowInto(FixedWindows(WINDOW_SECONDS))


def settle_deltas(
    deltas: Sequence[Delta], days: Mapping[str, int], newest: datetime | None = None
) -> Settlement:
    """Merges deltas into a delta with distinct ids and without expired rows.

    Age is counted back from the `newest` record, by default the newest of these deltas. The order
    of records and their division into deltas do not change the result.
    """
    whole = concat_deltas(deltas)
    arrived = whole.records.num_rows
    longest = longest_retention(days)
    newest = newest or pc.max(whole.records["received_at"]).as_py()
    stated = stated_since(latest_stated([whole.stated]), newest, longest)
    phrases = _unexpired_phrases(whole.phrases, days, newest)
    if not arrived:
        return Settlement(whole._replace(stated=stated, phrases=phrases), 0, 0)
    first = winning_rows(one_table(whole.records), RECORD_KEY, _WINS)
    unique = whole.records.take(first)
    if len(first) < arrived:
        others = np.setdiff1d(np.arange(arrived), first)
        before, after = (select_records(whole.evidence, rows, arrived) for rows in (others, first))
        unique = with_gone(unique, gone_between(before, after, gone_of(whole.records)))
    oldest = newest - timedelta(days=longest)
    alive = np.flatnonzero(pc.greater_equal(unique["received_at"], oldest))
    kept = first[alive]
    records = unique.take(alive)
    evidence = select_records(whole.evidence, kept, arrived)
    fingerprints = select_records(whole.fingerprints, kept, arrived)
    return Settlement(
        Delta(
            records,
            _keep_young(evidence, _ages(records, evidence, newest), days),
            stated,
            _keep_young(fingerprints, _ages(records, fingerprints, newest), days),
            phrases,
        ),
        duplicates=arrived - len(first),
        expired=len(first) - len(alive),
    )


def with_record_times(records: pa.RecordBatch, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Gives evidence or fingerprints of a delta's records their `received_at` instead of `row`."""
    when = records["received_at"].take(rows["row"])
    return rows.append_column("received_at", when).drop_columns(["row"])


def unexpired(
    rows: pa.RecordBatch, decided: DecisionsInForce, days: Mapping[str, int]
) -> pa.RecordBatch:
    """Drops live rows that have expired by `decided.newest`, and the column `received_at`.

    A partition's newest record is at most as new, so state still has all rows that stay.
    """
    newest = decided.newest
    if newest is not None:
        when = rows["received_at"].cast(INTEGER).to_numpy()
        rows = _keep_young(rows, microseconds_of(newest) - when, days)
    return rows.drop_columns(["received_at"])


def count_live_records(records: pa.RecordBatch) -> Iterator[CounterValue]:
    """Counts live records, which are the only records in a snapshot, as read and accepted."""
    for row in pc.value_counts(records["record_kind"]).to_pylist():
        name = KIND_PLURAL[RecordKind(row["values"])]
        yield (name, "read"), row["counts"]
        yield (name, "accepted"), row["counts"]


def longest_retention(days: Mapping[str, int]) -> int:
    """Returns the days for which records are kept, so that their duplicates are recognized."""
    return max(days.values())


def deltas_of_records(
    accepted: pa.RecordBatch, kind: RecordKind, rules: SourceRules
) -> Iterator[tuple[int, Delta]]:
    """Converts accepted rows of a kind of record to (partition, Delta).

    `rules` say how rows without a pseudonym count as reporters.
    """
    if accepted.num_rows:
        delta = records_to_delta(accepted, kind, rules)
        duplicates = accepted.num_rows - delta.records.num_rows
        increment_engine_counter((("live", "duplicates"), duplicates))
        yield from split_delta(delta, PARTITIONS)


def deltas_of_rejects(rejects: pa.RecordBatch) -> Iterator[tuple[int, Delta]]:
    """Converts a REJECT batch, not yet masked, to (partition, Delta) of its stated numbers."""
    yield from split_delta(rejects_to_delta(rejects, datetime.now(UTC)), PARTITIONS)


class _KeepState(beam.DoFn):
    """State of a partition: the merged deltas, and the deltas since the last tick."""

    SETTLED = BagStateSpec("settled", PickleCoder())
    FRESH = BagStateSpec("fresh", PickleCoder())
    REFUSED = BagStateSpec("refused", PickleCoder())
    COUNTED = ReadModifyWriteStateSpec("counted", PickleCoder())

    def __init__(self, days: Mapping[str, int]) -> None:
        self._days = dict(days)

    def process(
        self,
        keyed: tuple[int, Delta | pa.RecordBatch | Tick],
        settled: Any = beam.DoFn.StateParam(SETTLED),  # noqa: B008 - how Beam declares state
        fresh: Any = beam.DoFn.StateParam(FRESH),  # noqa: B008
        refused: Any = beam.DoFn.StateParam(REFUSED),  # noqa: B008
        counted: Any = beam.DoFn.StateParam(COUNTED),  # noqa: B008
    ) -> Iterator[Any]:
        _, value = keyed
        if not isinstance(value, Tick):
            (refused if isinstance(value, pa.RecordBatch) else fresh).add(value)
            return
        for batch in refused.read():
            yield TaggedOutput(REJECTED, batch)
        refused.clear()
        old, new = list(settled.read()), list(fresh.read())
        duplicates, expired = counted.read() or (0, 0)
        if new:
            done = settle_deltas([*old, *new], self._days)
            old = list(chunk_delta(done.delta))
            duplicates, expired = duplicates + done.duplicates, expired + done.expired
            settled.clear()
            for chunk in old:
                settled.add(chunk)
            fresh.clear()
            counted.write((duplicates, expired))
            _count_settled(done)
        yield from _emit_state(old, duplicates, expired)


class _Settle(beam.DoFn):
    def __init__(self, live: LiveState, days: Mapping[str, int]) -> None:
        self._live = live
        self._days = days

    def process(
        self, _: object, keyed: Iterable[tuple[int, Delta]], counted: Iterable[CounterValue]
    ) -> Iterator[Any]:
        live = self._live
        live.count_erased(sum(count for (_, name), count in counted if name == ERASED))
        live.settle([delta for _, delta in keyed], self._days)
        if live.erased:
            yield TaggedOutput(COUNTERS, (("live", ERASED), live.erased))
        yield from _emit_state(live.deltas(), live.duplicates, live.expired)


def _count_settled(done: Settlement) -> None:
    """Adds the records that a merge left out to the engine's counters."""
    increment_engine_counter((("live", "duplicates"), done.duplicates))
    increment_engine_counter((("live", "expired"), done.expired))


def _emit_state(deltas: Iterable[Delta], duplicates: int, expired: int) -> Iterator[Any]:
    """Yields the live rows of a partition as outputs of `KeepState`."""
    yield TaggedOutput(COUNTERS, (("live", "duplicates"), duplicates))
    yield TaggedOutput(COUNTERS, (("live", "expired"), expired))
    for delta in deltas:
        yield TaggedOutput(RECORDS, delta.records)
        yield TaggedOutput(STATED, delta.stated)
        yield from batches_of(one_table(with_record_times(delta.records, delta.evidence)))
        for name, rows in (
            (FINGERPRINTS, with_record_times(delta.records, delta.fingerprints)),
            (PHRASES, delta.phrases),
        ):
            if rows.num_rows:
                yield TaggedOutput(name, rows)


def _unexpired_phrases(
    phrases: pa.RecordBatch, days: Mapping[str, int], newest: datetime | None
) -> pa.RecordBatch:
    """Prunes phrases by a script's retention, back from the newest record or person."""
    latest = pc.max(phrases["received_at"].cast(INTEGER)).as_py() or 0
    latest = max(latest, microseconds_of(newest) if newest is not None else 0)
    oldest = latest - days[EntityKind.SCRIPT] * MICROSECONDS_A_DAY
    return prune_phrase_counts(phrases, oldest)


def _ages(records: pa.RecordBatch, rows: pa.RecordBatch, newest: datetime) -> Array:
    """Returns the microseconds from the record of each row to the newest record."""
    return microseconds_of(newest) - records["received_at"].cast(INTEGER).to_numpy()[rows["row"]]


def _keep_young(rows: pa.RecordBatch, age: Array, days: Mapping[str, int]) -> pa.RecordBatch:
    """Drops fingerprints, or mentions in evidence, that are older than their kind counts."""
    if MENTIONS not in rows.schema.names:
        return rows.filter(age <= days[EntityKind.SCRIPT] * MICROSECONDS_A_DAY)
    mentions = explode(rows, MENTIONS)
    lives = map_distinct(mentions["kind"], days.__getitem__, INTEGER).to_numpy()
    young = age[mentions[ROW].to_numpy()] <= lives * MICROSECONDS_A_DAY
    if young.all():
        return rows
    return implode(rows, rows.schema.field(MENTIONS), mentions.filter(young))
