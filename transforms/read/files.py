"""Files: which ones a pattern means, through Beam FileSystems, and what outputs call them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from schemas import manifest
from schemas.kinds import RecordKind
from transforms.read.errors import InputError


@dataclass(frozen=True)
class InputFile:
    """One file of a run: where it is, what it is called in outputs, and what it holds.

    `header` is the column names of a CSV file, empty for other layouts; `has_header` says
    whether its first record is one.
    """

    path: str
    label: str
    kind: RecordKind
    format: str
    compression: str
    size: int
    header: tuple[str, ...] = ()
    has_header: bool = False


def _is_local(path: str) -> bool:
    return FileSystems.get_scheme(path) is None


def _hidden(path: str, folder: str) -> bool:
    below = path[len(folder) :].strip("/").split("/")
    return any(part.startswith((".", "_")) for part in below) or below[-1] == manifest.NAME


def _escape(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)


def _list(pattern: str) -> list[FileMetadata]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Beam builds a regex with '[[]' in it
        return list(FileSystems.match([pattern])[0].metadata_list)


def _files_below(folder: str) -> list[FileMetadata]:
    return [one for one in _list(f"{_escape(folder)}/**") if not _hidden(one.path, folder)]


def _match_one(pattern: str) -> list[FileMetadata]:
    folder = pattern.rstrip("/")
    if FileSystems.exists(pattern):
        if below := _files_below(folder):
            return below
        if _is_local(pattern) and Path(pattern).is_dir():
            return []
        return _list(_escape(pattern))
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    asked = pattern.rpartition("/")[2].startswith((".", "_"))
    found = [one for one in _list(pattern) if asked or not _hidden(one.path, fixed)]
    return found or _files_below(folder)


def match(patterns: Sequence[str]) -> list[FileMetadata]:
    """The files that globs, plain names and folders mean, each once, sorted by path.

    A folder means every file below it but hidden ones (a part that starts with '.' or '_')
    and manifest.json. Local paths come out absolute. Raises InputError for a pattern
    that means no file or that cannot be listed.
    """
    found: list[FileMetadata] = []
    for pattern in patterns:
        try:
            files = _match_one(pattern)
        except Exception as error:  # each file system raises its own kinds
            problem = " ".join(f"cannot be listed ({error})".split())[:300]
            raise InputError(pattern, problem, "check the address and your access") from error
        if not files:
            raise InputError(pattern, "no such file", "check the name, or quote the pattern")
        found += [FileMetadata(_absolute(one.path), one.size_in_bytes) for one in files]
    distinct: dict[str, FileMetadata] = {}
    for one in sorted(found, key=_path):
        distinct.setdefault(_identity(one.path), one)
    return list(distinct.values())


def _absolute(path: str) -> str:
    """The path from the root, the folder without links; a link to a file keeps its name."""
    return str(Path(path).parent.resolve() / Path(path).name) if _is_local(path) else path


def _identity(path: str) -> str:
    return str(Path(path).resolve()) if _is_local(path) else path


def _path(file: FileMetadata) -> str:
    return str(file.path)


def labels(paths: Sequence[str]) -> dict[str, str]:
    """The shortest trailing part of each distinct path that no other one ends with.

    Outputs name files by it, so that they do not tell the folders of the machine.
    """
    parts = {path: path.split("/") for path in set(paths)}
    named: dict[str, str] = {}
    waiting, length = set(parts), 1
    while waiting:
        tails: dict[str, list[str]] = {}
        for path in parts:
            tails.setdefault("/".join(parts[path][-length:]), []).append(path)
        done = {
            path: tail
            for tail, (path, *others) in tails.items()
            if path in waiting and (not others or length >= len(parts[path]))
        }
        named |= done
        waiting -= set(done)
        length += 1
    return named
