"""Dataflow Flex Templates of the pipelines: parameters made from the options, and the launch.

`python -m pipelines.flex_template deploy/dataflow` writes a metadata file for each pipeline.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.batch import __main__ as batch, options as batch_options
from pipelines.options import Declaration, Json, WholeNumber, help_text, run_writer
from pipelines.streaming import __main__ as stream
from pipelines.streaming.options import add_arguments

VALUE_SEPARATOR = ";"
"""The separator between a parameter's values: gcloud has other uses for the comma."""

IMAGE_VARIABLE = "RINGTRACE_IMAGE"
"""Environment variable of an image with its own name, so that workers run the same image."""

LAUNCHER_ONLY = frozenset(
    {"help", "config", "debug", "no_wait", "offer", "watch", "stop_after_idle", "migrate_state"}
)
"""Options that a template leaves out: they concern the machine that starts it."""

_TYPES = {"DIR": "GCS_READ_FOLDER", "RUN": "GCS_READ_FOLDER", "FILE": "GCS_READ_FILE"}

_NAMED = {
    "output": "GCS_WRITE_FOLDER",
    "pubsub_complaints": "PUBSUB_SUBSCRIPTION",
    "pubsub_calls": "PUBSUB_SUBSCRIPTION",
    "pubsub_alerts": "PUBSUB_TOPIC",
}
"""Parameter types by an option's metavar, or name (Dataflow REST reference, ParameterMetadata)."""


@dataclass(frozen=True)
class Template:
    """A pipeline as a template."""

    name: str
    description: str
    streaming: bool
    add_arguments: Declaration
    main: Callable[[Sequence[str]], int]


TEMPLATES = {
    "batch": Template(
        name="ringtrace batch",
        description="Complaint files and call records in, clusters of scam infrastructure out",
        streaming=False,
        add_arguments=batch_options.add_arguments,
        main=batch.main,
    ),
    "stream": Template(
        name="ringtrace stream",
        description="Complaints and calls from Pub/Sub or Kafka in, alerts and snapshots out",
        streaming=True,
        add_arguments=add_arguments,
        main=stream.main,
    ),
}


def template_options(template: Template) -> dict[str, Action]:
    """Returns the options that are parameters of a template, by the parameter's name."""
    parser = ArgumentParser(add_help=False)
    template.add_arguments(parser)
    return {action.dest: action for action in parser._actions if action.dest not in LAUNCHER_ONLY}


def template_metadata(template: Template) -> Json:
    """Returns the description of a template for Dataflow (metadata.json)."""
    return {
        "name": template.name,
        "description": template.description,
        "streaming": template.streaming,
        "parameters": [
            _parameter(name, action, optional=name != "output")
            for name, action in template_options(template).items()
        ],
    }


def _parameter(name: str, action: Action, *, optional: bool) -> Json:
    described = help_text(action)
    parameter: Json = {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "helpText": f"{described[:1].upper()}{described[1:]}",
        "isOptional": optional,
    }
    if isinstance(action.default, list):
        several = f"{parameter['helpText']}; several with {VALUE_SEPARATOR} between them"
        return parameter | {"helpText": several, "paramType": "TEXT"}
    if isinstance(action.default, bool):
        return parameter | {"paramType": "BOOLEAN"}
    if action.choices is not None:
        choices = [{"value": str(choice), "label": str(choice)} for choice in action.choices]
        return parameter | {"paramType": "ENUM", "enumOptions": choices}
    if isinstance(action.type, WholeNumber):
        parameter["helpText"] += f"; {action.type}"
        return parameter | {"paramType": "TEXT", "regexes": ["[0-9]+"]}
    kind = _NAMED.get(name) or _TYPES.get(str(action.metavar), "TEXT")
    return parameter | {"paramType": kind}


def pipeline_arguments(template: Template, arguments: Iterable[str]) -> list[str]:
    """Returns a pipeline's command line for the `--name=value` of Dataflow's launcher.

    Other arguments are Beam's, and stay as they are.
    """
    known = template_options(template)
    made: list[str] = []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        action = known.get(name)
        if action is None or not equals:
            made.append(argument)
        elif isinstance(action.default, bool):
            made += [action.option_strings[0]] if value.lower() == "true" else []
        elif isinstance(action.default, list):
            flag = action.option_strings[0]
            made += [f"{flag}={part}" for part in value.split(VALUE_SEPARATOR) if part]
        else:
            made.append(f"{action.option_strings[0]}={value}")
    return made


def launch(pipeline: str, arguments: Sequence[str]) -> int:
    """Hands the job to Dataflow without waiting for it; returns the exit status."""
    template = TEMPLATES[pipeline]
    line = [*pipeline_arguments(template, arguments), "--no-wait"]
    image = os.environ.get(IMAGE_VARIABLE)
    if image and not any(word.startswith("--sdk_container_image") for word in line):
        line.append(f"--sdk_container_image={image}")
    return template.main(line)


def main(arguments: Sequence[str]) -> int:
    """Writes `<pipeline>.json` for each pipeline into the given folder."""
    return run_writer("pipelines.flex_template", "DIR", write_metadata, arguments)


def write_metadata(folder: Path) -> None:
    """Writes the metadata file of each pipeline into a folder."""
    for pipeline, template in TEMPLATES.items():
        text = json.dumps(template_metadata(template), indent=2) + "\n"
        (folder / f"{pipeline}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
