"""Epochs: an identifier that is seen after a long gap counts as another entity.

Numbers are reassigned; domains lapse and are bought again. A gap starts a new epoch if no record
shows a suspect using the identifier for longer than data/lives.toml allows its kind. The new epoch
is a separate entity, which only other evidence can tie to the epoch before.

No single reporter bridges a gap: a gap counts if it is too long without the days of some reporter.
The days of that reporter join the epoch after the gap if at least two others show that epoch and
fewer than two show the epoch before; else they join the epoch before. Epochs of two or more
reporters are numbered first, by time, then epochs of one reporter. So a single wrong date changes
no other number. An epoch of a previous run, or of a decision, keeps its number.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import nlargest, nsmallest
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import epoch_number, with_epoch, without_epoch
from schemas.facts import Fact, fact
from schemas.field import INTEGER, TEXT
from transforms.arrow import Array, aggregate, row_tuples, with_column
from transforms.decisions import DaysOfUse
from transforms.decode import load_reference_data
from transforms.graph.incidence import MICROSECONDS_A_DAY

LIFETIMES_FILE = "lives.toml"

Lifetimes = Mapping[str, float]
"""Lifetimes in days, by kind or by kind and scheme; a missing kind never lapses."""

PREVIOUS = pa.schema(
    {
        "node": INTEGER,
        "cluster": INTEGER,
        "entity_id": TEXT,
        "epoch": INTEGER,
        "first_day": INTEGER,
        "last_day": INTEGER,
    }
)
"""A member of a cluster of the previous run; `node` and `cluster` are as in ASSIGNMENT.

