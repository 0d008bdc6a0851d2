"""Memory that nothing uses any more, given back to the system."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Let go of what Python, Arrow and the C library keep for themselves.

    The report's processes take memory of their own, while this one only waits for them.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
