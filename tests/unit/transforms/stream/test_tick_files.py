"""The known run is read again when it changes, and files of rejects can be read at any time."""

import errno
import re

import apache_beam as beam
import pyarrow.dataset as ds
import pytest
from hypothesis import example, given, strategies as st

from schemas.enums import RecordKind
from schemas.manifest import MANIFEST_NAME
from schemas.reject import Code
from tests.end_to_end.streaming.test_alerts import KNOWN, NEW
from tests.support.run_pipeline import jsonl, run
from transforms.custody import manifest
from transforms.local import LocalExecutor
from transforms.read import Origin, Record, Reject, rejects_batch
from transforms.stream import WriteRejects, tick_files
from transforms.stream.tick_files import KnownMembers, read_known_members, rejects_file_name


class CountMembers(beam.DoFn):
    """Counts the members that a tick was given."""

    def __init__(self):
        self.members = 0

    def process(self, batch):
        self.members += batch.num_rows


def ticks_on(folder):
    """A tick at every `next`: how many members it knows."""
    pipeline, counter = beam.Pipeline(), CountMembers()
    _ = pipeline | beam.Impulse() | beam.ParDo(KnownMembers(folder)) | beam.ParDo(counter)
    steps = LocalExecutor(pipeline)
    while True:
        counter.members = 0
        steps.run("tick")
        yield counter.members


@pytest.mark.slow
def test_a_run_that_is_replaced_is_known_from_the_next_tick_on(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "PAUSE_SECONDS", 0.0)
    folder = tmp_path / "run"
    run(folder, "--complaints", jsonl(tmp_path / "a.jsonl", KNOWN))
    ticks = ticks_on(str(folder))
    assert next(ticks) == 4
    first = read_known_members(str(folder), None)
    assert read_known_members(str(folder), first) is first  # is not read again
    assert next(ticks) == 4

    (folder / MANIFEST_NAME).rename(tmp_path / "aside")  # while it is being replaced
    assert next(ticks) == 4
    (tmp_path / "aside").rename(folder / MANIFEST_NAME)

    more = jsonl(tmp_path / "b.jsonl", [*KNOWN, *NEW])
    run(folder, "--complaints", more, "--overwrite")
    assert next(ticks) == 7
    with pytest.raises(OSError):
        next(ticks_on(str(tmp_path / "none")))
    assert next(ticks_on(None)) == 0


@given(st.text(), st.integers(0, 10**9))
@example("kafka:" + "a" * 20 + "_" + "b" * 59, 0)
@example("../../.hidden", 0)
def test_a_name_leads_nowhere_else_and_is_not_passed_over(source, position):
    folder, name = rejects_file_name(source, position).split("/")
    assert folder == "rejects"
    assert re.fullmatch(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,90}\.parquet", name)


def test_rejects_are_there_whole_or_as_they_were(tmp_path, monkeypatch):
    def write(position):
        pipeline = beam.Pipeline()
        reject = Reject(
            Origin("complaints/a.jsonl", "jsonl", RecordKind.COMPLAINT),
            Record(position, b"{", 0),
            Code.BROKEN_JSON,
            "broken",
        )
        _ = pipeline | beam.Impulse() | WriteRejects(str(tmp_path))
        LocalExecutor(pipeline).run(rejects_batch([reject]))

    def full(content, folder, name, _):
        (tmp_path / name).write_bytes(bytes(content)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    write(1)
    with monkeypatch.context() as patched:
        patched.setattr(tick_files, "write_output_file", full)
        with pytest.raises(OSError, match="No space"):
            write(2)
    assert ds.dataset(tmp_path / "rejects").to_table()["position"].to_pylist() == [1]
    write(2)
    assert ds.dataset(tmp_path / "rejects").to_table()["position"].to_pylist() == [1, 2]
    assert not list((tmp_path / "rejects").glob(".*"))
