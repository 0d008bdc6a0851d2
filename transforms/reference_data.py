"""Rules that are data: the TOML files of transforms/data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:
    """A file of transforms/data, parsed; raises FileNotFoundError or tomllib.TOMLDecodeError."""
    text = resources.files("transforms").joinpath("data", name).read_text(encoding="utf-8")
    return tomllib.loads(text)
