"""Nothing that a victim writes of their own is in what a run shows, however they write it.

Every value of `tests.support.victim_data` is looked for in every decoded byte of every output.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from html import unescape
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest

from tests.support.leaks import decoded_layers
from tests.support.run_pipeline import jsonl, run
from tests.support.victim_data import placements

OWNER_ONLY = {"private", "rejects"}
"""Parts that the run's owner alone reads: narratives as masked, rows to be mended."""

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")

_BETWEEN = re.compile(r"(?<=\d)[\s\-./_(),+]{1,3}(?=\d)")


def plain(content: bytes) -> str:
    """Text as a reader, or a program that looks for numbers, takes it."""
    text = unicodedata.normalize("NFKC", content.decode("utf-8", "replace"))
    return _INVISIBLE.sub("", unquote(unescape(text))).lower()


def places_of(output, values):
    """The parts of a run that hold each value: digits with anything between, names of mailboxes."""
    found = defaultdict(set)
    for path in sorted(output.rglob("*")):
        part = path.relative_to(output).parts[0]
        if not path.is_file() or part in OWNER_ONLY:
            continue
        for layer in decoded_layers(path.name, path.read_bytes()):
            text = plain(layer)
            digits = _BETWEEN.sub("", text)
            numbers = "\n".join(set(re.findall(r"\w*\d{7,}\w*", digits)))
            for value in values:
                wanted = value.partition("@")[0].lower()
                if wanted in (text if "@" in value else numbers):
                    found[value].add(part)
    return found


@pytest.fixture(scope="module")
def made():
    return {one.value: one for one in placements()}


@pytest.fixture(scope="module")
def output(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    rows = jsonl(folder / "rows.jsonl", (one.row for one in made.values()))
    run(folder / "run", "--complaints", rows)
    return folder / "run"


def test_no_value_is_in_anything_that_a_run_shows(output, made):
    found = places_of(output, made)
    told = [(made[one].kind, made[one].form, made[one].language, made[one].field, *sorted(places))
            for one, places in found.items()]  # fmt: skip
    assert not told


def test_the_search_finds_what_is_there(output, made):
    """Of the same values, those of rows with nothing private in them: the ring's own numbers."""
    ring = {"8885550121": None, "8885550199": None, "amzn-refund-desk@": None}
    assert set(places_of(output, ring)) == set(ring)
    assert len(made) > 1_850
    assert pq.read_table(output / "complaints").num_rows > 1_500
