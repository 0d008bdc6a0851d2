"""An id and its epoch, taken apart and put together."""

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.entity import epoch_number, id_epochs, with_epoch, without_epoch, without_epochs

IDS = st.sampled_from(
    ("phone:+18885550123", "email:a#2@b.example", "account:upi:x@y", "domain:a.example")
)


@given(IDS, st.integers(1, 400))
def test_there_and_back(entity_id, epoch):
    numbered = with_epoch(entity_id, epoch)
    assert (without_epoch(numbered), epoch_number(numbered)) == (entity_id, epoch)
    assert without_epochs(pa.array([numbered, entity_id, None])).to_pylist() == [
        entity_id,
        entity_id,
        None,
    ]
    assert id_epochs(pa.array([numbered, entity_id])).to_pylist() == [epoch, 1]


@pytest.mark.parametrize(
    "entity_id",
    ["url:https://a.example/#2", "script:0#2", "phone:+1#1", "phone:+1#0", "phone:+1#02", "x#3"],
)
def test_what_is_no_epoch_is_left(entity_id):
    assert (without_epoch(entity_id), epoch_number(entity_id)) == (entity_id, 1)
    assert without_epochs(pa.array([entity_id])).to_pylist() == [entity_id]
    assert id_epochs(pa.array([entity_id])).to_pylist() == [1]
