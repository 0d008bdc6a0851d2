"""Settings of all tests: no example fails for being slow, and no test uses the user's own keys."""

import gc
import os
import sys
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.examples import draws

# Where CI runs them the examples are the same each time, so that a commit has one verdict.
settings.register_profile("ringtrace", draws(100), deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ringtrace")

# A run makes a key of the victim register where there is none yet.
_HOME = tempfile.TemporaryDirectory(prefix="ringtrace-home-")
os.environ["RINGTRACE_HOME"] = _HOME.name

_ROOT = Path(__file__).parent

_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []

_WITH_OTHERS = ("browser", "engines")
"""Folders of tests whose browser or engine works beside them."""

_FREED_AT_ONCE = 1_000_000
"""Least new blocks of Python's memory for a search to pay: about 30 small runs."""

_TESTS_BETWEEN = 16
"""Tests after which the blocks are counted again, which goes through all memory: 4 ms."""

_finished = count(1)

_blocks_left = [sys.getallocatedblocks()]

_NEW_OBJECTS = 20_000
"""New objects after which Python searches them for unused objects; its default is 700."""


def pytest_collection():
    """Searches nothing while modules are imported, whose objects all stay."""
    gc.disable()


def pytest_collection_finish():
    """Leaves what was imported and collected out of every later search."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def home_of_module(tmp_path_factory):
    """A key store for each module: a key that one makes must not sign the runs of another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RINGTRACE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module", autouse=True)
def one_processor(request):
    """Gives each of several pytest workers one processor, so that a run in a test forks nothing.

    A worker holds what all tests before it loaded, which a fork shares page by page; tests of
    several processes ask for them by `--direct_num_workers` or `forking`.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and _PROCESSORS:
        alone = request.path.relative_to(_ROOT).parts[0] not in _WITH_OTHERS
        chosen = [_PROCESSORS[int(worker) % len(_PROCESSORS)]] if alone else _PROCESSORS
        os.sched_setaffinity(0, chosen)


def pytest_runtest_logfinish():
    """Frees the pipelines of runs, which refer to themselves: 31,000 blocks, 4 MB, of a small one.

    Each worker held up to 4.9 GB of them. What is in use then, caches above all, is not searched
    again until a run ends, which gives back what was left out: a search of it took a second.
    """
    if next(_finished) % _TESTS_BETWEEN:
        return
    if sys.getallocatedblocks() > _blocks_left[-1] + _FREED_AT_ONCE:
        gc.collect()
        gc.freeze()
        _blocks_left[:] = [sys.getallocatedblocks()]
