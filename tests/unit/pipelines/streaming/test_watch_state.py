"""State on disk: after a kill it is that of a whole tick, and a tick writes what came in it."""

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, strategies as st

from pipelines.options import UsageError
from pipelines.streaming.state_folder import STATE_FOLDER, StreamState
from pipelines.streaming.watch_sources import ReadPosition
from schemas.enums import SourceRule
from tests.support.examples import draws
from tests.support.made_up_deltas import contents_of, delta_of
from tests.support.script_texts import SCRIPT, own
from transforms.extract import MIN_TELLERS
from transforms.stream.state import RETENTION_DAYS, longest_retention

pytestmark = pytest.mark.slow


def arrived(number: int, records: int, day: int):
    """A block of records, some of which came before, and how far was read."""
    rows = [
        {
            "id": f"c{(number + n) % 20}",
            "day": day + n % 3,
            "numbers": [f"+188855501{n:02d}"],
            "narrative": SCRIPT,
        }
        for n in range(records)
    ]
    return delta_of(*rows), {"complaints/a.jsonl": ReadPosition(1, 2, 3, number, 5)}


def ticked(state: StreamState, number: int, records: int, day: int) -> None:
    fresh, positions = arrived(number, records, day)
    state.alive.settle([fresh], RETENTION_DAYS)
    state.commit(positions)


def shown(state: StreamState) -> tuple:
    """All that counts of a state."""
    alive, settled = state.alive, state.alive.settled(RETENTION_DAYS)
    left = alive.duplicates, alive.expired
    return contents_of(settled), *left, state.positions, state.tick


class KilledError(BaseException):
    """Stands for SIGKILL: nothing after it is done."""


@draws(25)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 500)), min_size=2, max_size=9),
    st.integers(0, 8),
    st.sampled_from(["written in part", "written", "renamed", "rename", "unlink"]),
)
def test_killed_at_any_moment_it_is_the_state_of_a_whole_tick(
    tmp_path_factory, ticks, moment, where
):
    output = str(tmp_path_factory.mktemp("out"))
    state, wanted = StreamState(output, RETENTION_DAYS), {}
    wanted[0] = shown(state)
    for number, (records, day) in enumerate(ticks):
        if number == moment % len(ticks):
            with pytest.MonkeyPatch.context() as patched:
                killed_at(patched, where)
                with suppress(KilledError):
                    ticked(state, number, records, day)
            state = StreamState(output, RETENTION_DAYS)
            if state.tick == number:  # the tick is not there: it comes again
                assert shown(state) == wanted[number]
                ticked(state, number, records, day)
        else:
            ticked(state, number, records, day)
        wanted[number + 1] = shown(state)
        assert shown(StreamState(output, RETENTION_DAYS)) == wanted[number + 1]
    calm = StreamState(str(tmp_path_factory.mktemp("calm")), RETENTION_DAYS)
    for number, (records, day) in enumerate(ticks):
        ticked(calm, number, records, day)
    assert shown(calm) == shown(state)


def killed_at(patched, where):
    """Let the next tick end in its middle: `where` is a method of Path that is not reached."""
    left = {"written": 1, "renamed": 2}.get(where, 0)

    def cut(*_, **__):
        nonlocal left
        left -= 1
        if left <= 0:
            raise KilledError

    if where == "written in part":
        patched.setattr(pa.ipc, "new_stream", cut)
    elif left:
        patched.setattr(os, "fsync", cut)
    else:
        patched.setattr(Path, where, cut)


