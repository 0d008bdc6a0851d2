"""Whether what travels between steps may wait on disk instead of in memory."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from pipelines.options import LOCAL_RUNNER
from transforms.output.files import is_local
from transforms.packing import Spill

IN_PROCESS = ("in_memory", "multi_threading")
"""Modes of the local runner in which every step runs in this process."""


def spilling(options: PipelineOptions, output: str) -> AbstractContextManager[None]:
    """The time in which a local run keeps its shuffles on the disk of `output`.

    Other runners keep them themselves, and a worker process of its own could not read the file.
    """
    runner = options.view_as(StandardOptions).runner
    mode = options.view_as(DirectOptions).direct_running_mode
    if runner != LOCAL_RUNNER or mode not in IN_PROCESS or not is_local(output):
        return nullcontext()
    return Spill(str(Path(output).resolve().parent)).holding()
