"""Tables are read as plain Python would read them, and ids are found as in a dict."""

from collections import Counter
from datetime import UTC, datetime
from unittest import mock

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from reports import tables
from reports.tables import IdIndex, Numbers, Texts, flatten_column
from schemas.enums import EntityKind, Status
from schemas.field import TIMESTAMP
from schemas.tables import CLUSTERS, ENTITIES, MENTIONS
from tests.support.examples import draws
from tests.support.report_tables import entity, mention, write_run
from transforms.arrow import columns as arrow_util


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


@given(entity_rows(), st.integers(1, 4))
@draws(40)
def test_counts_agree_with_plain_python(tmp_path_factory, rows, files):
    run = write_run(tmp_path_factory.mktemp("run") / "r", {"entities": rows}, files)
    hidden = pc.field("status") != Status.VICTIM_SIDE
    kept = [row for row in rows if row["status"] != Status.VICTIM_SIDE]
    counted = tables.count_by(run, ENTITIES, ("kind", "status"), hidden).to_pylist()
    assert {(row["kind"], row["status"]): row["rows"] for row in counted} == Counter(
        (row["kind"], row["status"]) for row in kept
    )
    assert tables.count_rows(run, ENTITIES, hidden) == len(kept)
    assert tables.count_rows(run, ENTITIES) == len(rows)


def test_a_folder_without_files_is_an_empty_table(tmp_path):
    (tmp_path / "clusters").mkdir()
    assert tables.read_table(tmp_path, CLUSTERS).num_rows == 0


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="clusters"):
        tables.read_table(tmp_path, CLUSTERS)


def test_a_run_in_a_hidden_folder_is_read(tmp_path):
    run = write_run(tmp_path / ".run.staging-1", {"entities": [entity("phone:+18885550100")]})
    assert tables.count_rows(run, ENTITIES) == 1


IDS = st.lists(st.text("abü#:😀", max_size=3), unique=True)

COLUMN = st.lists(st.none() | st.text("abü#:😀", max_size=3))


def expected_places(ids, column):
    known = {entity_id: place for place, entity_id in enumerate(ids)}
    return [known.get(entity_id, -1) for entity_id in column]


@given(IDS, COLUMN)
def test_places_are_those_of_a_dict(ids, column):
    index = IdIndex(pa.array(ids, pa.string()))
    assert index.places(pa.array(column, pa.string())).tolist() == expected_places(ids, column)
    halves = pa.chunked_array([column[:2], column[2:]], pa.string())
    assert index.places(halves).tolist() == expected_places(ids, column)


@given(IDS, st.lists(st.none() | st.text("abü#:😀", max_size=3), max_size=50), st.integers(1, 4))
def test_ids_with_the_same_hash_are_distinguished(ids, column, hashes):
    def few_hashes(text):
        return len(text) % hashes

    with mock.patch.object(arrow_util.xxhash, "xxh3_64_intdigest", few_hashes):
        index = IdIndex(pa.chunked_array([ids], pa.string()))
        places = index.places(pa.array(column, pa.string()))
    assert places.tolist() == expected_places(ids, column)


MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC),
    None,
    datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
]


def test_times_are_iso_8601():
    column = pa.chunked_array([MOMENTS[:1], MOMENTS[1:]], TIMESTAMP)
    assert flatten_column(column).equals(pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ"))


def test_lists_are_joined_and_others_stay():
    lists = pa.chunked_array([[["a", "b"], [], None, ["c"]]], pa.list_(pa.string()))
    numbers = pa.chunked_array([[1.5, None]])
    assert flatten_column(lists).to_pylist() == ["a; b", "", None, "c"]
    assert flatten_column(numbers) is numbers


@given(st.lists(st.sampled_from([None, "a", "b", "c"])), st.integers(0, 9), st.integers(0, 9))
def test_a_piece_has_the_texts_of_its_rows_alone(column, start, count):
    numbers, rows = Numbers(), slice(start, start + count)
    put = Texts.of(pa.array(column, pa.string())).put(rows, numbers)
    codes = numbers.lists[put["n"]].tolist()
    assert [put["t"][code - 1] if code else None for code in codes] == column[rows]
    assert sorted(put["t"]) == sorted({value for value in column[rows] if value})


@pytest.mark.parametrize("files", [1, 3])
def test_columns_of_few_values_say_the_same_as_dictionaries(tmp_path, files):
    rows = [
        mention(f"domain:{n % 7}.example", f"CO{n % 5}", source_org="ab"[n % 2], field=field)
        for n, field in enumerate([None, "narrative", "callback"] * 20)
    ]
    run = write_run(tmp_path / "r", {"mentions": rows}, files)
    columns = [*MENTIONS.key, "observed_at"]
    plain, coded = (
        pa.concat_tables(tables.read_in_key_order(run, MENTIONS, columns, coded=some))
        for some in ((), ("source_org", "field"))
    )
    assert pa.types.is_dictionary(coded["field"].type) == (files == 1)
    assert coded.cast(plain.schema).equals(plain)
    for name in ("source_org", "field"):
        known = plain[name].to_pylist()
        differs = [row == 0 or known[row - 1] != value for row, value in enumerate(known)]
        both = [tables.changes(table[name].fill_null("")).tolist() for table in (plain, coded)]
        assert both[0] == differs == both[1]
