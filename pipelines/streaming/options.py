"""The options of `ringtrace stream`: a folder, Kafka or Pub/Sub in, alerts and snapshots out."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from typing import NoReturn

from pipelines.options import (
    CLUSTERING_FLAGS,
    LOCAL_RUNNER,
    PROCESS_FLAGS,
    READING_FLAGS,
    WRITING_FLAGS,
    Row,
    StrictParser,
    UsageError,
    WholeNumber,
    all_of,
    flag,
    gives,
    group,
    moment,
    parse_with_beam,
    several,
    switch,
    with_default_runner,
)
from schemas.enums import EntityKind

MOST_RETENTION_DAYS = 36_500

UP_TO_A_WEEK = WholeNumber(1, 604_800)
"""A number of seconds, up to a week."""

QUEUES = ("kafka", "pubsub")

TIMESTAMPS = {"processing": "ProcessingTime", "create": "CreateTime", "append": "LogAppendTime"}
"""The values of `--kafka-timestamps`, and Beam's names for them."""

_MESSAGE_OPTIONS = ("encoding", "avro_schema")

_KAFKA_NAME = r"[A-Za-z0-9._-]{1,249}"
"""A Kafka topic or group."""

_PUBSUB_NAME = r"projects/[a-z0-9.:-]{6,63}/%s/[A-Za-z][A-Za-z0-9._~+%%-]{2,254}"

_PATTERNS = {
    "kafka_servers": (r"[^\s,:]+:\d+(,[^\s,:]+:\d+)*", "HOST:PORT[,HOST:PORT]"),
    "kafka_complaints": (_KAFKA_NAME, "a topic's name"),
    "kafka_calls": (_KAFKA_NAME, "a topic's name"),
    "kafka_alerts": (_KAFKA_NAME, "a topic's name"),
    "kafka_group": (_KAFKA_NAME, "a consumer group's name"),
    "kafka_expansion": (r"[^\s,:]+:\d+", "HOST:PORT"),
    "pubsub_complaints": (_PUBSUB_NAME % "subscriptions", "projects/PROJECT/subscriptions/NAME"),
    "pubsub_calls": (_PUBSUB_NAME % "subscriptions", "projects/PROJECT/subscriptions/NAME"),
    "pubsub_alerts": (_PUBSUB_NAME % "topics", "projects/PROJECT/topics/NAME"),
}


def start_position(text: str) -> str | int:
    """Parses `earliest`, `latest` or a time with a zone, as the `type` of a flag.

    Returns the word, or milliseconds since 1970.
    """
    return text if text in ("earliest", "latest") else int(moment(text).timestamp() * 1000)


def retention(text: str) -> str:
    """Checks `KIND=DAYS`, as the `type` of a flag; returns the text."""
    kind, _, days = text.partition("=")
    if (
        kind not in tuple(EntityKind)
        or not days.isdecimal()
        or not 1 <= int(days) <= MOST_RETENTION_DAYS
    ):
        raise ArgumentTypeError(
            f"'{text}' is not KIND=DAYS, such as phone=90; kinds: {', '.join(EntityKind)}"
        )
    return text


ALERT_FLAGS = all_of(
    flag(
        "--alert-records",
        "N",
        "people who report one identifier in the window and so raise an alert "
        "(default: %(default)s)",
        type=WholeNumber(2, 100_000),
        default=5,
    ),
    flag(
        "--alert-hours",
        "HOURS",
        "the window of --alert-records (default: %(default)s)",
        type=UP_TO_A_WEEK,
        default=24,
    ),
    flag("--referred", "FILE", "CSV cluster_id,referred_at of clusters to watch for new activity"),
    flag(
        "--webhook",
        "URL",
        "also post each alert there as JSON, core identifiers alone; https, or localhost",
    ),
)
"""The flags of alerts: their conditions and recipients."""


