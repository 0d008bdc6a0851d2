"""The input contract as CSV: a column a field, lists as JSON text, an empty cell absent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.enums import RecordKind
from transforms.read import framing
from transforms.read.adapters import contract_json
from transforms.read.adapters.base import BOTH_KINDS, Adapter, Layout, Parsed, TextRows
from transforms.read.adapters.contract_json import FieldType
from transforms.read.files import ReadOptions
from transforms.read.framing import BrokenJsonError

REQUIRED = {
    RecordKind.COMPLAINT: ("complaint_id", "source_org", "received_at"),
    RecordKind.CALL: ("call_id", "source_org", "started_at"),
}


def missing_columns(names: Iterable[str], kind: RecordKind, source_org: str | None) -> list[str]:
    """Lists the required columns not among `names`; `source_org` stands in for its column."""
    given = {*names, "source_org"} if source_org is not None else set(names)
    return [name for name in REQUIRED[kind] if name not in given]


def _object(names: Iterable[str], cells: Iterable[str], lists: set[str]) -> dict[str, Any]:
    """Returns the fields of one row. Raises BrokenJsonError for a list that is not JSON."""
    row: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell and name in lists:
            try:
                row[name] = framing.parse_exact_json(cell.encode())
            except BrokenJsonError as broken:
                raise BrokenJsonError(broken.code, f"{name} is not a JSON list", name) from None
        elif cell:
            row[name] = cell
    return row


def convert(rows: TextRows, options: ReadOptions) -> Parsed:
    """Converts to loose rows and rejects, by the same checks as JSON Lines."""
    known = contract_json.FIELDS[rows.origin.kind]
    lists = {
        name for name, one in known.types.items() if one in (FieldType.TEXTS, FieldType.OBJECTS)
    }
    names = rows.cells.schema.names
    objects: list[dict[str, Any] | BrokenJsonError] = []
    for cells in zip(*rows.cells.to_pydict().values(), strict=True):
        try:
            objects.append(_object(names, cells, lists))
        except BrokenJsonError as broken:
            objects.append(broken)
    return contract_json.read_objects(rows.origin, rows.records, objects, options)


ADAPTER = Adapter(
    name="csv",
    description="CSV of the input contract",
    kinds=BOTH_KINDS,
    layout=Layout.CSV,
    convert=convert,
)
