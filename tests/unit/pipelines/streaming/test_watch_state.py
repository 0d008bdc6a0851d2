"""State on disk: what counts after a kill is a whole tick's, and a tick writes what came in it."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.options import UsageError
from pipelines.streaming import watch_state as module
from pipelines.streaming.watch_sources import Picked
from pipelines.streaming.watch_state import FILES, FOLDER, State
from tests.support.made_up_blocks import block, said
from tests.support.script_texts import SCRIPT, own
from transforms.call_scripts.matches import SHOWN
from transforms.stream.state import DAYS, longest


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
    return block(*rows), {"complaints/a.jsonl": Picked(1, 2, 3, number, 5)}


def ticked(state: State, number: int, records: int, day: int) -> None:
    fresh, picked = arrived(number, records, day)
    state.alive.take([fresh], DAYS)
    state.commit(picked)


def shown(state: State) -> tuple:
    """All that counts of a state."""
    alive = state.alive
    return said(alive.block), alive.duplicates, alive.expired, state.picked, state.tick


class KilledError(BaseException):
    """Stands for SIGKILL: nothing after it is done."""


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 500)), min_size=2, max_size=9),
    st.integers(0, 8),
    st.sampled_from(["_write", "rename", "_sync", "unlink"]),
)
def test_killed_at_any_moment_it_is_the_state_of_a_whole_tick(tmp_path_factory, ticks, at, where):
    output = str(tmp_path_factory.mktemp("out"))
    state, wanted = State(output, DAYS), {}
    wanted[0] = shown(state)
    for number, (records, day) in enumerate(ticks):
        if number == at % len(ticks):
            with pytest.MonkeyPatch.context() as patched:
                killed_at(patched, where)
                with suppress(KilledError):
                    ticked(state, number, records, day)
            state = State(output, DAYS)
            if state.tick == number:  # the tick is not there: it comes again
                assert shown(state) == wanted[number]
                ticked(state, number, records, day)
        else:
            ticked(state, number, records, day)
        wanted[number + 1] = shown(state)
        assert shown(State(output, DAYS)) == wanted[number + 1]
    calm = State(str(tmp_path_factory.mktemp("calm")), DAYS)
    for number, (records, day) in enumerate(ticks):
        ticked(calm, number, records, day)
    assert shown(calm) == shown(state)


def killed_at(patched, where):
    """Let the next call of a function be the last: it is cut in its middle."""

    def cut(path, *_, **__):
        if where == "_write":
            path.write_bytes(b"half")
        raise KilledError

    patched.setattr(module if where.startswith("_") else Path, where, cut)


def test_a_tick_writes_what_came_and_not_what_is_alive(tmp_path):
    state = State(str(tmp_path), DAYS)
    many = block(*({"id": f"m{n}", "day": 0, "numbers": ["+18885550100"]} for n in range(2000)))
    state.alive.take([many], DAYS)
    state.commit({})
    sizes = []
    for number in range(FILES + 2):
        ticked(state, number, 1, 1)
        files = sorted((tmp_path / FOLDER).iterdir())
        sizes.append(files[-1].stat().st_size)
        assert len(files) <= FILES
    assert sum(size > 20_000 for size in sizes) == 1  # the whole, once more
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def test_what_expired_leaves_the_disk_when_the_whole_is_written(tmp_path):
    state = State(str(tmp_path), DAYS)
    state.alive.take([block({"id": "old", "day": 0, "numbers": ["+18885550199"]})], DAYS)
    state.commit({})
    for step in range(3):
        fresh = block({"id": f"n{step}", "day": longest(DAYS) + 1, "numbers": ["+18885550100"]})
        state.alive.take([fresh], DAYS)
        state.commit({})
    left = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
    assert b"18885550100" in left
    assert b"18885550199" not in left
    assert State(str(tmp_path), DAYS).alive.expired == 1


def test_words_that_few_share_are_never_on_disk(tmp_path):
    state = State(str(tmp_path), DAYS)

    def written():
        return b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())

    for number in range(SHOWN):
        assert b"recent order of a" not in written()
        text = f"{own(number)} {SCRIPT}"
        state.alive.take([block({"id": f"c{number}", "day": 0, "narrative": text})], DAYS)
        state.commit({})
    assert b"recent order of a" in written()
    assert b"aword" not in written()
    assert shown(State(str(tmp_path), DAYS)) == shown(state)


def test_the_version_before_is_taken_over_without_fingerprints(tmp_path):
    state = State(str(tmp_path), DAYS)
    ticked(state, 0, 3, 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "VERSION", 3)
        patched.setattr(module, "_tables", lambda block: block[:3])
        patched.setattr(state, "tick", 0)
        state.commit(state.picked)
    again = State(str(tmp_path), DAYS)
    assert again.alive.block.records == state.alive.block.records
    assert again.alive.block.stated == state.alive.block.stated
    assert not again.alive.block.printed.num_rows
    assert not again.alive.block.said.num_rows
    ticked(again, 7, 2, 1)
    assert again.alive.block.printed.num_rows == 2
    assert shown(State(str(tmp_path), DAYS)) == shown(again)


@pytest.mark.parametrize("left", [0, 1, 100, 0.5, 0.99])
def test_a_damaged_state_is_named(tmp_path, left):
    ticked(State(str(tmp_path), DAYS), 0, 3, 0)
    (path,) = (tmp_path / FOLDER).iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: left if isinstance(left, int) else int(left * len(content))])
    with pytest.raises(UsageError, match=f"{path.name}: cannot be read"):
        State(str(tmp_path), DAYS)
    path.write_bytes(b"x" * len(content))
    with pytest.raises(UsageError, match=f"{path.name}: cannot be read"):
        State(str(tmp_path), DAYS)


def test_a_state_of_another_version_is_refused(tmp_path):
    (tmp_path / FOLDER / "000000000001").mkdir(parents=True)
    with pytest.raises(UsageError, match="of another version"):
        State(str(tmp_path), DAYS)
    newer = State(str(tmp_path / "newer"), DAYS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "VERSION", module.VERSION + 1)
        ticked(newer, 0, 3, 0)
    with pytest.raises(UsageError, match="of another version"):
        State(str(tmp_path / "newer"), DAYS)
