"""A run's shuffles wait on disk only if every step runs in this process."""

import copyreg

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.runner import shuffle_on_disk
from transforms.engine import EncodedBatch


@pytest.mark.parametrize(
    ("flags", "output", "held"),
    [
        (["--runner=FnApiRunner"], "run", True),
        (["--runner=FnApiRunner", "--direct_running_mode=multi_threading"], "run", True),
        (["--runner=FnApiRunner", "--direct_running_mode=multi_processing"], "run", False),
        (["--runner=FnApiRunner"], "gs://bucket/run", False),
        (["--runner=FlinkRunner"], "run", False),
        ([], "run", False),
    ],
)
def test_only_a_run_inside_this_process_spills(flags, output, held, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with shuffle_on_disk(PipelineOptions(flags), output):
        assert (EncodedBatch in copyreg.dispatch_table) is held
    assert EncodedBatch not in copyreg.dispatch_table
    assert list(tmp_path.iterdir()) == []
