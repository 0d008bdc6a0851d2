"""From the options of a stream to its plan: lists read and checked before anything starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apache_beam as beam

from pipelines import plan, previous
from pipelines.queue_source import client_settings, kafka_settings
from pipelines.referred import read_referred
from pipelines.stream_options import StreamOptions
from pipelines.streaming import Look, StreamPlan
from transforms.alerts.files import WriteAlerts
from transforms.alerts.once import Once
from transforms.alerts.queues import ToKafka, ToPubSub
from transforms.alerts.rules import Rules
from transforms.alerts.topic import SendAlerts
from transforms.alerts.webhook import PostAlerts
from transforms.live.expiry import DAYS
from transforms.live.keep import Keep
from transforms.live.one_place import LookAtOnePlace
from transforms.live.snapshot import Snapshots
from transforms.read.options import ReadOptions


def reading(options: StreamOptions) -> ReadOptions:
    """What the user says about the inputs."""
    return ReadOptions(
        complaints_format=options.complaints_format,
        calls_format=options.calls_format,
        source_org=options.source_org,
        calls_direction=options.calls_direction,
        passport_keys=tuple(plan.read_text(path) for path in options.passport_keys),
    )


def days(options: StreamOptions) -> dict[str, int]:
    """For how long each kind of identifier counts."""
    return {str(kind): options.keep.get(kind, life) for kind, life in DAYS.items()}


def make_plan(
    options: StreamOptions, source: beam.PTransform, keep: beam.PTransform, *, snapshot: bool
) -> StreamPlan:
    """The plan of ticks on this machine, with or without one; the ledger of alerts is on its disk.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    whole = look(options)
    shown = whole if snapshot else replace(whole, snapshots=None)
    return StreamPlan(source, keep, shown, once=None, tell=sinks(options))


def engine_plan(options: StreamOptions, source: beam.PTransform) -> StreamPlan:
    """The plan of a stream on an engine that keeps state.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    return StreamPlan(
        source, Keep(days(options)), LookAtOnePlace(look(options)), Once(), sinks(options)
    )


def look(options: StreamOptions) -> Look:
    """Look at every list before the stream starts.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    previous.find(options.previous)
    told = {
        "alert_hours": options.alert_hours,
        "alert_records": options.alert_records,
        "calls_direction": options.calls_direction,
        "decisions": plan.told(options.decisions),
        "keep": days(options),
        "known_legitimate": [Path(path).name for path in options.known_legitimate],
        "referred": plan.told(options.referred),
        "source_org": options.source_org,
        "weights": plan.told(options.weights),
    }
    output = options.output.rstrip("/")
    return Look(
        output=output,
        known=plan.known_legitimate(options.known_legitimate),
        previous=options.previous,
        decisions=plan.decisions_in(options.decisions),
        weights=plan.weights_in(options.weights),
        days=days(options),
        shards=options.shards,
        snapshots=Snapshots(output, plan.versions(), told),
        rules=Rules(
            records=options.alert_records,
            within=timedelta(hours=options.alert_hours),
            referred=read_referred(options.referred),
        ),
    )


def sinks(options: StreamOptions) -> dict[str, beam.PTransform]:
    """Who is told of alerts: files always, and what the options name."""
    output = options.output.rstrip("/")
    told: dict[str, beam.PTransform] = {"files": WriteAlerts(output)}
    if options.webhook:
        told["webhook"] = PostAlerts(options.webhook, output, owe=options.local)
    if options.kafka_alerts and options.local:
        told["Kafka"] = SendAlerts(
            options.kafka_servers or "", options.kafka_alerts, output, client_settings(options)
        )
    elif options.kafka_alerts:
        told["Kafka"] = ToKafka(
            kafka_settings(options), options.kafka_alerts, options.kafka_expansion
        )
    if options.pubsub_alerts:
        told["Pub/Sub"] = ToPubSub(options.pubsub_alerts)
    return told
