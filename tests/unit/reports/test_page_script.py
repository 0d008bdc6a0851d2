"""The modules of the page, and the one script that they are joined into."""

import os
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from html import unescape
from importlib.resources import files
from pathlib import Path

import playwright
import pytest

from reports.page_script import joined_script
from reports.workbench import static_files

ASSETS = files("reports").joinpath("assets")

MODULES = {
    file.name: file.read_text(encoding="utf-8")
    for file in ASSETS.joinpath("workbench").iterdir()
    if file.name.endswith(".js")
}

PURE = Path(__file__).parent / "page" / "pure_parts.test.mjs"

OWN_NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The Node that Playwright brings along."""

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


@pytest.mark.parametrize(("table", "names"), [("told", "TOLD|say"), ("effects", "EFFECTS|tell")])
def test_the_page_says_every_text_of_its_words_and_no_other(table, names):
    texts = tomllib.loads(ASSETS.joinpath("words.toml").read_text(encoding="utf-8"))[table]
    said = set(re.findall(rf"\b(?:{names})\.(\w+)", joined_script()))
    assert said == {name for name, text in texts.items() if isinstance(text, str)}


def test_the_parts_that_need_no_browser_keep_their_promises():
    node = OWN_NODE if OWN_NODE.exists() else shutil.which("node")
    if node is None:
        pytest.skip("no Node, which Playwright's wheel brings along")
    index = static_files()["index.html"].decode()
    words = unescape(re.search(r'name="words" content="([^"]*)"', index)[1])
    command = [node, "--test", "--test-reporter=dot", PURE]
    env = os.environ | {"WORDS": words}
    ended = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stdout
