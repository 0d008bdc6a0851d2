"""What was taken from whom before: an older offer, or a revoked one, is not taken again.

One small JSON file for each organisation, in the folder of the keys.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import key_store
from pipelines.options import UsageError


@dataclass(frozen=True)
class Past:
    """The newest offer taken from an organisation, and the digests of those that it revoked."""

    issued_at: str = ""
    sha256: str = ""
    revoked: frozenset[str] = field(default_factory=frozenset)


def past(org: str) -> Past:
    """What is known of an organisation's offers; of a stranger's, nothing.

    Raises:
        UsageError: if the file was damaged: it must not be read as if nothing had been taken.
    """
    path = _path(org)
    try:
        value: Any = json.loads(path.read_bytes())
        return Past(value["issued_at"], value["sha256"], frozenset(value["revoked"]))
    except FileNotFoundError:
        return Past()
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: cannot be read; it says which offers were taken before"
        ) from None


def keep(org: str, now: Past) -> None:
    """Put down what is now known of an organisation's offers, in one rename."""
    path = _path(org)
    value = {"issued_at": now.issued_at, "revoked": sorted(now.revoked), "sha256": now.sha256}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _path(org: str) -> Path:
    return key_store.home() / "offers" / f"{key_store.org_slug(org)}.json"
