"""How often Python looks for objects that hold each other and nothing else.

Beam, Arrow and a pipeline's graph are 300,000 objects that never go, and Python goes through all of
them again and again: 12 s of 121 s of CPU in a run of 200,000 complaints (`gc.callbacks`).

Memory that nothing uses any more, given back to the system.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

ALLOCATIONS = 10_000
"""Objects made and not gone, of those that can hold others, from which the youngest are looked at.

Python's own is 700 to 2,000; what is made of so many more is small beside a batch.
"""


@contextmanager
def loading() -> Iterator[None]:
    """A time in which modules are loaded and a graph is built: nothing is looked for."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


@contextmanager
def working() -> Iterator[None]:
    """A time in which what was there at its start is passed over, and the rest looked at seldom."""
    looked, thresholds = gc.isenabled(), gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *thresholds[1:])
    gc.enable()
    try:
        yield
    finally:
        if not looked:
            gc.disable()
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def give_back() -> None:
    """Let go of what Python, Arrow and the C library keep for themselves.

    The report's processes take memory of their own, while this one only waits for them.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
