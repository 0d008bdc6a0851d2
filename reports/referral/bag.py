"""A BagIt bag (RFC 8493) around the payload, the same bytes for the same payload."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(payload: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
    """The tag files of a bag whose payload files are below `data/`; `info` is bag-info.txt."""
    total = sum(len(content) for content in payload.values())
    told = {**info, "Payload-Oxum": f"{total}.{len(payload)}"}
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{key}: {value}\n" for key, value in told.items()).encode(),
        "manifest-sha256.txt": manifest(payload),
    }
    return tags | {"tagmanifest-sha256.txt": manifest(tags)}


def manifest(files: Mapping[str, bytes]) -> bytes:
    """A line a file: SHA-256, two spaces, path."""
    lines = (
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
    )
    return "".join(lines).encode()
