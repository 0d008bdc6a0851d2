"""A watched folder: every row once, whether files are dropped whole or grow."""

import gzip
import json
import os

import pytest

from pipelines.streaming.watch_sources import (
    RETRY_SECONDS,
    SETTLED_SECONDS,
    UNFINISHED_SECONDS,
    WatchedFolder,
    positions_from_json,
    positions_to_json,
)
from tests.support.run_pipeline import complaint, jsonl
from transforms.read.files import ReadOptions
from transforms.read.read_records import read_shard


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def watched(tmp_path):
    (tmp_path / "complaints").mkdir()
    clock = Clock()
    return tmp_path / "complaints", WatchedFolder(str(tmp_path), ReadOptions(), clock, clock), clock


def put(path, content, modified):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (modified, modified))


def lines(*numbers):
    return "".join(json.dumps(complaint(n)) + "\n" for n in numbers)


def ids(news):
    batches = [batch for shard in news.shards for _, batch in read_shard(shard, ReadOptions())]
    return [record_id for batch in batches for record_id in batch["complaint_id"].to_pylist()]


def stored_by(news):
    """The positions of a tick as a state keeps and reads them."""
    return positions_from_json(json.loads(json.dumps(positions_to_json(news.positions))))


def test_a_file_is_picked_up_once(watched):
    folder, feed, clock = watched
    put(folder / "a.jsonl", lines(1, 2), clock.now)
    first = feed.poll({})
    assert ids(first) == ["c1", "c2"]
    again = feed.poll(stored_by(first))
    assert not again
    put(folder / "b.jsonl", lines(3), clock.now)
    assert ids(feed.poll(again.positions)) == ["c3"]


def test_a_large_file_is_read_over_several_ticks(watched, monkeypatch):
    folder, feed, clock = watched
    monkeypatch.setattr("pipelines.streaming.watch_sources.BYTES_AT_ONCE", 300)
    monkeypatch.setattr("pipelines.streaming.watch_sources.SHARD_BYTES", 200)
    put(folder / "a.jsonl", lines(*range(20)), clock.now - 60)
    put(folder / "b.jsonl", lines(20), clock.now - 60)
    seen: list[str] = []
    first_lines: list[int] = []
    positions: dict = {}
    ticks = 0
    while news := feed.poll(positions):
        positions = stored_by(news)
        assert sum(shard.end - shard.start for shard in news.shards) <= 300 + 200
        first_lines += [shard.first_line for shard in news.shards if "a.jsonl" in shard.file.path]
        seen += ids(news)
        ticks += 1
    assert seen == [f"c{n}" for n in range(21)]
    assert ticks > 4
    assert first_lines == sorted(set(first_lines))


def test_growing_json_lines_are_read_on_and_keep_their_line_numbers(watched):
    folder, feed, clock = watched
    path = folder / "a.jsonl"
    put(path, lines(1, 2) + '{"complaint_id": "c3"', clock.now)
    first = feed.poll({})
    assert ids(first) == ["c1", "c2"]
    with path.open("a") as stream:
        stream.write(', "source_org": "amazon", "received_at": "2024-03-01T09:30:00Z"}\n')
    os.utime(path, (clock.now + 1, clock.now + 1))
    second = feed.poll(first.positions)
    assert ids(second) == ["c3"]
    assert [shard.first_line for shard in second.shards] == [3]
    assert not feed.poll(second.positions)


def test_a_last_line_without_an_end_is_read_when_nothing_more_comes(watched):
    folder, feed, clock = watched
    put(folder / "a.jsonl", lines(1).rstrip(), clock.now)
    assert not feed.poll({})
    clock.now += SETTLED_SECONDS + 1
    assert not feed.poll({})
    assert ids(feed.poll({}, final=True)) == ["c1"]
    clock.now += UNFINISHED_SECONDS
    assert ids(feed.poll({})) == ["c1"]


def test_a_last_line_that_goes_on_after_all_is_one_record(watched):
    folder, feed, clock = watched
    path = folder / "a.jsonl"
    begun = lines(1) + lines(2)[:30]
    put(path, begun, clock.now)
    clock.now += UNFINISHED_SECONDS
    first = feed.poll({})
    assert [shard.end for shard in first.shards] == [len(lines(1)), len(begun)]
    assert not feed.poll(first.positions)
    assert not feed.poll(first.positions, final=True)
    put(path, lines(1, 2, 3), clock.now)
    second = feed.poll(first.positions)
    assert ids(second) == ["c2", "c3"]
    assert [shard.first_line for shard in second.shards] == [2]
    assert not feed.poll(second.positions)


