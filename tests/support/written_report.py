"""The files of a report, and of exports, by name, as one process makes them."""

import json
from tempfile import TemporaryDirectory

from reports.export.registry import EXPORT_FORMATS, RunExport
from reports.run import Run
from reports.workbench import write_workbench
from schemas.manifest import OutputFile
from tests.support.leaks import decoded_layers
from transforms.write.job_pool import InlinePool


def report_files(run, whole, **options) -> dict[str, bytes]:
    """The content of each file of a report, by name below the run's folder."""
    found: dict[str, bytes] = {}

    def kept(name: str, pieces) -> OutputFile:
        found[name] = b"".join(pieces)
        return {"name": name, "bytes": len(found[name]), "sha256": "", "rows": 0}

    with TemporaryDirectory() as scratch:
        write_workbench(Run(str(run), whole), InlinePool(kept, scratch), **options)
    return found


def export_files(run, whole, cluster_ids, **options) -> dict[str, bytes]:
    """The file of each cluster and of the whole in every format, by name."""
    made = Run(str(run), whole)
    export = RunExport(made, made.run_id, made.moment, **options)
    found = {}
    for form in EXPORT_FORMATS:
        found[f"all.{form.suffix}"] = b"".join(export.whole(form))
        for one in cluster_ids:
            found[f"{one}.{form.suffix}"] = export.cluster(one, form)
    return found


def piece(files: dict[str, bytes], name: str) -> dict:
    """The data of a piece of a report."""
    content = files[f"report/data/{name}.js"]
    *_, data = decoded_layers(name, content)
    return json.loads(data)


def parts(files: dict[str, bytes]) -> dict[str, dict]:
    """All that is said of each cluster, by its id."""
    names = [one for one in files if one.startswith("report/data/part-")]
    found = [piece(files, one.removeprefix("report/data/").removesuffix(".js")) for one in names]
    return {
        cluster_id: {
            name: [dict(zip(one["columns"][name], row, strict=True)) for row in value]
            if name in one["columns"]
            else value
            for name, value in facts.items()
        }
        for one in found
        for cluster_id, facts in one["clusters"].items()
    }


def rows(whole: dict) -> list[dict]:
    """The rows of a list of clusters as dicts."""
    return [dict(zip(whole["columns"], row, strict=True)) for row in whole["rows"]]
