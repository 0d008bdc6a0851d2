"""Counts the moves from file to file that the reading of one narrative makes.

`python -m tests.support.narrative_path` prints each move and their number.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from types import FrameType

from tests.support.made_up_records import complaints
from tests.support.real_data import ROOT
from transforms.extract import complaint_mentions

_TRANSFORMS = ROOT / "transforms"

_NARRATIVE = (
    "A man who said he was from Amazon called me. He told me to call back at (888) 555-{0} and to"
    " log in to http://amazon-refund{0}.com/help/start. The mail came from"
    " billing@amazon-refund{0}.com. I paid with gift cards."
)


def narrative_path() -> list[str]:
    """The files of transforms/ whose functions read a narrative, in the order of their calls.

    Calls in one file that follow each other are one move; so is a generator that goes on.
    """
    complaint_mentions(complaints({"narrative": _NARRATIVE.format("0142")}))  # loads the data
    batch = complaints({"narrative": _NARRATIVE.format("0173")})
    called: list[str] = []

    def note_call(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note_call)
    try:
        complaint_mentions(batch)
    finally:
        sys.setprofile(before)
    paths = (Path(name) for name in called)
    inside = (path for path in paths if path.is_relative_to(_TRANSFORMS))
    return [path.relative_to(_TRANSFORMS).as_posix() for path, _ in groupby(inside)]


def main() -> None:
    """Prints the path, and how many of its moves return to a file."""
    path = narrative_path()
    files = len(set(path))
    steps = [*path, f"{len(path)} moves, {len(path) - files} returns, {files} files", ""]
    sys.stdout.write("\n".join(steps))


if __name__ == "__main__":
    main()
