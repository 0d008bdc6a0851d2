"""What is loaded is not searched for garbage, what is made afterwards is, and all is as it was."""

import gc
import weakref

import pytest

from transforms.gc_tuning import ALLOCATIONS, loading, working


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
    with loading():
        assert not gc.isenabled()
        lost = circle()
        kept = [[] for _ in range(ALLOCATIONS * 3)]
        assert lost() is not None
    assert kept


def test_what_is_made_while_it_works_is_found_and_what_was_there_is_not():
    with loading():
        old = circle()
        with working():
            new = circle()
            kept = [[] for _ in range(ALLOCATIONS * 3)]
            assert new() is None
            gc.collect()
            assert old() is not None
        assert not gc.isenabled()
    gc.collect()
    assert old() is None
    assert kept


def test_it_is_as_it_was_after_a_failure():
    for during in (loading, working):
        with pytest.raises(ValueError, match="gone wrong"), during():
            raise ValueError("gone wrong")
