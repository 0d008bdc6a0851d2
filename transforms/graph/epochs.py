"""Epochs: an identifier that is seen after a long gap counts as another entity.

Numbers are reassigned, domains lapse and are bought again. A gap between two records that show a
suspect using an identifier, longer than data/lives.toml gives its kind, starts a new epoch: an
entity of its own, which only other evidence can tie to the one before.

No single reporter bridges a gap: it counts where it is too long without the days of any one of
them. Where two others or more are behind the gap and not before it, the days of who bridges it are
of the epoch behind, else of the one before. Epochs of two reporters or more are numbered first, in
the order of time, and then those that one reporter alone dates, so that a date far off gives no
other epoch another number. An epoch that a previous run had keeps the number that it had there, and
one that a decision is bound to the number under which the decision names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import epoch_number, with_epoch, without_epoch
from schemas.facts import Fact, fact
from transforms.arrow_util import group_offsets, group_starts, with_column
from transforms.decisions import DaysOfUse
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.text_util import load_reference_data

LIFETIMES_FILE = "lives.toml"

Lifetimes = Mapping[str, float]
"""Days by kind, or by kind and scheme; a kind that is not in it never lapses."""

PREVIOUS = pa.schema(
    [
        ("node", pa.int64()),
        ("cluster", pa.int64()),
        ("entity_id", pa.string()),
        ("epoch", pa.int64()),
        ("first_day", pa.int64()),
        ("last_day", pa.int64()),
    ]
)
"""A member of a cluster of the previous run; `node` and `cluster` as ASSIGNMENT has them.

`entity_id` is the bare id, `epoch` its number, in use from `first_day` to `last_day` (UTC, since
1970), which are null where the run did not say.
"""

_FIRST_DAY = date(1970, 1, 1)

BEFORE_ANY_DAY = -(1 << 31)
"""A day before any that an epoch begins with."""

NOBODY = -1
"""Stands for the reporter of all records that add none: together they are one."""

CORROBORATED = 2
"""Reporters of an epoch that is numbered before those of fewer."""

Span = tuple[int, int]
"""A first and a last day (UTC, since 1970)."""


@dataclass(frozen=True)
class EpochStarts:
    """The days from which identifiers with a mark are in another of their epochs.

    `ids` are those of whose epochs one is not the first. Parallel, sorted by entity and day:
    `entity`, which of `ids`; `day`, from which on (`BEFORE_ANY_DAY` in the first row of each) it is
    in the epoch `number`. An epoch of one reporter ends with its last day: what falls between is of
    the epoch around it. `reasons` say why an epoch is one of its own, by the id of the epoch.
    """

    ids: pa.Array
    entity: np.ndarray
    day: np.ndarray
    number: np.ndarray
    reasons: Mapping[str, Fact]

    def epoch_numbers(self, entity_ids: pa.Array, days: np.ndarray) -> np.ndarray:
        """Returns the number of the epoch of its identifier that each row is in."""
        positions = pc.fill_null(pc.index_in(entity_ids, self.ids), -1).to_numpy()
        number = np.ones(len(positions), np.int64)
        marked = np.flatnonzero(positions >= 0)
        places = np.searchsorted(
            _places(self.entity, self.day), _places(positions[marked], days[marked]), "right"
        )
        number[marked] = self.number[places - 1]
        return number


def intervals_passed(
    entity: np.ndarray, day: np.ndarray, starting: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Counts the starts of its entity that each row is at or behind.

    The entities `starting` have a start at each `start`, both sorted by entity and day.
    """
    until = np.searchsorted(_places(starting, start), _places(entity, day), "right")
    return until - np.searchsorted(starting, entity, "left")


def shipped_lifetimes() -> Lifetimes:
    """Returns the lifetimes that ship with ringtrace."""
    return {kind: float(row["days"]) for kind, row in load_reference_data(LIFETIMES_FILE).items()}


