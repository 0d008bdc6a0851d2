"""Ids are found where a dict would find them, however many a column has."""

from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import tables
from reports.tables import Lookup

IDS = st.lists(st.text("abü#:😀", max_size=3), unique=True)


COLUMN = st.lists(st.none() | st.text("abü#:😀", max_size=3))


def told(ids, column):
    known = {one: place for place, one in enumerate(ids)}
    return [known.get(one, -1) for one in column]


@given(IDS, COLUMN)
def test_places_are_those_of_a_dict(ids, column):
    found = Lookup(pa.array(ids, pa.string()))
    assert found.places(pa.array(column, pa.string())).tolist() == told(ids, column)
    halves = pa.chunked_array([column[:2], column[2:]], pa.string())
    assert found.places(halves).tolist() == told(ids, column)


@given(IDS, COLUMN, st.integers(1, 4))
def test_texts_of_one_hash_are_told_apart(ids, column, hashes):
    def few(text):
        return len(text) % hashes

    found = Lookup(pa.chunked_array([ids], pa.string()))
    with mock.patch.object(tables.xxhash, "xxh3_64_intdigest", few):
        at = found._by_hash(pa.array(column, pa.string())) if ids else None
    if at is not None:
        assert found._places[at].tolist() == told(ids, column)


@pytest.mark.parametrize("step", [1, 100])
def test_near_and_scattered_ids_of_many(step):
    ids = [f"phone:+1{n:05d}" for n in range(0, 3000, 3)]
    column = [f"phone:+1{n * step % 3000:05d}" for n in range(300)]
    found = Lookup(pa.array(ids[::-1]))
    assert found.places(pa.array(column)).tolist() == told(ids[::-1], column)
