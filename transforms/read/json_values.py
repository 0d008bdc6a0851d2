"""JSON values parsed from hostile bytes, with numbers as exact text where that is needed."""

from __future__ import annotations

import json
from typing import Any

import orjson

from schemas.reject import Code

MAX_DEPTH = 64
"""Deepest nesting that is read; the contract needs three levels."""

_SYNTAX = f"not valid JSON, or nested deeper than {MAX_DEPTH} levels"


class JsonNumber(str):
    """A JSON number (or NaN, Infinity) as it is written."""

    __slots__ = ()


_EXACT = json.JSONDecoder(parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=JsonNumber)


class BrokenJsonError(Exception):
    """Bytes that are not the JSON value they should be: code, reason, and field if known."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field


def parse_json(data: bytes) -> Any:
    """Parses one value; the last of duplicate keys wins.

    Numbers come as int and float, or as `JsonNumber` where the fast parser refuses the text
    (NaN and Infinity, which many writers emit).

    Raises:
        BrokenJsonError: if the bytes are no JSON value, or one nested too deep.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return parse_exact_json(data)
    _check_depth(value, data)
    return value


def parse_exact_json(data: bytes) -> Any:
    """Parses one value, every number of it to a `JsonNumber`. Raises BrokenJsonError."""
    value = _parse_exact(data)
    _check_surrogates(value, data)
    _check_depth(value, data)
    return value


def _parse_exact(data: bytes) -> Any:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BrokenJsonError(Code.BAD_ENCODING, "not valid UTF-8") from None
    try:
        return _EXACT.decode(text)
    except (ValueError, RecursionError):
        raise BrokenJsonError(Code.BROKEN_JSON, _SYNTAX) from None


def _check_surrogates(value: Any, data: bytes) -> None:
    if b"\\ud" not in data and b"\\uD" not in data:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "an escape is half of a surrogate pair, which is no character"
        raise BrokenJsonError(Code.BAD_ENCODING, message) from None
    except RecursionError:
        raise BrokenJsonError(Code.BROKEN_JSON, _SYNTAX) from None


def _check_depth(value: Any, data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for one in level for child in _children(one)]
        if not level:
            return
    raise BrokenJsonError(Code.BROKEN_JSON, _SYNTAX)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
