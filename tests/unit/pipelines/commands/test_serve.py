"""`ringtrace serve`: what it refuses, and that it records as `ringtrace decide` does."""

import asyncio
import errno
import json
import os
import sqlite3
from collections import Counter
from contextlib import suppress
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import monotonic, sleep
from unittest import mock

import pytest
from starlette.testclient import TestClient

from pipelines import cli, journal, user_files, workbench_state
from pipelines.commands import serve
from pipelines.commands.decide import record_decision
from pipelines.commands.serve import Caller, Server, make_app, previous_run
from pipelines.options import BusyError, make_parser
from pipelines.safe_files import locked
from pipelines.user_files import read_decisions
from reports.decided_evidence import evidence_digest
from reports.run import Run
from schemas.decision import DecisionKind
from tests.support.examples import LONG
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
from transforms.custody import current_time
from transforms.decisions import Decision, parse_decisions

JOURNAL = f"d.csv.{os.geteuid()}.journal"

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
    facts = manifest(outputs=listed(folder), **changed)
    (folder / "manifest.json").write_text(json.dumps(facts))
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


def decide(client, server, body=CONFIRM, run=None, **changed):
    """Decides as the page does: with the digest of what the server shows now."""
    if isinstance(body, dict):
        body = shown(client, server, body, run, **changed) | body
    return post(client, server, "decide", body, run, **changed)


def shown(client, server, body, run=None, **changed):
    """Returns what the page sends with a decision besides the body."""
    ends = [body.get(name) for name in ("entity_a", "entity_b") if body.get(name)]
    asked_for = [{"entity": end} for end in ends]
    told = [post(client, server, "evidence", each, run, **changed).json() for each in asked_for]
    digests = [each["digest"] for each in told if "digest" in each]
    return {"evidence_digest": " ".join(dict.fromkeys(digests)) or "none", "opened": "none"}


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
        {"origin": "http://127.0.0.1:9999"},
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
    assert client.get(f"/{server.token}/api/decisions").status_code == 403
    assert asked(client, server, "decisions").json() == {
        "author": "Ada Cole",
        "problem": None,
        "decisions": [],
        "refused": [],
    }


def parsed(tmp_path):
    file = tmp_path / "d.csv"
    return parse_decisions(file.read_text(), "d.csv") if file.exists() else ()


def wait_until(holds):
    end = monotonic() + 10
    while not holds() and monotonic() < end:
        sleep(0.02)


def undo(client, server, decision_id):
    return post(client, server, "undo", {"decision_id": decision_id})


def test_a_decision_is_recorded_as_the_command_does(client, server, tmp_path):
    answer = decide(client, server)
    assert answer.status_code == 200, answer.text
    assert "confirm covers 2 identifiers" in answer.json()["said"]
    assert answer.json()["covers"] == 2
    (shown,) = answer.json()["decisions"]
    assert (shown["cluster"], shown["undo"], shown["entity_a"]) == ("c-1", True, PHONE)
    assert parsed(tmp_path) == ()
    second = decide(client, server, CONFIRM | {"kind": "review", "entity_a": OTHER}).json()
    assert [row.get("undo") for row in second["decisions"]] == [True, True]
    server.flush()
    decision, _ = parsed(tmp_path)
    assert (decision.author, decision.members, decision.run_id) == (
        "Ada Cole",
        (ACCOUNT, PHONE),
        "run-made-up",
    )
    assert decision.decision_id == shown["decision_id"]
    assert [str(decision.kind) for decision in parsed(tmp_path)] == ["confirm", "review"]
    assert server.problem() is None


def test_a_decision_is_recorded_by_itself_after_a_while(client, server, tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "UNDO_SECONDS", 0.05)
    decide(client, server)
    wait_until(lambda: parsed(tmp_path))
    assert len(parsed(tmp_path)) == 1


