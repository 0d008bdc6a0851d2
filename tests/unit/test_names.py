"""Names are the field's own (docs/glossary.md): no module, function, class or option in dialect."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.real_data import ROOT

PACKAGES = (
    "schemas", "transforms", "reports", "pipelines", "ringtrace.py", "benchmarks", "tools",
)  # fmt: skip

DIALECT = frozenset(
    "told said heard held stood spelt worded needle needles haystack haystacks stray strays quiet "
    "careful ordinary desk garbage sighting sightings sighted sought tally tallies noisy weighing "
    "mended dialled retold spool disguised verdict verdicts packed unpacked".split()
)

OLD_OPTIONS = frozenset(
    "--weights --at --issued-at --floor --again --keep --every --snapshot-every".split()
)

ALLOWED: frozenset[tuple[str, str]] = frozenset()
"""(module, name) that a later rewrite of the file takes away. It may only shrink."""


def modules(package: str) -> list[Path]:
    """The modules of a package; of a module, itself."""
    path = ROOT / package
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def words_of(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def names_in(path: Path) -> set[str]:
    """The names of a module, its functions, methods and classes, and the options it declares."""
    names = {path.stem}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            names |= {
                one.value
                for one in node.args
                if isinstance(one, ast.Constant) and str(one.value).startswith("-")
            }
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_the_fields_own(package):
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in modules(package)
        for name in names_in(path)
        if DIALECT & set(words_of(name)) or name in OLD_OPTIONS
    }
    assert sorted(found - ALLOWED) == []
    assert sorted(ALLOWED - found) == [], "these are gone: take them off the list"


def test_a_name_in_dialect_is_seen(tmp_path):
    module = tmp_path / "plain.py"
    module.write_text("def _told_of(x): ...\nclass QuietParts: ...\np.add_argument('--keep')\n")
    words = {word for name in names_in(module) for word in words_of(name)}
    assert words & DIALECT == {"told", "quiet"}
    assert "--keep" in names_in(module) & OLD_OPTIONS
