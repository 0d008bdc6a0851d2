"""Publishes the contracts: one Markdown page for people, JSON Schema for teams without Arrow.

`make schemas` writes docs/data-contract.md and, below docs/schemas, one JSON Schema (draft 2020-12)
a contract. The schemas of tables come from the Arrow schemas, those of
the files that organisations send each other from their records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

from schemas import CONTRACT_VERSION, data_of, enums, manifest
from schemas.call import CALL_INPUT, CALL_KEY
from schemas.cluster import ALERT, ALERT_KEY
from schemas.complaint import COMPLAINT_INPUT, COMPLAINT_KEY
from schemas.enums import EMAIL_ROLES
from schemas.facts import FACTS, Argument, Counted
from schemas.field import TEXT, allowed_values, contract, field_doc, optional, required
from schemas.manifest import MANIFEST_NAME
from schemas.mapping import map_schema
from schemas.offer import (
    Answer,
    Correction,
    Feed,
    HubCharter,
    HubHead,
    HubLetter,
    HubMembers,
    KeyList,
    Offer,
    Request,
    Result,
    Revocation,
    SignedLetter,
)
from schemas.records import format_of
from schemas.reject import Code
from schemas.tables import ALL_TABLES, PRIVATE_TABLES

_VOCABULARIES: tuple[type[StrEnum], ...] = (
    enums.EntityKind,
    enums.Status,
    enums.Role,
    enums.Strength,
    enums.LineageEvent,
    Code,
)

_EMAIL_WITH_ROLE = contract(
    required(TEXT, address="The address, possibly defanged."),
    optional(EMAIL_ROLES, role="The part it plays."),
)
"""An item of a complaint's e-mail addresses that has a role."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

EXCHANGE_FILES: dict[str, type[SignedLetter]] = {
    f"exchange/{format_of(kind).removeprefix('ringtrace-')}": kind
    for kind in (
        Offer, Feed, Revocation, Correction, Request, Answer, Result, KeyList, HubCharter,
        HubMembers, HubHead, HubLetter,
    )
}  # fmt: skip
"""Files that organisations exchange, by the name of their published schema."""

_TYPED = (
    "Manifest RecordCounts Counts InputFile InputEntries InputEntry OutputFile PrivateFile "
    "PrivateManifest Alarm"
).split()
"""The parts of a manifest, in the order of the page."""


def write_contracts(docs: Path) -> None:
    """Writes the page and the JSON Schemas to a folder."""
    (docs / "data-contract.md").write_text(markdown_page(), encoding="utf-8")
    for name, schema in json_schemas().items():
        path = docs / "schemas" / f"{name}.schema.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


def markdown_page() -> str:
    """Returns the whole page."""
    words = data_of("contract_page.toml")
    about = words["tables"]
    of_alert = "One line of JSON in a file of its own. "
    parts = [
        words["introduction"].format(version=CONTRACT_VERSION, manifest=MANIFEST_NAME),
        _contract("Input: complaint", "", COMPLAINT_KEY, COMPLAINT_INPUT),
        _contract("Input: call", "", CALL_KEY, CALL_INPUT),
        *(
            _contract(f"Output: {table.name}/", f"{about[table.name]} ", table.key, table.schema)
            for table in (*ALL_TABLES, *PRIVATE_TABLES)
        ),
        f"## Output: {MANIFEST_NAME}\n",
        *(_typed(getattr(manifest, name)) for name in _TYPED),
        _contract("Stream: alert", of_alert, ALERT_KEY, ALERT),
        "## Vocabularies\n",
        *map(_vocabulary, _VOCABULARIES),
        "## Facts\n",
        words["facts"],
        _facts(),
    ]
    return "\n".join(parts)


def _contract(title: str, about: str, key: tuple[str, ...], schema: pa.Schema) -> str:
    """Writes what a contract is, the columns that make a row unique, and its fields."""
    columns = ", ".join(f"`{name}`" for name in key)
    return f"## {title}\n\n{about}Key: {columns}.\n\n{contract_table(schema)}"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Returns every contract by name: inputs, output tables, a stream's alert, exchanged files."""
    contracts = {"input/complaint": COMPLAINT_INPUT, "input/call": CALL_INPUT}
    contracts |= {f"output/{table.name}": table.schema for table in ALL_TABLES}
    contracts["stream/alert"] = ALERT
    objects = {name: object_schema(list(schema)) for name, schema in contracts.items()}
    emails = objects["input/complaint"]["properties"]["emails"]
    emails["items"] = {"anyOf": [emails["items"], object_schema(_EMAIL_WITH_ROLE)]}
    objects["input/map"] = map_schema()
    objects |= {name: record_schema(kind) for name, kind in EXCHANGE_FILES.items()}
    return {
        name: {
            "$schema": _DRAFT,
            "title": f"ringtrace {name}, contract version {CONTRACT_VERSION}",
            **schema,
        }
        for name, schema in objects.items()
    }


