"""Batches cut by key: every row once, equal keys together."""

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from hypothesis import given, strategies as st

from transforms.arrow import hash_columns
from transforms.engine import KeyedInput, PerPartition, split_by_key

SCHEMA = pa.schema([("a", pa.string()), ("b", pa.string()), ("n", pa.int64())])

CELLS = st.none() | st.sampled_from(("", "x", "y", "xy")) | st.text(max_size=3)

ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=30)


def batch(rows, start=0):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], []]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(columns[0], pa.string()),
            pa.array(columns[1], pa.string()),
            pa.array(range(start, start + len(rows)), pa.int64()),
        ],
        schema=SCHEMA,
    )


@given(ROWS, st.integers(1, 40))
def test_every_row_is_in_exactly_one_partition(rows, partitions):
    parts = list(split_by_key(batch(rows), ("a", "b"), partitions))
    assert sorted(n for _, part in parts for n in part["n"].to_pylist()) == list(range(len(rows)))
    numbers = [partition for partition, _ in parts]
    assert numbers == sorted(set(numbers))
    assert all(0 <= number < partitions and part.num_rows for number, part in parts)


@given(ROWS, ROWS, st.integers(0, 30))
def test_equal_keys_share_a_partition_whatever_batch_they_are_in(rows, others, start):
    owner = {}
    for whole in (batch(rows), batch(rows).slice(start), batch(others + rows)):
        for partition, part in split_by_key(whole, ("a", "b")):
            for key in zip(part["a"].to_pylist(), part["b"].to_pylist(), strict=True):
                assert owner.setdefault(key, partition) == partition


@given(ROWS)
def test_hashes_are_a_function_of_the_text_alone(rows):
    whole = hash_columns(batch(rows), ("a", "b")).tolist()
    assert whole == [int(hash_columns(batch([row]), ("a", "b"))[0]) for row in rows]
    assert all(0 <= number < 1 << 63 for number in whole)
    distinct = {(a or "", b or "") for a, b in rows}
    assert len(set(whole)) >= len({pair for pair in distinct if all(pair)})


def test_the_pipelines_options_say_how_many_partitions_there_are():
    flags = PipelineOptions(["--partitions=3", "--runner=FnApiRunner"])
    rows = batch([(f"id-{n}", None) for n in range(300)])

    def check(sizes):
        assert len(sizes) == 3
        assert sum(sizes) == 300

    with TestPipeline(options=flags) as pipeline:
        rows = pipeline | beam.Create([rows, rows.slice(0, 0)], reshuffle=False)
        keyed = {"rows": KeyedInput(SCHEMA, ("a",))}
        assert_that({"rows": rows} | PerPartition(keyed, sizes_of), check)


def sizes_of(table):
    yield table.num_rows
