import csv
import io
import json
import re
from importlib.resources import files
from itertools import pairwise

import networkx as nx
import pyarrow.parquet as pq
import pytest
from lxml import etree

from reports.run import Run
from tests.support import published_run
from tests.support.hostile_text import hostile_run
from tests.support.parsed_page import Page
from tests.support.report_tables import (
    call,
    cluster,
    complaint,
    entity,
    link,
    listed,
    manifest,
    member,
    mention,
    supplier,
    world,
    write_run,
)
from tests.support.written_report import report_files

PHONE, OTHER, SITE = "phone:+18885550123", "phone:+18885550199", "domain:amzn-refund.support"

NARRATIVE = "They said to call (888) 555-0123 at once, and I did."


def small_run(folder):
    rows = {
        "entities": [
            entity(PHONE, complaints=4),
            entity(OTHER),
            entity(SITE),
            entity("trunk:acme", status="uncorroborated"),
            entity("phone:+12125550111", status="uncorroborated", reason="caller id only"),
        ],
        "members": [member(PHONE, "c-1", bridge=True), member(OTHER, "c-1"), member(SITE, "c-2")],
        "links": [
            link(PHONE, OTHER, record_ids=["amazon|A-1"]),
            link(PHONE, SITE, accepted=False, reason="too little evidence to join two clusters"),
            link(PHONE, "trunk:acme", strength="soft", accepted=False),
            link(PHONE, "phone:+12125550111", strength="soft", accepted=False),
        ],
        "suppliers": [supplier("trunk:acme", "c-1"), supplier("trunk:acme", "c-2")],
        "clusters": [
            cluster(
                "c-1",
                size=2,
                priority=50.0,
                countries=[
                    {"country": "US", "complaints": 9},
                    {"country": "GB", "complaints": 3},
                    {"country": "DE", "complaints": 2},
                ],
                weakest_bridges=[
                    {"entity_a": PHONE, "entity_b": OTHER, "weight": 1.0, "smaller_side": 1}
                ],
            ),
            cluster("c-2", priority=1.0),
        ],
        "complaints": [complaint("A-1", narrative=NARRATIVE)],
        "mentions": [
            mention(PHONE, "A-1", field="narrative", start=18, end=32, raw="(888) 555-0123"),
            mention(PHONE, "A-2", field="narrative", start=0, end=3, raw="not there"),
        ],
    }
    return write_run(folder, rows), manifest()


def written(run, whole, **options) -> dict[str, str]:
    found = report_files(run, whole, **options)
    return {name: data.decode("utf-8", "replace") for name, data in found.items()}


def test_same_tables_same_bytes_however_they_are_cut(tmp_path):
    rows, whole = world(12)
    runs = [write_run(tmp_path / str(cut), rows, cut) for cut in (1, 3)]
    first, second = (report_files(run, json.loads(json.dumps(whole))) for run in runs)
    assert first == second
    assert len(first) == 1 + 12 * 5 + 4


def test_a_page_says_what_why_and_how_surely(tmp_path):
    files = written(*small_run(tmp_path / "r"))
    page = Page(files["report/clusters/c-1.html"])
    assert "2 phone numbers used by callers who posed as Amazon, held together by" in page.text
    assert "2 complaints, 0 calls with phone:+18885550199 (2.00)" in page.text
    assert "1 of 2 identifiers falls off" in page.text or "identifier falls off" in page.text
    assert "too little evidence to join two clusters" in page.text
    hrefs = {a["href"] for tag, a in page.elements if tag == "a"}
    assert {"single-0001.html#c-2", "c-1.graphml", "c-1.gexf", "c-1.csv", "../index.html"} <= hrefs


def test_evidence_is_highlighted_at_its_offsets_or_not_at_all(tmp_path):
    html = written(*small_run(tmp_path / "r"))["report/clusters/c-1.html"]
    shown = Page(html).text
    assert "… They said to call (888) 555-0123 at once, and I did. …" in shown
    assert "<mark><bdi>(888) 555-0123</bdi></mark>" in html
    assert "<mark><bdi>not there</bdi></mark>" in html


def test_a_redacted_copy_holds_no_narrative_and_no_record_id(tmp_path):
    files = written(*small_run(tmp_path / "r"), redact=True, suppress_below=5)
    for name, text in files.items():
        assert "A-1" not in text, name
        assert "at once" not in text, name
    page = Page(files["report/clusters/c-1.html"])
    assert "US 9" in page.text
    assert "GB hidden" in page.text
    assert "DE hidden" in page.text
    assert "Record ids and narratives are left out" in page.text


