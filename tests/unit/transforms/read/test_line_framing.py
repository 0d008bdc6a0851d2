"""Physical lines, in bounded memory."""

import pytest
from hypothesis import example, given, strategies as st

from schemas.reject import Code
from transforms.read import framing as module
from transforms.read.files import DamagedStreamError
from transforms.read.framing import KEPT_BYTES, MAX_ROW_BYTES, physical_lines

pieces = st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\0", b"\n")), max_size=8)


def split(blocks):
    whole = b"".join(blocks).removeprefix(b"\xef\xbb\xbf")
    lines = whole.split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines if lines[-1] else lines[:-1])]


@given(pieces)
@example([b"\xef\xbb\xbf"])
def test_as_bytes_split_does(blocks):
    lines = list(physical_lines(blocks))
    assert [line.data for line in lines] == split(blocks)
    assert [line.position for line in lines] == list(range(1, len(lines) + 1))
    assert all(line.size == len(line.data) and line.fault is None for line in lines)


@given(pieces)
def test_offsets_point_at_the_lines(blocks):
    whole = b"".join(blocks)
    for line in physical_lines(blocks):
        assert whole[line.offset :].removeprefix(b"\xef\xbb\xbf").startswith(line.data)


def test_a_byte_order_mark_is_dropped_from_line_one_only():
    mark = b"\xef\xbb\xbf"
    lines = list(physical_lines([mark + b"a\n" + mark + b"b\n"]))
    assert [line.data for line in lines] == [b"a", mark + b"b"]
    assert [line.data for line in physical_lines([mark + b"a"], first_line=7)] == [mark + b"a"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_of_the_greatest_length_is_kept(end):
    (line,) = physical_lines([b"x" * MAX_ROW_BYTES + end])
    assert (line.size, len(line.data), line.fault) == (MAX_ROW_BYTES, MAX_ROW_BYTES, None)


def test_a_longer_line_is_not_kept():
    block = b"x" * (1 << 20)
    lines = list(physical_lines([b"a\n", *[block] * 50, b"\nb\n"]))
    assert [line.data for line in lines if not line.fault] == [b"a", b"b"]
    (large,) = (line for line in lines if line.fault)
    assert (large.fault, large.size, len(large.data)) == (Code.ROW_TOO_LARGE, 50 << 20, KEPT_BYTES)
    assert [line.position for line in lines] == [1, 2, 3]


def test_a_damaged_stream_ends_in_one_fault():
    def blocks():
        yield b"a\nb"
        raise DamagedStreamError(Code.TRUNCATED_FILE)

    assert [(line.data, line.fault) for line in module.physical_lines(blocks())] == [
        (b"a", None),
        (b"b", Code.TRUNCATED_FILE),
    ]
