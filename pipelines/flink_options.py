"""Declares Flink's options to Beam, and sets the options that a stream needs.

Beam's Python knows few of Flink's options. It asks the job server for the others when the job is
submitted, but ringtrace refuses unknown options before that.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.data_files import read_data

CHECKPOINT_MILLIS = 10_000
"""Default time between checkpoints, in milliseconds: the time between two ticks."""


class FlinkJobOptions(PipelineOptions):
    """Options that the job server of Beam's Flink runner describes (FlinkPipelineOptions.java)."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        kinds: dict[str, dict[str, Any]] = {
            "numbers": {"type": int},
            "texts": {},
            "switches": {"action": "store_const", "const": True},
        }
        for kind, options in read_data("flink").items():
            for name, about in options.items():
                parser.add_argument(f"--{name}", help=about, **kinds[kind])


def stream_flags(flags: Sequence[str]) -> list[str]:
    """Returns the flags that a stream on Flink needs: checkpoints, and bundles that end before.

    Without checkpoints, a source that is a splittable DoFn runs while Flink ends its operators
    (`DoFnOperator.finish`). Bundles of the steps chained to it then end only when they are full,
    and the watermark stands still. A bundle that ends inside a checkpoint passes its output on with
    the next element. A source gets only one element, the impulse that starts it, so a checkpoint
    within a second of the start would leave it waiting for ever.
    """
    options = PipelineOptions(list(flags)).view_as(FlinkJobOptions)
    every = (
        [] if options.checkpointing_interval else [f"--checkpointing_interval={CHECKPOINT_MILLIS}"]
    )
    return [*every, "--finish_bundle_before_checkpointing"]
