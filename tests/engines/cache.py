"""The engines' programs: fetched once by Maven and Go, held against their digests, and kept.

They are kept outside the repository, in `$RINGTRACE_CACHE` or `~/.cache/ringtrace`. What is fetched
is pinned in `artefacts/`: the version in `pom.xml` or `go.mod`, the digest in `SHA256SUMS` or
`go.sum`. `python -m tests.engines.cache` fetches everything that can be had.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ARTEFACTS = Path(__file__).parent / "artefacts"
MAVEN_ENGINES = ("kafka", "beam-kafka", "flink")
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"
SUMS = "SHA256SUMS"
SECONDS = 1500
"""Longest wait for one engine: Prism takes two minutes to build on two idle cores."""


class MissingEngineError(Exception):
    """An engine that cannot be had on this machine; one line that says why."""


def root() -> Path:
    """The folder that everything is kept in."""
    folder = os.environ.get("RINGTRACE_CACHE")
    return (Path(folder) if folder else Path.home() / ".cache" / "ringtrace") / "engines"


def tool(name: str, engine: str) -> str:
    """The path of a program that must be there.

    Raises:
        MissingEngineError: if it is not.
    """
    path = shutil.which(name)
    if path is None:
        raise MissingEngineError(f"{engine}: no {name} on this machine; install it")
    return path


def jars(engine: str) -> Path:
    """The folder of the jars that `artefacts/ENGINE/pom.xml` names, with all that they need.

    Raises:
        MissingEngineError: if Java or Maven is absent, a jar is not served or not the one pinned.
    """
    tool("java", engine)
    pom = ARTEFACTS / engine / "pom.xml"
    place = root() / f"{engine}-{digest(pom)[:12]}"
    if not place.exists():
        maven = tool("mvn", engine)
        with _aside(place) as aside:
            lib = f"-DoutputDirectory={aside}"
            _call(engine, [maven, *MAVEN_FLAGS, "-f", str(pom), *COPY, lib])
    _check(engine, place)
    return place


MAVEN_FLAGS = ("--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never")
COPY = (
    "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies",
    "-DincludeScope=runtime",
)


def prism() -> Path:
    """Beam's Prism runner, built from the Go module proxy; go.sum holds it to its digests.

    Raises:
        MissingEngineError: if Go is absent or cannot build it.
    """
    module = ARTEFACTS / "prism"
    place = root() / f"prism-{digest(module / 'go.mod', module / 'go.sum')[:12]}"
    if not place.exists():
        go = tool("go", "prism")
        with _aside(place) as aside:
            command = [go, "build", "-mod=readonly", "-o", str(aside / "prism"), PRISM]
            _call("prism", command, folder=module)
    return place / "prism"


class _aside:  # noqa: N801 - reads as the verb it is
    """A folder that takes its place whole, or not at all."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> Path:
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._made = Path(tempfile.mkdtemp(dir=self._place.parent, prefix=".making-"))
        return self._made

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._place.exists():
            self._made.rename(self._place)
        shutil.rmtree(self._made, ignore_errors=True)


def _call(engine: str, command: list[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise MissingEngineError(f"{engine}: {command[0]} took over {SECONDS} s") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = next(
            (line for line in lines if "ERROR" in line), lines[-1] if lines else "no reason"
        )
        told = told.rpartition("[ERROR] ")[2].partition(" -> [Help")[0]
        raise MissingEngineError(f"{engine}: {Path(command[0]).name}: {told[:280]}")


def _check(engine: str, place: Path) -> None:
    sums = ARTEFACTS / engine / SUMS
    if not sums.exists():
        # Never seen by us: Maven held it against the digest that is published beside it.
        return
    pinned = {name: digest for digest, name in map(str.split, sums.read_text().splitlines())}
    there = {path.name: digest(path) for path in place.iterdir()}
    if wrong := sorted(name for name in pinned | there if pinned.get(name) != there.get(name)):
        raise MissingEngineError(
            f"{engine}: {wrong[0]} is not the one that {SUMS} pins; remove {place} to fetch it anew"
        )


def digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Fetch every engine; say what each is or why it is missing."""
    for engine in (*MAVEN_ENGINES, "prism"):
        try:
            print(f"{engine}: {prism() if engine == 'prism' else jars(engine)}", flush=True)
        except MissingEngineError as error:
            print(f"missing: {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
