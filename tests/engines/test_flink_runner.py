"""FlinkRunner itself, which starts the job server that it is given, and a Flink in it."""

import pytest

from tests.engines.cache import MissingEngineError
from tests.engines.flink_jar import flink_jar
from tests.engines.servers import JVM, STACK
from tests.support.run_pipeline import EXAMPLES, files_below, run


@pytest.fixture
def jar(tmp_path):
    """The job server's jar."""
    try:
        return flink_jar(tmp_path / "job-server.jar")
    except MissingEngineError as error:
        pytest.skip(str(error))


@pytest.mark.flink
def test_a_batch_run_by_flink_runner_equals_one_here(tmp_path, jar, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", " ".join((*JVM, "-Xmx1g", STACK)))
    flags = ["--complaints", *sorted(EXAMPLES.glob("*.csv"))]
    run(tmp_path / "here", *flags)
    flink = ["--runner=FlinkRunner", "--flink_master=[local]", f"--flink_job_server_jar={jar}"]
    run(tmp_path / "flink", *flags, *flink)
    expected, made = files_below(tmp_path / "here"), files_below(tmp_path / "flink")
    assert sorted(made) == sorted(expected)
    assert [name for name, content in made.items() if content != expected[name]] == []