def test_a_page_puts_no_formula_into_the_file(client, server, tmp_path):
    assert decide(client, server, CONFIRM | {"opened": "=HYPERLINK()"}).status_code == 200
    server.flush()
    assert [decision.opened for decision in parsed(tmp_path)] == ["'=HYPERLINK()"]


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


def test_nobody_ends_the_time_of_another_to_undo(client, server, tmp_path):
    added = decide(client, server).json()["added"]
    server.author = "Bo Day"
    decide(client, server, CONFIRM | {"kind": "review", "entity_a": OTHER})
    server.flush("Bo Day")
    assert [decision.author for decision in parsed(tmp_path)] == ["Bo Day"]
    assert "another person" in undo(client, server, added).json()["error"]
    server.author = "Ada Cole"
    assert undo(client, server, added).status_code == 200


def test_a_decision_waits_while_another_process_has_the_file(client, server, tmp_path, monkeypatch):
    """The page is answered meanwhile, and then it is recorded, once."""
    monkeypatch.setattr(serve, "UNDO_SECONDS", 0.3)
    decide(client, server)
    with locked(tmp_path / "d.csv"):
        sleep(0.5)
        assert len(asked(client, server, "decisions").json()["decisions"]) == 1
        assert parsed(tmp_path) == ()
    wait_until(lambda: parsed(tmp_path))
    server.flush()
    assert len(parsed(tmp_path)) == 1


def test_who_reads_the_file_is_told_what_waits_after_a_server_died(
    client, server, tmp_path, capsys
):
    name = str(tmp_path / "d.csv")
    decide(client, server)
    server.flush()
    decide(client, server, CONFIRM | {"kind": "review", "entity_a": OTHER})
    asked(client, server, "decisions")
    assert "lacks" not in capsys.readouterr().err
    assert len(read_decisions(name)) == 1
    told = capsys.readouterr().err
    assert f"lacks 1 accepted decision in {tmp_path / JOURNAL}" in told and told.count("\n") == 1
    server.flush()
    assert len(read_decisions(name)) == 2
    assert capsys.readouterr().err == ""


def test_a_row_that_is_signed_while_the_file_is_read_is_not_missed(client, server, monkeypatch):
    decide(client, server)
    server.flush()
    decide(client, server, CONFIRM | {"kind": "review", "entity_a": OTHER})
    read = user_files.read_text

    def read_then_record(*arguments):
        text = read(*arguments)
        monkeypatch.setattr(user_files, "read_text", read)
        server.flush()
        return text

    monkeypatch.setattr(user_files, "read_text", read_then_record)
    assert len(read_decisions(server.decisions)) == 1
    assert len(read_decisions(server.decisions)) == 2 and server.problem() is None


def decide_until_killed(run, decisions, accepted, author, by_command):
    """Decides again and again, and notes the reason of each decision that was accepted."""
    serve.UNDO_SECONDS = 0.02
    server = Server(Run.open(run), decisions, author, 8765, {})
    server.record_later(0)
    shown = {"evidence_digest": evidence_digest(server.run, PHONE), "opened": "none"}
    for number in count():
        body = CONFIRM | shown | {"reason": f"{author} {number}"}
        if by_command:
            reason, kind = body["reason"], DecisionKind.CONFIRM
            asked_for = Decision("", kind, PHONE, None, author, reason, current_time(), None)
            with suppress(BusyError):
                record_decision(server.run, decisions, asked_for)
                os.write(accepted, f"{reason}\n".encode())
        else:
            server.decide(body, Caller(server.run, author))
            os.write(accepted, f"{body['reason']}\n".encode())
            server.journal.note(f"c-{number}", {"text": f"note of {author} {number}"}, author)
            os.write(accepted, f"note of {author} {number}\n".encode())


