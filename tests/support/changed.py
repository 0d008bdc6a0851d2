"""Copies of dataclasses and of records with some fields changed."""

import dataclasses
from typing import TypeVar

from msgspec import Struct, structs

T = TypeVar("T")


def replace(value: T, **fields: object) -> T:
    """Returns a copy with other values of some fields."""
    change = structs.replace if isinstance(value, Struct) else dataclasses.replace
    return change(value, **fields)
