"""Written tables: every one of them, empty and full, the same bytes for the same rows."""

from io import BytesIO

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.util import assert_that
from hypothesis import given, strategies as st

from schemas.tables import ALL_TABLES, MEMBERS, SUPPLIERS
from tests.support.examples import draws
from tests.support.made_up_tables import rows_of
from transforms.custody import RunSettings
from transforms.write.publish import WriteTables, parquet_bytes, sort_rows

EACH = pytest.mark.parametrize("table", ALL_TABLES, ids=[table.name for table in ALL_TABLES])


def read(content):
    return pq.read_table(BytesIO(content))


@EACH
@draws(8)
@given(data=st.data())
def test_the_same_rows_in_any_order_are_the_same_bytes(table, data):
    rows = data.draw(rows_of(table))
    content = parquet_bytes(pa.Table.from_pylist(rows, table.schema), table).to_pybytes()
    reread = read(content)
    assert [field.metadata for field in reread.schema] == [field.metadata for field in table.schema]
    assert reread.schema.names == table.schema.names
    reread = reread.cast(table.schema)
    assert sorted(map(repr, reread.to_pylist())) == sorted(
        map(repr, pa.Table.from_pylist(rows, table.schema).to_pylist())
    )
    shuffled = pa.Table.from_pylist(data.draw(st.permutations(rows)), table.schema)
    halves = pa.concat_tables([shuffled.slice(0, 3), shuffled.slice(3)])
    assert parquet_bytes(halves, table).to_pybytes() == content


@EACH
@draws(5)
@given(data=st.data())
def test_rows_come_sorted_by_key(table, data):
    rows = data.draw(rows_of(table, least=2))
    ordered = sort_rows(pa.Table.from_pylist(rows, table.schema), table).select(table.key)
    keys = [tuple(row.values()) for row in ordered.to_pylist()]

    def nulls_last(key):
        return [(value is None, value if value is not None else 0) for value in key]

    assert keys == sorted(keys, key=nulls_last)


def members(count):
    rows = [
        {
            "entity_id": f"phone:+1888{n:07d}",
            "cluster_id": f"c-{n}",
            "role": "callback",
            "confidence": 0.5,
            "bridge": False,
            "reporters": 2,
            "robustness": 2,
            "tier": "core",
            "review": "unreviewed",
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, MEMBERS.schema)


def written(folder, batches, shards, table=MEMBERS):
    with beam.Pipeline("FnApiRunner") as pipeline:
        runs = pipeline | "Runs" >> beam.Create(
            [RunSettings(str(folder), "out", {})], reshuffle=False
        )
        rows = pipeline | beam.Create(batches, reshuffle=False)
        lines = {table.name: rows} | WriteTables(runs, shards)
        assert_that(
            lines, lambda lines_made: len(lines_made) == shards or pytest.fail(repr(lines_made))
        )
    return {path.name: path.read_bytes() for path in sorted((folder / table.name).iterdir())}


def test_shards_part_the_rows_and_batches_do_not_show(tmp_path):
    table = members(100)
    turned = table.take(pa.array(range(99, -1, -1)))
    whole = written(tmp_path / "a", table.to_batches(), 3)
    cut = written(tmp_path / "b", turned.to_batches(max_chunksize=7), 3)
    assert whole == cut
    assert list(whole) == [f"part-0000{n}-of-00003.parquet" for n in range(3)]
    parts = [read(content) for content in whole.values()]
    assert all(part.num_rows for part in parts)
    assert pa.concat_tables(parts).sort_by("entity_id").equals(table)


def test_an_empty_table_is_written_in_every_shard(tmp_path):
    files = written(tmp_path, [], 2)
    assert [read(content).num_rows for content in files.values()] == [0, 0]
    assert all(read(content).schema.equals(MEMBERS.schema) for content in files.values())


def test_shards_fill_evenly_however_hot_an_identifier_is(tmp_path):
    row = {"entity_id": "ip:1", "kind": "ip", "records": 1, "clusters": 1, "status": "suppressed"}
    rows = [row | {"cluster_id": f"c-{n}"} for n in range(4_000)]
    batches = pa.Table.from_pylist(rows, SUPPLIERS.schema).to_batches()
    sizes = [
        read(content).num_rows for content in written(tmp_path, batches, 4, SUPPLIERS).values()
    ]
    assert sum(sizes) == 4_000
    assert max(sizes) < 1.2 * min(sizes)
