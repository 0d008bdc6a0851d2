"""JSON Schema of the files that organisations send each other, made from their dataclasses."""

from __future__ import annotations

import dataclasses
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from schemas.offer import MOST, Offer, Revocation, Tlp
from schemas.overlap import Answer, Request, Result

SENT: dict[str, type[Any]] = {
    "exchange/offer": Offer,
    "exchange/revocation": Revocation,
    "exchange/overlap-request": Request,
    "exchange/overlap-answer": Answer,
    "exchange/overlap-result": Result,
}
"""What is sent, by the name of its published schema."""

_FIXED = ("format", "version")
_PATTERNS = {
    "sender": r"^[a-z0-9][a-z0-9._-]{0,63}$",
    "recipient": r"^[a-z0-9][a-z0-9._-]{0,63}$",
    "issued_at": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$",
    "expires_at": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$",
    "week": r"^\d{4}-W\d{2}$",
}


def object_of(kind: type[Any]) -> dict[str, Any]:
    """JSON Schema of a dataclass: every field is there, and no other."""
    hints = get_type_hints(kind)
    properties = {name: _typed(name, hint) for name, hint in hints.items()}
    for one in dataclasses.fields(kind):
        if one.name in _FIXED:
            properties[one.name] = {"const": one.default}
    about = (kind.__doc__ or "").strip().partition("\n")[0]
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _typed(name: str, hint: Any) -> dict[str, Any]:
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed("", get_args(hint)[0])}
    if isinstance(hint, UnionType):
        return {"anyOf": [_typed(name, get_args(hint)[0]), {"type": "null"}]}
    if dataclasses.is_dataclass(hint):
        return object_of(hint)  # type: ignore[arg-type]
    if hint is int:
        return {"type": "integer", "minimum": 0, "maximum": MOST}
    if name == "tlp":
        return {"enum": [str(label) for label in Tlp]}
    return {"type": "string"} | ({"pattern": _PATTERNS[name]} if name in _PATTERNS else {})
