"""The notebook of the public API runs from top to bottom, in a folder like the one it is in."""

import os
import subprocess
import sys
from time import perf_counter

import pytest

from tests.support.real_data import ROOT
from tests.support.run_pipeline import json_of

NOTEBOOK = ROOT / "examples/ringtrace.ipynb"

RUN = """
import json, sys
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
        last = "".join(cell["source"]).rstrip().splitlines()[-1]
        if last.startswith("Drawing("):
            print(eval(last, names)._repr_svg_())
print(names["run"].folder, names["rings"].num_rows)
"""


@pytest.fixture
def notebook():
    return json_of(NOTEBOOK)


def test_the_notebook_is_kept_without_outputs(notebook):
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    for cell in notebook["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebook_runs_within_a_minute(tmp_path):
    folder = tmp_path / "examples"
    folder.mkdir()
    for path in (ROOT / "examples").glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUN, NOTEBOOK],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert perf_counter() - started < 60
    assert done.stdout.splitlines()[-1] == "../runs/notebook 1"
    assert (tmp_path / "runs/notebook/report/index.html").exists()
    assert "<svg" in done.stdout
    assert "in cluster c-" in done.stdout
    assert "Strongest evidence path" in done.stdout
    assert "operator remote:anydesk:123456789" in done.stdout


def test_the_notebook_names_files_that_are_there(notebook):
    text = "".join(line for cell in notebook["cells"] for line in cell["source"])
    for name in ("README.md", "../docs/api.md", "../docs/data-contract.md"):
        assert f"]({name})" in text
        assert (NOTEBOOK.parent / name).exists()
