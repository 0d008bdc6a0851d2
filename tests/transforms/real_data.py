"""Where the real data stands, and how a test says that it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def real(name: str) -> Path:
    """The path of a file of real data; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data absent: {path}")
    return path
