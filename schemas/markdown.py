"""The data contract as one Markdown page, for people.

`python -m schemas.markdown docs/data-contract.md` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pyarrow as pa

from schemas import CONTRACT_VERSION, field, kinds, manifest
from schemas.alert import ALERT, ALERT_KEY
from schemas.call import CALL_INPUT, CALL_KEY
from schemas.complaint import COMPLAINT_INPUT, COMPLAINT_KEY
from schemas.reject import Code
from schemas.tables import ALL

_ABOUT = {
    "complaints": "Accepted complaints, the victim's own numbers taken out.",
    "calls": "Accepted calls, without the victim's side.",
    "mentions": "Where every identifier was read. Victim-side readings are not in it.",
    "entities": "Every identifier, over all records that name it, whatever its status.",
    "links": "Every pair of identifiers that some record names together.",
    "clusters": "One row a cluster; a cluster of one is a cluster.",
    "members": "Which identifier is in which cluster.",
    "suppliers": "A shared soft identifier and each cluster that it serves.",
    "lineage": "What became of each cluster since the previous run.",
    "islands": "What a later run with `--previous` need not search again.",
    "rejects": "Rows that were refused, each with the reason; they can be mended and fed back in.",
}

_VOCABULARIES: tuple[type[StrEnum], ...] = (
    kinds.EntityKind,
    kinds.Status,
    kinds.Role,
    kinds.Strength,
    kinds.LineageEvent,
    Code,
)

_INTRODUCTION = f"""\
# Data contract, version {CONTRACT_VERSION}

Made from the Arrow schemas in `schemas/` by `python -m schemas.markdown docs/data-contract.md`;
the same contracts as JSON Schema (draft 2020-12) are in `docs/schemas/`. Contracts are extended,
never broken.

**Input** is JSON Lines (also `.gz`, `.zst`), Parquet, or CSV with a column a field, where a list
is a JSON text and an empty cell is an absent value. A field that the contract does not know is
counted and left out; it is no error. A row that breaks the contract is rejected with a reason and
kept in `rejects/`. A time is ISO 8601 with a zone, or an Arrow timestamp. An amount is a JSON
number or a string of digits.

**Output** is one folder a run: a folder of Parquet files (zstd) a table, sorted by its key, and
`{manifest.NAME}`, which is written last. The same records give the same tables, byte for byte, in
any order, cut into any files, on any runner.

An **entity id** is `kind:value` or `kind:scheme:value`: `phone:+18885550123`,
`domain:amzn-refund.support` (the registrable domain), `email:x@y.example`,
`remote:anydesk:123456789`, `account:iban:GB29...`, `account:upi:name@bank`, `wallet:btc:...`,
`handle:telegram:name`.
"""


def type_name(kind: pa.DataType) -> str:
    """The name of an Arrow type as this page writes it."""
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "record"
    if pa.types.is_timestamp(kind):
        return "timestamp, UTC"
    if pa.types.is_decimal(kind):
        return "decimal"
    return str(kind)


def rows(fields: list[pa.Field], inside: str = "") -> Iterator[tuple[str, ...]]:
    """Name, type, required, meaning and allowed values, with the fields of records in them."""
    for one in fields:
        name = inside + one.name
        allowed = ", ".join(f"`{value}`" for value in field.values(one))
        required = "" if one.nullable else "yes"
        yield f"`{name}`", type_name(one.type), required, field.doc(one), allowed
        kind, mark = one.type, ""
        while pa.types.is_list(kind):
            kind, mark = kind.value_type, mark + "[]"
        if pa.types.is_struct(kind):
            yield from rows(list(kind.fields), f"{name}{mark}.")


def table(header: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    written = [header, ("---",) * len(header), *lines]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in written)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def contract(schema: pa.Schema) -> str:
    """The fields of one contract as a Markdown table."""
    header = ("field", "type", "required", "meaning", "allowed values")
    return table(header, rows(list(schema)))


def key(columns: tuple[str, ...]) -> str:
    """Columns that make a row unique, as text."""
    return ", ".join(f"`{name}`" for name in columns)


def _vocabulary(words: type[StrEnum]) -> str:
    about = (words.__doc__ or "").strip().splitlines()[0]
    values = ", ".join(f"`{word}`" for word in words)
    return f"**{words.__name__}.** {about} {values}.\n"


def _hint(kind: object) -> str:
    if (origin := get_origin(kind)) is not None:
        inside = ", ".join(_hint(one) for one in get_args(kind))
        return f"{origin.__name__}[{inside}]"
    return getattr(kind, "__name__", str(kind))


def _typed(of: type) -> str:
    about = (of.__doc__ or "").strip().splitlines()[0]
    lines = ((f"`{name}`", f"`{_hint(kind)}`") for name, kind in get_type_hints(of).items())
    return f"**{of.__name__}.** {about}\n\n{table(('key', 'type'), lines)}"


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, "## Input: complaint\n"]
    parts += [f"Key: {key(COMPLAINT_KEY)}.\n", contract(COMPLAINT_INPUT), "## Input: call\n"]
    parts += [f"Key: {key(CALL_KEY)}.\n", contract(CALL_INPUT)]
    for one in ALL:
        parts += [f"## Output: {one.name}/\n", _ABOUT[one.name] + f" Key: {key(one.key)}.\n"]
        parts.append(contract(one.schema))
    parts.append(f"## Output: {manifest.NAME}\n")
    typed = ("Manifest", "RecordCounts", "Counts", "InputFile", "OutputFile", "Alarm")
    parts += [_typed(getattr(manifest, name)) for name in typed]
    parts.append("## Stream: alert\n")
    parts += [f"One line of JSON in a file of its own. Key: {key(ALERT_KEY)}.\n", contract(ALERT)]
    parts.append("## Vocabularies\n")
    parts += [_vocabulary(words) for words in _VOCABULARIES]
    return "\n".join(parts)


def main(path: str) -> None:
    """Write `page()` to `path`."""
    Path(path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m schemas.markdown PATH")
    main(sys.argv[1])
