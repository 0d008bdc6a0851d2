"""Imports run one way, and no module has grown out of being read."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.real_data import ROOT

ROOMS = ("schemas", "transforms", "reports", "pipelines")

LONGEST = 700


def test_imports_run_one_way():
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [lint, "--no-cache"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_modules_are_short_and_say_what_they_are(room):
    for path in (ROOT / room).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path
        assert len(text.splitlines()) <= LONGEST, path
