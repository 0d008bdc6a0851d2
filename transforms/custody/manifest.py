"""Accounts for a run: its reconciled inputs and outputs, and the alarms an analyst must see."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import xxhash

from schemas import CONTRACT_VERSION
from schemas.enums import RecordKind
from schemas.manifest import (
    MANIFEST_NAME,
    PRIVATE_MANIFEST,
    SIGNATURE_NAME,
    Alarm,
    Counts,
    InputEntries,
    InputFile,
    Manifest,
    OutputFile,
    PrivateFile,
    PrivateManifest,
)
from schemas.records import RecordError, converted
from schemas.reject import Code
from schemas.tables import COMPONENTS, HELD_FOLDER, PRIVATE_FOLDER, Table
from transforms.custody.sealed_files import (
    PrivateStore,
    list_objects,
    private_root,
    read_private_manifest,
)
from transforms.gates import open_bytes, read_bytes, read_json

Read = TypeVar("Read")

CounterValue = tuple[tuple[str, str], int]
"""((group, name), count): what the steps count as they go."""

GIANT_CLUSTER_SHARE = 0.25
"""Share of all members above which the largest cluster is an alarm: a giant component."""

GIANT_CLUSTER_MIN_MEMBERS = 200
"""Least members of a largest cluster that raises an alarm, whatever its share."""

UNKNOWN_FIELDS = "_unknown_fields"
"""End of the names of counter groups for fields that the contract lacks."""

MOST_NAMES = 1_000
"""Most names of such fields in a manifest; the others are counted together."""

OTHER_FIELDS = "other"
"""The name for the other fields."""

TRIES, PAUSE_SECONDS = 5, 0.2
"""Tries to read a run, and the pause between tries."""

COMPONENT_FILES_REFUSED = ("islands", "files_refused")
"""Counts files of the previous run's components that differ from what it wrote."""

COMPONENTS_REFUSED = ("islands", "refused")
"""Counts components of the previous run whose files state the impossible."""


OFFERED_VICTIMS = ("offers", "own_victims")
"""Counts identifiers in offers that belong to our own victims."""

ERASED = "erased"
"""Counts rows left out because their records are erased, by the kind of record."""

REPLACED_IDENTIFIERS, EMPTIED_IDENTIFIERS = "replaced_identifiers", "emptied_identifiers"
"""Groups of counters by organisation: identifiers that records in place of others no longer name,
and those that most who reported them lost so."""

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
    """Returns the group of the counters of rows by file, for a kind of record."""
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
    counted = Counter(counters)
    count = Counts(
        read=counted[kind, "read"],
        accepted=counted[kind, "accepted"],
        duplicates=counted[kind, "duplicates"],
        rejected=counted[kind, "rejected"],
    )
    if erased := counted[kind, ERASED]:
        count["erased"] = erased
    kept = count["accepted"] + count["duplicates"] + count["rejected"]
    if count["read"] != kept + erased:
        raise ValueError(f"the accounting of {kind} does not reconcile: {count}")
    return count


def faulty_rows(manifest: Mapping[str, Any], records: str) -> int:
    """Returns how many rows of `complaints` or `calls` were rejected as faulty.

    One that came later than --as-of is not: the run of a later day takes it.
    """
    codes = manifest["tallies"].get(f"{records.removesuffix('s')}_rejects", {})
    rejected: int = manifest["counts"][records]["rejected"]
    return rejected - int(codes.get(Code.AFTER_AS_OF, 0))


def find_alarms(counters: Mapping[tuple[str, str], int]) -> list[Alarm]:
    """Returns the alarms that an analyst must know before trusting the run."""
    return [Alarm(code=code, message=message) for code, message in _alarms(Counter(counters))]


