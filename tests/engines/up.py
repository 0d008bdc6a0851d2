"""Bring engines up and keep them until Ctrl-C: `python -m tests.engines.up [NAME ...]`.

Names are kafka, beam-kafka, prism and flink; without any, all that can be had.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.engines import servers
from tests.engines.cache import MissingEngineError

Server = Callable[[Path, int], AbstractContextManager[str]]

ENGINES: dict[str, tuple[Server, int, str]] = {
    "kafka": (servers.kafka, 9092, "bootstrap server"),
    "beam-kafka": (servers.beam_kafka, 8097, "expansion service of Beam's Kafka source and sink"),
    "prism": (
        servers.prism,
        8073,
        "--runner=PortableRunner --environment_type=LOOPBACK --job_endpoint",
    ),
    "flink": (
        servers.flink,
        8099,
        "--runner=PortableRunner --environment_type=LOOPBACK --job_endpoint",
    ),
}


def main(names: Sequence[str]) -> int:
    """Start, say where each is, wait to be stopped, stop them all."""
    if unknown := [name for name in names if name not in ENGINES]:
        sys.stderr.write(f"engines: no engine {unknown[0]!r}; there are {', '.join(ENGINES)}\n")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringtrace-engines-")))
        started = 0
        try:
            for name in names or ENGINES:
                server, port, use = ENGINES[name]
                (place := folder / name).mkdir()
                try:
                    address = stack.enter_context(server(place, port))
                except MissingEngineError as error:
                    print(f"missing  {error}", flush=True)
                    continue
                started += 1
                print(f"up       {name}: {use} {address}", flush=True)
            if started:
                print("Ctrl-C stops them.", flush=True)
                signal.pause()
        except KeyboardInterrupt:
            print("stopping", flush=True)
    return 0 if started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
