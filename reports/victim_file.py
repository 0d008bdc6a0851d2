"""The file of an organisation's own victims, in one spelling for all organisations."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TEXT
from transforms.extract.kinds import domain
from transforms.phone import normalize


class VictimsFileError(ValueError):
    """A file of victims that cannot be used; the message repeats nothing from its rows."""


@dataclass(frozen=True)
class Victims:
    """The rows of the file.

    Attributes:
        ids: the pseudonyms; None without a column of them.
        values: a number in E.164 and an address each, under `phone` and `email`; None without one.
        unread: how many cells could not be read.
    """

    ids: tuple[str, ...] | None
    values: Mapping[str, tuple[str | None, ...]]
    unread: int

    def distinct(self, by: str) -> frozenset[str]:
        """Returns the distinct values under a name."""
        return frozenset(value for value in self.values[by] if value)

    def entity_ids(self) -> frozenset[str]:
        """Returns numbers and addresses as entity ids, which must be in nobody's cluster."""
        return frozenset(f"{by}:{value}" for by in self.values for value in self.distinct(by))

    def of(self, people: Collection[str], by: str) -> frozenset[str]:
        """Returns the smallest value of each of `people` that has any: nobody counts twice.

        Raises:
            VictimsFileError: if the file has no pseudonyms.
        """
        if self.ids is None:
            raise VictimsFileError("needs a column victim_id, by which victims are chosen")
        least: dict[str, str] = {}
        for person, value in zip(self.ids, self.values[by], strict=True):
            if value and person in people:
                least[person] = min(value, least.get(person, value))
        return frozenset(least.values())


def load_victim_file(text: str, name: str) -> Victims:
    """Loads the victims in a CSV text called `name`, in one spelling for all organisations.

    The header has `phone`, `email`, or both. `country` (ISO 3166-1 alpha-2) is for numbers without
    a country code. `victim_id`, the pseudonym of the organisation's records, is needed to choose
    victims by what they reported.

    - Numbers are written as E.164: `(201) 555-0123` of a US victim is `+12015550123`.
    - Addresses are NFKC, without blanks at their ends, in lower case, the domain in ASCII (IDNA
      2008). Dots and `+tags` before the `@` stay, since not every host ignores them.

    Raises:
        VictimsFileError: if it has no column `phone` or `email`, or a row of another length.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader, [])]
    if not {"phone", "email"} & set(header) or len(set(header)) != len(header):
        raise VictimsFileError(
            f"{name}: give it a header with phone or email, and country if known"
        )
    columns: dict[str, list[str]] = {name: [] for name in header}
    try:
        for row in reader:
            if row and len(row) != len(header):
                raise VictimsFileError(
                    f"{name}, line {reader.line_num}: has another number of cells"
                )
            for title, cell in zip(header, row, strict=False):
                columns[title].append(cell.strip())
    except csv.Error:
        raise VictimsFileError(f"{name}, line {reader.line_num}: is not CSV") from None
    rows = len(columns[header[0]])
    blank = [""] * rows
    numbers, bad_numbers = _numbers(columns.get("phone", blank), columns.get("country", blank))
    addresses, bad_addresses = _addresses(columns.get("email", blank))
    ids = tuple(columns["victim_id"]) if "victim_id" in columns else None
    return Victims(ids, {"phone": numbers, "email": addresses}, bad_numbers + bad_addresses)


def _numbers(cells: list[str], countries: list[str]) -> tuple[tuple[str | None, ...], int]:
    raw = pa.array([cell or None for cell in cells], TEXT)
    where = pa.array([country.upper() or None for country in countries], TEXT)
    read = pc.struct_field(normalize.normalize_numbers(raw, where), "e164")
    return tuple(read.to_pylist()), read.null_count - raw.null_count


def _addresses(cells: list[str]) -> tuple[tuple[str | None, ...], int]:
    read = tuple(_address(cell) if cell else None for cell in cells)
    return read, read.count(None) - cells.count("")


def _address(cell: str) -> str | None:
    local, _, host = unicodedata.normalize("NFKC", cell).strip().rpartition("@")
    canonical = domain.canonical_host(host) if local.strip() else None
    if canonical is None or any(character.isspace() for character in local):
        return None
    return f"{local.lower()}@{canonical}"
