"""Declares Flink's options to Beam, and those that a stream sets by itself.

Beam's Python knows few of them: it asks the job server for the others when the job is handed over,
after ringtrace has refused what nobody knows.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

NUMBERS = {
    "checkpointing_interval": "milliseconds between two checkpoints",
    "checkpoint_timeout_millis": "milliseconds after which a checkpoint is given up",
    "min_pause_between_checkpoints": "least milliseconds between two checkpoints",
    "num_concurrent_checkpoints": "checkpoints that may be under way at once",
    "number_of_execution_retries": "how often a failed job starts again from its last checkpoint",
    "execution_retry_delay": "milliseconds before it does",
    "shutdown_sources_after_idle_ms": "milliseconds after which an idle source ends",
    "auto_watermark_interval": "milliseconds between two watermarks of a source",
    "max_bundle_size": "most elements of a bundle",
    "max_bundle_time_mills": "most milliseconds of a bundle",
}

TEXTS = {
    "checkpointing_mode": "EXACTLY_ONCE or AT_LEAST_ONCE",
    "state_backend": "rocksdb or filesystem",
    "state_backend_storage_path": "where checkpoints are kept",
    "savepoint_path": "the savepoint or checkpoint to go on from",
    "execution_mode_for_batch": "PIPELINED, or BATCH: a stage begins when the one before has ended",
    "flink_conf_dir": "the folder of Flink's own settings",
}

SWITCHES = {
    "allow_non_restored_state": "pass over state of the savepoint that no step asks for",
    "externalized_checkpoints_enabled": "keep checkpoints where a new job can be given them",
    "retain_externalized_checkpoints_on_cancellation": "also when the job is cancelled",
    "unaligned_checkpoint_enabled": "let a checkpoint overtake what is under way",
    "finish_bundle_before_checkpointing": "end the bundle before a checkpoint",
    "object_reuse": "pass objects on without copying",
}

CHECKPOINT_MILLIS = 10_000
"""Milliseconds between checkpoints where the user gives none, as between two ticks."""


class FlinkJobOptions(PipelineOptions):
    """Options that the job server of Beam's Flink runner describes (FlinkPipelineOptions.java)."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        for name, about in NUMBERS.items():
            parser.add_argument(f"--{name}", type=int, help=about)
        for name, about in TEXTS.items():
            parser.add_argument(f"--{name}", help=about)
        for name, about in SWITCHES.items():
            parser.add_argument(f"--{name}", action="store_const", const=True, help=about)


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
