"""The bundled excerpts: what they must hold, and that their script still makes them."""

import csv
import subprocess
import sys
from collections import Counter

import pytest

from tests.support.real_data import ROOT

EXAMPLES = ROOT / "examples"

SOURCES = ROOT.parent / "shared/data"

NAMES = ("ftc_dnc_excerpt.csv", "ftc_foia_irs_excerpt.csv", "ftc_point_of_no_entry_excerpt.csv")


def rows_of(name: str) -> list[bytes]:
    return (EXAMPLES / name).read_bytes().splitlines(keepends=True)[1:]


def test_do_not_call_holds_the_find_and_the_traps():
    rows = rows_of(NAMES[0])
    numbers = [row.split(b",", 1)[0] for row in rows]
    counted = Counter(number[-10:] for number in numbers)
    assert (counted[b"3152328257"], counted[b"7144064370"], counted[b"9494475846"]) == (7, 1, 10)
    assert all(row.endswith(b"\r\n") for row in rows)
    assert sum(times - 1 for times in Counter(rows).values()) == 24
    lengths = Counter(map(len, numbers))
    assert all(lengths[odd] for odd in (0, 4, 7, 9, 11, 12, 20))


def test_foia_holds_the_irs_line_joined_lists_and_mac_roman():
    rows = rows_of(NAMES[1])
    assert sum(b"8291040" in row for row in rows) == 53
    assert sum(b"|" in row for row in rows) > 100
    assert any(not row.isascii() for row in rows)
    assert not (EXAMPLES / NAMES[1]).read_bytes()[:1].strip()


def test_transcripts_are_whole_and_bear_no_labels():
    with (EXAMPLES / NAMES[2]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 568
    assert {row["campaign_id"] for row in rows} == {""}
    assert [row["file"] for row in rows if not row["transcript"]] == ["1181981.wav"]


@pytest.mark.real
def test_the_script_makes_the_same_bytes(tmp_path):
    if not SOURCES.is_dir():
        pytest.skip(f"{SOURCES} is absent")
    script = EXAMPLES / "make_excerpts.py"
    subprocess.run([sys.executable, script, SOURCES, tmp_path], check=True)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()