def _alarms(counters: Counter[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    members = counters["clusters", "members"]
    sizes = [(-n, name) for (group, name), n in counters.items() if group == "cluster_sizes"]
    size, name = min(sizes, default=(0, ""))
    largest = -size
    if largest >= GIANT_CLUSTER_MIN_MEMBERS and largest > GIANT_CLUSTER_SHARE * members:
        together = counters["components", "largest"]
        yield (
            "giant_cluster",
            f"the largest cluster, {name}, holds {largest} of {members} members; "
            f"before any tie is doubted, {together} identifiers hang together. It may weld "
            "strangers: look at its weakest bridges before anything is handed out",
        )
    if contested := counters[CONTESTED_IDENTIFIERS]:
        yield (
            "contested_identifiers",
            f"{contested} contested: called a victim's own by some reporters, shown as a suspect's "
            "by others; what is contested leaves in nothing until a suspect_held or victim_owned "
            "decision, see private/contested",
        )
    if victims := counters[OFFERED_VICTIMS]:
        yield (
            "offered_victims",
            f"{victims} identifiers that offers name are your own victims': left out; tell who "
            "sent them, or decide suspect_held where the claim is wrong",
        )
    emptied = {org: n for (group, org), n in counters.items() if group == EMPTIED_IDENTIFIERS}
    if emptied:
        yield (
            REPLACED_IDENTIFIERS,
            f"most who named {sum(emptied.values())} identifiers no longer do, as other versions "
            f"took the place of records of {', '.join(sorted(emptied))}; ask who hands these in, "
            "and compare the versions",
        )
    if wide := counters["links", "records_too_wide"]:
        yield "wide_records", f"{wide} records name too many identifiers to link"
    files = counters[COMPONENT_FILES_REFUSED]
    components = counters[COMPONENTS_REFUSED]
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
    apart = [file for file in written if file["name"].startswith(f"{PRIVATE_FOLDER}/")]
    accounting = {kind: reconciled_counts(counters, kind) for kind in ("complaints", "calls")}
    grouped: dict[str, dict[str, int]] = {}
    for (group, name), count in sorted(counters.items()):
        if group not in _REPORTED_ELSEWHERE and count:
            named = grouped.setdefault(group, {})
            # Names of unknown fields are the input's: a hostile one has a million.
            listed = len(named) < MOST_NAMES or not group.endswith(UNKNOWN_FIELDS)
            key = name if listed else OTHER_FIELDS
            named[key] = named.get(key, 0) + count
    facts = [{name: file[name] for name in file if name != "rejected"} for file in read]  # type: ignore[literal-required]
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
        outputs=[file for file in written if file not in apart],
        private=[PrivateFile(name=file["name"], rows=file["rows"]) for file in apart],
        counts={"complaints": accounting["complaints"], "calls": accounting["calls"]},
        tallies=grouped,
        alarms=find_alarms(counters),
    )
    if run.entries is not None:
        manifest["entries"] = run.entries
    if run.private.output is not None:
        manifest["private_output"] = run.private.output
    if apart:
        manifest["private_manifest"] = PRIVATE_MANIFEST
    return manifest


def build_private_manifest(
    run_id: str, manifest: bytes, files: Iterable[OutputFile]
) -> PrivateManifest:
    """Builds the manifest of the private files of a run, whose own has the bytes `manifest`."""
    return PrivateManifest(
        run_id=run_id,
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        files=sorted(files, key=itemgetter("name")),
    )


def manifest_bytes(manifest: Manifest | PrivateManifest) -> bytes:
    """Returns a manifest as it is stored: sorted keys, one final newline."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


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


class RunError(ValueError):
    """A folder that holds no finished run of this version; the message is one line for its user."""


def read_manifest(folder: str) -> Manifest:
    """Reads the manifest of a run. Raises OSError or RunError if the folder is no finished run."""
    return parse_manifest(read_bytes(f"{folder.rstrip('/')}/{MANIFEST_NAME}"), folder)


def parse_manifest(content: bytes, folder: str) -> Manifest:
    """Returns the manifest of the run in a folder; raises RunError for another version's."""
    try:
        manifest = read_json(content)
    except ValueError:
        raise RunError(
            f"{folder.rstrip('/')}/{MANIFEST_NAME}: is not JSON; was it edited?"
        ) from None
    if not isinstance(manifest, dict) or not {"run_id", "contract_version"} <= manifest.keys():
        raise RunError(
            f"{folder}: is not a finished run: its {MANIFEST_NAME} was not written by ringtrace"
        )
    if (version := manifest["contract_version"]) != CONTRACT_VERSION:
        shown = ascii(version)[:40]
        raise RunError(f"{folder}: is of contract version {shown}, this is {CONTRACT_VERSION}")
    try:
        return converted(Manifest, manifest)
    except RecordError as error:
        raise RunError(f"{folder}: is not a finished run: its {MANIFEST_NAME}: {error}") from None


def retry_while_replaced(read: Callable[[], Read]) -> Read:
    """Reads again and again, for a second: a run that is being replaced is away for a moment."""
    for _ in range(TRIES - 1):
        try:
            return read()
        except (OSError, ValueError):
            time.sleep(PAUSE_SECONDS)
    return read()


def read_or_keep(read: Callable[[], Read], known: Read | None) -> Read:
    """Reads a run that may be replaced; where that fails, what is known of it already stays known.

    Raises OSError, or what `read` raises, where nothing is.
    """
    try:
        return retry_while_replaced(read)
    except (OSError, ValueError):
        if known is None:
            raise
        return known


class AlteredRunError(ValueError):
    """A file of a run is not what the run wrote; one line that names it, and what to do."""


NOT_WRITTEN, REMEDY = ("is not what the run wrote", "restore it from a copy, or make the run again")

_checked: dict[str, tuple[tuple[int, ...], str]] = {}
"""Local files that were hashed: device, inode, size and times of then, and the digest."""


def check_files(folder: str, listed: Iterable[OutputFile]) -> None:
    """Compares files below a folder with the lines of a manifest, a piece of each at a time.

    A local file that was compared before and was not touched since is not read again.

    Raises:
        AlteredRunError: naming the first file that is gone, a link, or has other bytes.
    """
    for name, why in find_altered(folder, listed):
        raise AlteredRunError(f"{folder.rstrip('/')}/{name}: {NOT_WRITTEN}: {why}; {REMEDY}")


def check_table(folder: str, manifest: Mapping[str, Any], table: Table) -> None:
    """Compares the files of one table of a run with its manifest; errors as `check_files`.

    A file that the run did not write is one, too: whatever lies there would be read.
    """
    for name, why in find_added(folder, manifest, table):
        raise AlteredRunError(f"{folder.rstrip('/')}/{name}: {NOT_WRITTEN}: {why}; remove it")
    check_files(folder, files_of(manifest, table))


def check_tables(folder: str, manifest: Mapping[str, Any], tables: Iterable[Table]) -> None:
    """Compares all that is built on: tables, but those that are only a memo, and private files.

    Errors as `check_files`. The memo of clustered components is believed by its digests alone, and
    what was changed in it is computed again (`transforms.graph.ReadComponentCache`).
    """
    for table in tables:
        if table is not COMPONENTS:
            check_table(folder, manifest, table)
    check_private(folder, manifest)


def check_private(
    folder: str, manifest: Mapping[str, Any], table: Table | None = None
) -> PrivateManifest | None:
    """Compares the private files of a run, or of a table, with the private manifest.

    Returns this manifest, or None for a run of an older version or a copy without private files.
    Held-back files are not compared: no step reads them, and they are to be removed.

    Raises:
        AlteredRunError: The manifest is another run's, or as `check_files`.
        PrivateFileError: The file is no private manifest.
    """
    root = private_root(folder, manifest)
    kept_manifest = read_private_manifest(root) if manifest.get("private") else None
    if kept_manifest is None:
        if manifest.get("private_manifest") and _is_there(root):
            raise AlteredRunError(f"{root}/{PRIVATE_MANIFEST}: {NOT_WRITTEN}: gone; {REMEDY}")
        return None
    names = {str(file["name"]) for file in manifest["private"]}
    with open_bytes(f"{folder.rstrip('/')}/{MANIFEST_NAME}") as file:
        of_run = manifest["run_id"], _sha256(file)
    named = kept_manifest["run_id"], kept_manifest["manifest_sha256"]
    if named != of_run or not names.issuperset(line["name"] for line in kept_manifest["files"]):
        why = "that of another run"
        raise AlteredRunError(f"{root}/{PRIVATE_MANIFEST}: {NOT_WRITTEN}: {why}; {REMEDY}")
    begin = f"{PRIVATE_FOLDER}/" if table is None else f"{table.name}/"
    kept = (line for line in kept_manifest["files"] if line["name"].startswith(begin))
    check_files(root, (line for line in kept if not line["name"].startswith(f"{HELD_FOLDER}/")))
    return kept_manifest


def files_of(manifest: Mapping[str, Any], table: Table) -> list[OutputFile]:
    """Returns the lines of a manifest on the files of a table."""
    return [
        output for output in manifest["outputs"] if str(output["name"]).startswith(f"{table.name}/")
    ]


def find_altered(folder: str, listed: Iterable[OutputFile]) -> Iterator[tuple[str, str]]:
    """Yields the name of each file that differs from its entry in a manifest, and the problem."""
    for file in listed:
        if why := _difference(folder.rstrip("/"), file):
            yield file["name"], why


def find_added(
    folder: str, manifest: Mapping[str, Any], table: Table | None = None
) -> Iterator[tuple[str, str]]:
    """Yields the files of a table, or of a whole local run, that its manifest does not list.

    Names that begin with a dot or an underscore are skipped, as readers of tables do.
    """
    known = {str(output["name"]) for output in manifest["outputs"]}
    if "://" in folder:
        if table is None:
            return
        begin = folder.rstrip("/") + "/"
        there = [path.removeprefix(begin) for path in list_objects(f"{begin}{table.name}")]
    else:
        below = Path(folder, table.name) if table is not None else Path(folder)
        there = [str(path.relative_to(folder)) for path in _files_below(below, whole=table is None)]
    for name in sorted(set(there) - known):
        yield name, "added"


def _files_below(folder: Path, *, whole: bool) -> Iterator[Path]:
    """Yields the files, links and other entries below a folder; of a `whole` run its own alone."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        apart = whole and entry.name in (PRIVATE_FOLDER, MANIFEST_NAME, SIGNATURE_NAME)
        if entry.name.startswith((".", "_")) or apart:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path), whole=False)
        else:
            yield Path(entry.path)


def _is_there(root: str) -> bool:
    """Returns whether private files exist here and may be read."""
    if "://" not in root:
        return os.access(Path(root, PRIVATE_FOLDER), os.R_OK | os.X_OK)
    return bool(list_objects(f"{root}/{PRIVATE_FOLDER}"))


def _difference(folder: str, entry: OutputFile) -> str | None:
    """Returns the first difference between a file and its entry in a manifest, or None."""
    name, size, digest = entry["name"], entry["bytes"], entry["sha256"]
    parts = name.split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        return "no name of a file of a run"
    if "://" in folder:
        try:
            with open_bytes(f"{folder}/{name}") as file:
                return None if _sha256(file) == digest else "other bytes"
        except OSError:
            return "gone"
    for depth in range(1, len(parts)):
        if Path(folder, *parts[:depth]).is_symlink():
            return f"behind a link, {'/'.join(parts[:depth])}"
    path = f"{folder}/{name}"
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return "a link"
        if not stat.S_ISREG(status.st_mode):
            return "no file"
        if status.st_size != size:
            shorter = "cut off" if status.st_size else "empty"
            return shorter if status.st_size < size else "longer"
        stamp = status.st_dev, status.st_ino, size, status.st_mtime_ns, status.st_ctime_ns
        if _checked.get(path) != (stamp, digest):
            with open_bytes(path) as file:
                if _sha256(file) != digest:
                    return "other bytes"
            _checked[path] = stamp, digest
    except FileNotFoundError:
        return "gone"
    return None


def _sha256(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
