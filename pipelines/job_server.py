"""What a stream that is handed to a job server needs beyond Beam's defaults."""

from __future__ import annotations

import socket

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from pipelines.options import UsageError

PATIENCE = "--job_server_timeout=31536000"
"""Seconds, a year, for which a job is followed: Beam's 300 end a stream that goes on."""

ANSWER = 10
"""Seconds within which a job server must take a connection."""


def check_job_server(options: PipelineOptions) -> None:
    """Whether a job server that is named takes connections; Beam would wait as long as for a job.

    Raises:
        UsageError: if it does not.
    """
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not endpoint or endpoint == "embed":
        return
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, ValueError, OverflowError):
        raise UsageError(
            f"--job_endpoint {endpoint}: nobody answers there; start the job server, or mend it"
        ) from None
