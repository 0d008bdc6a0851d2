"""`ringtrace serve`: what it refuses, and that it records as `ringtrace decide` does."""

import json
from time import monotonic, sleep

import pytest
from starlette.testclient import TestClient

from pipelines import cli
from pipelines.commands import serve
from pipelines.commands.serve import Server, make_app, previous_run
from reports.run import Run
from tests.support.report_tables import (
    cluster,
    complaint,
    entity,
    link,
    listed,
    manifest,
    member,
    write_run,
)
from transforms.decisions_file import parse_decisions

PHONE, ACCOUNT, OTHER = "phone:+18885550123", "account:upi:refund@okbank", "phone:+18885550199"

HOST = "http://127.0.0.1:8765"


def small_run(folder, **changed):
    rows = {
        "entities": [entity(PHONE, complaints=3), entity(ACCOUNT), entity(OTHER)],
        "members": [member(PHONE, "c-1"), member(ACCOUNT, "c-1"), member(OTHER, "c-2")],
        "links": [link(PHONE, ACCOUNT)],
        "clusters": [cluster("c-1", size=2), cluster("c-2")],
        "complaints": [complaint("A-1", narrative="I called (888) 555-0123.")],
    }
    write_run(folder, rows)
    given = manifest(outputs=listed(folder), **changed)
    (folder / "manifest.json").write_text(json.dumps(given))
    return Run.open(folder)


@pytest.fixture
def server(tmp_path):
    files = {"data/run.js": b"rt.piece"}
    return Server(small_run(tmp_path / "run"), str(tmp_path / "d.csv"), "Ada Cole", 8765, files)


@pytest.fixture
def client(server):
    return TestClient(make_app(server), base_url=HOST, raise_server_exceptions=False)


def headers(server, **changed):
    own = {"x-ringtrace-token": server.secret, "origin": HOST, "content-type": "application/json"}
    return {name: value for name, value in (own | changed).items() if value is not None}


CONFIRM = {"kind": "confirm", "entity_a": PHONE, "reason": "read the evidence"}


def decide(client, server, body=CONFIRM, **changed):
    return client.post(
        f"/{server.token}/api/decide", content=json.dumps(body), headers=headers(server, **changed)
    )


def test_the_page_and_its_files_are_served_to_who_has_the_token(client, server):
    page = client.get(f"/{server.token}/")
    assert page.status_code == 200 and server.secret in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert client.get(f"/{server.token}/data/run.js").content == b"rt.piece"
    assert "access-control-allow-origin" not in page.headers


@pytest.mark.parametrize(
    "path", ["/", "/workbench.js", "/wrong/", "/data/run.js", "//", "/%00/", "/é/"]
)
def test_without_the_token_nothing_is_answered(client, path):
    answer = client.get(path)
    assert answer.status_code == 403
    assert "rt.piece" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1:1", "", "8765"])
def test_another_host_is_refused(client, server, host):
    answer = client.get(f"/{server.token}/", headers={"host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "name",
    ["../manifest.json", "manifest.json", "..%2fmanifest.json", "data/../../run/manifest.json",
     "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "private/narratives", "data/"],
)  # fmt: skip
def test_no_file_but_those_of_the_workbench(client, server, name):
    answer = client.get(f"/{server.token}/{name}")
    assert answer.status_code in (403, 404)
    assert "run-made-up" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"x-ringtrace-token": None},
        {"x-ringtrace-token": "wrong"},
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"host": "evil.example"},
    ],
)
def test_a_call_of_another_site_changes_nothing(client, server, tmp_path, changed):
    assert decide(client, server, **changed).status_code == 403
    assert not (tmp_path / "d.csv").exists()


def test_decisions_are_told_to_the_page_alone(client, server):
    path = f"/{server.token}/api/decisions"
    assert client.get(path).status_code == 403
    assert client.get(path, headers={"x-ringtrace-token": server.secret}).json() == {
        "author": "Ada Cole",
        "problem": None,
        "decisions": [],
    }


def parsed(tmp_path):
    file = tmp_path / "d.csv"
    return parse_decisions(file.read_text(), "d.csv") if file.exists() else ()


def undo(client, server, decision_id):
    body = json.dumps({"decision_id": decision_id})
    return client.post(f"/{server.token}/api/undo", content=body, headers=headers(server))


def test_a_decision_is_recorded_as_the_command_does(client, server, tmp_path):
    answer = decide(client, server)
    assert answer.status_code == 200, answer.text
    assert "confirm covers 2 identifiers" in answer.json()["said"]
    (shown,) = answer.json()["decisions"]
    assert (shown["cluster"], shown["undo"], shown["entity_a"]) == ("c-1", True, PHONE)
    assert parsed(tmp_path) == ()
    second = decide(client, server, CONFIRM | {"kind": "review", "entity_a": OTHER}).json()
    (one,) = parsed(tmp_path)  # the next decision records the one before
    assert (one.author, one.members, one.run_id) == ("Ada Cole", (ACCOUNT, PHONE), "run-made-up")
    assert one.decision_id == shown["decision_id"]
    assert [row.get("undo") for row in second["decisions"]] == [None, True]
    server.flush()
    assert [str(one.kind) for one in parsed(tmp_path)] == ["confirm", "review"]
    assert server.problem is None


