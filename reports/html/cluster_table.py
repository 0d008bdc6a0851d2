"""The table of all clusters: compact rows that the index page's script sorts and filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables, text
from reports.cluster_data import page_name
from reports.tables import Run
from schemas.enums import LineageEvent
from schemas.tables import CLUSTERS, LINEAGE

NAME_LIMIT = 80


PRIORITY = (
    ("priority", "descending"),
    ("complaints", "descending"),
    ("cluster_id", "ascending"),
)


COLUMNS = (
    "name",
    "size",
    "complaints",
    "calls",
    "victims",
    "countries",
    "orgs",
    "brands",
    "losses",
    "first_seen",
    "last_seen",
    "status",
    "confidence",
)
"""What the index page shows of a cluster."""


Row = dict[str, Any]


SHARED = 100
"""Clusters of one on a page that they share."""


@dataclass(frozen=True)
class Page:
    """A page below report/clusters/, and the clusters that it describes.

    It is of one cluster, or where it is `shared` of several of one member each.
    """

    name: str
    ids: list[str]
    shared: bool


@dataclass(frozen=True)
class ClusterTable:
    """All clusters by priority with their lineage events, and where each is described.

    `table` has the columns that were asked for: a row as a dict takes ten times its memory.
    `own` are the clusters with a page of their own, `single` those of one that share pages;
    `pages` gives the address of each, from the folder of the clusters' pages.
    """

    table: pa.Table
    events: dict[str, str]
    own: list[str]
    single: list[str]

    @cached_property
    def pages(self) -> dict[str, str]:
        """Address by cluster id."""
        return {
            one: f"{page.name}.html#{page_name(one)}" if page.shared else f"{page.name}.html"
            for page in self.described
            for one in page.ids
        }

    @cached_property
    def described(self) -> list[Page]:
        """The pages of clusters, in their order: their own first, then those that they share."""
        own = [Page(page_name(one), [one], shared=False) for one in self.own]
        starts = range(0, len(self.single), SHARED)
        return own + [
            Page(f"single-{at // SHARED + 1:04d}", self.single[at : at + SHARED], shared=True)
            for at in starts
        ]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Members by cluster id."""
        sizes = self.table["size"].to_pylist()
        return dict(zip(self.table["cluster_id"].to_pylist(), sizes, strict=True))

    @property
    def newest(self) -> datetime | None:
        """When the newest record of a cluster was made."""
        return max(self.table["last_seen"].to_pylist(), default=None)

    def first(self, limit: int) -> list[Row]:
        """The first clusters as rows."""
        return tables.rows(self.table.slice(0, limit))

    def data(self) -> dict[str, object]:
        """What the script reads: texts in lists, and rows of numbers that point into them."""
        orgs, brands = _Words(), _Words()
        countries, statuses, events = _Words(), _Words(), _Words()
        rows = [
            [
                self.pages.get(one["cluster_id"], ""),
                text.plain(one["cluster_id"], NAME_LIMIT),
                text.plain(one["name"], NAME_LIMIT),
                round(one["priority"], 1),
                one["size"],
                one["complaints"],
                one["calls"],
                one["victims"],
                losses(one),
                _day(one["first_seen"]),
                _day(one["last_seen"]),
                round(one["confidence"], 2),
                orgs.all(one["orgs"]),
                brands.all(one["brands"]),
                countries.all([country["country"] for country in one["countries"] or []]),
                statuses.place(one["status"]),
                events.place(self.events.get(one["cluster_id"], "")),
            ]
            for batch in self.table.to_batches(max_chunksize=1_000)
            for one in tables.rows(batch)
        ]
        words = {"orgs": orgs, "brands": brands, "countries": countries}
        words |= {"statuses": statuses, "events": events}
        return {"rows": rows} | {name: list(one.places) for name, one in words.items()}


class _Words:
    """Texts, each written once and known by its place."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, word: str | None) -> int:
        return self.places.setdefault(text.plain(word, NAME_LIMIT), len(self.places))

    def all(self, words: list[str] | None) -> list[int]:
        return [self.place(word) for word in words or []]


def cluster_table(run: Run, pages: int | None, columns: Sequence[str] = COLUMNS) -> ClusterTable:
    """Every cluster of a run; the first `pages` of two or more, and of one, are described."""
    limit = max(tables.count(run, CLUSTERS), 1)
    more = (*columns, "size", "last_seen")
    table = tables.top(run, CLUSTERS, PRIORITY, limit, columns=more)
    ids, sizes = table["cluster_id"].to_pylist(), table["size"].to_pylist()
    several = [one for one, size in zip(ids, sizes, strict=True) if size > 1]
    single = [one for one, size in zip(ids, sizes, strict=True) if size == 1]
    return ClusterTable(table, events(run), several[:pages], single[:pages])


def events(run: Run) -> dict[str, str]:
    """The lineage event of each cluster of this run; `ended` ones are of the run before."""
    here = pc.field("event") != LineageEvent.ENDED
    found = tables.read(run, LINEAGE, ["cluster_id", "event"], here)
    return dict(zip(found["cluster_id"].to_pylist(), found["event"].to_pylist(), strict=True))


def losses(row: Row) -> str:
    """The loss that most complaints state, in whole units, and how many currencies follow.

    Currencies are not added up: a rate of exchange would be a guess.
    """
    found = sorted(row["losses"] or [], key=lambda one: (-one["complaints"], one["currency"]))
    if not found:
        return ""
    whole = f"{int(found[0]['amount'] or 0):,d}".replace(",", text.NARROW_SPACE)
    more = f" +{len(found) - 1}" if len(found) > 1 else ""
    return f"{text.plain(found[0]['currency'], 12)} {whole}{more}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
