"""Declares Flink's options to Beam, and those that a stream sets by itself.

Beam's Python knows few of them: it asks the job server for the others when the job is handed over,
after ringtrace has refused what nobody knows.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.data_files import read_data

CHECKPOINT_MILLIS = 10_000
"""Milliseconds between checkpoints where the user gives none, as between two ticks."""


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

    Without checkpoints a source that is read as a splittable DoFn runs while Flink ends its
    operators (`DoFnOperator.finish`); bundles of the steps chained to it then end only when they
    are full, and the watermark stands still. A bundle that ends inside a checkpoint hands its
    output on with the next element; after the one impulse that starts a source no other comes, and
    a checkpoint in the second after the start would leave it waiting for ever.
    """
    options = PipelineOptions(list(flags)).view_as(FlinkJobOptions)
    every = (
        [] if options.checkpointing_interval else [f"--checkpointing_interval={CHECKPOINT_MILLIS}"]
    )
    return [*every, "--finish_bundle_before_checkpointing"]
