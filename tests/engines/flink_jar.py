"""The one jar that FlinkRunner starts, made of the parts that `cache` holds.

    python -m tests.engines.flink_jar job-server.jar

It holds no class, only where they are: a class path and a main class (JAR File Specification). It
is of use where its parts stay.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.engines import cache
from tests.engines.cache import MissingEngineError
from tests.engines.servers import FLINK, OPENED

_LINE = 72
"""Bytes of a line of a manifest; a longer value goes on in the next, after a blank."""


def flink_jar(path: Path) -> Path:
    """Write the jar, and give its place.

    Raises:
        MissingEngineError: if its parts cannot be had.
    """
    parts = sorted(cache.jars("flink").glob("*.jar"))
    headers = {
        "Manifest-Version": "1.0",
        "Main-Class": FLINK,
        "Add-Opens": " ".join(f"java.base/{package}" for package in OPENED),
        "Class-Path": " ".join(part.as_uri() for part in parts),
    }
    lines = [line for name, value in headers.items() for line in _folded(f"{name}: {value}")]
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "".join(f"{line}\r\n" for line in lines))
    return path


def _folded(line: str) -> Iterator[str]:
    yield line[:_LINE]
    for start in range(_LINE, len(line), _LINE - 1):
        yield f" {line[start : start + _LINE - 1]}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.engines.flink_jar PATH")
    try:
        sys.stdout.write(f"{flink_jar(Path(sys.argv[1]))}\n")
    except MissingEngineError as error:
        sys.exit(str(error))
