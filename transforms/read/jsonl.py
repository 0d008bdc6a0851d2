"""Contract objects, one JSON object a record, into loose rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import LOOSE_EXTRA
from schemas.kinds import RecordKind
from schemas.reject import Code
from transforms.read import json_value
from transforms.read.json_value import BrokenJsonError
from transforms.read.loose import SCHEMAS, build, constant
from transforms.read.records import Origin, Record
from transforms.read.rejects import Reject, reject

_NUMERIC = {"loss_amount", "duration_seconds", "amount"}
_SPEAKABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class _WrongTypeError(Exception):
    """A field whose value is not of the contract's type; its only argument is the name."""


@dataclass(frozen=True)
class Fields:
    """The contract's fields of one record kind, by the type that their values must have."""

    text: tuple[str, ...]
    numeric: tuple[str, ...]
    texts: tuple[str, ...]
    structs: dict[str, dict[str, bool]]
    """Fields that hold a list of objects: the objects' own fields, and whether numeric."""
    names: frozenset[str]


def fields(kind: RecordKind) -> Fields:
    """The contract's fields of a record kind, read off its Arrow schema."""
    extra = {field.name for field in LOOSE_EXTRA}
    known = {field.name: field.type for field in SCHEMAS[kind] if field.name not in extra}
    lists = {name: one.value_type for name, one in known.items() if pa.types.is_list(one)}
    structs = {name: one for name, one in lists.items() if pa.types.is_struct(one)}
    return Fields(
        text=tuple(name for name in known if name not in lists and name not in _NUMERIC),
        numeric=tuple(name for name in known if name in _NUMERIC),
        texts=tuple(name for name in lists if name not in structs),
        structs={name: {f.name: f.name in _NUMERIC for f in structs[name]} for name in structs},
        names=frozenset(known),
    )


FIELDS = {kind: fields(kind) for kind in RecordKind}


def _numeric(value: Any, name: str) -> str:
    """A number, or text that should be one, as it is written."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _WrongTypeError(name)


def _struct(value: Any, known: dict[str, bool], name: str) -> dict[str, str | None] | None:
    if value is None:
        return None
    if type(value) is not dict:
        raise _WrongTypeError(name)
    found: dict[str, str | None] = {}
    for inner, numeric in known.items():
        one = value.get(inner)
        if one is not None and numeric:
            one = _numeric(one, f"{name}.{inner}")
        elif one is not None and type(one) is not str:
            raise _WrongTypeError(f"{name}.{inner}")
        found[inner] = one
    return found


def _checked(row: dict[str, Any], known: Fields) -> dict[str, Any]:
    """The row with its values as their loose Arrow types take them. Raises _WrongTypeError."""
    get = row.get
    for name in known.text:
        value = get(name)
        if value is not None and type(value) is not str:
            raise _WrongTypeError(name)
    for name in known.numeric:
        if (value := get(name)) is not None:
            row[name] = _numeric(value, name)
    for name in known.texts:
        if (value := get(name)) is not None and not (
            type(value) is list and all(one is None or type(one) is str for one in value)
        ):
            raise _WrongTypeError(name)
    for name, inner in known.structs.items():
        if (value := get(name)) is not None:
            if type(value) is not list:
                raise _WrongTypeError(name)
            row[name] = [_struct(one, inner, name) for one in value]
    return row


def _inexact(row: dict[str, Any], known: Fields) -> bool:
    """Whether a number that the contract keeps may have lost digits in the fast parser."""
    if any(type(row.get(name)) is float for name in known.numeric):
        return True
    payments = row.get("payments")
    return type(payments) is list and any(
        type(one) is dict and type(one.get("amount")) is float for one in payments
    )


def _unknown(row: dict[str, Any], known: Fields) -> list[str] | None:
    """Names that the contract does not know, inner ones as field.name; null if there are none."""
    names = row.keys() - known.names
    for name, inner in known.structs.items():
        value = row.get(name)
        for one in value if type(value) is list else ():
            if type(one) is dict and not one.keys() <= inner.keys():
                names |= {f"{name}.{other}" for other in one.keys() - inner.keys()}
    if not names:
        return None
    return sorted({speakable(name) for name in names})


def speakable(name: str) -> str:
    """A field's name if it can be shown anywhere, or 'other': names are hostile input too."""
    return name if _SPEAKABLE.fullmatch(name) else "other"


def _object(data: bytes, known: Fields) -> dict[str, Any] | BrokenJsonError:
    try:
        value = json_value.parse(data)
        if type(value) is not dict:
            return BrokenJsonError(Code.NOT_AN_OBJECT, "a JSON value, but not an object")
        return json_value.parse_exact(data) if _inexact(value, known) else value
    except BrokenJsonError as broken:
        return broken


def read(
    origin: Origin, records: Sequence[Record], source_org: str | None = None
) -> tuple[pa.RecordBatch, list[Reject]]:
    """Loose rows, and a reject for each record that is not an object of the contract's types.

    Text must be a JSON string; amounts and durations a number or a string, kept as written.
    null is absent. Names of unknown fields go to `unknown`. `source_org` is for rows
    that do not name theirs.
    """
    known = FIELDS[origin.kind]
    return read_objects(origin, records, [_object(one.data, known) for one in records], source_org)


def read_objects(
    origin: Origin,
    records: Sequence[Record],
    objects: Sequence[dict[str, Any] | BrokenJsonError],
    source_org: str | None = None,
) -> tuple[pa.RecordBatch, list[Reject]]:
    """As `read`, from objects that are parsed already, or what was wrong with their text."""
    known = FIELDS[origin.kind]
    good: list[Record] = []
    rows: list[dict[str, Any]] = []
    unknown: list[list[str] | None] = []
    rejects: list[Reject] = []
    for record, one in zip(records, objects, strict=True):
        if isinstance(one, BrokenJsonError):
            rejects.append(reject(origin, record, one.code, one.message, one.field))
            continue
        try:
            others = _unknown(one, known)
            rows.append(_checked(one, known))
        except _WrongTypeError as wrong:
            name = str(wrong)
            message = f"{name} is not of the type that the contract gives it"
            rejects.append(reject(origin, record, Code.WRONG_TYPE, message, name))
            continue
        good.append(record)
        unknown.append(others)
    arrays = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type)
        for field in SCHEMAS[origin.kind]
        if field.name in known.names
    }
    arrays["unknown"] = pa.array(unknown, pa.list_(pa.string()))
    if source_org is not None:
        arrays["source_org"] = pc.coalesce(arrays["source_org"], constant(source_org, len(good)))
    return build(origin, good, arrays), rejects
