"""JSON Schema (draft 2020-12) of every contract, for teams that do not use Arrow.

`python -m schemas.json_schema DIR` writes one file a contract
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas import CONTRACT_VERSION, field, sent
from schemas.alert import ALERT
from schemas.call import CALL_INPUT
from schemas.complaint import COMPLAINT_INPUT
from schemas.tables import ALL

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def type_schema(kind: pa.DataType) -> dict[str, Any]:
    """JSON Schema of one Arrow type; raises TypeError for a type no contract uses."""
    if pa.types.is_string(kind):
        return {"type": "string"}
    if pa.types.is_boolean(kind):
        return {"type": "boolean"}
    if pa.types.is_integer(kind):
        return {"type": "integer"}
    if pa.types.is_floating(kind):
        return {"type": "number"}
    if pa.types.is_decimal(kind):
        return {"type": ["number", "string"], "description": "Exact decimal."}
    if pa.types.is_timestamp(kind):
        return {"type": "string", "format": "date-time"}
    if pa.types.is_list(kind):
        return {"type": "array", "items": type_schema(kind.value_type)}
    if pa.types.is_struct(kind):
        return object_schema(list(kind.fields))
    raise TypeError(f"no contract uses {kind}")


def object_schema(fields: list[pa.Field]) -> dict[str, Any]:
    """JSON Schema of an object with these fields; an optional field may also be null."""
    properties: dict[str, Any] = {}
    for one in fields:
        schema = type_schema(one.type)
        if allowed := field.values(one):
            schema["enum"] = [*allowed, None] if one.nullable else allowed
        if one.nullable:
            types = schema["type"]
            schema["type"] = [*(types if isinstance(types, list) else [types]), "null"]
        text = " ".join(filter(None, [field.doc(one), schema.pop("description", "")]))
        properties[one.name] = {**schema, "description": text}
    required = [one.name for one in fields if not one.nullable]
    return {"type": "object", "properties": properties, "required": required}


def export() -> dict[str, dict[str, Any]]:
    """Every contract by name: the inputs, each output table, a stream's alert, what is sent."""
    contracts = {"input/complaint": COMPLAINT_INPUT, "input/call": CALL_INPUT}
    contracts |= {f"output/{table.name}": table.schema for table in ALL}
    contracts["stream/alert"] = ALERT
    objects = {name: object_schema(list(schema)) for name, schema in contracts.items()}
    objects |= {name: sent.object_of(kind) for name, kind in sent.SENT.items()}
    return {
        name: {
            "$schema": _DRAFT,
            "title": f"ringtrace {name}, contract version {CONTRACT_VERSION}",
            **schema,
        }
        for name, schema in objects.items()
    }


def main(folder: str) -> None:
    """Write `export()` below `folder`, one JSON file a contract."""
    for name, schema in export().items():
        path = Path(folder, f"{name}.schema.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m schemas.json_schema DIR")
    main(sys.argv[1])
