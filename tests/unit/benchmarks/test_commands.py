"""Every benchmark is listed where the document begins, and refuses wrong words in one line."""

import re
from importlib import import_module

import pytest

from benchmarks.measured import words_of
from tests.support.real_data import ROOT

FOLDER = ROOT / "benchmarks"

COMMANDS = {
    path.stem if path.parent == FOLDER else f"{path.parent.name}.{path.stem}"
    for path in [*FOLDER.glob("*.py"), *FOLDER.glob("*/__main__.py")]
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
}


def test_every_command_is_listed_once():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    opening = page.partition("\n## ")[0]
    rows = re.findall(r"^\| `python -m benchmarks\.(\w+)", opening, re.M)
    names = {name.removesuffix(".__main__") for name in COMMANDS - {"__main__"}}
    assert sorted(rows) == sorted(names)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_option_that_is_none_is_one_line(name, capsys):
    with pytest.raises(SystemExit) as ended:
        import_module(f"benchmarks.{name}").main(["--frob"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m benchmarks")
    assert "--frob" in line


def test_a_folder_with_a_blank_stays_in_one_word():
    words = words_of("batch --complaints {world}/complaints --output {run}", world="/a b", run="c")
    assert words == ["batch", "--complaints", "/a b/complaints", "--output", "c"]
