"""A process of its own for libraries that read hostile files: its memory and time are bounded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LIMITS = """
import resource, sys
memory, seconds, *arguments = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(memory),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(seconds),) * 2)
data = sys.stdin.buffer.read()
"""


@contextmanager
def run_bounded(
    program: str, data: bytes, memory: int, seconds: int, *arguments: str
) -> Iterator[Iterator[bytes]]:
    """Runs Python code over data, and gives the whole lines that it prints.

    The data goes through a pipe: a victim's must lie in no temporary file outside the output.

    Args:
        program: Code, which has `data` and `arguments`. Its errors go nowhere.
        data: The file that it reads.
        memory: Most bytes of its address space.
        seconds: Most seconds of CPU.
        arguments: Texts for the program.
    """
    limits = (str(memory), str(seconds))
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _LIMITS + program, *limits, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101 - both are pipes
        try:
            with suppress(BrokenPipeError), stdin:
                stdin.write(data)
            yield (line for line in stdout if line.endswith(b"\n"))
        finally:
            process.kill()
