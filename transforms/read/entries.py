"""The entries below the inputs: every one is listed, with what becomes of it.

An entry is read, skipped (it holds no records, or is not meant), or unreadable: it may hold
records, and nobody may believe that they were read.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape, glob, has_magic
from pathlib import Path

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from schemas.enums import RecordKind
from schemas.manifest import MANIFEST_NAME, EntryStatus, InputEntries, InputEntry, SkipReason
from transforms.read.files import InputError, raw_blocks

MOST_LISTED = 1_000
"""Entries that a manifest names; all are counted. The unreadable ones come first."""

_READABLE = "give yourself access, or move it out of the folder"

_COMPANIONS = re.compile(
    r"(readme|licen[cs]e|copying|changelog|notice)(\.(md|txt|rst|html))?"
    r"|.*\.(md5|sha1|sha256|sha512|crc|asc|sig|md)|md5sums|sha\d+sums|thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)
"""Names of what lies beside data and holds none. They count only where a file has no format."""

_MEDIA = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|.{8}(?:WEBP|WAVE|AVI )|ID3|OggS|fLaC|.{4}ftyp"
    rb"|\x7fELF|MZ\x90\0",
    re.DOTALL,
)
"""First bytes of pictures, sounds, films and programs: no table or text is in them."""


@dataclass(frozen=True)
class Entry:
    """An entry that is not read. `name` is its path below the input, `reason` a few words."""

    name: str
    kind: RecordKind
    status: EntryStatus
    reason: str


@dataclass(frozen=True)
class Listing:
    """The files that patterns mean, sorted by path, and the names of other entries, with why.

    `names` gives the name of each file below its input. Local paths are absolute.
    """

    files: list[FileMetadata]
    names: dict[str, str]
    others: list[tuple[str, SkipReason | InputError]]


def list_entries(patterns: Sequence[str]) -> Listing:
    """Lists what globs, plain names and folders mean, each entry once.

    A folder means everything below it. Hidden is what has a part that starts with '.' or '_',
    unless the pattern asks for such names.

    Raises:
        InputError: for a pattern that means nothing at all, or that cannot be listed.
    """
    places: dict[str, tuple[str, FileMetadata | SkipReason | InputError]] = {}
    for pattern in patterns:
        try:
            entries = list(_entries(pattern))
        except InputError:
            raise
        except Exception as error:  # each file system raises its own kinds
            problem = " ".join(f"cannot be listed ({error})".split())[:300]
            raise InputError(pattern, problem, "check the address and your access") from error
        if all(isinstance(entry, SkipReason) for _, _, entry in entries):
            if _is_local(pattern) and Path(pattern).is_dir():
                remedy = "put records in it, or name another"
                raise InputError(pattern, "has no files to read", remedy)
            raise InputError(pattern, "no such file", "check the name, or quote the pattern")
        for path, name, entry in entries:
            # One that a pattern means is not skipped because another one leaves it out.
            if path not in places or isinstance(places[path][1], SkipReason):
                places[path] = name, entry
    listing = Listing([], {}, [])
    known: dict[str, str] = {}
    for path, (name, entry) in sorted(places.items()):
        if not isinstance(entry, FileMetadata):
            listing.others.append((name, entry))
            continue
        target = str(Path(path).resolve()) if _is_local(path) else path
        if known.setdefault(target, path) != path:
            listing.others.append((name, SkipReason.SAME_FILE))
        else:
            listing.files.append(entry)
            listing.names[path] = name
    return listing


def skip_reason(path: str | Path) -> SkipReason | None:
    """Returns the reason to skip a file that has no format; None where it may hold records."""
    if _COMPANIONS.fullmatch(str(path).rpartition("/")[2]):
        return SkipReason.NOT_DATA
    try:
        head = next(raw_blocks(str(path), 0, 16), b"")
    except OSError:
        return None
    return SkipReason.MEDIA if _MEDIA.match(head) else None


def sheet_entries(name: str, kind: RecordKind, sheets: Iterable[str]) -> list[Entry]:
    """Returns the entries of the sheets of a workbook, by its name, that are not read."""
    return [
        Entry(f"{name} (sheet {sheet[:60]!r})", kind, EntryStatus.SKIPPED, SkipReason.SHEET)
        for sheet in sheets
    ]


def summarize_entries(read: int, entries: Iterable[Entry]) -> InputEntries:
    """Builds the manifest's account of all entries; `read` counts those that were read."""
    ordered = sorted(
        entries, key=lambda each: (each.status != EntryStatus.UNREADABLE, each.name, each.kind)
    )
    skipped = Counter(entry.reason for entry in ordered if entry.status == EntryStatus.SKIPPED)
    return InputEntries(
        read=read,
        skipped=dict(sorted(skipped.items())),
        unreadable=len(ordered) - skipped.total(),
        listed=[
            InputEntry(name=entry.name, kind=entry.kind, status=entry.status, reason=entry.reason)
            for entry in ordered[:MOST_LISTED]
        ],
    )


