"""`ringtrace health`: hold a finished run to thresholds, for a scheduler to raise the alarm."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.options import UsageError
from schemas.manifest import NAME

REJECTED_SHARE = 0.01
"""Share of rows refused above which a source has likely changed its format."""


FALLEN_TO = 0.5
"""Share of the previous run's rows below which a delivery is likely missing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `ringtrace health`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--previous", metavar="DIR", help="an earlier run, to compare with")
    parser.add_argument(
        "--rejected-share",
        type=float,
        default=REJECTED_SHARE,
        metavar="SHARE",
        help=f"share of rows refused that is still well (default: {REJECTED_SHARE})",
    )
    parser.add_argument(
        "--fallen-to",
        type=float,
        default=FALLEN_TO,
        metavar="SHARE",
        help=f"share of the previous run's rows that is still well (default: {FALLEN_TO})",
    )


def run(options: argparse.Namespace) -> int:
    """Say what is wrong with a run, a line each; 0 if nothing is, else 1."""
    before = _manifest(options.previous) if options.previous else None
    found = list(
        troubles(
            _manifest(options.run),
            before,
            rejected_share=options.rejected_share,
            fallen_to=options.fallen_to,
        )
    )
    sys.stdout.writelines(f"{line}\n" for line in found or ["well"])
    return 1 if found else 0


def troubles(
    manifest: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    rejected_share: float = REJECTED_SHARE,
    fallen_to: float = FALLEN_TO,
) -> Iterator[str]:
    """What a person should look at in the run of a manifest; `before` is the run it follows."""
    if not any(count["read"] for count in manifest["counts"].values()):
        yield "empty: no row was read; did the delivery come?"
    for kind, count in manifest["counts"].items():
        if count["rejected"] > rejected_share * count["read"]:
            share = f"{count['rejected'] / count['read']:.1%}"
            yield f"rejected: {count['rejected']} of {count['read']} {kind} ({share}); see rejects/"
        earlier = before["counts"][kind]["read"] if before else 0
        if count["read"] < fallen_to * earlier:
            yield f"fallen: {count['read']} {kind}, {earlier} in the run before"
    for alarm in manifest["alarms"]:
        yield f"{alarm['code']}: {alarm['message']}"


def _manifest(folder: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((Path(folder) / NAME).read_bytes())
    except (OSError, ValueError):
        raise UsageError(f"{folder}: no finished run; it has no {NAME} that can be read") from None
    return manifest
