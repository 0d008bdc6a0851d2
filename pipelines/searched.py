"""What a run that has ended says of the islands of its graph: searched, or known from another."""

from __future__ import annotations

import json
from collections.abc import Iterator

from apache_beam.io.filesystems import FileSystems

from schemas.manifest import NAME


def lines(folder: str) -> Iterator[str]:
    """One line of the run in `folder`, and one more where islands of the previous were refused."""
    with FileSystems.open(FileSystems.join(folder.rstrip("/"), NAME)) as file:
        manifest = json.loads(file.read())
    told = manifest["tallies"].get("islands", {})
    follows = manifest["options"].get("previous") is not None
    known = f", {told.get('taken_over', 0)} taken over from the previous run"
    yield f"{told.get('clustered', 0)} islands clustered{known if follows else ''}"
    for alarm in manifest["alarms"]:
        if alarm["code"] == "islands_refused":
            yield f"warning: {alarm['message']}"