_Found = tuple[str, str, FileMetadata | SkipReason | InputError]
"""The path of an entry, its name below the input, and what it is."""


def _entries(pattern: str) -> Iterator[_Found]:
    if not _is_local(pattern):
        yield from _remote_entries(pattern)
        return
    stem = pattern.removesuffix("**")
    if Path(pattern).is_dir():
        yield from folder_entries(pattern.rstrip("/") or "/")
    elif stem != pattern and not has_magic(stem) and Path(stem or ".").is_dir():
        yield from folder_entries(stem.rstrip("/") or ("/" if stem else "."))
    elif os.path.lexists(pattern):
        yield _entry(pattern, Path(pattern).name)
    else:
        yield from _matching(pattern)


def folder_entries(folder: str) -> Iterator[_Found]:
    """Yields every entry below a local folder that is no folder, or cannot be entered."""
    closed: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=closed.append):
        folders.sort()
        linked = [name for name in folders if Path(place, name).is_symlink()]
        for path in sorted(Path(place, name) for name in (*linked, *files)):
            name = str(path.relative_to(folder))
            yield _entry(str(path), name, _reason_to_skip(name))
    for error in closed:
        path = Path(str(error.filename))
        name = str(path.relative_to(folder))
        problem = InputError(_shown(str(path)), "cannot be listed", _READABLE)
        if name == ".":
            raise problem
        yield str(path.absolute()), _shown(name), _reason_to_skip(name) or problem


def _entry(path: str, name: str, reason: SkipReason | None = None) -> _Found:
    """Returns an entry of a local path: a file, or the reason why it is none, or is not meant.

    The path of a file is from the root, its folder without links; a linked file keeps its name.
    """
    local = Path(path)
    if reason is None:
        try:
            size, whole = _checked_size(local), str(local.parent.resolve() / local.name)
            return whole, _shown(name), FileMetadata(whole, size)
        except InputError as error:
            return str(local.absolute()), _shown(name), error
    return str(local.absolute()), _shown(name), reason


def _checked_size(path: Path) -> int:
    """Returns the size of a file. Raises InputError unless it is an ordinary one, to be read."""
    shown = _shown(str(path))
    if shown != str(path):
        raise InputError(shown, "has a name that is not UTF-8", "rename it")
    try:
        status = path.stat()
    except OSError as error:
        problem = "leads nowhere" if path.is_symlink() else error.strerror or "cannot be read"
        raise InputError(shown, problem, "mend the link, or take it out") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(shown, "is a link to a folder", "name that folder beside this one")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(shown, "is not an ordinary file", "give files with records alone")
    if not os.access(path, os.R_OK):
        raise InputError(shown, "cannot be read", _READABLE)
    return status.st_size


def _matching(pattern: str) -> Iterator[_Found]:
    """Yields what a local glob means, and the folders that it matches, which it does not mean."""
    if not pattern.startswith("/"):
        pattern = f"./{pattern}"  # Beam lists no files for a glob in the first part of a path
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    asked = pattern.rpartition("/")[2].startswith((".", "_"))
    files = {file.path for file in _list_pattern(pattern)}
    for path in sorted(files.union(glob(pattern))):  # noqa: PTH207 - as Beam reads it
        name = path[len(fixed) :].strip("/")
        reason = None if asked else _reason_to_skip(name)
        if reason is None and Path(path).is_dir() and not Path(path).is_symlink():
            reason = SkipReason.FOLDER
        yield _entry(path, name, reason)


def _remote_entries(pattern: str) -> Iterator[_Found]:
    folder = pattern.rstrip("/")
    below = _list_pattern(f"{escape(folder)}/**")
    if FileSystems.exists(pattern) and not below:
        for file in _list_pattern(escape(pattern)):
            yield file.path, file.path.rpartition("/")[2], file
        return
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    matched = _list_pattern(pattern) if not FileSystems.exists(pattern) else []
    asked = bool(matched) and pattern.rpartition("/")[2].startswith((".", "_"))
    for file in matched or below:
        name = file.path[len(fixed if matched else folder) :].strip("/")
        yield file.path, name, (None if asked else _reason_to_skip(name)) or file


def _list_pattern(pattern: str) -> list[FileMetadata]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Beam builds a regex with '[[]' in it
        return list(FileSystems.match([pattern])[0].metadata_list)


def _is_local(path: str) -> bool:
    return FileSystems.get_scheme(path) is None


def _reason_to_skip(name: str) -> SkipReason | None:
    """Returns the reason to skip what has this name below an input, if it has one."""
    parts = name.split("/")
    if any(part.startswith((".", "_")) for part in parts):
        return SkipReason.HIDDEN
    return SkipReason.MANIFEST if parts[-1] == MANIFEST_NAME else None


def _shown(name: str) -> str:
    """Returns a name as text: bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