def test_what_was_accepted_is_recorded_once_whatever_is_killed(tmp_path):
    """Two servers and the command decide at once; each is killed at some moment."""
    run, decisions = small_run(tmp_path / "run"), str(tmp_path / "d.csv")
    path, chance, forks = tmp_path / "accepted", Random(492), get_context("fork")
    accepted = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for life in range(500 // 3 if LONG else 50 // 3):
        processes = [
            forks.Process(
                target=decide_until_killed,
                args=(run.folder, decisions, accepted, f"{name} {life}", name == "command"),
            )
            for name in ("server a", "server b", "command")
        ]
        for process in processes:
            process.start()
        size = path.stat().st_size
        wait_until(lambda: path.stat().st_size > size)  # noqa: B023 - called in this round
        for process in chance.sample(processes, 3):
            sleep(chance.uniform(0, 0.3))
            process.kill()
            process.join()
    os.close(accepted)
    last = Server(run, decisions, "Ada Cole", 8765, {})
    last.flush()
    assert not last.journal.waiting() and last.problem() is None
    kept = Counter(decision.reason for decision in parsed(tmp_path))
    for cluster_noted in last.journal.notes()["clusters"].values():
        kept.update(note["text"] for note in cluster_noted["notes"])
    assert kept.keys() >= {*path.read_text().splitlines()}
    assert path.read_text().count("note of server") > 5
    assert set(kept.values()) == {1}


@pytest.mark.parametrize("made", ["file", "garbage", "link", "open to others", "another user's"])
def test_a_journal_that_somebody_else_made_is_refused(client, server, tmp_path, monkeypatch, made):
    """The server's key signs the rows of the journal."""
    path = tmp_path / JOURNAL
    if made == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(tmp_path / "elsewhere")
    elif made == "file":
        path.touch()
    else:
        path.mkdir()
        path.chmod(0o750 if made == "open to others" else 0o700)
        (path / "journal.sqlite").write_bytes(b"garbage" * 100 if made == "garbage" else b"")
    if made == "another user's":
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    answer = decide(client, server)
    assert answer.status_code == 400 and JOURNAL in answer.json()["error"]
    server.flush()
    assert parsed(tmp_path) == () and not [*tmp_path.glob("elsewhere/*")]


def test_nobody_else_can_put_files_beside_the_journal(client, server, tmp_path):
    decide(client, server)
    own = tmp_path / JOURNAL
    assert own.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in tmp_path.iterdir()} == {"run", JOURNAL}
    assert server.journal.path.parent == own


def test_what_a_full_disk_keeps_from_the_file_is_recorded_later(client, server, tmp_path):
    decide(client, server)
    full = OSError(errno.ENOSPC, "No space left on device")
    for place in ("os.fsync", "pipelines.safe_files._sign"):
        with mock.patch(place, side_effect=full):
            server.flush()
        assert len(server.journal.waiting()) == 1 and server.problem() is None
    server.flush()
    assert len(parsed(tmp_path)) == 1


def test_a_click_that_the_disk_has_no_room_for_is_no_success(client, server, tmp_path):
    told = shown(client, server, CONFIRM)
    connect = sqlite3.connect

    def full(*words, **settings):
        rows = connect(*words, **settings)
        rows.execute("PRAGMA max_page_count = 1")
        return rows

    with mock.patch("sqlite3.connect", full):
        answer = decide(client, server, CONFIRM | told | {"reason": "read it" * 60})
    assert answer.status_code == 400 and "full" in answer.json()["error"]
    assert decide(client, server).status_code == 200
    server.flush()
    assert [row.reason for row in parsed(tmp_path)] == [CONFIRM["reason"]]


def test_the_command_considers_what_waits(client, server, tmp_path, capsys):
    waits = decide(client, server, CONFIRM | {"kind": "dispute"}).json()["added"]
    words = ["decide", server.run.folder, "--decisions", server.decisions, "--author", "Ada Cole"]
    words += ["--reason", CONFIRM["reason"]]
    for kind, said in (("confirm", "contradicts"), ("dispute", waits)):
        assert cli.main([*words, kind, PHONE]) == 2
        assert said in capsys.readouterr().err
    assert cli.main([*words[:-1], "another reason", "dispute", PHONE]) == 0
    server.flush()
    assert {row.decision_id for row in parsed(tmp_path)} == {waits, f"{waits[:-1]}2"}


