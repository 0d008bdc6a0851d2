"""The demo: in an empty folder, on data that anyone can make again.

`make release-check` runs it from the wheel.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.commands import demo
from pipelines.options import UsageError
from schemas.manifest import SIMULATED_NAME
from schemas.tables import CLUSTERS, MEMBERS
from tests.support.real_data import ROOT
from tests.support.run_pipeline import (
    EXAMPLES,
    by_key,
    execute,
    files_below,
    read,
    refusal_of,
    ringtrace,
)

DATA = ROOT / "pipelines" / "demo_data"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """An empty folder in which `ringtrace demo here` ran, and its text."""
    empty = tmp_path_factory.mktemp("empty")
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "demo", "here"],
        cwd=empty,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert (empty / "here").is_dir()
    return empty, done.stdout


def test_a_checkout_has_the_records_in_examples():
    for name in ("ftc_dnc_excerpt.csv", "ftc_foia_irs_excerpt.csv", "two-companies"):
        assert (EXAMPLES / name).resolve().is_relative_to(DATA)
    assert len(list(EXAMPLES.glob("*.csv"))) == 3
    assert demo.bundled_records() == files_below(DATA)


def test_the_recorded_command_makes_the_two_companies(tmp_path):
    execute("simulate", tmp_path / "world", *demo.SIMULATED.split())
    (tmp_path / "world" / SIMULATED_NAME).unlink()  # the demo reads them as it would real ones
    assert files_below(tmp_path / "world") == files_below(DATA / "two-companies")
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"ringtrace simulate OUT {demo.SIMULATED}" in readme
    assert sum(map(len, files_below(tmp_path / "world").values())) < 400_000


def test_it_prints_what_the_ftc_records_show(shown):
    _, text = shown
    assert "5,568 complaints read: 5,544 accepted, 24 duplicates, 0 rejected" in text
    called_back = text.partition("Recordings of robocalls ask")[2].partition("Spoofed")[0]
    assert re.findall(r"\+\d+", called_back) == ["+13152328257", "+17144064370", "+19494475846"]
    assert "+18008291040  in 53 reports: known legitimate: IRS" in text


def test_only_both_companies_together_see_the_largest_ring(shown):
    """The printed lines are true of the runs: each company alone has its identifiers in several."""
    folder, text = shown
    here = folder / "here"
    cluster_of = {
        name: dict(
            zip(*(members[key].to_pylist() for key in ("entity_id", "cluster_id")), strict=True)
        )
        for name in ("two-companies", "amazon", "microsoft")
        for members in [read(here / name, MEMBERS)]
    }
    clusters = by_key(here / "two-companies", CLUSTERS)
    several = [row for row in clusters.values() if row["size"] > 1]
    assert 3 <= len(several) == sum(row["orgs"] == ["amazon", "microsoft"] for row in several)
    largest = max(several, key=lambda row: row["size"])
    assert f"{largest['cluster_id']}:\n{largest['size']} identifiers" in text
    joint = cluster_of.pop("two-companies")
    inside = [entity_id for entity_id, cluster in joint.items() if cluster == largest["cluster_id"]]
    for org, placed in cluster_of.items():
        known = [entity_id for entity_id in inside if entity_id in placed]
        parts = len({placed[entity_id] for entity_id in known})
        assert parts > 1
        assert f"{org.title()} alone knows {len(known)} of them, in {parts} parts" in text
    assert any(
        all(placed.get(a) != placed.get(b) for placed in cluster_of.values())
        for a, b in combinations(inside, 2)
    )


def test_it_says_how_near_the_truth_the_clusters_are(shown):
    folder, text = shown
    with (folder / "here/input/two-companies/truth.csv").open(encoding="utf-8") as file:
        rings = {row["operation"] for row in csv.DictReader(file)}
    assert f"The truth has {len(rings)} rings: " in text
    assert (
        "In a cluster by mistake: 0 legitimate identifiers, 0 of victims, 0 of innocents." in text
    )


def test_the_pages_to_open_are_there(shown):
    folder, text = shown
    pages = re.findall(r"^  (/.*)$", text, re.MULTILINE)
    expected = [folder / "here" / name / "report/index.html" for name in ("two-companies", "ftc")]
    assert [Path(path) for path in pages] == [path.resolve() for path in expected]
    assert all(path.is_file() for path in expected)


def test_the_commands_that_it_prints_work(shown, monkeypatch, capsys):
    folder, text = shown
    commands = [
        shlex.split(line) for line in re.findall(r"^\$ ringtrace (.*)$", text, re.MULTILINE)
    ]
    names = [*["batch"] * 3, "evaluate", "batch", "explain", "decide", "batch", "referral"]
    assert [words[0] for words in commands] == names
    monkeypatch.chdir(folder)
    for words in [commands[0], commands[3], *commands[5:]]:
        assert main(words) == 0
    assert "B-cubed F1" in capsys.readouterr().out
    assert ringtrace("verify", "here-referral") == 0


def test_an_earlier_demo_is_replaced_only_if_asked(shown):
    folder, _ = shown
    here, records = folder / "here", demo.bundled_records()
    before = files_below(here)
    assert refusal_of("demo", here) == (
        f"{here}: contains an earlier demo; give --overwrite, or another folder\n"
    )
    assert files_below(here) == before
    demo.check_folder(here, records, overwrite=True)
    for left in (".ftc.lock", ".ftc.staging-0"):  # of a demo that was killed
        (here / left).touch()
    (here / "ftc-redacted").mkdir()  # by `ringtrace report here/ftc --redact`
    demo.check_folder(here, records, overwrite=True)
    (here / "input/notes.txt").touch()
    with pytest.raises(UsageError, match=r"has input/notes\.txt in it, which no demo wrote"):
        demo.check_folder(here, records, overwrite=True)


def a_file(folder):
    folder.write_text("mine")


def a_run_of_theirs(folder):
    (folder / "ftc").mkdir(parents=True)
    (folder / "ftc/manifest.json").write_text("{}")


def no_run(folder):
    (folder / "input").mkdir(parents=True)
    (folder / "amazon").mkdir()
    (folder / "amazon/orders.csv").write_text("mine")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (a_file, "is a file; name a folder, new or empty"),
        (a_run_of_theirs, "has ftc in it, which no demo wrote"),
        (no_run, "has amazon in it, which no demo wrote"),
    ],
)
def test_what_is_not_a_demo_is_left_alone(make, message, tmp_path):
    folder = tmp_path / "above" / "given"
    folder.parent.mkdir()
    make(folder)
    before = files_below(tmp_path)
    printed = execute("demo", folder, "--overwrite", status=2)
    assert message in printed.err
    assert (printed.err.count("\n"), printed.out) == (1, "")
    assert files_below(tmp_path) == before
