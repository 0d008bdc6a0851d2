"""The previous run that a run follows: is it one, and where are its members?"""

from __future__ import annotations

import json
from dataclasses import dataclass

from apache_beam.io.filesystems import FileSystems

from pipelines.options import UsageError
from reports.whole_graph import NODES_FILE
from schemas import CONTRACT_VERSION
from schemas.manifest import NAME
from schemas.tables import ISLANDS, MEMBERS
from transforms.graph.known_islands import File


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
