"""Start a server, wait until it says that it is ready, and take it down with all its children."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-Xmx256m")
"""Small and quick to start: tests move thousands of records, not millions."""


class ServerError(Exception):
    """A server that ended, or was not ready in time; what it said last."""


PORTS = range(15_000, 30_000)
"""Below the ports that Linux gives to whoever connects: one of those is taken again at any time."""


def free_port() -> int:
    """A port that nobody listens on now, at any address of this machine.

    Raises:
        ServerError: if a hundred at random are all taken.
    """
    for port in random.sample(PORTS, 100):
        with suppress(OSError), socket.socket() as tried:
            tried.bind(("", port))
            return port
    raise ServerError("no port is free")


def wait_for(port: int, seconds: float = 60) -> None:
    """Wait until something listens on a port of this machine.

    Raises:
        ServerError: if nothing does in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise ServerError(f"nothing listens on port {port}")


def java(folder: Path, main: str, *arguments: str, heap: Sequence[str] = JVM) -> list[str]:
    """The command that runs a class of the jars in `folder`."""
    return ["java", *heap, "-cp", f"{folder}/*", main, *arguments]


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    ready: str,
    seconds: float = 120,
    environment: Mapping[str, str] | None = None,
) -> Iterator[re.Match[str]]:
    """Run a server until the block ends; yields what the pattern `ready` found in its log.

    Raises:
        ServerError: if it ends or says nothing of the kind in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
    try:
        yield _ready(process, log, re.compile(ready), time.monotonic() + seconds)
    finally:
        stop(process)


def _ready(
    process: subprocess.Popen[bytes], log: Path, pattern: re.Pattern[str], until: float
) -> re.Match[str]:
    while True:
        ended = process.poll() is not None
        said = log.read_text(encoding="utf-8", errors="replace")
        if match := pattern.search(said):
            return match
        if ended or time.monotonic() > until:
            why = "ended" if ended else "was not ready in time"
            raise ServerError(f"{process.args!r} {why}:\n{said[-2000:]}")
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes], grace: float = 10) -> None:
    """End a process of its own session and all its children."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(grace)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def named(words: str) -> list[int]:
    """The ids of the processes whose command line holds these words."""
    ids = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if words in command:
            ids.append(int(line.parent.name))
    return ids


def children(parent: int) -> list[int]:
    """The ids of the processes that a process has started and that still run."""
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(number) for line in lists for number in line.read_text().split()]