def test_a_refused_decision_stays_until_its_author_takes_it_away(client, server, tmp_path):
    added = decide(client, server).json()["added"]
    (tmp_path / "d.csv").write_text("not a decisions file\n")
    server.flush()
    (tmp_path / "d.csv").unlink()
    server.flush()
    assert parsed(tmp_path) == ()  # nobody tries it again
    second = decide(client, server, CONFIRM | {"reason": "read it again"}).json()
    server.flush()
    (row,) = parsed(tmp_path)
    assert row.decision_id == second["added"] != added
    (left,) = asked(client, server, "decisions").json()["refused"]
    assert left["decision_id"] == added and "first line must be" in left["why"]
    server.author = "Bo Day"
    assert asked(client, server, "decisions").json()["refused"] == []
    assert undo(client, server, added).status_code == 400
    server.author = "Ada Cole"
    assert undo(client, server, added).json()["refused"] == []


def test_what_cannot_be_written_after_all_is_told(client, server, tmp_path):
    decide(client, server)
    (tmp_path / "d.csv").write_text("not a decisions file\n")
    server.flush()
    assert "not recorded" in server.problem()
    (tmp_path / "d.csv").unlink()
    assert "not recorded" in asked(client, server, "decisions").json()["problem"]


def test_of_a_run_that_is_altered_meanwhile_it_is_told_and_no_run_is_made(
    client, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(serve, "UNDO_SECONDS", 3600)
    decide(client, server)
    for path in (tmp_path / "run" / "members").iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    server.next_run = workbench_state.NextRun("config.toml", server.decisions)
    answer = post(client, server, "rerun", {})
    assert answer.status_code == 400 and "not recorded" in answer.json()["error"]
    assert "not recorded" in server.problem()
    assert server.next_run.status() == {"state": "none"}
    assert parsed(tmp_path) == ()


def test_no_more_of_a_body_is_read_than_a_decision_has(server):
    sent, answers = [], []

    async def receive():
        sent.append(0)
        return {"type": "http.request", "body": bytes(10_000), "more_body": len(sent) < 100}

    async def send(message):
        answers.append(message)

    shown = headers(server) | {"host": HOST.removeprefix("http://")}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/{server.token}/api/decide",
        "headers": [(name.encode(), value.encode()) for name, value in shown.items()],
        "query_string": b"",
    }
    asyncio.run(make_app(server)(scope, receive, send))
    assert answers[0]["status"] == 413
    assert len(sent) == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"kind": "confirm"},
        CONFIRM | {"reason": ""},
        CONFIRM | {"reason": "x" * 5_000},
        CONFIRM | {"reason": "two\nlines"},
        CONFIRM | {"kind": "delete"},
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


def test_what_accuses_is_taken_back_and_not_said_again(client, server):
    assert decide(client, server).status_code == 200
    answer = decide(client, server, CONFIRM | {"kind": "dispute"})
    assert answer.status_code == 200 and "takes back confirm-" in answer.json()["said"]
    answer = decide(client, server)
    assert answer.status_code == 400 and "contradicts" in answer.json()["error"]


def test_a_failure_tells_nothing(server, monkeypatch):
    def fail(*_):
        raise RuntimeError("victim +12125550188")

    monkeypatch.setattr(server, "undo", fail)
    client = TestClient(make_app(server), raise_server_exceptions=False, base_url=HOST)
    answer = undo(client, server, "x")
    assert answer.status_code == 500
    assert "+12125550188" not in answer.text and "Traceback" not in answer.text


def test_long_and_unknown_calls_are_refused(client, server):
    big = decide(client, server, CONFIRM | {"more": "x" * 30_000})
    assert big.status_code == 413
    assert post(client, server, "other", {}).status_code == 404
    assert client.put(f"/{server.token}/", headers=headers(server)).status_code in (403, 405)


