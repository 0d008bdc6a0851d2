"""Amount that a test tries: all of it in `make test-long`, else a part."""

import os
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

LONG = "RINGTRACE_LONG" in os.environ

Case = TypeVar("Case")


def draws(count: int) -> settings:
    """Settings of a property test: it draws `count` examples, or a quarter."""
    return settings(max_examples=count if LONG else max(count // 4, min(count, 2)))


def some(cases: Sequence[Case]) -> Sequence[Case]:
    """Cases that go the same way through the code: all of them, or the first of each three."""
    return cases if LONG else cases[::3]
