"""The engines as fixtures; where one cannot be had, its tests are skipped and say why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.engines import servers
from tests.engines.cache import MissingEngineError


def _up(
    server: Callable[[Path], AbstractContextManager[str]], factory: pytest.TempPathFactory
) -> Iterator[str]:
    try:
        with server(factory.mktemp("engine")) as address:
            yield address
    except MissingEngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The address of a broker."""
    yield from _up(servers.kafka, tmp_path_factory)


@pytest.fixture(scope="session")
def beam_kafka(tmp_path_factory):
    """The address of Beam's expansion service for Kafka."""
    yield from _up(servers.beam_kafka, tmp_path_factory)


@pytest.fixture(scope="session")
def prism(tmp_path_factory):
    """The address of a Prism job server."""
    yield from _up(servers.prism, tmp_path_factory)


@pytest.fixture(scope="session")
def flink(tmp_path_factory):
    """The address of a Flink job server."""
    yield from _up(servers.flink, tmp_path_factory)


@pytest.fixture
def topic(request):
    """The name of a topic that no other test uses."""
    return re.sub(r"[^\w.-]", "-", request.node.name)


@pytest.fixture(
    params=[
        pytest.param("prism", marks=pytest.mark.prism),
        pytest.param("flink", marks=pytest.mark.flink),
    ]
)
def engine(request):
    """The address of each engine's job server in turn."""
    return request.getfixturevalue(request.param)
