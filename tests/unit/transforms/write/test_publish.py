"""A run appears whole or not at all, whichever step of publishing is the last."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.manifest import MANIFEST_NAME
from transforms.write import publish as module
from transforms.write.publish import publish_run, recover_output, staging_folder, write_output_file

STEPS = 40


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def staged(output, token, content):
    """(staging, names, manifest) of a run written aside."""
    staging = staging_folder(str(output), token)
    lines = [
        write_output_file(content, staging, name, 1) for name in ("a/part", "report/index.html")
    ]
    return staging, [line["name"] for line in lines], {"run_id": token, "outputs": lines}


def run_in(output):
    """The run that an output holds, whole by its own manifest; None where there is none."""
    if not output.exists():
        return None
    manifest = json.loads((output / MANIFEST_NAME).read_bytes())
    for line in manifest["outputs"]:
        content = (output / line["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == line["sha256"]
    there = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert there == {MANIFEST_NAME, *(line["name"] for line in manifest["outputs"])}
    return manifest["run_id"]


def left_behind(output):
    return [path.name for path in output.parent.iterdir() if path != output]


def test_a_first_run_is_published_and_publishing_again_changes_nothing(tmp_path):
    output = tmp_path / "run"
    parts = staged(output, "one", b"1")
    for _ in range(2):
        publish_run(parts[0], str(output), *parts[1:])
        assert run_in(output) == "one"
        assert left_behind(output) == []


def die_at(monkeypatch, step, error):
    """Make the `step`-th call that touches the disk raise, and all calls after it."""
    calls = iter(range(STEPS))

    def counted(function):
        def call(*arguments, **options):
            if next(calls) >= step:
                raise error
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(Path, "write_bytes", counted(Path.write_bytes))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(module, "sync_folder", counted(module.sync_folder))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))


@pytest.mark.parametrize("older", [False, True], ids=["first", "overwrite"])
@pytest.mark.parametrize("step", range(14))
def test_killed_at_any_step_leaves_a_whole_run_or_none(tmp_path, monkeypatch, step, older):
    output = tmp_path / "run"
    if older:
        first = staged(output, "one", b"1")
        publish_run(first[0], str(output), *first[1:])
    second = staged(output, "two", b"2")
    with monkeypatch.context() as patched:
        die_at(patched, step, KilledError())
        with suppress(KilledError):
            publish_run(second[0], str(output), *second[1:])
    assert run_in(output) in ({"one", "two", None} if older else {"two", None})
    recover_output(str(output))
    assert run_in(output) in ({"one", "two"} if older else {"two", None})
    assert left_behind(output) == []
    third = staged(output, "three", b"3")
    publish_run(third[0], str(output), *third[1:])
    assert run_in(output) == "three"


def where(descriptor):
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


class Libc:
    """A C library whose `syncfs` refuses, or that has none."""

    def __init__(self, asked=None):
        if asked is not None:
            self.syncfs = lambda descriptor: asked.append(where(descriptor)) or -1


def test_a_run_is_on_disk_before_it_is_renamed(tmp_path, monkeypatch):
    output, done = tmp_path / "run", []
    parts = staged(output, "one", b"1")
    rename = Path.rename

    def renamed(self, target):
        done.append(("renamed", str(self)))
        return rename(self, target)

    monkeypatch.setattr(module, "sync_folder", lambda folder: done.append(("synced", str(folder))))
    monkeypatch.setattr(module.Path, "rename", renamed)
    publish_run(parts[0], str(output), *parts[1:])
    assert done == [("synced", parts[0]), ("renamed", parts[0])]


def test_a_disk_that_refuses_to_sync_publishes_nothing(tmp_path, monkeypatch):
    output, asked = tmp_path / "run", []
    parts = staged(output, "one", b"1")
    monkeypatch.setattr(module.ctypes, "CDLL", lambda *_, **__: Libc(asked))
    with pytest.raises(OSError, match="run"):
        publish_run(parts[0], str(output), *parts[1:])
    assert asked == [parts[0]]
    assert run_in(output) is None


def test_without_one_call_for_all_each_file_is_synced(tmp_path, monkeypatch):
    output, synced = tmp_path / "run", []
    parts = staged(output, "one", b"1")
    fsync = os.fsync
    monkeypatch.setattr(module.ctypes, "CDLL", lambda *_, **__: Libc())
    monkeypatch.setattr(
        module.os, "fsync", lambda descriptor: synced.append(where(descriptor)) or fsync(descriptor)
    )
    publish_run(parts[0], str(output), *parts[1:])
    for name in (MANIFEST_NAME, *parts[1], "a", "report"):
        assert f"{parts[0]}/{name}" in synced
    assert synced[-2:] == [parts[0], str(tmp_path)]


def test_a_rename_that_fails_puts_the_older_run_back(tmp_path, monkeypatch):
    output = tmp_path / "run"
    first = staged(output, "one", b"1")
    publish_run(first[0], str(output), *first[1:])
    second = staged(output, "two", b"2")
    rename = Path.rename

    def refused(self, target):
        if str(self) == second[0]:
            raise OSError("no space")
        return rename(self, target)

    monkeypatch.setattr(module.Path, "rename", refused)
    with pytest.raises(OSError, match="no space"):
        publish_run(second[0], str(output), *second[1:])
    assert run_in(output) == "one"


def test_recovery_touches_nothing_of_a_neighbour(tmp_path):
    output, neighbour = tmp_path / "run[1]", tmp_path / "run1"
    for path in (output, neighbour, tmp_path / "run[1]x"):
        Path(staging_folder(str(path), "t")).mkdir()
    recover_output(str(output))
    assert sorted(left_behind(output)) == [".run1.staging-t", ".run[1]x.staging-t"]


def test_staging_is_beside_a_local_output_and_below_a_remote_one(tmp_path):
    assert staging_folder(str(tmp_path / "run/"), "t") == str(tmp_path / ".run.staging-t")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    assert staging_folder(str(tmp_path / "link/run"), "t") == str(tmp_path / "disk/.run.staging-t")


def test_object_stores_get_the_manifest_last(tmp_path, monkeypatch):
    output = tmp_path / "run"
    monkeypatch.setattr(module, "is_local", lambda path: False)
    staging, names, manifest = str(tmp_path / "aside"), ["a/part"], {"run_id": "one"}
    manifest["outputs"] = [write_output_file(b"1", staging, "a/part", 1)]
    (output / "a").mkdir(parents=True)
    for _ in range(2):
        publish_run(staging, str(output), names, manifest)
        assert run_in(output) == "one"
