"""Tunes Python's garbage collector for a long run, and returns unused memory to the system.

Beam, Arrow and a pipeline's graph are 300,000 objects that never go, and Python searches all of
them again and again: 12 s of 121 s of CPU in a run of 200,000 complaints (`gc.callbacks`).
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GEN0_THRESHOLD = 10_000
"""Net allocations of container objects that start a collection of the youngest generation.

Python's own default is 700 to 2,000; what is made of so many more is small beside a batch.
"""


# Python searches all objects when it ends, too, which takes 0.4 s and frees nothing of use.
atexit.register(gc.freeze)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pauses collection while modules are loaded and a graph is built."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def gc_tuned() -> Iterator[None]:
    """Exempts the objects that exist at the start from collection, and collects the rest seldom."""
    enabled, thresholds = gc.isenabled(), gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GEN0_THRESHOLD, *thresholds[1:])
    gc.enable()
    try:
        yield
    finally:
        if not enabled:
            gc.disable()
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def release_memory() -> None:
    """Returns memory that Python, Arrow and the C library keep unused to the system.

    The report's processes take memory of their own, while this one only waits for them.
    """
    import ctypes  # here, so that `ringtrace --help`, which only tunes, loads neither

    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
