"""What parts of a report take alone: `python -m benchmarks.report_parts RUN [TIMES]`.

Each part is a process of its own: finding what the index page searches, graph/, and cutting the
tables by groups of clusters. With TIMES the run is taken so many times over, each time under other
ids, so that a report of a larger run can be measured without that run. A digest of what each part
made is told, to compare two versions of the code by.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import measured
from schemas.tables import ALL, Table
from transforms.write.parquet_files import Sorted
from transforms.write.tables import write_sorted

PARTS = ("search", "graph", "spool")


IDS = (
    *("entity_id", "entity_a", "entity_b", "cluster_id"),
    *("record_id", "complaint_id", "call_id", "suspect_number"),
)
"""Columns whose texts are other ones in each copy of a run."""


def several(run: Path, times: int, folder: Path) -> None:
    """The tables of a run, `times` over, below `folder`."""
    for table in ALL:
        with TemporaryFile(dir=folder) as file:
            rows = Sorted(table, file)
            for copy in range(times):
                for batch in _copied(run, table, copy):
                    rows.add(batch)
            write_sorted(rows, table, str(folder), f"{table.name}/part-00000-of-00001.parquet")
    shutil.copy(run / "manifest.json", folder)


def _copied(run: Path, table: Table, copy: int) -> Iterator[pa.RecordBatch]:
    from reports import tables

    for batch in tables.batches(run, table, table.schema.names):
        columns = dict(zip(table.schema.names, batch.columns, strict=True))
        for name in set(IDS) & set(table.schema.names):
            # What is behind a # is the epoch of an id.
            columns[name] = pc.replace_substring_regex(columns[name], "^([^#]+)", rf"\1.{copy}")
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=table.schema)


def made(run: str, part: str) -> str:
    """Make one part; a digest of it."""
    from reports.export import whole_graph
    from reports.html import index_page, site
    from reports.html.cluster_table import cluster_table
    from reports.html.partition import spool

    digest = hashlib.sha256()
    if part == "graph":
        for piece in whole_graph.graphml_file(run):
            digest.update(piece)
        digest.update(whole_graph.edges_file(run))
        return digest.hexdigest()
    table = cluster_table(run, site.PAGES)
    if part == "search":
        ids = table.table["cluster_id"].to_pylist()
        return hashlib.sha256(
            json.dumps(index_page.search_index(run, ids, redact=False)).encode()
        ).hexdigest()
    wanted = [[one for page in group for one in page.ids] for group in site.in_groups(table)]
    with tempfile.TemporaryDirectory(dir=Path(run).parent) as folder:
        spool(run, wanted, folder)
        for path in sorted(Path(folder).rglob("*.arrow")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_parts", description=__doc__)
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("times", metavar="TIMES", type=int, nargs="?", default=1)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        sys.stdout.write(made(str(asked.run), asked.part))
        return
    with tempfile.TemporaryDirectory(dir=asked.run.parent) as folder:
        run = asked.run
        if asked.times > 1:
            run = Path(folder, "run")
            run.mkdir()
            several(asked.run, asked.times, run)
        print("| part | CPU s | peak MiB | digest |")
        print("|---|---|---|---|")
        for part in PARTS:
            found = measured.run(measured.python("benchmarks.report_parts", run, "--part", part))
            print(f"| {part} | {found.cpu:.1f} | {found.peak:.0f} | {found.output[:12]} |")


if __name__ == "__main__":
    main()
