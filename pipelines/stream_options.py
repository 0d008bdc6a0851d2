"""The flags of `ringtrace stream`: where records come from, what is told of them, and where."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.options import (
    EPILOG,
    LOCAL_RUNNER,
    StrictParser,
    UsageError,
    add_reading,
    with_config,
    with_runner,
)
from pipelines.queue_options import add_queues, check_queues
from schemas.kinds import EntityKind
from transforms.alerts.address import check_url

LONGEST_LIFE = 36_500


@dataclass(frozen=True)
class StreamOptions:
    """What one stream was asked to do."""

    source: str
    """watch, kafka or pubsub."""
    watch: str | None
    output: str
    stop_after_idle: float | None
    every: int
    snapshot_every: int
    keep: Mapping[str, int]
    alert_records: int
    alert_hours: int
    referred: str | None
    webhook: str | None
    kafka_servers: str | None
    kafka_complaints: tuple[str, ...]
    kafka_calls: tuple[str, ...]
    kafka_alerts: str | None
    kafka_group: str
    kafka_commit: str | None
    kafka_start: str
    kafka_timestamps: str
    kafka_config: str | None
    kafka_expansion: str | None
    pubsub_complaints: str | None
    pubsub_calls: str | None
    pubsub_alerts: str | None
    pubsub_id_label: str | None
    pubsub_timestamp_attribute: str | None
    encoding: str
    avro_schema: str | None
    known_legitimate: tuple[str, ...]
    previous: str | None
    decisions: str | None
    weights: str | None
    complaints_format: str | None
    calls_format: str | None
    calls_direction: str | None
    source_org: str | None
    passport_keys: tuple[str, ...]
    shards: int
    no_wait: bool
    debug: bool
    beam: tuple[str, ...]

    @property
    def local(self) -> bool:
        """Whether the stream is a process on this machine, with its state on disk."""
        return f"--runner={LOCAL_RUNNER}" in self.beam


def seconds(text: str) -> int:
    """A whole number of seconds from 1 to a week."""
    if not text.isdecimal() or not 1 <= int(text) <= 604_800:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 604800")
    return int(text)


def at_least_two(text: str) -> int:
    """A whole number from 2 to 100,000."""
    if not text.isdecimal() or not 2 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 2 to 100000")
    return int(text)


def life(text: str) -> str:
    """`KIND=DAYS`, as it was given."""
    kind, _, days = text.partition("=")
    if kind not in tuple(EntityKind) or not days.isdecimal() or not 1 <= int(days) <= LONGEST_LIFE:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not KIND=DAYS, such as phone=90; kinds: {', '.join(EntityKind)}"
        )
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ringtrace stream`."""
    parser.add_argument(
        "--watch",
        metavar="DIR",
        help="a folder whose complaints/ and calls/ are watched for files, on this machine",
    )
    parser.add_argument("--output", metavar="DIR", help="folder of alerts, snapshots and rejects")
    parser.add_argument(
        "--stop-after-idle",
        type=seconds,
        metavar="SECONDS",
        help="write a last snapshot and end when nothing has come for so long",
    )
    parser.add_argument(
        "--every",
        type=seconds,
        default=10,
        metavar="SECONDS",
        help="least time between two looks at the evidence as a whole (default: 10)",
    )
    parser.add_argument(
        "--snapshot-every",
        type=seconds,
        default=3600,
        metavar="SECONDS",
        help="least time between two snapshots (default: 3600)",
    )
    parser.add_argument(
        "--keep",
        type=life,
        nargs="+",
        action="extend",
        default=[],
        metavar="KIND=DAYS",
        help="for how long a kind of identifier counts, such as phone=90",
    )
    add_alerts(parser)
    add_queues(parser)
    add_reading(parser)


def add_alerts(parser: argparse.ArgumentParser) -> None:
    """The flags that say what raises an alert and who is told."""
    parser.add_argument(
        "--alert-records",
        type=at_least_two,
        default=5,
        metavar="N",
        help="records of one identifier within the window that raise an alert (default: 5)",
    )
    parser.add_argument(
        "--alert-hours",
        type=seconds,
        default=24,
        metavar="HOURS",
        help="the window of --alert-records (default: 24)",
    )
    parser.add_argument(
        "--referred",
        metavar="FILE",
        help="CSV cluster_id,referred_at of clusters to watch for new activity",
    )
    parser.add_argument(
        "--webhook", metavar="URL", help="also post each alert there as JSON; https, or localhost"
    )


def parse(arguments: Sequence[str], prog: str = "ringtrace stream") -> StreamOptions:
    """Command line to options.

    Raises:
        UsageError: for an unknown flag, a bad value, or no source or --output.
    """
    parser = StrictParser(prog=prog, description=__doc__.partition("\n")[0], epilog=EPILOG)
    add_arguments(parser)
    fields, flags = with_config(parser, arguments)
    source = check_queues(fields, parser.error)
    if not fields["output"]:
        parser.error("give --output")
    if fields["webhook"] and (problem := check_url(fields["webhook"])):
        parser.error(f"--webhook: {problem}")
    named = any(flag.partition("=")[0] == "--runner" for flag in flags)
    if source == "watch" or (source == "kafka" and not named):
        flags = _local(flags)
        if fields["encoding"] != "json":
            parser.error("--encoding: json alone, unless --runner names an engine")
    elif not named:
        parser.error("give --runner=DataflowRunner: Pub/Sub is read there alone")
    elif fields["stop_after_idle"] is not None:
        parser.error("--stop-after-idle: not with --runner; drain the job instead")
    return StreamOptions(**fields | {"keep": _days(fields["keep"])}, source=source, beam=flags)


def _local(flags: tuple[str, ...]) -> tuple[str, ...]:
    flags = with_runner(flags, LOCAL_RUNNER)
    if f"--runner={LOCAL_RUNNER}" not in flags:
        raise UsageError(
            f"--watch: runs on this machine alone, with --runner={LOCAL_RUNNER}; for another "
            "runner let the records come from Kafka or Pub/Sub"
        )
    return flags


def _days(given: Sequence[str]) -> dict[str, int]:
    pairs: list[tuple[str, Any]] = [tuple(one.split("=")) for one in given]  # type: ignore[misc]
    return {kind: int(days) for kind, days in pairs}
