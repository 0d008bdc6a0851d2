"""The table of all clusters: compact rows that the index page's script sorts and filters."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from reports import tables, text
from reports.tables import Run
from schemas.kinds import LineageEvent
from schemas.tables import CLUSTERS, LINEAGE

NAME_LIMIT = 80
PRIORITY = (
    ("priority", "descending"),
    ("complaints", "descending"),
    ("cluster_id", "ascending"),
)
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COLUMNS = (
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

Row = dict[str, Any]


@dataclass(frozen=True)
class ClusterTable:
    """All clusters by priority, each with its page (if it has one) and its lineage event."""

    rows: list[Row]
    events: dict[str, str]
    pages: int

    def data(self) -> dict[str, object]:
        """What the script reads: texts in lists, and rows of numbers that point into them."""
        orgs, brands = _Words(), _Words()
        countries, statuses, events = _Words(), _Words(), _Words()
        rows = [
            [
                page_name(one["cluster_id"]) if place < self.pages else "",
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
            for place, one in enumerate(self.rows)
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


def cluster_table(run: Run, pages: int) -> ClusterTable:
    """Every cluster of a run; the first `pages` have a page of their own."""
    limit = max(tables.count(run, CLUSTERS), 1)
    rows = tables.top(run, CLUSTERS, PRIORITY, limit, columns=_COLUMNS).to_pylist()
    return ClusterTable(rows, events(run), min(pages, len(rows)))


def events(run: Run) -> dict[str, str]:
    """The lineage event of each cluster of this run; `ended` ones are of the run before."""
    here = pc.field("event") != LineageEvent.ENDED
    found = tables.read(run, LINEAGE, ["cluster_id", "event"], here)
    return dict(zip(found["cluster_id"].to_pylist(), found["event"].to_pylist(), strict=True))


def page_name(cluster_id: str) -> str:
    """File name, without its ending, of a cluster's page: its id, or a digest of a strange one."""
    if _PLAIN_ID.fullmatch(cluster_id):
        return cluster_id
    return "x-" + hashlib.sha256(cluster_id.encode("utf-8", "replace")).hexdigest()[:24]


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
