"""What a finished run says of itself, for the commands that are given one."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.options import UsageError
from schemas.manifest import NAME, Manifest


def manifest(source: Path) -> Manifest:
    """The manifest of the run in the folder `source`.

    Raises:
        UsageError: if the folder holds no finished run.
    """
    try:
        found: Manifest = json.loads((source / NAME).read_bytes())
    except OSError:
        raise UsageError(f"{source}: is no finished run: it has no {NAME}") from None
    except ValueError:
        raise UsageError(f"{source / NAME}: is not JSON; was it edited?") from None
    return found
