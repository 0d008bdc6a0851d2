"""The table of all clusters that the index page sorts and filters, and the plan of their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables, text
from reports.cluster_data import page_name
from reports.disclosure_control import listed_brands
from reports.tables import RunFolder
from schemas.enums import LineageEvent
from schemas.tables import CLUSTERS, LINEAGE

NAME_LIMIT = 80

PRIORITY = (("priority", "descending"), ("complaints", "descending"), ("cluster_id", "ascending"))

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
"""Columns of clusters/ that the index page shows."""

Row = dict[str, Any]

SINGLES_PER_PAGE = 100
"""Clusters of one on a page."""


@dataclass(frozen=True)
class PagePlan:
    """A page below report/clusters/ and its clusters: one, or several of one member (`shared`)."""

    name: str
    ids: list[str]
    shared: bool


@dataclass(frozen=True)
class ClusterTable:
    """All clusters by priority with their lineage events, and where each is described.

    Attributes:
        table: the columns that were asked for; rows as dicts would take ten times its memory.
        events: lineage event by cluster id.
        own: clusters with a page of their own.
        single: clusters of one that share pages.
    """

    table: pa.Table
    events: dict[str, str]
    own: list[str]
    single: list[str]

    @cached_property
    def pages(self) -> dict[str, str]:
        """Address of each described cluster, from the folder of their pages."""
        return {
            one: f"{page.name}.html#{page_name(one)}" if page.shared else f"{page.name}.html"
            for page in self.described
            for one in page.ids
        }

    @cached_property
    def described(self) -> list[PagePlan]:
        """Pages in their order: of one cluster first, then shared ones."""
        own = [PagePlan(page_name(one), [one], shared=False) for one in self.own]
        starts = range(0, len(self.single), SINGLES_PER_PAGE)
        return own + [
            PagePlan(
                f"single-{at // SINGLES_PER_PAGE + 1:04d}",
                self.single[at : at + SINGLES_PER_PAGE],
                shared=True,
            )
            for at in starts
        ]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Members by cluster id."""
        sizes = self.table["size"].to_pylist()
        return dict(zip(self.table["cluster_id"].to_pylist(), sizes, strict=True))

    @property
    def newest(self) -> datetime | None:
        """Time of the newest record of any cluster."""
        return max(self.table["last_seen"].to_pylist(), default=None)

    def renamed(self, names: Mapping[str, str]) -> ClusterTable:
        """Returns the table with other names of clusters, and the brands of the shipped list."""
        ids = self.table["cluster_id"].to_pylist()
        named = {"name": pa.array([names[one] for one in ids], pa.string())}
        brands = [listed_brands(one) for one in self.table["brands"].to_pylist()]
        named["brands"] = pa.array(brands, pa.list_(pa.string()))
        table = self.table
        for name, column in named.items():
            table = table.set_column(table.schema.get_field_index(name), name, column)
        return replace(self, table=table)

    def first(self, limit: int) -> list[Row]:
        """Returns the first clusters as rows."""
        return tables.to_dicts(self.table.slice(0, limit))

    def data(self) -> dict[str, object]:
        """Returns what `table.js` reads: lists of texts, and rows that point into them."""
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
                main_loss(one),
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
            for one in tables.to_dicts(batch)
        ]
        words = {"orgs": orgs, "brands": brands, "countries": countries}
        words |= {"statuses": statuses, "events": events}
        return {"rows": rows} | {name: list(one.places) for name, one in words.items()}


class _Words:
    """Texts, each stored once and known by its place."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, word: str | None) -> int:
        return self.places.setdefault(text.plain(word, NAME_LIMIT), len(self.places))

    def all(self, words: list[str] | None) -> list[int]:
        return [self.place(word) for word in words or []]


def cluster_table(
    run: RunFolder, pages: int | None, columns: Sequence[str] = COLUMNS
) -> ClusterTable:
    """Reads all clusters; the first `pages` of two or more, and as many of one, are described."""
    limit = max(tables.count_rows(run, CLUSTERS), 1)
    more = (*columns, "size", "last_seen")
    table = tables.top_rows(run, CLUSTERS, PRIORITY, limit, columns=more)
    ids, sizes = table["cluster_id"].to_pylist(), table["size"].to_pylist()
    several = [one for one, size in zip(ids, sizes, strict=True) if size > 1]
    single = [one for one, size in zip(ids, sizes, strict=True) if size == 1]
    return ClusterTable(table, lineage_events(run), several[:pages], single[:pages])


def lineage_events(run: RunFolder) -> dict[str, str]:
    """Reads the lineage event of each cluster; ended ones are of the run before and left out."""
    here = pc.field("event") != LineageEvent.ENDED
    found = tables.read_table(run, LINEAGE, ["cluster_id", "event"], here)
    return dict(zip(found["cluster_id"].to_pylist(), found["event"].to_pylist(), strict=True))


def main_loss(row: Row) -> str:
    """Returns the loss that most complaints state, in whole units, and the other currencies' count.

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