def test_a_narrative_is_shown_to_the_owner_and_written_down(client, server, tmp_path):
    wanted, refused = {"org": "amazon", "id": "A-1"}, {"x-ringtrace-token": None, "origin": None}
    assert post(client, server, "narrative", wanted, **refused).status_code == 403
    answer = post(client, server, "narrative", wanted)
    assert answer.json() == {"narrative": "I called (888) 555-0123."}
    (view,) = Server(server.run, server.decisions, "Bo Day", 8765, {}).journal.views()
    assert (view.person, view.org, view.record) == ("Ada Cole", "amazon", "A-1")
    assert view.run == "run-made-up" and view.when.endswith("Z")
    wanted["org"] = "microsoft"
    assert post(client, server, "narrative", wanted).status_code == 400
    assert len(server.journal.views()) == 1
    server.journal.path.write_bytes(b"garbage" * 100)
    refused = post(client, server, "narrative", {"org": "amazon", "id": "A-1"})
    assert refused.status_code == 400 and "888" not in refused.text


def test_without_a_file_the_server_records_nothing(tmp_path):
    server = Server(small_run(tmp_path / "run"), None, None, 8765, {})
    client = TestClient(make_app(server), base_url=HOST)
    assert decide(client, server).status_code == 404
    assert asked(client, server, "about").json()["records"] is False


def test_the_run_before_is_found_beside(tmp_path):
    after = small_run(tmp_path / "after", options={"previous": "run-before"})
    assert previous_run(None, after) is None
    before = small_run(tmp_path / "before", run_id="run-before")
    (tmp_path / "another").symlink_to("x" * 300)
    assert previous_run(None, after) == before


def asked(client, server, name, run=None):
    path = f"/{server.token}/{f'r/{run}/' if run else ''}api/{name}"
    return client.get(path, headers=headers(server))


def post(client, server, name, body, run=None, **changed):
    path = f"/{server.token}/{f'r/{run}/' if run else ''}api/{name}"
    return client.post(path, content=json.dumps(body), headers=headers(server, **changed))


def test_notes_bind_no_run_and_stand_beside_the_decisions(client, server, tmp_path):
    assert asked(client, server, "notes").json()["clusters"] == {}
    note = {"cluster": "c-1", "status": "open", "owner": "Ada Cole", "text": "Asked the carrier"}
    assert post(client, server, "note", note).status_code == 200
    assert post(client, server, "note", {"cluster": "c-1", "snoozed_until": "2027-01-31"}).json()
    server.author = "Bo Day"
    post(client, server, "note", {"cluster": "c-1", "status": "done", "text": "They replied"})
    kept = asked(client, server, "notes").json()["clusters"]["c-1"]
    assert (kept["status"], kept["owner"], kept["by"]) == ("done", "Ada Cole", "Bo Day")
    assert kept["snoozed_until"] == "2027-01-31"
    told = [(note["by"], note["text"]) for note in kept["notes"]]
    assert told == [("Ada Cole", "Asked the carrier"), ("Bo Day", "They replied")]
    assert [path.name for path in tmp_path.glob("d.csv*")] == [JOURNAL]


def test_more_notes_than_are_kept_are_refused_and_none_is_dropped(client, server, monkeypatch):
    monkeypatch.setattr(journal, "MOST_NOTES", 3)
    note = {"cluster": "c-1", "text": "x" * 2_000}
    for _ in range(3):
        assert post(client, server, "note", note).status_code == 200
    refused = post(client, server, "note", note | {"owner": "Bo Day"})
    assert refused.status_code == 400 and "3 notes, the most" in refused.json()["error"]
    monkeypatch.setattr(journal, "MOST_NOTED", 7_000)
    refused = post(client, server, "note", note | {"cluster": "c-2"})
    assert refused.status_code == 400 and "under another name" in refused.json()["error"]
    assert post(client, server, "note", {"cluster": "c-2", "status": "open"}).status_code == 200
    clusters = asked(client, server, "notes").json()["clusters"]
    assert len(clusters["c-1"]["notes"]) == 3 and "owner" not in clusters["c-1"]
    assert clusters["c-2"]["notes"] == []


