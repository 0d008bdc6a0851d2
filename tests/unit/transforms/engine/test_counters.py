"""The counters say what the manifest says, and no more."""

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.batch.options import parse
from pipelines.batch.pipeline import build
from pipelines.batch.plan import make_plan
from tests.support.run_pipeline import call, checked_manifest, complaint, jsonl
from transforms.engine import ENGINE_COUNTERS, NAMESPACE


@pytest.mark.slow
def test_counters_of_a_run_equal_its_manifest(tmp_path):
    number = {"raw": "+18882223344", "role": "callback"}
    rows = [complaint(n, phone_numbers=[number]) for n in (1, 2, 2)]
    rows[0] |= {"channel": "pigeon", "frob": 1}
    bad = complaint(3, received_at="now")
    flags = [
        f"--complaints={jsonl(tmp_path / 'c.jsonl', [*rows, bad])}",
        f"--calls={jsonl(tmp_path / 'k.jsonl', [call(1)])}",
        f"--output={tmp_path / 'run'}",
    ]
    options = parse(flags)
    pipeline = beam.Pipeline(options=PipelineOptions(list(options.beam)))
    build(pipeline, make_plan(options, "token"))
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    shown = {counter.key.metric.name: counter.committed for counter in counters}
    manifest = checked_manifest(tmp_path / "run")
    counts = {
        f"{kind}_{outcome}": count
        for kind, line in manifest["counts"].items()
        for outcome, count in line.items()
    }
    assert counts["complaints_rejected"] == counts["complaints_duplicates"] == 1
    assert {name: shown.get(name, 0) for name in counts} == counts
    assert manifest["tallies"]["complaint_words_coerced"] == {"channel": 1}
    assert manifest["tallies"]["complaint_unknown_fields"] == {"frob": 1}
    assert (shown["clusters"], shown["members"]) == (1, 1)
    assert set(shown) <= set(ENGINE_COUNTERS.values())
