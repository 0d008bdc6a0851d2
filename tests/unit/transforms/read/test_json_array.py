"""Elements of a JSON array against json.loads, whole, cut and broken."""

import json

import pytest
from hypothesis import given, strategies as st

from schemas.reject import Code
from transforms.read import framing
from transforms.read.files import DamagedStreamError
from transforms.read.framing import MAX_ROW_BYTES, array_elements

objects = st.lists(
    st.dictionaries(
        st.text(alphabet='a"\\{}[],\n', max_size=4),
        st.integers() | st.text(alphabet='a"\\{}[],\n', max_size=4) | st.lists(st.integers()),
        max_size=3,
    ),
    max_size=6,
)


def blocks_of(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(objects, st.integers(1, 9), st.sampled_from([None, 1]))
def test_as_json_loads_does(rows, size, indent):
    data = json.dumps(rows, indent=indent).encode()
    elements = list(array_elements(blocks_of(data, size)))
    assert [json.loads(row.data) for row in elements] == rows
    assert all(element.fault is None for element in elements)
    assert [row.position for row in elements] == list(range(1, len(rows) + 1))


@given(objects.filter(len), st.integers(1, 9))
def test_a_broken_element_does_not_swallow_flat_ones(rows, size):
    flat = [{"id": n, "text": "x"} for n, _ in enumerate(rows)]
    broken = '[{"id": "open},\n' + ",\n".join(json.dumps(row) for row in flat) + "]"
    elements = [element.data for element in array_elements(blocks_of(broken.encode(), size))]
    assert [json.loads(element) for element in elements[1:]] == flat


def test_values_that_are_no_objects_are_elements_too():
    assert [element.data for element in array_elements([b' [1, "a,b" ,null,[2,3]]\n'])] == [
        b"1",
        b'"a,b"',
        b"null",
        b"[2,3]",
    ]


def test_an_array_that_is_cut_ends_in_one_fault():
    def blocks():
        yield b'[{"a":1},\n{"a":2},\n{"a'
        raise DamagedStreamError(Code.TRUNCATED_FILE)

    elements = list(array_elements(blocks()))
    assert [element.fault for element in elements] == [None, None, Code.TRUNCATED_FILE]
    assert (elements[-1].position, elements[-1].data) == (3, b'{"a')


def test_a_huge_element_is_refused_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(framing, "MAX_ROW_BYTES", 1_000)
    data = b'[{"a":1},{"b":"' + b"x" * 5_000 + b'"},{"c":2}]'
    elements = list(array_elements(blocks_of(data, 300)))
    assert elements[0].data == b'{"a":1}'
    assert elements[-1].data == b'{"c":2}'
    assert MAX_ROW_BYTES > 1_000
    assert any(element.fault == Code.ROW_TOO_LARGE for element in elements)


@pytest.mark.parametrize("between", ["\n", "", " \n "])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_arrays_one_behind_the_other_are_read_whole(between, size):
    rows = [{"n": n} for n in range(5)]
    data = between.join(json.dumps(row) for row in (rows[:2], rows[2:3], rows[3:])).encode()
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    assert [json.loads(element.data) for element in array_elements(blocks)] == rows
