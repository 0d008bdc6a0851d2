"""What the tests of batch on an engine share."""

from pathlib import Path


def engine_flags(address: str) -> list[str]:
    """Beam options that send a pipeline to a job server, with its workers in this process."""
    return [
        "--runner=PortableRunner",
        "--environment_type=LOOPBACK",
        f"--job_endpoint={address}",
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
