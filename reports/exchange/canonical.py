"""One form of bytes for one value: JSON as RFC 8785 orders and writes it, whole numbers alone.

Whoever reads such a file holds it against what it would itself have written. So blanks, a second
key of the same name, NaN, a fraction and every other way to say one thing twice are refused, and
no two readers can see two things in one signed file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from schemas.offer import MOST

T = TypeVar("T")


class NotCanonicalError(ValueError):
    """Bytes that are no canonical JSON of the expected kind; says why, after a file's name."""


def write(value: Any) -> bytes:
    """Canonical bytes of a dataclass or of plain JSON values."""
    whole = dataclasses.is_dataclass(value) and not isinstance(value, type)
    plain = dataclasses.asdict(value) if whole else value
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def parse(content: bytes) -> Any:
    """The value that canonical bytes stand for.

    Raises:
        NotCanonicalError: if `write` would write it otherwise.
    """
    try:
        value = json.loads(content)
        same = write(value) == content
    except (ValueError, RecursionError):
        raise NotCanonicalError("is not JSON") from None
    if not same:
        raise NotCanonicalError("is not canonical JSON: a key twice, a blank or an odd number")
    return value


def into(kind: type[T], value: Any, where: str = "") -> T:
    """A dataclass from plain values: every field there, no other, each of its type.

    Raises:
        NotCanonicalError: naming the first field that is wrong.
    """
    if not isinstance(value, Mapping):
        raise NotCanonicalError(f"{where or 'it'} is not an object")
    hints = get_type_hints(kind)
    for name in sorted(set(value) ^ set(hints)):
        said = "has an unknown field" if name in value else "lacks"
        # The name of an unknown field is hostile text: it is not repeated.
        raise NotCanonicalError(f"{where or 'it'} {said}{'' if name in value else f' {name}'}")
    return kind(
        **{
            name: _typed(hint, value[name], f"{where}.{name}".lstrip("."))
            for name, hint in hints.items()
        }
    )


def _typed(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple:
        (item, *_) = get_args(hint)
        if not isinstance(value, list):
            raise NotCanonicalError(f"{where} is not a list")
        return tuple(_typed(item, one, f"{where}[{at}]") for at, one in enumerate(value))
    if isinstance(hint, UnionType):
        return None if value is None else _typed(get_args(hint)[0], value, where)
    if dataclasses.is_dataclass(hint):
        return into(hint, value, where)  # type: ignore[arg-type]
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise NotCanonicalError(f"{where} is not a whole number from 0 to {MOST}")
    elif not isinstance(value, str):
        raise NotCanonicalError(f"{where} is not a text")
    return value
