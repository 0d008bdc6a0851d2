"""The engines, each as a context manager that yields the address to give to a pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines import cache
from tests.engines.processes import JVM, free_port, java, running, wait_for

HOST = "127.0.0.1"

CLUSTER = "cmluZ3RyYWNlLWVuZ2luZQ"
"""Any 16 bytes in base64."""

_KAFKA = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""

FLINK = "org.apache.beam.runners.flink.FlinkJobServerDriver"
"""The main class of Beam's job server for Flink."""

OPENED = (
    *("java.lang", "java.lang.reflect", "java.io", "java.net", "java.nio", "sun.nio.ch"),
    *("java.text", "java.time", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.util.concurrent.locks"),
)
"""Packages that Flink's own start scripts open to it (env.java.opts.all of its config.yaml)."""

STACK = "-Xss4m"
"""For Beam's job server, which walks a pipeline by recursion."""


@contextmanager
def kafka(folder: Path, port: int = 0) -> Iterator[str]:
    """A Kafka broker in KRaft mode that keeps its log in `folder`; yields its address.

    Brought up again on the same folder it has what was written before.
    """
    lib = cache.jars("kafka")
    port = port or free_port()
    settings = folder / "server.properties"
    data = folder / "data"
    settings.write_text(
        _KAFKA.format(host=HOST, port=port, controller=free_port(), data=data), encoding="utf-8"
    )
    if not data.exists():
        words = ("format", "--standalone", "--cluster-id", CLUSTER, "--config", str(settings))
        format_data = java(lib, "kafka.tools.StorageTool", *words)
        subprocess.run(format_data, check=True, capture_output=True)
    command = java(lib, "kafka.Kafka", str(settings))
    with running(command, folder / "kafka.log", r"Kafka Server started"):
        yield f"{HOST}:{port}"


@contextmanager
def beam_kafka(folder: Path, port: int = 0) -> Iterator[str]:
    """Beam's expansion service for Kafka, and the Java worker for it; yields its address."""
    lib = cache.jars("beam-kafka")
    port = port or free_port()
    worker = java(lib, "org.apache.beam.fn.harness.ExternalWorkerService")
    address = r"started at address: (\S+)"
    nothing = {"PIPELINE_OPTIONS": "{}"}
    with running(worker, folder / "worker.log", address, environment=nothing) as started:
        service = java(
            lib,
            "org.apache.beam.sdk.expansion.service.ExpansionService",
            str(port),
            "--defaultEnvironmentType=EXTERNAL",
            f"--defaultEnvironmentConfig={started[1]}",
            f"--filesToStage={__file__}",  # its worker has the jars, which each job would copy
        )
        with running(service, folder / "expansion.log", r"kafka_read:v1[\s\S]*\n\s*beam:"):
            wait_for(port)  # it lists what it offers before it listens
            yield f"{HOST}:{port}"


@contextmanager
def prism(folder: Path, port: int = 0) -> Iterator[str]:
    """Beam's Prism as a job server; yields its address."""
    port = port or free_port()
    command = [str(cache.prism()), f"--job_port={port}", "--serve_http=false", "--log_level=info"]
    with running(command, folder / "prism.log", r"Serving JobManagement"):
        yield f"localhost:{port}"


@contextmanager
def flink(folder: Path, port: int = 0) -> Iterator[str]:
    """Beam's Flink job server with an embedded cluster; yields its address."""
    lib = cache.jars("flink")
    port = port or free_port()
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    command = java(
        lib,
        FLINK,
        "--flink-master=[local]",
        f"--job-host={HOST}",
        f"--job-port={port}",
        "--artifact-port=0",
        "--expansion-port=0",
        f"--artifacts-dir={folder / 'staged'}",
        heap=(*JVM, *opened, "-Xmx1g", STACK),
    )
    with running(command, folder / "flink.log", r"JobService started on"):
        yield f"{HOST}:{port}"


@contextmanager
def workers(folder: Path) -> Iterator[str]:
    """A pool that starts Python workers as processes of their own; yields its address."""
    port = free_port()
    pool = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [*pool, f"--service_port={port}"]
    with running(command, folder / "pool.log", r"Started worker pool", environment={"PATH": path}):
        yield f"{HOST}:{port}"
