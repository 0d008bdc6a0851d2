"""How many examples a property test draws: all of them in `make test-long`, else a quarter."""

import os

from hypothesis import settings

LONG = "RINGTRACE_LONG" in os.environ

LEAST = 5


def draws(count: int) -> settings:
    """Settings of a property test: it draws `count` examples, or a quarter."""
    return settings(max_examples=count if LONG else max(count // 4, min(count, LEAST)))
