from collections import Counter

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import tables
from schemas.enums import EntityKind, Status
from schemas.tables import CLUSTERS, ENTITIES
from tests.support.report_tables import entity, write_run

ORDER = (("complaints", "descending"), ("calls", "descending"), ("entity_id", "ascending"))


@st.composite
def entity_rows(draw):
    names = draw(st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, max_size=30))
    return [
        entity(
            f"domain:{name}.example",
            complaints=draw(st.integers(0, 3)),
            calls=draw(st.integers(0, 2)),
            status=draw(st.sampled_from(list(Status))),
            kind=draw(st.sampled_from(list(EntityKind))),
        )
        for name in names
    ]


@given(entity_rows(), st.integers(1, 4), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_top_and_tally_agree_with_plain_python(tmp_path_factory, rows, files, limit):
    run = write_run(tmp_path_factory.mktemp("run") / "r", {"entities": rows}, files)
    hidden = pc.field("status") != Status.VICTIM_SIDE
    kept = [row for row in rows if row["status"] != Status.VICTIM_SIDE]
    ranked = sorted(kept, key=lambda r: (-r["complaints"], -r["calls"], r["entity_id"]))

    found = tables.top(run, ENTITIES, ORDER, limit, columns=("reason",), where=hidden)
    assert found["entity_id"].to_pylist() == [row["entity_id"] for row in ranked[:limit]]
    assert found.column_names == ["complaints", "calls", "entity_id", "reason"]

    counted = tables.tally(run, ENTITIES, ("kind", "status"), hidden).to_pylist()
    assert {(one["kind"], one["status"]): one["rows"] for one in counted} == Counter(
        (row["kind"], row["status"]) for row in kept
    )
    assert tables.count(run, ENTITIES, hidden) == len(kept)
    assert tables.count(run, ENTITIES) == len(rows)


def test_read_gives_the_contract_sorted_by_its_key(tmp_path):
    rows = [entity(f"phone:+1888555010{n}") for n in (7, 1, 3)]
    run = write_run(tmp_path / "r", {"entities": rows}, files=3)
    found = tables.read(run, ENTITIES)
    assert found.schema.equals(ENTITIES.schema)
    assert found["entity_id"].to_pylist() == sorted(row["entity_id"] for row in rows)
    assert tables.read(run, ENTITIES, ["kind"]).column_names == ["kind"]


def test_a_folder_without_files_is_an_empty_table(tmp_path):
    (tmp_path / "clusters").mkdir()
    assert tables.read(tmp_path, CLUSTERS).num_rows == 0
    assert tables.top(tmp_path, CLUSTERS, [("cluster_id", "ascending")], 5).num_rows == 0


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="clusters"):
        tables.read(tmp_path, CLUSTERS)


def test_a_run_in_a_hidden_folder_is_read(tmp_path):
    run = write_run(tmp_path / ".run.staging-1", {"entities": [entity("phone:+18885550100")]})
    assert tables.count(run, ENTITIES) == 1