def test_a_tick_writes_what_came_and_not_what_is_alive(tmp_path, monkeypatch):
    most = 24
    monkeypatch.setattr("pipelines.streaming.state_folder.MOST_FILES", most)
    state = StreamState(str(tmp_path), RETENTION_DAYS)
    many = delta_of(*({"id": f"m{n}", "day": 0, "numbers": ["+18885550100"]} for n in range(2000)))
    state.alive.settle([many], RETENTION_DAYS)
    state.commit({})
    sizes = []
    for number in range(most + 2):
        ticked(state, number, 1, 1)
        files = sorted((tmp_path / STATE_FOLDER).iterdir())
        sizes.append(files[-1].stat().st_size)
        assert len(files) <= most
    assert sum(size > 20_000 for size in sizes) == 1  # the whole, once more
    assert (tmp_path / STATE_FOLDER).stat().st_mode & 0o777 == 0o700


def test_what_expired_leaves_the_disk_when_the_whole_is_written(tmp_path):
    state = StreamState(str(tmp_path), RETENTION_DAYS)
    state.alive.settle(
        [delta_of({"id": "old", "day": 0, "numbers": ["+18885550199"]})], RETENTION_DAYS
    )
    state.commit({})
    for step in range(3):
        fresh = delta_of(
            {
                "id": f"n{step}",
                "day": longest_retention(RETENTION_DAYS) + 1,
                "numbers": ["+18885550100"],
            }
        )
        state.alive.settle([fresh], RETENTION_DAYS)
        state.commit({})
    left = b"".join(path.read_bytes() for path in (tmp_path / STATE_FOLDER).iterdir())
    assert b"18885550100" in left
    assert b"18885550199" not in left
    assert StreamState(str(tmp_path), RETENTION_DAYS).alive.expired == 1


def test_words_that_few_share_are_never_on_disk(tmp_path):
    state = StreamState(str(tmp_path), RETENTION_DAYS)

    def written():
        return b"".join(path.read_bytes() for path in (tmp_path / STATE_FOLDER).iterdir())

    for number in range(MIN_TELLERS):
        assert b"recent order of a" not in written()
        text = f"{own(number)} {SCRIPT}"
        state.alive.settle(
            [delta_of({"id": f"c{number}", "day": 0, "narrative": text})], RETENTION_DAYS
        )
        state.commit({})
    assert b"recent order of a" in written()
    assert b"aword" not in written()
    assert shown(StreamState(str(tmp_path), RETENTION_DAYS)) == shown(state)


def test_a_state_goes_on_by_the_rules_that_it_counted_reporters_by(tmp_path):
    rules = {"acme": SourceRule.EACH_ROW}
    state = StreamState(str(tmp_path), RETENTION_DAYS, rules)
    ticked(state, 0, 3, 0)
    assert shown(StreamState(str(tmp_path), RETENTION_DAYS, rules)) == shown(state)
    for sources in ({}, {"acme": SourceRule.PER_DAY}):
        with pytest.raises(UsageError, match="by other --sources; give the same"):
            StreamState(str(tmp_path), RETENTION_DAYS, sources)


def test_no_bit_of_a_state_can_be_another(tmp_path):
    state = StreamState(str(tmp_path), RETENTION_DAYS)
    for number, records in enumerate((6, 1)):
        ticked(state, number, records, 0)
    paths = sorted((tmp_path / STATE_FOLDER).iterdir())
    assert len(paths) == 2
    for path in paths:
        content = path.read_bytes()
        for place in {*range(0, len(content), 97), *range(len(content) - 17, len(content))}:
            flipped = (
                content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
            )
            for damaged in (flipped, content[:place]):
                path.write_bytes(damaged)
                with pytest.raises(UsageError, match=f"{path.name}: cannot be read"):
                    StreamState(str(tmp_path), RETENTION_DAYS)
        path.write_bytes(content)
    assert shown(StreamState(str(tmp_path), RETENTION_DAYS)) == shown(state)