def test_notes_of_an_earlier_version_are_taken_over_once(client, server, tmp_path):
    ada, bo = ({"at": f"2026-11-0{day}T08:00:00Z", "by": by} for day, by in ((1, "Ada"), (2, "Bo")))
    clusters = {
        "c-1": {"notes": [ada | {"text": "Ёlan"}, bo | {"text": "b"}], "owner": "Bo", **bo},
        "c-2": {"notes": [], "status": "done", "snoozed_until": "2027-01-31", **ada},
    }
    before = {"version": 1, "clusters": clusters, "acknowledged": {f"a-{0:032x}": bo}}
    path = tmp_path / "d.csv.workbench.json"
    path.write_text(json.dumps(before, ensure_ascii=False), encoding="utf-8")
    assert asked(client, server, "notes").json() == before
    changed = post(client, server, "note", {"cluster": "c-2", "status": "open"}).json()
    assert changed["clusters"]["c-2"]["status"] == "open"
    again = Server(server.run, server.decisions, "Ada Cole", 8765, {})
    assert again.journal.notes() == changed
    assert json.loads(path.read_text(encoding="utf-8")) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"cluster": "c-1"},
        {"cluster": "../c-1", "status": "open"},
        {"cluster": "c-1", "status": "confirmed"},
        {"cluster": "c-1", "owner": "x" * 81},
        {"cluster": "c-1", "owner": ["x"]},
        {"cluster": "c-1", "text": "x" * 2_001},
        {"cluster": "c-1", "snoozed_until": 3},
    ],
)
def test_what_is_no_note_leaves_no_trace(client, server, body):
    answer = post(client, server, "note", body)
    assert answer.status_code == 400 and len(answer.json()["error"].splitlines()) == 1
    assert asked(client, server, "notes").json()["clusters"] == {}


def test_a_file_that_is_no_file_of_notes_is_kept_as_it_is(client, server, tmp_path):
    path = tmp_path / "d.csv.workbench.json"
    path.write_text("{")
    assert "move it away" in asked(client, server, "notes").json()["error"]
    assert post(client, server, "note", {"cluster": "c-1", "status": "open"}).status_code == 400
    assert path.read_text() == "{"
    assert decide(client, server).status_code == 200


@pytest.mark.parametrize("name", ["note", "acknowledge", "rerun"])
@pytest.mark.parametrize(
    "changed",
    [
        {"x-ringtrace-token": None},
        {"origin": "http://evil.example"},
        {"content-type": "text/plain"},
    ],
)
def test_no_other_site_notes_or_runs_anything(client, server, tmp_path, name, changed):
    body = {"cluster": "c-1", "status": "open", "alert": f"a-{'0' * 32}"}
    assert post(client, server, name, body, **changed).status_code == 403
    assert not (tmp_path / JOURNAL).exists()


@pytest.fixture
def several(tmp_path):
    """A server of a folder with two runs, and a folder beside it that is none of them."""
    for name, clock in (("monday", "2026-03-02T08:00:00Z"), ("tuesday", "2026-03-03T08:00:00Z")):
        small_run(tmp_path / "runs" / name, run_id=f"run-{name}", clock=clock)
    small_run(tmp_path / "other", run_id="run-other")
    words = [str(tmp_path / "runs"), f"--decisions={tmp_path / 'd.csv'}", "--author=A"]
    flags = make_parser("serve", "", serve, takes_beam_options=False).parse_args(words)
    runs = workbench_state.find_runs(flags.run)
    first = next(iter(runs.values()))
    made = Server(first, flags.decisions, "Ada Cole", 8765, {"data/run.js": b"rt.piece"})
    made.folder, made.arguments = Path(flags.run), flags
    return made


