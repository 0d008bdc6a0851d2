"""The script of scheduled runs: days follow each other, and a repeated day is the same day."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.real_data import ROOT
from tests.support.run_pipeline import callbacks, checked_manifest, complaint, jsonl

SCRIPT = ROOT / "deploy" / "daily.sh"


@pytest.fixture
def daily(tmp_path):
    """Runs the script for a day, as a scheduler does."""
    (tmp_path / "input" / "complaints").mkdir(parents=True)
    number = callbacks("+18882223344")
    for name, numbers, day in (("a", [1], 1), ("b", [2, 3], 1), ("c", [4], 3)):
        moment = f"2026-03-0{day}T09:00:00Z"
        rows = [complaint(n, phone_numbers=number, received_at=moment) for n in numbers]
        jsonl(tmp_path / "input" / "complaints" / f"{name}.jsonl", rows)

    def run(*words, status=0):
        settings = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "RINGTRACE_INPUT": str(tmp_path / "input"),
            "RINGTRACE_RUNS": str(tmp_path / "runs"),
        }
        done = subprocess.run(
            [SCRIPT, *words], check=False, capture_output=True, text=True, env=os.environ | settings
        )
        assert done.returncode == status, done.stderr
        return (
            done.stdout if words[0] == "check" else checked_manifest(tmp_path / "runs" / words[0])
        )

    return run


def test_days_follow_each_other_are_checked_and_can_be_filled_in_again(daily, tmp_path):
    runs = {}
    for day, accepted in (("2026-03-01", 0), ("2026-03-02", 3)):
        runs[day] = daily(day)
        counts = runs[day]["counts"]["complaints"]  # what came after the day is no fault
        assert (counts["accepted"], counts["rejected"]) == (accepted, 4 - accepted)
        assert daily("check", day) == "well\n"
    empty, first = runs.values()
    assert empty["options"]["previous"] is None
    assert first["options"]["previous"] == empty["run_id"]

    (tmp_path / "runs" / "2026-03-03").mkdir()  # a day that is not finished is not followed
    for name in ("b", "c"):
        (tmp_path / "input" / "complaints" / f"{name}.jsonl").rename(tmp_path / name)
    later = daily("2026-03-04", "--shards", "2")
    assert later["options"]["previous"] == first["run_id"]
    assert later["options"]["shards"] == 2
    fallen = "fallen: 1 complaints, 4 in the run before\n"
    assert daily("check", "2026-03-04", status=1) == fallen
    assert daily("check", "2026-03-04", "--fallen-to", "0.2") == "well\n"

    for name in ("b", "c"):
        (tmp_path / name).rename(tmp_path / "input" / "complaints" / f"{name}.jsonl")
    assert daily("2026-03-02") == first


def test_without_its_settings_it_says_which(tmp_path):
    settings = {"PATH": os.environ["PATH"]}
    done = subprocess.run([SCRIPT], check=False, capture_output=True, text=True, env=settings)
    assert done.returncode == 2
    assert "RINGTRACE_INPUT" in done.stderr
