"""The script of scheduled runs: days follow each other, and a repeated day is the same day."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.real_data import ROOT
from tests.support.run_pipeline import checked_manifest, complaint, jsonl

SCRIPT = ROOT / "deploy" / "daily.sh"


@pytest.fixture
def daily(tmp_path):
    """Runs the script for a day, as a scheduler does."""
    (tmp_path / "input" / "complaints").mkdir(parents=True)
    number = [{"raw": "+18882223344", "role": "callback"}]
    for day in (1, 2, 3):
        rows = [complaint(day, phone_numbers=number, received_at=f"2026-03-0{day}T09:00:00Z")]
        jsonl(tmp_path / "input" / "complaints" / f"{day}.jsonl", rows)

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


def test_days_follow_each_other_and_can_be_filled_in_again(daily):
    first = daily("2026-03-02")
    second = daily("2026-03-03", "--shards", "2")
    assert first["options"]["previous"] is None
    assert second["options"]["previous"] == first["run_id"]
    assert [one["counts"]["complaints"]["accepted"] for one in (first, second)] == [1, 2]
    assert second["options"]["shards"] == 2
    assert daily("2026-03-02") == first


def test_what_came_after_the_day_is_no_fault(daily):
    for day, accepted in (("2026-03-01", 0), ("2026-03-02", 1)):
        counts = daily(day)["counts"]["complaints"]
        assert (counts["accepted"], counts["rejected"]) == (accepted, 3 - accepted)
        assert daily("check", day) == "well\n"


def test_a_check_compares_a_day_with_the_one_that_it_followed(daily, tmp_path):
    daily("2026-03-04")
    for day in (2, 3):
        (tmp_path / "input" / "complaints" / f"{day}.jsonl").unlink()
    daily("2026-03-05")
    fallen = "fallen: 1 complaints, 3 in the run before\n"
    assert daily("check", "2026-03-05", status=1) == fallen
    assert daily("check", "2026-03-05", "--fallen-to", "0.3") == "well\n"


def test_a_day_that_is_not_finished_is_not_followed(daily, tmp_path):
    first = daily("2026-03-02")
    (tmp_path / "runs" / "2026-03-03").mkdir()
    assert daily("2026-03-04")["options"]["previous"] == first["run_id"]


def test_without_its_settings_it_says_which(tmp_path):
    settings = {"PATH": os.environ["PATH"]}
    done = subprocess.run([SCRIPT], check=False, capture_output=True, text=True, env=settings)
    assert done.returncode == 2
    assert "RINGTRACE_INPUT" in done.stderr