def test_the_runs_of_a_folder_are_shown_by_name(several):
    client = TestClient(make_app(several), base_url=HOST)
    told = asked(client, several, "about").json()["runs"]
    assert [(run["name"], run["current"]) for run in told] == [("tuesday", True), ("monday", False)]
    page = client.get(told[1]["href"])
    assert page.status_code == 200 and several.secret in page.text
    assert b"rt.piece" in client.get(f"{told[1]['href']}data/clusters.js").content
    there = asked(client, several, "about", "monday").json()["runs"]
    assert [run["name"] for run in there if run["current"]] == ["monday"]
    answer = decide(client, several, run="monday")
    assert "of run-monday" in answer.json()["said"]
    several.flush()


def test_an_entry_that_cannot_be_opened_hides_no_run(several):
    (several.folder / "not-a-run").symlink_to("x" * 300)
    assert list(several.runs()) == ["tuesday", "monday"]


@pytest.mark.parametrize("name", ["other", "../other", "%2e%2e%2fother", "nowhere", "%2e%2e", ""])
def test_no_other_folder_is_shown(several, name):
    client = TestClient(make_app(several), base_url=HOST)
    for path in ("", "data/run.js", "manifest.json"):
        answer = client.get(f"/{several.token}/r/{name}/{path}")
        assert answer.status_code in (403, 404) and "run-other" not in answer.text


def alert(number, **changed):
    row = {
        "alert_id": f"a-{number:032x}",
        "kind": "threshold",
        "entity_id": PHONE,
        "reason": "many",
    }
    return row | {"observed_at": f"2026-03-01T00:00:{number:02d}Z", "orgs": ["amazon"]} | changed


def test_alerts_of_a_stream_are_listed_and_acknowledged(tmp_path):
    small_run(tmp_path / "live" / "snapshots" / "2026-03-01T09-30-00Z")
    folder = tmp_path / "live" / "alerts"
    folder.mkdir()
    for row in (alert(1), alert(2, victim="+12125550188", tied_to=7), alert(3)):
        (folder / f"{row['alert_id']}.jsonl").write_text(json.dumps(row))
    (folder / f"a-{4:032x}.jsonl").write_text("not JSON")
    (folder / f"a-{8:032x}.jsonl").write_text("[" * 50_000)
    (folder / f"a-{5:032x}.jsonl").write_text(json.dumps(alert(6)))
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(alert(7)))
    (folder / f"a-{7:032x}.jsonl").symlink_to(secret)
    (first,) = workbench_state.find_runs(tmp_path / "live").values()
    server = Server(first, str(tmp_path / "d.csv"), "Ada Cole", 8765, {})
    server.folder = tmp_path / "live"
    client = TestClient(make_app(server), base_url=HOST)
    answer = asked(client, server, "alerts")
    assert [row["alert_id"] for row in answer.json()["alerts"]] == [
        alert(number)["alert_id"] for number in (3, 2, 1)
    ]
    assert "+12125550188" not in answer.text and "tied_to" not in answer.text
    seen = post(client, server, "acknowledge", {"alert": alert(2)["alert_id"]}).json()
    assert seen["acknowledged"][alert(2)["alert_id"]]["by"] == "Ada Cole"
    server.author = "Bo Day"
    seen = post(client, server, "acknowledge", {"alert": alert(2)["alert_id"]}).json()
    assert seen["acknowledged"][alert(2)["alert_id"]]["by"] == "Ada Cole"
    assert post(client, server, "acknowledge", {"alert": "../x"}).status_code == 400


