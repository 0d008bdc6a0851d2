"""What an organisation remembers of the overlaps that it asked for and answered, beside its keys.

overlap/asked-SESSION.json     the secret of a request that is open
overlap/counted-SESSION.json   what a count was about, for a referral that prints it
overlap/answered-ORG.json      the last answer to an organisation
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pipelines import key_store
from pipelines.options import UsageError


def asked(session: str) -> Path:
    """Where an open request's secret is."""
    return key_store.home() / "overlap" / f"asked-{session}.json"


def counted(session: str) -> Path:
    """Where it is kept what a count was about."""
    return key_store.home() / "overlap" / f"counted-{session}.json"


def answered(org: str) -> Path:
    """Where the last answer to an organisation is kept."""
    return key_store.home() / "overlap" / f"answered-{org}.json"


def keep(path: Path, value: dict[str, Any]) -> None:
    """Write it for its owner's eyes alone.

    Raises:
        UsageError: if it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file, sort_keys=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def kept(path: Path, letter: Path, missing: str) -> Any:
    """What was kept; `missing` says of `letter` what it means where nothing was.

    Raises:
        UsageError: if nothing was, or it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{letter}: {missing}") from None
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read; ask anew") from None
