"""Whether what a local run holds can be reached over the network while it runs."""

from __future__ import annotations

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from pipelines.options import LOCAL_RUNNER

WARNING = (
    "Beam's workers listen on every network interface, without a password, while this runs, and "
    "victims' data passes there: keep it behind a firewall, or leave --direct_running_mode out"
)


def listens(options: PipelineOptions) -> bool:
    """Whether Beam's local runner opens ports, as it does but where its worker is this process.

    apache_beam/runners/portability/fn_api_runner/worker_handlers.py, Beam 2.77: `[::]:0`.
    """
    mode = options.view_as(DirectOptions).direct_running_mode
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER and mode != "in_memory"
