"""The accounting of a run: what it read and wrote, reconciled, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash

from schemas import CONTRACT_VERSION
from schemas.enums import RecordKind
from schemas.manifest import Alarm, Counts, InputFile, Manifest, OutputFile

Tally = tuple[tuple[str, str], int]
"""((group, name), count): what the steps count as they go."""


LARGEST_SHARE = 0.25
"""Share of all members above which the largest cluster is an alarm: GRAPH.md's giant component."""


SMALLEST_ALARM = 200
"""Members below which the largest cluster is no alarm, whatever its share."""


FILES_REFUSED = ("islands", "files_refused")
"""Files of islands of the previous run that are not what it wrote."""


ISLANDS_REFUSED = ("islands", "refused")
"""Islands of the previous run for which its files told what cannot be."""


@dataclass(frozen=True)
class Run:
    """What a manifest says of a run before anything was read."""

    staging: str
    output: str
    versions: Mapping[str, str]
    options: Mapping[str, object] = field(default_factory=dict)


def rows_of(kind: str) -> str:
    """The group of the tallies of rows by file; one file can be read for both kinds of record."""
    return f"{kind}_rows"


_TOLD_ELSEWHERE = (
    "complaints",
    "calls",
    rows_of(RecordKind.COMPLAINT),
    rows_of(RecordKind.CALL),
    "cluster_sizes",
)
"""Groups of tallies that the manifest tells under other names."""


def counts(tallies: Mapping[tuple[str, str], int], kind: str) -> Counts:
    """The accounting of one record kind.

    Raises:
        ValueError: if a row was lost or counted twice.
    """
    count = Counts(
        read=tallies.get((kind, "read"), 0),
        accepted=tallies.get((kind, "accepted"), 0),
        duplicates=tallies.get((kind, "duplicates"), 0),
        rejected=tallies.get((kind, "rejected"), 0),
    )
    if count["read"] != count["accepted"] + count["duplicates"] + count["rejected"]:
        raise ValueError(f"the accounting of {kind} does not reconcile: {count}")
    return count


def alarms(tallies: Mapping[tuple[str, str], int]) -> list[Alarm]:
    """What an analyst must know before trusting the run."""
    found: list[Alarm] = []
    members = tallies.get(("clusters", "members"), 0)
    sizes = [(-n, name) for (group, name), n in tallies.items() if group == "cluster_sizes"]
    size, name = min(sizes, default=(0, ""))
    largest = -size
    if largest >= SMALLEST_ALARM and largest > LARGEST_SHARE * members:
        together = tallies.get(("components", "largest"), 0)
        found.append(
            Alarm(
                code="giant_cluster",
                message=f"the largest cluster, {name}, holds {largest} of {members} members; "
                f"before any tie is doubted, {together} identifiers hang together. It may weld "
                "strangers: look at its weakest bridges before anything is handed out",
            )
        )
    if wide := tallies.get(("links", "records_too_wide"), 0):
        found.append(
            Alarm(code="wide_records", message=f"{wide} records name too many identifiers to link")
        )
    files, islands = tallies.get(FILES_REFUSED, 0), tallies.get(ISLANDS_REFUSED, 0)
    if files or islands:
        message = (
            f"{files} files and {islands} islands of the previous run are not what it wrote; "
            "they were not used, and what they held was clustered anew"
        )
        found.append(Alarm(code="islands_refused", message=message))
    found.extend(
        Alarm(code="decisions_contradict", message=f"decisions contradict each other: {name}")
        for group, name in sorted(tallies)
        if group == "decision_contradictions"
    )
    return found


def manifest(
    run: Run,
    inputs: Iterable[InputFile],
    outputs: Iterable[OutputFile],
    tallies: Mapping[tuple[str, str], int],
) -> Manifest:
    """The manifest of a run; the same inputs, options and versions give the same one."""
    read = sorted(inputs, key=_input_order)
    accounting = {kind: counts(tallies, kind) for kind in ("complaints", "calls")}
    grouped: dict[str, dict[str, int]] = {}
    for (group, name), count in sorted(tallies.items()):
        if group not in _TOLD_ELSEWHERE and count:
            grouped.setdefault(group, {})[name] = count
    identity = repr((read, sorted(run.options.items()), sorted(run.versions.items())))
    return Manifest(
        run_id=f"run-{xxhash.xxh3_64_hexdigest(identity.encode())}",
        contract_version=CONTRACT_VERSION,
        versions=dict(run.versions),
        options=dict(run.options),
        inputs=read,
        outputs=sorted(outputs, key=_output_order),
        counts={"complaints": accounting["complaints"], "calls": accounting["calls"]},
        tallies=grouped,
        alarms=alarms(tallies),
    )


def _input_order(one: InputFile) -> tuple[str, str]:
    return one["name"], one["sha256"]


def _output_order(one: OutputFile) -> str:
    return one["name"]


def with_rows(digest: Mapping[str, Any], tallies: Mapping[tuple[str, str], int]) -> InputFile:
    """The manifest's line on one input file, from its digest and the rows counted."""
    return InputFile(
        name=digest["label"],
        kind=digest["kind"],
        format=digest["format"],
        bytes=digest["bytes"],
        sha256=digest["sha256"],
        rows=tallies.get((rows_of(digest["kind"]), digest["label"]), 0),
    )