def test_a_decision_is_recorded_by_itself_after_a_while(client, server, tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "UNDO_SECONDS", 0.05)
    decide(client, server)
    end = monotonic() + 10
    while not parsed(tmp_path) and monotonic() < end:
        sleep(0.02)
    assert len(parsed(tmp_path)) == 1


def test_the_last_decision_is_undone_until_it_is_recorded(client, server, tmp_path):
    added = decide(client, server).json()["added"]
    assert undo(client, server, "confirm-other").status_code == 400
    assert undo(client, server, added).json()["decisions"] == []
    server.flush()
    assert parsed(tmp_path) == ()
    added = decide(client, server).json()["added"]
    server.flush()
    refused = undo(client, server, added)
    assert refused.status_code == 400 and "is recorded" in refused.json()["error"]
    assert len(parsed(tmp_path)) == 1


def test_what_cannot_be_written_after_all_is_told(client, server, tmp_path):
    decide(client, server)
    (tmp_path / "d.csv").write_text("not a decisions file\n")
    server.flush()
    assert "not recorded" in server.problem
    (tmp_path / "d.csv").unlink()
    path = f"/{server.token}/api/decisions"
    told = client.get(path, headers={"x-ringtrace-token": server.secret}).json()
    assert "not recorded" in told["problem"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "confirm",
        {"kind": "confirm"},
        CONFIRM | {"reason": ""},
        CONFIRM | {"reason": "x" * 5_000},
        CONFIRM | {"reason": "two\nlines"},
        CONFIRM | {"kind": "delete"},
        CONFIRM | {"kind": "--help"},
        CONFIRM | {"entity_a": "phone:+12125550100"},
        CONFIRM | {"entity_a": "--decisions=/tmp/other.csv"},
        CONFIRM | {"entity_a": ["x"]},
        CONFIRM | {"kind": "cannot_link"},
        CONFIRM | {"kind": "cannot_link", "entity_b": PHONE},
    ],
)
def test_what_is_no_decision_is_one_line_and_no_trace(client, server, tmp_path, body):
    answer = decide(client, server, body)
    server.flush()
    assert answer.status_code == 400
    assert "Traceback" not in answer.text and len(answer.json()["error"].splitlines()) == 1
    assert not (tmp_path / "d.csv").exists()


def test_contradictions_are_refused(client, server):
    assert decide(client, server).status_code == 200
    answer = decide(client, server, CONFIRM | {"kind": "dispute"})
    assert answer.status_code == 400 and "contradicts" in answer.json()["error"]


def test_a_failure_tells_nothing(client, server, monkeypatch):
    def fail(_):
        raise RuntimeError("victim +12125550188")

    monkeypatch.setattr(server, "undo", fail)
    client = TestClient(make_app(server), base_url=HOST, raise_server_exceptions=False)
    answer = client.post(f"/{server.token}/api/undo", content="{}", headers=headers(server))
    assert answer.status_code == 500
    assert "+12125550188" not in answer.text and "Traceback" not in answer.text


def test_long_and_unknown_calls_are_refused(client, server):
    big = decide(client, server, CONFIRM | {"more": "x" * 30_000})
    assert big.status_code == 413
    path = f"/{server.token}/api/other"
    assert client.post(path, content="{}", headers=headers(server)).status_code == 404
    assert client.put(f"/{server.token}/", headers=headers(server)).status_code in (403, 405)


def test_a_narrative_is_shown_to_the_owner_and_written_down(client, server, tmp_path):
    path = f"/{server.token}/api/narrative"
    asked = json.dumps({"org": "amazon", "id": "A-1"})
    assert client.post(path, content=asked).status_code == 403
    answer = client.post(path, content=asked, headers=headers(server))
    assert answer.json() == {"narrative": "I called (888) 555-0123."}
    assert "Ada Cole amazon|A-1" in (tmp_path / "d.csv.views").read_text()
    other = json.dumps({"org": "microsoft", "id": "A-1"})
    assert client.post(path, content=other, headers=headers(server)).status_code == 400
    assert (tmp_path / "d.csv.views").read_text().count("\n") == 1


def test_without_a_file_the_server_records_nothing(tmp_path):
    server = Server(small_run(tmp_path / "run"), None, None, 8765, {})
    client = TestClient(make_app(server), base_url=HOST)
    assert server.secret not in client.get(f"/{server.token}/").text
    assert decide(client, server).status_code == 404


def test_the_run_before_is_found_beside(tmp_path):
    after = small_run(tmp_path / "after", options={"previous": "run-before"})
    assert previous_run(None, after) is None
    before = small_run(tmp_path / "before", run_id="run-before")
    assert previous_run(None, after) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--decisions", "d.csv"], "--decisions and --author go together"),
        (["--author", "A"], "--decisions and --author go together"),
        (["--port", "70000"], "is not a whole number"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, capsys, words, said):
    small_run(tmp_path / "run")
    assert cli.main(["serve", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