def type_name(kind: pa.DataType) -> str:
    """Returns the name of an Arrow type as the page writes it."""
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "record"
    if pa.types.is_timestamp(kind):
        return "timestamp, UTC"
    if pa.types.is_decimal(kind):
        return "decimal"
    return str(kind)


def field_rows(fields: list[pa.Field], inside: str = "") -> Iterator[tuple[str, ...]]:
    """Yields name, type, required, meaning and allowed values, also of the fields of records."""
    for inner in fields:
        name = inside + inner.name
        allowed = ", ".join(f"`{value}`" for value in allowed_values(inner))
        required = "" if inner.nullable else "yes"
        yield f"`{name}`", type_name(inner.type), required, field_doc(inner), allowed
        kind, mark = inner.type, ""
        while pa.types.is_list(kind):
            kind, mark = kind.value_type, mark + "[]"
        if pa.types.is_struct(kind):
            yield from field_rows(list(kind.fields), f"{name}{mark}.")


def markdown_table(header: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    """Writes a Markdown table; a bar inside a cell is escaped."""
    written = [header, ("---",) * len(header), *lines]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in written)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def contract_table(schema: pa.Schema) -> str:
    """Writes the fields of one contract as a Markdown table."""
    header = ("field", "type", "required", "meaning", "allowed values")
    return markdown_table(header, field_rows(list(schema)))


def type_schema(kind: pa.DataType) -> dict[str, Any]:
    """Returns the JSON Schema of one Arrow type.

    Raises:
        TypeError: for a type that no contract uses.
    """
    if pa.types.is_list(kind):
        return {"type": "array", "items": type_schema(kind.value_type)}
    if pa.types.is_struct(kind):
        return object_schema(list(kind.fields))
    for is_kind, schema in _TYPE_SCHEMAS.items():
        if is_kind(kind):
            return {**schema}
    raise TypeError(f"no contract uses {kind}")


_TYPE_SCHEMAS: dict[Callable[[pa.DataType], bool], dict[str, Any]] = {
    pa.types.is_string: {"type": "string"},
    pa.types.is_boolean: {"type": "boolean"},
    pa.types.is_integer: {"type": "integer"},
    pa.types.is_floating: {"type": "number"},
    pa.types.is_decimal: {"type": ["number", "string"], "description": "Exact decimal."},
    pa.types.is_timestamp: {"type": "string", "format": "date-time"},
}
"""The JSON Schema of plain Arrow types."""


def object_schema(fields: list[pa.Field]) -> dict[str, Any]:
    """Returns the JSON Schema of an object; an optional field may also be null."""
    properties: dict[str, Any] = {}
    for inner in fields:
        schema = type_schema(inner.type)
        if allowed := allowed_values(inner):
            schema["enum"] = [*allowed, None] if inner.nullable else allowed
        if inner.nullable:
            types = schema["type"]
            schema["type"] = [*(types if isinstance(types, list) else [types]), "null"]
        text = " ".join(filter(None, [field_doc(inner), schema.pop("description", "")]))
        properties[inner.name] = {**schema, "description": text}
    required = [field.name for field in fields if not field.nullable]
    return {"type": "object", "properties": properties, "required": required}


def record_schema(kind: type[SignedLetter]) -> dict[str, Any]:
    """Returns the JSON Schema of an exchanged file: every field is there, and no other.

    One that is unset by default may be absent, as it is in files of before there was one.
    """
    (_, definitions) = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for definition in definitions.values():
        definition["description"] = definition["description"].partition("\n")[0]
    schema = definitions.pop(kind.__name__)
    del schema["title"]  # the contract has a title of its own
    schema["properties"]["version"] = {"const": kind.VERSION}
    return schema | {"required": [*schema["required"], "version"], "$defs": definitions}


def _vocabulary(words: type[StrEnum]) -> str:
    about = (words.__doc__ or "").strip().splitlines()[0]
    values = ", ".join(f"`{word}`" for word in words)
    return f"**{words.__name__}.** {about} {values}.\n"


def _facts() -> str:
    rows = (
        (
            f"`{code}`",
            ", ".join(f"`{name}` ({_argument(kind)})" for name, kind in form.arguments.items()),
            form.sentence,
        )
        for code, form in FACTS.items()
    )
    return markdown_table(("code", "arguments", "sentence"), rows)


def _argument(kind: Argument | Counted) -> str:
    return "count" if isinstance(kind, Counted) else kind.value


def _hint(kind: object) -> str:
    if (origin := get_origin(kind)) is not None:
        inside = ", ".join(_hint(argument) for argument in get_args(kind))
        return f"{origin.__name__}[{inside}]"
    return getattr(kind, "__name__", str(kind))


def _typed(record: type) -> str:
    about = (record.__doc__ or "").strip().splitlines()[0]
    lines = ((f"`{name}`", f"`{_hint(kind)}`") for name, kind in get_type_hints(record).items())
    return f"**{record.__name__}.** {about}\n\n{markdown_table(('key', 'type'), lines)}"
