"""The webhook: retried, idempotent, never in clear to another machine."""

import errno
import json
import os
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pytest
import requests

from schemas.cluster import ALERT
from tests.support.made_up_histories import history
from transforms.alerts.raise_alerts import (
    WEBHOOK_TRIES,
    WebhookError,
    alert_lines,
    post_alert,
    post_alerts,
    webhook_url_problem,
    write_alert_file,
    write_alert_files,
)
from transforms.alerts.rules import AlertRules, joined_cluster_alerts, several_orgs_alerts


@pytest.fixture
def hook():
    """(url, what it was asked, statuses to answer with; then 200)."""
    asked, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.headers["Idempotency-Key"], body))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Location", "http://elsewhere.example/")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked, answers
    server.shutdown()


def test_it_is_asked_again_with_the_same_key_until_it_takes_the_alert(hook):
    url, asked, answers = hook
    answers += [503, 429, 500]
    pauses = []
    post_alert(url, "a-1", b"{}\n", pause=pauses.append)
    assert asked == [("a-1", b"{}\n")] * 4
    assert pauses == [0.5, 1, 2]


@pytest.mark.parametrize("status", [400, 401, 301, 302])
def test_a_refusal_or_a_redirect_is_not_asked_again(hook, status):
    url, asked, answers = hook
    answers.append(status)
    with pytest.raises(WebhookError, match=str(status)):
        post_alert(url, "a-1", b"{}", pause=pytest.fail)
    assert len(asked) == 1


def test_it_gives_up_in_the_end():
    tries = []

    def send(*_, **__):
        tries.append(1)
        raise requests.ConnectionError("victim data")

    with pytest.raises(WebhookError) as error:
        post_alert("http://localhost/", "a-1", b"", send, tries.extend and (lambda _: None))
    assert len(tries) == WEBHOOK_TRIES
    assert "victim" not in str(error.value)


def test_what_was_delivered_is_not_sent_again(hook, tmp_path):
    url, asked, answers = hook
    alerts = list(several_orgs_alerts(history(0, 1, orgs=["amazon", "microsoft"]), AlertRules()))
    batch = pa.RecordBatch.from_pylist(alerts, ALERT)
    answers.append(400)
    assert not list(post_alerts(batch, url, str(tmp_path), owe=False))
    answers.append(401)
    with pytest.raises(WebhookError, match="401"):
        list(post_alerts(batch, url, str(tmp_path), owe=False))
    answers.append(400)
    assert not list(post_alerts(batch, url, str(tmp_path), owe=True))
    for delivered in (1, 0):
        assert len(list(post_alerts(batch, url, str(tmp_path), owe=True))) == delivered
    assert len(asked) == 4


def test_the_file_of_an_alert_says_what_was_sent_last(tmp_path):
    sent = str(tmp_path / "sent")
    (alert,) = several_orgs_alerts(history(0, 1, orgs=["amazon", "microsoft"]), AlertRules())
    first, more = (pa.RecordBatch.from_pylist([alert | {"reporters": n}], ALERT) for n in (2, 3))
    written = [line for _, line in (*alert_lines(first), *alert_lines(more))]
    (tmp_path / "sent").mkdir()

    def after(batch, *until):
        assert write_alert_files(batch, str(tmp_path), *until) == batch
        (path,) = (tmp_path / "alerts").iterdir()
        return written.index(path.read_bytes())

    assert after(first, "sent") == 0
    assert after(more, "sent") == 1  # a crash came before the broker had it
    write_alert_file(sent, alert["alert_id"], b"")
    assert after(first, "sent") == 1
    assert after(first, "alerts") == 1
    assert after(first, None) == 0  # an engine raises again what a worker took with it