def test_a_file_of_a_later_clock_is_read_when_it_has_not_changed(watched):
    folder, feed, clock = watched
    header = "complaint_id,source_org,received_at\n"
    row = "amazon,2024-03-01T09:30:00Z\n"
    put(folder / "a.csv", f"{header}c1,{row}", clock.now + 86_400)
    assert not feed.poll({})
    clock.now += SETTLED_SECONDS
    assert ids(feed.poll({})) == ["c1"]
    put(folder / "a.csv", f"{header}c1,{row}c2,{row}", clock.now + 86_400)
    assert not feed.poll({})  # it was written to
    clock.now += SETTLED_SECONDS
    assert ids(feed.poll({})) == ["c1", "c2"]
    put(folder / "a.csv", f"{header}c3,{row}", clock.now)
    clock.now -= 3600
    assert not feed.poll({})
    clock.now += SETTLED_SECONDS
    assert ids(feed.poll({})) == ["c3"]


def test_a_file_that_can_only_be_read_whole_waits_until_it_is_quiet(watched):
    folder, feed, clock = watched
    put(folder / "a.jsonl.gz", gzip.compress(lines(1).encode()), clock.now)
    header = "complaint_id,source_org,received_at\n"
    put(folder / "b.csv", header + "c2,amazon,2024-03-01T09:30:00Z\n", clock.now)
    assert not feed.poll({})
    clock.now += SETTLED_SECONDS
    assert ids(feed.poll({})) == ["c1", "c2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_table_whose_last_row_has_no_end_waits_longer(watched, encoding):
    folder, feed, clock = watched
    rows = "complaint_id,source_org,received_at\n" + "".join(
        f"c{n},amazon,2024-03-01T09:30:00Z\n" for n in range(3)
    )
    put(folder / "a.csv", rows.rstrip().encode(encoding), clock.now)
    clock.now += SETTLED_SECONDS
    assert not feed.poll({})
    assert len(ids(feed.poll({}, final=True))) == 3
    clock.now += UNFINISHED_SECONDS - SETTLED_SECONDS
    assert len(ids(feed.poll({}))) == 3
    put(folder / "a.csv", rows.encode(encoding), clock.now)
    assert not feed.poll({})
    clock.now += SETTLED_SECONDS
    assert len(ids(feed.poll({}))) == 3


def test_another_file_of_the_same_name_is_read_anew(watched):
    folder, feed, clock = watched
    put(folder / "a.jsonl", lines(1, 2), clock.now)
    first = feed.poll({})
    put(folder / "new", lines(3), clock.now + 1)
    (folder / "new").rename(folder / "a.jsonl")
    assert ids(feed.poll(first.positions)) == ["c3"]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (lines(3, 4, 5, 6), ["c3", "c4", "c5", "c6"]),
        (lines(1, 4, 5, 6), ["c1", "c4", "c5", "c6"]),
        (lines(3), ["c3"]),
        (lines(1, 2), []),
        (lines(1, 2, 3), ["c3"]),
    ],
    ids=["replaced", "replaced from the second line on", "shorter", "touched", "grown"],
)
def test_a_file_that_is_written_over_is_read_from_its_start(watched, content, read):
    """It keeps its place on the disk, and can be larger than before: its head was lost."""
    folder, feed, clock = watched
    put(folder / "a.jsonl", lines(1, 2), clock.now)
    first = feed.poll({})
    stored = stored_by(first)
    inode = (folder / "a.jsonl").stat().st_ino
    put(folder / "a.jsonl", content, clock.now + 1)
    assert (folder / "a.jsonl").stat().st_ino == inode
    second = feed.poll(stored)
    assert ids(second) == read
    assert not feed.poll(second.positions)


def test_an_edit_anywhere_before_the_offset_is_noticed(watched):
    folder, feed, clock = watched
    padding = "".join(json.dumps(complaint(n, narrative="x" * 9_000)) + "\n" for n in range(50))
    put(folder / "a.jsonl", padding, clock.now)
    first = feed.poll({})
    stored = stored_by(first)
    assert len(ids(first)) == 50
    before = (folder / "a.jsonl").stat()
    edited = padding.replace('"c25"', '"d25"')
    assert 65_536 < edited.index('"d25"') < len(edited) - 65_536
    with (folder / "a.jsonl").open("r+") as file:
        file.write(edited)
    os.utime(folder / "a.jsonl", (clock.now, clock.now))  # size, place and time are as before
    after = (folder / "a.jsonl").stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    for reader in (feed, WatchedFolder(str(folder.parent), ReadOptions(), clock)):
        second = reader.poll(stored)
        assert "d25" in ids(second)
        assert len(ids(second)) == 50
    assert not feed.poll(second.positions)


