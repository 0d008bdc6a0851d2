"""A file is changed by one at a time, and nothing is left beside it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.safe_files import locked, replaced, write_whole


def test_one_at_a_time_changes_a_file_and_no_lock_is_left(tmp_path):
    path = tmp_path / "count"
    write_whole(path, b"0")

    def add(_):
        with locked(path):
            write_whole(path, b"%d" % (int(path.read_bytes()) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(100)))
    assert path.read_bytes() == b"100"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_replaced_together_or_not_at_all(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), replaced({old: b"after", new: b"after"}):
        assert old.read_bytes() == new.read_bytes() == b"after"
        raise KeyboardInterrupt
    assert old.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [old]


def test_an_error_names_the_file_that_cannot_be_written(tmp_path):
    name = "n" * 255  # that of the file aside is longer
    files = {tmp_path / "a": b"", tmp_path / name: b""}
    with pytest.raises(OSError) as error, replaced(files):
        pass
    assert error.value.filename == str(tmp_path / name)
    assert not list(tmp_path.iterdir())
