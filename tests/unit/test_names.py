"""Names are the field's own (docs/glossary.md): no module, function, class or option in dialect."""

import ast
import re
from collections.abc import Iterator
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

EMPTY = frozenset("one those of at other another found given what thing whose".split())
"""Names that say nothing of the value."""

PUBLISHED = {
    ("schemas/offer.py", "what"), ("pipelines/ledger.py", "at"), ("reports/run.py", "other"),
    ("pipelines/commands/evaluate.py", "other"),
    ("transforms/graph/clustering_metrics.py", "found"),
}  # fmt: skip
"""(module, name) of keys of files, and of a parameter of the public interface."""

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
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("-")
            }
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_the_fields_own(package):
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in modules(package)
        for name in names_in(path)
        if DIALECT & set(words_of(name)) or name in OLD_OPTIONS
    }
    assert sorted(wrong - ALLOWED) == []
    assert sorted(ALLOWED - wrong) == [], "these are gone: take them off the list"


def variables_in(path: Path) -> Iterator[tuple[int, str]]:
    """The variables and parameters of a module, each with the line that binds it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.lineno, node.name


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "deploy", "examples", "setup.py"])
def test_variables_and_parameters_say_what_the_value_is(package):
    empty = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules(package)
        for line, name in variables_in(path)
        if name in EMPTY and (str(path.relative_to(ROOT)), name) not in PUBLISHED
    ]
    assert empty == []
