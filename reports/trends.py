"""The run over time and by where it came from: days, countries, brands, organisations, channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.small_counts import suppressed
from reports.tables import Run
from schemas.tables import CALLS, COMPLAINTS, Table

COUNTRY = "victim_country"
BAR_LIMIT = 400
"""Bars of a trend; of a longer period the last days are drawn, and the whole by weeks."""


@dataclass(frozen=True)
class Bar:
    """One step of the trend: its first day, and the records that fall in it."""

    start: date
    complaints: int
    calls: int


@dataclass(frozen=True)
class Trend:
    """Bars of `step` days each, oldest first, and the records before the first bar."""

    step: int
    bars: list[Bar]
    earlier: int

    @property
    def end(self) -> date:
        """The last day of the last bar."""
        return self.bars[-1].start + timedelta(days=self.step - 1)


def trend(run: Run, step: int = 1) -> Trend:
    """Accepted records by UTC day of received_at and started_at, `step` days a bar.

    The bars end with the newest record; where they are more than `BAR_LIMIT`, the oldest are only
    counted: one mistyped year must not flatten the rest.
    """
    complaints = _days(run, COMPLAINTS, "received_at")
    calls = _days(run, CALLS, "started_at")
    if not (days := sorted(complaints.keys() | calls.keys())):
        return Trend(step, [], 0)
    last = days[-1]
    bars = min((last - days[0]).days // step + 1, BAR_LIMIT)
    start = last - timedelta(days=bars * step - 1)
    summed: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    earlier = 0
    for total, counted in zip(summed, (complaints, calls), strict=True):
        for one, rows in counted.items():
            if one < start:
                earlier += rows
            else:
                total[(one - start).days // step] += rows
    at = [start + timedelta(days=n * step) for n in range(bars)]
    return Trend(step, [Bar(at[n], summed[0][n], summed[1][n]) for n in range(bars)], earlier)


def _days(run: Run, table: Table, column: str) -> Counter[date]:
    found: Counter[date] = Counter()
    for batch in tables.batches(run, table, [column]):
        days = pc.cast(batch[column], pa.date32(), safe=False)
        for one in days.drop_null().value_counts().to_pylist():
            found[one["values"]] += one["counts"]
    return found


@dataclass(frozen=True)
class Breakdown:
    """Complaints by the values of one field, most first, the rest summed up.

    A count that is too small to show is None, as are the sums that would tell it.
    """

    title: str
    rows: list[tuple[str, int | None]]
    others: int | None
    unknown: int

    @property
    def most(self) -> int:
        """The largest count that is shown."""
        return max((count or 0 for _, count in self.rows), default=0)


_FIELDS = (
    ("source_org", "Organisations"),
    (COUNTRY, "Victims’ countries"),
    ("channel", "How it arrived"),
)
_TOLD = (("brand", "Brands posed as"), ("lure", "Lures"))
"""What complaints tell of the impersonation; one complaint can tell of several."""


def breakdowns(run: Run, limit: int, suppress_below: int = 0) -> list[Breakdown]:
    """Complaints by organisation, country, channel, brand and lure, `limit` values of each.

    Counts by country below `suppress_below` are hidden.
    """
    told = _told(run)
    by_field = [
        _by_field(run, column, title, limit, suppress_below if column == COUNTRY else 0)
        for column, title in _FIELDS
    ]
    return by_field + [_breakdown(title, told[what], limit) for what, title in _TOLD]


def _by_field(run: Run, column: str, title: str, limit: int, floor: int) -> Breakdown:
    rows = tables.tally(run, COMPLAINTS, [column]).to_pylist()
    return _breakdown(title, {one[column]: one["rows"] for one in rows}, limit, floor)


def _breakdown(
    title: str, counts: Mapping[str | None, int], limit: int, floor: int = 0
) -> Breakdown:
    known = sorted(
        ((value, count) for value, count in counts.items() if value),
        key=lambda one: (-one[1], one[0]),
    )
    rest = [count for _, count in known[limit:]]
    shown = suppressed([*(count for _, count in known[:limit]), sum(rest)], floor)
    return Breakdown(
        title=title,
        rows=[(value, count) for (value, _), count in zip(known, shown[:-1], strict=False)],
        others=shown[-1],
        unknown=sum(count for value, count in counts.items() if not value),
    )


def _told(run: Run) -> dict[str, Counter[str | None]]:
    """Complaints by what they tell of: a name counts once a complaint."""
    found: dict[str, Counter[str | None]] = {what: Counter() for what, _ in _TOLD}
    for batch in tables.batches(run, COMPLAINTS, ["impersonation"]):
        told = batch["impersonation"]
        flat = pc.list_flatten(told)
        columns = [pc.list_parent_indices(told), *(flat.field(name) for name in ("what", "name"))]
        pairs = pa.table(columns, names=["row", "what", "name"])
        once = pairs.group_by(["row", "what", "name"]).aggregate([])
        counted = once.group_by(["what", "name"]).aggregate([([], "count_all")])
        for one in counted.to_pylist():
            if one["what"] in found:
                found[one["what"]][one["name"]] += one["count_all"]
    return found
