"""From options to a plan: files recognised, lists and keys read, all before anything is written.

The previous run that a run follows: is it one, and where are its members?
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.batch.options import BatchOptions
from pipelines.batch.pipeline import Plan
from pipelines.options import UsageError
from reports.export.whole_graph import NODES_FILE
from schemas import CONTRACT_VERSION
from schemas.manifest import NAME
from schemas.tables import ISLANDS, MEMBERS
from transforms import decisions
from transforms.extract import allowlist
from transforms.graph import priority
from transforms.graph.connected_components import MOST_ROUNDS, rounds_for
from transforms.graph.leiden import File
from transforms.manifest import Run
from transforms.read.detect import plan as recognise
from transforms.read.files import InputFile
from transforms.read.options import InputError, ReadOptions
from transforms.shuffle import MOST_PARTITIONS, PARTITIONS
from transforms.write.parquet_files import is_local
from transforms.write.publish import staging_folder

DEPENDED_ON = ("ringtrace", "apache-beam", "networkx", "phonenumbers", "pyarrow", "tldextract")
"""Packages whose version can change what a run finds."""


CONTRACTION = "--contraction-rounds"


CUT = "--partitions"


BYTES_AN_EDGE = 200
"""Bytes of an input for each edge of its graph, at least: a complaint of 470 bytes names about two
identifiers that a scammer must hold, a call of 200 at most one (docs/scale.md)."""


BYTES_A_PARTITION = 32 << 20
"""Bytes of an input that a partition of it may hold: what a worker makes of them is some ten times
that (docs/scale.md). Many more partitions than that cost, as each batch is cut into all of them."""


PACKED = 8
"""Times that a compressed file is larger when it is read, at most as far as was seen."""


def make_plan(options: BatchOptions, token: str) -> Plan:
    """Look at every input before the run starts; `token` names the folder it is written to.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    reading = ReadOptions(
        complaints_format=options.complaints_format,
        calls_format=options.calls_format,
        source_org=options.source_org,
        calls_direction=options.calls_direction,
        passport_keys=tuple(read_text(path) for path in options.passport_keys),
    )
    try:
        files = recognise(options.complaints, options.calls, reading)
    except InputError as error:
        raise UsageError(str(error)) from None
    follows = find(options.previous)
    return Plan(
        files=tuple(files),
        reading=reading,
        known=known_legitimate(options.known_legitimate),
        as_of=options.as_of,
        previous_members=follows.members,
        previous_islands=follows.islands,
        previous_nodes=follows.nodes,
        decisions=decisions_in(options.decisions),
        weights=weights_in(options.weights),
        shards=options.shards,
        run=Run(
            staging=staging_folder(options.output, token),
            output=options.output,
            versions=versions(),
            options={
                "as_of": options.as_of.isoformat() if options.as_of else None,
                "calls_direction": options.calls_direction,
                "decisions": told(options.decisions),
                "known_legitimate": [Path(path).name for path in options.known_legitimate],
                "previous": follows.run_id,
                "shards": options.shards,
                "source_org": options.source_org,
                "weights": told(options.weights),
            },
        ),
    )