def find_epoch_starts(
    activity: pa.Table, entity_ids: pa.Array, lives: Lifetimes, previous: pa.Table | None = None
) -> EpochStarts:
    """Finds where epochs of `entity_ids` begin, in ACTIVITY rows of whole entities.

    Only records that show it in a hard role date the use of an identifier; an epoch begins with
    the day of the first of them. Any other mention belongs to the epoch that it falls into, or to
    the first. No lifetime is shorter than a day.

    Args:
        activity: ACTIVITY rows.
        entity_ids: ids without epochs.
        lives: lifetimes by kind.
        previous: PREVIOUS rows, whose numbers are kept.
    """
    kinds = sorted(lives, key=len, reverse=True)
    lapses = pc.match_substring_regex(entity_ids, f"^({'|'.join(kinds)}):") if kinds else None
    lapsing = entity_ids.filter(lapses) if lapses is not None else entity_ids[:0]
    rows = _days_of_use(activity, lapsing)
    life = np.array([_lifetime(entity_id, kinds, lives) for entity_id in lapsing.to_pylist()])
    before = _previous_epochs(previous, lapsing)
    several = set(np.flatnonzero(_may_have_several(rows, life)).tolist())
    ids: list[str] = []
    places: list[tuple[int, int, int]] = []
    reasons: dict[str, Fact] = {}
    offsets = group_offsets(rows.entity, len(lapsing))
    for place in sorted({*several, *before}):
        mine = rows.where(slice(offsets[place], offsets[place + 1]))
        if place not in several and _goes_on(mine, before[place], float(life[place])):
            continue
        epochs = _epochs(mine, float(life[place]))
        numbers = _numbers(epochs, before.get(place, ()), float(life[place]))
        if numbers == [1]:
            continue
        entity_id = lapsing[place].as_py()
        starts, why = _placed(entity_id, epochs, numbers)
        places += [(len(ids), *start) for start in starts]
        reasons |= why
        ids.append(entity_id)
    entity, day, number = (np.array(places, np.int64).reshape(-1, 3).T[axis] for axis in range(3))
    return EpochStarts(pa.array(ids, pa.string()), entity, day, number, reasons)


def with_decided_epochs(previous: pa.Table, used: Iterable[DaysOfUse]) -> pa.Table:
    """Adds the epochs that decisions are bound to to PREVIOUS rows, without clusters.

    What the previous run says of an epoch comes first.
    """
    known = set(zip(*(previous[name].to_pylist() for name in ("entity_id", "epoch")), strict=True))
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
    """Yields PREVIOUS rows in which what was contested has its own id, so that its epochs last.

    `contested` are CONTESTED_BEFORE batches of the same run.
    """
    shown = {
        without_epoch(row["entity_id"]): row["known_as"]
        for batch in contested
        for row in batch.select(["entity_id", "known_as"]).to_pylist()
    }
    ids = [shown.get(entity_id, entity_id) for entity_id in previous["entity_id"].to_pylist()]
    yield with_column(previous, "entity_id", pa.array(ids, pa.string()))


@dataclass(frozen=True)
class _Days:
    """Days on which reporters show the use of identifiers, sorted by entity, day and reporter."""

    entity: np.ndarray
    day: np.ndarray
    reporter: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def where(self, rows: slice | np.ndarray) -> _Days:
        """Returns some of the rows."""
        fields = (self.entity, self.day, self.reporter, self.first, self.last)
        return _Days(*(column[rows] for column in fields))


@dataclass(frozen=True)
class _Epoch:
    """An epoch of one identifier, by the days on which it is shown in use."""

    span: Span
    corroborated: bool


def _days_of_use(activity: pa.Table, lapsing: pa.Array) -> _Days:
    rows = activity.filter(pc.and_(pc.greater(activity["held"], 0),
                                   pc.is_in(activity["entity_id"], lapsing)))  # fmt: skip
    columns = [pc.index_in(rows["entity_id"], lapsing), pc.fill_null(rows["reporter"], NOBODY)]
    entity, reporter = (
        column.combine_chunks().to_numpy(zero_copy_only=False) for column in columns
    )
    day, first, last = (
        rows[name].cast(pa.int64()).to_numpy() for name in ("day", "first_held", "last_held")
    )
    order = np.lexsort((reporter, day, entity))
    days = _Days(entity.astype(np.int64), day, reporter, first, last).where(order)
    starts = group_starts(days.entity, days.day, days.reporter)
    if not len(starts):
        return days
    once = days.where(starts)
    first = np.minimum.reduceat(days.first, starts)
    return _Days(once.entity, once.day, once.reporter, first,
                 np.maximum.reduceat(days.last, starts))  # fmt: skip


def _may_have_several(rows: _Days, life: np.ndarray) -> np.ndarray:
    """Masks the entities with a gap that is too long, at least without one reporter's days."""
    mask = np.zeros(len(life), bool)
    if not len(rows.entity):
        return mask
    days = group_starts(rows.entity, rows.day)
    stretches = group_starts(rows.entity, rows.reporter)
    for starts, apart in ((days, 1), (stretches, 2)):
        first = np.minimum.reduceat(rows.first, starts)
        last = np.maximum.reduceat(rows.last, starts)
        entity = rows.entity[starts]
        gap = (first[apart:] - last[:-apart]) / MICROSECONDS_A_DAY
        same = entity[apart:] == entity[:-apart]
        mask[entity[apart:][same & (gap > life[entity[apart:]])]] = True
    return mask