def test_a_number_that_only_a_caller_id_names_is_nowhere(tmp_path):
    run, whole = small_run(tmp_path / "r")
    assert not [name for name, data in report_files(run, whole).items() if b"2125550111" in data]


def test_every_table_says_what_its_rows_are_cited_from(tmp_path):
    rows, whole = world(40)
    files = written(write_run(tmp_path / "r", rows), whole)
    files |= {f"small/{name}": text for name, text in written(*small_run(tmp_path / "s")).items()}
    pages = [text for name, text in files.items() if name.endswith("html")]
    assert len(pages) == 40 - 10 + 1 + 1 + 3
    for text in pages:
        found = re.findall("<table[^>]*>", text)
        assert [one for one in found if 'data-from="' not in one] == []
        assert text.count('data-cited="ringtrace run-') >= 1
        assert text.count('id="cited"') == 1


ENDINGS = ["csv", "gexf", "graphml", "stix.json"]


def test_every_cluster_can_be_taken_along_in_every_format(tmp_path):
    rows, whole = world(40)
    rows["members"] = [one | {"review": "reviewed"} for one in rows["members"]]
    files = report_files(write_run(tmp_path / "r", rows), whole)
    for row in rows["clusters"]:
        stem, members = f"report/clusters/{row['cluster_id']}", row["size"]
        assert (
            sorted(n.removeprefix(f"{stem}.") for n in files if stem in n and n[-5:] != ".html")
            == ENDINGS
        )
        assert nx.read_graphml(io.BytesIO(files[f"{stem}.graphml"])).number_of_nodes() == members
        assert nx.read_gexf(io.BytesIO(files[f"{stem}.gexf"])).number_of_nodes() == members
        assert files[f"{stem}.csv"].count(b"\r\n") == members + 1
        kinds = [one["type"] for one in json.loads(files[f"{stem}.stix.json"])["objects"]]
        assert kinds.count("observed-data") == members
    pages = [data.decode() for name, data in files.items() if name.endswith(".html")]
    for row in rows["clusters"]:
        for end in ENDINGS:
            link = f'href="{row["cluster_id"]}.{end}" download'
            assert sum(link in page for page in pages) == 1


def test_a_giant_cluster_is_drawn_as_far_as_it_can_be_read(tmp_path):
    size = 3_000
    ids = [f"phone:+1888{n:07d}" for n in range(size)]
    rows = {
        "entities": [entity(one, complaints=size - n) for n, one in enumerate(ids)],
        "members": [member(one, "c-1") for one in ids],
        "links": [link(a, b) for a, b in pairwise(ids)],
        "clusters": [cluster("c-1", size=size)],
    }
    files = report_files(write_run(tmp_path / "r", rows), manifest())
    html = files["report/clusters/c-1.html"].decode()
    page = Page(html)
    assert sum("role" in found and found["role"] == "img" for _, found in page.elements) == 1_001
    assert "2 000 identifiers that fewer records name are not drawn" in page.text
    assert "The first 1 000 of 3 000 identifiers" in page.text
    assert len(html) < 3_000_000
    assert files["report/clusters/c-1.csv"].count(b"\r\n") == size + 1


def test_scripts_show_how_their_wordings_differ(tmp_path):
    template = "this is amazon fraud control a charge of # was made press one to cancel …"
    other = "this is amazon fraud desk a charge of # was made press one to cancel …"
    rows = {
        "entities": [entity(PHONE), entity(OTHER)],
        "members": [member(PHONE, "c-1"), member(OTHER, "c-1")],
        "links": [link(PHONE, OTHER)],
        "clusters": [cluster("c-1", size=2)],
        "suppliers": [supplier("script:1f", "c-1", template=template)],
        "mentions": [
            one
            for n in range(7)
            for one in (
                mention(PHONE if n else SITE, f"A-{n}"),
                mention("script:1f", f"A-{n}", raw=template if n > 2 else other, field="narrative"),
            )
        ],
    }
    run = write_run(tmp_path / "r", rows)
    html = written(run, manifest())["report/clusters/c-1.html"]
    shown = html[html.index('id="scripts"') : html.index('id="evidence"')]
    assert re.findall("<mark><bdi>(.*?)</bdi></mark>", shown) == ["desk"]
    assert [int(n) for n in re.findall('class="num">([0-9]+)</td>', shown)] == [3, 4, 2]
    outside = written(run, manifest(), redact=True)["report/clusters/c-1.html"]
    assert "fraud" not in outside


