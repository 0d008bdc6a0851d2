"""The known run is looked at again at every tick: replaced, or gone for a moment."""

import apache_beam as beam
import pytest

from schemas.manifest import NAME
from tests.end_to_end.streaming.test_alerts import KNOWN, NEW
from tests.support.run_pipeline import jsonl, run
from transforms.stream import snapshots
from transforms.stream.in_process import Rerun
from transforms.stream.snapshots import KnownMembers, read_known


class Heard(beam.DoFn):
    """Counts the members that a tick was given."""

    def __init__(self):
        self.members = 0

    def process(self, batch):
        self.members += batch.num_rows


def ticks_on(folder):
    """A tick at every `next`: how many members it knows."""
    pipeline, heard = beam.Pipeline(), Heard()
    _ = pipeline | beam.Impulse() | KnownMembers(folder) | beam.ParDo(heard)
    steps = Rerun(pipeline)
    while True:
        heard.members = 0
        steps.run("tick")
        yield heard.members


def test_a_run_that_is_replaced_is_known_from_the_next_tick_on(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "PAUSE", 0.0)
    folder = tmp_path / "run"
    run(folder, "--complaints", jsonl(tmp_path / "a.jsonl", KNOWN))
    ticks = ticks_on(str(folder))
    assert next(ticks) == 4
    first, _ = read_known(str(folder), None)
    assert read_known(str(folder), first) is None  # is not read again
    assert next(ticks) == 4

    (folder / NAME).rename(tmp_path / "aside")  # while it is being replaced
    assert next(ticks) == 4
    (tmp_path / "aside").rename(folder / NAME)

    more = jsonl(tmp_path / "b.jsonl", [*KNOWN, *NEW])
    run(folder, "--complaints", more, "--overwrite")
    assert next(ticks) == 7
    with pytest.raises(OSError):
        next(ticks_on(str(tmp_path / "none")))
    assert next(ticks_on(None)) == 0
