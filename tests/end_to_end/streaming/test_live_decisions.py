"""Decisions of a running stream: read again at every tick, and bound once."""

from datetime import UTC, datetime
from io import StringIO

import pytest

from pipelines import cli, key_store
from pipelines.options import UsageError
from pipelines.progress import Progress
from pipelines.streaming.options import parse
from pipelines.streaming.watch import Watch
from pipelines.streaming.watch_sources import WatchedFolder
from schemas.manifest import MANIFEST_NAME
from schemas.tables import MEMBERS
from tests.end_to_end.test_bound_decisions import (
    BACKDATED,
    DECIDED_AT,
    LATE,
    RING,
    bound,
    first_day,
    ids,
    named,
    status_of,
)
from tests.support.run_pipeline import column, inbox, jsonl, table_rows, write_decisions
from transforms.read.files import ReadOptions

START = datetime(2024, 3, 2, 13, tzinfo=UTC).timestamp()

CONFIRM = f"d1,confirm,{RING[0]},,anna,seen,{DECIDED_AT},"


class Stream:
    """A watched folder whose ticks come when they are called for."""

    def __init__(self, folder):
        self.folder, self.file, self.ticks = folder, folder / "d.csv", 0
        inbox(folder / "in")
        self.says, self.positions = StringIO(), {}
        self.start()

    def start(self):
        if not self.file.exists():
            write_decisions(self.file, CONFIRM)
        flags = ["--watch", self.folder / "in", "--output", self.folder / "out"]
        options = parse([*map(str, flags), "--decisions", str(self.file)])
        self.watch = Watch(options, Progress(self.says), lambda: START + self.ticks)

    def tick(self, *rows):
        """Adds these records; returns the snapshot of the tick."""
        self.ticks += 1
        if rows:
            jsonl(self.folder / "in" / "complaints" / f"{self.ticks}.jsonl", rows)
        source = WatchedFolder(str(self.folder / "in"), ReadOptions())
        news = source.poll(self.positions, final=True)
        self.watch.tick(news, snapshot=True)
        self.positions = news.positions
        return max((self.folder / "out" / "snapshots").iterdir())


@pytest.fixture
def stream(tmp_path):
    return Stream(tmp_path)


def test_a_decision_is_bound_at_its_first_tick_and_stays_so_over_a_restart(stream):
    first = stream.tick(*first_day())
    assert bound(first)["d1"]["members"] == ids(*RING)
    stream.tick(*(named(n, *RING, BACKDATED) for n in range(20, 24)))
    stream.start()
    last = stream.tick(*(named(n, *RING, LATE) for n in range(30, 34)))
    assert bound(last)["d1"] == bound(first)["d1"]
    review = {member["entity_id"]: member["review"] for member in table_rows(last, MEMBERS)}
    assert review == {
        **dict.fromkeys(ids(*RING), "reviewed"),
        **dict.fromkeys(ids(BACKDATED, LATE), "unreviewed"),
    }


def test_a_changed_file_is_taken_at_the_next_tick_and_a_broken_one_changes_nothing(stream):
    first = stream.tick(*first_day())
    assert status_of(first, RING[0]) == "confirmed"
    assert not stream.watch.decisions.changed()
    write_decisions(stream.file, CONFIRM, f"d2,dispute,{RING[1]},,tom,mine,{DECIDED_AT},")
    assert stream.watch.decisions.changed()
    second = stream.tick()
    assert status_of(second, RING[0]) == "disputed"
    digests = [(folder / MANIFEST_NAME).read_text().count('"sha256"') for folder in (first, second)]
    assert digests[0] == digests[1]
    stream.file.write_text("decision_id,kind\nd1,maybe\n", encoding="utf-8")
    for _ in range(2):
        last = stream.tick()
        assert status_of(last, RING[0]) == "disputed"
        assert bound(last) == bound(second)
    said = [line for line in stream.says.getvalue().splitlines() if "warning" in line]
    assert len(said) == 1
    assert f"{stream.file}, row 2" in said[0]
    assert "the decisions of before stay in force" in said[0]
    write_decisions(stream.file, f"{CONFIRM}2024-03-02T13:00:06Z")
    assert status_of(stream.tick(), RING[0]) == "confirmed"
    assert status_of(stream.tick(), RING[0]) == "candidate"  # it expires by the tick's clock


def test_a_stream_misses_a_row_that_was_signed_also_after_a_restart(stream):
    first = stream.tick(*first_day())
    who = ["--author", "Ada", "--reason", "a shop", "--now", "2024-03-02T12:30:00Z"]
    for kind, phone in (("confirm", RING[1]), ("legitimate", RING[2])):
        made = ["decide", first, kind, phone, "--decisions", stream.file, *who]
        assert cli.main([str(word) for word in made]) == 0
    second = stream.tick()
    assert f"phone:{RING[2]}" not in column(second, MEMBERS, "entity_id")
    (key_store.home() / "decisions.json").unlink()  # another store has no note of the last row
    stream.file.unlink()
    write_decisions(stream.file, CONFIRM)
    third = stream.tick()
    assert f"phone:{RING[2]}" not in column(third, MEMBERS, "entity_id")
    assert "lacks confirm-20240302-1 (confirm by Ada)" in stream.says.getvalue()
    with pytest.raises(UsageError, match="lacks confirm-20240302-1"):
        stream.start()
