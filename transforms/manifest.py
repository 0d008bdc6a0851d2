"""Accounts for a run: what it read and wrote, reconciled, and the alarms an analyst must see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, TypeVar

import xxhash

from schemas import CONTRACT_VERSION
from schemas.enums import RecordKind
from schemas.manifest import (
    MANIFEST_NAME,
    Alarm,
    Counts,
    InputEntries,
    InputFile,
    Manifest,
    OutputFile,
    PrivateFile,
)
from schemas.reject import Code
from schemas.tables import PRIVATE_FOLDER
from transforms.private_files import PrivateStore

Read = TypeVar("Read")

CounterValue = tuple[tuple[str, str], int]
"""((group, name), count): what the steps count as they go."""

GIANT_CLUSTER_SHARE = 0.25
"""Share of all members above which the largest cluster is an alarm: a giant component."""

GIANT_CLUSTER_MIN_MEMBERS = 200
"""Members below which the largest cluster is no alarm, whatever its share."""

UNKNOWN_FIELDS = "_unknown_fields"
"""Ends the groups of counters that are named after fields which the contract does not have."""

MOST_NAMES = 1_000
"""Names of such fields that a manifest has; the others are counted together."""

TRIES, PAUSE_SECONDS = 5, 0.2
"""Tries to read a run, and the pause before each other one."""

COMPONENT_FILES_REFUSED = ("islands", "files_refused")
"""Counts files of components of the previous run that are not what it wrote."""

COMPONENTS_REFUSED = ("islands", "refused")
"""Counts components of the previous run whose files state the impossible."""


OFFERED_VICTIMS = ("offers", "own_victims")
"""Counter of the identifiers that offers name and that are our own victims'."""

ERASED = "erased"
"""Counts rows that were left out since their records are erased, by the kind of record."""

CONTESTED_IDENTIFIERS = ("contested", "identifiers")
"""Counts identifiers that are contested."""


