"""A format of downloads is one row of the registry."""

from reports.export import registry
from reports.export.registry import EXPORT_FORMATS, ExportFormat
from tests.support.parsed_page import Page
from tests.support.report_tables import world, write_run
from tests.support.written_report import report_files


def members_as_text(export):
    for facts in export.batch.facts:
        yield [f"{one['entity_id']}\n".encode() for one in facts.members]


def run_id_as_text(graph):
    return [f"{graph.run.run_id}\n".encode()]


TOY = ExportFormat(
    code="toy",
    name="Toy",
    description="for <nobody>",
    suffix="toy.txt",
    media_type="text/plain",
    write_clusters=members_as_text,
    write_graph=run_id_as_text,
    graph_file="graph/graph.toy.txt",
)


def test_a_row_adds_a_format_to_every_cluster_and_to_the_graph(tmp_path, monkeypatch):
    rows, manifest = world(32)
    run = write_run(tmp_path / "run", rows)
    before = report_files(run, manifest)
    monkeypatch.setattr(registry, "EXPORT_FORMATS", (*EXPORT_FORMATS, TOY))
    after = report_files(run, manifest)

    ids = [one["cluster_id"] for one in rows["clusters"]]
    toys = {f"report/clusters/{one}.toy.txt" for one in ids} | {"graph/graph.toy.txt"}
    assert after.keys() - before.keys() == toys
    assert after["graph/graph.toy.txt"].decode().split() == [manifest["run_id"]]
    for cluster_id in ids:
        named = {one["entity_id"] for one in rows["members"] if one["cluster_id"] == cluster_id}
        assert set(after[f"report/clusters/{cluster_id}.toy.txt"].decode().split()) == named

    several, single = "report/clusters/c-00000000.html", "report/clusters/single-0001.html"
    assert (
        'href="c-00000000.toy.txt" download>Toy</a> for &lt;nobody&gt;' in after[several].decode()
    )
    assert "Toy" in Page(after[single].decode()).text
    assert b"Toy" not in before[several] + before[single]


def test_names_of_formats_and_files_are_distinct():
    for values in (
        [one.code for one in EXPORT_FORMATS],
        [one.name for one in EXPORT_FORMATS],
        [one.suffix for one in EXPORT_FORMATS],
        [one.graph_file for one in EXPORT_FORMATS if one.graph_file],
    ):
        assert len(set(values)) == len(values)
    assert all((one.write_graph is not None) == bool(one.graph_file) for one in EXPORT_FORMATS)
    assert all(one.write_clusters or one.write_graph for one in EXPORT_FORMATS)
