"""Published contracts: JSON Schema in docs/schemas and docs/data-contract.md."""

import ast
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator

from schemas import contract_docs, field
from schemas.call import CALL_ACCEPTED, CALL_INPUT, CALL_LOOSE
from schemas.cluster import ALERT
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_INPUT, COMPLAINT_LOOSE
from schemas.tables import ALL_TABLES
from tests.support.real_data import ROOT

INPUTS = {"input/complaint": COMPLAINT_INPUT, "input/call": CALL_INPUT}

PUBLISHED = INPUTS | {f"output/{table.name}": table.schema for table in ALL_TABLES}
PUBLISHED["stream/alert"] = ALERT

INSIDE = {
    "complaint loose": COMPLAINT_LOOSE,
    "complaint accepted": COMPLAINT_ACCEPTED,
    "call loose": CALL_LOOSE,
    "call accepted": CALL_ACCEPTED,
}

EXPORTED = contract_docs.json_schemas()


def all_fields(fields: list[pa.Field]) -> list[pa.Field]:
    wrong = []
    for column in fields:
        kind = column.type
        while pa.types.is_list(kind):
            kind = kind.value_type
        wrong.append(column)
        if pa.types.is_struct(kind):
            wrong += all_fields(list(kind.fields))
    return wrong


def example(schema: dict) -> object:
    """A value that a JSON Schema of ours allows."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][-1])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        return {name: example(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [example(schema["items"])]
    plain = {"string": "2026-03-01T08:30:00Z", "integer": 1, "number": 1.5, "boolean": True}
    return plain[kind]


def is_valid(name: str, value: object) -> bool:
    return Draft202012Validator(EXPORTED[name]).is_valid(value)


@pytest.mark.parametrize("name", [*PUBLISHED, *INSIDE])
def test_every_field_has_a_meaning(name):
    fields = all_fields(list((PUBLISHED | INSIDE)[name]))
    assert [column.name for column in fields if not field.field_doc(column)] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_field_is_on_the_page(name):
    page = contract_docs.contract_table(PUBLISHED[name])
    assert page.count("\n") == 2 + len(all_fields(list(PUBLISHED[name])))
    assert all(field.field_doc(column) in page for column in all_fields(list(PUBLISHED[name])))


@pytest.mark.parametrize("name", contract_docs.EXCHANGE_FILES)
def test_the_schema_of_what_is_sent_is_closed(name):
    """A contract grows; a signed file has every field and no other, old ones without some."""
    Draft202012Validator.check_schema(EXPORTED[name])
    assert EXPORTED[name]["additionalProperties"] is False
    later = {"key_id"} | ({"called"} if name in ("exchange/offer", "exchange/feed") else set())
    assert {*EXPORTED[name]["required"], *later} == set(EXPORTED[name]["properties"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_json_schema_is_valid_and_tells_right_from_wrong(name):
    schema = EXPORTED[name]
    Draft202012Validator.check_schema(schema)
    right = example(schema)
    assert is_valid(name, right)
    assert is_valid(name, {field: right[field] for field in schema["required"]})
    assert is_valid(name, right | {"a_field_of_tomorrow": 1})
    for column in schema["required"]:
        assert not is_valid(name, {k: v for k, v in right.items() if k != column})
        assert not is_valid(name, right | {column: None})
    for column, schema_part in schema["properties"].items():
        assert is_valid(name, right | {column: None}) == (column not in schema["required"])
        assert not is_valid(name, right | {column: {"not": ["this"]}})
        if "enum" in schema_part:
            assert not is_valid(name, right | {column: "no such value"})


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_key_columns_are_in_the_table(table):
    assert set(table.key) <= set(table.schema.names)


def test_a_type_that_no_contract_uses_is_refused():
    with pytest.raises(TypeError, match="duration"):
        contract_docs.type_schema(pa.duration("s"))


def test_what_is_written_is_what_is_published(tmp_path):
    contract_docs.write_contracts(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    docs = ROOT / "docs"
    published = {path.relative_to(docs) for path in (docs / "schemas").rglob("*.json")}
    assert written == published | {Path("data-contract.md")}
    for path in written:
        assert (tmp_path / path).read_bytes() == (docs / path).read_bytes(), path


def test_schemas_import_only_themselves_types_and_the_standard_library():
    allowed = set(sys.stdlib_module_names) | {"schemas", "pyarrow", "msgspec"}
    for path in (ROOT / "schemas").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path.name