`entity_id` is the bare id, `epoch` the number of its epoch, in use from `first_day` to `last_day`
(UTC, since 1970). Both days are null if the run did not state them.
"""

NOTHING_BEFORE = PREVIOUS.empty_table()

_FIRST_DAY = date(1970, 1, 1)

BEFORE_ANY_DAY = -(1 << 31)
"""A day before any epoch."""

NOBODY = -1
"""The reporter of all records that add no reporter: together they count as one."""

CORROBORATED = 2
"""Fewest reporters of an epoch that is numbered before the epochs of fewer reporters."""

Span = tuple[int, int]
"""A first and a last day (UTC, since 1970)."""


@dataclass(frozen=True)
class EpochStarts:
    """The days on which the epochs of identifiers begin.

    `ids` are the identifiers with any epoch but the first. The arrays are parallel, sorted by
    entity and day: from `day` on, the id at place `entity` is in epoch `number`. The first row of
    each id has `BEFORE_ANY_DAY`. An epoch of one reporter ends with its last day, and the epoch
    around it goes on. `reasons` say why an epoch is separate, by the id of the epoch.
    """

    ids: pa.Array
    entity: Array
    day: Array
    number: Array
    reasons: Mapping[str, Fact]

    def epoch_numbers(self, entity_ids: pa.Array, days: Array) -> Array:
        """Returns the epoch number of each row, by its identifier and day."""
        positions = pc.fill_null(pc.index_in(entity_ids, self.ids), -1).to_numpy()
        number = np.ones(len(positions), np.int64)
        marked = np.flatnonzero(positions >= 0)
        rows = last_starts(self.entity, self.day, positions[marked], days[marked])
        number[marked] = self.number[rows]
        return number


def last_starts(starting: Array, start: Array, entity: Array, day: Array) -> Array:
    """Returns, for each entity and day, the row of the entity's last start up to that day.

    `starting` and `start` are the entity and day of each start, sorted by both. Each entity has a
    start before any day.
    """
    return np.searchsorted(_places(starting, start), _places(entity, day), "right") - 1


def shipped_lifetimes() -> Lifetimes:
    """Returns the lifetimes that ship with ringtrace."""
    return {kind: float(row["days"]) for kind, row in load_reference_data(LIFETIMES_FILE).items()}


def find_epoch_starts(
    activity: pa.Table, entity_ids: pa.Array, lives: Lifetimes, previous: pa.Table = NOTHING_BEFORE
) -> EpochStarts:
    """Finds the days on which epochs of `entity_ids` begin, in ACTIVITY rows of whole entities.

    Only records that show an identifier in a hard role date its use. An epoch begins on the day of
    its first such record. Any other mention belongs to the epoch of its day, or to the first epoch.
    No lifetime is shorter than a day.

    Args:
        activity: ACTIVITY rows.
        entity_ids: Ids without epochs.
        lives: Lifetimes by kind.
        previous: PREVIOUS rows, whose epochs keep their numbers.
    """
    kinds = "|".join(sorted(lives, key=len, reverse=True))
    kind = pc.struct_field(pc.extract_regex(entity_ids, f"^(?P<kind>{kinds}):"), "kind")
    lapsing = entity_ids.filter(pc.is_valid(kind))
    life_of = [lives[name] for name in pc.drop_null(kind).to_pylist()]
    before = _previous_epochs(previous, lapsing)
    days_of = _days_of_use(activity, lapsing, np.array(life_of), list(before))
    ids: list[str] = []
    places: list[tuple[int, int, int]] = []
    reasons: dict[str, Fact] = {}
    for place in sorted({*days_of, *before}):
        epochs = _epochs(days_of[place], life_of[place])
        numbers = _numbers(epochs, before.get(place, ()), life_of[place])
        if not epochs or numbers == [1]:
            continue
        entity_id = lapsing[place].as_py()
        starts, why = _placed(entity_id, epochs, numbers)
        places += [(len(ids), *start) for start in starts]
        reasons |= why
        ids.append(entity_id)
    entity, day, number = (np.array(places, np.int64).reshape(-1, 3).T[axis] for axis in range(3))
    return EpochStarts(pa.array(ids, TEXT), entity, day, number, reasons)


def with_decided_epochs(previous: pa.Table, used: Iterable[DaysOfUse]) -> pa.Table:
    """Adds to PREVIOUS rows the epochs that decisions are bound to, without clusters.

    An epoch of the previous run keeps its own row.
    """
    known = set(row_tuples(previous, "entity_id", "epoch"))
    rows = [
        {"entity_id": bare, "epoch": number, "first_day": first, "last_day": last}
        for entity_id, *days in used
        for bare, number in [(without_epoch(entity_id), epoch_number(entity_id))]
        for first, last in [((day - _FIRST_DAY).days for day in days)]
        if (bare, number) not in known
    ]
    return pa.concat_tables([previous, pa.Table.from_pylist(rows, PREVIOUS)])


def under_own_ids(
    previous: pa.RecordBatch, contested: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Gives contested identifiers their own ids in PREVIOUS rows, so that their epochs last.

    `contested` are CONTESTED_BEFORE batches of the same run.
    """
    shown = {
        without_epoch(row["entity_id"]): row["known_as"]
        for batch in contested
        for row in batch.select(["entity_id", "known_as"]).to_pylist()
    }
    ids = [shown.get(entity_id, entity_id) for entity_id in previous["entity_id"].to_pylist()]
    yield with_column(previous, "entity_id", pa.array(ids, TEXT))


class _Day(NamedTuple):
    """A day on which a reporter shows the use of an identifier, and its first and last time."""

    day: int
    reporter: int
    first: int
    last: int


class _Ends(NamedTuple):
    """A day of use with its two first and its two last times, and the reporter of each."""

    day: int
    firsts: list[tuple[int, int]]
    lasts: list[tuple[int, int]]


@dataclass(frozen=True)
class _Epoch:
    """An epoch of one identifier, from its days of use."""

    span: Span
    corroborated: bool