def test_hostile_text_stays_text_on_every_page(tmp_path):
    files = written(*hostile_run(tmp_path / "r"))
    pages = [name for name in files if name.endswith(".html")]
    assert len(pages) == 8
    for name in pages:
        page = Page(files[name])
        assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object", "link"}
        names = {key for _, attributes in page.elements for key in attributes}
        assert not [key for key in names if key.startswith("on") or key == "style"]
        assert all(c.isprintable() or c in "\n\u202f" for c in files[name])
        assert len(files[name]) < 250_000
        own = set(re.findall("<script>(.*?)</script>", files[name], re.DOTALL))
        assets = files_of("assets")
        assert own <= assets


def files_of(folder: str) -> set[str]:
    return {one.read_text() for one in files("reports").joinpath(folder).iterdir()}


def test_a_spreadsheet_sees_no_formula(tmp_path):
    found = written(*hostile_run(tmp_path / "r"))
    tables = [text for name, text in found.items() if name.endswith(".csv")]
    assert len(tables) == 7
    for text in tables:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell]


@pytest.mark.parametrize("kind", ["graphml", "gexf"])
def test_networkx_opens_the_graphs(tmp_path, kind):
    for make in (small_run, hostile_run):
        run, whole = make(tmp_path / make.__name__)
        for name, data in report_files(run, whole).items():
            if name.endswith(kind):
                graph = getattr(nx, f"read_{kind}")(io.BytesIO(data))
                assert graph.number_of_nodes() >= 1
                assert all("kind" in one for _, one in graph.nodes(data=True)), name


def test_the_whole_graph_is_the_same_in_every_format(tmp_path):
    rows, whole = world(6)
    run = write_run(tmp_path / "r", rows)
    (tmp_path / "r" / "manifest.json").write_text(json.dumps(whole | {"outputs": listed(run)}))
    found = report_files(run, whole)
    opened = Run.open(run)
    nodes = pq.read_table(io.BytesIO(found["graph/nodes.parquet"]))
    edges = pq.read_table(io.BytesIO(found["graph/edges.parquet"]))
    assert nodes.num_rows == opened.graph.number_of_nodes()
    assert edges.num_rows == opened.graph.number_of_edges() > 50
    for kind in ("graphml", "gexf"):
        graph = getattr(nx, f"read_{kind}")(io.BytesIO(found[f"graph/graph.{kind}"]))
        if kind == "graphml":
            graph = nx.relabel_nodes(graph, nx.get_node_attributes(graph, "label"))
        assert set(graph.nodes) == set(opened.graph.nodes)
        assert {frozenset(one) for one in graph.edges} == {frozenset(e) for e in opened.graph.edges}
        one = edges.to_pylist()[0]
        kept = graph.edges[one["source"], one["target"]]
        assert (kept["weight"], kept["accepted"]) == (one["weight"], one["accepted"])
    members = opened.cluster("c-00000000")
    assert len(members) == 72
    with pytest.raises(KeyError, match="no cluster"):
        opened.cluster("c-none")
    assert opened.table("entities").num_rows == len(rows["entities"])


def test_a_number_that_was_passed_on_says_so(tmp_path):
    again = f"{PHONE}#2"
    rows = {
        "entities": [entity(PHONE), entity(again, epoch=2), entity(OTHER)],
        "members": [member(PHONE, "c-1"), member(again, "c-2"), member(OTHER, "c-2")],
        "links": [link(again, OTHER)],
        "clusters": [cluster("c-1"), cluster("c-2", size=2)],
        "calls": [call("k1", suspect_number=PHONE.removeprefix("phone:"), carrier="Acme")],
    }
    files = written(write_run(tmp_path / "r", rows), manifest())
    page = Page(files["report/clusters/c-2.html"]).text
    assert f"Doubt: {PHONE} was in use before a long gap, maybe of another holder" in page
    assert "Acme" in page
    first = Page(files["report/clusters/single-0001.html"]).text
    assert "Acme" in first
    assert "long gap" not in first


@pytest.mark.parametrize("kind", ["graphml", "gexf"])
def test_graphs_are_valid_by_the_published_schemas(tmp_path, kind):
    try:
        schema = published_run.schema(kind)
    except OSError as error:
        pytest.skip(f"no published schemas: {error}")
    rows, whole = world(6)
    runs = [(write_run(tmp_path / "w", rows), whole), hostile_run(tmp_path / "h")]
    checked = 0
    for run, manifested in runs:
        for name, data in report_files(run, manifested).items():
            if name.endswith(kind):
                # The schema has positions in its own namespace; Gephi writes and reads them in viz.
                content = data.replace(b"<viz:position", b"<position")
                schema.assertValid(etree.fromstring(content))
                checked += 1
    assert checked > 8
    end = b"</edges>" if kind == "gexf" else b"</graph>"
    assert not schema.validate(etree.fromstring(content.replace(end, b"<thing/>" + end)))
