"""Reads the rules that are data: the TOML files of transforms/data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def load_reference_data(name: str) -> dict[str, Any]:
    """Parses a file of transforms/data.

    Raises:
        FileNotFoundError: if there is no such file.
        tomllib.TOMLDecodeError: if it is no TOML.
    """
    text = resources.files("transforms").joinpath("data", name).read_text(encoding="utf-8")
    return tomllib.loads(text)
