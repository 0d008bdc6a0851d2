"""manifest.json: the inputs, options and outputs of a run."""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

MANIFEST_NAME = "manifest.json"
"""File name; its presence shows that a run is whole."""

SIGNATURE_NAME = f"{MANIFEST_NAME}.sig"
"""The signature of the manifest beside it, where the run was signed."""

SIMULATED_NAME = "simulated.sha256"
"""Lists the record files of a simulated world, beside their folders, as `sha256sum` does."""

PRIVATE_MANIFEST = f"private/{MANIFEST_NAME}"
"""Lists the private files of a run with their digests, in the folder that they are in."""

PRIVATE_SIGNATURE = f"private/{SIGNATURE_NAME}"
"""The signature of that, where there is one."""


class EntryStatus(StrEnum):
    """The states of an entry below an input, beside being read."""

    SKIPPED = "skipped"
    UNREADABLE = "unreadable"


class SkipReason(StrEnum):
    """Reasons to skip an entry of an input folder: it is no data, or has none."""

    HIDDEN = "hidden"
    MANIFEST = "manifest"
    EMPTY = "empty"
    UNFINISHED = "unfinished"
    NOT_DATA = "not_data"
    MEDIA = "media"
    SAME_FILE = "same_file"
    FOLDER = "folder"
    SHEET = "sheet"


class _CountsAddedLater(TypedDict, total=False):
    """Counts that a manifest has where they are not 0."""

    erased: int


class Counts(_CountsAddedLater):
    """Accounting of one record kind: read = accepted + duplicates + rejected + erased."""

    read: int
    accepted: int
    duplicates: int
    rejected: int


class _InputAddedLater(TypedDict, total=False):
    """Fields that only some inputs have, and that manifests of earlier versions lack."""

    dialect: str
    rejected: int


class InputFile(_InputAddedLater):
    """One input: its name without folders, size in bytes, digest, and rows read and rejected.

    `dialect` is there where it is not UTF-8 with commas.
    """

    name: str
    kind: str
    format: str
    bytes: int
    sha256: str
    rows: int


class InputEntry(TypedDict):
    """One entry below an input that was not read: its name there, its status, and why."""

    name: str
    kind: str
    status: str
    reason: str


class InputEntries(TypedDict):
    """All entries below the inputs: those read, skipped by reason, and unreadable.

    `listed` names those that were not read, the unreadable ones first, and at most 1,000.
    """

    read: int
    skipped: dict[str, int]
    unreadable: int
    listed: list[InputEntry]


class OutputFile(TypedDict):
    """One output, relative to the run's folder."""

    name: str
    bytes: int
    sha256: str
    rows: int


class PrivateFile(TypedDict):
    """One file for the run's owner alone, with the rows that the run wrote.

    Its bytes may depend on a secret, so that its digest is in the private manifest alone.
    """

    name: str
    rows: int


class PrivateManifest(TypedDict):
    """private/manifest.json: the private files as they are now, of a run known by its manifest.

    `manifest_sha256` is of the bytes of the run's own manifest. `ringtrace erase` writes this one
    anew, and leaves the run's as it is.
    """

    run_id: str
    manifest_sha256: str
    files: list[OutputFile]


class Alarm(TypedDict):
    """Something an analyst must know before trusting the run."""

    code: str
    message: str


class RecordCounts(TypedDict):
    """The accounting of both record kinds."""

    complaints: Counts
    calls: Counts


class _AddedLater(TypedDict, total=False):
    """Fields that manifests of earlier versions lack.

    `NotRequired` would be read as required: annotations are texts here.
    """

    clock: str
    private: list[PrivateFile]
    private_manifest: str
    private_output: str
    entries: InputEntries


class Manifest(_AddedLater):
    """The whole manifest, as JSON with sorted keys.

    `clock` is the run's time, ISO 8601 in UTC, for expired decisions and for recency.
    `private_output` is the folder of the private files, unless they are in the run's folder.
    `private_manifest` is the name of the manifest there, which has their digests.
    """

    run_id: str
    contract_version: int
    versions: dict[str, str]
    options: dict[str, object]
    inputs: list[InputFile]
    outputs: list[OutputFile]
    counts: RecordCounts
    tallies: dict[str, dict[str, int]]
    alarms: list[Alarm]
