"""A stream under steady load: what it takes, how soon it tells, and what memory does meanwhile.

    python -m benchmarks.stream --minutes 60 --rate 5             a watched folder
    python -m benchmarks.stream --minutes 60 --rate 5 --kafka     a broker (Java 17, Maven)

Complaints name callback numbers of a pool, at `rate` a second. Every five to fifteen seconds two
more, of two organisations, name a number that nobody named before: the time from the second one to
the alert that both report it is the latency.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

from pipelines.simulate.world import World

POOL = 2_000
PROBE_SECONDS = (5.0, 15.0)
"""Least and longest time between two probes, which so keep no step with the ticks."""

DRAIN_SECONDS = 120
"""Longest wait for the last alerts when nothing is sent any more."""

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SEED = World().seed

Send = Callable[[list[bytes]], None]


def row(number: int, org: str, callback: str) -> bytes:
    """A complaint received now, as one line of JSON."""
    return json.dumps(
        {
            "complaint_id": f"s{number}",
            "source_org": org,
            "received_at": datetime.now(UTC).isoformat(),
            "victim_id": f"v{number}",
            "victim_country": "US",
            "claimed_brand": "Amazon",
            "narrative": f"A pop-up told me to call {callback} and ask for a refund.",
            "phone_numbers": [{"raw": callback, "role": "callback"}],
        }
    ).encode()


def callback(place: int) -> str:
    """A number that can be dialled; places from `POOL` on are those of the probes."""
    area, rest = ("888", place) if place < POOL else ("877", place - POOL)
    return f"+1{area}{222 + rest // 10_000:03d}{rest % 10_000:04d}"


@contextmanager
def folder(work: Path) -> Iterator[tuple[list[str], Send]]:
    """A watched folder: flags of the stream, and what sends to it."""
    (work / "in" / "complaints").mkdir(parents=True)
    with (work / "in" / "complaints" / "live.jsonl").open("ab", buffering=0) as file:
        yield ["--watch", str(work / "in")], lambda rows: _written(file.write, rows)


def _written(write: Callable[[bytes], object], rows: list[bytes]) -> None:
    write(b"".join(one + b"\n" for one in rows))


@contextmanager
def topic(work: Path) -> Iterator[tuple[list[str], Send]]:
    """A topic of a broker of its own."""
    from tests.engines import servers  # noqa: PLC0415 - needs Java
    from tests.engines.topics import send  # noqa: PLC0415

    (work / "broker").mkdir()
    with servers.kafka(work / "broker") as address:
        send(address, "complaints", [])
        send(address, "complaints", [(None, row(-1, "amazon", callback(0)))])
        flags = ["--kafka-servers", address, "--kafka-complaints", "complaints"]
        yield flags, lambda rows: send(address, "complaints", [(None, one) for one in rows])


def used(process: int) -> tuple[float, float]:
    """CPU seconds and MiB of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE / 2**20


def told(output: Path) -> dict[str, float]:
    """When each number was told of as reported by both, by the number."""
    found = {}
    for path in (output / "alerts").glob("a-*.jsonl"):
        alert = json.loads(path.read_bytes())
        if alert["kind"] == "several_orgs":
            found[alert["entity_id"].removeprefix("phone:")] = path.stat().st_mtime
    return found


def said(output: Path) -> str:
    """The last line of a stream's log."""
    return ((output.parent / "log").read_text().splitlines() or ["nothing was said"])[-1]


def main(arguments: list[str]) -> None:
    """Run the stream, feed it, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=5)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--kafka", action="store_true")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        flags, send = stack.enter_context((topic if options.kafka else folder)(work))
        command = [sys.executable, "-m", "pipelines.cli", "stream", *flags]
        command += ["--output", str(work / "out"), "--every", str(options.every)]
        log = stack.enter_context((work / "log").open("w+"))
        process = Popen(command, stderr=log)
        stack.callback(process.kill)
        measure(process, send, work / "out", options)


def measure(process: Popen[bytes], send: Send, output: Path, options: argparse.Namespace) -> None:
    """Feed a running stream for the time that was asked, then say what was seen."""
    chance = random.Random(SEED)
    asked: dict[str, float] = {}
    memory: list[float] = []
    number, sent, next_probe = 0, 0.0, 0.0
    time.sleep(15)  # a stream starts once
    begun = time.time()
    before, _ = used(process.pid)
    while (now := time.time()) < begun + options.minutes * 60:
        if process.poll() is not None:
            sys.exit(f"the stream ended with {process.returncode}: {said(output)}")
        due = int((now - begun) * options.rate) - int(sent * options.rate)
        sent = now - begun
        rows = []
        for _ in range(due):
            place = min(int(chance.paretovariate(0.5)), POOL - 1)
            rows.append(row(number, chance.choice(("amazon", "microsoft")), callback(place)))
            number += 1
        if sent >= next_probe:
            next_probe = sent + chance.uniform(*PROBE_SECONDS)
            probe = callback(POOL + len(asked))
            rows += [row(number, "amazon", probe), row(number + 1, "microsoft", probe)]
            number += 2
            asked[probe] = now
            memory.append(used(process.pid)[1])
        send(rows)
        time.sleep(max(0.0, 1 - (time.time() - now)))
    cpu = used(process.pid)[0] - before
    minutes = (time.time() - begun) / 60
    until = time.time() + DRAIN_SECONDS
    while not asked.keys() <= (heard := told(output)).keys() and time.time() < until:
        time.sleep(1)
    process.terminate()
    process.wait()
    late = sorted(heard[one] - asked[one] for one in asked if one in heard)
    p99 = late[min(len(late) - 1, int(0.99 * len(late)))]
    quarters = [memory[int(part * (len(memory) - 1) / 4)] for part in range(5)]
    print(f"minutes {minutes:.1f}, complaints {number}, CPU s {cpu:.0f}")
    print(f"complaints per CPU second {number / cpu:.1f}")
    print(f"alert latency s: median {statistics.median(late):.1f}, p99 {p99:.1f}")
    print(f"alerts told {len(late)} of {len(asked)}")
    print(f"MiB at each quarter: {' '.join(f'{one:.0f}' for one in quarters)}")


if __name__ == "__main__":
    main(sys.argv[1:])
