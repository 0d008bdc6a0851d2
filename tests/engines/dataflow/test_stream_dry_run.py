"""The Dataflow runner checks and translates the whole stream, without an account."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2

from pipelines.flex_template import launch
from pipelines.streaming.__main__ import main
from pipelines.streaming.options import parse
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import engine_plan, queue_source, stream_read_options
from tests.engines.dataflow.test_dry_run import IMAGE, JOB

pytestmark = pytest.mark.dataflow

NAMES = {"complaints": "subscriptions", "calls": "subscriptions", "alerts": "topics"}

UNBOUNDED = beam_runner_api_pb2.IsBounded.UNBOUNDED


def words(between="-"):
    queues = [
        f"--pubsub{between}{name}=projects/made-up/{kind}/{name}" for name, kind in NAMES.items()
    ]
    attributes = {"timestamp_attribute": "at", "id_label": "id"}
    named = [
        f"--pubsub{between}{name.replace('_', between)}={value}"
        for name, value in attributes.items()
    ]
    return [*queues, *named, "--output=gs://made-up/out"]


def test_a_stream_from_pubsub_is_a_job_that_dataflow_would_take(capfd):
    assert main([*words(), *JOB]) == 0
    assert "the runner would take this job; nothing was run" in capfd.readouterr().err


def test_the_launcher_hands_over_a_stream_and_does_not_wait(capfd, monkeypatch):
    monkeypatch.setenv("RINGTRACE_IMAGE", IMAGE)
    assert launch("stream", [*words("_"), *JOB]) == 0
    assert "the runner would take this job; nothing was run" in capfd.readouterr().err


def test_the_job_is_unbounded_from_its_sources_on_and_every_step_is_in_it():
    flags = [*JOB, "--streaming"]
    options = parse([*words(), *flags])
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    build(pipeline, engine_plan(options, queue_source(options, stream_read_options(options))))
    steps = {step.full_label for step in pipeline.transforms_stack[0].parts}
    job = pipeline.run().job.proto_pipeline
    made = job.components.transforms.values()
    names = [step.unique_name for step in made]
    assert all(any(f"{name}/".startswith(f"{step}/") for name in names) for step in steps)
    sources = [step for step in made if step.spec.urn == "beam:transform:pubsub_read:v1"]
    read = [beam_runner_api_pb2.PubSubReadPayload.FromString(step.spec.payload) for step in sources]
    assert sorted(payload.subscription for payload in read) == [
        f"projects/made-up/subscriptions/{name}" for name in ("calls", "complaints")
    ]
    assert {(payload.id_attribute, payload.timestamp_attribute) for payload in read} == {
        ("id", "at")
    }
    assert all(payload.with_attributes for payload in read)
    held = job.components.pcollections
    assert all(
        held[name].is_bounded == UNBOUNDED for step in sources for name in step.outputs.values()
    )
    last = ("Drop repeated", "Write files", "Send to ")
    told = [step for step in made if step.unique_name.startswith(last)]
    asked = [name for step in told for name in step.inputs.values()]
    assert {held[name].is_bounded for name in asked} == {UNBOUNDED}
