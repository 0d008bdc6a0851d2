"""A batch run gives the same bytes on every engine as in this process."""

import pytest

from tests.engines.batch import engine_flags
from tests.support.run_pipeline import EXAMPLES, files_below, run, simulated


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """(flags, files of the run in this process) of a simulated world and of the FTC's records."""
    folder = tmp_path_factory.mktemp("local")
    worlds = {
        "simulated": simulated(folder / "world", seed=11, complaints=150, operations=12),
        "examples": ["--complaints", *sorted(EXAMPLES.glob("*.csv"))],
    }
    for name, flags in worlds.items():
        run(folder / name, *flags)
    return {name: (flags, files_below(folder / name)) for name, flags in worlds.items()}


@pytest.mark.parametrize("world", ["simulated", "examples"])
def test_batch_on_an_engine_equals_batch_here(engine, tmp_path, local, world):
    flags, expected = local[world]
    run(tmp_path / "run", *flags, *engine_flags(engine))
    files = files_below(tmp_path / "run")
    assert sorted(files) == sorted(expected)
    assert [name for name, content in files.items() if content != expected[name]] == []
