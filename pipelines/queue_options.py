"""The flags of `ringtrace stream` for Kafka and Pub/Sub."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from pipelines.options import moment

QUEUES = ("kafka", "pubsub")
TIMESTAMPS = {"processing": "ProcessingTime", "create": "CreateTime", "append": "LogAppendTime"}
"""What `--kafka-timestamps` takes, as Beam names it."""

_NAME = r"[A-Za-z0-9._-]{1,249}"
"""A Kafka topic or group."""
_RESOURCE = r"projects/[a-z0-9.:-]{6,63}/%s/[A-Za-z][A-Za-z0-9._~+%%-]{2,254}"
_PATTERNS = {
    "kafka_servers": (r"[^\s,:]+:\d+(,[^\s,:]+:\d+)*", "HOST:PORT[,HOST:PORT]"),
    "kafka_complaints": (_NAME, "a topic's name"),
    "kafka_calls": (_NAME, "a topic's name"),
    "kafka_alerts": (_NAME, "a topic's name"),
    "kafka_group": (_NAME, "a consumer group's name"),
    "kafka_expansion": (r"[^\s,:]+:\d+", "HOST:PORT"),
    "pubsub_complaints": (_RESOURCE % "subscriptions", "projects/PROJECT/subscriptions/NAME"),
    "pubsub_calls": (_RESOURCE % "subscriptions", "projects/PROJECT/subscriptions/NAME"),
    "pubsub_alerts": (_RESOURCE % "topics", "projects/PROJECT/topics/NAME"),
}


def from_when(text: str) -> str:
    """`earliest`, `latest`, or a time with a zone."""
    if text not in ("earliest", "latest"):
        moment(text)
    return text


def add_queues(parser: argparse.ArgumentParser) -> None:
    """Where records come from, and where alerts go, other than files."""
    kafka = parser.add_argument_group(
        "Kafka (ringtrace[kafka]; with --runner Java where the job starts)"
    )
    kafka.add_argument("--kafka-servers", metavar="HOST:PORT,...", help="its brokers")
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": [], "metavar": "TOPIC"}
    kafka.add_argument("--kafka-complaints", **many, help="topics of complaints")
    kafka.add_argument("--kafka-calls", **many, help="topics of call records")
    kafka.add_argument("--kafka-alerts", metavar="TOPIC", help="also send each alert there")
    kafka.add_argument(
        "--kafka-group",
        default="ringtrace",
        metavar="ID",
        help="consumer group, whose offsets are committed (default: ringtrace)",
    )
    kafka.add_argument(
        "--kafka-commit",
        choices=["yes", "no"],
        help="whether the engine commits the group's offsets, which neither Prism nor Flink's job "
        "server can (default: yes on Dataflow, no elsewhere)",
    )
    kafka.add_argument(
        "--kafka-start",
        type=from_when,
        default="earliest",
        metavar="WHERE",
        help="where a group without offsets starts: earliest, latest or a time (default: earliest)",
    )
    kafka.add_argument(
        "--kafka-timestamps",
        choices=list(TIMESTAMPS),
        default="processing",
        help="what moves the watermark; snapshots wait for it (default: processing)",
    )
    kafka.add_argument(
        "--kafka-config",
        metavar="TOML",
        help='more settings of the client, such as security_protocol = "SASL_SSL"',
    )
    kafka.add_argument(
        "--kafka-expansion",
        metavar="HOST:PORT",
        help="a running expansion service, if Beam is not to start one",
    )
    pubsub = parser.add_argument_group("Pub/Sub (needs --runner=DataflowRunner and ringtrace[gcp])")
    pubsub.add_argument("--pubsub-complaints", metavar="NAME", help="subscription of complaints")
    pubsub.add_argument("--pubsub-calls", metavar="NAME", help="subscription of call records")
    pubsub.add_argument("--pubsub-alerts", metavar="NAME", help="topic to also send each alert to")
    pubsub.add_argument(
        "--pubsub-id-label", metavar="NAME", help="attribute that Pub/Sub knows duplicates by"
    )
    pubsub.add_argument(
        "--pubsub-timestamp-attribute",
        metavar="NAME",
        help="attribute with the time that moves the watermark; snapshots wait for it",
    )
    queues = parser.add_argument_group("both")
    queues.add_argument(
        "--encoding",
        choices=["json", "avro", "avro-confluent"],
        default="json",
        help="of a message's value (default: json)",
    )
    queues.add_argument("--avro-schema", metavar="FILE", help="the Avro schema (.avsc) of values")


def check_queues(fields: Mapping[str, Any], error: Callable[[str], NoReturn]) -> str:
    """The one source that was named: `watch`, `kafka` or `pubsub`; otherwise tells `error`."""
    for name, (pattern, wanted) in _PATTERNS.items():
        given = fields[name]
        for one in given if isinstance(given, tuple) else (given,):
            if one is not None and not re.fullmatch(pattern, one):
                error(f"--{name.replace('_', '-')}: {one!r} is not {wanted}")
    topics = (*fields["kafka_complaints"], *fields["kafka_calls"])
    if len(set(topics)) < len(topics):
        error("--kafka-complaints and --kafka-calls: a topic is named twice")
    read = [one for one in QUEUES if fields[f"{one}_complaints"] or fields[f"{one}_calls"]]
    named = [*(["watch"] if fields["watch"] else []), *read]
    if len(named) != 1:
        error(
            "give one source: --watch DIR, --kafka-complaints and --kafka-calls, or "
            "--pubsub-complaints and --pubsub-calls"
        )
    (source,) = named
    if (source == "kafka" or fields["kafka_alerts"]) and not fields["kafka_servers"]:
        error("give --kafka-servers")
    if source == "watch" and (fields["kafka_alerts"] or fields["pubsub_alerts"]):
        error("--watch tells files and a --webhook alone; --kafka-alerts and --pubsub-alerts "
              "need a source of their kind")  # fmt: skip
    if fields["encoding"] != "json" and not fields["avro_schema"]:
        error(f"--encoding {fields['encoding']}: give --avro-schema")
    return source
