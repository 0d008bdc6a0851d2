"""The checkout, the real data beside it, and how a test says that real data is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

DATA = ROOT.parent / "shared" / "data"


def real(name: str) -> Path:
    """The path of a file of real data; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data absent: {path}")
    return path