def sized(files: Sequence[InputFile], given: Sequence[str]) -> list[str]:
    """The flags that follow from the size of the files, but for those that are `given`.

    They say how far the graph is contracted, and what a step is cut into; no result depends on
    either.
    """
    plain = sum(one.size * (1 if one.compression == "none" else PACKED) for one in files)
    flags = {
        CONTRACTION: min(rounds_for(plain // BYTES_AN_EDGE), MOST_ROUNDS),
        CUT: min(max(plain // BYTES_A_PARTITION, PARTITIONS), MOST_PARTITIONS),
    }
    named = {one.partition("=")[0] for one in given}
    return [f"{flag}={count}" for flag, count in flags.items() if flag not in named]


def read_text(path: str) -> str:
    """The text of a local UTF-8 file. Raises UsageError."""
    try:
        if is_local(path):
            return Path(path).read_text(encoding="utf-8-sig")
        with FileSystems.open(path) as file:
            return bytes(file.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        why = error.strerror or "cannot be opened"
        raise UsageError(f"{path}: {why}; give a file that can be read") from None
    except ValueError:
        # Beam names no file system for the scheme where the library for it is absent.
        raise UsageError(
            f"{path}: no access to such a store; for gs:// install ringtrace[gcp]"
        ) from None


def told(path: str | None) -> dict[str, str] | None:
    """A file as the manifest names it: what it holds decides what the run finds."""
    if path is None:
        return None
    digest = hashlib.sha256(read_text(path).encode()).hexdigest()
    return {"name": Path(path).name, "sha256": digest}


def known_legitimate(paths: tuple[str, ...]) -> allowlist.KnownLegitimate:
    """The shipped list with the user's; raises UsageError for one that cannot be used."""
    known = allowlist.shipped()
    for path in paths:
        try:
            known = known.merged(allowlist.load(read_text(path), path))
        except allowlist.LegitimateListError as error:
            raise UsageError(str(error)) from None
    return known


def decisions_in(path: str | None) -> tuple[decisions.Decision, ...]:
    """The decisions of a file, if there is one; raises UsageError if it cannot be used."""
    try:
        return decisions.load(read_text(path), path) if path is not None else ()
    except decisions.DecisionError as error:
        raise UsageError(str(error)) from None


def weights_in(path: str | None) -> priority.Weights:
    """The weights of a file, or the shipped ones; raises UsageError if it cannot be used."""
    try:
        return priority.load(read_text(path), path) if path is not None else priority.shipped()
    except priority.WeightsError as error:
        raise UsageError(str(error)) from None


def versions() -> dict[str, str]:
    """Python and the packages that a run depends on."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in DEPENDED_ON:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass(frozen=True)
class Previous:
    """The id of a finished run and the paths of its members/ files; of none, if it follows none.

    `islands` are its islands/ files and their digests, where it has any, and `nodes` is the file
    that has the places of its pictures, where it is still there.
    """

    run_id: str | None = None
    members: tuple[str, ...] = ()
    islands: tuple[File, ...] = ()
    nodes: str | None = None


def find(folder: str | None) -> Previous:
    """Look at the manifest of a previous run.

    Raises:
        UsageError: if the folder is no finished run, or of another version of the contract.
    """
    if folder is None:
        return Previous()
    path = FileSystems.join(folder.rstrip("/"), NAME)
    try:
        with FileSystems.open(path) as file:
            manifest = json.loads(file.read())
        version, run_id = manifest["contract_version"], str(manifest["run_id"])
        digests = {str(one["name"]): str(one["sha256"]) for one in manifest["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{folder}: --previous is no finished run: it has no {NAME} that can be read; give the "
            "--output of an earlier run"
        ) from None
    if version != CONTRACT_VERSION:
        raise UsageError(
            f"{folder}: --previous is of contract version {version}, this is {CONTRACT_VERSION}; "
            "run without --previous once"
        )
    base = folder.rstrip("/")
    files = {name: FileSystems.join(base, *name.split("/")) for name in sorted(digests)}
    paths = [path for name, path in files.items() if name.startswith(f"{MEMBERS.name}/")]
    if not paths or not all(FileSystems.exists(one) for one in paths):
        raise UsageError(f"{folder}: --previous lacks its {MEMBERS.name}/; give a whole run")
    islands = [
        (path, digests[name]) for name, path in files.items() if name.startswith(f"{ISLANDS.name}/")
    ]
    # Without them members stand elsewhere in their pictures; that is no reason to fail at the end.
    nodes = files.get(NODES_FILE)
    drawn = nodes if nodes is not None and FileSystems.exists(nodes) else None
    return Previous(run_id, tuple(paths), tuple(islands), drawn)
