"""The Dataflow runner checks and translates the whole pipeline, without an account."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.batch.options import parse
from pipelines.batch.pipeline import build
from pipelines.batch.plan import make_plan
from pipelines.flex_template import launch
from tests.support.run_pipeline import complaint, jsonl

pytestmark = pytest.mark.dataflow

IMAGE = "europe-docker.pkg.dev/made-up/images/ringtrace:1"

JOB = [
    "--runner=DataflowRunner",
    "--dry_run=True",
    "--project=made-up",
    "--region=europe-west1",
    "--temp_location=gs://made-up/temp",
]


@pytest.fixture
def asked(tmp_path):
    file = jsonl(tmp_path / "complaints.jsonl", [complaint(1)])
    return [f"--complaints={file}", f"--output={tmp_path / 'run'}"]


@pytest.mark.parametrize("pipeline", ["batch"])
def test_the_launcher_hands_over_a_job_and_does_not_wait(
    pipeline, asked, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("RINGTRACE_IMAGE", IMAGE)
    assert launch(pipeline, [*asked, *JOB]) == 0
    assert "the runner would take this job; nothing was run" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["complaints.jsonl"]


def test_a_job_that_dataflow_would_refuse_is_one_line(asked, capfd):
    assert launch("batch", [*asked, *JOB, "--job_name=Not Valid"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "job_name" in line


def test_every_step_of_batch_is_in_the_job(asked):
    options = parse([*asked, *JOB, f"--sdk_container_image={IMAGE}"])
    pipeline = beam.Pipeline(options=PipelineOptions(list(options.beam)))
    build(pipeline, make_plan(options, "token"))
    steps = {step.full_label for step in pipeline.transforms_stack[0].parts}
    job = pipeline.run().job.proto_pipeline
    translated = {step.unique_name.partition("/")[0] for step in job.components.transforms.values()}
    assert steps <= translated
    assert IMAGE in str(job.components.environments)
