"""The state of a watched folder on disk: generations, of which the last whole one counts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipelines.options import UsageError
from pipelines.watch.folder import Picked, as_json, from_json

VERSION = 2
FOLDER = "state"
_WHOLE = "whole.json"


class State:
    """Below the stream's output: a folder a generation, readable by its owner alone."""

    def __init__(self, output: str) -> None:
        self._folder = Path(output, FOLDER)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(".next-*"):
            shutil.rmtree(left)
        self.generation, self.picked = self._last()

    @property
    def folder(self) -> str:
        """The folder of the last whole generation; there may be none yet."""
        return str(self._folder / f"{self.generation:012d}")

    def begin(self) -> str:
        """A new folder for the next generation."""
        following = self._folder / f".next-{self.generation + 1:012d}"
        shutil.rmtree(following, ignore_errors=True)
        following.mkdir()
        return str(following)

    def commit(self, following: str, picked: Mapping[str, Picked]) -> None:
        """Make `following` the generation that counts, and remove older ones."""
        written = Path(following)
        told = {"version": VERSION, "picked": as_json(picked)}
        (written / _WHOLE).write_text(json.dumps(told, sort_keys=True), encoding="utf-8")
        for one in written.iterdir():
            _sync(one)
        _sync(written)
        before = Path(self.folder)
        self.generation += 1
        written.rename(self.folder)
        _sync(self._folder)
        self.picked = dict(picked)
        shutil.rmtree(before, ignore_errors=True)

    def _last(self) -> tuple[int, dict[str, Picked]]:
        for one in sorted(self._folder.iterdir(), reverse=True):
            if one.name.isdecimal() and (one / _WHOLE).is_file():
                told = json.loads((one / _WHOLE).read_text(encoding="utf-8"))
                if told["version"] != VERSION:
                    raise UsageError(
                        f"{self._folder}: is of another version of ringtrace; give a new --output, "
                        "and the watched folder is read anew"
                    )
                return int(one.name), from_json(told["picked"])
        return 0, {}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