QUEUE_FLAGS = all_of(
    group(
        "Kafka (needs the extra kafka; with --runner, Java where the job starts)",
        flag("--kafka-servers", "HOST:PORT,...", "brokers"),
        several("--kafka-complaints", "TOPIC", "topics of complaints"),
        several("--kafka-calls", "TOPIC", "topics of call records"),
        flag("--kafka-alerts", "TOPIC", "also send each alert there"),
        flag(
            "--kafka-group",
            "NAME",
            "consumer group, whose offsets are committed (default: %(default)s)",
            default="ringtrace",
        ),
        flag(
            "--kafka-commit",
            None,
            "whether the engine commits the group's offsets, which neither Prism nor Flink's job "
            "server can (default: yes on Dataflow, no elsewhere)",
            choices=["yes", "no"],
        ),
        flag(
            "--kafka-start",
            "TIME|earliest|latest",
            "where a group without offsets starts (default: %(default)s)",
            type=start_position,
            default="earliest",
        ),
        flag(
            "--kafka-timestamps",
            None,
            "what moves the watermark; snapshots wait for it (default: %(default)s)",
            choices=list(TIMESTAMPS),
            default="processing",
        ),
        flag(
            "--kafka-config",
            "FILE",
            'TOML of more settings of the client, such as security_protocol = "SASL_SSL"',
        ),
        flag(
            "--kafka-expansion",
            "HOST:PORT",
            "a running expansion service, if Beam is not to start one",
        ),
    ),
    group(
        "Pub/Sub (needs --runner=DataflowRunner and the extra gcp)",
        flag("--pubsub-complaints", "NAME", "subscription of complaints"),
        flag("--pubsub-calls", "NAME", "subscription of call records"),
        flag("--pubsub-alerts", "NAME", "topic to also send each alert to"),
        flag("--pubsub-id-label", "NAME", "attribute that Pub/Sub knows duplicates by"),
        flag(
            "--pubsub-timestamp-attribute",
            "NAME",
            "attribute with the time that moves the watermark; snapshots wait for it",
        ),
    ),
    group(
        "Kafka and Pub/Sub",
        flag(
            "--encoding",
            None,
            "encoding of a message's value (default: %(default)s)",
            choices=["json", "avro", "avro-confluent"],
            default="json",
        ),
        flag("--avro-schema", "FILE", "Avro schema (.avsc) of values"),
    ),
)
"""The flags of sources of records, and of recipients of alerts, that are not files."""


add_arguments = all_of(
    group(
        "Records",
        flag(
            "--watch",
            "DIR",
            "a folder whose complaints/ and calls/ are watched for files, on this machine",
        ),
        READING_FLAGS,
    ),
    QUEUE_FLAGS,
    group(
        "Clusters",
        several(
            "--retention",
            "KIND=DAYS",
            "for how long a kind of identifier counts, such as phone=90",
            type=retention,
        ),
        CLUSTERING_FLAGS,
        several(
            "--offer",
            "OFFER",
            "folder of a partner's offer, of a revocation, or of a hub's feed, read again for "
            "each snapshot: also writes the snapshot joined with it, in joint/; raises no alert",
        ),
    ),
    group("Alerts", ALERT_FLAGS),
    group(
        "Output",
        flag("--output", "DIR", "folder of alerts, snapshots and rejects"),
        flag(
            "--snapshot-interval",
            "SECONDS",
            "least time between two snapshots (default: %(default)s)",
            type=UP_TO_A_WEEK,
            default=3600,
        ),
        WRITING_FLAGS,
    ),
    group(
        "Process",
        flag(
            "--tick-interval",
            "SECONDS",
            "least time between two ticks, which look at all evidence (default: %(default)s)",
            type=UP_TO_A_WEEK,
            default=10,
        ),
        flag(
            "--stop-after-idle",
            "SECONDS",
            "write a last snapshot and end when nothing has come for so long",
            type=UP_TO_A_WEEK,
        ),
        switch(
            "--migrate-state",
            "go on from a state/ of an earlier version, which is written again in this one",
        ),
        PROCESS_FLAGS,
    ),
)
"""The flags of `ringtrace stream`."""


