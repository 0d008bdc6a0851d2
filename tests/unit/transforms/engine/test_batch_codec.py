"""Batches packed, and put down on disk: what comes out is what went in."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.unit.transforms.engine.test_shuffle import ROWS, SCHEMA, batch
from transforms.engine import EncodedBatch, SpillFile, SpillRef, decode_batch, encode_batch


@given(ROWS, st.integers(0, 30))
def test_what_is_encoded_comes_out_equal_and_without_its_neighbours(rows, start):
    part = batch(rows).slice(start)
    encoded = encode_batch(part, SCHEMA)
    assert decode_batch(encoded, SCHEMA) == part
    among_large = batch(rows + [("z" * 50_000, None)] * 20).slice(0, len(rows))
    decoded = decode_batch(encode_batch(among_large, SCHEMA), SCHEMA)
    assert decoded.get_total_buffer_size() < 20_000


def test_a_batch_that_beam_pickles_is_encoded_too():
    rows = batch([("the same text again and again", "x")] * 5_000)
    few = rows.slice(10, 2)
    with_metadata = rows.replace_schema_metadata({"about": "x"}).slice(0, 0)
    for original, least in ((rows, rows.nbytes / 5), (few, 2_000), (with_metadata, 2_000)):
        pickled = pickle.dumps(original)
        assert len(pickled) < least
        back = pickle.loads(pickled)  # noqa: S301
        assert back.equals(original, check_metadata=True)


def test_while_spilling_encoded_batches_pickle_as_references(tmp_path):
    many = batch([(f"{n:x}" * 8, None) for n in range(3_000)])
    few = batch([("x", "y")])
    plain = pickle.dumps(encode_batch(many, SCHEMA))
    with SpillFile(str(tmp_path)).spilling():
        few, many = few.slice(0), many.slice(0)
        pickles = [pickle.dumps(encode_batch(rows, SCHEMA)) for rows in (many, few, many)]
        assert len(pickles[0]) < 300 < len(plain)
        back = [pickle.loads(pickled) for pickled in pickles]  # noqa: S301
        assert [isinstance(encoded.content, SpillRef) for encoded in back] == [True, False, True]
        # A runner pickles again what it only passes on.
        again = [pickle.loads(pickle.dumps(encoded)) for encoded in back]  # noqa: S301
        assert again == back
        assert [decode_batch(encoded, SCHEMA) for encoded in again] == [many, few, many]
        sent = pickle.dumps(many)
        assert len(sent) < 2_000
        assert pickle.loads(sent) == many  # noqa: S301
        assert list(tmp_path.iterdir()) == []
    assert len(pickle.dumps(encode_batch(many, SCHEMA))) == len(plain)


def test_a_spilled_batch_that_was_cut_off_is_an_error(tmp_path):
    with (tmp_path / "short").open("w+b") as file:
        file.write(b"12345")
        file.flush()
        with pytest.raises(OSError, match="is incomplete"):
            EncodedBatch(SpillRef(file.fileno(), 2, 9), 0, 9).read()


def test_while_spilling_large_arrays_lie_in_the_file(tmp_path):
    large = np.arange(300_000).reshape(2, 150_000)
    turned = large.T
    odd = np.array(["x" * 10] * 200_000, object)
    with SpillFile(str(tmp_path)).spilling():
        assert len(pickle.dumps(large)) < 1000
        first, again, last = pickle.loads(pickle.dumps((large, turned, odd), 5))  # noqa: S301
        small = pickle.loads(pickle.dumps(large[:, :9]))  # noqa: S301
    assert np.array_equal(first, large)
    assert np.array_equal(again, turned)
    assert np.array_equal(small, large[:, :9])
    assert last.tolist() == odd.tolist()
    first[0, 0] = 7
    assert large[0, 0] == 0
    assert len(pickle.dumps(large)) > large.nbytes


def test_a_spilled_array_is_an_error_in_another_process(tmp_path):
    with SpillFile(str(tmp_path)).spilling():
        pickled = pickle.dumps(np.zeros(1 << 20))
        read = f"import pickle; pickle.loads({pickled!r})"
        done = subprocess.run([sys.executable, "-c", read], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"OSError: a spilled array" in done.stderr


def test_a_fork_and_its_parent_read_what_each_other_spills(tmp_path):
    array, own = np.arange(1 << 18), batch([("in the parent" * 99, None)] * 3_000)
    forked = batch([("in the fork" * 99, None)] * 3_000)
    with SpillFile(str(tmp_path)).spilling():
        spilled = pickle.dumps(array)
        source, sink = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                assert np.array_equal(pickle.loads(spilled), array)  # noqa: S301
                os.write(sink, pickle.dumps((forked, array[::-1])))
                status = 0
            finally:
                os._exit(status)
        kept = pickle.dumps(own)
        assert os.waitpid(pid, 0) == (pid, 0)
        sent = os.read(source, 1 << 16)
        assert len(sent) < 2_000
        sent_batch, sent_array = pickle.loads(sent)  # noqa: S301
        assert sent_batch == forked
        assert np.array_equal(sent_array, array[::-1])
        assert pickle.loads(kept) == own  # noqa: S301
    os.close(source)
    os.close(sink)
