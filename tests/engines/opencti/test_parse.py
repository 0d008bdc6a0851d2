"""OpenCTI's client takes every object of a bundle, phone numbers as its own type.

pycti asks for versions of requests and setuptools that need not be ours, so it lives in an
environment of its own: `make test-opencti` makes it, and names its Python in RINGTRACE_PYCTI.
"""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reports.cluster_data import gather_facts
from reports.export import stix
from tests.support.report_tables import world, write_run
from tests.unit.reports.export.test_stix import EVERY_KIND, every_kind

PYCTI = os.environ.get("RINGTRACE_PYCTI")

pytestmark = pytest.mark.skipif(PYCTI is None, reason="pycti is elsewhere: make test-opencti")


def parsed(folder, facts):
    path = folder / "bundle.json"
    path.write_bytes(stix.stix_bundle(facts, datetime(2026, 4, 1, tzinfo=UTC), "run-1"))
    script = Path(__file__).with_name("parse.py")
    done = subprocess.run([PYCTI, script, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_kind_is_taken(tmp_path):
    result = parsed(tmp_path, every_kind(tmp_path / "run"))
    assert result["incompatible"] == 0
    assert result["objects"] == result["expected"] == result["parts"]
    for kind in ("phone-number", "bank-account", "cryptocurrency-wallet"):
        assert result["own"][kind] == list(EVERY_KIND.values()).count(kind)


def test_a_cluster_of_many_members_is_taken(tmp_path):
    rows = world(3)[0]
    run = write_run(tmp_path / "run", rows)
    facts = gather_facts(run, [rows["clusters"][0]["cluster_id"]])[0]
    result = parsed(tmp_path, facts)
    assert result["incompatible"] == 0
    assert result["objects"] == result["expected"] == result["parts"] > 200