def test_a_table_that_was_only_touched_is_not_read_again(watched):
    folder, feed, clock = watched
    text = "complaint_id,source_org,received_at\nc2,amazon,2024-03-01T09:30:00Z\n"
    put(folder / "b.csv", text, clock.now - 60)
    first = feed.poll({})
    assert ids(first) == ["c2"]
    put(folder / "b.csv", text, clock.now - 50)
    second = feed.poll(first.positions)
    assert not second
    assert second.positions != first.positions
    put(folder / "b.csv", text.replace("c2", "c3"), clock.now - 50)
    assert ids(feed.poll(second.positions)) == ["c3"]


def test_hidden_and_half_written_files_are_left_alone(watched):
    folder, feed, clock = watched
    for name in (".a.jsonl", "_a.jsonl", "a.jsonl.tmp", "a.part"):
        put(folder / name, lines(1), clock.now)
    assert not feed.poll({}, final=True)


def test_a_file_that_is_not_read_becomes_a_reject_once(watched):
    folder, feed, clock = watched
    put(folder / "a.xlsx", b"PK\x03\x04" + b"\0" * 100, clock.now)
    clock.now += SETTLED_SECONDS
    news = feed.poll({})
    (row,) = news.rejects[0].to_pylist()
    assert (row["source"], row["code"]) == ("complaints/a.xlsx", "unreadable_file")
    assert not feed.poll(news.positions)


def test_a_file_that_vanishes_is_no_error(watched):
    folder, feed, _ = watched
    jsonl(folder / "a.jsonl", [complaint(1)])
    (folder / "b.jsonl").symlink_to(folder / "gone")
    assert ids(feed.poll({})) == ["c1"]


def test_every_entry_below_a_watched_folder_is_accounted_for(watched):
    folder, feed, clock = watched
    put(folder / "a.jsonl", lines(1), clock.now - 60)
    put(folder / "b.csv", "complaint_id,source_org", clock.now)
    put(folder / ".hidden", lines(1), clock.now)
    put(folder / "c.part", lines(1), clock.now)
    put(folder / "empty.jsonl", "", clock.now)
    put(folder / "readme.md", "# words\n", clock.now - 60)
    put(folder / "book.xlsx", b"PK\x03\x04" + bytes(100), clock.now - 60)
    os.mkfifo(folder / "fifo.jsonl")
    (folder / "linked").symlink_to(folder)
    first = feed.poll({})
    stored = stored_by(first)
    for news in (first, feed.poll(stored)):
        entries = news.entries
        assert entries["read"] == 1
        assert entries["skipped"] == {"empty": 1, "hidden": 1, "not_data": 1, "unfinished": 2}
        assert entries["unreadable"] == 3
        named = {entry["name"]: entry["reason"] for entry in entries["listed"][:3]}
        assert named == {
            "complaints/book.xlsx": "zip is not supported",
            "complaints/fifo.jsonl": "is not an ordinary file",
            "complaints/linked": "is a link to a folder",
        }
    assert len(first.rejects) == 3
    (cut,) = feed.poll(stored, final=True).rejects
    assert cut["source"].to_pylist() == ["complaints/b.csv"]


def test_what_could_not_be_read_is_tried_again(watched, monkeypatch):
    folder, feed, clock = watched
    path = folder / "a.jsonl"
    put(path, lines(1, 2), clock.now - 60)
    monkeypatch.setattr(os, "access", lambda *_: False)
    first = feed.poll({})
    assert not first.shards
    assert len(first.rejects) == 1
    monkeypatch.undo()
    monkeypatch.setattr("transforms.read.detect.raw_blocks", _refuse)
    second = feed.poll(first.positions)
    assert len(second.rejects) == 1  # for another reason
    monkeypatch.undo()
    assert not feed.poll(second.positions).shards
    clock.now += RETRY_SECONDS
    last = feed.poll(second.positions)
    assert ids(last) == ["c1", "c2"]
    assert last.entries["unreadable"] == 0


def _refuse(*_):
    raise OSError(5, "Input/output error")
