"""A stream under steady load: its CPU, its latency and its memory over time.

    python -m benchmarks.stream --minutes 60 --rate 10             a watched folder
    python -m benchmarks.stream --minutes 60 --rate 10 --kafka     a broker (Java 17, Maven)
    python -m benchmarks.stream --minutes 10 --rate 5 --prism      a broker, Prism (and Go)
    python -m benchmarks.stream --minutes 10 --rate 5 --flink      a broker, Flink
    python -m benchmarks.stream --minutes 60 --rate 10 --replay    a watched folder, without waiting

Complaints name callback numbers of a pool, at `rate` a second. Every five to fifteen seconds two
complaints of two organisations name a new number. The latency is the time from the second of them
to the alert that both organisations report it.

CPU is the stream's with its engine and the Java worker that reads the topic, without the broker.
Memory is the stream's, and Flink's, which has the state. The size of a checkpoint of Flink is the
newest checkpoint's on disk. A replay runs the same ticks one after another in this process, so it
has no latency. Its CPU is the ticks', its digest is over its alerts and last tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from subprocess import Popen

from benchmarks import measured
from pipelines.progress import Progress
from pipelines.simulate.world import World
from pipelines.streaming.options import parse
from pipelines.streaming.watch import Watch
from pipelines.streaming.watch_sources import NewRecords, WatchedFolder
from transforms.engine import gc_tuned
from transforms.read import ReadOptions

POOL = 2_000

TICK_SECONDS = 10

PROBE_SECONDS = (5.0, 15.0)
"""Least and longest time between two probes, which so keep no step with the ticks."""

FLINK = "FlinkJobServerDriver"

DRAIN_SECONDS = 120
"""Longest wait for the last alerts when nothing is sent any more."""

ENGINES = ("--job_port", FLINK, "fn.harness")
"""Words in the command lines of Prism, Flink and the Java worker hold."""

TICKS = os.sysconf("SC_CLK_TCK")

PAGE = os.sysconf("SC_PAGE_SIZE")

SEED = World().seed

REPLAYED = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which a replay begins."""

Send = Callable[[list[bytes]], None]


