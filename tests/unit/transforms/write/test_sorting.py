"""Rows sorted by way of parts on disk are those of a sort in memory, group by group."""

from itertools import pairwise
from tempfile import TemporaryFile
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.tables import ALL_TABLES, REJECTS
from tests.support.examples import draws
from tests.support.made_up_tables import rows_of
from transforms.write import parquet_files
from transforms.write.parquet_files import ExternalSorter, sort_order, sorted_row_groups

EACH = pytest.mark.parametrize("table", ALL_TABLES, ids=[table.name for table in ALL_TABLES])


def groups(table, batches, folder, part):
    with TemporaryFile(dir=folder) as file:
        rows = ExternalSorter(table, file, part)
        for batch in batches:
            rows.add(batch)
        return list(rows.groups()), rows.count


@EACH
@draws(10)
@given(data=st.data())
def test_parts_on_disk_make_the_groups_of_a_sort_in_memory(table, tmp_path_factory, data):
    rows = pa.Table.from_pylist(data.draw(rows_of(table)), table.schema)
    places = st.lists(st.integers(0, rows.num_rows), max_size=6)
    cuts = [0, *sorted(data.draw(places)), rows.num_rows]
    batches = [
        batch
        for start, end in pairwise(cuts)
        for batch in rows.slice(start, end - start).to_batches()
    ]
    small = {"ROW_GROUP_ROWS": data.draw(st.integers(1, 5)), "READ_ROWS": 1, "MERGE_ROWS": 2}
    small |= {"ROW_GROUP_TEXT_BYTES": data.draw(st.sampled_from((0, 20, 60, 1_000)))}
    with mock.patch.multiple(parquet_files, **small):
        groups_made, count = groups(table, batches, tmp_path_factory.mktemp("parts"), 1)
        expected = list(sorted_row_groups(rows, table))
    assert count == rows.num_rows
    assert [group.num_rows for group in groups_made] == [group.num_rows for group in expected]
    assert all(group.equals(wanted) for group, wanted in zip(groups_made, expected, strict=True))


def test_long_texts_are_read_and_written_by_their_bytes(tmp_path):
    rows = [{"raw": "x" * 60_000, "position": n % 7, "source": f"s{n}"} for n in range(300)]
    batches = pa.Table.from_pylist(rows, REJECTS.schema).to_batches(max_chunksize=10)
    seen: list[int] = []

    def recorded(loaded, table):
        seen.append(loaded.nbytes)
        return sort_order(loaded, table)

    small = {"ROW_GROUP_TEXT_BYTES": 1 << 20, "MERGE_BYTES": 2 << 20, "READ_BYTES": 1 << 17}
    with (
        mock.patch.multiple(parquet_files, **small),
        mock.patch.object(parquet_files, "sort_order", recorded),
    ):
        groups_made, _ = groups(REJECTS, batches, tmp_path, 3 << 20)
        whole = list(sorted_row_groups(pa.Table.from_batches(batches), REJECTS))
    assert {group.num_rows for group in groups_made} == {17, 300 % 17}
    assert max(seen[:-1]) < 5 << 20
    assert [group.num_rows for group in whole] == [group.num_rows for group in groups_made]
    assert [source for group in groups_made for source in group["source"].to_pylist()] == [
        source for group in whole for source in group["source"].to_pylist()
    ]
