"""The Flex Templates: their parameters are the options, and mean what the options mean."""

import json
import re
import tomllib

import pytest

from pipelines import flex_template
from pipelines.batch.options import parse
from pipelines.flex_template import (
    TEMPLATES,
    VALUE_SEPARATOR,
    launch,
    pipeline_arguments,
    template_metadata,
)
from pipelines.streaming import options as options_module
from tests.support.real_data import ROOT

DATAFLOW = ROOT / "deploy" / "dataflow"

TYPES = {
    "TEXT",
    "BOOLEAN",
    "ENUM",
    "GCS_READ_FILE",
    "GCS_READ_FOLDER",
    "GCS_WRITE_FOLDER",
    "PUBSUB_SUBSCRIPTION",
    "PUBSUB_TOPIC",
}


@pytest.mark.parametrize("pipeline", TEMPLATES)
def test_published_metadata_is_that_of_the_options(pipeline):
    """`make schemas` writes it anew."""
    published = json.loads((DATAFLOW / f"{pipeline}.json").read_text(encoding="utf-8"))
    assert published == template_metadata(TEMPLATES[pipeline])
    names = [parameter["name"] for parameter in published["parameters"]]
    assert all(re.fullmatch("[a-z][a-z_]*", name) for name in names)
    assert len(names) == len(set(names))
    assert {parameter["paramType"] for parameter in published["parameters"]} <= TYPES
    assert [
        parameter["name"] for parameter in published["parameters"] if not parameter["isOptional"]
    ] == ["output"]
    assert all(
        parameter["helpText"] and parameter["label"] for parameter in published["parameters"]
    )


def test_no_template_is_missing_or_left_over():
    assert {path.stem for path in DATAFLOW.glob("*.json")} == set(TEMPLATES)


def test_parameters_become_the_options_that_they_name():
    parameters = {
        "complaints": VALUE_SEPARATOR.join(["gs://b/a *.csv", "gs://b/c,d.csv"]),
        "known_legitimate": "gs://b/legitimate.csv",
        "output": "gs://b/run",
        "previous": "gs://b/-yesterday",
        "as_of": "2026-03-01T00:00:00Z",
        "overwrite": "true",
        "shards": "3",
        "calls_direction": "inbound",
    }
    line = [f"--{name}={value}" for name, value in parameters.items()]
    options = parse(pipeline_arguments(TEMPLATES["batch"], [*line, "--runner=DataflowRunner"]))
    assert options.complaints == ("gs://b/a *.csv", "gs://b/c,d.csv")
    assert options.known_legitimate == ("gs://b/legitimate.csv",)
    assert (options.output, options.previous) == ("gs://b/run", "gs://b/-yesterday")
    assert options.as_of.isoformat() == "2026-03-01T00:00:00+00:00"
    assert (options.overwrite, options.shards) == (True, 3)
    assert options.calls_direction == "inbound"
    assert options.beam == ("--runner=DataflowRunner",)
    said_no = pipeline_arguments(TEMPLATES["batch"], [*line, "--overwrite=false"])
    assert said_no.count("--overwrite") == 1


def test_parameters_of_a_stream_become_its_options():
    parameters = {
        "pubsub_complaints": "projects/made-up/subscriptions/complaints",
        "pubsub_alerts": "projects/made-up/topics/alerts",
        "retention": VALUE_SEPARATOR.join(["phone=90", "domain=30"]),
        "tick_interval": "60",
        "output": "gs://b/live",
    }
    line = [f"--{name}={value}" for name, value in parameters.items()]
    made = pipeline_arguments(TEMPLATES["stream"], [*line, "--runner=DataflowRunner"])
    options = options_module.parse(made)
    assert (options.source, options.tick_interval) == ("pubsub", 60)
    assert options.retention == {"phone": 90, "domain": 30}
    assert options.pubsub_alerts == parameters["pubsub_alerts"]


def test_every_parameter_reaches_its_option():
    for template in TEMPLATES.values():
        for name, action in flex_template.template_options(template).items():
            (word,) = pipeline_arguments(template, [f"--{name}=true"])
            assert word.partition("=")[0] in action.option_strings


def test_the_launch_does_not_wait_and_runs_the_workers_on_its_own_image(monkeypatch):
    called = []
    template = flex_template.Template(
        "t", "", False, TEMPLATES["batch"].add_arguments, called.append
    )
    monkeypatch.setitem(TEMPLATES, "batch", template)
    monkeypatch.setenv(flex_template.IMAGE_VARIABLE, "image:1")
    launch("batch", ["--output=gs://b/run"])
    launch("batch", ["--output=gs://b/run", "--sdk_container_image=other:2"])
    assert called == [
        ["--output=gs://b/run", "--no-wait", "--sdk_container_image=image:1"],
        ["--output=gs://b/run", "--sdk_container_image=other:2", "--no-wait"],
    ]


def test_the_image_has_the_pinned_beam_and_every_package():
    docker = (DATAFLOW / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (beam,) = [
        name for name in project["project"]["dependencies"] if name.startswith("apache-beam")
    ]
    lowest = re.search(r">=([\d.]+)", beam)[1]
    assert re.findall(r"_sdk:([\d.]+)", docker) == [f"{lowest}.0"]
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {f"!{name.rstrip('*')}" for name in packages} <= set(kept)
    entry = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=/template/(\S+)", docker)[1]
    assert (ROOT / entry).is_file()
    assert f"!{entry}" in kept
