"""A file is changed by one at a time, and nothing is left beside it."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from pipelines.options import UsageError
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


@pytest.mark.parametrize("made", ["pipe", "socket", "link"])
def test_what_is_no_file_in_the_place_of_a_lock_holds_nobody_up(tmp_path, made):
    lock = tmp_path / ".count.lock"
    with closing(socket.socket(socket.AF_UNIX)) as heard:
        if made == "pipe":
            os.mkfifo(lock)
        elif made == "socket":
            heard.bind(str(lock))
        else:
            lock.symlink_to("/dev/zero")
        with pytest.raises(UsageError, match=r"\.count\.lock: [^\n]*$"), locked(tmp_path / "count"):
            pass


def test_a_file_that_is_written_anew_keeps_its_mode_and_group(tmp_path):
    path = tmp_path / "count"
    write_whole(path, b"0")
    group = next((group for group in os.getgroups() if group != path.stat().st_gid), 12)
    with suppress(PermissionError):
        os.chown(path, -1, group)
    path.chmod(0o660)
    before = path.stat()
    write_whole(path, b"1", before)
    after = path.stat()
    assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid)
    assert after.st_ino != before.st_ino


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
