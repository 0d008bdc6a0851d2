"""Cells of a refused row of CSV that its header calls the victim's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from transforms.privacy.rejected_text import CONTACT_ID, THEIR_FIELD, Told, told_as
from transforms.read.csv_rows import parted, split_cells

_ID = re.compile(r"(?:victim|complaint|call)_id", re.IGNORECASE)


def header_of(written: str) -> tuple[str, ...]:
    """The columns that `Origin.format` names behind the adapter; none where it names none."""
    _, _, cells = written.partition(":")
    return tuple(cell.strip() for cell in split_cells(cells)) if cells else ()


def told_by_columns(text: str, header: Sequence[str]) -> Iterator[Told]:
    """What stands in columns that are named as the victim's, and in ids that are contacts.

    Commas that are missing, or too many, may have moved a cell by as many columns: all that it may
    be then is the victim's.
    """
    named = [at for at, name in enumerate(header) if THEIR_FIELD.fullmatch(name)]
    ids = [at for at, name in enumerate(header) if _ID.fullmatch(name)]
    if not named and not ids:
        return
    cells = list(parted(text))
    moved = len(cells) - len(header)
    theirs = _within(named, moved)
    for at in sorted(theirs | _within(ids, moved)):
        if at < len(cells):
            start, end, cell = cells[at]
            value = cell.strip()
            if value and (at in theirs or CONTACT_ID.search(value)):
                yield start, end, told_as(value)


def _within(places: Sequence[int], moved: int) -> set[int]:
    """Where the cells of columns may stand in a row that has `moved` cells too many."""
    first, last = min(moved, 0), max(moved, 0)
    return {one for at in places for one in range(max(at + first, 0), at + last + 1)}