def test_alerts_that_go_meanwhile_are_left_out(tmp_path, monkeypatch):
    (tmp_path / "alerts").mkdir()
    for row in (alert(1), alert(2)):
        (tmp_path / "alerts" / f"{row['alert_id']}.jsonl").write_text(json.dumps(row))
    own = Path.lstat

    def lstat(path):
        if path.name == f"{alert(1)['alert_id']}.jsonl":
            path.unlink(missing_ok=True)
        return own(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    (shown,) = workbench_state.read_alerts(tmp_path)
    assert shown["alert_id"] == alert(2)["alert_id"]


def test_the_user_comes_from_the_named_header_alone(tmp_path):
    own = Server(small_run(tmp_path / "run"), str(tmp_path / "d.csv"), "Ada Cole", 8765, {})
    client = TestClient(make_app(own), base_url=HOST)
    assert (
        decide(client, own, **{"x-user": "mallory"}).json()["decisions"][0]["author"] == "Ada Cole"
    )
    own.flush()
    proxied = Server(own.run, str(tmp_path / "p.csv"), None, 8765, {})
    proxied.user_header, proxied.public_url = "X-User", "https://desk.example"
    client = TestClient(make_app(proxied), base_url="https://desk.example")
    mine = {"origin": "https://desk.example"}
    assert proxied.address.startswith("https://desk.example/")
    assert client.get(f"/{proxied.token}/").status_code == 403
    for name in ("", " ", "x" * 81, "a\tb"):
        assert decide(client, proxied, **mine, **{"x-user": name}).status_code == 403
    answer = decide(client, proxied, **mine, **{"x-user": "grace"}).json()
    assert (answer["author"], answer["decisions"][0]["author"]) == ("grace", "grace")
    body = {"decision_id": answer["added"]}
    refused = post(client, proxied, "undo", body, **mine, **{"x-user": "eve"})
    assert refused.status_code == 400 and "another person" in refused.json()["error"]
    assert (
        decide(client, proxied, **{"origin": "https://evil.example", "x-user": "g"}).status_code
        == 403
    )
    proxied.flush()


def test_the_next_run_is_what_the_server_was_started_with(client, server, tmp_path, monkeypatch):
    assert "serve with --rerun" in post(client, server, "rerun", {}).json()["error"]
    started = []

    class Started:
        """A process that is done."""

        def __init__(self, words, **_):
            started.append(words)
            self.stderr = ["ringtrace: 40 %: linking\n", "ringtrace: done \x1b[1m\n"]

        def poll(self):
            return 0

        def wait(self, *_):
            return 0

    monkeypatch.setattr(workbench_state.subprocess, "Popen", Started)
    server.next_run = workbench_state.NextRun("batch.toml", str(tmp_path / "d.csv"))
    decide(client, server)
    body = {"config": "/etc/passwd", "output": "/tmp/x", "--output": "/tmp/x"}
    assert post(client, server, "rerun", body).status_code == 200
    (words,) = started
    flags = dict(zip(words[5::2], words[6::2], strict=True))
    assert flags["--config"] == "batch.toml" and flags["--previous"] == str(server.run.folder)
    assert flags["--output"].startswith(f"{tmp_path}/run-") and len(words) == 13
    assert len(parsed(tmp_path)) == 1  # what waited is recorded before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--author", "A"], "--decisions and --author go together"),
        (["--port", "70000"], "is not a whole number"),
        (["--rerun", "f"], "give --decisions, too"),
        (["--user-header", "X-User"], "--user-header and --public-url go together"),
        (["--user-header", "X User", "--public-url", "https://h"], "--decisions and --author"),
        (["--decisions", "d", "--user-header", "X U", "--public-url", "https://h"], "is no name"),
        (["--decisions", "d", "--user-header", "X-User", "--public-url", "h"], "such as https:"),
        (["--decisions", "d", "--author", "A", "--user-header", "X", "--public-url", "https://h"],
         "both say who decides"),
        (["--decisions", "d", "--user-header", "X-U", "--role-header", "x-u", "--public-url",
          "https://h"], "name one header"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(tmp_path, capsys, words, said):
    small_run(tmp_path / "run")
    assert cli.main(["serve", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
