"""Imports run one way, files are one idea each, and docstrings say it plainly."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.real_data import ROOT

PACKAGES = ("schemas", "transforms", "reports", "pipelines", "ringtrace.py")

LONGEST = 700
"""Lines of a module."""

MOST_MODULES = 230
"""Modules outside tests, benchmarks and tools; `__init__` files are not counted."""

QUESTION = re.compile(r"(What|Whether|Where|How|Whose|Which|Who|When|Why)\b")


def modules(package: str) -> list[Path]:
    """The modules of a package; of a module, itself."""
    path = ROOT / package
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_imports_run_one_way():
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [lint, "--no-cache"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_files_are_few_and_none_is_too_long():
    of_packages = {path for package in PACKAGES for path in modules(package)}
    others = {*ROOT.glob("*.py"), *ROOT.glob("examples/*.py"), *ROOT.glob("deploy/**/*.py")}
    counted = [one for one in of_packages | others if one.name != "__init__.py"]
    assert len(counted) <= MOST_MODULES
    for path in counted:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, path


def docstrings(path: Path) -> list[str]:
    """The docstrings of a module, its classes and functions, and those below its constants."""
    expressions = (
        one.value
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
    )
    return [one.value for one in expressions if isinstance(one.value, str)]


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tools"])
def test_docstrings_begin_with_a_verb_or_a_noun(package):
    for path in modules(package):
        assert path.read_text(encoding="utf-8").startswith(('"""', 'r"""')), path
        for text in docstrings(path):
            assert not QUESTION.match(text), f"{path}: {text.splitlines()[0]}"