def _days_of_use(
    activity: pa.Table, lapsing: pa.Array, life: Array, wanted: Sequence[int]
) -> defaultdict[int, list[_Day]]:
    """Returns the sorted days of use of identifiers, by place in `lapsing`.

    Only identifiers that are `wanted`, or in use for longer than their lifetime, are included.
    """
    held = activity.filter(pc.greater(activity["held"], 0))
    number = pc.index_in(held["entity_id"], lapsing)
    rows = held.append_column("number", number).filter(pc.is_valid(number))
    times = [("first_held", "min"), ("last_held", "max")]
    spans = aggregate(rows, "number", times)
    first, last = (spans[name].cast(INTEGER).to_numpy() for name, _ in times)
    numbers = spans["number"].to_numpy()
    long = (last - first) / MICROSECONDS_A_DAY > life[numbers]
    kept = pa.array(numbers[long | np.isin(numbers, wanted)])
    rows = rows.filter(pc.is_in(rows["number"], kept))
    days = aggregate(rows, ["number", "day", "reporter"], times)
    days = with_column(days, "reporter", pc.fill_null(days["reporter"], NOBODY))
    columns = ("number", "day", "reporter", *(name for name, _ in times))
    whole = days.select(columns).cast(pa.schema(dict.fromkeys(columns, INTEGER)))
    days_of = defaultdict[int, list[_Day]](list)
    for place, *day in row_tuples(whole):
        days_of[place].append(_Day(*day))
    for mine in days_of.values():
        mine.sort()
    return days_of


def _epochs(days: Sequence[_Day], life: float) -> list[_Epoch]:
    """Returns the epochs of one identifier in the order of time."""
    ends = _ends_of_days(days)
    gaps = [(after, False, before, NOBODY) for before, after in _gaps(ends, life)]
    for reporter in _bridging(days, life):
        without = _gaps(ends, life, reporter)
        gaps += [(after, True, before, reporter) for before, after in without]
    cuts: list[int] = []
    bridged: list[tuple[int, int, int]] = []
    for after, is_bridged, before, reporter in sorted(gaps):
        if not cuts or cuts[-1] <= before:
            if is_bridged:
                bridged.append((len(cuts), before, reporter))
            cuts.append(after)
    numbers = [day.day for day in days]
    first, last = (numbers[0], numbers[-1]) if days else (0, 0)
    for cut, before, reporter in bridged:
        start, middle, end = (
            bisect_left(numbers, day) for day in ([first, *cuts, last + 1][cut : cut + 3])
        )
        ahead, behind = (
            len({day.reporter for day in part} - {reporter})
            for part in (days[start:middle], days[middle:end])
        )
        if ahead < CORROBORATED <= behind:
            cuts[cut] = numbers[bisect_right(numbers, before)]
    epochs = []
    for _, group in groupby(days, lambda day: bisect_right(cuts, day.day)):
        mine = list(group)
        several = len({day.reporter for day in mine}) >= CORROBORATED
        epochs.append(_Epoch((mine[0].day, mine[-1].day), several))
    return epochs


def _ends_of_days(days: Iterable[_Day]) -> list[_Ends]:
    """Returns the first and last times of each day, sorted by day."""
    ends = []
    for day, group in groupby(days, attrgetter("day")):
        mine = list(group)
        first = nsmallest(2, ((each.first, each.reporter) for each in mine))
        ends.append(_Ends(day, first, nlargest(2, ((each.last, each.reporter) for each in mine))))
    return ends


def _gaps(ends: Iterable[_Ends], life: float, but: int | None = None) -> list[Span]:
    """Returns the days before and after each gap longer than `life`; ignores the reporter `but`."""
    gaps: list[Span] = []
    day_before: Span | None = None
    for day, firsts, lasts in ends:
        first = next((time for time, reporter in firsts if reporter != but), None)
        if first is None:
            continue
        if day_before and (first - day_before[1]) / MICROSECONDS_A_DAY > life:
            gaps.append((day_before[0], day))
        day_before = day, next(time for time, reporter in lasts if reporter != but)
    return gaps


