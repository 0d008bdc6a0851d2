"""The files of a stream's rejects are seen by whoever reads their folder."""

import re

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.stream.snapshots import file_name


@given(st.text(), st.integers(0, 10**9))
@example("kafka:" + "a" * 20 + "_" + "b" * 59, 0)
@example("../../.hidden", 0)
def test_a_name_leads_nowhere_else_and_is_not_passed_over(source, position):
    folder, name = file_name(source, position).split("/")
    assert folder == "rejects"
    assert re.fullmatch(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,90}\.parquet", name)


def test_a_long_name_of_a_topic_leaves_its_rejects_readable(tmp_path):
    path = tmp_path / file_name("kafka:complaints_" + "b" * 59, 3)
    path.parent.mkdir()
    pq.write_table(pa.table({"code": ["bad_json"]}), path)
    assert ds.dataset(path.parent).to_table().num_rows == 1
