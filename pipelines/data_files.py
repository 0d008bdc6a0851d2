"""Reads the TOML files of the pipelines: words, phrases, places and measured costs."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any


def read_data(name: str, package: str = "pipelines") -> dict[str, Any]:
    """Reads `data/NAME.toml` of a package."""
    path = resources.files(package).joinpath("data", f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
