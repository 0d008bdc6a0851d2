"""A run is opened whole or refused in one line, and read as Arrow, pandas and networkx."""

import json
import re

import pytest

from pipelines.cli import main
from reports.run import Run
from schemas import CONTRACT_VERSION
from schemas.extras import install_command
from schemas.tables import MEMBERS
from tests.support.report_tables import entity, link, listed, manifest, member, write_run
from transforms.custody import RunError

PHONE, OTHER, SITE = "phone:+18885550100", "phone:+18885550101", "domain:refund.example"


def finished_run(folder):
    rows = {
        "entities": [entity(PHONE, complaints=4), entity(OTHER), entity(SITE)],
        "members": [member(PHONE, "c-1"), member(OTHER, "c-1"), member(SITE, "c-2")],
        "links": [link(PHONE, OTHER)],
    }
    write_run(folder, rows)
    (folder / "manifest.json").write_text(json.dumps(manifest(outputs=listed(folder))))
    return folder


def test_a_notebook_gets_arrow_pandas_and_networkx(tmp_path, monkeypatch):
    run = Run.open(finished_run(tmp_path / "run"))
    assert run.run_id == manifest()["run_id"]
    frame = run.frame("entities").set_index("entity_id")
    assert list(frame.loc[[PHONE, SITE], "complaints"]) == [4, 1]
    assert run.table("members")["cluster_id"].to_pylist() == ["c-2", "c-1", "c-1"]
    assert run.table(MEMBERS, ["entity_id"]).column_names == ["entity_id"]
    assert [batch.num_rows for batch in run.batches("members", ["entity_id"])] == [3]
    assert [batch.schema.names for batch in run.batches("members", [])] == [[]]
    assert run.graph.nodes[PHONE]["complaints"] == 4
    assert run.graph.edges[PHONE, OTHER]["accepted"]
    assert sorted(run.cluster("c-1")) == [PHONE, OTHER]
    with pytest.raises(KeyError):
        run.table("nothing")
    monkeypatch.setattr("reports.run.find_spec", {}.get)
    with pytest.raises(ModuleNotFoundError, match=re.escape(install_command("notebook"))):
        run.frame("entities")


def test_a_run_is_opened_by_its_url(tmp_path):
    run = Run.open(finished_run(tmp_path / "run").as_uri())
    assert run.manifest == manifest(outputs=listed(tmp_path / "run"))
    with pytest.raises(RunError, match="not a finished run"):
        Run.open((tmp_path / "none").as_uri())
    for url in ("nowhere://a/b", "gs://b/my folder"):
        with pytest.raises(RunError, match="not a finished run"):
            Run.open(url)


FOREIGN = "is not a finished run: its manifest.json was not written by ringtrace"


def without(*keys):
    """A manifest of this version without some of its keys."""
    return json.dumps({k: v for k, v in manifest().items() if k not in keys}).encode()


LISTING = json.dumps(manifest(outputs=[{"name": "a", "bytes": 1, "sha256": "", "rows": "7"}]))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "is not a finished run: it has no manifest.json"),
        (b"{", "manifest.json: is not JSON; was it edited?"),
        (b"[]", FOREIGN),
        (without("counts"), "its manifest.json: Object missing required field `counts`"),
        (LISTING.encode(), "manifest.json: field outputs[0].rows: Expected `int`, got `str`"),
        (json.dumps(manifest(contract_version=CONTRACT_VERSION + 1)).encode(), "is of contract"),
        (b'{"run_id": "r", "contract_version": "\\u001b[2J\\nwell"}', r"version '\x1b[2J\nwell'"),
    ],
)
@pytest.mark.parametrize("words", [["report"], ["health"], ["explain", PHONE]])
def test_every_command_refuses_what_is_no_run_in_one_line(
    tmp_path, capsys, content, problem, words
):
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RunError) as error:
        Run.open(tmp_path)
    assert problem in str(error.value)
    command, *more = words
    assert main([command, str(tmp_path), *more]) == 2
    remedy = "; name a finished run of this version"
    assert capsys.readouterr().err == f"{error.value}{remedy}\n"