def _epochs(days: _Days, life: float) -> list[_Epoch]:
    """Returns the epochs of one identifier in the order of time."""
    gaps = [(after, False, before, NOBODY) for before, after in _gaps(days, life)]
    for reporter in _bridging(days, life):
        without = _gaps(days.where(days.reporter != reporter), life)
        gaps += [(after, True, before, reporter) for before, after in without]
    cuts: list[int] = []
    bridged: list[tuple[int, int, int]] = []
    for after, is_bridged, before, reporter in sorted(gaps):
        if not cuts or cuts[-1] <= before:
            if is_bridged:
                bridged.append((len(cuts), before, reporter))
            cuts.append(after)
    for cut, before, reporter in bridged:
        others = days.where(days.reporter != reporter)
        part = np.searchsorted(np.array(cuts, np.int64), others.day, "right")
        ahead, behind = (len(np.unique(others.reporter[part == n])) for n in (cut, cut + 1))
        if ahead < CORROBORATED <= behind:
            cuts[cut] = int(days.day[np.searchsorted(days.day, before, "right")])
    part = np.searchsorted(np.array(cuts, np.int64), days.day, "right")
    epochs = []
    for number in np.unique(part).tolist():
        mine = days.where(part == number)
        several = len(np.unique(mine.reporter)) >= CORROBORATED
        epochs.append(_Epoch((int(mine.day[0]), int(mine.day[-1])), several))
    return epochs


def _gaps(days: _Days, life: float) -> list[Span]:
    """Returns the days before and after each gap that is too long."""
    starts = group_starts(days.day)
    if len(starts) < 2:
        return []
    first = np.minimum.reduceat(days.first, starts)
    last = np.maximum.reduceat(days.last, starts)
    day = days.day[starts]
    long = np.flatnonzero((first[1:] - last[:-1]) / MICROSECONDS_A_DAY > life)
    return list(zip(day[long].tolist(), day[long + 1].tolist(), strict=True))


def _bridging(days: _Days, life: float) -> list[int]:
    """Returns the reporters whose days stand alone in what would be too long a gap."""
    starts = group_starts(days.reporter)
    first = np.minimum.reduceat(days.first, starts)
    last = np.maximum.reduceat(days.last, starts)
    gap = (first[2:] - last[:-2]) / MICROSECONDS_A_DAY
    return np.unique(days.reporter[starts][1:-1][gap > life]).tolist()


def _numbers(
    epochs: Sequence[_Epoch], before: Iterable[tuple[int, Span]], life: float
) -> list[int]:
    """Returns the number of each epoch: of the previous one that it goes on with, or a new one."""
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
    """Returns the days that two spans share; below zero, those between them."""
    return min(first[1], second[1]) - max(first[0], second[0])


def _placed(
    entity_id: str, epochs: Sequence[_Epoch], numbers: Sequence[int]
) -> tuple[list[tuple[int, int]], dict[str, Fact]]:
    """Returns from which day on an identifier is in which epoch, and why each is one of its own.

    The reasons are by the id of the epoch; the earliest has none.
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


def _previous_epochs(
    previous: pa.Table | None, lapsing: pa.Array
) -> dict[int, list[tuple[int, Span]]]:
    """Returns the numbers and spans of epochs of the previous run, by place in `lapsing`."""
    epochs: dict[int, list[tuple[int, Span]]] = {}
    if previous is None:
        return epochs
    rows = previous.filter(pc.and_(pc.is_in(previous["entity_id"], lapsing),
                                   pc.is_valid(previous["first_day"])))  # fmt: skip
    positions = pc.index_in(rows["entity_id"], lapsing)
    columns = [positions, *(rows[name] for name in ("epoch", "first_day", "last_day"))]
    for place, number, first, last in zip(*(column.to_pylist() for column in columns), strict=True):
        epochs.setdefault(place, []).append((number, (first, last)))
    return epochs


def _goes_on(days: _Days, before: Sequence[tuple[int, Span]], life: float) -> bool:
    """Returns whether days of one epoch, if any, go on with the first of the previous run alone."""
    used = [(int(days.day[0]), int(days.day[-1]))] if len(days.day) else []
    return all(
        number == 1 and _overlap(span, own) >= -life for own in used for number, span in before
    )


def _places(entity: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Returns one number for each entity and day, in their order."""
    return entity.astype(np.int64) * (1 << 33) + (day.astype(np.int64) - BEFORE_ANY_DAY)


def _lifetime(entity_id: str, kinds: list[str], lives: Lifetimes) -> float:
    return next(lives[kind] for kind in kinds if entity_id.startswith(f"{kind}:"))
