"""State on a stream: late and repeated records, ticks that fire once, nothing that waits."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import apache_beam as beam
import pyarrow as pa
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import TimestampedValue

from pipelines.runner import make_pipeline
from schemas.enums import RecordKind
from tests.support.made_up_deltas import START, accepted, delta_of
from tests.support.made_up_evidence import mentions_of
from transforms.decisions import DecisionsInForce
from transforms.engine import MAIN
from transforms.read.framing import Origin, Record
from transforms.read.rejects import make_reject, rejects_batch
from transforms.stream import KEYED_BY_PARTITION, deltas_of_records
from transforms.stream.state import (
    COUNTERS,
    DELTAS,
    FINGERPRINTS,
    RECORDS,
    REJECTED,
    RETENTION_DAYS,
    TICKS,
    KeepState,
    Tick,
    ticks_at_pulse,
    unexpired,
    with_record_times,
)

COLUMNS = {
    RECORDS: "record_id",
    MAIN: "entity_id",
    FINGERPRINTS: "complaint_id",
    REJECTED: "position",
}

NUMBER, OTHER = "(888) 555-0123", "(888) 555-0199"


def row(id_, day, number=NUMBER, **more):
    return {"id": id_, "day": day, "numbers": [number]} | more


@dataclass(eq=False)
class Events(beam.PTransform):
    """A TestStream: batches of accepted complaints, rejects, and ticks by their second."""

    events: tuple

    def expand(self, begin):
        stream = TestStream()
        for event in self.events:
            if isinstance(event, Tick):
                stream.advance_watermark_to(event.second)
                stream.add_elements([TimestampedValue(event, event.second)])
                stream.advance_watermark_to(event.second + 1)
            else:
                stream.add_elements([event])
        return begin | stream.advance_watermark_to_infinity()


def collected(pipeline, values):
    """Runs, and returns the elements of a PCollection."""
    with NamedTemporaryFile() as file:
        assert_that(values, partial(write_to, file.name))
        pipeline.run().wait_until_finish()
        return json.loads(Path(file.name).read_text())


def write_to(name, values):
    Path(name).write_text(json.dumps(list(values)))


def of(kind, name):
    def chosen(event):
        return isinstance(event, kind) and (kind is Tick or ("code" in event.schema.names) == name)

    return chosen


def seen(events, days=None):
    """By second of the tick: ids of records, entity ids, positions of rejects, and counts."""
    pipeline = make_pipeline(["--runner=BundleBasedDirectRunner"])
    stream = pipeline | Events(tuple(events))
    kept = {
        DELTAS: stream
        | "Rows" >> beam.Filter(of(pa.RecordBatch, False))
        | beam.FlatMap(deltas_of_records, RecordKind.COMPLAINT, {}).with_output_types(
            KEYED_BY_PARTITION
        ),
        REJECTED: stream | "Rejects" >> beam.Filter(of(pa.RecordBatch, True)),
        TICKS: stream | "Ticks" >> beam.Filter(of(Tick, None)),
    } | KeepState(days or RETENTION_DAYS)

    def lines_of(batch, name, window=beam.DoFn.WindowParam):
        second = int(window.start.micros // 1_000_000)
        if name == COUNTERS:
            yield second, batch[0][1], batch[1]
        else:
            rows = mentions_of(batch) if name == MAIN else batch
            for value in rows[COLUMNS[name]].to_pylist():
                yield second, name, value

    lines = [
        kept[name] | f"Tell {name}" >> beam.FlatMap(lines_of, name) for name in (*COLUMNS, COUNTERS)
    ]

    together = tuple(lines) | beam.Flatten() | beam.WindowInto(beam.window.GlobalWindows())
    ticks = {}
    for second, name, value in collected(pipeline, together):
        ticks.setdefault(second, {}).setdefault(name, []).append(value)
    return {
        second: {
            name: sum(values) if name in ("duplicates", "expired") else sorted(values)
            for name, values in tables.items()
        }
        for second, tables in ticks.items()
    }


def test_a_tick_has_all_that_came_before_it_and_each_record_and_reject_once():
    origin = Origin("t", "jsonl", RecordKind.COMPLAINT)
    refused = rejects_batch([make_reject(origin, Record(7, b"", 0), "broken_json", "no")])
    events = [
        accepted(row("c1", 30), row("c2", 30)),
        refused,
        Tick(10, snapshot=False),
        accepted(row("late", 1, OTHER), row("c1", 30)),
        Tick(20, snapshot=True),
        accepted(row("c1", 31, OTHER)),  # a newer version
        Tick(30, snapshot=False),
    ]
    ticks = seen(events)
    assert ticks[10][RECORDS] == ["c1", "c2"]
    assert ticks[20][RECORDS] == ["c1", "c2", "late"]
    assert ticks[10][MAIN] == ["phone:+18885550123"] * 2
    assert ticks[20][MAIN] == ["phone:+18885550123"] * 2 + ["phone:+18885550199"]
    assert ticks[30][MAIN] == ["phone:+18885550123"] + ["phone:+18885550199"] * 2
    assert [ticks[second]["duplicates"] for second in (10, 20, 30)] == [0, 1, 2]
    assert ticks[10][REJECTED] == [7]
    assert REJECTED not in ticks[20] and REJECTED not in ticks[30]


def test_what_is_too_late_is_counted_and_not_there():
    days = dict.fromkeys(RETENTION_DAYS, 90)
    events = [accepted(row("c", 0), row("c", 91)), Tick(10, snapshot=False)]
    assert seen(events, days)[10][MAIN] == ["phone:+18885550123"]
    # Of ids in other partitions the newest record of all decides, a step later.
    both = delta_of(row("old", 0), row("new", 91, OTHER))
    rows = with_record_times(both.records, both.evidence)
    assert rows.num_rows == 2
    left = unexpired(rows, DecisionsInForce(newest=START + timedelta(days=91)), days)
    assert left["record_id"].to_pylist() == ["new"]
    assert unexpired(rows, DecisionsInForce(newest=START + timedelta(days=90)), days).num_rows == 2


def test_ticks_by_the_clock_skip_what_was_slept_through(monkeypatch):
    monkeypatch.setattr("transforms.stream.state.time.time", lambda: 1000.0)
    pulses = [second + 0.5 for second in range(960, 1000)]
    ticks = [tick for pulse in pulses for tick in ticks_at_pulse(pulse, 10, 60)]
    assert [(tick.second, tick.snapshot) for tick in ticks] == [(960, True), (990, False)]
