"""The modules of the page, and the one script that they are joined into."""

import re
from collections import Counter
from importlib.resources import files

import pytest

from reports.page_script import joined_script

MODULES = {
    file.name: file.read_text(encoding="utf-8")
    for file in files("reports").joinpath("assets", "workbench").iterdir()
    if file.name.endswith(".js")
}

DECLARED = r"^(?:/\*\*.*\*/ )?%s(?:async )?(?:function|const|let) (\w+)"


def test_a_name_stands_in_one_module_and_what_is_exported_is_imported():
    whole = "\n".join(MODULES.values())
    names = Counter(re.findall(DECLARED % "(?:export )?", whole, re.M))
    assert [name for name, times in names.items() if times > 1] == []
    imports = " ".join(re.findall(r"^import \{([^}]+)\}", whole, re.M))
    assert set(re.findall(DECLARED % "export ", whole, re.M)) <= set(re.findall(r"\w+", imports))


def test_the_script_has_every_module_and_no_word_of_one():
    script = joined_script()
    assert re.findall(r"^\s*(?:import|export)\b.*", script, re.M) == []
    assert all(text.splitlines()[0] in script for text in MODULES.values())


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval"]
)
def test_no_script_of_ours_sets_markup(word):
    assert not re.search(rf"\b{re.escape(word)}\b", joined_script())
