"""A message of a topic is one line, and means what it meant."""

import json

from hypothesis import given, strategies as st

from pipelines.streaming.watch_sources import value_as_line

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(VALUES, st.sampled_from([None, 2]))
def test_json_stays_what_it_is(value, indent):
    line = value_as_line(json.dumps(value, indent=indent).encode())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == value


@given(st.binary())
def test_nothing_is_lost_as_a_blank_line(value):
    line = value_as_line(value)
    assert line.count(b"\n") == 1
    assert line.strip()
