"""Loaded objects are not collected, later ones are, and all is as it was; memory is released."""

import ctypes
import gc
import weakref

import numpy as np
import pyarrow as pa
import pytest

from transforms.gc_tuning import GEN0_THRESHOLD, gc_paused, gc_tuned, keep_memory, release_memory


class Holder:
    """Can hold itself."""


def circle():
    one = Holder()
    one.itself = one
    return weakref.ref(one)


@pytest.fixture(autouse=True)
def as_it_was():
    before = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    yield
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_nothing_is_looked_for_while_it_loads():
    with gc_paused():
        assert not gc.isenabled()
        lost = circle()
        kept = [[] for _ in range(GEN0_THRESHOLD * 3)]
        assert lost() is not None
    assert kept


def test_what_is_made_while_it_works_is_found_and_what_was_there_is_not():
    with gc_paused():
        old = circle()
        with gc_tuned():
            new = circle()
            kept = [[] for _ in range(GEN0_THRESHOLD * 3)]
            assert new() is None
            gc.collect()
            assert old() is not None
        assert not gc.isenabled()
    gc.collect()
    assert old() is None
    assert kept


def test_it_is_as_it_was_after_a_failure():
    for during in (gc_paused, gc_tuned):
        with pytest.raises(ValueError, match="gone wrong"), during():
            raise ValueError("gone wrong")


def test_what_is_in_use_stays():
    used = pa.array(np.arange(1_000_000))
    release_memory()
    assert used[-1].as_py() == 999_999


def test_a_c_library_without_these_functions_is_left_as_it_is(monkeypatch):
    def other(_name):
        return object()

    monkeypatch.setattr(ctypes, "CDLL", other)
    before = pa.default_memory_pool().backend_name
    keep_memory()
    release_memory()
    assert pa.default_memory_pool().backend_name == before
