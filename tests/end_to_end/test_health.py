"""A run that needs a look says so, a line a trouble."""

import json

import pytest

from pipelines.commands.health import find_problems
from tests.support.report_tables import manifest
from tests.support.run_pipeline import error_of, execute


def counted(read=1000, rejected=0, alarms=(), late=0):
    count = {"read": read, "accepted": read - rejected, "duplicates": 0, "rejected": rejected}
    none = dict.fromkeys(count, 0)
    counts = {"complaints": count, "calls": none}
    codes = {"complaint_rejects": {"after_as_of": late, "bad_timestamp": rejected - late}}
    return manifest(counts=counts, alarms=list(alarms), tallies=codes)


@pytest.mark.parametrize(
    ("now", "before", "codes"),
    [
        (counted(), None, []),
        (counted(rejected=10), None, []),
        (counted(rejected=11), None, ["rejected"]),
        (counted(rejected=500, late=490), None, []),
        (counted(rejected=500, late=489), None, ["rejected"]),
        (counted(read=0), None, ["empty"]),
        (counted(read=500), counted(), []),
        (counted(read=499), counted(), ["fallen"]),
        (counted(read=0), counted(), ["empty", "fallen"]),
        (counted(alarms=[{"code": "giant_cluster", "message": "m"}]), None, ["giant_cluster"]),
    ],
)
def test_thresholds(now, before, codes):
    assert [line.partition(":")[0] for line in find_problems(now, before)] == codes


def test_the_command(tmp_path):
    for name, facts in {"well": counted(), "ill": counted(rejected=50)}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(facts))
    said = execute("health", tmp_path / "well")
    assert said.out == "well\n"
    assert "well: has no signature: make it again with a key of yours" in said.err
    assert (
        execute("health", tmp_path / "ill", "--previous", tmp_path / "well", status=1).out
        == "rejected: 50 of 1000 complaints (5.0%); see rejects/\n"
    )
    execute("health", tmp_path / "ill", "--rejected-share", "0.1")
    assert "not a finished run" in error_of("health", tmp_path / "none")
