"""A stream on Flink that loses its workers, or all of Flink, goes on from its last checkpoint."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.engines import servers
from tests.engines.processes import children, named
from tests.engines.test_stream import HALF, alert_facts, alerts_in, flags, lines
from tests.engines.topics import read_all, send
from tests.support.real_data import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.flink]

LONGEST = 240
"""Seconds until a stream must have sent what there is."""

RESTORED = "CheckpointCoordinator - Restoring job"
"""The line of Flink when a job begins with the state of a checkpoint."""


@dataclass(frozen=True)
class Place:
    """The places that a stream reads and writes: brokers, a topic, and a folder of its own."""

    kafka: str
    expansion: str
    topic: str
    folder: Path

    @property
    def output(self):
        """The folder of alerts."""
        return self.folder / "flink"

    @property
    def checkpoints(self):
        """Those that are whole, the newest last."""
        paths = (self.folder / "checkpoints").glob("*/chk-*/_metadata")
        return [path.parent for path in sorted(paths, key=lambda path: path.stat().st_mtime)]

    @contextmanager
    def stream(self, job_server, pool, *more):
        """`ringtrace stream` on Flink until the block ends."""
        words = [
            *("stream", "--kafka-servers", self.kafka, "--kafka-complaints", self.topic),
            *("--kafka-alerts", f"{self.topic}-told", "--kafka-expansion", self.expansion),
            *("--tick-interval", "2", "--alert-hours", "240", "--output", str(self.output)),
            *("--runner=PortableRunner", f"--job_endpoint={job_server}"),
            *("--environment_type=EXTERNAL", f"--environment_config={pool}"),
            *("--checkpointing_interval=2000", "--externalized_checkpoints_enabled"),
            "--state_backend=filesystem",
            f"--state_backend_storage_path=file://{self.folder}/checkpoints",
            *more,
        ]
        command = [sys.executable, "-m", "pipelines.cli", *words]
        with (self.folder / "stream.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def undisturbed(self):
        """The clusters of a stream on this machine over the whole topic."""
        assert main(flags(self.kafka, self.topic, self.folder / "calm")) == 0
        return alert_facts(self.folder / "calm")

    def assert_sent(self, expected):
        """Each alert is in one file, and in the topic under its id.

        What had been sent since the last checkpoint is sent again, then with what has come since,
        which is then what the file says.
        """
        until(lambda: len(alerts_in(self.output)) >= len(expected))
        time.sleep(6)  # a few ticks more, which must tell nothing
        assert alert_facts(self.output) == expected
        sent = {}
        for key, value in read_all(self.kafka, f"{self.topic}-told"):
            sent[key.decode()] = value + b"\n"
        assert sent == alerts_in(self.output)


@pytest.fixture
def place(kafka, beam_kafka, topic, tmp_path):
    """A topic and a folder of this test."""
    return Place(kafka, beam_kafka, topic, tmp_path)


@pytest.fixture
def pool(tmp_path):
    """The address of a pool of Python workers."""
    with servers.workers(tmp_path) as address:
        yield address


@pytest.fixture
def halves():
    """The records of the test in two parts, in no order, the second with some of the first."""
    rows = lines()
    random.Random(1).shuffle(rows)
    return rows[:HALF], [*rows[HALF:], *rows[:9]]


def until(holds):
    """Wait until something holds."""
    end = time.monotonic() + LONGEST
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.5)


def kill(processes):
    """End processes at once."""
    assert processes
    for process_id in processes:
        os.kill(process_id, signal.SIGKILL)


def test_workers_that_are_killed_lose_and_double_no_alert(place, pool, halves, tmp_path):
    first, second = ([(None, row) for row in half] for half in halves)
    send(place.kafka, place.topic, first)
    (tmp_path / "server").mkdir()
    with servers.flink(tmp_path / "server") as job_server, place.stream(job_server, pool):
        until(lambda: alerts_in(place.output) and place.checkpoints)
        (service,) = named(f"worker_pool_main --service_port={pool.rpartition(':')[2]}")
        kill(children(service))
        send(place.kafka, place.topic, second)
        place.assert_sent(place.undisturbed())
    assert RESTORED in (tmp_path / "server" / "flink.log").read_text()


def test_another_flink_goes_on_from_the_checkpoint_of_one_that_was_killed(
    place, pool, halves, tmp_path
):
    first, second = ([(None, row) for row in half] for half in halves)
    send(place.kafka, place.topic, first)
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
    with servers.flink(tmp_path / "one") as job_server, place.stream(job_server, pool):
        until(lambda: alerts_in(place.output) and place.checkpoints)
        kill(
            named(
                f"FlinkJobServerDriver --flink-master=[local] --job-host={servers.HOST} "
                f"--job-port={job_server.rpartition(':')[2]}"
            )
        )
    send(place.kafka, place.topic, second)
    before = len(alerts_in(place.output))
    (tmp_path / "flink-conf.yaml").write_text(f"execution.savepoint.path: {place.checkpoints[-1]}")
    last = f"--flink_conf_dir={tmp_path}"
    with servers.flink(tmp_path / "another") as job_server, place.stream(job_server, pool, last):
        place.assert_sent(place.undisturbed())
    assert before < len(alerts_in(place.output))
    assert RESTORED in (tmp_path / "another" / "flink.log").read_text()