def row(number: int, org: str, callback: str, when: datetime | None = None) -> bytes:
    """A complaint received at a time, by default now, as one line of JSON."""
    return json.dumps(
        {
            "complaint_id": f"s{number}",
            "source_org": org,
            "received_at": (when or datetime.now(UTC)).isoformat(),
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


def pooled(chance: random.Random, number: int, when: datetime | None = None) -> bytes:
    """A complaint that names a number of the pool, a few of them often."""
    place = min(int(chance.paretovariate(0.5)), POOL - 2)
    return row(number, chance.choice(("amazon", "microsoft")), callback(place), when)


def probe(number: int, place: int, when: datetime | None = None) -> list[bytes]:
    """Complaints of two organisations that name a number that nobody named before."""
    organisations = enumerate(("amazon", "microsoft"), number)
    return [row(n, org, callback(place), when) for n, org in organisations]


@contextmanager
def folder(work: Path) -> Iterator[tuple[list[str], Send]]:
    """A watched folder: flags of the stream, and what sends to it."""
    (work / "in" / "complaints").mkdir(parents=True)
    with (work / "in" / "complaints" / "live.jsonl").open("ab", buffering=0) as file:

        def send(rows: list[bytes]) -> None:
            file.write(b"".join(row + b"\n" for row in rows))

        yield ["--watch", f"{work}/in"], send


@contextmanager
def topic(work: Path) -> Iterator[tuple[list[str], Send]]:
    """A topic of a broker of its own."""
    from tests.engines import servers
    from tests.engines.topics import send

    (work / "broker").mkdir()
    with servers.kafka(work / "broker") as address:
        send(address, "complaints", [])
        send(address, "complaints", [(None, row(-1, "amazon", callback(0)))])
        flags = ["--kafka-servers", address, "--kafka-complaints", "complaints"]
        yield flags, lambda rows: send(address, "complaints", [(None, line) for line in rows])


@contextmanager
def on_engine(name: str, work: Path) -> Iterator[tuple[list[str], Send]]:
    """A topic, read by Beam's own source on Prism, or on Flink, whose checkpoints are in `work`."""
    from tests.engines import servers
    from tests.engines.batch import engine_flags

    checkpoints = f"--state_backend_storage_path=file://{work}/checkpoints"
    for server in (name, "beam-kafka"):
        (work / server).mkdir()
    with (
        getattr(servers, name)(work / name) as address,
        topic(work) as (flags, send),
        servers.beam_kafka(work / "beam-kafka") as kafka,
    ):
        kept = ["--state_backend=filesystem", checkpoints] if name == "flink" else []
        yield [*flags, *engine_flags(address), *kept, "--kafka-expansion", kafka], send


SOURCES = {
    "--kafka": topic,
    "--prism": partial(on_engine, "prism"),
    "--flink": partial(on_engine, "flink"),
}
"""Places from which a stream reads, by option, where it is not a watched folder."""


def used(process: int) -> tuple[float, float]:
    """CPU seconds and MiB of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE / 2**20


def command_line(process: int) -> str:
    """The words that a process was started with."""
    return Path(f"/proc/{process}/cmdline").read_text()


def counted(stream: int) -> list[int]:
    """The stream's process, and those of an engine that this process has started."""
    ours = measured.children()[os.getpid()]
    engines = [pid for pid in ours if any(word in command_line(pid) for word in ENGINES)]
    return [stream, *engines]


def checkpoint(work: Path) -> float:
    """MiB of the newest whole checkpoint of Flink, 0 without one."""
    while True:
        with suppress(FileNotFoundError):  # Flink has replaced it meanwhile
            whole = (work / "checkpoints").glob("*/chk-*/_metadata")
            by_time = {path.stat().st_mtime: path for path in whole}
            if not by_time:
                return 0.0
            newest = by_time[max(by_time)]
            files = [*newest.parent.iterdir(), *newest.parents[1].glob("shared/*")]
            return sum(file.stat().st_size for file in files) / 2**20


def quarters(values: list[float]) -> str:
    """Of values over time the first, the last, and those between at each quarter."""
    return " ".join(f"{values[int(part * (len(values) - 1) / 4)]:.1f}" for part in range(5))


def alert_times(output: Path) -> dict[str, float]:
    """Returns the time of the alert for each number that both organisations report."""
    times = {}
    for path in (output / "alerts").glob("a-*.jsonl"):
        alert = json.loads(path.read_bytes())
        if alert["kind"] == "several_orgs":
            times[alert["entity_id"].removeprefix("phone:")] = path.stat().st_mtime
    return times


def last_log_line(output: Path) -> str:
    """The last line of a stream's log."""
    return ((output.parent / "log").read_text().splitlines() or ["nothing was said"])[-1]


def main(words: list[str] | None = None) -> None:
    """Run the stream, feed it, print the figures."""
    parser = measured.Parser("benchmarks.stream", __doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=5)
    parser.add_argument("--replay", action="store_true")
    place = parser.add_mutually_exclusive_group()
    for name, source in SOURCES.items():
        place.add_argument(name, dest="source", action="store_const", const=source)
    options = parser.parse_args(words)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.replay:
            replay(work, options)
            return
        flags, send = stack.enter_context((options.source or folder)(work))
        flags += ["--output", f"{work}/out", "--tick-interval", str(TICK_SECONDS)]
        command = measured.python("pipelines.cli", "stream", *flags)
        log = stack.enter_context((work / "log").open("w+"))
        process = Popen(command, stderr=log)
        stack.callback(process.kill)
        measure(process, send, work / "out", options)


def replay(work: Path, options: argparse.Namespace) -> None:
    """Runs a tick for each interval of the time that was asked, and says what they took."""
    chance, moments, taken = random.Random(SEED), [REPLAYED], 0.0
    ticks, count = int(options.minutes * 60 / TICK_SECONDS), int(options.rate * TICK_SECONDS)

    def clock() -> float:
        return moments[-1].timestamp()

    with folder(work) as (flags, send), gc_tuned():
        words = [*flags, "--output", f"{work}/out"]
        stream = Watch(parse(words), Progress(StringIO()), clock=clock)
        feed, news = WatchedFolder(str(work / "in"), ReadOptions()), NewRecords((), (), {})
        for tick in range(ticks):
            begun = moments[-1]
            moments.append(begun + timedelta(seconds=TICK_SECONDS))
            whens = [begun + timedelta(seconds=TICK_SECONDS * n / count) for n in range(count - 2)]
            first = tick * count
            rows = [pooled(chance, number, when) for number, when in enumerate(whens, first)]
            send([*rows, *probe(first + count - 2, POOL + tick, begun)])
            before = time.process_time()
            news = feed.poll(news.positions, final=True)
            stream.tick(news, snapshot=tick == ticks - 1)
            taken += time.process_time() - before
    written = [*(work / "out").glob("alerts/a-*"), *(work / "out").glob("snapshots/**/*.parquet")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(written)))
    print(f"complaints {ticks * count}, CPU s {taken:.1f}")
    print(f"complaints per CPU second {ticks * count / taken:.1f}")
    print(f"alerts and tables {digest.hexdigest()[:16]}")


def warm_up(process: Popen[bytes], send: Send, output: Path) -> None:
    """Waits until the stream, which starts once, has raised an alert of a first number."""
    first = callback(POOL - 1)
    send(probe(-3, POOL - 1))
    until = time.time() + DRAIN_SECONDS
    while first not in alert_times(output) and process.poll() is None and time.time() < until:
        time.sleep(1)


def measure(process: Popen[bytes], send: Send, output: Path, options: argparse.Namespace) -> None:
    """Feed a running stream for the time that was asked, then say what was seen."""
    chance = random.Random(SEED)
    asked: dict[str, float] = {}
    memory: list[float] = []
    kept: list[float] = []
    number, sent, next_probe = 0, 0.0, 0.0
    warm_up(process, send, output)
    begun = time.time()
    processes = counted(process.pid)
    holders = [pid for pid in processes if pid == process.pid or FLINK in command_line(pid)]
    before = sum(used(pid)[0] for pid in processes)
    while (now := time.time()) < begun + options.minutes * 60:
        if process.poll() is not None:
            sys.exit(f"the stream ended with {process.returncode}: {last_log_line(output)}")
        due = int((now - begun) * options.rate) - int(sent * options.rate)
        sent = now - begun
        rows = [pooled(chance, number + n) for n in range(due)]
        number += due
        if sent >= next_probe:
            next_probe = sent + chance.uniform(*PROBE_SECONDS)
            rows += probe(number, POOL + len(asked))
            number += 2
            asked[callback(POOL + len(asked))] = now
            memory.append(sum(used(pid)[1] for pid in holders))
            kept.append(checkpoint(output.parent))
        send(rows)
        time.sleep(max(0.0, 1 - (time.time() - now)))
    cpu = sum(used(pid)[0] for pid in processes) - before
    minutes = (time.time() - begun) / 60
    until = time.time() + DRAIN_SECONDS
    while not asked.keys() <= (raised := alert_times(output)).keys() and time.time() < until:
        time.sleep(1)
    process.terminate()
    process.wait()
    late = sorted(raised[name] - asked[name] for name in asked if name in raised)
    p99 = late[min(len(late) - 1, int(0.99 * len(late)))]
    print(f"minutes {minutes:.1f}, complaints {number}, CPU s {cpu:.0f}")
    print(f"complaints per CPU second {number / cpu:.1f}")
    print(f"alert latency s: median {statistics.median(late):.1f}, p99 {p99:.1f}")
    print(f"alerts raised {len(late)} of {len(asked)}")
    print(f"MiB at each quarter: {quarters(memory)}")
    if any(kept):
        print(f"MiB of a checkpoint at each quarter: {quarters(kept)}")


if __name__ == "__main__":
    main()
