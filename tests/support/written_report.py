"""The files of a report, by name, as one process makes them."""

from tempfile import TemporaryDirectory

from reports.html import site
from reports.run import Run
from schemas.manifest import OutputFile
from transforms.write.job_pool import InlinePool


def report_files(run, whole, **options) -> dict[str, bytes]:
    """The content of each file below the run's folder."""
    found: dict[str, bytes] = {}

    def kept(name: str, pieces) -> OutputFile:
        found[name] = b"".join(pieces)
        return {"name": name, "bytes": len(found[name]), "sha256": "", "rows": 0}

    with TemporaryDirectory() as scratch:
        site.write_report_pages(Run(str(run), whole), InlinePool(kept, scratch), **options)
    return found
