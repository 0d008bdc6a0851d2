"""GraphML, GEXF and CSV as other tools open them, and graph/ of a run."""

import csv
import io
import json

import networkx as nx
import pyarrow.parquet as pq
import pytest
from lxml import etree

from reports.run import Run
from schemas.field import TIMESTAMP
from tests.support import published_run
from tests.support.hostile_text import hostile_run
from tests.support.report_tables import listed, world, write_run
from tests.support.written_report import export_files, report_files


def exported(run, whole, suffixes=None) -> dict[str, bytes]:
    ids = pq.read_table(run / "clusters", columns=["cluster_id"])["cluster_id"].to_pylist()
    return export_files(run, whole, ids, suffixes, include_verify=True)


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory):
    """A run whose members were reviewed, its rows, and its manifest."""
    rows, whole = world(6)
    rows["members"] = [member | {"review": "reviewed"} for member in rows["members"]]
    run = write_run(tmp_path_factory.mktemp("plain") / "r", rows)
    whole["outputs"] = listed(run)
    (run / "manifest.json").write_text(json.dumps(whole))
    return run, rows, whole


@pytest.fixture(scope="module")
def plain_files(plain_run):
    """The exports of the plain run, by name."""
    run, _, whole = plain_run
    return exported(run, whole)


@pytest.fixture(scope="module")
def files_of_two(plain_files, tmp_path_factory):
    """The graphs and tables of the plain run and of a hostile one, by name."""
    hostile = hostile_run(tmp_path_factory.mktemp("hostile") / "r")
    return plain_files, exported(*hostile, ["graphml", "gexf", "csv"])


def test_every_cluster_can_be_exported_in_every_format(plain_run, plain_files):
    _, rows, _ = plain_run
    files = plain_files
    for row in rows["clusters"]:
        stem, members = row["cluster_id"], row["size"]
        assert nx.read_graphml(io.BytesIO(files[f"{stem}.graphml"])).number_of_nodes() == members
        assert nx.read_gexf(io.BytesIO(files[f"{stem}.gexf"])).number_of_nodes() == members
        assert files[f"{stem}.csv"].count(b"\r\n") == members + 1
        kinds = [
            stix_object["type"] for stix_object in json.loads(files[f"{stem}.stix.json"])["objects"]
        ]
        assert kinds.count("observed-data") == members
        event = json.loads(files[f"{stem}.misp.json"])["Event"]
        assert len(event["Attribute"]) == members
    together = json.loads(files["all.misp.json"])["response"]
    assert len(together) == len(rows["clusters"])


def test_a_spreadsheet_sees_no_formula(files_of_two):
    _, files = files_of_two
    tables = [data.decode() for name, data in files.items() if name.endswith(".csv")]
    assert len(tables) > 5
    for text in tables:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell]


@pytest.mark.parametrize("kind", ["graphml", "gexf"])
def test_networkx_opens_the_graphs(files_of_two, kind):
    for files in files_of_two:
        for name, data in files.items():
            if name.endswith(kind):
                graph = getattr(nx, f"read_{kind}")(io.BytesIO(data))
                assert graph.number_of_nodes() >= 1
                assert all("kind" in attributes for _, attributes in graph.nodes(data=True)), name


def test_the_whole_graph_is_the_same_in_every_format(plain_run, plain_files):
    run, rows, whole = plain_run
    files = report_files(run, whole) | plain_files
    opened = Run.open(run)
    nodes = pq.read_table(io.BytesIO(files["graph/nodes.parquet"]))
    edges = pq.read_table(io.BytesIO(files["graph/edges.parquet"]))
    assert nodes.num_rows == opened.graph.number_of_nodes()
    for name in ("first_seen", "last_seen"):
        assert nodes.schema.field(name).type == edges.schema.field(name).type == TIMESTAMP
    assert edges.num_rows == opened.graph.number_of_edges() > 50
    for kind in ("graphml", "gexf"):
        graph = getattr(nx, f"read_{kind}")(io.BytesIO(files[f"all.{kind}"]))
        if kind == "graphml":
            graph = nx.relabel_nodes(graph, nx.get_node_attributes(graph, "label"))
        assert set(graph.nodes) == set(opened.graph.nodes)
        assert {frozenset(edge) for edge in graph.edges} == {
            frozenset(e) for e in opened.graph.edges
        }
        edge = edges.to_pylist()[0]
        kept = graph.edges[edge["source"], edge["target"]]
        assert (kept["weight"], kept["accepted"]) == (edge["weight"], edge["accepted"])
    members = opened.cluster("c-00000000")
    assert len(members) == 72
    with pytest.raises(KeyError, match="no cluster"):
        opened.cluster("c-none")
    assert opened.table("entities").num_rows == len(rows["entities"])


@pytest.mark.parametrize("kind", ["graphml", "gexf"])
def test_graphs_are_valid_by_the_published_schemas(files_of_two, kind):
    try:
        schema = published_run.schema(kind)
    except OSError as error:
        pytest.skip(f"no published schemas: {error}")
    checked = 0
    for files in files_of_two:
        for name, data in files.items():
            if name.endswith(kind):
                # The schema has positions in its own namespace; Gephi writes and reads them in viz.
                content = data.replace(b"<viz:position", b"<position")
                schema.assertValid(etree.fromstring(content))
                checked += 1
    assert checked > 8
    end = b"</edges>" if kind == "gexf" else b"</graph>"
    assert not schema.validate(etree.fromstring(content.replace(end, b"<thing/>" + end)))