def chosen_source(fields: Row, error: Callable[[str], NoReturn]) -> str:
    """Returns the only source that the flags name: `watch`, `kafka` or `pubsub`.

    Args:
        fields: the values of all flags.
        error: raises an error with a message.
    """
    for name, (pattern, wanted) in _PATTERNS.items():
        value = fields[name]
        for text in value if isinstance(value, tuple) else (value,):
            if text is not None and not re.fullmatch(pattern, text):
                error(f"--{name.replace('_', '-')}: {text!r} is not {wanted}")
    topics = (*fields["kafka_complaints"], *fields["kafka_calls"])
    if len(set(topics)) < len(topics):
        error("--kafka-complaints and --kafka-calls: a topic is named twice")
    read = [queue for queue in QUEUES if fields[f"{queue}_complaints"] or fields[f"{queue}_calls"]]
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
        error(
            "--watch sends alerts to files and a --webhook alone; --kafka-alerts and "
            "--pubsub-alerts need a source of their kind"
        )
    if unused := _unused_option(fields, source):
        error(f"{unused}: is for another source than the one that is given; leave it out")
    if fields["encoding"] != "json" and not fields["avro_schema"]:
        error(f"--encoding {fields['encoding']}: give --avro-schema")
    return source


def _unused_option(fields: Row, source: str) -> str:
    """Returns an option that was given without effect, if there is one."""
    parser = ArgumentParser(add_help=False)
    QUEUE_FLAGS(parser)
    used = {queue for queue in QUEUES if source == queue or fields[f"{queue}_alerts"]}
    for name, default in vars(parser.parse_args([])).items():
        is_set = fields[name] != (tuple(default) if isinstance(default, list) else default)
        if is_set and not (name.partition("_")[0] in used or (used and name in _MESSAGE_OPTIONS)):
            return f"--{name.replace('_', '-')}"
    return ""


def stream_options(arguments: Namespace) -> Namespace:
    """Checks parsed flags.

    Adds `source` (watch, kafka or pubsub), and `local` for a process on this machine with its state
    on disk.

    Args:
        arguments: the result of `parse_with_beam`.

    Raises:
        UsageError: without a single source or --output, or for flags that exclude each other.
    """
    fields = dict(vars(arguments))
    usage_error, flags = fields.pop("usage_error"), fields.pop("beam")
    from transforms.alerts import webhook_url_problem  # with Beam, as --help need not

    source = chosen_source(fields, usage_error)
    if not fields["output"]:
        usage_error("give --output")
    if fields["webhook"] and (problem := webhook_url_problem(fields["webhook"])):
        usage_error(f"--webhook: {problem}")
    named = gives(flags, "--runner")
    if source == "watch" or (source == "kafka" and not named):
        flags = with_default_runner(flags, LOCAL_RUNNER)
        if f"--runner={LOCAL_RUNNER}" not in flags:
            raise UsageError(
                f"--watch: runs on this machine alone, with --runner={LOCAL_RUNNER}; leave "
                "--runner out, or read the records from Kafka or Pub/Sub"
            )
        if fields["encoding"] != "json":
            usage_error("--encoding: json alone, unless --runner names an engine")
    elif fields["offer"]:
        usage_error(
            "--offer: not with --runner, since nobody joins the snapshots of a remote job; leave "
            "--runner out, or give the offers to ringtrace batch"
        )
    elif not named:
        usage_error("give --runner=DataflowRunner: Pub/Sub is read there alone")
    elif fields["stop_after_idle"] is not None:
        usage_error("--stop-after-idle: not with --runner; drain the job instead")
    elif fields["migrate_state"]:
        usage_error("--migrate-state: not with --runner; an engine keeps the state of its job")
    days = dict(pair.split("=") for pair in fields["retention"])
    fields["retention"] = {kind: int(count) for kind, count in days.items()}
    local = f"--runner={LOCAL_RUNNER}" in flags
    return Namespace(**fields, source=source, beam=flags, local=local)


def parse(arguments: Sequence[str]) -> Namespace:
    """Parses the arguments of `ringtrace stream`.

    Raises:
        UsageError: for an unknown flag, a bad value, or no source or --output.
    """
    parser = StrictParser(prog="ringtrace stream")
    add_arguments(parser)
    return stream_options(parse_with_beam(parser, arguments))
