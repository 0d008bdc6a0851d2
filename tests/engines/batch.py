"""Parts that the tests of pipelines on an engine share."""

from pipelines import flink_options


def engine_flags(address: str) -> list[str]:
    """Beam options that send a pipeline to a job server, with its workers in this process."""
    return ["--runner=PortableRunner", "--environment_type=LOOPBACK", f"--job_endpoint={address}"]


def stream_flags(address: str) -> list[str]:
    """Beam options of a stream that is sent to a job server."""
    flags = engine_flags(address)
    return [*flags, "--streaming", *flink_options.stream_flags(flags)]
