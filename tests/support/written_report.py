"""The files of a report and of a workbench, by name, as one process makes them."""

import json
from tempfile import TemporaryDirectory

from reports.html import site
from reports.run import Run
from reports.workbench import write_workbench
from schemas.manifest import OutputFile
from tests.support.leaks import decoded_layers
from transforms.write.job_pool import InlinePool


def report_files(run, whole, **options) -> dict[str, bytes]:
    """The content of each file below the run's folder."""
    return _written(site.write_report_pages, run, whole, options)


def workbench_files(run, whole, **options) -> dict[str, bytes]:
    """The content of each file of the workbench, by name below the run's folder."""
    return _written(write_workbench, run, whole, options)


def piece(files: dict[str, bytes], name: str) -> dict:
    """The data of a piece of a workbench."""
    content = files[f"report/data/{name}.js"]
    *_, data = decoded_layers(name, content)
    return json.loads(data)


def rows(whole: dict) -> list[dict]:
    """The rows of a list of clusters as dicts."""
    return [dict(zip(whole["columns"], row, strict=True)) for row in whole["rows"]]


def _written(write, run, whole, options) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def kept(name: str, pieces) -> OutputFile:
        found[name] = b"".join(pieces)
        return {"name": name, "bytes": len(found[name]), "sha256": "", "rows": 0}

    with TemporaryDirectory() as scratch:
        write(Run(str(run), whole), InlinePool(kept, scratch), **options)
    return found