def _bridging(days: Sequence[_Day], life: float) -> list[int]:
    """Returns the reporters without whose days a gap would be longer than `life`."""
    runs = []
    for _, group in groupby(days, attrgetter("reporter")):
        run = list(group)
        first, last = min(day.first for day in run), max(day.last for day in run)
        runs.append(run[0]._replace(first=first, last=last))
    between = zip(runs, runs[1:], runs[2:], strict=False)
    return sorted(
        {
            alone.reporter
            for before, alone, after in between
            if (after.first - before.last) / MICROSECONDS_A_DAY > life
        }
    )


def _numbers(
    epochs: Sequence[_Epoch], before: Iterable[tuple[int, Span]], life: float
) -> list[int]:
    """Returns the number of each epoch: kept from the previous epoch it continues, or new."""
    known = sorted(before)
    near = sorted(
        (-_overlap(epoch.span, span), number, position)
        for position, epoch in enumerate(epochs)
        for number, span in known
        if _overlap(epoch.span, span) >= -life
    )
    numbers: dict[int, int] = {}
    for _, number, position in near:
        if position not in numbers and number not in numbers.values():
            numbers[position] = number
    following = max((number for number, _ in known), default=0)
    for position in sorted(
        range(len(epochs)), key=lambda position: (not epochs[position].corroborated, position)
    ):
        if position not in numbers:
            following += 1
            numbers[position] = following
    return [numbers[position] for position in range(len(epochs))]


def _overlap(first: Span, second: Span) -> int:
    """Returns the days that two spans share; below zero, the days between them."""
    return min(first[1], second[1]) - max(first[0], second[0])


def _placed(
    entity_id: str, epochs: Sequence[_Epoch], numbers: Sequence[int]
) -> tuple[list[tuple[int, int]], dict[str, Fact]]:
    """Returns the days on which an identifier's epochs begin, with their numbers, and the reasons.

    The reasons say why an epoch is separate, by its id; the earliest has none.
    """
    several = any(epoch.corroborated for epoch in epochs)
    lasting = [
        position for position, epoch in enumerate(epochs) if epoch.corroborated or not several
    ]
    starts = {BEFORE_ANY_DAY: numbers[lasting[0]]}
    reasons = {}
    for before, position in pairwise(lasting):
        starts[epochs[position].span[0]] = numbers[position]
        gap = -_overlap(epochs[before].span, epochs[position].span)
        reasons[with_epoch(entity_id, numbers[position])] = fact("seen_again", gap)
    for position in sorted(set(range(len(epochs))) - set(lasting)):
        first, last = epochs[position].span
        around = max((earlier for earlier in lasting if earlier < position), default=lasting[0])
        starts[first] = numbers[position]
        starts.setdefault(last + 1, numbers[around])
        away = min(-_overlap(epochs[position].span, epochs[near].span) for near in lasting)
        reasons[with_epoch(entity_id, numbers[position])] = fact("dated_by_one", away)
    return sorted(starts.items()), reasons


def _previous_epochs(previous: pa.Table, lapsing: pa.Array) -> dict[int, list[tuple[int, Span]]]:
    """Returns the numbers and spans of epochs of the previous run, by place in `lapsing`."""
    epochs: dict[int, list[tuple[int, Span]]] = {}
    places = pc.index_in(previous["entity_id"], lapsing).to_pylist()
    for place, (number, first, last) in zip(
        places, row_tuples(previous, "epoch", "first_day", "last_day"), strict=True
    ):
        if place is not None and first is not None:
            epochs.setdefault(place, []).append((number, (first, last)))
    return epochs


def _places(entity: Array, day: Array) -> Array:
    """Maps entity and day to one number that sorts by both."""
    return entity.astype(np.int64) * (1 << 33) + (day.astype(np.int64) - BEFORE_ANY_DAY)
