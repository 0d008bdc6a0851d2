"""The plugin of pytest that mutmut loads: few examples, quick tests first, caches seen through."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from functools import _lru_cache_wrapper, wraps
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from mutmut.state import state

EXAMPLES = 10
"""Examples of a property, at most, so that a mutant that survives costs seconds."""

PACKAGES = {"benchmarks", "pipelines", "reports", "ringtrace", "schemas", "tests", "transforms"}
"""Packages that each mutant imports afresh: code that runs at import is mutated, too."""

WARM_UP = Path("warm_up.txt")
"""Installed modules that the tests import, which mutmut's server loads once."""

settings.register_profile(
    "mutants",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.generate),  # one failure is enough: no shrinking
    suppress_health_check=settings().suppress_health_check,
)

_run_at_import: set[str] = set()


def _collecting_stats() -> bool:
    return os.environ.get("MUTANT_UNDER_TEST") == "stats"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bounds the examples of each property, and puts the files whose tests are quick first.

    mutmut runs all tests twice before the mutants: to collect which function each calls, and to see
    that they pass. The first has shown that already.
    """
    if os.environ.get("MUTANT_UNDER_TEST") == "":
        del items[1:]
    for item in items:
        function = getattr(item, "obj", None)
        own = getattr(function, "_hypothesis_internal_use_settings", None)
        if own and own.max_examples > EXAMPLES:
            function._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)
    stats = Path("mutmut-stats.json")
    if stats.exists():
        seconds = json.loads(stats.read_text(encoding="utf-8"))["duration_by_test"]
        by_file: Counter[str] = Counter()
        for item in items:
            by_file[str(item.path)] += seconds.get(item.nodeid, 0)

        def by_time(item: pytest.Item) -> tuple[float, str, float, str]:
            file = str(item.path)
            return by_file[file], file, seconds.get(item.nodeid, 0), item.nodeid

        items.sort(key=by_time)


def pytest_collection_finish() -> None:
    """Keeps the functions that ran while the tests were imported, and empties caches."""
    if not _collecting_stats():
        return
    _run_at_import.update(state()._stats)
    caches: dict[int, Callable[..., Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES:
            for key, value in list(vars(module).items()):
                if isinstance(value, _lru_cache_wrapper):
                    value.cache_clear()
                    setattr(module, key, caches.setdefault(id(value), _remembering(value)))


def _remembering(cached: Any) -> Callable[..., Any]:
    """Wraps a cached function; each call counts as calling all that it called when it ran."""
    ran: set[str] = set()

    @wraps(cached)
    def call(*args: Any, **keywords: Any) -> Any:
        before, state()._stats = state()._stats, set()
        try:
            return cached(*args, **keywords)
        finally:
            ran.update(state()._stats)
            state()._stats = before | ran

    call.cache_clear, call.cache_info = cached.cache_clear, cached.cache_info  # type: ignore
    return call


def pytest_runtest_setup() -> None:
    """Counts what ran at import as covered by each test."""
    if _collecting_stats():
        state()._stats.update(_run_at_import)


def pytest_sessionfinish() -> None:
    """Writes the names of installed modules, in the order of their import."""
    if _collecting_stats():
        installed = [
            name
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in PACKAGES
            and "site-packages" in str(getattr(module, "__file__", None))
            and getattr(getattr(module, "__spec__", None), "name", None) == name
            and "pytest" not in name
        ]
        WARM_UP.write_text("\n".join(installed), encoding="utf-8")
