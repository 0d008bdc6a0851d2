"""Worlds are those of the simulator as it is; odd ones have their numbers written otherwise."""

import pyarrow as pa
import pytest

from benchmarks.worlds import MADE_BY, world, write_oddly
from transforms.phone import normalize_numbers

RING = [f"(888) 204-0{n:03}" for n in range(60)]


def complaints():
    """Five complaints about each number of a ring, each with the same forged caller id."""
    forged = {"raw": "(212) 736-5001", "role": "caller_id"}
    rows = [
        {
            "source_org": "amazon",
            "complaint_id": f"c{n}",
            "victim_country": "US",
            "narrative": f"Call {RING[n % 60]} now.",
            "phone_numbers": [{"raw": RING[n % 60], "role": "callback"}, dict(forged)],
        }
        for n in range(300)
    ]
    for row in rows:
        write_oddly(row)
    return rows


def read(rows, place):
    numbers = [row["phone_numbers"][place]["raw"] for row in rows]
    readings = normalize_numbers(pa.array(numbers), pa.array(["US"] * len(rows)))
    return readings.field("e164").to_pylist()


def test_numbers_are_mostly_distinct_and_equal_records_stay_equal():
    rows = complaints()
    assert rows == complaints()
    numbers = [number["raw"] for row in rows for number in row["phone_numbers"]]
    assert len(set(numbers)) > 0.8 * len(numbers)
    assert all(row["phone_numbers"][0]["raw"] in row["narrative"] for row in rows)


def test_a_rings_number_can_be_read_and_some_forged_ones_are_invalid():
    rows = complaints()
    ring, forged = read(rows, 0), read(rows, 1)
    wanted = ["+1" + "".join(c for c in number if c.isdigit()) for number in RING * 5]
    assert sum(a == b for a, b in zip(ring, wanted, strict=True)) > 0.8 * len(rows)
    assert 0.1 * len(rows) < forged.count(None) < 0.5 * len(rows)
    assert len(set(forged)) > 0.4 * len(rows)


@pytest.mark.slow
def test_a_world_that_other_code_made_is_made_anew(tmp_path):
    folder = world(40, tmp_path)
    complaints = folder / "complaints" / "amazon.jsonl"
    records = complaints.read_bytes()
    (folder / "kept").touch()
    assert (world(40, tmp_path) / "kept").exists()
    complaints.write_text("")
    (folder / MADE_BY).write_text("other code")
    assert not (world(40, tmp_path) / "kept").exists()
    assert complaints.read_bytes() == records
