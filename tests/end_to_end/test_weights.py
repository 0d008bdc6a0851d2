"""`--priority-weights`: one file ranks the clusters, and the manifest says which."""

import re

import pytest

from schemas.tables import CLUSTERS
from tests.support.real_data import ROOT
from tests.support.run_pipeline import complaint, jsonl, run, table_rows

SHIPPED = (ROOT / "transforms" / "data" / "priority.toml").read_text(encoding="utf-8")


def rows():
    for number, day in ((1, "01"), (2, "15"), (3, "29")):
        phone = {"raw": f"+1 888 555 010{number}", "role": "callback"}
        yield complaint(number, phone_numbers=[phone], received_at=f"2024-03-{day}T09:30:00Z")


NOW = ("--now", "2024-03-29T09:30:00Z")
"""The clock of the last of `rows`."""


def test_recency_is_seen_from_the_clock(tmp_path):
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows()), *NOW)
    recency = {
        row["name"][-1]: part["value"]
        for row in table_rows(tmp_path / "run", CLUSTERS)
        for part in row["priority_parts"]
        if part["part"] == "recency"
    }
    assert recency == {"1": 0.25, "2": 0.5, "3": 1.0}


def test_a_file_of_weights_ranks(tmp_path):
    file = tmp_path / "mine.toml"
    weights, _, rest = SHIPPED.partition("[scale]")
    alone = re.sub(r"(?m)^(?!recency)(\w+) = \d+", r"\1 = 0", weights)
    file.write_text(f"{alone}[scale]{rest}", encoding="utf-8")
    complaints = jsonl(tmp_path / "rows.jsonl", rows())
    manifest = run(tmp_path / "run", "--complaints", complaints, "--priority-weights", file, *NOW)
    priority = {row["name"][-1]: row["priority"] for row in table_rows(tmp_path / "run", CLUSTERS)}
    assert priority == pytest.approx({"1": 25, "2": 50, "3": 100})
    assert manifest["options"]["priority_weights"]["name"] == "mine.toml"
