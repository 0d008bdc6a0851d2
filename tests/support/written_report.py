"""The files of a report, and of exports, by name, as one process makes them."""

import itertools
import json
from tempfile import TemporaryDirectory

from reports.export.registry import EXPORT_FORMATS, RunExport
from reports.run import Run
from reports.workbench import write_workbench
from schemas.manifest import OutputFile
from tests.support.leaks import decoded_layers
from transforms.write.job_pool import JobPool


def report_files(run, whole, **options) -> dict[str, bytes]:
    """The content of each file of a report, by name below the run's folder."""
    files: dict[str, bytes] = {}

    def kept(name: str, pieces) -> OutputFile:
        files[name] = b"".join(pieces)
        return {"name": name, "bytes": len(files[name]), "sha256": "", "rows": 0}

    with TemporaryDirectory() as scratch:
        write_workbench(Run(str(run), whole), JobPool(kept, scratch), **options)
    return files


def export_files(run, whole, cluster_ids, suffixes=None, **options) -> dict[str, bytes]:
    """The file of each cluster and of the whole in every format, or in some, by name."""
    made = Run(str(run), whole)
    export = RunExport(made, made.run_id, made.moment, **options)
    files = {}
    for form in EXPORT_FORMATS:
        if suffixes is None or form.suffix in suffixes:
            files[f"all.{form.suffix}"] = b"".join(export.whole(form))
            for cluster_id in cluster_ids:
                files[f"{cluster_id}.{form.suffix}"] = export.cluster(cluster_id, form)
    return files


def piece(files: dict[str, bytes], name: str) -> dict:
    """The data of a piece of a report."""
    content = files[f"report/data/{name}.js"]
    *_, data = decoded_layers(name, content)
    texts, _, _ = data.partition(b"\n")
    return json.loads(texts)


def parts(files: dict[str, bytes]) -> dict[str, dict]:
    """All that is said of each cluster, by its id."""
    clusters = {}
    for name, content in files.items():
        if not name.startswith("report/data/part-"):
            continue
        *_, data = decoded_layers(name, content)
        whole, numbers = map(json.loads, data.split(b"\n"))
        read = {table: lists(column, numbers) for table, column in whole["tables"].items()}
        for place, cluster_id in enumerate(whole["clusters"]):
            facts = {"left_out": 0, "lineage": [], "scripts": [], "joint": None} | whole["facts"][
                place
            ]
            for script in facts["scripts"]:
                script["template"] = whole["words"][script["template"]][0][0]
                script["variants"] = [
                    [whole["words"][word], count] for word, count in script["variants"]
                ]
            clusters[cluster_id] = facts | {table: rows[place] for table, rows in read.items()}
    return clusters


def lists(column: dict, numbers: list[list[int]]) -> list[list[dict]]:
    """The rows of each list of a column, as the page reads them."""
    counts = whole_numbers(column["counts"], numbers)
    columns = {name: values(part, numbers) for name, part in column["of"].items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    ends = list(itertools.accumulate(counts))
    return [rows[end - count : end] for end, count in zip(ends, counts, strict=True)]


def values(column: dict, numbers: list[list[int]]) -> list:
    """The values of a column, as the page reads them."""
    if "days" in column:
        both = (whole_numbers(column[name], numbers) for name in ("days", "seconds"))
        return [day * 86_400 + second for day, second in zip(*both, strict=True)]
    if "counts" in column:
        return lists(column, numbers)
    numbers_of = whole_numbers(column, numbers)
    if "t" in column:
        return [column["t"][number - 1] if number else None for number in numbers_of]
    scale = column.get("scale", 1)
    return [None if number == column.get("null") else number / scale for number in numbers_of]


def whole_numbers(column: dict, numbers: list[list[int]]) -> list[int]:
    """The numbers that a column has or names."""
    return column["v"] if "v" in column else numbers[column["n"]]


def rows(whole: dict) -> list[dict]:
    """The rows of a list of clusters as dicts."""
    return [dict(zip(whole["columns"], row, strict=True)) for row in whole["rows"]]
