"""The Dataflow runner checks and translates the whole stream, without an account."""

import pytest

from pipelines.run_stream import main

pytestmark = pytest.mark.dataflow

JOB = [
    "--runner=DataflowRunner",
    "--dry_run=True",
    "--project=made-up",
    "--region=europe-west1",
    "--temp_location=gs://made-up/temp",
]


def test_a_stream_from_pubsub_is_a_job_that_dataflow_would_take(capfd):
    names = {"complaints": "subscriptions", "calls": "subscriptions", "alerts": "topics"}
    words = [f"--pubsub-{name}=projects/made-up/{kind}/{name}" for name, kind in names.items()]
    more = ["--pubsub-timestamp-attribute=at", "--pubsub-id-label=id", "--output=gs://made-up/out"]
    assert main([*words, *more, *JOB]) == 0
    assert "the runner would take this job; nothing was run" in capfd.readouterr().err