def test_a_file_of_a_state_that_is_missing_is_named(tmp_path):
    state = StreamState(str(tmp_path), RETENTION_DAYS)
    for number, records in enumerate((9, 1, 1, 1)):
        ticked(state, number, records, 0)
    paths = sorted((tmp_path / STATE_FOLDER).iterdir())
    assert len(paths) == 4
    for path in paths[:-1]:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(UsageError, match="is missing; put a copy in its place"):
            StreamState(str(tmp_path), RETENTION_DAYS)
        path.write_bytes(content)
    assert shown(StreamState(str(tmp_path), RETENTION_DAYS)) == shown(state)


def written_by(version: int, output: Path) -> StreamState:
    """A state of two ticks, its files as 8 wrote them: with no digest, and not what is gone."""
    state = StreamState(str(output), RETENTION_DAYS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.streaming.state_folder.VERSION", version)
        for number, records in enumerate((9, 1)):
            ticked(state, number, records, 0)
    for path in (output / STATE_FOLDER).iterdir():
        content = without_last_column(path.read_bytes()[:-16])
        if version == 8:
            path.unlink()
            path.with_suffix(".arrow").write_bytes(content)
        else:
            path.write_bytes(content + xxhash.xxh3_128(content).digest())
    return state


def without_last_column(content: bytes) -> bytes:
    """Arrow streams, one after the other, the first without the last column of its table."""
    file, made = pa.BufferReader(content), pa.BufferOutputStream()
    while file.tell() < len(content):
        with pa.ipc.open_stream(file) as reader:
            batch = reader.read_next_batch()
            reader.read_all()
        if not made.tell():
            batch = batch.select(batch.schema.names[:-1]).replace_schema_metadata(
                batch.schema.metadata
            )
        with pa.ipc.new_stream(made, batch.schema) as writer:
            writer.write_batch(batch)
    return made.getvalue().to_pybytes()


@pytest.mark.parametrize("where", ["written in part", "written", "renamed", "rename", "unlink"])
def test_a_state_of_an_earlier_version_is_migrated_whenever_that_is_killed(tmp_path, where):
    output, wanted = str(tmp_path), shown(written_by(8, tmp_path))
    earlier = sorted((tmp_path / STATE_FOLDER).iterdir())
    with pytest.raises(UsageError, match=r"is of version 8, .* same command with --migrate-state"):
        StreamState(output, RETENTION_DAYS)
    with pytest.MonkeyPatch.context() as patched:
        killed_at(patched, where)
        with suppress(KilledError):
            StreamState(output, RETENTION_DAYS, migrate=True)
    migrated = StreamState(output, RETENTION_DAYS, migrate=True)
    there = where in {"renamed", "unlink"}
    assert migrated.migrated_from == (None if there else 8)
    assert shown(migrated) == (*wanted[:-1], len(earlier) + 1)
    ticked(migrated, 2, 20, 0)
    assert shown(StreamState(output, RETENTION_DAYS)) == shown(migrated)
    assert not any(path.exists() for path in earlier)


@pytest.mark.parametrize("migrate", [False, True])
def test_a_state_that_no_step_leads_from_is_refused(tmp_path, migrate):
    (tmp_path / STATE_FOLDER / "000000000001").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"is of an early version, .* reads 8 to 10"):
        StreamState(str(tmp_path), RETENTION_DAYS, migrate=migrate)
    written_by(99, tmp_path / "newer")
    with pytest.raises(UsageError, match=r"is of version 99, .* run the ringtrace that wrote it"):
        StreamState(str(tmp_path / "newer"), RETENTION_DAYS, migrate=migrate)


def test_garbage_with_a_digest_is_named(tmp_path):
    path = tmp_path / STATE_FOLDER / "000000000001.whole.state"
    path.parent.mkdir()
    header = pa.schema([]).with_metadata({"ringtrace": '{"version": 9}'})
    for content in (b"", b"x" * 99, bytes(header.serialize())):
        path.write_bytes(content + xxhash.xxh3_128(content).digest())
        with pytest.raises(UsageError, match=f"{path.name}: cannot be read"):
            StreamState(str(tmp_path), RETENTION_DAYS, migrate=True)
