"""One's own victims' numbers and addresses, normalised so that two organisations write them alike.

The file stays with the organisation. CSV with a header: `phone`, `email`, or both, `country` (ISO
3166-1 alpha-2) for numbers that are not written with a country code, and `victim_id`, the pseudonym
of the organisation's records, where victims are chosen by what they reported.

- A number is read as ringtrace reads every number, and written as E.164: `(201) 555-0123` of a US
  victim is `+12015550123`.
- An address is NFKC, without blanks at its ends, in lower case, its domain in ASCII (IDNA 2008).
  Nothing is guessed: dots and `+tags` before the `@` stay, since not every host ignores them.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import domains, phones


class VictimsFileError(ValueError):
    """A file of victims that cannot be used; the message repeats nothing from its rows."""


@dataclass(frozen=True)
class Victims:
    """The rows of the file: a number in E.164 and an address each, None where there is none.

    `ids` are the pseudonyms, or None without a column of them; `unread` counts cells that could
    not be read.
    """

    ids: tuple[str, ...] | None
    numbers: tuple[str | None, ...]
    addresses: tuple[str | None, ...]
    unread: int

    @property
    def phones(self) -> frozenset[str]:
        """Distinct numbers."""
        return frozenset(one for one in self.numbers if one)

    @property
    def emails(self) -> frozenset[str]:
        """Distinct addresses."""
        return frozenset(one for one in self.addresses if one)

    def entity_ids(self) -> frozenset[str]:
        """They as entity ids, which must be in nobody's cluster."""
        return frozenset(f"phone:{one}" for one in self.phones) | frozenset(
            f"email:{one}" for one in self.emails
        )

    def of(self, people: Collection[str], by: str) -> frozenset[str]:
        """One value, the smallest, of each of `people` that has any: nobody counts twice.

        Raises:
            VictimsFileError: if the file has no pseudonyms.
        """
        if self.ids is None:
            raise VictimsFileError("needs a column victim_id, by which victims are chosen")
        values = self.numbers if by == "phone" else self.addresses
        least: dict[str, str] = {}
        for one, value in zip(self.ids, values, strict=True):
            if value and one in people:
                least[one] = min(value, least.get(one, value))
        return frozenset(least.values())


def load(text: str, name: str) -> Victims:
    """The victims in a CSV text called `name`.

    Raises:
        VictimsFileError: if it has no column `phone` or `email`, or a row of another length.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [one.strip().lower() for one in next(reader, [])]
    if not {"phone", "email"} & set(header) or len(set(header)) != len(header):
        raise VictimsFileError(f"{name}: needs a header with phone or email, and country if known")
    columns: dict[str, list[str]] = {one: [] for one in header}
    try:
        for row in reader:
            if row and len(row) != len(header):
                raise VictimsFileError(
                    f"{name}, line {reader.line_num}: has another number of cells"
                )
            for one, cell in zip(header, row, strict=False):
                columns[one].append(cell.strip())
    except csv.Error:
        raise VictimsFileError(f"{name}, line {reader.line_num}: is not CSV") from None
    rows = len(columns[header[0]])
    blank = [""] * rows
    numbers, bad_numbers = _numbers(columns.get("phone", blank), columns.get("country", blank))
    addresses, bad_addresses = _addresses(columns.get("email", blank))
    ids = tuple(columns["victim_id"]) if "victim_id" in columns else None
    return Victims(ids, numbers, addresses, bad_numbers + bad_addresses)


def _numbers(cells: list[str], countries: list[str]) -> tuple[tuple[str | None, ...], int]:
    raw = pa.array([cell or None for cell in cells], pa.string())
    where = pa.array([one.upper() or None for one in countries], pa.string())
    read = pc.struct_field(phones.normalise(raw, where), "e164")
    return tuple(read.to_pylist()), read.null_count - raw.null_count


def _addresses(cells: list[str]) -> tuple[tuple[str | None, ...], int]:
    read = tuple(_address(cell) if cell else None for cell in cells)
    return read, read.count(None) - cells.count("")


def _address(cell: str) -> str | None:
    local, at, host = unicodedata.normalize("NFKC", cell).strip().rpartition("@")
    canonical = domains.canonical_host(host) if at and local and not local.isspace() else None
    if canonical is None or any(character.isspace() for character in local):
        return None
    return f"{local.lower()}@{canonical}"
