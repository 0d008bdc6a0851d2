"""A disk that is full from some write on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

WRITES = ((os, "open"), (os, "fsync"), (Path, "write_bytes"), (Path, "hardlink_to"))

RENAMES = ((Path, "rename"), (Path, "replace"))


class FullDisk:
    """Counts what writes or renames, and refuses the `fail_at`-th: from then no write has room."""

    def __init__(self, patch, fail_at=10**9):
        self.count, self.at = 0, fail_at
        for place, name in WRITES:
            patch.setattr(place, name, self._counted(getattr(place, name), write=True))
        for place, name in RENAMES:
            patch.setattr(place, name, self._counted(getattr(place, name), write=False))

    def _counted(self, function, *, write):
        def call(*arguments, **options):
            reads = function.__name__ == "open" and not arguments[1] & (os.O_CREAT | os.O_WRONLY)
            if not reads:
                self.count += 1
                if self.count == self.at or (write and self.count > self.at):
                    raise OSError(errno.ENOSPC, "No space left on device")
            return function(*arguments, **options)

        return call