def test_an_alert_that_is_refused_does_not_keep_the_others_back(hook, tmp_path):
    url, asked, answers = hook
    alerts = several_orgs_alerts(history(0, 1, orgs=["amazon", "microsoft"]), AlertRules())
    rows = [alert | {"alert_id": f"a-{n}"} for alert in alerts for n in range(3)]
    batch = pa.RecordBatch.from_pylist(rows, ALERT)
    answers += [200, 422]
    sent = list(post_alerts(batch, url, str(tmp_path), owe=True))
    assert sent == ["a-0", "a-2"]
    answers.append(403)  # which is of all
    asked.clear()
    assert not list(post_alerts(batch, url, str(tmp_path / "new"), owe=True))
    assert len(asked) == 1


def test_an_answer_without_an_end_is_not_waited_for():
    class Endless(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(bytes(65536))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    posting = threading.Thread(target=post_alert, args=(url, "a-1", b"{}"), daemon=True)
    posting.start()
    posting.join(20)
    assert not posting.is_alive()
    server.shutdown()


def test_a_full_disk_leaves_no_part_of_an_alert(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_alert_file(str(tmp_path), "a-1", b"{}")
    assert not list(tmp_path.iterdir())
    write_alert_file(str(tmp_path), "a-1", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a-1.jsonl"]


def test_where_alerts_may_be_sent():
    assert webhook_url_problem("https://hooks.example/x") is None
    assert webhook_url_problem("http://localhost:8000/x") is None
    assert "in clear" in webhook_url_problem("http://hooks.example/x")
    assert "in clear" in webhook_url_problem("http://localhost.example/x")
    for address in ("ftp://x.example", "hooks.example", "https://", "file:///etc/passwd"):
        assert "is not an http" in webhook_url_problem(address)


def test_it_is_told_of_core_identifiers_alone_and_of_the_others_by_number(hook, tmp_path):
    url, asked, _ = hook
    stranger, ring, also = "phone:+12125550188", "phone:+18885550123", "phone:+18885550199"
    alerts = [
        alert
        for alike in (
            history(0, entity_id=stranger, core={ring, also}, joins=True, ties=[ring, stranger]),
            history(0, core={ring, also}, reviewed={also}, joins=True, ties=[also, "phone:+1999"]),
        )
        for alert in joined_cluster_alerts(alike, AlertRules())
    ]
    list(post_alerts(pa.RecordBatch.from_pylist(alerts, ALERT), url, str(tmp_path), owe=False))
    assert stranger not in str(asked) and "+1999" not in str(asked)
    hidden, shown = (json.loads(body) for _, body in asked)
    assert (hidden["entity_id"], hidden["tied_to"], hidden["left_out"]) == (None, [ring], 2)
    assert (shown["entity_id"], shown["tied_to"], shown["left_out"]) == (ring, [also], 1)
    assert (shown["core"], shown["reviewed"]) == ([ring, also], [also])


@pytest.mark.parametrize(
    ("hours", "alone", "told"),
    [((0, 30), False, True), ((0, 30), True, False), ((0, 0, 1, 2, 3), False, False)],
)
def test_of_a_burst_or_what_is_linked_to_no_other_it_is_told_what_was_reviewed(
    hook, tmp_path, hours, alone, told
):
    """Confused victims of two companies put their bank's line where a scammer's should be."""
    url, asked, _ = hook
    bank = "phone:+18885550123"
    for number, reviewed in enumerate((set(), {bank})):
        line = history(*hours, core={bank}, reviewed=reviewed, joins=True, alone=alone)
        (row,) = joined_cluster_alerts(line, AlertRules())
        assert (row["entity_id"], row["core"]) == (bank, [bank])
        batch = pa.RecordBatch.from_pylist([row | {"alert_id": str(number)}], ALERT)
        list(post_alerts(batch, url, str(tmp_path), owe=False))
    first, shown = (json.loads(body) for _, body in asked)
    assert (shown["entity_id"], shown["core"], shown["left_out"]) == (bank, [bank], 0)
    hidden = (bank, [bank], 0) if told else (None, [], 1)
    assert (first["entity_id"], first["core"], first["left_out"]) == hidden
