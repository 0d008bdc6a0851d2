"""The transform: the same rows as reading shard by shard, on Beam."""

import json

import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to

from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import ReadRecords


def positions(batch):
    return [
        (row["source"], row["position"]) for row in batch.select(["source", "position"]).to_pylist()
    ]


def test_rows_rejects_and_digests(tmp_path):
    complaints, calls, empty = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    row = json.dumps({"complaint_id": "1", "source_org": "x"})
    complaints.write_text("\n".join([row, "{", row, row]))
    calls.write_text(json.dumps({"call_id": "1", "started_at": "x"}))
    empty.write_text("")
    options = ReadOptions()
    files = tuple(plan_input_files([str(complaints), str(empty)], [str(calls)], options))
    with beam.Pipeline("FnApiRunner") as pipeline:
        outputs = pipeline | ReadRecords(files, options, shard_bytes=20)
        wanted = {
            "complaints": [("a.jsonl", 1), ("a.jsonl", 3), ("a.jsonl", 4)],
            "calls": [("b.jsonl", 1)],
            "rejects": [("a.jsonl", 2)],
        }
        for name, rows in wanted.items():
            read = outputs[name] | f"Rows {name}" >> beam.FlatMap(positions)
            assert_that(read, equal_to(rows), label=name)
        sizes = outputs["digests"] | beam.Map(
            lambda digest: (digest["label"], digest["kind"], digest["bytes"])
        )
        assert_that(
            sizes,
            equal_to(
                [
                    ("a.jsonl", "complaint", complaints.stat().st_size),
                    ("b.jsonl", "call", calls.stat().st_size),
                    ("c.jsonl", "complaint", 0),
                ]
            ),
            label="digests",
        )
