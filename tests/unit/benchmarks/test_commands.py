"""Every benchmark is listed, in `python -m benchmarks --help` and where the documents begin."""

import re
from importlib import import_module

import pytest

from benchmarks import __main__ as every
from benchmarks.measured import words_of
from tests.support.real_data import ROOT


def test_every_command_is_listed_once():
    modules = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    packages = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    assert modules - {"__main__"} | packages == every.COMMANDS.keys()
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    opening = page.partition("\n## ")[0]
    rows = re.findall(r"^\| `python -m benchmarks\.(\w+)", opening, re.M)
    assert sorted(rows) == sorted(every.COMMANDS)


@pytest.mark.parametrize("name", ["__main__", *every.COMMANDS])
def test_an_option_that_is_none_is_one_line(name, capsys):
    module = import_module(f"benchmarks.{name}")
    if hasattr(module, "__path__"):
        module = import_module(f"benchmarks.{name}.__main__")
    with pytest.raises(SystemExit) as ended:
        module.main(["--frob"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m benchmarks")
    assert "--frob" in line


def test_a_folder_with_a_blank_stays_in_one_word():
    words = words_of("batch --complaints {world}/complaints --output {run}", world="/a b", run="c")
    assert words == ["batch", "--complaints", "/a b/complaints", "--output", "c"]
