"""Tunes Python's garbage collector and the C library's memory for a long run.

Beam, Arrow and a pipeline's graph are 300,000 objects that never go, and Python searches all of
them again and again: 12 s of 121 s of CPU in a run of 200,000 complaints (`gc.callbacks`).
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GEN0_THRESHOLD = 100_000
"""Net allocations of container objects that start a collection of the youngest generation.

Python's own default is 700 to 2,000; what is made of so many more is small beside a batch.
"""

_KEPT = (
    (-8, 1),  # M_ARENA_MAX: heaps, so that a thread takes what another has freed
    (-1, 256 << 20),  # M_TRIM_THRESHOLD: free memory at the end of the heap that is kept
    (-3, 32 << 20),  # M_MMAP_THRESHOLD: sizes that are of the heap, the most that glibc takes
    (-2, 16 << 20),  # M_TOP_PAD: by how much the heap grows at a time
)
"""Options of glibc's mallopt(3), and their values."""


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


def keep_memory() -> None:
    """Makes Arrow take its memory from the C library, and that keep what is freed.

    Each batch takes memory that the last one has just freed. Given back in between, the system
    clears every page of it again. Libraries other than glibc stay as they are.
    """
    import ctypes

    import pyarrow as pa

    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _KEPT:
            mallopt(option, value)
        pa.set_memory_pool(pa.system_memory_pool())


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
