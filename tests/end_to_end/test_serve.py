"""`ringtrace serve`: a decision that is made in the page changes the run that its button makes."""

import json
from time import monotonic, sleep

import pytest
from starlette.testclient import TestClient

from pipelines.batch.__main__ import main as batch
from pipelines.commands.serve import Server, make_app
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from pipelines.workbench_state import NextRun, find_runs
from reports import tables
from reports.run import Run
from schemas.tables import CLUSTERS, MEMBERS

HOST = "http://127.0.0.1:8765"


@pytest.fixture
def first(tmp_path):
    simulate(World(seed=1, complaints=200, operations=4), tmp_path / "world")
    inputs = {kind: [str(tmp_path / "world" / kind)] for kind in ("complaints", "calls")}
    config = tmp_path / "batch.toml"
    config.write_text("".join(f"{kind} = {json.dumps(paths)}\n" for kind, paths in inputs.items()))
    output = tmp_path / "runs" / "first"
    assert batch(["--config", str(config), "--output", str(output)]) == 0
    return Run.open(output)


def test_what_is_decided_in_the_page_is_in_the_run_that_it_makes(first, tmp_path):
    decisions = str(tmp_path / "decisions.csv")
    server = Server(first, decisions, "Ada Cole", 8765, {})
    server.folder = tmp_path / "runs"
    server.next_run = NextRun(str(tmp_path / "batch.toml"), decisions)
    client = TestClient(make_app(server), base_url=HOST)
    own = {"x-ringtrace-token": server.secret, "origin": HOST, "content-type": "application/json"}

    def post(name, body):
        answer = client.post(
            f"/{server.token}/api/{name}", content=json.dumps(body), headers=own
        ).json()
        assert "error" not in answer, answer
        return answer

    (largest, *_) = tables.read_table(first, CLUSTERS).sort_by([("size", "descending")]).to_pylist()
    members = tables.read_table(first, MEMBERS).to_pylist()
    member = next(
        member["entity_id"]
        for member in members
        if member["cluster_id"] == largest["cluster_id"] and ":withheld-" not in member["entity_id"]
    )
    shown = {"evidence_digest": post("evidence", {"entity": member})["digest"], "opened": "none"}
    dispute = {"kind": "dispute", "entity_a": member, "reason": "two rings, by its records"}
    post("decide", dispute | shown)
    assert post("rerun", {})["state"] == "running"
    end = monotonic() + 300
    while (now := server.next_run.status())["state"] == "running" and monotonic() < end:
        sleep(0.2)
    assert now["state"] == "done", now
    made = find_runs(tmp_path / "runs")[now["name"]]
    status = {
        cluster["cluster_id"]: cluster["status"]
        for cluster in tables.read_table(made, CLUSTERS).to_pylist()
    }
    cluster_of = {
        member["entity_id"]: member["cluster_id"]
        for member in tables.read_table(made, MEMBERS).to_pylist()
    }
    assert status[cluster_of[member]] == "disputed" and largest["status"] != "disputed"
    assert made.manifest["options"]["previous"] == first.run_id
    told = client.get(f"/{server.token}/api/about", headers=own).json()
    assert [line["name"] for line in told["runs"]] == [now["name"], "first"]
