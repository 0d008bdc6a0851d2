"""An exhibit: a numbered table, each column explained, each row with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reports import spreadsheet
from reports.referral.material import Record

Column = tuple[str, str, str]
"""Name, type, meaning."""


SOURCE: tuple[Column, ...] = (
    ("record", "row of Exhibit 1", "The source record; of several, the earliest."),
    ("file", "file name", "Input file that holds that record, as the run named it."),
    ("file_sha256", "SHA-256", "Digest of that file."),
    (
        "position",
        "number",
        "1-based line of text, row of Parquet, or place in an offer's evidence.",
    ),
)
"""The columns by which every row points to its source."""


@dataclass(frozen=True)
class Exhibit:
    """A table: `slug` names its file, `columns` do not count those of `SOURCE`."""

    number: int
    slug: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]

    @property
    def path(self) -> str:
        """Its file within the package."""
        return f"data/exhibits/{self.number:02d}-{self.slug}.csv"

    @property
    def whole(self) -> tuple[Column, ...]:
        """All columns, as written."""
        return (("row", "number", "Number of the row, as cited."), *self.columns, *SOURCE)


def csv(exhibit: Exhibit) -> bytes:
    """An exhibit as CSV; texts that a spreadsheet would run start with an apostrophe."""
    header = [name for name, _, _ in exhibit.whole]
    return spreadsheet.write(header, ((number, *row) for number, row in enumerate(exhibit.rows, 1)))


def dictionary(made: Sequence[Exhibit]) -> bytes:
    """What every column of every exhibit means, as CSV."""
    rows = [
        (f"Exhibit {one.number}", one.path.removeprefix("data/"), *column)
        for one in made
        for column in one.whole
    ]
    return spreadsheet.write(("exhibit", "file", "column", "type", "meaning"), rows)


def source(record: Record) -> tuple[object, ...]:
    """The cells of `SOURCE` for a record."""
    place = record.place
    return record.number, place.file, place.sha256, place.position


def utc(moment: datetime) -> str:
    """A time in UTC, ISO 8601, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
