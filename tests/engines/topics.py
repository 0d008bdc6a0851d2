"""Send to and read from topics of a broker, without Beam."""

from __future__ import annotations

from collections.abc import Iterable

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

Pair = tuple[bytes | None, bytes]
Headers = list[tuple[str, bytes]]
Sent = Pair | tuple[bytes | None, bytes, Headers]


def send(bootstrap: str, topic: str, messages: Iterable[Sent]) -> None:
    """Send (key, value) or (key, value, headers), and return when the broker has them all."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        waiting = [
            producer.send(topic, key=key, value=value, headers=headers[0] if headers else None)
            for key, value, *headers in messages
        ]
        for result in waiting:
            result.get(timeout=30)
    finally:
        producer.close()


def read_all(bootstrap: str, topic: str) -> list[Pair]:
    """Every (key, value) that a topic holds now, by partition and offset."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
        partitions = [TopicPartition(topic, number) for number in numbers]
        if not partitions:
            return []  # nobody sent anything yet
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        pairs: list[Pair] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                pairs.extend((record.key, record.value) for record in records)
        return pairs
    finally:
        consumer.close()


def partition_of(bootstrap: str, topic: str) -> TopicPartition:
    """The one partition of a topic that holds anything."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        numbers = consumer.partitions_for_topic(topic) or ()
        ends = consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
        (held,) = [partition for partition, end in ends.items() if end]
        return held
    finally:
        consumer.close()