def current_time() -> datetime:
    """Returns the time of this machine's clock in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class RunSettings:
    """The facts of a run before anything was read: where it is written, versions, options, when.

    By the `clock` decisions expire, and recency counts from it. `entries` accounts for what lies
    below the inputs, where that is known. `private` says where its private files go.
    """

    staging: str
    output: str
    versions: Mapping[str, str]
    options: Mapping[str, object] = field(default_factory=dict)
    clock: datetime = field(default_factory=current_time)
    entries: InputEntries | None = None
    private: PrivateStore = field(default_factory=PrivateStore)


def rows_by_file_group(kind: str) -> str:
    """Returns the group of the counters of rows by file; a file can be read for both kinds."""
    return f"{kind}_rows"


def rejected_by_file_group(kind: str) -> str:
    """Returns the group of the counters of rejected rows by file, but for --as-of."""
    return f"{kind}_rejected_rows"


_REPORTED_ELSEWHERE = (
    "complaints",
    "calls",
    *(rows_by_file_group(kind) for kind in RecordKind),
    *(rejected_by_file_group(kind) for kind in RecordKind),
    "cluster_sizes",
)
"""Groups of counters that the manifest has under other names."""

_LEFT_OUT = (
    ("decisions", "expired"),
    (f"{RecordKind.COMPLAINT}_rejects", Code.IN_FUTURE),
    (f"{RecordKind.CALL}_rejects", Code.IN_FUTURE),
    ("complaints", ERASED),
    ("calls", ERASED),
)
"""Counters of what another time of the clock, or a shorter list of erasures, leaves in."""


def reconciled_counts(counters: Mapping[tuple[str, str], int], kind: str) -> Counts:
    """Returns the accounting of one kind. Raises ValueError if a row was lost or counted twice."""
    count = Counts(
        read=counters.get((kind, "read"), 0),
        accepted=counters.get((kind, "accepted"), 0),
        duplicates=counters.get((kind, "duplicates"), 0),
        rejected=counters.get((kind, "rejected"), 0),
    )
    erased = counters.get((kind, ERASED), 0)
    if erased:
        count["erased"] = erased
    kept = count["accepted"] + count["duplicates"] + count["rejected"]
    if count["read"] != kept + erased:
        raise ValueError(f"the accounting of {kind} does not reconcile: {count}")
    return count


def find_alarms(counters: Mapping[tuple[str, str], int]) -> list[Alarm]:
    """Returns what an analyst must know before trusting the run."""
    return [Alarm(code=code, message=message) for code, message in _alarms(counters)]


def _alarms(counters: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, str]]:
    members = counters.get(("clusters", "members"), 0)
    sizes = [(-n, name) for (group, name), n in counters.items() if group == "cluster_sizes"]
    size, name = min(sizes, default=(0, ""))
    largest = -size
    if largest >= GIANT_CLUSTER_MIN_MEMBERS and largest > GIANT_CLUSTER_SHARE * members:
        together = counters.get(("components", "largest"), 0)
        yield (
            "giant_cluster",
            f"the largest cluster, {name}, holds {largest} of {members} members; "
            f"before any tie is doubted, {together} identifiers hang together. It may weld "
            "strangers: look at its weakest bridges before anything is handed out",
        )
    if contested := counters.get(CONTESTED_IDENTIFIERS, 0):
        yield (
            "contested_identifiers",
            f"{contested} contested: called a victim's own by some reporters, shown as a suspect's "
            "by others; what is contested leaves in nothing until a suspect_held or victim_owned "
            "decision, see private/contested",
        )
    if victims := counters.get(OFFERED_VICTIMS, 0):
        yield (
            "offered_victims",
            f"{victims} identifiers that offers name are your own victims': left out; tell who "
            "sent them, or decide suspect_held where the claim is wrong",
        )
    if wide := counters.get(("links", "records_too_wide"), 0):
        yield "wide_records", f"{wide} records name too many identifiers to link"
    files = counters.get(COMPONENT_FILES_REFUSED, 0)
    components = counters.get(COMPONENTS_REFUSED, 0)
    if files or components:
        yield (
            "islands_refused",
            f"{files} files and {components} islands of the previous run are not what it wrote; "
            "they were not used, and what they held was clustered anew",
        )
    for group, name in sorted(counters):
        if group == "decision_contradictions":
            yield "decisions_contradict", f"decisions contradict each other: {name}"


def build_manifest(
    run: RunSettings,
    inputs: Iterable[InputFile],
    outputs: Iterable[OutputFile],
    counters: Mapping[tuple[str, str], int],
) -> Manifest:
    """Builds the manifest of a run; the same inputs, options, versions and clock give the same one.

    The run id depends on the clock only by what that leaves out: expired decisions, and records
    from the future. On erasures it depends by their number: their list only grows, and its hashes
    depend on a secret.

    Of private files it has the names and rows alone, as their bytes may depend on a secret.
    """
    read = sorted(inputs, key=itemgetter("name", "sha256"))
    written = sorted(outputs, key=itemgetter("name"))
    apart = [one for one in written if one["name"].startswith(f"{PRIVATE_FOLDER}/")]
    accounting = {kind: reconciled_counts(counters, kind) for kind in ("complaints", "calls")}
    grouped: dict[str, dict[str, int]] = {}
    for (group, name), count in sorted(counters.items()):
        if group not in _REPORTED_ELSEWHERE and count:
            named = grouped.setdefault(group, {})
            # Names of unknown fields are the input's: a hostile one has a million.
            key = name if len(named) < MOST_NAMES or not group.endswith(UNKNOWN_FIELDS) else "other"
            named[key] = named.get(key, 0) + count
    facts = [{name: one[name] for name in one if name != "rejected"} for one in read]  # type: ignore[literal-required]
    identity = repr((facts, sorted(run.options.items()), sorted(run.versions.items())))
    if left_out := [(key, counters[key]) for key in _LEFT_OUT if counters.get(key)]:
        identity += repr(left_out)
    manifest = Manifest(
        run_id=f"run-{xxhash.xxh3_64_hexdigest(identity.encode())}",
        contract_version=CONTRACT_VERSION,
        clock=run.clock.isoformat(),
        versions=dict(run.versions),
        options=dict(run.options),
        inputs=read,
        outputs=[one for one in written if one not in apart],
        private=[PrivateFile(name=one["name"], rows=one["rows"]) for one in apart],
        counts={"complaints": accounting["complaints"], "calls": accounting["calls"]},
        tallies=grouped,
        alarms=find_alarms(counters),
    )
    if run.entries is not None:
        manifest["entries"] = run.entries
    if run.private.output is not None:
        manifest["private_output"] = run.private.output
    return manifest


def input_file_entry(
    digest: Mapping[str, Any], counters: Mapping[tuple[str, str], int]
) -> InputFile:
    """Builds the manifest's line on one input file, from its digest and the rows counted."""
    entry = InputFile(
        name=digest["label"],
        kind=digest["kind"],
        format=digest["format"],
        bytes=digest["bytes"],
        sha256=digest["sha256"],
        rows=counters.get((rows_by_file_group(digest["kind"]), digest["label"]), 0),
        rejected=counters.get((rejected_by_file_group(digest["kind"]), digest["label"]), 0),
    )
    if digest.get("dialect"):
        entry["dialect"] = digest["dialect"]
    return entry


def read_manifest(folder: str) -> dict[str, Any]:
    """Reads the manifest of a run. Raises OSError if the folder is no finished run."""
    from apache_beam.io.filesystems import FileSystems  # late: reports load no Beam

    with FileSystems.open(FileSystems.join(folder.rstrip("/"), MANIFEST_NAME)) as file:
        manifest: dict[str, Any] = json.loads(file.read())
    return manifest


def retry_while_replaced(read: Callable[[], Read]) -> Read:
    """Reads again and again, for a second: a run that is being replaced is away for a moment."""
    for _ in range(TRIES - 1):
        try:
            return read()
        except (OSError, ValueError):
            time.sleep(PAUSE_SECONDS)
    return read()
